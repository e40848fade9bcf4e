"""What answers are worth: the right ones, blind ones, and those that half of the context allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.check.subject import FAILED, OK, Skipped, Verdict, some
from lm_eval_longctx.scorers.base import mean
from lm_eval_longctx.stats.blind import blind_floor, chance_of, kind_of

if TYPE_CHECKING:
    from lm_eval_longctx.check.subject import Subject
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.stats.blind import Floor

APART = 1 / 3
"""How far apart, as a share of the context, the places lie that a question claims to join."""

_ALL = 1 - 1e-6
_AGAIN = 4
_SENTENCE = 80
"""Longer answers are given as they are: nobody wraps a whole text into a sentence."""


def oracle(subject: Subject) -> Verdict:
    """Do right answers score in full, as they are or in a plain sentence?"""
    missed, values = [], []
    for sample in subject.samples:
        tried = [(subject.value(sample, answer), answer) for answer in right_answers(sample)]
        known = [(value, answer) for value, answer in tried if value is not None]
        if known:
            best, answer = max(known, key=lambda pair: subject.share([pair[0]]))
            values.append(best)
            if subject.share([best]) < _ALL:
                missed.append(f"{sample['id']}: {answer[:120]!r} scores {subject.share([best]):.3g}")
    if not values:
        raise Skipped("nobody knows the right answers")
    share = subject.share(values)
    told = f"{share:.2%} of {len(values)} right answers".replace(".00%", " %")
    return Verdict("oracle", OK if share >= _ALL and not missed else FAILED, told, some(missed))


def right_answers(sample: Sample) -> list[str]:
    """Return a sample's target as a model may say it."""
    target, lead = sample["target"], str(sample.get("prefix", ""))
    if target is None:
        return [""]
    if sample.get("options"):
        return [f"Final Answer: ({target})", str(target)]
    text = _text(target)
    text = text if text.startswith(lead) else lead + text
    short = len(text) <= _SENTENCE and "\n" not in text and not lead
    return [text, *([f"The answer is {text.rstrip('.')}."] if short else [])]


def _text(target: Any) -> str:
    if isinstance(target, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in target.items())
    return str(target[0]) if isinstance(target, (list, tuple)) else str(target)


def blind(subject: Subject) -> Verdict:
    """What does an answer get that never reads the context, by kind of question and by length?"""
    floors = _floors(subject, subject.effort.questions)
    if any(floor.exceeds for floor in floors):  # luck is told from a fault by asking more
        floors = _floors(subject, subject.effort.questions * _AGAIN)
    if not floors:
        raise Skipped("nobody knows the right answers")
    worst = max(floors, key=lambda floor: floor.score - floor.bound)
    bounded = subject.metric.aggregate is mean
    lines = [
        f"{' '.join(filter(None, (floor.kind, floor.length)))}: {floor.score:.2f} of {floor.samples} by {floor.solver}"
        + (f", bound {floor.bound:.2f}" + (" (too high)" if floor.exceeds else "") if bounded else "")
        for floor in floors
    ]
    where = " ".join(filter(None, (worst.kind, worst.length)))
    told = f"{worst.score:.2f} at {where}" + (f", bound {worst.bound:.2f}" if bounded else f", {subject.metric.name}")
    state = FAILED if bounded and any(floor.exceeds for floor in floors) else OK
    return Verdict("blind floor", state, f"{told}, {sum(floor.samples for floor in floors)} questions", tuple(lines))


def _floors(subject: Subject, count: int) -> list[Floor]:
    return blind_floor(*_pupils(subject, count), subject.score)


def _pupils(subject: Subject, count: int) -> tuple[list[Sample], list[Sample]]:
    """Return samples to learn from and samples to answer; of published data one half each."""
    test = subject.many(subject.seed, count)
    if subject.published:
        return [_with_chance(subject, s) for s in test[1::2]], [_with_chance(subject, s) for s in test[::2]]
    train = subject.many(subject.seed + 1, count)
    return [_with_chance(subject, s) for s in train], [_with_chance(subject, s) for s in test]


def _with_chance(subject: Subject, sample: Sample) -> Sample:
    """Let a sample say what a guess is worth: by what it lists, by its scorer, or as its task declares."""
    declared = subject.task.parts.floors.of(sample, subject.task.scorer)
    return {**sample, "chance": max(declared, chance_of(sample))}


def half(subject: Subject) -> Verdict:
    """Do questions that join several places of the context need more than one half of it?"""
    reach: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for sample in subject.many(subject.seed, subject.effort.questions):
        depths = evidence_of(sample)
        if len(depths) > 1 and not sample.get("control"):
            reach[kind_of(sample)].append((max(depths) - min(depths), sample["id"]))
    if not reach:
        raise Skipped("no question claims to join several places (evidence with two depths or more)")
    near = [f"{kind}: {name} spans {far:.2f}" for kind, found in reach.items() for far, name in found if far < APART]
    least = min(far for found in reach.values() for far, _ in found)
    count = sum(map(len, reach.values()))
    told = f"the places of {count} questions lie at least {least:.2f} apart, bound {APART:.2f}"
    return Verdict("half the context", FAILED if near else OK, told, some(near))


def evidence_of(sample: Sample) -> list[float]:
    """Return the depths of what an answer follows from, where a builder keeps them."""
    found: Any = sample.get("evidence")
    entries = found if isinstance(found, (list, tuple)) else ()
    return [float(entry[1]) for entry in entries if isinstance(entry, (list, tuple)) and len(entry) > 1]
