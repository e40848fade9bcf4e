"""Telling: from a bank of plans and an occasion to a sentence."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.grammar import Bank, expand, load_banks
from lm_eval_longctx.hay.chronicle.words import FEW, number_words
from lm_eval_longctx.hay.chronicle.world import Dice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.hay.chronicle.names import Names
    from lm_eval_longctx.plan import Rng


_BITS = 26
_MASK = (1 << _BITS) - 1


class Guard:
    """A Bloom filter of 8 MiB over sentences.

    It may take a new sentence for an old one (one in a million after 500,000
    sentences), which costs another wording; it never takes an old one for a
    new one. After ``CAPACITY`` sentences, some 100 million tokens, it starts
    afresh.
    """

    CAPACITY = 1 << 22

    __slots__ = ("_bits", "_seen")

    def __init__(self) -> None:
        """Start empty."""
        self._bits = bytearray(1 << (_BITS - 3))
        self._seen = 0

    def fresh(self, sentence: str) -> bool:
        """Tell whether a sentence is new, and remember it."""
        code = int.from_bytes(hashlib.blake2b(sentence.encode(), digest_size=13).digest(), "little")
        bits = self._bits
        new = False
        for _ in range(4):
            place = code & _MASK
            flag = 1 << (place & 7)
            if not bits[place >> 3] & flag:
                bits[place >> 3] |= flag
                new = True
            code >>= _BITS
        self._count(new)
        return new

    def _count(self, new: bool) -> None:
        self._seen += new
        if self._seen >= self.CAPACITY:
            self._bits = bytearray(len(self._bits))
            self._seen = 0


TRIES = 6
_DOZENS = [number_words(n) for n in range(12, 96)]


@lru_cache(maxsize=1)
def banks() -> dict[str, Bank]:
    """Return all banks; read once in a process."""
    return load_banks()


class Teller:
    """Chooses plans so that none comes again before all of its bank have come."""

    def __init__(self, rng: Rng, names: Names) -> None:
        """Start telling.

        Args:
            rng: Chooses words.
            names: Names bystanders.
        """
        dice = Dice(rng)
        self.pick = dice.pick
        self._names = names
        self._banks = banks()
        self._bags: dict[str, list[int]] = {}
        self._guard = Guard()
        self._occasion: Mapping[str, str] = {}

    def say(self, bank: str, occasion: Mapping[str, str]) -> str | None:
        """Return a sentence that was never told before.

        ``None`` if several attempts gave only sentences that were told before.
        """
        for _ in range(TRIES):
            if self._guard.fresh(text := self.phrase(bank, occasion)):
                return text
        return None

    def phrase(self, bank: str, occasion: Mapping[str, str]) -> str:
        """Return a text of a bank, whether or not it was told before."""
        self._occasion = occasion
        chosen = self._banks[bank]
        out: list[str] = []
        expand(chosen.plans[self._next_plan(chosen)], occasion, self, out)
        return "".join(out)

    def draw(self, slot: str) -> str:
        """Fill a gap that is drawn anew each time."""
        if slot == "aname":
            return self._names.given(self.pick(50_000), woman=self.pick(2) == 1)
        if slot == "few":
            return FEW[self.pick(len(FEW))]
        if slot == "dozen":
            return _DOZENS[self.pick(len(_DOZENS))]
        out: list[str] = []
        plans = self._banks[f"phrases.weather_{self._occasion['season']}"].plans
        expand(plans[self.pick(len(plans))], self._occasion, self, out)
        return "".join(out)

    def _next_plan(self, bank: Bank) -> int:
        """Take the next plan from the bank's bag; fill and shake the bag when it is empty."""
        bag = self._bags.get(bank.name)
        if not bag:
            bag = self._bags[bank.name] = list(range(len(bank.plans)))
            for i in range(len(bag) - 1, 0, -1):
                j = self.pick(i + 1)
                bag[i], bag[j] = bag[j], bag[i]
        return bag.pop()
