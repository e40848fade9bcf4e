"""Small worlds: rooms with locked doors, trucks with routes of their own, blocks, calendars, and trips.

Each makes a world at random and tells its facts; what is to be reached is
chosen by searching, so that the shortest plan has exactly as many steps as
were asked for; a trip is made around a plan, and every plan has a step a city.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.statements import drawn_names
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.scorers.strips import Action, Fact, World
from lm_eval_longctx.tasks.text_plan.words import GOALS, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lm_eval_longctx.scorers.strips import Step

ROOMS = {
    "go": Action.of("FROM TO", "at FROM, open FROM TO", "at TO", "at FROM"),
    "take": Action.of("THING ROOM", "at ROOM, lies THING ROOM, free", "held THING", "lies THING ROOM, free"),
    "drop": Action.of("THING ROOM", "at ROOM, held THING", "lies THING ROOM, free", "held THING"),
    "unlock": Action.of("KEY FROM TO", "at FROM, held KEY, fits KEY FROM TO", "open FROM TO, open TO FROM", ""),
}
TRUCKS = {
    "drive": Action.of("TRUCK FROM TO", "at TRUCK FROM, route TRUCK FROM TO", "at TRUCK TO", "at TRUCK FROM"),
    "load": Action.of(
        "PARCEL TRUCK PLACE", "at TRUCK PLACE, lies PARCEL PLACE", "on PARCEL TRUCK", "lies PARCEL PLACE"
    ),
    "unload": Action.of(
        "PARCEL TRUCK PLACE", "at TRUCK PLACE, on PARCEL TRUCK", "lies PARCEL PLACE", "on PARCEL TRUCK"
    ),
}
BLOCKS = {
    "pick": Action.of("BLOCK", "table BLOCK, clear BLOCK, free", "held BLOCK", "table BLOCK, clear BLOCK, free"),
    "put": Action.of("BLOCK", "held BLOCK", "table BLOCK, clear BLOCK, free", "held BLOCK"),
    "lift": Action.of(
        "BLOCK LOWER",
        "on BLOCK LOWER, clear BLOCK, free",
        "held BLOCK, clear LOWER",
        "on BLOCK LOWER, clear BLOCK, free",
    ),
    "stack": Action.of(
        "BLOCK LOWER",
        "held BLOCK, clear LOWER, flat LOWER",
        "on BLOCK LOWER, clear BLOCK, free",
        "held BLOCK, clear LOWER",
    ),
}

_BUSY_TOO = 0.3
"""How often somebody has something to do in an hour that does not suit another."""

_MORE_FLIGHTS = 0.3
"""How often two cities that need no flight have one."""

_LONGEST_STAY = 4
"""Days."""

TRIPS = {
    "start": Action.of(
        "CITY LAST", "fresh, stay CITY 1 LAST, unseen CITY", "out CITY LAST, been CITY", "fresh, unseen CITY"
    ),
    "fly": Action.of(
        "FROM TO DAY LAST",
        "out FROM DAY, flight FROM TO, stay TO DAY LAST, unseen TO",
        "out TO LAST, been TO",
        "out FROM DAY, unseen TO",
    ),
}

MEETINGS = {"meet": Action.of("DAY HOUR", "all DAY HOUR", "met", "")}

Told = tuple[str, tuple[str, ...]]
"""A statement: its form, and the names in it."""


@dataclass(frozen=True)
class Made:
    """A world as it is told.

    Attributes:
        kind: One of ``KINDS``.
        told: All that is stated of it.
        who: Who acts, where somebody does.
        plan: The plan around which it was made, where it was.
    """

    kind: str
    told: tuple[Told, ...]
    who: str = ""
    plan: tuple[Step, ...] = ()

    def world(self, told: Sequence[Told] | None = None) -> World:
        """Return what can be done, by all that is stated or by some of it; what is not told is not so."""
        actions, facts = _KINDS[self.kind]
        return World(actions, frozenset(facts(self.told if told is None else told)))


def make(kind: str, rng: Rng, names: Iterator[str]) -> Made:
    """Make a world of a kind at random."""
    return _MAKERS[kind](rng, names)


def goal_after(made: Made, steps: int, rng: Rng) -> tuple[World, list[Step]] | None:
    """Return a world with a goal that takes exactly so many steps, and a shortest plan; ``None`` if there is none."""
    world = made.world()
    if made.plan:
        _, state = world.run(made.plan)
        return replace(world, goal=frozenset(fact for fact in state if fact[0] in _GOALS[made.kind])), list(made.plan)
    seen: set[Fact] = set(world.start)
    found: dict[Fact, list[Step]] = {}
    for way, state in world.search(steps):
        new = {fact for fact in state - seen if fact[0] in _GOALS[made.kind]}
        seen |= new
        if len(way) == steps:
            found.update(dict.fromkeys(sorted(new), way))
    if not found:
        return None
    goal = rng.choice(sorted(found))
    return replace(world, goal=frozenset((goal,))), found[goal]


def with_goal(kind: str, steps: int, rng: Rng) -> tuple[Made, World, list[Step]]:
    """Make worlds until one has a goal that takes exactly so many steps."""
    names = drawn_names(rng.fork("names"))
    while True:
        made = make(kind, rng, names)
        if found := goal_after(made, steps, rng):
            return made, *found


def worded(told: Told) -> str:
    """Return a fact in one of its wordings, always the same one."""
    form, names = told
    return Rng("|".join(names)).choice(STATEMENTS[form]).format(*names)


def told_goal(made: Made, world: World) -> str:
    """Return what is to be reached, in words."""
    goal = min(world.goal)  # of a trip all its cities, which are not named again
    keys = {words[0] for form, words in made.told if form == "key"}
    kind = ("key " if goal[1] in keys else "crate ") if made.kind == "rooms" and goal[0] == "lies" else ""
    return kind + GOALS[f"{made.kind} {goal[0]}"].format(*goal[1:], who=made.who)


_GOALS = {"rooms": ("at", "lies"), "trucks": ("lies",), "blocks": ("on",), "meetings": ("met",), "trips": ("been",)}


def _rooms(rng: Rng, names: Iterator[str]) -> Made:
    rooms = [next(names) for _ in range(rng.between(6, 7))]
    things = [next(names) for _ in range(2)]
    told: list[Told] = []
    locked = set(rng.sample(range(1, len(rooms)), 2))
    for number in range(1, len(rooms)):
        pair = rooms[rng.below(number)], rooms[number]
        if number in locked:
            key = next(names)
            # A key lies where one gets before its door: in a room with a lower number.
            told += [("locked", (*pair, key)), ("key", (key, rooms[rng.below(number)]))]
        else:
            told.append(("open", pair))
    told += [("crate", (thing, rng.choice(rooms))) for thing in things]
    who = next(names)
    return Made("rooms", (*told, ("robot", (who, rooms[0]))), who)


def _room_facts(told: Sequence[Told]) -> Iterator[Fact]:
    yield ("free",)
    for form, words in told:
        if form == "open":
            yield from (("open", *words), ("open", *reversed(words)))
        elif form == "locked":
            a, b, key = words
            yield from (("fits", key, a, b), ("fits", key, b, a))
        elif form == "robot":
            yield ("at", words[1])
        else:
            yield ("lies", *words)


def _trucks(rng: Rng, names: Iterator[str]) -> Made:
    places = [next(names) for _ in range(7)]
    trucks = [next(names) for _ in range(2)]
    parcels = [next(names) for _ in range(2)]
    told: list[Told] = []
    # Two districts that share one place: what goes from one to the other changes trucks there.
    for truck, district in zip(trucks, (places[:4], places[3:]), strict=True):
        ring = rng.sample(district, len(district))
        told += [("route", (truck, a, b)) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
        if rng.random() < 0.5:  # noqa: PLR2004 - every second one
            told.append(("route", (truck, ring[2], ring[1])))
        told.append(("truck", (truck, rng.choice(district))))
    for parcel in parcels:
        aboard = rng.below(3) == 0
        told.append(("aboard", (parcel, rng.choice(trucks))) if aboard else ("parcel", (parcel, rng.choice(places))))
    return Made("trucks", tuple(told))


def _truck_facts(told: Sequence[Told]) -> Iterator[Fact]:
    names = {"route": "route", "truck": "at", "aboard": "on", "parcel": "lies"}
    return ((names[form], *words) for form, words in told)


def _blocks(rng: Rng, names: Iterator[str]) -> Made:
    blocks = [next(names) for _ in range(6)]
    pointed = rng.choice(blocks)
    towers: list[list[str]] = []
    for block in blocks:
        lower = [tower for tower in towers if tower[-1] != pointed]
        if lower and rng.below(3):
            rng.choice(lower).append(block)
        else:
            towers.append([block])
    told: list[Told] = [("pointed", (pointed,))]
    for tower in towers:
        told.append(("table", (tower[0],)))
        told += [("stands", (upper, under)) for under, upper in pairwise(tower)]
    return Made("blocks", tuple(told))


def _block_facts(told: Sequence[Told]) -> Iterator[Fact]:
    yield ("free",)
    blocks = dict.fromkeys(word for form, words in told for word in words if form != "pointed")
    under = {words[1] for form, words in told if form == "stands"}
    pointed = {words[0] for form, words in told if form == "pointed"}
    for form, words in told:
        if form != "pointed":
            yield ("on" if form == "stands" else "table", *words)
    yield from (("clear", block) for block in blocks if block not in under)
    yield from (("flat", block) for block in blocks if block not in pointed)


def _meetings(rng: Rng, names: Iterator[str]) -> Made:
    """Make calendars with one to three hours that suit everybody, each hour equally likely."""
    people = [next(names) for _ in range(rng.between(2, 3))]
    slots = [(day, hour) for day in DAYS for hour in range(len(HOURS))]
    suits = rng.sample(slots, rng.between(1, 3))
    told: list[Told] = [("guest", (person,)) for person in people]
    taken = {slot: rng.choice(people) for slot in slots if slot not in suits}
    for person in people:
        for day in DAYS:
            others = {hour for hour in range(len(HOURS)) if (day, hour) in taken and rng.random() < _BUSY_TOO}
            hours = others | {hour for (on, hour), who in taken.items() if (on, who) == (day, person)}
            begins, ends = (sorted(hour for hour in hours if hour + step not in hours) for step in (-1, 1))
            told += [("busy", (person, day, _clock(a), _clock(b + 1))) for a, b in zip(begins, ends, strict=True)]
    return Made("meetings", tuple(told))


def _meeting_facts(told: Sequence[Told]) -> Iterator[Fact]:
    busy = [words[1:] for form, words in told if form == "busy"]
    for day in DAYS:
        for hour in HOURS:
            if not any(on == day and begin <= hour < end for on, begin, end in busy):
                yield ("all", day, hour)


def _trips(rng: Rng, names: Iterator[str]) -> Made:
    """Make a trip around an order of cities: flights along it and some more, and fairs that fix some of the days."""
    cities = [next(names) for _ in range(rng.between(4, 6))]
    told: list[Told] = []
    plan: list[Step] = []
    day, fairs = 1, set(rng.sample(range(len(cities)), 2))
    for number, city in enumerate(cities):
        days = rng.between(2, _LONGEST_STAY)
        last = day + days - 1
        told.append(("city", (city, str(days))))
        if number in fairs:
            begins = rng.between(day, last - 1)
            told.append(("event", (city, str(begins), str(rng.between(begins + 1, last)))))
        plan.append(("fly", cities[number - 1], city, str(day), str(last)) if plan else ("start", city, str(last)))
        day = last
    flown = [
        (city, further)
        for number, city in enumerate(cities)
        for steps, further in enumerate(cities[number + 1 :], 1)
        if steps == 1 or rng.random() < _MORE_FLIGHTS
    ]
    told += [("flight", tuple(rng.sample(pair, 2))) for pair in flown]
    return Made("trips", tuple(told), plan=tuple(plan))


def _trip_facts(told: Sequence[Told]) -> Iterator[Fact]:
    """Yield flights both ways, and when each city can be reached and left: days, fairs and the trip's end say."""
    days = {words[0]: int(words[1]) for form, words in told if form == "city"}
    fairs = {words[0]: (int(words[1]), int(words[2])) for form, words in told if form == "event"}
    end = sum(days.values()) - len(days) + 1
    yield ("fresh",)
    for form, words in told:
        if form == "flight":
            yield from (("flight", *words), ("flight", *reversed(words)))
    for city, count in days.items():
        begins, ends = fairs.get(city, (end, 1))
        yield ("unseen", city)
        for first in range(1, end - count + 2):
            if first <= begins and first + count - 1 >= ends:
                yield ("stay", city, str(first), str(first + count - 1))


def _clock(number: int) -> str:
    return f"{10 + number}:00"


DAYS = ("Monday", "Tuesday")
HOURS = tuple(map(_clock, range(8)))
"""When a meeting of an hour may begin; all have two digits, so that they sort as they come."""

_KINDS: dict[str, tuple[Mapping[str, Action], Callable[[Sequence[Told]], Iterator[Fact]]]] = {
    "rooms": (ROOMS, _room_facts),
    "trucks": (TRUCKS, _truck_facts),
    "blocks": (BLOCKS, _block_facts),
    "meetings": (MEETINGS, _meeting_facts),
    "trips": (TRIPS, _trip_facts),
}
_MAKERS: dict[str, Callable[[Rng, Iterator[str]], Made]] = {
    "rooms": _rooms,
    "trucks": _trucks,
    "blocks": _blocks,
    "meetings": _meetings,
    "trips": _trips,
}
KINDS = tuple(_KINDS)
"""All kinds; of calendars and trips only a whole one can be asked about: a fact that is missing makes more possible."""

SPREAD_KINDS = KINDS[:3]
