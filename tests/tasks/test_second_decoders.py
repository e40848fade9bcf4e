"""What prompts of film, pictures and sound hold, told by decoders that are not ours: a few samples of each task.

``tests/benchmarks/prove_media.py`` does the same with thirty.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
from typing import Any

import numpy as np
import prove_media
import pytest
from film_kit import SOURCES as FILMS
from PIL import Image
from sound_kit import SOURCES as SOUNDS
from sound_kit import _speech

from lm_eval_longctx.hay.base import BuildContext

__all__ = ["_speech"]

pytestmark = pytest.mark.media


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> BuildContext:
    """A context with our own sources, whose films are drawn once, and a second decoder, or skip with the reason."""
    pytest.importorskip("imageio_ffmpeg", reason="needs ffmpeg's program (package imageio-ffmpeg)")
    return BuildContext({**FILMS, **SOUNDS}.__getitem__, tmp_path_factory.mktemp("media"))


def test_films_are_what_their_samples_say(context: BuildContext) -> None:
    """Two decoders see each picture at its second, and needle and distractor on theirs and no other."""
    assert list(prove_media.films(context, 3))


def test_series_of_pictures_are_what_their_samples_say(context: BuildContext) -> None:
    """A second decoder sees as many pictures as planned, and the needle on its own and no other."""
    assert len(list(prove_media.pictures(context, 3))) == 2


@pytest.mark.usefixtures("_speech")
def test_recordings_are_what_their_samples_say(context: BuildContext) -> None:
    """With its needle cut out each recording is the same speech, in every codec, by a second decoder."""
    assert len(list(prove_media.recordings(context, 3, "bursts", 60))) == 3


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed (Debian: tesseract-ocr)")
@pytest.mark.parametrize("scale", sorted(prove_media.SCALES))
def test_needles_are_legible_to_a_reader_that_the_product_does_not_use(context: BuildContext, scale: str) -> None:
    """Tesseract reads most needles of films after the scaling that providers are known to do."""
    assert prove_media.legible(context, 4, scale) >= 3


@pytest.mark.skipif(importlib.util.find_spec("rapidocr") is None, reason="needs the extra embedded")
def test_needles_are_legible_at_the_smallest_size_that_services_scale_films_to(context: BuildContext) -> None:
    """The embedded model's eyes read every needle on pictures of 100,000 pixels."""
    from lm_eval_longctx.providers.cascade.sight import read_image

    def read(image: bytes) -> str:
        return read_image(np.asarray(Image.open(io.BytesIO(image)).convert("RGB")))

    assert prove_media.legible(context, 3, "100,000 pixels", read) == 3


def test_the_proof_finds_what_is_wrong() -> None:
    """A needle on another picture or in another second than the sample says, or in the hay too, is found."""
    hay = [str(number) for number in range(9)]
    shown = [({place}, [*hay[:place], "needle", *hay[place + 1 :]]) for place in (2, 4, 6)]
    prove_media._only_there(shown)
    for wrong in ({3}, {2, 3}, set[int]()):
        with pytest.raises(AssertionError, match="something is on pictures"):
            prove_media._only_there([(wrong, shown[0][1]), *shown[1:]])
    speech = 0.1 * np.random.default_rng(1).standard_normal(20 * prove_media.RATE)
    heard = [_with_needle(speech, start) for start in (2, 9, 17)]
    prove_media._same_speech(heard, 0.0)
    for shift in (-1.0, -0.1, 0.1, 1.0):
        moved = {name: second + shift for name, second in heard[1][0].items()}
        with pytest.raises(AssertionError):
            prove_media._same_speech([heard[0], (moved, heard[1][1]), heard[2]], 0.0)
    with pytest.raises(AssertionError, match="heard again"):
        prove_media._same_speech([(needle, np.concatenate([wave, wave])) for needle, wave in heard], 0.0)


def _with_needle(speech: np.ndarray, start: int) -> tuple[dict[str, Any], np.ndarray]:
    """A recording with other noise from a second on, for two seconds, and a pause."""
    rate = prove_media.RATE
    needle = 0.2 * np.random.default_rng(2).standard_normal(2 * rate)
    at = start * rate - prove_media.LEAD
    quiet = [np.zeros(prove_media.LEAD), needle, np.zeros(rate // 3)]
    return {"start": float(start), "end": start + 2.0}, np.concatenate([speech[:at], *quiet, speech[at:]])
