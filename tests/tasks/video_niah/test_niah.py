"""The video needle from plan to prompt."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError, UnsupportedError
from lm_eval_longctx.hay.film.reading import frames_at, sample_frames
from lm_eval_longctx.prompt import ImagePart, TextPart, VideoPart
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.video_niah.builder import BEFORE, VideoNeedleBuilder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.hay.base import BuildContext

SMALL = {"resolution": "160x90", "overlay_size": 9}


@pytest.fixture
def build(context: BuildContext) -> Callable[..., VideoNeedleBuilder]:
    """Make a builder from metadata."""

    def make(**metadata: Any) -> VideoNeedleBuilder:
        settings = {"context_lengths": ["20s"], "depths": 3, "haystack": "film", **metadata}
        options = VideoNeedleBuilder.OPTIONS
        sweep = parse_sweep(settings, task="longctx_video_niah", unit=Unit.SECONDS, options=options)
        return VideoNeedleBuilder(sweep, context)

    return make


def _film(builder: VideoNeedleBuilder, sample: dict[str, Any]) -> VideoPart:
    (part,) = builder.render(sample).media()
    assert isinstance(part, VideoPart)
    return part


def _greys(path: str) -> list[np.ndarray]:
    with av.open(path) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def test_a_sample_says_where_the_needle_is(build: Callable[..., VideoNeedleBuilder]) -> None:
    """Depth, time and realised length are exact, and the film has as many pictures as it says."""
    builder = build(**SMALL)
    samples = {sample["depth"]: sample for sample in builder.samples()}
    assert {d: r["needles"][0]["picture"] for d, r in samples.items()} == {0.0: 0, 0.5: 10, 1.0: 19}
    sample = samples[1.0]
    assert (sample["needles"][0]["start"], sample["needles"][0]["end"]) == (19.0, 20.0)
    assert sample["realised_length"] == 20.0
    assert sample["media_tokens"] == 20 * 258
    assert len(json.dumps(sample)) < 2000
    film = _film(builder, sample)
    assert (film.seconds, film.fps, film.width, film.height) == (20.0, 1.0, 160, 90)
    assert len(list(sample_frames(film.path, 1.0))) == 20


@pytest.mark.parametrize("frames", [1, 3, 7, 19, 20, 100, "all"])
def test_a_needle_between_the_shown_pictures_is_known_before(
    build: Callable[..., VideoNeedleBuilder], frames: int | str
) -> None:
    """Of a film shown in part each sample says whether its needle is shown, truly, and is not asked where it is not."""
    builder = build(**SMALL, form="frames", frames=frames, depths=[0.0, 0.25, 0.5, 0.9, 1.0])
    for sample in builder.samples():
        (needle,) = sample["needles"]
        spread = np.linspace(0, 19, min(20, frames if isinstance(frames, int) else 20)).astype(int)
        shown = needle["picture"] in spread
        assert sample.get("needle_sampled", True) == shown
        assert ("unasked" in sample) == (not shown)
        assert sample["pictures"] == len(spread)
        if shown:
            parts = list(builder.render(sample).parts())
            times = [part.text.strip() for part in parts[1:-1:3]]
            assert times == [f"00:{second:02d}" for second in spread]
            assert len(list(builder.render(sample).media())) == len(spread)
        else:
            with pytest.raises(UnsupportedError, match=rf"picture {needle['picture'] + 1} has a needle and is not"):
                builder.render(sample)


def test_only_the_planned_picture_differs_between_depths(build: Callable[..., VideoNeedleBuilder]) -> None:
    """Two films of the same hay differ in their needles' pictures and nowhere else."""
    builder = build(**SMALL)
    samples = builder.samples()
    films = [_greys(_film(builder, sample).path) for sample in samples]
    for (first, a), (second, b) in zip(
        zip(samples, films, strict=True), [*zip(samples, films, strict=True)][1:], strict=False
    ):
        planned = {first["needles"][0]["picture"], second["needles"][0]["picture"]}
        assert {i for i in range(20) if not np.array_equal(a[i], b[i])} == planned


def test_lengths_and_depths_share_their_hay(build: Callable[..., VideoNeedleBuilder], context: BuildContext) -> None:
    """A sweep codes its hay once; a shorter film is the beginning of the longer one."""
    builder = build(**SMALL, context_lengths=["10s", "20s"])
    films = {r["context_length"]: _greys(_film(builder, r).path) for r in builder.samples() if r["depth"] == 1.0}
    assert len(list((context.cache_dir / "video" / "hay").iterdir())) == 1
    assert all(np.array_equal(a, b) for a, b in zip(films[10.0][:9], films[20.0][:9], strict=True))


def test_rendering_again_gives_the_same_file(build: Callable[..., VideoNeedleBuilder]) -> None:
    """A film that was pruned away is made again byte for byte."""
    builder = build(**SMALL)
    sample = builder.samples()[0]
    first = _film(builder, sample)
    before = Path(first.path).read_bytes()
    Path(first.path).unlink()
    again = _film(builder, sample)
    assert Path(again.path).read_bytes() == before
    assert again == first
    assert hashlib.sha256(before).hexdigest() == first.digest


def test_frames_carry_their_times(build: Callable[..., VideoNeedleBuilder]) -> None:
    """As frames, each picture follows its time as minutes and seconds, and the question comes last."""
    builder = build(**SMALL, form="frames", context_lengths=["70s"], depths=[0.9], fps=0.5)
    (sample,) = builder.samples()
    parts = list(builder.render(sample).parts())
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    images = [part for part in parts if isinstance(part, ImagePart)]
    assert texts[0] == BEFORE
    assert [t.strip() for t in texts[1:-1] if t.strip()] == [f"{s // 60:02d}:{s % 60:02d}" for s in range(0, 70, 2)]
    assert texts[-1] == "\nWhat is the secret word?"
    assert len(images) == sample["pictures"] == 35
    assert len({image.digest for image in images}) == 35


def test_old_films_make_room(build: Callable[..., VideoNeedleBuilder], monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the allowed gigabytes the films not used for longest go, but none of the last hour."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_FILMS_GB", "0.000001")
    builder = build(**SMALL, context_lengths=["3s"], samples_per_cell=6, depths=1)
    samples = builder.samples()
    films = [Path(_film(builder, sample).path) for sample in samples[:5]]
    assert all(film.exists() for film in films)
    for film in films[:3]:
        os.utime(film, (1.0, 1.0))
    _film(builder, samples[5])
    assert [film.exists() for film in films] == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"resolution": "641x360"}, ConfigError, "use 640x360"),
        ({"resolution": "wide"}, ConfigError, "640x360"),
        ({"codec": "h265"}, UnknownOptionError, "h264"),
        ({"form": "frame"}, UnknownOptionError, "frames"),
        ({"frames": 10}, ConfigError, "form: native sends films; say form: frames"),
        ({"frames": 0, "form": "frames"}, ConfigError, "frames: 0 shows nothing"),
        ({"overlay_size": 90}, ConfigError, "overlay_size"),
        ({"needle": 3}, UnknownOptionError, "needles"),
        ({"fps": 0}, ConfigError, "fps must be between"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_drawn(
    build: Callable[..., VideoNeedleBuilder], metadata: dict[str, Any], error: type, says: str
) -> None:
    """Each gets one line that names what would be right."""
    with pytest.raises(error, match=says):
        build(**metadata).samples()


def test_a_film_too_short_for_its_needles_is_refused(build: Callable[..., VideoNeedleBuilder]) -> None:
    """Less than a sampling interval holds no picture, so no needle."""
    with pytest.raises(LengthError, match="0 pictures cannot hold 1 needles"):
        build(**SMALL, context_lengths=["0.5s"]).samples()


@pytest.mark.media
@pytest.mark.skipif(importlib.util.find_spec("rapidocr") is None, reason="needs the extra embedded")
@pytest.mark.parametrize("settings", [{}, {"codec": "h264"}, {"haystack": "video"}], ids=["film", "h264", "real"])
def test_the_oracle_reads_every_needle(
    build: Callable[..., VideoNeedleBuilder], settings: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Text recognition on the planned picture finds the word at the default size; those beside it do not."""
    from lm_eval_longctx.providers.cascade.sight import read_image

    if settings.get("haystack") == "video":
        path = request.getfixturevalue("shared_data") / "video" / "bigbuckbunny.mp4"
        if not path.is_file():
            pytest.skip(f"no {path}")
        settings = {"haystack": f"video:{path}"}
    builder, scorer = build(**settings, depths=[0.1, 0.9]), RetrievalScorer({})
    for sample in builder.samples():
        film, needle = _film(builder, sample), sample["needles"][0]
        moments = [needle["start"] - 1, needle["start"], needle["end"]]
        before, there, after = (read_image(np.asarray(p)) for _, p in frames_at(film.path, moments))
        assert scorer.score(sample, there)["recall"] == 1
        assert scorer.score(sample, before)["recall"] == scorer.score(sample, after)["recall"] == 0
