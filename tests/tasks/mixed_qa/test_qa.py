"""Questions over kinds of content: answered by who reads all of them, and by nobody who misses one."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.hay import chronicle
from lm_eval_longctx.hay.mixture.arithmetic import KINDS as CONTENT
from lm_eval_longctx.hay.speech import reading_matter
from lm_eval_longctx.hay.speech.wordings import CLEAR
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.tasks.mixed_qa.builder import MixedQuestionBuilder
from lm_eval_longctx.tasks.mixed_qa.questions import KINDS, asked_in
from lm_eval_longctx.tasks.mixed_qa.words import PEOPLE, TOWNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

pytestmark = pytest.mark.usefixtures("_speech")


def solved(question: str, facts: Iterable[str]) -> str | None:
    """Answer a question from sentences alone, as the prompt tells them; ``None`` if they do not tell."""
    carries, goes, runs, holds = {}, defaultdict(set), {}, defaultdict(list)
    for fact in facts:
        if match := re.fullmatch(r"(\w+) carries the (\w+) parcel\.", fact):
            carries[match[1]] = match[2]
        elif match := re.fullmatch(r"The (\w+) parcel goes to (\w+)\.", fact):
            goes[match[1]].add(match[2])
        elif match := re.fullmatch(r"The post office of (\w+) is run by (\w+)\.", fact):
            runs[match[1]] = match[2]
        elif match := re.fullmatch(r"The bag for (\w+) holds (\d+) letters\.", fact):
            holds[match[1]].append(int(match[2]))
    if bags := re.search(r"bags for (\w+) hold", question):
        return str(sum(holds[bags[1]]))
    if who := re.search(r"(\w+)'s parcel", question):
        (town, *more) = sorted(goes[carries.get(who[1], "")]) or [None]
        assert not more
        return (runs.get(town) if "runs" in question else town) if town else None
    twice = [thing for thing, towns in goes.items() if len(towns) > 1]
    assert len(twice) <= 1
    return twice[0] if twice else None


CASES = [(ask, inside) for ask in KINDS for inside in asked_in(ask, CONTENT)]


@pytest.mark.parametrize(("ask", "inside"), CASES, ids=[f"{ask}-{'+'.join(inside)}" for ask, inside in CASES])
def test_all_kinds_together_tell_and_none_may_be_missed(ask: str, inside: tuple[str, ...]) -> None:
    """Over a hundred seeds, all facts give the answer, and without those of any one kind nobody gets it."""
    for seed in range(100):
        question = KINDS[ask](inside, CONTENT, Rng(f"{ask}{inside}{seed}"))
        assert {fact.kind for fact in question.needed} == set(inside)
        assert solved(question.text, [fact.text for fact in question.facts]) == question.answer
        for missed in inside:
            left = [fact.text for fact in question.facts if fact.kind != missed]
            assert solved(question.text, left) != question.answer


def test_each_combination_of_kinds_is_asked() -> None:
    """Four kinds of content give six pairs, four triples, and one question over all of them."""
    assert [len(asked_in(ask, CONTENT)) for ask in KINDS] == [6, 4, 1, 6]
    assert [len(asked_in(ask, CONTENT[:2])) for ask in KINDS] == [1, 0, 1, 1]


def test_samples_hide_what_they_say_and_score_it(mix: Callable[..., Any]) -> None:
    """Every sample's hidden sentences give its target, which scores 1; the needed ones are far apart."""
    builder = mix(MixedQuestionBuilder, context_lengths=["10k"], depths=[0.25])
    scorer = ExactF1Scorer({})
    samples = builder.samples()
    assert len(samples) == len(CASES)
    for sample in samples:
        assert solved(sample["question"], [one["text"] for one in sample["hidden"]]) == sample["target"]
        assert scorer.score(sample, f"The answer is {sample['target']}.")["exact"] == 1
        assert scorer.score(sample, "I do not know.")["exact"] == 0
        depths = sorted(depth for _, depth in sample["evidence"])
        assert depths[-1] - depths[0] > 1 / 3
        assert len({one["item"] for one in sample["hidden"]}) == len(sample["hidden"])
        assert builder.answer_from(sample, 0, 1) == sample["target"]
        assert builder.answer_from(sample, depths[0] + 0.01, 1) == ""


def test_written_facts_stand_once_in_their_items(mix: Callable[..., Any]) -> None:
    """Each fact on a page stands in the prompt's text once; facts in pictures and films do not stand there."""
    builder = mix(MixedQuestionBuilder, modalities=["text", "image"], context_lengths=["6k"], depths=[0.25])
    for sample in builder.samples():
        texts = [part.text for part in builder.render(sample).parts() if isinstance(part, TextPart)]
        written = [(one["text"], one["item"]) for one in sample["hidden"] if one["kind"] == "text"]
        told = [(one["text"], text) for one in sample["hidden"] for text in texts if one["text"] in text]
        assert {sentence for sentence, _ in told} == {sentence for sentence, _ in written}
        for sentence, item in written:
            (page,) = {text for one, text in told if one == sentence}
            assert page.startswith(f"\n\n[{item}: page]")
            assert page.count(sentence) == 1
        asked = {one["text"] for one in sample["hidden"] if one["asked"] and one["kind"] == "text"}
        assert set(builder.passages(sample)) == asked


def test_the_hay_tells_nothing_of_the_post() -> None:
    """No person, town or thing of the questions stands in our own text or is said in our own recordings."""
    read = {
        word for one in islice(reading_matter.sentences("everyday", "en"), 4000) for word in re.findall(r"\w+", one)
    }
    written = {word for one in islice(chronicle.sentences(0), 20_000) for word in re.findall(r"\w+", one)}
    assert not {*PEOPLE, *TOWNS} & {*read, *written}
    assert not set(CLEAR) & read
    assert len({*PEOPLE, *TOWNS, *CLEAR}) == len(PEOPLE) + len(TOWNS) + len(CLEAR)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"ask": ["join9"]}, UnknownOptionError, "join9"),
        ({"modalities": ["audio"]}, ConfigError, "two modalities or more"),
        ({"modalities": ["text", "image"], "ask": ["join3"]}, ConfigError, "none of the questions"),
    ],
)
def test_what_cannot_be_asked_is_named(
    mix: Callable[..., Any], settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Questions that a mixture does not allow are an error that says why."""
    with pytest.raises(error, match=words):
        mix(MixedQuestionBuilder, **settings).samples()
