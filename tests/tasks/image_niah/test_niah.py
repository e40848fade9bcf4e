"""The image needle: words and shapes among pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from lm_eval_longctx.errors import ConfigError, LengthError, MediaError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.film.files import FramesSource
from lm_eval_longctx.hay.film.film import GeneratedSource
from lm_eval_longctx.hay.film.paint import COLOURS
from lm_eval_longctx.prompt import ImagePart, TextPart
from lm_eval_longctx.scorers.multi_needle import MultiNeedleScorer
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.image_niah.builder import ImageNeedleBuilder
from lm_eval_longctx.tasks.image_niah.shapes import SHAPES, Shape
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCES = {"film": GeneratedSource, "frames": FramesSource}


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., ImageNeedleBuilder]:
    """Make a builder of small pictures from metadata."""

    def make(**metadata: Any) -> ImageNeedleBuilder:
        small = {"resolution": "160x90", "overlay_size": 9}
        settings = {"context_lengths": [8], "depths": 3, "haystack": "film", **small, **metadata}
        options = ImageNeedleBuilder.OPTIONS
        sweep = parse_sweep(settings, task="longctx_image_niah", unit=Unit.IMAGES, options=options)
        return ImageNeedleBuilder(sweep, BuildContext(SOURCES.__getitem__, tmp_path / "cache"))

    return make


def _images(builder: ImageNeedleBuilder, sample: dict[str, Any]) -> list[ImagePart]:
    return [part for part in builder.render(sample).media() if isinstance(part, ImagePart)]


def _pixels(part: ImagePart) -> np.ndarray:
    with Image.open(part.path) as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize("needle", ["text", "shape"])
def test_only_the_planned_picture_carries_the_needle(build: Callable[..., ImageNeedleBuilder], needle: str) -> None:
    """Prompts of two depths share all pictures but the two that carry a needle."""
    builder = build(needle=needle)
    by_place = {r["needles"][0]["picture"]: _images(builder, r) for r in builder.samples()}
    assert sorted(by_place) == [0, 4, 7]
    for place, images in by_place.items():
        for other, others in by_place.items():
            different = {i for i in range(8) if images[i].digest != others[i].digest}
            assert different == ({place, other} if place != other else set())


def test_pictures_are_numbered_and_the_question_comes_last(build: Callable[..., ImageNeedleBuilder]) -> None:
    """Each picture follows its number; what is asked stands at the end."""
    builder = build(absent=1.0)
    sample = builder.samples()[0]
    texts = [part.text for part in builder.render(sample).parts() if isinstance(part, TextPart)]
    assert [t for t in texts if t.startswith("Picture")] == [f"Picture {n}: " for n in range(1, 9)]
    assert texts[-1].strip().startswith("What is the secret word? If no picture shows a secret word")
    assert sample["needles"] == []
    assert sample["media_tokens"] == 8 * 258


def test_pictures_come_from_different_shots(build: Callable[..., ImageNeedleBuilder]) -> None:
    """No two of sixty pictures of a film are alike."""
    builder = build(context_lengths=[60], depths=1)
    thumbs = [
        np.asarray(Image.open(p.path).convert("L").resize((16, 9))) for p in _images(builder, builder.samples()[0])
    ]
    small = np.array(thumbs).astype(float)
    distance = np.abs(small[:, None] - small[None]).mean((2, 3))
    distance[np.eye(60, dtype=bool)] = 255
    assert distance.min() > 6


def test_shapes_are_asked_by_kind_and_answered_by_colour(build: Callable[..., ImageNeedleBuilder]) -> None:
    """Distractors are other shapes in other colours; both scorers take the targets."""
    builder, scorer = build(needle="shape", distractors=4), RetrievalScorer({})
    for sample in builder.samples():
        scorer.validate(sample)
        kind = sample["needles"][0]["key"]
        assert f"What colour is the {kind}?" in sample["question"]
        assert sample["target"] in COLOURS
        assert all(d["key"] != kind and d["value"] != sample["target"] for d in sample["distractors_placed"])
        assert scorer.score(sample, f"The {kind} is {sample['target']}.")["recall"] == 1
    several = build(needle="shape", needles=3).samples()[0]
    MultiNeedleScorer({}).validate(several)
    assert sorted(several["target"]) == sorted(n["key"] for n in several["needles"])


@pytest.mark.parametrize("kind", sorted(SHAPES))
@pytest.mark.parametrize("colour", ["red", "white", "black"])
def test_a_shape_is_filled_with_its_colour(kind: str, colour: str) -> None:
    """A good part of a shape's square has exactly its colour, and pixels outside of the square stay."""
    picture = Image.new("RGB", (200, 120), (90, 120, 150))
    drawn = np.asarray(Shape(kind, colour, 60, 1.0, 0.5, 0.5).on(picture)).astype(int)
    square = drawn[30:90, 70:130]
    assert (np.abs(square - COLOURS[colour]).max(axis=2) == 0).mean() > 0.12
    outside = drawn.copy()
    outside[30:90, 70:130] = (90, 120, 150)
    assert (outside == (90, 120, 150)).all()


def test_shapes_differ() -> None:
    """No two kinds look alike."""
    picture = Image.new("RGB", (100, 100))
    drawn = [np.asarray(Shape(kind, "red", 90).on(picture)).any(axis=2) for kind in SHAPES]
    for i, a in enumerate(drawn):
        assert all((a ^ b).mean() > 0.05 for b in drawn[i + 1 :])


def test_own_pictures_are_the_hay(build: Callable[..., ImageNeedleBuilder], tmp_path: Path) -> None:
    """A folder of pictures is shown in order, and again; the sample says how often."""
    folder = tmp_path / "own"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (50, 40), (60 + 60 * number, 90, 90)).save(folder / f"{number}.png")
    sample = build(haystack=f"frames:{folder}", depths=1).samples()[0]
    assert sample["haystack"]["repeats"] == 2
    assert sample["haystack"]["spec"] == "frames:own"


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"needle": "shape", "needles": 6}, ConfigError, "at most 5 shapes"),
        ({"needle": "shape", "overlay_size": 40}, ConfigError, "use an overlay_size of at most"),
        ({"context_lengths": [2], "needles": 3}, LengthError, "2 pictures cannot hold 3 needles"),
        ({"haystack": "frames:"}, Exception, "needs a path"),
    ],
)
def test_bad_settings_are_refused(
    build: Callable[..., ImageNeedleBuilder], metadata: dict[str, Any], error: type, says: str
) -> None:
    """Each gets one line that says what would do."""
    with pytest.raises(error, match=says):
        build(**metadata).samples()


def test_a_file_that_is_no_picture_is_named(build: Callable[..., ImageNeedleBuilder], tmp_path: Path) -> None:
    """A broken file in the folder is refused by name, before anything is asked."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    builder = build(haystack=f"frames:{folder}")
    with pytest.raises(MediaError, match=r"broken\.png cannot be read as a picture"):
        builder.render(builder.samples()[0])
