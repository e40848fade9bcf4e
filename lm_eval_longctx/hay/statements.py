"""Hay of statements: small made worlds without end, whose statements are told in one another's midst.

The worlds of the hay and the one that is asked about are of the same make, and
only their names tell them apart. All names have seven letters and one form, so
none is part of another; the hay has one half of them and questions the other.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache, partial
from itertools import count
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.chronicle.names import NameList, welcome
from lm_eval_longctx.hay.text.sources import FixedSource
from lm_eval_longctx.hay.text.splitting import LINES, PIECES
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    World = Callable[[Rng, Iterator[str]], Sequence[str]]
    """Makes the statements of one small world, in any order; takes its names one after the other."""

_CONSONANTS, _VOWELS, _LAST = "bdfgklmnprstvz", "aeiou", "bgkmvz"
"""What names are made of: hardly an English word of this form ends with one of these six letters."""

PATTERN = f"[{_CONSONANTS.upper()}]" + f"[{_VOWELS}][{_CONSONANTS}]" * 2 + f"[{_VOWELS}][{_LAST}]"
"""What all names look like."""

NAME = re.compile(rf"\b{PATTERN}\b")
NAME_IN_BYTES = re.compile(NAME.pattern.encode())

_LIVE = 24
"""How many worlds are told at a time."""

_PARAGRAPH = 4, 9
_SHUFFLED = 4096
"""Names that are used in random order: neighbours of the list are alike."""


@lru_cache(maxsize=1)
def _names() -> NameList:
    parts = [_CONSONANTS, _VOWELS] * 3 + [_LAST]
    return NameList(Rng("invented names"), [list(part) for part in parts], "")


def hay_names(rng: Rng) -> Iterator[str]:
    """Yield the names of hay; they begin again after 900,000, which no context has."""
    names = _names()
    for first in count(0, _SHUFFLED):
        numbers = list(range(first, first + _SHUFFLED))
        rng.shuffle(numbers)
        for number in numbers:
            if welcome(name := names[number % (names.size // 2)]):
                yield name


def drawn_names(rng: Rng, taken: Collection[str] = ()) -> Iterator[str]:
    """Yield different names at random that the hay of statements never has."""
    names, seen = _names(), set(taken)
    half = names.size // 2
    while True:
        name = names[half + rng.below(names.size - half)]
        if welcome(name) and name not in seen:
            seen.add(name)
            yield name


def worlds_told(world: World, seed: str) -> Iterator[str]:
    """Yield the statements of world after world, those of some at a time, in random order."""
    rng = Rng(f"statements|{seed}")
    names = hay_names(rng.fork("names"))
    telling: list[list[str]] = [[] for _ in range(_LIVE)]
    for number in count():
        told = telling[rng.below(_LIVE)]
        if not told:
            told += world(rng.fork(str(number)), names)
            rng.shuffle(told)
        yield told.pop()


def statements(name: str, argument: str, world: World, version: str, *, lines: bool = False) -> FixedSource:
    """Return the endless hay of worlds of one make.

    Args:
        name: As users spell it.
        argument: What stands after the colon: a whole number, which is its seed.
        world: Makes one.
        version: Names the make; changes whenever the same seed would give other statements.
        lines: Whether each statement is a line of its own; otherwise they are prose.

    Raises:
        ConfigError: The argument is no whole number.
    """
    if argument and not argument.isdecimal():
        raise ConfigError(f"{name} takes a whole number as its seed, not {argument!r}: {name}:7")
    seed = f"{name}|{version}|{int(argument or 0)}"
    texts = partial(_lines if lines else _prose, world, seed)
    spec = f"{name}:{argument}" if argument else name
    digest = hashlib.sha256(f"statements\0{seed}\0{lines}".encode()).hexdigest()
    return FixedSource(spec, digest, texts, LINES if lines else PIECES, endless=True, even=True)


def _lines(world: World, seed: str) -> Iterator[str]:
    return (f"{statement}\n" for statement in worlds_told(world, seed))


def _prose(world: World, seed: str) -> Iterator[str]:
    """Yield a sentence at a time, with the white space before it."""
    rng, left = Rng(f"paragraphs|{seed}"), 0
    for statement in worlds_told(world, seed):
        left = left - 1 if left else rng.between(*_PARAGRAPH)
        yield f" {statement}" if left else f"\n\n{statement}"
