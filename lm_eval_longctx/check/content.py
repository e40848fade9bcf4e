"""What prompts hold: the needle where it should be, the length that is said, and hay of their own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.check.subject import FAILED, OK, Skipped, Verdict, some
from lm_eval_longctx.harness.labels import APART, GRAIN, SHARE, realised
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.units import Length, Unit, parse_length, rounded_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.check.subject import Subject
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sample import Sample

OVERLAP = 0.1
"""How much two contexts of a cell may share without saying so."""

_WORDS = 8
"""So many words in a row count as the same text."""

_PLACE = 0.05
"""By how much a needle's place in characters may differ from that in tokens."""

_AROUND = 800
"""Characters before and after the context, and of the sentence around a value."""

_CELL = 3
_QUESTION = 1000
"""What is shorter is a question, not hay."""


def needle(subject: Subject) -> Verdict:
    """Does each needle stand in the context once, at its depth, and its value nowhere else?"""
    wrong, count = [], 0
    for sample in subject.looked_at if subject.is_text else subject.samples:
        closed = subject.task.parts.floors.of(sample, subject.task.scorer) > 0  # then the question lists the answers
        found = [] if closed else list(_needles(sample))
        count += len(found)
        text = subject.prompt(sample).text() if subject.is_text else str(sample.get("question", ""))
        for value, depth in found:
            wrong += [f"{sample['id']}: {fault}" for fault in _faults(sample, text, value, depth, subject.is_text)]
    if not count:
        raise Skipped("no needles: targets are no texts that were hidden at a depth")
    where = "once, at their depth" if subject.is_text else "not in the words of the question"
    return Verdict("needle", FAILED if wrong else OK, f"{count} values stand {where}", some(wrong))


def _needles(sample: Sample) -> Iterator[tuple[str, float | None]]:
    """Yield the values that were hidden, with the depth of each where it is known."""
    target, lead = sample["target"], str(sample.get("prefix", ""))
    if (
        sample.get("options")
        or sample.get("absent")
        or (sample["realised_depth"] is None and not isinstance(target, Mapping))
    ):
        return
    if isinstance(target, str):
        yield target.removeprefix(lead), sample["realised_depth"]
    elif isinstance(target, Mapping):
        yield from ((str(value), None) for value in target.values())


def _faults(sample: Sample, text: str, value: str, depth: float | None, whole: bool) -> Iterator[str]:
    """Yield what is wrong with the place of a value."""
    places = [match.start() for match in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text)]
    wanted = int(whole)
    if len(places) != wanted:
        yield f"{value[:60]!r} stands {len(places)} times, not {wanted}"
    elif places and depth is not None:
        inside = len(text) - len(str(sample.get("question", ""))) - len(value)
        place = places[0] / max(1, inside)
        if abs(place - depth) > max(_PLACE, (_AROUND + len(value)) / max(1, inside)):
            yield f"{value[:60]!r} stands at {place:.3f}, not at {depth:.3f}"


def lengths(subject: Subject) -> Verdict:
    """Is the length that a sample says the length of its prompt, and never more than was asked?"""
    unit, wrong = subject.task.builder.UNIT, []
    samples = subject.looked_at if unit is Unit.TOKENS else subject.samples
    for sample in samples:
        said, asked = float(sample["realised_length"]), float(sample["context_length"])
        if subject.task.builder.HAS_LENGTH and said > asked * (1 + 1e-9):
            wrong.append(f"{sample['id']}: {said:g} {unit.value}, more than the asked {asked:g}")
        if unit is Unit.TOKENS and subject.is_text:
            counted = load_tokenizer(sample["tokenizer"]).count(subject.prompt(sample).text())
            if counted != said:
                wrong.append(f"{sample['id']}: {counted} tokens, where {said:g} are said")
    how = "counted again" if unit is Unit.TOKENS and subject.is_text else "as said"
    return Verdict("length", FAILED if wrong else OK, f"{len(samples)} samples, {how}", some(wrong))


def label(subject: Subject) -> Verdict:
    """Is a context called by the length that was sent?"""
    wrong = [fault for sample in subject.task.test_docs() for fault in _mislabelled(sample, subject)]
    labels = list(dict.fromkeys(sample["context_label"] for sample in subject.task.test_docs()))
    return Verdict("label", FAILED if wrong else OK, ", ".join(labels), some(wrong))


def _mislabelled(sample: Sample, subject: Subject) -> Iterator[str]:
    unit = Unit.TOKENS if "own_tokens" in sample else Unit(sample["unit"])
    said, length = sample["context_label"], realised(sample)
    if subject.task.builder.LENGTH_CLASSES:
        if length > parse_length(said, unit).amount:
            yield f"{sample['id']}: {length:g} {unit.value} are called {said}"
        return
    own: Any = sample.get("own_tokens", {})
    asked = float(own.get("asked", sample["context_length"]))
    amount = sample.get("label_length", asked)
    spelt = rounded_label(amount, unit) if "label_length" in sample else Length(amount, unit).label
    grain = GRAIN if unit is Unit.TOKENS else 0
    near = amount / APART if "label_length" in sample else amount * SHARE - grain
    if said != spelt or not near <= length <= amount * APART:
        yield f"{sample['id']}: {length:g} {unit.value} are called {said}"


def overlap(subject: Subject) -> Verdict:
    """Do the contexts of one cell differ, as far as they do not say otherwise?"""
    if not subject.is_text:
        raise Skipped("pictures, sound and film are not compared")
    if subject.published:
        raise Skipped("the data are published: questions share what they are about")
    task = subject.changed(samples_per_cell=_CELL)
    cells: dict[tuple[Any, ...], list[Sample]] = defaultdict(list)
    for sample in task.test_docs():
        cells[sample["context_label"], sample["depth"], sample["variant"]].append(sample)
    longest = max(cells.values(), key=lambda cell: cell[0]["context_length"])
    if any(sample["haystack"].get("repeats") for sample in longest):
        raise Skipped("the hay begins again within one context, and says so")
    texts = [_rows_of_words(_hay(task.builder.render(sample))) for sample in longest]
    if not all(texts):
        raise Skipped("the contexts hold no hay")
    shared = max((_share(one, two) for one, two in combinations(texts, 2)), default=0.0)
    hays: list[Any] = [sample["haystack"] for sample in longest]
    said = max(float(hay.get("overlap", 0.0)) for hay in hays)
    bound = max(OVERLAP, said + OVERLAP)
    told = f"{len(texts)} contexts of {longest[0]['context_label']} share at most {shared:.2f}, bound {bound:.2f}"
    return Verdict("overlap", FAILED if shared > bound else OK, told)


def _hay(prompt: Prompt) -> str:
    """Return the text that a builder marks as hay; all of it if none is marked and there is more than a question."""
    parts = [part for part in prompt.parts() if isinstance(part, TextPart)]
    marked = [part.text for part in parts if part.shared]
    return "".join(marked or [part.text for part in parts if len(part.text) > _QUESTION])


def _rows_of_words(text: str) -> frozenset[int]:
    words = text.split()
    return frozenset(hash(tuple(words[i : i + _WORDS])) for i in range(len(words) - _WORDS + 1))


def _share(one: frozenset[int], two: frozenset[int]) -> float:
    """Return how much of the smaller of two texts stands in the other."""
    return len(one & two) / max(1, min(len(one), len(two)))
