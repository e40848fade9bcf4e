"""The invented land: who lives where, what day it is, what is still to come.

Everything here is bounded: a place holds some two dozen grown people, the land
some two dozen places. People and places that leave the lists are not told of
again, so a chronicle of any length needs the same memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lm_eval_longctx.hay.chronicle.names import Names, welcome
from lm_eval_longctx.hay.chronicle.words import KNOWN, MONTHS, SEASONS, SORTS, number_words, ordinal_digits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.plan import Rng

T = TypeVar("T")

PLACES = 24
ADULTS = 24
CHILDREN = 12
GROWN = 16
STAYS = (*(240,) * 16, *(960,) * 4, *(3840,) * 4)
"""Events that each of the land's places sees before another takes its turn.

Some stay long, so that a text of any length names a place again far from where it is described.
"""

DAYS = 30
_LOOKS = 4
_LATELY, _LATELY_MET = 4, 8
_SALTS = 1440

_WEEKS = ("first", "second", "third", "last")
_DATES = (
    "in {month} of the year {year}",
    "in the {week} week of {month} in the year {year}",
    "on the {day} day of {month} in the year {year}",
    "on the {day} of {month} of the year {year}",
    "on the {day} of {month} in the year {year}",
    "on the {day} of {month} in the year {year}",
)
_FEMALE = {"he": "she", "his": "her", "him": "her", "himself": "herself"}
_MALE = {"he": "he", "his": "his", "him": "him", "himself": "himself"}


class Dice:
    """Many small draws from few large ones, because a draw costs more than a division."""

    __slots__ = ("_below", "_pool")

    _FULL = (1 << 60) - 1
    _LOW = 1 << 28

    def __init__(self, rng: Rng) -> None:
        """Draw from a generator."""
        self._below = rng.below
        self._pool = 0

    def pick(self, n: int) -> int:
        """Return a whole number in [0, n), for n well below a million."""
        pool = self._pool
        if pool < self._LOW:
            pool = self._below(self._FULL)
        self._pool, value = divmod(pool, n)
        return value

    def of(self, items: Sequence[T]) -> T:
        """Return one item of a sequence."""
        return items[self.pick(len(items))]

    def chance(self, percent: int) -> bool:
        """Return true in so many of a hundred cases."""
        return self.pick(100) < percent

    def between(self, low: int, high: int) -> int:
        """Return a whole number in [low, high]."""
        return low + self.pick(high - low + 1)


@dataclass(eq=False)
class Family:
    """A family gives each of its people a given name that no other of them has."""

    name: str
    serial: int

    def christen(self, names: Names, *, woman: bool) -> str:
        """Return the next given name."""
        while True:
            self.serial += 1
            given = names.given(self.serial * 37, woman=woman)
            if welcome(given):
                return given


@dataclass(eq=False)
class Person:
    """Somebody with a full name that nobody else in the chronicle has.

    The flags remember what has been told, since each such thing is told of a
    person at most once: that is what makes questions about it have one answer.
    """

    given: str
    family: Family
    woman: bool
    born: int
    name: str = ""
    trade: str = ""
    spouse: Person | None = None
    office: str = ""
    sued: bool = False
    borrowed: bool = False
    child_in: int = 0
    journeys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Join the names."""
        self.name = f"{self.given} {self.family.name}"


@dataclass(eq=False)
class Treasure:
    """A thing with a name that goes from hand to hand."""

    name: str
    thing: str
    holder: Person
    past: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Place:
    """A town or village."""

    name: str
    sort: str
    founded: int
    known: str
    salt: int
    adults: list[Person] = field(default_factory=list)
    children: list[Person] = field(default_factory=list)
    couples: list[tuple[Person, Person]] = field(default_factory=list)
    treasures: list[Treasure] = field(default_factory=list)
    ships: list[str] = field(default_factory=list)
    officers: dict[str, str] = field(default_factory=dict)
    vacant: list[tuple[str, str]] = field(default_factory=list)
    ruins: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    told_year: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    described: bool = False

    def count(self, kind: str) -> int:
        """Return how many of a kind there were before, and count one more."""
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return number

    def serial(self, kind: str) -> int:
        """Return the number of the next name of a kind; each place begins elsewhere in the list."""
        return self.salt + self.count(kind)

    def first(self, happening: str, year: int) -> bool:
        """Tell whether a yearly happening is new in this year, and note it."""
        if self.told_year != year:
            self.told_year = year
            self.told.clear()
        if happening in self.told:
            return False
        self.told.add(happening)
        return True


class World:
    """The state of the land on one day."""

    def __init__(self, rng: Rng) -> None:
        """Found the land."""
        self.dice = Dice(rng.fork("world"))
        self.names = Names(rng.fork("names"))
        self.year = self.dice.between(212, 871)
        self.day = self.dice.pick(12 * DAYS)
        self.keepers = 0
        self.first_book = self.dice.pick(10_000)
        self.land = self.names.land()
        self.places = [self.settle() for _ in range(PLACES)]
        self.busy: list[Person] = []
        self.new: list[Person] = []
        self._lately: list[int] = []

    @property
    def month(self) -> str:
        """The name of the current month."""
        return MONTHS[self.day // DAYS]

    @property
    def season(self) -> str:
        """``winter``, ``spring``, ``summer`` or ``autumn``."""
        return SEASONS[self.day // DAYS]

    def pass_days(self, days: int) -> None:
        """Let time go by."""
        years, self.day = divmod(self.day + days, 12 * DAYS)
        self.year += years

    def settle(self) -> Place:
        """Return a place that has not been told of."""
        founded = self.year - self.dice.between(20, 190)
        return Place(self.names.place(), self.dice.of(SORTS), founded, self.dice.of(KNOWN), self.dice.pick(_SALTS))

    def visit(self) -> Place:
        """Return the place of the next chapter; places that are told out give way to new ones."""
        where = self._where()
        if self.places[where].counts.get("episodes", 0) > STAYS[where]:
            self.places[where] = self.settle()
        place = self.places[where]
        self._grow_up(place)
        return place

    def _where(self) -> int:
        """Return where to go: often where the chronicle has just been, so that its people soon come back."""
        again = len(self._lately) == _LATELY and self.dice.chance(50)
        where = self.dice.of(self._lately) if again else self.dice.pick(PLACES)
        self._lately = [*self._lately[1 - _LATELY :], where]
        return where

    def other_place(self, place: Place) -> Place:
        """Return another place of the land."""
        at = self.dice.pick(PLACES - 1)
        return self.places[at] if self.places[at] is not place else self.places[PLACES - 1]

    def _grow_up(self, place: Place) -> None:
        grown = [child for child in place.children if self.year - child.born >= GROWN]
        if grown:
            place.children = [child for child in place.children if self.year - child.born < GROWN]
            for person in grown:
                self.admit(place, person)

    def admit(self, place: Place, person: Person) -> None:
        """Let somebody live at a place; where it is full, somebody else is told of no more."""
        if len(place.adults) >= ADULTS:
            place.adults.pop(self.dice.pick(ADULTS // 2))
        place.adults.append(person)

    def person(self, born: int, *, woman: bool, family: Family | None = None) -> Person:
        """Return somebody new, who lives nowhere yet."""
        family = family or Family(self.names.family(), self.dice.pick(100_000))
        return Person(family.christen(self.names, woman=woman), family, woman, born)

    def newcomer(self, place: Place, *, woman: bool | None, oldest: int, kin: bool) -> Person:
        """Return a grown person who has just been heard of, perhaps of a family that is known."""
        dice = self.dice
        woman = dice.chance(50) if woman is None else woman
        family = dice.of(place.adults).family if kin and place.adults and dice.chance(20) else None
        person = self.person(self.year - dice.between(18, oldest), woman=woman, family=family)
        self.admit(place, person)
        self.new.append(person)
        return person

    def begin_scene(self) -> None:
        """Forget who is on stage."""
        self.busy.clear()
        self.new.clear()

    def cast(
        self, place: Place, fits: Callable[[Person], bool] | None = None, *, woman: bool | None = None, oldest: int = 60
    ) -> Person:
        """Return somebody of the place for a part, somebody new if nobody suits.

        Nobody plays two parts in one scene.
        """
        person = self._known(place, fits, woman)
        if person is None:
            person = self.newcomer(place, woman=woman, oldest=oldest, kin=fits is None)
        self.busy.append(person)
        return person

    def _known(self, place: Place, fits: Callable[[Person], bool] | None, woman: bool | None) -> Person | None:
        adults = place.adults
        if len(adults) < _LOOKS or self.dice.chance(25):
            return None
        first = max(0, len(adults) - _LATELY_MET) if self.dice.chance(50) else 0
        for _ in range(_LOOKS):
            person = adults[first + self.dice.pick(len(adults) - first)]
            right = (woman is None or person.woman is woman) and person not in self.busy
            if right and (fits is None or fits(person)):
                return person
        return None

    def date(self) -> str:
        """Return today as an adverb that names month and year: ``on the 14th of Haymonth in the year 412``."""
        day = self.day % DAYS + 1
        week = _WEEKS[min(day // 8, 3)]
        return self.dice.of(_DATES).format(day=ordinal_digits(day), week=week, month=self.month, year=self.year)

    def occasion(self, who: Person, place: Place, **more: str) -> dict[str, str]:
        """Return the slots that every plan may use, and more."""
        pronouns = _FEMALE if who.woman else _MALE
        return {
            "who": who.name,
            "given": who.given,
            **pronouns,
            "place": place.name,
            "year": str(self.year),
            "month": self.month,
            "season": self.season,
            "date": self.date(),
            **more,
        }

    def words(self, low: int, high: int) -> tuple[str, str]:
        """Return a number in [low, high] as digits and as words."""
        number = self.dice.between(low, high)
        return str(number), number_words(number)
