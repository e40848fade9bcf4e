"""Who watches a film at front doors: answers questions from what is on the pictures that are shown, and nothing else.

The viewer sees of each picture what anybody would: the house, its door, and who or what is before it. It knows the
questions' words, and nothing of how films or questions are made.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.hay.day.doors import HOUSES, LASTS, Doors, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True)
class Sight:
    """What is seen once.

    Attributes:
        begins: The second at which it begins, told by how far on its way it is.
        what: ``in``, ``out`` or ``pass``.
        who: The person, if it is one.
        thing: What is carried, or passes by.
        house: Before which.
    """

    begins: float
    what: str
    who: str
    thing: str
    house: str


def _a(thing: tuple[str, str] | None) -> str:
    return f"{'an' if thing[0][0] in 'aeiou' else 'a'} {' '.join(thing)}" if thing else ""


def _happens(day: Doors, moment: float) -> tuple[float, str, str, str] | None:
    found = day.event_at(moment)
    if found is None:
        return None
    start, event = found
    if not isinstance(event, Visit):
        return start, "pass", "", _a(event.thing)
    hat = "with" if event.who.hat else "without"
    coming = start == event.comes
    person = f"the person in the {event.who.shirt} shirt {hat} a hat"
    return start, ("in" if coming else "out"), person, _a(event.brings if coming else event.takes)


def watch(day: Doors, moments: Iterable[float]) -> tuple[list[Sight], dict[str, list[str]]]:
    """Return what is seen at some moments: sights in order, and the colours of each house's door."""
    sights: dict[Sight, None] = {}
    doors: dict[str, list[str]] = {house: [] for house in HOUSES}
    for moment in moments:
        view = day.scene_at(moment)
        house = HOUSES[view.house]
        doors[house] += [view.door] if doors[house][-1:] != [view.door] else []
        found = _happens(day, moment)
        if found is not None:
            sights[Sight(*found, house)] = None
    return list(sights), doors


def answer(day: Doors, moments: Iterable[float], text: str, options: Sequence[str]) -> str:
    """Return the option that a viewer of these moments takes; the first one where nothing tells."""
    sights, doors = watch(day, moments)
    came = {s.who: s for s in sights if s.what == "in"}
    went = {s.who: s for s in sights if s.what == "out"}
    pattern, read = next((p, r) for p, r in _READINGS if re.search(p, text))
    found = re.search(pattern, text)
    said = read(Seen(sights, doors, came, went, options), *(found.groups() if found else ()))
    chosen = _nearest(said, options) if isinstance(said, (int, float)) else said
    return chosen if chosen in options else options[0]


@dataclass(frozen=True)
class Seen:
    """All that was seen, and what is offered.

    Attributes:
        sights: In order.
        doors: The colours of each house's door, in order.
        came: Who was seen going in.
        went: Who was seen coming out.
        options: Of the question.
    """

    sights: Sequence[Sight]
    doors: dict[str, list[str]]
    came: dict[str, Sight]
    went: dict[str, Sight]
    options: Sequence[str]


def _count(seen: Seen, thing: str) -> int:
    return sum(s.what == "pass" and s.thing == thing for s in seen.sights)


def _order(seen: Seen, which: str) -> str | None:
    known = [option for option in seen.options if option in seen.came]
    return (min if which == "first" else max)(known, key=lambda who: seen.came[who].begins, default=None)


def _change(seen: Seen, house: str, when: str, known: str) -> str | None:
    pairs = list(itertools.pairwise(seen.doors[house]))
    told = {after: before for before, after in pairs} if when == "before" else dict(pairs)
    return told.get(known)


def _stay(seen: Seen, who: str) -> float | None:
    return seen.went[who].begins - seen.came[who].begins - LASTS if who in seen.came and who in seen.went else None


def _carried(seen: Seen, who: str) -> str | None:
    return seen.went[who].thing if who in seen.went else None


def _left(seen: Seen) -> str | None:
    left = {s.thing for s in seen.came.values()} - {s.thing for s in seen.went.values()}
    return next((option for option in seen.options if option in left), None)


def _inside(seen: Seen, house: str) -> int:
    return sum(s.house == house and who not in seen.went for who, s in seen.came.items())


_READINGS: tuple[tuple[str, Callable[..., Any]], ...] = (
    (r"How many times does (.+) pass by", _count),
    (r"goes into a house (first|last)", _order),
    (r"door of the (\w+) house have directly (before|after) it is (\w+)", _change),
    (r"About how long is (.+) in the", _stay),
    (r"What does (.+) carry when coming out", _carried),
    (r"carried into a house and never carried out", _left),
    (r"How many people go into the (\w+) house", _inside),
)


def _nearest(number: float, options: Sequence[str]) -> str:
    return min(options, key=lambda option: abs(_number(option) - number))


def _number(option: str) -> float:
    value, _, unit = option.partition(" ")
    return float(value) * {"minutes": 60, "hours": 3600}.get(unit, 1)
