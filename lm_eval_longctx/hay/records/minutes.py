"""Records to be read out: drawn again and again from a stock of statements, so that hours need minutes of speech.

Speaking takes time, so a recording has few different statements, and each may
be made many times: every time is an entry of its own. The stock holds each
name as often as its weight says, so that leaders stay close at any length. A
day is announced by its number before its first entry.
"""

from __future__ import annotations

from dataclasses import replace

from lm_eval_longctx.hay.chronicle.world import Dice
from lm_eval_longctx.hay.records.wording import SPOKEN_FORM, day_heading, statement
from lm_eval_longctx.hay.records.words import STATES
from lm_eval_longctx.hay.records.world import AMOUNTS, BLOCK, STATE, TRADES, Record, World, wheel
from lm_eval_longctx.plan import Rng

VERSION = "1"
"""Raised whenever the same recording would have other entries."""

TRADED, REPORTED = 72, 24
"""Statements about goods, a common multiple of all weights, and about items."""

_ITEMS = (0, 0, 0, 1, 1, 2)


class Minutes(World):
    """A world whose records are drawn from a stock of spoken statements.

    Attributes:
        stock: The different statements; their numbers are their places in it.
        a_day: How many entries a day has.
    """

    def __init__(self, seed: str, a_day: int) -> None:
        """Draw names and stock.

        Args:
            seed: Any text.
            a_day: How many entries a day has.
        """
        super().__init__(seed, said=True)
        self.a_day = a_day
        rng = Rng(f"{self.identity}|minutes {VERSION}")
        self.stock = (*self._trades(rng), *self._reports(rng))

    def _trades(self, rng: Rng) -> list[Record]:
        columns = []
        for weighted in ((*TRADES, *TRADES[:3]), wheel(self.people), wheel(self.goods), wheel(self.places)):
            column = list(weighted) * (TRADED // len(weighted))
            rng.shuffle(column)
            columns.append(column)
        rows = zip(*columns, strict=True)
        return [
            Record(n, 1, 0, kind, who, what, where, AMOUNTS[rng.below(len(AMOUNTS))])
            for n, (kind, who, what, where) in enumerate(rows)
        ]

    def _reports(self, rng: Rng) -> list[Record]:
        return [
            Record(
                TRADED + n,
                1,
                0,
                STATE,
                rng.choice(self.people),
                self.items[_ITEMS[n % len(_ITEMS)]],
                state=STATES[n // len(_ITEMS)],
            )
            for n in range(REPORTED)
        ]

    def drawn(self, number: int) -> list[int]:
        """Return the places in the stock of a block's entries."""
        dice = Dice(Rng(f"{self.identity}|minutes {VERSION}|{number}"))
        return [dice.pick(len(self.stock)) for _ in range(BLOCK)]

    def _block(self, number: int) -> tuple[Record, ...]:
        first = number * BLOCK
        return tuple(
            replace(self.stock[place], number=first + i, day=1 + (first + i) // self.a_day)
            for i, place in enumerate(self.drawn(number))
        )

    def sentences(self, number: int) -> list[str]:
        """Return what is said for an entry: the statement, after the day if it is the day's first."""
        place = self.drawn(number // BLOCK)[number % BLOCK]
        told = statement(self.stock[place], SPOKEN_FORM)
        return [day_heading(1 + number // self.a_day), told] if number % self.a_day == 0 else [told]
