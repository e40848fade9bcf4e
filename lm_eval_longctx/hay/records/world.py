"""What happened: records without end, each a pure function of a seed and its number.

Records come in blocks; a block is drawn from a generator of its own, so that
any stretch can be read without what stands before it, and a stretch of any
length takes the memory of one block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.world import Dice
from lm_eval_longctx.hay.records.words import (
    BOATS,
    CLEAR,
    FAMILIES,
    GIVEN,
    GOODS,
    ITEMS,
    LISTS,
    MISHEARD,
    PLACES,
    STATES,
)
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = "2"
"""Raised whenever a world would have other records; names the text together with the wording's own."""

BLOCK = 64
_KEPT = 512
"""Blocks that a world keeps: about a million tokens of text, which every question about them reads several times."""

DAYS_A_BLOCK = 4
TRADES = ("delivery", "sale", "loan", "loss", "order")
"""Kinds of records about goods: somebody, an amount of something, a place."""

STATE = "state"
"""The kind of records about an item's condition."""

EDITS = ("enter", "strike", "head")
"""Kinds of records about a list of boats: put at its end, taken off, put at its head."""

PEOPLE, SITES, WARES, THINGS, FLEET, ROLLS = 8, 6, 8, 12, 24, 3
AMOUNTS = range(2, 10)

_OPENING, _MINUTES = 7 * 60, 12 * 60
"""The first minute of a day in which anything is recorded, and how many there are."""

_TRADE, _STATE_SHARE, _EDIT_SHARE = 16, 5, 4
_HEAVY, _MIDDLE, _LIGHT = 4, 3, 2


@dataclass(frozen=True)
class Record:
    """Something that happened.

    Attributes:
        number: From 0 over the whole world.
        day: A date's proleptic ordinal (``datetime.date.fromordinal``).
        minute: Of the day; records never go back in time.
        kind: One of ``TRADES``, ``STATE`` or one of ``EDITS``.
        who: A person.
        what: A ware, an item or a boat.
        where: A place, or a list of boats; empty for the condition of an item.
        amount: How many measures of the ware; 0 where there is none.
        state: The item's condition from now on; empty for other records.
    """

    number: int
    day: int
    minute: int
    kind: str
    who: str
    what: str
    where: str = ""
    amount: int = 0
    state: str = ""

    @property
    def date(self) -> date:
        """The day as a date."""
        return date.fromordinal(self.day)


class World:
    """Who and what a seed's records name, and the records themselves.

    Within each list of names the first third is drawn four times for every
    two of the last third: there are several leaders whose counts lie close
    together, so that nobody can tell the most frequent from a sample. Of the
    items each comes half as often as the one before it: at any length there
    is one with about as many records as somebody wants.

    Attributes:
        people: Full names, or given names alone where they are to be said.
        places: Where things are done.
        goods: Wares.
        items: What has a condition; each half as often as the one before it.
        boats: What is entered on lists.
        lists: Lists of boats.
        first_day: No record is older.
        block: Returns the records of a block by its number, in order of time; those of a million tokens are kept.
    """

    def __init__(self, seed: str, *, said: bool = False) -> None:
        """Draw the names.

        Args:
            seed: Any text.
            said: Whether they are to be said: people have given names alone, and only what is heard right is named.
        """
        self.identity = f"records|{VERSION}|{seed}"
        rng = Rng(self.identity)
        given, families = rng.sample(CLEAR if said else GIVEN, PEOPLE), rng.sample(FAMILIES, PEOPLE)
        unsaid = MISHEARD if said else frozenset()
        full = [f"{first} {last}" for first, last in zip(given, families, strict=True)]
        self.people = tuple(given if said else full)
        self.places = tuple(rng.sample([place for place in PLACES if place not in unsaid], SITES))
        self.goods = tuple(rng.sample([ware for ware in sorted(GOODS) if ware not in unsaid], WARES))
        self.items = tuple(rng.sample(ITEMS, THINGS))
        self.boats = tuple(rng.sample(BOATS, FLEET))
        self.lists = tuple(rng.sample(LISTS, ROLLS))
        self.first_day = date(rng.between(1890, 1990), 1, 1).toordinal() + rng.below(365)
        self._wheels = {
            "kind": (*TRADES, *TRADES[:3]),
            "who": wheel(self.people),
            "where": wheel(self.places),
            "what": wheel(self.goods),
        }
        self.block = lru_cache(maxsize=_KEPT)(self._block)

    def _block(self, number: int) -> tuple[Record, ...]:
        dice = Dice(Rng(f"{self.identity}|block {number}"))
        times = sorted(dice.pick(DAYS_A_BLOCK * _MINUTES) for _ in range(BLOCK))
        day = self.first_day + number * DAYS_A_BLOCK
        return tuple(
            self._record(number * BLOCK + i, day + time // _MINUTES, _OPENING + time % _MINUTES, dice)
            for i, time in enumerate(times)
        )

    def records(self, start: int, stop: int) -> Iterator[Record]:
        """Yield the records with the numbers from ``start`` to before ``stop``."""
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            yield from self.block(block)[max(0, start - first) : stop - first]

    def _record(self, number: int, day: int, minute: int, dice: Dice) -> Record:
        draw, wheels = dice.pick(_TRADE + _STATE_SHARE + _EDIT_SHARE), self._wheels
        who = dice.of(wheels["who"])
        if draw < _TRADE:
            kind, where, what = dice.of(wheels["kind"]), dice.of(wheels["where"]), dice.of(wheels["what"])
            return Record(number, day, minute, kind, who, what, where, AMOUNTS[dice.pick(len(AMOUNTS))])
        if draw < _TRADE + _STATE_SHARE:
            rare = dice.pick(1 << (THINGS - 1))
            item = self.items[THINGS - 1 - rare.bit_length()]
            return Record(number, day, minute, STATE, who, item, state=dice.of(STATES))
        # Boats are entered more often than struck off, or the lists would be nearly empty.
        kind = EDITS[(0, 0, 0, 1, 1, 2)[dice.pick(6)]]
        return Record(number, day, minute, kind, who, dice.of(self.boats), dice.of(self.lists))


def wheel(names: Sequence[str]) -> tuple[str, ...]:
    """Return each name as often as its weight: four for the first third, two for the last, three between."""
    third = len(names) // 3
    weights = [_HEAVY] * third + [_MIDDLE] * (len(names) - 2 * third) + [_LIGHT] * third
    return tuple(name for name, weight in zip(names, weights, strict=True) for _ in range(weight))
