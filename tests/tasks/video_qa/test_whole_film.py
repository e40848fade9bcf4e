"""Questions about all of a film: right by what is seen, at chance without, and not asked where something is missed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import door_viewer
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError, UnsupportedError
from lm_eval_longctx.prompt import ImagePart, TextPart, VideoPart
from lm_eval_longctx.sample import planned
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.filmed import evenly
from lm_eval_longctx.tasks.video_qa.door_questions import KINDS
from lm_eval_longctx.tasks.video_qa.whole_film import VideoDayBuilder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lm_eval_longctx.hay.base import BuildContext


@pytest.fixture
def build(context: BuildContext) -> Callable[..., VideoDayBuilder]:
    """Make a builder from metadata."""

    def make(**metadata: Any) -> VideoDayBuilder:
        merged = {"context_lengths": ["20m"], "resolution": "320x180", **metadata}
        options = VideoDayBuilder.OPTIONS
        sweep = parse_sweep(merged, task="longctx_video_day", unit=Unit.SECONDS, options=options, has_depth=False)
        return VideoDayBuilder(sweep, context)

    return make


def right(builder: VideoDayBuilder, sample: Any, moments: Iterable[float]) -> bool:
    """Whether who watches these moments gives the right answer."""
    film = builder.film(planned(sample))
    said = door_viewer.answer(film.doors, moments, sample["question"], sample["options"])
    return said == sample["options"]["ABCDE".index(sample["target"])]


@pytest.mark.parametrize("metadata", [{}, {"context_lengths": ["3h"], "spread": [1, 0.15]}])
def test_who_watches_all_is_right(build: Callable[..., VideoDayBuilder], metadata: dict[str, Any]) -> None:
    """A viewer of a picture each eight seconds, the fewest that are taken, answers every question of every kind."""
    builder = build(samples_per_cell=12, fps=0.125, **metadata)
    samples = builder.samples()
    assert Counter(sample["kind"] for sample in samples).keys() == KINDS.keys()
    for sample in samples:
        assert sample["needle_sampled"]
        assert right(builder, sample, range(0, int(sample["context_length"]), 8)), sample["question"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_picture_and_none_are_at_chance(build: Callable[..., VideoDayBuilder], kind: str) -> None:
    """Who sees the first picture, the middle one, or only the options, is right one time in five."""
    builder = build(samples_per_cell=150, kinds=[kind])
    hits: Counter[str] = Counter()
    for sample in builder.samples():
        answer = sample["options"]["ABCDE".index(sample["target"])]
        hits["first picture"] += right(builder, sample, [0])
        hits["middle picture"] += right(builder, sample, [600])
        hits["longest option"] += answer == max(sample["options"], key=len)
        hits["first in the alphabet"] += answer == min(sample["options"])
        hits["letter"] += sample["target"] == "C"
    for strategy, count in hits.items():
        assert binomtest(count, 150, 0.2).pvalue > 0.001, (strategy, count)


@given(frames=st.integers(1, 300), kind=st.sampled_from(sorted(KINDS)))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_missed_is_not_asked(build: Callable[..., VideoDayBuilder], frames: int, kind: str) -> None:
    """Of a film shown in part a question is asked only if all that it needs is shown, and then it can be answered."""
    builder = build(samples_per_cell=4, kinds=[kind], frames=frames, form="frames")
    for sample in builder.samples():
        assert sample["needle_sampled"] is ("unasked" not in sample)
        if sample["needle_sampled"]:
            assert right(builder, sample, evenly(frames, 1200))
        else:
            with pytest.raises(UnsupportedError, match=r"in none of the .* pictures that are shown"):
                builder.render(sample)


def test_blind_questions_are_asked(build: Callable[..., VideoDayBuilder]) -> None:
    """Without pictures the question alone is asked, as a control."""
    builder = build(kinds=["stay"], frames=0)
    (sample,) = builder.samples()
    assert [type(part) for part in builder.render(sample).parts()] == [TextPart, TextPart]
    assert (sample["needle_sampled"], "unasked" in sample) == (False, False)


def test_films_go_as_those_of_other_tasks(build: Callable[..., VideoDayBuilder]) -> None:
    """A film of 20 minutes is one file, or 150 pictures with their times, at a picture each eight seconds."""
    films = build(kinds=["count"], fps=0.125, form="native")
    (film,) = films.render(films.samples()[0]).media()
    assert isinstance(film, VideoPart)
    assert (film.seconds, film.fps) == (1200, 0.125)
    frames = build(kinds=["count"], fps=0.125, form="frames")
    assert [type(part) for part in frames.render(frames.samples()[0]).media()] == [ImagePart] * 150


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"fps": 0.1}, ConfigError, "needs 0.125 pictures a second or more"),
        ({"spread": 0}, ConfigError, "spread must be a share"),
        ({"spread": [0.5, 2]}, ConfigError, "spread must be a share"),
        ({"spread": []}, ConfigError, "spread must be a share"),
        ({"spread": ["half"]}, ConfigError, "spread must be a share"),
        ({"kinds": ["counts"]}, UnknownOptionError, "count"),
        ({"kinds": ["sound"]}, UnknownOptionError, "valid: carried"),
        ({"context_lengths": ["10m"]}, LengthError, "ask for 1200s or more"),
        ({"context_lengths": ["1h"], "spread": 0.1}, LengthError, "ask for 12000s or more"),
    ],
)
def test_what_could_not_be_answered_is_refused(
    build: Callable[..., VideoDayBuilder], metadata: dict[str, Any], error: type[Exception], says: str
) -> None:
    """Too few pictures a second, shares that are none, unknown kinds and films that are too short are errors."""
    with pytest.raises(error, match=says):
        build(**metadata).samples()


def test_all_happens_in_the_asked_share(build: Callable[..., VideoDayBuilder]) -> None:
    """With a smaller spread the evidence lies closer together, somewhere in the film."""
    builder = build(context_lengths=["10h"], spread=[0.05, 1.0], kinds=["order"], samples_per_cell=6)
    spans: dict[float, list[float]] = {0.05: [], 1.0: []}
    for sample in builder.samples():
        spans[sample["spread"]].append(max(sample["evidence"]) - min(sample["evidence"]))
    assert max(spans[0.05]) <= 0.05 * 36_000
    assert min(spans[1.0]) > 0.05 * 36_000
