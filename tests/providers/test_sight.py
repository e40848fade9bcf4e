"""The embedded model's eyes."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from lm_eval_longctx.errors import MediaError, MissingExtraError, ProviderError
from lm_eval_longctx.hay.film.codec import DEFAULT
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut, write_film
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.providers.cascade import sight

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = pytest.mark.skipif(not sight.available(), reason="needs the extra embedded")
LOOK = Look(640, 360, Fraction(1))


def _grey(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"))


@pytest.mark.parametrize("size", [12, 14, 18, 25])
@pytest.mark.parametrize("contrast", [0.35, 0.7, 1.0])
def test_no_writing_slips_through_the_prefilter(size: int, contrast: float) -> None:
    """Every overlay of 12 pixels or more, faint ones too, on any drawn place, is read."""
    rng = Rng(f"{size} {contrast}")
    for picture in Film("prefilter", LOOK).pictures(0, 40):
        overlay = Overlay('The secret word is "otter"', size, contrast, rng.random(), rng.random())
        assert sight.may_hold_text(_grey(overlay.on(picture)))


def test_most_pictures_without_writing_are_not_read() -> None:
    """Of a film's pictures without text fewer than one in five costs a reading."""
    pictures = list(Film("empty", LOOK).pictures(0, 120))
    assert sum(sight.may_hold_text(_grey(picture)) for picture in pictures) < 24
    assert not sight.may_hold_text(np.zeros((360, 640), np.uint8))


@NEEDED
@pytest.mark.media
def test_text_is_read_from_pixels_and_from_files(tmp_path: Path) -> None:
    """A picture with a sentence gives the sentence; one without gives nothing."""
    blank = Image.new("RGB", (400, 200), (120, 160, 90))
    shown = Overlay("Meet me at the harbour", 24).on(blank)
    shown.save(tmp_path / "shown.png")
    assert sight.read_image(np.asarray(shown)) == "Meet me at the harbour"
    assert sight.read_image(tmp_path / "shown.png") == "Meet me at the harbour"
    assert sight.read_image(np.asarray(blank)) == ""


@NEEDED
@pytest.mark.media
def test_a_film_is_read_moment_by_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The needle's second, and no other, gives the needle's text; a second question costs no second viewing."""
    library = Library(Film("watched", LOOK), DEFAULT, tmp_path / "hay")
    path = tmp_path / "film.mp4"
    write_film(library, Cut(20, {13: Overlay('The secret word is "otter"', 25, 1.0, 0.4, 0.7)}), path)
    seen = sight.read_video(path, 1.0)
    assert [(seconds, text) for seconds, text in seen if "secret" in text] == [(13.0, 'The secret word is "otter"')]
    monkeypatch.setattr(sight, "_watch", None)
    assert sight.read_video(path, 1.0) == seen


@NEEDED
@pytest.mark.media
def test_a_still_film_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that look like an earlier one are not read again, but give its text."""
    path = tmp_path / "still.mp4"
    sign = Overlay("Closed on Monday", 26).on(Image.new("RGB", (320, 176), (60, 90, 120)))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=5, options={"qmin": "3", "qmax": "3"})
        stream.width, stream.height, stream.pix_fmt = 320, 176, "yuv420p"
        for _ in range(30):
            output.mux(stream.encode(av.VideoFrame.from_image(sign)))
        output.mux(stream.encode(None))
    calls: list[int] = []
    read = sight._read
    monkeypatch.setattr(sight, "_read", lambda pixels: calls.append(1) or read(pixels))
    assert sight.read_video(path, 1.0) == [(float(n), "Closed on Monday") for n in range(6)]
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["missing", "empty", "text"])
def test_unusable_files_are_named(tmp_path: Path, name: str) -> None:
    """A file that is no picture or film gets one clear line with its name."""
    path = tmp_path / f"{name}.bin"
    if name != "missing":
        path.write_bytes(b"" if name == "empty" else b"plain text " * 50)
    for read in (sight.read_image, lambda p: sight.read_video(p, 1.0)):
        with pytest.raises(MediaError, match=rf"{name}\.bin"):
            read(path)


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the recogniser the message holds the pip command."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rapidocr" else real(name))
    sight._recogniser.cache_clear()
    picture = Overlay("words on a picture", 24).on(Image.new("RGB", (400, 200)))
    with pytest.raises(MissingExtraError, match=r"pip install 'lm-eval-longctx\[embedded\]'"):
        sight.read_image(np.asarray(picture))


@NEEDED
def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with another sha256 than the tested one is not used."""
    monkeypatch.setitem(sight.WEIGHTS_DIGESTS, "PP-OCRv6_det_small.onnx", "0" * 64)
    with pytest.raises(ProviderError, match="is not the tested text recogniser"):
        sight._checked_weights()
