"""A keyword among text, pictures, sound and film: where it is, what lies around it, and what a sample says."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import pytest

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError, MissingExtraError, UnknownOptionError
from lm_eval_longctx.harness.rendering import for_other_models
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.prompt import AudioPart, ImagePart, TextPart, VideoPart
from lm_eval_longctx.scorers.multi_needle import MultiNeedleScorer
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.tasks.mixed_niah.builder import MixedNeedleBuilder, MixedPartsBuilder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SILENT = {"modalities": ["text", "image", "video"], "around": ["any"]}
ANY = {"around": ["any"]}
KIND_OF = {ImagePart: "image", AudioPart: "audio", VideoPart: "video"}

pytestmark = pytest.mark.usefixtures("_speech")


def numbered(prompt: Any) -> dict[int, tuple[str, Any]]:
    """Return each item of a prompt by its number: its name, and its text or its file."""
    found: dict[int, tuple[str, Any]] = {}
    parts = list(prompt.parts())[1:-1]
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if isinstance(part, TextPart):
            head, _, text = part.text.strip("\n").partition("\n")
            number, _, name = head.strip("[]").partition(": ")
            found[int(number)] = (name, text or following)
    return found


def test_a_prompt_is_what_its_sample_says(mix: Callable[..., Any]) -> None:
    """Items, kinds, media and tokens counted in the prompt are those of the sample, and no more than was asked."""
    for sample in (builder := mix(MixedNeedleBuilder, context_lengths=["4k"], depths=[0.3])).samples():
        prompt = builder.render(sample)
        items = numbered(prompt)
        assert list(items) == list(range(1, len(items) + 1))
        names = {"page": "text", "picture": "image", "recording": "audio", "film": "video"}
        assert Counter(names[name] for name, _ in items.values()) == sample["items"]
        assert Counter(KIND_OF[type(part)] for part in prompt.media()) == {
            kind: numbers[0] for kind, numbers in sample["media"].items()
        }
        count = load_tokenizer("o200k_base").count
        assert sum(count(p.text) for p in prompt.parts() if isinstance(p, TextPart)) == sample["tokens_by_kind"]["text"]
        assert sum(sample["tokens_by_kind"].values()) == sample["realised_length"]
        assert 4096 - 60 < sample["realised_length"] <= 4096


@pytest.mark.parametrize("around", ["same", "other", "image"])
@pytest.mark.parametrize("depth", [0.0, 0.4, 1.0])
def test_the_needle_is_in_its_item_between_the_asked_neighbours(
    mix: Callable[..., Any], around: str, depth: float
) -> None:
    """The item that a sample names is of the needle's kind, at its depth, next to what was asked for."""
    builder = mix(MixedNeedleBuilder, context_lengths=["12k"], depths=[depth], around=[around])
    for sample in builder.samples():
        (needle,) = sample["hidden"]
        beside = {needle["before"], needle["after"]} - {""}
        kind = sample["kind"]
        assert beside <= {"same": {kind}, "other": set(sample["modalities"]) - {kind}, "image": {"image"}}[around]
        assert len(beside) >= 1
        assert needle["kind"] == kind
        assert abs(sample["realised_depth"] - depth) < 0.06
        assert sample["realised_depth"] == needle["depth"]


def test_a_written_needle_stands_once(mix: Callable[..., Any]) -> None:
    """Of all texts only the named page holds the sentence, once, with other sentences around it."""
    builder = mix(MixedNeedleBuilder, **SILENT, needles_in=["text"])
    for sample in builder.samples():
        items = numbered(builder.render(sample))
        (needle,) = sample["hidden"]
        held = {number: text.count(needle["text"]) for number, (name, text) in items.items() if name == "page"}
        assert {number: n for number, n in held.items() if n} == {needle["item"]: 1}
        assert not items[needle["item"]][1].startswith(needle["text"])


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_one_medium_alone_differs(mix: Callable[..., Any], kind: str) -> None:
    """With the needle left out of it, the same prompt has the same media but for the needle's own."""
    builder = mix(MixedNeedleBuilder, depths=[0.5], needles_in=[kind], around=["any"])
    (sample,) = builder.samples()
    opened, fitted = builder.opened(plan := next(iter(builder.plans()))), builder._fits(next(iter(builder.plans())))
    assert builder.notes(plan)
    noted = [p.digest for p in opened.mixture.parts(fitted.items)]
    plain = [p.digest for p in opened.mixture.parts([type(i)(i.kind, i.ordinal, None, i.units) for i in fitted.items])]
    assert sum(a != b for a, b in zip(noted, plain, strict=True)) == 1
    number, name = sample["hidden"][0]["item"], {"image": "picture", "video": "film", "audio": "recording"}[kind]
    assert numbered(builder.render(sample))[number][0] == name


def test_the_frame_that_a_sample_names_is_the_one(mix: Callable[..., Any]) -> None:
    """Of a film with a needle, decoded, one frame differs from the same film without: the one at its second."""
    builder = mix(MixedNeedleBuilder, depths=[0.5], needles_in=["video"], around=["any"], film_seconds=5)
    (sample,) = builder.samples()
    plan = next(iter(builder.plans()))
    films = builder.opened(plan).mixture.pieces["video"]
    (note,) = builder.notes(plan)
    ordinal = next(item.ordinal for item in builder._fits(plan).items if item.note)
    (with_it,), (without,) = films.parts(ordinal, note), films.parts(ordinal, None)
    ours, plain = (_frames(part.path) for part in (with_it, without))
    differing = [i for i, (a, b) in enumerate(zip(ours, plain, strict=True)) if (a != b).any()]
    assert len(ours) == 5
    assert differing == [int(sample["hidden"][0]["start"])]


def _frames(path: str) -> list[Any]:
    with av.open(path) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_other_lengths_and_depths_change_no_sample(mix: Callable[..., Any]) -> None:
    """A sample is the same whatever else is in the sweep, and another seed asks something else."""
    few = {s["id"]: s for s in mix(MixedNeedleBuilder, depths=[0.5], **ANY).samples()}
    more = {s["id"]: s for s in mix(MixedNeedleBuilder, depths=[0, 0.5], context_lengths=["3k", "5k"], **ANY).samples()}
    assert all(json.dumps(more[name]) == json.dumps(sample) for name, sample in few.items())
    others = mix(MixedNeedleBuilder, depths=[0.5], seed=1, **ANY).samples()
    assert not {s["target"] for s in others} & {s["target"] for s in few.values()}


def test_depths_and_kinds_share_their_beginning(mix: Callable[..., Any]) -> None:
    """Prompts of one index have the same parts before the first needle, for a provider's cache."""
    builder = mix(MixedNeedleBuilder, **SILENT, depths=[0.6, 1.0])
    prompts = [list(builder.render(sample).parts()) for sample in builder.samples()]
    first = min(s["hidden"][0]["item"] for s in builder.samples())
    before = next(
        n for n, p in enumerate(prompts[0]) if isinstance(p, TextPart) and p.text.startswith(f"\n\n[{first}:")
    )
    assert before > 4
    assert len({tuple(p.digest for p in parts[:before]) for parts in prompts}) == 1


@pytest.mark.parametrize("kinds", [["text"], ["image"], ["audio"], ["video"], ["text", "audio"], ["image", "video"]])
def test_any_kinds_can_be_mixed(mix: Callable[..., Any], kinds: list[str]) -> None:
    """A mixture holds the kinds that were asked for and no others, near the asked length, and says what it holds."""
    builder = mix(MixedNeedleBuilder, modalities=kinds, context_lengths=["4k"], around=["any"], depths=[0.5])
    for sample in builder.samples():
        assert set(sample["items"]) == set(kinds)
        assert builder.contents(sample) == ("text", *(k for k in kinds if k != "text"))
        assert 0.9 * 4096 < sample["realised_length"] <= 4096


def test_film_as_frames_is_pictures(mix: Callable[..., Any]) -> None:
    """With `form: frames` films come as pictures with their times, are counted so, and no film is left."""
    builder = mix(MixedNeedleBuilder, modalities=["text", "video"], form="frames", depths=[0.5], needles_in=["video"])
    for sample in builder.samples():
        prompt = builder.render(sample)
        pictures = [part for part in prompt.media() if isinstance(part, ImagePart)]
        assert builder.contents(sample) == ("text", "image")
        assert (
            len(pictures)
            == sum(1 for _ in prompt.media())
            == sample["media"]["image"][0]
            == 2 * sample["items"]["video"]
        )
        count = load_tokenizer("o200k_base").count
        assert sum(count(p.text) for p in prompt.parts() if isinstance(p, TextPart)) == sample["tokens_by_kind"]["text"]


def test_right_answers_score_in_full(mix: Callable[..., Any]) -> None:
    """The target of every sample, in a sentence, scores 1; a distractor's value scores 0."""
    scorer, builder = RetrievalScorer({}), mix(MixedNeedleBuilder, distractors=3, context_lengths=["6k"])
    for sample in builder.samples():
        assert len(sample["hidden"]) == 4
        assert scorer.score(sample, f"The secret keyword is {sample['target']}.")["exact"] == 1
        assert scorer.score(sample, sample["distractors"][0])["exact"] == 0


def test_absent_needles_are_not_there(mix: Callable[..., Any]) -> None:
    """A sample without a needle hides nothing, and saying so is right."""
    builder = mix(MixedNeedleBuilder, absent=1.0, **SILENT)
    for sample in builder.samples():
        assert sample["hidden"] == []
        assert sample["target"] not in builder.render(sample).text()
        assert RetrievalScorer({}).score(sample, "There is no secret keyword.")["exact"] == 1


def test_parts_are_half_a_context_apart_in_two_kinds(mix: Callable[..., Any]) -> None:
    """Every pair of kinds is asked for, one part does not tell the answer, and both do."""
    builder = mix(MixedPartsBuilder, context_lengths=["8k"], depths=[0.2, 0.7], samples_per_cell=2)
    scorer = MultiNeedleScorer({})
    samples = builder.samples()
    assert len({s["variant"] for s in samples}) == 6
    for sample in samples:
        one, two = sample["hidden"]
        assert {one["kind"], two["kind"]} == set(sample["kind"].split("+"))
        assert 0.4 < abs(one["depth"] - two["depth"]) < 0.6
        assert scorer.score(sample, builder.answer_from(sample, 0, 1))["complete"] == 1
        assert scorer.score(sample, builder.answer_from(sample, 0, 0.5))["complete"] == 0
    firsts = {(s["variant"], s["hidden"][0]["kind"]) for s in samples}
    assert len(firsts) == 12


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"modalities": []}, ConfigError, "modalities is an empty list"),
        ({"modalities": ["smell"]}, UnknownOptionError, "smell"),
        ({"modalities": ["text"], "needles_in": ["image"]}, UnknownOptionError, "needles_in"),
        ({"modalities": ["text", "image"], "around": ["audio"]}, ConfigError, "around: audio is not among"),
        ({"arithmetic": "anthropic"}, ConfigError, "leave audio out of modalities"),
        ({"arithmetic": "gpt"}, UnknownOptionError, "arithmetic"),
        ({"film_seconds": 1, "fps": 0.5}, ConfigError, "has no picture"),
        ({"context_lengths": [300]}, LengthError, "a context of 300 tokens is too short"),
        ({"context_lengths": ["2k"], "around": ["video"]}, LengthError, "too few items of video"),
        ({"overlay_size": 30}, ConfigError, "overlay"),
        ({"film": "chronicle"}, ConfigError, "is not made of pictures"),
        ({"speech": "film"}, ConfigError, "is not speech"),
        ({"speech": "speech:/nowhere"}, CorpusError, "nowhere"),
        ({"speech": "bursts", "pool": "1s", "clip_seconds": 1}, ConfigError, "clip_seconds must be"),
        ({"speech": "long"}, ConfigError, "shortest piece of long lasts 7.0 s.*set clip_seconds to 12 or more"),
    ],
)
def test_what_cannot_be_mixed_is_named(
    mix: Callable[..., Any], settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A mixture that cannot be made is an error with the setting in it, before anything is made."""
    with pytest.raises(error, match=words):
        mix(MixedNeedleBuilder, **settings).samples()


def test_other_hay_than_the_samples_is_refused(mix: Callable[..., Any]) -> None:
    """A sample is rendered from what it was made of, and from nothing else."""
    (sample, *_) = mix(MixedNeedleBuilder, **SILENT, depths=1).samples()
    with pytest.raises(CorpusError, match="is not what sample"):
        mix(MixedNeedleBuilder, **SILENT, depths=1, haystack="chronicle:3").render(sample)


def test_a_missing_voice_is_named_before_anything_is_asked(
    mix: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra that speaks, planning names it and the setting that does without; other kinds need nothing."""
    monkeypatch.setattr("lm_eval_longctx.hay.speech.engine_joe.installed", lambda: False)
    with pytest.raises(MissingExtraError, match=r"leave audio out of modalities.*\[speech\]"):
        mix(MixedNeedleBuilder, speech="voices", **ANY).samples()
    assert mix(MixedNeedleBuilder, speech="voices", **SILENT).samples()


def test_the_same_seed_gives_the_same_bytes_with_nothing_kept(
    mix: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt that is made anew, with an empty cache, is the same byte for byte, pictures, sound and film included."""
    settings = {"depths": [0.5], "needles_in": ["audio"], **ANY}
    (sample,) = (kept := mix(MixedNeedleBuilder, **settings)).samples()
    anew = mix(MixedNeedleBuilder, **settings)
    monkeypatch.setattr(anew.stock, "_context", replace(anew.context, cache_dir=tmp_path))
    assert {part.digest for part in anew.render(sample).media()} == {
        part.digest for part in kept.render(sample).media()
    }
    assert all(part.path.startswith(str(tmp_path)) for part in anew.render(sample).media())
    assert anew.render(sample).digest == kept.render(sample).digest


def test_lm_evals_own_models_get_text_pictures_and_sound(mix: Callable[..., Any]) -> None:
    """For another lm-eval model each picture, each frame of a film and each recording has its place in the text."""
    (sample,) = (builder := mix(MixedNeedleBuilder, depths=[0.5], needles_in=["image"], **ANY)).samples()
    context, _, media = for_other_models(builder.render(sample), {}, None)
    films, pictures = sample["items"].get("video", 0), sample["items"]["image"]
    assert context.count("<image>") == len(media["visual"]) == pictures + 2 * films
    assert context.count("<audio>") == len(media["audio"]) == sample["items"]["audio"]
    assert context.rstrip().endswith(sample["question"])
