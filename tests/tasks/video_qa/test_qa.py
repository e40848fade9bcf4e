"""Questions about days, from plan to prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.prompt import ImagePart, TextPart, VideoPart
from lm_eval_longctx.scorers.choice import ChoiceScorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.filmed import evenly
from lm_eval_longctx.tasks.video_qa.builder import SEEN, VideoQaBuilder
from lm_eval_longctx.tasks.video_qa.questions import KINDS
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.hay.base import BuildContext


@pytest.fixture
def build(context: BuildContext) -> Callable[..., VideoQaBuilder]:
    """Make a builder from metadata."""

    def make(**metadata: Any) -> VideoQaBuilder:
        settings = {"context_lengths": ["90s"], "resolution": "160x90", **metadata}
        options = VideoQaBuilder.OPTIONS
        sweep = parse_sweep(settings, task="longctx_video_qa", unit=Unit.SECONDS, options=options, has_depth=False)
        return VideoQaBuilder(sweep, context)

    return make


@given(count=st.integers(0, 200), pictures=st.integers(1, 10_000))
def test_frames_are_spread_as_in_the_report(count: int, pictures: int) -> None:
    """The chosen frames are numpy's linspace(0, m - 1, min(m, n)), cut to whole numbers."""
    import numpy as np

    chosen = evenly(count, pictures)
    assert len(chosen) == min(count, pictures)
    assert len(set(chosen)) == len(chosen)
    exact = np.linspace(0, pictures - 1, min(count, pictures))
    assert all(abs(a - b) <= 1 and a <= b + 1e-9 for a, b in zip(chosen, exact, strict=True))


def test_the_same_question_is_asked_with_fewer_frames(build: Callable[..., VideoQaBuilder]) -> None:
    """Whole film, 16 frames, one frame and none differ in what is shown, not in what is asked."""
    builder = build(form="frames", frames=["all", 16, 1, 0], kinds=["moment"])
    prompts = {sample["frames"]: (sample, builder.render(sample)) for sample in builder.samples()}
    assert len({(r["question"], tuple(r["options"]), r["target"]) for r, _ in prompts.values()}) == 1
    shown = {frames: [type(part) for part in prompt.media()] for frames, (_, prompt) in prompts.items()}
    assert shown == {"all": [ImagePart] * 90, 16: [ImagePart] * 16, 1: [ImagePart], 0: []}
    words = {frames: next(prompt.parts()).text for frames, (_, prompt) in prompts.items()}
    assert words == {
        "all": "Watch the whole video carefully. A question about it follows.\n",
        16: "These are 16 frames of a video, each after its time. A question about the video follows.\n",
        1: "This is one frame of a video, after its time. A question about the video follows.\n",
        0: "A question about a video follows. The video cannot be shown.\n",
    }
    assert {r["form"] for r, _ in prompts.values()} == {"frames"}
    assert {r["media_tokens"] for r, _ in prompts.values()} == {90 * 258, 16 * 258, 258, 0}


def test_every_prompt_ends_with_the_form_of_the_answer(build: Callable[..., VideoQaBuilder]) -> None:
    """Question, five lettered options, and how to answer come last; the right option is a valid target."""
    builder, scorer = build(frames=0, samples_per_cell=2), ChoiceScorer({})
    samples = builder.samples()
    assert [sample["kind"] for sample in samples[: len(SEEN)]] == list(SEEN)
    for sample in samples:
        scorer.validate(sample)
        *_, last = builder.render(sample).parts()
        assert isinstance(last, TextPart)
        lines = last.text.strip().splitlines()
        assert lines[0] == f"Question: {sample['question']}"
        assert lines[1:6] == [f"({a}) {o}" for a, o in zip("ABCDE", sample["options"], strict=True)]
        assert "Final Answer: (X)" in lines[-1]
        assert scorer.score(sample, f"Because of this. Final Answer: ({sample['target']})") == {
            "accuracy": 1.0,
            "strict": 1.0,
            "abstained": 0.0,
        }


def test_questions_share_films(build: Callable[..., VideoQaBuilder], context: BuildContext) -> None:
    """Samples and kinds of one index range are about one film, which is coded once and is their cluster."""
    builder = build(samples_per_cell=4, samples_per_film=2, kinds=["moment", "count"])
    samples = builder.samples()
    films = {sample["index"]: next(iter(builder.render(sample).media())).digest for sample in samples}
    assert films[0] == films[1] != films[2] == films[3]
    assert len({sample["cluster"] for sample in samples}) == 2
    assert len(list((context.cache_dir / "video" / "films").glob("*.mp4"))) == 2


def test_sounds_are_asked_about_where_they_can_be_heard(build: Callable[..., VideoQaBuilder]) -> None:
    """Questions about sounds come with a film that has a sound track, and only if asked for."""
    assert "sound" in KINDS
    assert "sound" not in SEEN
    builder = build(kinds=["sound"])
    (film,) = builder.render(builder.samples()[0]).media()
    assert isinstance(film, VideoPart)
    assert film.has_audio


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"frames": "some"}, ConfigError, "frames must be 'all'"),
        ({"frames": [16, -1]}, ConfigError, "frames must be 'all'"),
        ({"frames": []}, ConfigError, "frames is an empty list"),
        (
            {"frames": ["all", 16]},
            ConfigError,
            "frames: 16 are pictures, and form: native sends films",
        ),
        ({"frames": 1}, ConfigError, "say form: frames"),
        ({"kinds": ["moment", "sound"], "form": "frames"}, ConfigError, "need the sound track: say form: native"),
        ({"kinds": ["momnt"]}, UnknownOptionError, "moment"),
        ({"context_lengths": ["30s"]}, LengthError, "90s or more"),
    ],
)
def test_bad_settings_are_refused(
    build: Callable[..., VideoQaBuilder], metadata: dict[str, Any], error: type, says: str
) -> None:
    """Each gets one line that names what would be right."""
    with pytest.raises(error, match=says):
        build(**metadata).samples()


def test_no_question_comes_twice(build: Callable[..., VideoQaBuilder]) -> None:
    """Samples that share a film ask different things, and two moments far apart lie at least a third of it apart."""
    samples = build(samples_per_cell=20, kinds=list(KINDS)).samples()
    asked = {(s["kind"], s["cluster"], s["question"], tuple(sorted(s["options"]))) for s in samples}
    assert len(asked) == len(samples) == 100
    for sample in samples:
        if sample["kind"] == "far":
            first, last = sorted(sample["evidence"])
            assert last - first >= sample["realised_length"] / 3 - 1


def test_who_does_not_watch_is_at_chance(build: Callable[..., VideoQaBuilder]) -> None:
    """No blind solver chooses the right option of any kind more often than one in five."""
    train, test = (build(samples_per_cell=60, kinds=list(KINDS), seed=seed).samples() for seed in (5, 6))
    scorer = ChoiceScorer({})
    floors = blind_floor(train, test, lambda sample, said: scorer.score(sample, said)["accuracy"])
    assert {floor.kind for floor in floors} == set(KINDS)
    assert not [floor for floor in floors if floor.exceeds or floor.bound > 0.2001]
