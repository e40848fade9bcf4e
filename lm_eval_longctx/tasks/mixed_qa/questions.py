"""Kinds of question about the post, each with its facts, where they stand, and its only right answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.speech.wordings import CLEAR
from lm_eval_longctx.tasks.mixed_qa.words import (
    CARRIES,
    CONFLICT,
    GOES,
    HOLDS,
    JOIN2,
    JOIN3,
    NUMBERS,
    PEOPLE,
    RUNS,
    TOTAL,
    TOWNS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.plan import Rng

BAGS, OTHER_BAGS = 4, 3
OTHERS = {"join2": 2, "join3": 1, "conflict": 2}
"""How many other parcels, about which nothing is asked, are told of in the same words."""


@dataclass(frozen=True)
class Fact:
    """A sentence that is hidden.

    Attributes:
        text: The sentence.
        kind: The kind of content that tells it.
        needed: Whether the answer follows from it and no other tells the same.
    """

    text: str
    kind: str
    needed: bool = False


@dataclass(frozen=True)
class Question:
    """A question with its facts.

    Attributes:
        text: What is asked.
        answer: The only right answer.
        facts: What is hidden: those that are needed, in the order in which they are joined, then the others.
    """

    text: str
    answer: str
    facts: tuple[Fact, ...]

    @property
    def needed(self) -> tuple[Fact, ...]:
        """The facts from which the answer follows."""
        return tuple(fact for fact in self.facts if fact.needed)


def asked_in(ask: str, kinds: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the combinations of kinds of content in which the parts of a kind of question stand."""
    size = {"join2": 2, "conflict": 2, "join3": 3}.get(ask)
    return [tuple(kinds)] if size is None else list(combinations(kinds, size))


def _chain(person: str, thing: str, town: str, keeper: str = "") -> list[str]:
    told = [CARRIES.format(person=person, thing=thing), GOES.format(thing=thing, town=town)]
    return [*told, *([RUNS.format(town=town, person=keeper)] if keeper else [])]


def _join(ask: str, inside: Sequence[str], kinds: Sequence[str], rng: Rng) -> Question:
    """Ask for the end of a chain whose links stand in kinds of content of their own."""
    chains = 1 + OTHERS[ask]
    people = rng.sample(PEOPLE, 2 * chains)
    things, towns = rng.sample(CLEAR, chains), rng.sample(TOWNS, chains)
    keepers = people[chains:] if ask == "join3" else [""] * chains
    told = [_chain(*links) for links in zip(people, things, towns, keepers, strict=False)]
    facts = [Fact(text, kind, needed=True) for text, kind in zip(told[0], inside, strict=True)]
    facts += [Fact(text, rng.choice(kinds)) for chain in told[1:] for text in chain]
    text = (JOIN3 if ask == "join3" else JOIN2).format(person=people[0])
    return Question(text, keepers[0] or towns[0], tuple(facts))


def _join2(inside: Sequence[str], kinds: Sequence[str], rng: Rng) -> Question:
    return _join("join2", inside, kinds, rng)


def _join3(inside: Sequence[str], kinds: Sequence[str], rng: Rng) -> Question:
    return _join("join3", inside, kinds, rng)


def _total(inside: Sequence[str], kinds: Sequence[str], rng: Rng) -> Question:
    """Ask for a sum over all kinds of content."""
    del kinds
    town, *others = rng.sample(TOWNS, 1 + OTHER_BAGS)
    numbers = rng.sample(NUMBERS, BAGS + OTHER_BAGS)
    where = [inside[i % len(inside)] for i in range(BAGS)]
    rng.shuffle(where)
    facts = [
        Fact(HOLDS.format(town=town, number=n), kind, needed=True) for n, kind in zip(numbers, where, strict=False)
    ]
    facts += [
        Fact(HOLDS.format(town=other, number=n), rng.choice(inside))
        for other, n in zip(others, numbers[BAGS:], strict=True)
    ]
    return Question(TOTAL.format(town=town), str(sum(numbers[:BAGS])), tuple(facts))


def _conflict(inside: Sequence[str], kinds: Sequence[str], rng: Rng) -> Question:
    """Ask which of several parcels goes to two towns, as two kinds of content tell it."""
    wrong, *others = rng.sample(CLEAR, 1 + OTHERS["conflict"])
    first, second, *towns = rng.sample(TOWNS, 2 + len(others))
    facts = [
        Fact(GOES.format(thing=wrong, town=town), kind, needed=True)
        for town, kind in zip((first, second), inside, strict=True)
    ]
    for thing, town in zip(others, towns, strict=True):
        facts += [Fact(GOES.format(thing=thing, town=town), kind) for kind in rng.sample(kinds, 2)]
    return Question(CONFLICT, wrong, tuple(facts))


KINDS: dict[str, Callable[[Sequence[str], Sequence[str], Rng], Question]] = {
    "join2": _join2,
    "join3": _join3,
    "total": _total,
    "conflict": _conflict,
}
"""All kinds of question: ``(kinds of content of the needed facts, all that are mixed, random numbers)``."""
