"""Kinds of fact that a sentence hides and a question asks for: a table of them, each with one right answer.

Two kinds share no word between question and needle: ``association`` (NoLiMa,
arXiv 2502.05167: knowledge of the world joins them) and ``paraphrase`` (the
same in other words). Two are worded as the chronicle is, so that their needles
do not stand out in it: ``relation`` (also in other languages) and ``state``,
which changes, so that it counts what was told last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.hay.chronicle.words import SEASONS
from lm_eval_longctx.tasks.text_niah.words import HOPS, LANGUAGES, ORDERS, paraphrases, relations, sections, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lm_eval_longctx.plan import Rng

    Row = tuple[str, str, str]

YEARS = (700, 900)
"""Between which years something changes hands for the first time."""


@dataclass(frozen=True)
class Wanted:
    """What a fact is made of.

    Attributes:
        rng: Decides; the same for all variants of a fact, so that they can be compared.
        depth: Where the sentence stands that answers the question.
        people: Names, more than are needed.
        places: Names of places, one for each fact.
        parts: What the variant says, by the name of the factor.
        options: The task's settings.
    """

    rng: Rng
    depth: float
    people: Sequence[str]
    places: Sequence[str]
    parts: Mapping[str, str]
    options: Mapping[str, Any]

    @property
    def distractors(self) -> int:
        """How many other facts are told."""
        return int(self.options["distractors"])

    def elsewhere(self, texts: Sequence[str]) -> tuple[tuple[str, float], ...]:
        """Put other facts anywhere."""
        places = self.rng.fork("elsewhere")
        return tuple((text, places.random()) for text in texts)


@dataclass(frozen=True)
class Fact:
    """A question and what is told for it.

    Attributes:
        question: What is asked.
        target: The right answer.
        needle: The sentence that answers it.
        before: Sentences about the same thing, with their depths, that come before it in reading order.
        after: Those that come after it.
        others: Sentences about other things.
        wrong: Answers that the other sentences would give.
    """

    question: str
    target: str
    needle: str
    others: tuple[tuple[str, float], ...]
    wrong: tuple[str, ...]
    before: tuple[tuple[str, float], ...] = ()
    after: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of fact.

    Attributes:
        make: Makes one.
        factors: What can be varied in it: names of options that are lists.
    """

    make: Callable[[Wanted], Fact]
    factors: tuple[str, ...]


def association(wanted: Wanted) -> Fact:
    """Somebody has to do with a clue; the question names what the clue stands for."""
    section = wanted.rng.choice(sections())
    row = wanted.rng.choice(section.rows)
    order = wanted.parts["order"]
    name, *names = wanted.people[: 1 + wanted.distractors]
    chosen = wanted.rng.sample(list(_unlike(section.name, row)), wanted.distractors)
    told = [one.needle(other, order, who) for (one, other), who in zip(chosen, names, strict=True)]
    question = section.question(row, wanted.parts["hops"])
    return Fact(question, name, section.needle(row, order, name), wanted.elsewhere(told), tuple(names))


def _unlike(name: str, row: Row) -> Iterator[tuple[Any, Row]]:
    """Yield the associations that are no answer to the questions about one."""
    for section in sections():
        if section.name != name or not section.alone:
            yield from ((section, other) for other in section.rows if not set(row[1:]) & set(other[1:]))


def paraphrase(wanted: Wanted) -> Fact:
    """Somebody did something; the question says it in other words."""
    row, *rows = wanted.rng.sample(paraphrases(), 1 + wanted.distractors)
    order = wanted.parts["order"]
    name, *names = wanted.people[: 1 + wanted.distractors]
    told = [other[order].format(name=who) for other, who in zip(rows, names, strict=True)]
    return Fact(row["question"], name, row[order].format(name=name), wanted.elsewhere(told), tuple(names))


def relation(wanted: Wanted) -> Fact:
    """Somebody has to do with somebody else; others have to do with others in the same way."""
    row, count = wanted.rng.choice(relations()), 1 + wanted.distractors
    form = row[wanted.parts["language"]]
    keys, values = wanted.people[:count], wanted.people[count : 2 * count]
    needle, *told = (form.format(key=key, value=value) for key, value in zip(keys, values, strict=True))
    return Fact(row["question"].format(key=keys[0]), values[0], needle, wanted.elsewhere(told), tuple(values[1:]))


def state(wanted: Wanted) -> Fact:
    """Something changes hands: who has it last, had it first, or had it just before the last one?"""
    row, count = wanted.rng.choice(states()), int(wanted.options["updates"]) + 1
    key, *keys = wanted.places[: 1 + wanted.distractors]
    holders, others = wanted.people[:count], wanted.people[count : count + wanted.distractors]
    told = [_told(row["told"], key, who, when) for who, when in zip(holders, _years(wanted.rng, count), strict=True)]
    asked = {"first": 0, "former": count - 2, "last": count - 1}[wanted.parts["ask"]]
    before, after = _around(wanted, asked, count)
    elsewhere = [
        _told(row["told"], place, who, wanted.rng.between(*YEARS)) for place, who in zip(keys, others, strict=True)
    ]
    return Fact(
        row[wanted.parts["ask"]].format(key=key),
        holders[asked],
        told[asked],
        wanted.elsewhere(elsewhere),
        (*holders[:asked], *holders[asked + 1 :], *others),
        tuple(zip(told[:asked], before, strict=True)),
        tuple(zip(told[asked + 1 :], after, strict=True)),
    )


def _told(form: str, key: str, value: str, year: int) -> str:
    """Say who got something when; the season follows from the year, so that nothing else is drawn."""
    return form.format(key=key, value=value, year=year, season=SEASONS[year % len(SEASONS)])


def _years(rng: Rng, count: int) -> list[int]:
    """Return years in ascending order."""
    years = [rng.between(*YEARS)]
    while len(years) < count:
        years.append(years[-1] + rng.between(1, 9))
    return years


def _around(wanted: Wanted, asked: int, count: int) -> tuple[list[float], list[float]]:
    """Return the depths of what was told before and after what is asked for; ``near`` puts the closest beside it."""
    rng, depth = wanted.rng.fork("around"), wanted.depth
    before = sorted(depth * rng.random() for _ in range(asked))
    after = sorted(depth + (1 - depth) * rng.random() for _ in range(count - 1 - asked))
    if wanted.parts["former"] == "near":
        before[-1:] = [depth] * len(before[-1:])
        after[:1] = [depth] * len(after[:1])
    return before, after


KINDS: Mapping[str, Kind] = {
    "association": Kind(association, ("hops", "order")),
    "paraphrase": Kind(paraphrase, ("order",)),
    "relation": Kind(relation, ("language",)),
    "state": Kind(state, ("ask", "former")),
}

FACTORS: Mapping[str, tuple[str, ...]] = {
    "hops": tuple(HOPS),
    "order": ORDERS,
    "language": LANGUAGES,
    "ask": ("last", "first", "former"),
    "former": ("apart", "near"),
}
"""What each factor may be."""
