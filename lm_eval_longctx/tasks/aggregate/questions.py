"""Kinds of question about records, each with its only right answer and what guessing would give.

A question is a value: ``answer`` works its answer out from any records, in one
pass and constant memory. So the same code gives the right answer, the one that
a tenth of the records would give, and that of a part of the context. How a
question is found: one pass counts what could be asked, and one is drawn that
has no tie and whose answer is close enough to need nearly every record.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.records.filters import Filter
from lm_eval_longctx.hay.records.world import STATE, TRADES, Record, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lm_eval_longctx.plan import Rng

ATTRIBUTES = ("who", "what", "where")
BEFORE, AFTER = "before", "after"
PLENTY = 12
"""From so many records on, a count is too wide to be guessed often."""

_CLOSEST = 4
"""Among how many of the closest comparisons one is drawn."""

_KEPT = 8
"""Stretches whose counts are kept: several kinds of question are about the same one."""

_SPREAD_OF_AMOUNTS = 5.25 + 5.5**2
"""The mean square of an amount: 2 to 9, evenly."""


ANY = Filter()


@dataclass(frozen=True)
class Question:
    """A question about records.

    Attributes:
        kind: A key of ``KINDS``.
        of: The records that are meant; in ``changes`` ``of.what`` is an item.
        by: The attribute that is compared: one of ``ATTRIBUTES``.
        names: What is compared; of ``before`` none.
        day: The day of ``before``.
        first: The first day that is asked about; 0 where all are.
        last: The last one.
    """

    kind: str
    of: Filter = ANY
    by: str = ""
    names: tuple[str, ...] = ()
    day: int = 0
    first: int = 0
    last: int = 0

    def meant(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records that count."""
        for record in records:
            if self.first and not self.first <= record.day <= self.last:
                continue
            if self.kind == "changes":
                if record.kind == STATE and record.what == self.of.what:
                    yield record
            elif self.of.takes(record):
                yield record

    def answer(self, records: Iterable[Record], scale: int = 1) -> str | None:
        """Return the answer that follows from some records; ``None`` where none does or there is a tie.

        Args:
            records: In order of time.
            scale: By what a number is multiplied, where the records are a sample.
        """
        meant = self.meant(records)
        if self.kind == "count":
            return str(scale * sum(1 for _ in meant))
        if self.kind == "total":
            return str(scale * sum(record.amount for record in meant))
        if self.kind == "changes":
            return str(scale * changes(record.state for record in meant))
        if self.kind == "before":
            counts = Counter(BEFORE if r.day < self.day else AFTER for r in meant if r.day != self.day)
        else:
            counts = Counter(getattr(record, self.by) for record in meant)
        return self.extreme(counts)

    def extreme(self, counts: Counter[str]) -> str | None:
        """Return the name with the most or the least, if there is only one."""
        names = (BEFORE, AFTER) if self.kind == "before" else self.names
        ordered = sorted(names, key=lambda name: counts[name], reverse=self.kind != "least")
        return ordered[0] if counts[ordered[0]] != counts[ordered[1]] else None


def changes(states: Iterable[str]) -> int:
    """Return how often a condition is another than the one before it."""
    found, before = 0, ""
    for state in states:
        found += bool(before) and state != before
        before = state
    return found


@dataclass(frozen=True)
class Stretch:
    """The records that are asked about.

    Attributes:
        world: Whose they are.
        count: How many; they begin with the first.
        first: The first day that counts.
        last: The last day that counts.
        whole: Whether all days count.
    """

    world: World
    count: int
    first: int
    last: int
    whole: bool

    @classmethod
    def of(cls, world: World, count: int, spread: float, rng: Rng) -> Stretch:
        """Choose the days: all, or a share of them anywhere.

        Raises:
            LengthError: There are hardly any records.
        """
        if count < PLENTY:
            raise LengthError(f"{count} records are too few to ask about; ask for a longer context")
        first, last = next(world.records(0, 1)).day, next(world.records(count - 1, count)).day
        days = last - first + 1
        kept = max(min(3, days), math.ceil(spread * days))  # with fewer nothing lies before or after a day
        start = first + rng.below(days - kept + 1)
        return cls(world, count, start, start + kept - 1, whole=spread >= 1)

    def records(self, step: int = 1, offset: int = 0) -> Iterator[Record]:
        """Yield the records, or every so manyth of them."""
        for record in self.world.records(0, self.count):
            if record.number % step == offset:
                yield record

    @property
    def window(self) -> tuple[int, int]:
        """First and last day as a question has them."""
        return (0, 0) if self.whole else (self.first, self.last)

    def traded(self) -> Iterator[Record]:
        """Yield the records about goods on the days that count."""
        for record in self.records():
            if record.kind in TRADES and self.first <= record.day <= self.last:
                yield record


def _filters(record: Record) -> Iterator[Filter]:
    yield Filter(record.kind)
    yield Filter(record.kind, who=record.who)
    yield Filter(record.kind, what=record.what)
    yield Filter(record.kind, where=record.where)


def _plenty(counts: Counter[Filter]) -> list[Filter]:
    """Return the filters that take enough records; the widest where none does."""
    found = sorted(of for of, count in counts.items() if count >= PLENTY)
    return found or [max(sorted(counts), key=lambda of: counts[of])]


@lru_cache(maxsize=_KEPT)
def _often(stretch: Stretch) -> list[Filter]:
    """Return the filters that take enough records of a stretch."""
    return _plenty(Counter(of for record in stretch.traded() for of in _filters(record)))


def _number(kind: str, stretch: Stretch, rng: Rng) -> Question:
    """Ask how many records there are, or what their amounts come to."""
    return Question(kind, rng.choice(_often(stretch)), first=stretch.window[0], last=stretch.window[1])


def _changes(kind: str, stretch: Stretch, rng: Rng) -> Question:
    """Ask how often a condition changed."""
    counts = Counter(r.what for r in stretch.records() if r.kind == STATE and stretch.first <= r.day <= stretch.last)
    found = [item for item in stretch.world.items if counts[item] >= PLENTY] or list(stretch.world.items[:1])
    return Question(kind, Filter(what=rng.choice(found)), first=stretch.window[0], last=stretch.window[1])


@lru_cache(maxsize=_KEPT)
def _counted(stretch: Stretch) -> dict[tuple[str, str], Counter[str]]:
    """Count every attribute's values, over all kinds of trade and within each."""
    counted = {(kind, by): Counter[str]() for kind in ("", *TRADES) for by in ATTRIBUTES}
    for record in stretch.traded():
        for by in ATTRIBUTES:
            value = getattr(record, by)
            counted["", by][value] += 1
            counted[record.kind, by][value] += 1
    return counted


def names_of(world: World, by: str) -> tuple[str, ...]:
    """Return the values that an attribute has; by name, or their order would tell the leaders."""
    return tuple(sorted({"who": world.people, "what": world.goods, "where": world.places}[by]))


def _leader(kind: str, stretch: Stretch, rng: Rng) -> Question:
    """Ask who or what comes most or least often, of all names; where that is a tie everywhere, of three."""
    counted = _counted(stretch)
    every = [(trade, by, counts, names_of(stretch.world, by)) for (trade, by), counts in counted.items()]
    threes = ((trade, by, counts, three) for trade, by, counts, names in every for three in combinations(names, 3))
    for candidates in (every, threes):
        found = [
            question
            for trade, by, counts, names in candidates
            if all(counts[name] for name in names)
            and (question := Question(kind, Filter(trade), by, names, 0, *stretch.window)).extreme(counts) is not None
        ]
        if found:
            break
    return _drawn(found, rng)


def _pair(kind: str, stretch: Stretch, rng: Rng) -> Question:
    """Ask which of two that lie close together comes more often."""
    found = []
    for (trade, by), counts in _counted(stretch).items():
        names = names_of(stretch.world, by)
        for i, one in enumerate(names):
            for two in names[i + 1 :]:
                if gap := abs(counts[one] - counts[two]):
                    share = gap / math.sqrt(counts[one] + counts[two])
                    found.append((share, Question(kind, Filter(trade), by, (one, two), 0, *stretch.window)))
    question = _drawn(_close(found), rng)
    return Question(kind, question.of, question.by, tuple(rng.sample(question.names, 2)), 0, *stretch.window)


def _before(kind: str, stretch: Stretch, rng: Rng) -> Question:
    """Ask whether more happened before or after a day near the middle; both are drawn equally often."""
    days = stretch.last - stretch.first
    day = stretch.first + max(1, min(days - 1, round(days * (0.4 + 0.2 * rng.random()))))
    sides: dict[str, Counter[Filter]] = {BEFORE: Counter(), AFTER: Counter()}
    for record in stretch.traded():
        if record.day != day:
            sides[BEFORE if record.day < day else AFTER].update(_filters(record))
    both = sides[BEFORE] + sides[AFTER]
    for filters in (_plenty(both), sorted(both)):
        found: dict[str, list[tuple[float, Question]]] = {BEFORE: [], AFTER: []}
        for of in filters:
            before, after = sides[BEFORE][of], sides[AFTER][of]
            if before != after:
                share = abs(before - after) / math.sqrt(before + after)
                question = Question(kind, of, "", (), day, *stretch.window)
                found[BEFORE if before > after else AFTER].append((share, question))
        if any(found.values()):
            break
    wanted = rng.choice((BEFORE, AFTER))
    return _drawn(_close(found[wanted] or found[AFTER if wanted == BEFORE else BEFORE]), rng)


def _close(found: list[tuple[float, Question]]) -> list[Question]:
    """Return the questions whose two sides lie closest together."""
    return [question for _, question in sorted(found, key=lambda pair: pair[0])[:_CLOSEST]]


def _drawn(found: Sequence[Question], rng: Rng) -> Question:
    if not found:
        raise LengthError("the records are too few: every comparison is a tie; ask for a longer context")
    return rng.choice(found)


KINDS: dict[str, Callable[[str, Stretch, Rng], Question]] = {
    "count": _number,
    "total": _number,
    "changes": _changes,
    "most": _leader,
    "least": _leader,
    "pair": _pair,
    "before": _before,
}
"""All kinds of question: the first three are answered by a number."""

NUMERIC = ("count", "total", "changes")


def chance(question: Question, answer: str, records: int) -> float:
    """Return what the best constant guess scores, by one who knows the world and how many records there are.

    A number's is the height of the bell curve that its sum has over worlds of
    the same make; a name's is one in all names that could be meant.
    """
    if question.kind == "before":
        return 0.5
    if question.kind not in NUMERIC:
        return 1 / len(question.names)
    value = max(1.0, float(answer))
    share = min(0.99, value / records) if question.kind != "total" else 0.0
    variance = value * (1 - share) if question.kind != "total" else value / 5.5 * _SPREAD_OF_AMOUNTS
    return round(min(1.0, 1 / math.sqrt(2 * math.pi * variance)), 4)
