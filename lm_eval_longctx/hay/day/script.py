"""The script of a day: scenes one after the other, who is where with what, and what passes by.

A day is a function of a name and a duration. Within a day every person keeps
the colour of the shirt, every scene begins at a clock time of its own, and in
one scene no two people carry the same thing. That is what makes questions have
exactly one answer.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.film.needles import WORDS
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1
"""Raised when the same name may give another day."""

SHORTEST = 90
"""Seconds that a day needs at least."""

CAPTION = 4
"""Seconds for which a scene's clock time and place stand at its beginning."""

PASSING = 5
"""Seconds that something takes to pass by, pause included."""

TITLES = {
    "market": "Market",
    "station": "Station",
    "room": "Living room",
    "kitchen": "Kitchen",
    "meadow": "Garden",
    "sea": "Seaside",
    "forest": "Forest",
    "city": "High street",
    "hills": "Hills",
    "mountains": "Lake",
    "fields": "Farm",
    "desert": "Desert",
    "night": "Back street",
    "mural": "Painted wall",
}
"""What the places of ``backdrops`` are called in a day."""

SHIRTS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white")
CARRIED = ("ball", "balloon", "book", "chair", "cup", "guitar", "kite", "lamp", "suitcase", "umbrella")
PASSERS = ("bicycle", "bus", "car", "dog")
SOUNDS = ("bell", "horn", "whistle", "drum")
DOINGS = {
    "standing": "stands still",
    "walking": "walks on the spot",
    "waving": "waves with one arm",
    "sitting": "sits",
    "jumping": "jumps",
}
"""What people do, by the pose of ``actors``."""

_CAST = 6
_SHORTEST_SCENE, _LONGEST_SCENE, _SCENES = 15, 60, 12
_DAY_BEGINS, _DAY_ENDS = 6 * 60, 23 * 60
_RANGE = 5

Thing = tuple[str, str]
"""A colour and what it is."""


@dataclass(frozen=True)
class Role:
    """A person in a scene.

    Attributes:
        shirt: The colour that names the person all day.
        doing: A key of ``DOINGS``.
        thing: What is beside the person.
    """

    shirt: str
    doing: str
    thing: Thing


@dataclass(frozen=True)
class Pass:
    """Something that goes through the picture once.

    Attributes:
        thing: Its colour and kind.
        start: Seconds from the film's start.
        left_to_right: Which way.
    """

    thing: Thing
    start: int
    left_to_right: bool


@dataclass(frozen=True)
class Counted:
    """Something whose passes are asked for.

    The count was drawn from ``lowest`` to ``lowest + 4``, each equally likely:
    five options that begin at ``lowest`` say nothing about the right one.

    Attributes:
        thing: Its colour and kind.
        lowest: The smallest count that it could have had.
        count: How often it passes by in the whole film.
    """

    thing: Thing
    lowest: int
    count: int


@dataclass(frozen=True)
class Heard:
    """A sound that is heard now and then, to be counted as things are.

    Attributes:
        sound: One of ``SOUNDS``.
        lowest: The smallest count that it could have had.
        times: Seconds from the film's start, ascending.
    """

    sound: str
    lowest: int
    times: tuple[int, ...]


@dataclass(frozen=True)
class Scene:
    """One place for some time.

    Attributes:
        number: From 0.
        start: Seconds from the film's start.
        seconds: How long.
        place: A key of ``TITLES``.
        clock: Such as ``14:20``; each scene has its own, rising.
        roles: Who is there.
        sign: The word on a sign, or nothing.
        passes: What goes by, in order.
    """

    number: int
    start: int
    seconds: int
    place: str
    clock: str
    roles: tuple[Role, ...]
    sign: str
    passes: tuple[Pass, ...]

    @property
    def sign_from(self) -> float:
        """Seconds from the film's start at which the sign appears."""
        return self.start + max(CAPTION, self.seconds / 3)

    @property
    def sign_until(self) -> float:
        """Seconds from the film's start at which the sign is gone."""
        return self.sign_from + max(5, self.seconds / 4)

    @property
    def caption(self) -> str:
        """What is written at the scene's beginning."""
        return f"{self.clock}  {TITLES[self.place]}"

    @property
    def named(self) -> str:
        """How questions refer to the scene."""
        return f"the scene that begins at {self.clock} ({TITLES[self.place]})"


@dataclass(frozen=True)
class Day:
    """A whole script.

    Attributes:
        name: Days of different names have nothing in common.
        seconds: How long the film is.
        scenes: In order; together they fill it.
        counted: What questions may ask the number of.
        heard: What the sound track holds.
    """

    name: str
    seconds: int
    scenes: tuple[Scene, ...]
    counted: tuple[Counted, ...]
    heard: tuple[Heard, ...]

    def scene_at(self, seconds: float) -> Scene:
        """Return the scene that is on at a moment."""
        return next(s for s in reversed(self.scenes) if s.start <= seconds or s.number == 0)


def write_day(name: str, seconds: int) -> Day:
    """Write the script of a day.

    Args:
        name: Seeds everything.
        seconds: How long the film is.

    Raises:
        LengthError: It is shorter than ``SHORTEST``.
    """
    if seconds < SHORTEST:
        raise LengthError(f"a day of {seconds} s is too short for its questions; ask for {SHORTEST}s or more")
    rng = Rng(f"day {VERSION}|{name}|{seconds}")
    long = max(_SHORTEST_SCENE, min(_LONGEST_SCENE, seconds // _SCENES))
    count = seconds // long
    starts = [round(i * seconds / count) for i in range(count + 1)]
    clocks = _clocks(rng.fork("clocks"), count)
    places = _places(rng.fork("places"), count)
    cast = rng.fork("cast").sample(SHIRTS, _CAST)
    counted, passes = _passes(rng.fork("passes"), starts)
    scenes = [
        Scene(i, begin, end - begin, places[i], clocks[i], *_filling(rng.fork(f"scene {i}"), cast), passes[i])
        for i, (begin, end) in enumerate(itertools.pairwise(starts))
    ]
    return Day(name, seconds, tuple(scenes), counted, _heard(rng.fork("sounds"), seconds))


def _clocks(rng: Rng, count: int) -> list[str]:
    """Draw rising clock times, on five minutes where there is room."""
    step = 5 if count <= (_DAY_ENDS - _DAY_BEGINS) // 10 else 1
    minutes = sorted(rng.sample(range(_DAY_BEGINS, _DAY_ENDS, step), count))
    return [f"{m // 60:02d}:{m % 60:02d}" for m in minutes]


def _places(rng: Rng, count: int) -> list[str]:
    """Draw places, never the same twice in a row, none again before all were seen."""
    names: list[str] = []
    while len(names) < count:
        fresh = rng.sample(list(TITLES), len(TITLES))
        if names and fresh[0] == names[-1]:
            fresh.reverse()
        names += fresh
    return names[:count]


def _filling(rng: Rng, cast: Sequence[str]) -> tuple[tuple[Role, ...], str]:
    """Draw a scene's people, with different things and doings, and its sign."""
    people = rng.sample(cast, rng.between(2, 3))
    doings, kinds = rng.sample(list(DOINGS), len(people)), rng.sample(CARRIED, len(people))
    roles = tuple(Role(p, d, (rng.choice(COLOURS), k)) for p, d, k in zip(people, doings, kinds, strict=True))
    return roles, rng.choice(WORDS) if rng.below(3) else ""


def _passes(rng: Rng, starts: Sequence[int]) -> tuple[tuple[Counted, ...], list[tuple[Pass, ...]]]:
    """Spread what passes by over all scenes: some things up to nine times, others once."""
    slots = [
        (scene, at)
        for scene, (begin, end) in enumerate(itertools.pairwise(starts))
        for at in range(begin + CAPTION, end - PASSING + 1, PASSING)
    ]
    rng.shuffle(slots)
    every = [(colour, kind) for colour in COLOURS for kind in PASSERS]
    rng.shuffle(every)
    counted = _counted(rng, every, len(slots))
    things = [c.thing for c in counted for _ in range(c.count)]
    things += every[len(counted) : len(counted) + len(slots) // 4]
    by_scene: list[list[Pass]] = [[] for _ in starts[1:]]
    for thing, (scene, at) in zip(things, slots, strict=False):
        by_scene[scene].append(Pass(thing, at, bool(rng.below(2))))
    return counted, [tuple(sorted(passes, key=lambda p: p.start)) for passes in by_scene]


def _counted(rng: Rng, every: Sequence[Thing], slots: int) -> tuple[Counted, ...]:
    """Draw what is counted, as much as surely finds room."""
    counted: list[Counted] = []
    for thing in every[:8]:
        room = slots - sum(c.count for c in counted)
        if room < _RANGE - 1:
            break
        lowest = rng.between(0, min(_RANGE, room - _RANGE + 1))
        counted.append(Counted(thing, lowest, lowest + rng.below(_RANGE)))
    return tuple(counted)


def _heard(rng: Rng, seconds: int) -> tuple[Heard, ...]:
    """Spread sounds over the film, two seconds apart."""
    slots = list(range(1, seconds - 2, 2))
    rng.shuffle(slots)
    heard = []
    for sound in SOUNDS:
        lowest = rng.below(_RANGE)
        count = lowest + rng.below(_RANGE)
        heard.append(Heard(sound, lowest, tuple(sorted(slots[:count]))))
        slots = slots[count:]
    return tuple(heard)
