"""The script of a film at four front doors: who goes in and comes out with what, what passes by, how doors change.

Nothing in such a film can be read. The camera looks at one house after the
other, again and again; people are told apart by shirt and hat. All that happens
lies in a window of the film, which may be all of it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.day.script import CARRIED, COLOURS, SHIRTS, Counted, Pass, Thing
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1
"""Raised when the same name may give another film."""

SHORTEST = 1200
"""Seconds of film in which all that happens finds room."""

LASTS = 8
"""Seconds that somebody is seen going in or coming out, and that something takes to pass by."""

PASSERS = ("bus", "car", "dog")
HOUSES = ("yellow", "white", "pink", "blue")
"""Colours of the houses' walls, by which questions name them."""

VISITORS = 4
"""How many people go into each house."""

STAYS = (0.03, 0.06, 0.12, 0.24, 0.48)
"""Shares of the window for which somebody may stay: so far apart that nobody need measure."""

_LIKE = 0.2
"""By how much a stay may differ from one of these."""

_SLOT = 10
_ROUNDS = 6
_DOORS = 4
_LONGEST_VIEW = 1800
_COUNTED, _RANGE, _TRIES = 2, 5, 100


@dataclass(frozen=True)
class Person:
    """Somebody, told apart from all others.

    Attributes:
        shirt: Its colour.
        hat: Whether a black hat is worn.
    """

    shirt: str
    hat: bool

    @property
    def named(self) -> str:
        """How questions name the person."""
        return f"the person in the {self.shirt} shirt {'with' if self.hat else 'without'} a hat"


@dataclass(frozen=True)
class Visit:
    """Somebody's only visit.

    Attributes:
        who: The person.
        house: Its number.
        comes: The second at which the person is first seen.
        brings: What is carried in.
        goes: The second at which the person is first seen coming out; ``None`` where nobody sees that.
        takes: What is carried out.
        stay: Which of ``STAYS`` lies between going in and coming out.
    """

    who: Person
    house: int
    comes: int
    brings: Thing
    goes: int | None = None
    takes: Thing | None = None
    stay: int | None = None


@dataclass(frozen=True)
class View:
    """The camera at one house.

    Attributes:
        number: From 0.
        start: Seconds from the film's start.
        seconds: How long.
        house: Which one is seen.
        door: The colour of its door.
    """

    number: int
    start: int
    seconds: int
    house: int
    door: str


@dataclass(frozen=True)
class Doors:
    """A whole script.

    Attributes:
        name: Films of different names have nothing in common.
        seconds: How long the film is.
        window: First second in which something happens, and the second after the last.
        views: In order; together they fill the film.
        visits: In the order of coming.
        counted: What questions may ask the number of.
        events: Visits (those who come out again twice) and what passes by, each with its second, in order.
    """

    name: str
    seconds: int
    window: tuple[int, int]
    views: tuple[View, ...]
    visits: tuple[Visit, ...]
    counted: tuple[Counted, ...]
    events: tuple[tuple[int, Visit | Pass], ...]

    def scene_at(self, seconds: float) -> View:
        """Return the view that is on at a moment."""
        return self.views[bisect_right(self.views, seconds, key=lambda view: view.start) - 1]

    def event_at(self, seconds: float) -> tuple[int, Visit | Pass] | None:
        """Return what happens at a moment, with the second at which it begins."""
        at = bisect_right(self.events, seconds, key=lambda event: event[0]) - 1
        return self.events[at] if at >= 0 and seconds - self.events[at][0] < LASTS else None


def write_doors(name: str, seconds: int, spread: float = 1.0) -> Doors:
    """Write the script of a film.

    Args:
        name: Seeds everything.
        seconds: How long the film is.
        spread: Share of the film in which all that is asked about happens; where that lies is drawn.

    Raises:
        LengthError: That is less than ``SHORTEST``.
    """
    length = round(seconds * spread)
    if length < SHORTEST:
        least = math.ceil(SHORTEST / spread)
        raise LengthError(f"a film of {seconds} s is too short for its visits; ask for {least}s or more")
    name = f"doors {VERSION}|{name}|{spread:g}"
    rng = Rng(f"{name}|{seconds}")
    first = rng.fork("window").below(seconds - length + 1)
    window = (first, first + length)
    drafts = (
        # Other guests only where these find no room: what they do is drawn evenly
        _laid(rng.fork(f"try {n}"), _guests(rng.fork(f"guests {n // _TRIES}")), seconds, window)
        for n in range(_TRIES * _TRIES)
    )
    laid = next(filter(None, drafts), None)
    if laid is None:
        raise LengthError(f"no way was found to let all come and go in {length} s; ask for a longer film")
    views, slots, visits = laid
    counted, passes = _passes(rng.fork("passes"), [slot for free in slots for slot in free])
    happening: list[tuple[int, Visit | Pass]] = [(one.start, one) for one in passes]
    happening += [(at, visit) for visit in visits for at in (visit.comes, visit.goes) if at is not None]
    events = tuple(sorted(happening, key=lambda event: event[0]))
    return Doors(name, seconds, window, views, visits, counted, events)


def _views(rng: Rng, seconds: int, window: tuple[int, int]) -> tuple[View, ...]:
    """Let the camera go from house to house, in rounds; a door has another colour only when it is seen again."""
    long = min(_LONGEST_VIEW, (window[1] - window[0]) // (len(HOUSES) * _ROUNDS))
    count = seconds // long
    starts = [i * seconds // count for i in range(count + 1)]
    order: list[int] = []
    while len(order) < count:
        fresh = rng.sample(range(len(HOUSES)), len(HOUSES))
        order += reversed(fresh) if order and fresh[0] == order[-1] else fresh
    doors = [
        _doors(rng, house, [starts[i] for i in range(count) if order[i] == house], window)
        for house in range(len(HOUSES))
    ]
    spans = itertools.pairwise(starts)
    return tuple(
        View(i, begin, end - begin, house, doors[house][begin])
        for i, (house, (begin, end)) in enumerate(zip(order, spans, strict=False))
    )


def _doors(rng: Rng, house: int, starts: Sequence[int], window: tuple[int, int]) -> dict[int, str]:
    """Return the colour of a house's door in each of its views, none again once it is gone."""
    colours = rng.sample([colour for colour in COLOURS if colour != HOUSES[house]], _DOORS)
    inside = [start for start in starts[1:] if window[0] < start < window[1]]
    changes = sorted(rng.sample(inside, min(len(inside), _DOORS - 1)))
    return {start: colours[bisect_right(changes, start)] for start in starts}


def _slots(rng: Rng, views: Sequence[View], window: tuple[int, int]) -> list[list[int]]:
    """Return for each house the seconds at which something may begin there, in step with no way of sampling."""
    slots: list[list[int]] = [[] for _ in HOUSES]
    for view in views:
        first, last = max(view.start, window[0]) + rng.below(_SLOT), min(view.start + view.seconds, window[1]) - LASTS
        slots[view.house] += range(first, last + 1, _SLOT)
    return slots


def _guests(rng: Rng) -> list[Visit]:
    """Draw who comes to which house, stays how long, and carries what; when is not yet known."""
    people = [Person(shirt, hat) for shirt in SHIRTS for hat in (False, True)]
    while any(who.shirt == HOUSES[number // VISITORS] for number, who in enumerate(people)):
        rng.shuffle(people)  # nobody is seen before a wall of the same colour
    things = [(colour, kind) for colour in COLOURS for kind in CARRIED]
    rng.shuffle(things)
    staying = rng.sample(range(VISITORS + 1), len(HOUSES))
    guests, leavers = [], 0
    for number, who in enumerate(people):
        house, place = divmod(number, VISITORS)
        visit = Visit(who, house, 0, _thing(things, house))
        if place >= staying[house]:
            leavers += 1
            # Every third who leaves takes something else: what these, and who stays, brought is left behind.
            takes = visit.brings if leavers % 3 else _thing(things, house)
            visit = replace(visit, takes=takes, stay=rng.below(len(STAYS)))
        guests.append(visit)
    return guests


def _thing(left: list[Thing], house: int) -> Thing:
    """Take a thing that nobody else carries, and that stands out before a wall."""
    return left.pop(next(i for i, (colour, _) in enumerate(left) if colour != HOUSES[house]))


def _laid(
    rng: Rng, guests: Sequence[Visit], seconds: int, window: tuple[int, int]
) -> tuple[tuple[View, ...], list[list[int]], tuple[Visit, ...]] | None:
    """Draw what the camera sees when, and let the guests come and go in its sight; ``None`` if that cannot be.

    What was drawn of the guests stays: were another length of stay taken where one does not fit, some would be rare.
    """
    views = _views(rng, seconds, window)
    slots = _slots(rng, views, window)
    visits = []
    for guest in sorted(guests, key=lambda one: one.stay or 0):  # short stays fit least often
        if guest.stay is not None:
            found = _pair(rng, slots[guest.house], STAYS[guest.stay] * (window[1] - window[0]))
            if found is None:
                return None
            visits.append(replace(guest, comes=found[0], goes=found[1]))
    visits += [replace(guest, comes=_taken(rng, slots[guest.house])) for guest in guests if guest.stay is None]
    return views, slots, tuple(sorted(visits, key=lambda visit: visit.comes))


def _pair(rng: Rng, free: list[int], wanted: float) -> tuple[int, int] | None:
    """Take two seconds of one house with so long a stay between them."""
    for comes in rng.sample(free, min(len(free), _TRIES)):
        low = bisect_right(free, comes + LASTS + (1 - _LIKE) * wanted)
        high = bisect_right(free, comes + LASTS + (1 + _LIKE) * wanted)
        if low < high:
            goes = free[low + rng.below(high - low)]
            free.remove(comes)
            free.remove(goes)
            return comes, goes
    return None


def _taken(rng: Rng, free: list[int]) -> int:
    return free.pop(rng.below(len(free)))


def _passes(rng: Rng, free: list[int]) -> tuple[tuple[Counted, ...], list[Pass]]:
    """Spread what passes by: two things so often, and two of the same kind in other colours once each."""
    rng.shuffle(free)
    kinds = rng.sample(PASSERS, _COUNTED)
    counted, things = [], []
    for kind in kinds:
        colour, *others = rng.sample(COLOURS, 1 + _COUNTED)
        lowest = rng.below(_RANGE)
        counted.append(Counted((colour, kind), lowest, lowest + rng.below(_RANGE)))
        things += [(colour, kind)] * counted[-1].count + [(other, kind) for other in others]
    return tuple(counted), [Pass(thing, at, bool(rng.below(2))) for thing, at in zip(things, free, strict=False)]
