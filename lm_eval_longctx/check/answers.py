"""What answers are worth: the right ones, blind ones, and those that half of the context allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.check.subject import FAILED, OK, Skipped, Verdict, some
from lm_eval_longctx.scorers.base import mean
from lm_eval_longctx.stats.blind import blind_floor, chance_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.check.subject import Subject
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.stats.blind import Floor

APART = 1 / 3
"""How far apart, as a share of the context, the places lie that a question claims to join."""

_ALL = 1 - 1e-6
_ROUNDED = 1e-3
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
    every = [", ".join(map(str, target))] if isinstance(target, (list, tuple)) else []  # or all of them are asked for
    return [text, *([f"The answer is {text.rstrip('.')}."] if short else []), *every]


def _text(target: Any) -> str:
    if isinstance(target, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in target.items())
    return str(target[0]) if isinstance(target, (list, tuple)) else str(target)


def blind(subject: Subject) -> Verdict:
    """What does an answer get that never reads the context, by kind of question and by length?"""
    floors = floors_of(subject, subject.seed, subject.effort.questions)
    if any(floor.exceeds for floor in floors):  # luck is told from a fault by asking more, of other seeds
        floors = floors_of(subject, subject.seed + 2, subject.effort.questions * _AGAIN)
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


def floors_of(subject: Subject, seed: int, count: int) -> list[Floor]:
    """Return the blind floors over so many questions of a seed, by kind of question and by length."""
    return blind_floor(*_pupils(subject, seed, count), subject.score)


def _pupils(subject: Subject, seed: int, count: int) -> tuple[list[Sample], list[Sample]]:
    """Return samples to learn from and samples to answer; of published data one half each."""
    test = subject.many(seed, count)
    if subject.published:
        return [_with_chance(subject, s) for s in test[1::2]], [_with_chance(subject, s) for s in test[::2]]
    train = subject.many(seed + 1, count)
    return [_with_chance(subject, s) for s in train], [_with_chance(subject, s) for s in test]


def _with_chance(subject: Subject, sample: Sample) -> Sample:
    """Let a sample say what a guess is worth: by what it lists, by its scorer, or as its task declares."""
    declared = subject.task.parts.floors.of(sample, subject.task.scorer)
    return {**sample, "chance": max(declared, chance_of(sample))}


def half(subject: Subject) -> Verdict:
    """Do questions that claim to join several places of the context need more than one part of it?"""
    asked = [s for s in subject.many(subject.seed, subject.effort.questions) if _claims(s)]
    if not asked:
        raise Skipped("no question claims to join several places (spans_halves, or evidence with two depths or more)")
    wrong = [fault for sample in asked for fault in _answered_early(subject, sample)]
    least = min((_reach(sample) for sample in asked), default=0.0)
    told = f"the places of {len(asked)} questions lie at least {least:.2f} apart, bound {APART:.2f}"
    read = [sample for sample in asked if subject.task.builder.answer_from(sample, 0, 1) is not None]
    if read:
        halves = [any(_follows(subject, sample, *part) for part in ((0, 0.5), (0.5, 1))) for sample in read]
        told += f"; no side of a cut between them tells; the first or last half tells {mean(halves):.2f}"
    return Verdict("half the context", FAILED if wrong else OK, told, some(wrong))


def _claims(sample: Sample) -> bool:
    found: Any = sample
    return not sample.get("control") and bool(found.get("spans_halves", len(evidence_of(sample)) > 1))


def _reach(sample: Sample) -> float:
    depths = evidence_of(sample)
    return max(depths, default=0.0) - min(depths, default=0.0)


def _answered_early(subject: Subject, sample: Sample) -> Iterator[str]:
    """Yield how a question can be answered without one of its places, or not even with all."""
    depths, name = evidence_of(sample), f"{kind_of(sample)} {sample['id']}".strip()
    if _reach(sample) < APART - _ROUNDED:
        yield f"{name}: its places span {_reach(sample):.2f} of the context"
        return
    if subject.task.builder.answer_from(sample, 0, 1) is None:
        return
    middle = (min(depths) + max(depths)) / 2
    if not _follows(subject, sample, 0, 1):
        yield f"{name}: the whole context does not give the answer"
    for part in ((0, middle), (middle, 1)):
        if _follows(subject, sample, *part):
            yield f"{name}: the part from {part[0]:.2f} to {part[1]:.2f} gives the answer"


def _follows(subject: Subject, sample: Sample, first: float, last: float) -> bool:
    """Whether the right answer follows from a part of the context alone."""
    answer = subject.task.builder.answer_from(sample, first, last)
    return answer is not None and (subject.score(sample, answer) or 0.0) >= _ALL


def evidence_of(sample: Sample) -> list[float]:
    """Return the depths of what an answer follows from, where a builder keeps them."""
    found: Any = sample.get("evidence")
    entries = found if isinstance(found, (list, tuple)) else ()
    return [float(entry[1]) for entry in entries if isinstance(entry, (list, tuple)) and len(entry) > 1]
