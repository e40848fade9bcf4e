"""Names made by a seeded grammar: people, families, places and treasures.

Every list is numbered. ``family(i)`` and its like are one-to-one: different
numbers give different names, for ever and without remembering any, because
the parts of a name can be told apart again (runs of consonants and of vowels
alternate, and no ending is the tail of another). Each kind has endings of its
own, so a family is never spelt like a place.
"""

from __future__ import annotations

from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.plan import Rng

ONSETS = "b br c d dr f g gr h j k l m n p pr r s st t tr v w th cr pl st w fl".split()
NUCLEI = "a e i o u y ea".split()
MIDDLES = "b d l m n r s t v ld lm ln lv nd nn rd rl rn rr rt rv sk ss st th tt v z dr nth br mm lt rm ll".split()

WOMEN = "a e ia eth ine ova ilde esse".split()
MEN = "an ec or ick un ald o imer".split()
FAMILIES = "ow ell ard orne ash ane ove isk uck ey ond elow amoor idge ant ole abrook eward imar oll".split()
JOINTS = "en er el ing on a".split()
PLACES = "ford wick mere holm stead combe haven gate bury dale moor fell march thorpe well cliff low hurst".split()
LANDS = "mark avia undy enland orris athe".split()
TREASURES = "une ithil anor esque olin ael urost avane imont ycor".split()

# Spellings that would make a reader start, in a name that only meant to be a name.
_UNWELCOME = tuple("rap nig cun fuc fuk shi tit dic coc pis ass sex fag jew naz hit dea die kil".split())


def _distinct(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parts))


class NameList:
    """One numbered list of names in an order that belongs to the seed."""

    def __init__(self, rng: Rng, parts: Sequence[Sequence[str]], joiner: str) -> None:
        """Lay out the list.

        Args:
            rng: Gives the order.
            parts: What each position of the name may be.
            joiner: What joins two names when the list is used up, such as
                ``"-"``; thus the list never ends.
        """
        self._parts = [_distinct(p) for p in parts]
        self._joiner = joiner
        self._step = rng.below(self.size) | 1
        while gcd(self._step, self.size) != 1:
            self._step += 2
        self._start = rng.below(self.size)

    @cached_property
    def size(self) -> int:
        """How many names there are before two are joined."""
        product = 1
        for part in self._parts:
            product *= len(part)
        return product

    def __getitem__(self, number: int) -> str:
        """Return the name with a number, 0 or above."""
        again, place = divmod(number, self.size)
        name = self._spell((self._start + place * self._step) % self.size)
        return name if not again else f"{name}{self._joiner}{self[again - 1]}"

    def _spell(self, code: int) -> str:
        letters = []
        for part in self._parts:
            code, chosen = divmod(code, len(part))
            letters.append(part[chosen])
        return "".join(letters).capitalize()


def welcome(name: str) -> bool:
    """Tell whether a name holds no spelling that would make a reader start."""
    lowered = name.lower()
    return not any(bad in lowered for bad in _UNWELCOME)


class Names:
    """All name lists of one chronicle."""

    def __init__(self, rng: Rng) -> None:
        """Seed the lists; two chronicles with other seeds have other names."""
        roots = (ONSETS, NUCLEI, MIDDLES)
        self._women = NameList(rng.fork("women"), (*roots, WOMEN), "-")
        self._men = NameList(rng.fork("men"), (*roots, MEN), "-")
        self._families = NameList(rng.fork("families"), (*roots, FAMILIES), "-")
        self._places = NameList(rng.fork("places"), (*roots, JOINTS, PLACES), "-over-")
        self._lands = NameList(rng.fork("lands"), (*roots, LANDS), "-")
        self._treasures = NameList(rng.fork("treasures"), (*roots, TREASURES), "-")
        self._next: dict[str, int] = {}

    def given(self, number: int, *, woman: bool) -> str:
        """Return a given name; a family uses each number once."""
        names = self._women if woman else self._men
        return names[number % names.size]

    @property
    def given_size(self) -> int:
        """How many given names there are for women, and for men."""
        return min(self._women.size, self._men.size)

    def family(self) -> str:
        """Return a family name that this chronicle has not used."""
        return self._unused("family", self._families)

    def place(self) -> str:
        """Return a place name that this chronicle has not used."""
        return self._unused("place", self._places)

    def land(self) -> str:
        """Return a name for a land."""
        return self._unused("land", self._lands)

    def treasure(self) -> str:
        """Return a treasure's name that this chronicle has not used."""
        return self._unused("treasure", self._treasures)

    def serial(self, kind: str) -> int:
        """Return how many of a kind were named before, and count one more."""
        number = self._next.get(kind, 0)
        self._next[kind] = number + 1
        return number

    def _unused(self, kind: str, names: NameList) -> str:
        while not welcome(name := names[self.serial(kind)]):
            pass
        return name
