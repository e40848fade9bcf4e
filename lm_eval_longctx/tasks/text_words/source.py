"""Long lists of words: which words, how often each, and in which order."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from operator import add
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import CorpusError, LengthError
from lm_eval_longctx.hay.text.fit import TOLERANCE
from lm_eval_longctx.plan import added

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.hay.text.sources import TextSource
    from lm_eval_longctx.plan import Rng

DOTS = "..."
ASKED = 3
"""How many coded words are asked for."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CODED_LETTERS = 6
_MANY = 10_000
"""Ranks, beyond which hardly a word stands."""

_ROUNDS = 12
_READ = 500_000
"""Characters of a text whose words are taken."""

_WORD = re.compile(r"(?<![\w'-])[^\W\d_]{4,14}(?![\w'-])")


def words_of(source: TextSource, without: str) -> tuple[str, ...]:
    """Return the words at the beginning of a text that are not written with a capital, in the order of the alphabet.

    A word that is part of another is left out (*cooper* beside *coopers*), for
    measures look for a word's letters anywhere in an answer.

    Args:
        source: The text.
        without: A text whose words are left out: the question.

    Raises:
        CorpusError: The text has hardly any.
    """
    found: set[str] = set()
    size = 0
    for text in source.texts():
        found.update(word for word in _WORD.findall(text) if word == word.lower())
        size += len(text)
        if size > _READ:
            break
    joined = "\n".join(sorted(found))
    words = tuple(word for word in sorted(found) if joined.count(word) == 1 and word not in without.lower())
    if len(words) < 100:  # noqa: PLR2004 - fewer make no list
        raise CorpusError(f"the haystack {source.spec} has {len(words)} words in small letters, too few for a list")
    return words


@dataclass(frozen=True)
class CommonList:
    """Some words of a text stand often, all others seldom (RULER's common words).

    Attributes:
        words: All words there are, in random order: first those that stand often.
        common: How many do.
        often: How often.
        seldom: How often others stand.
        rng: Decides the order of the list.
        times: By what all stand more often, where words run out.
    """

    numbered: ClassVar[bool] = True
    words: Sequence[str]
    common: int
    often: int
    seldom: int
    rng: Rng
    times: int = 1

    def sized(self, entries: int) -> CommonList:
        """Return the same list with words as often as so many entries need."""
        whole = self.common * self.often + (len(self.words) - self.common) * self.seldom
        return replace(self, times=max(1, -(-entries // whole)))

    @property
    def least(self) -> int:
        """Entries without which it is no list."""
        return self.common * (self.often + self.seldom) * self.times

    def counts(self, entries: int) -> dict[str, int]:
        """Return how often each word stands in so many entries."""
        often, seldom = self.often * self.times, self.seldom * self.times
        full, rest = divmod(entries - self.common * often, seldom)
        others = self.words[self.common : self.common + full + 1]
        found = dict.fromkeys(self.words[: self.common], often) | dict.fromkeys(others[:full], seldom)
        return {**found, others[full]: rest} if rest else found

    def right(self) -> list[str]:
        """Return the words that are asked for."""
        return list(self.words[: self.common])

    def text(self, entries: int, *, mixed: bool = True) -> str:
        """Return the list, numbered; without ``mixed`` in the order of ``counts``, which takes as many bytes."""
        return " ".join(map(add, _numbers(entries), _entries(self, entries, mixed=mixed)))


@dataclass(frozen=True)
class CodedList:
    """Made words that are the rarer the further down they rank, as in a language (RULER's frequent words).

    The most frequent are dots, which do not count.

    Attributes:
        alpha: How fast: the word of rank ``k`` stands ``k ** -alpha`` as often as the first.
        rng: Decides the words and their order.
    """

    alpha: float
    rng: Rng

    def sized(self, entries: int) -> CodedList:  # noqa: ARG002 - there are words enough
        """Return itself."""
        return self

    @property
    def least(self) -> int:
        """Entries with which the last word that is asked for stands more often than the next one."""
        return _least(self.alpha)

    def counts(self, entries: int) -> dict[str, int]:
        """Return how often each word stands in so many entries, the most frequent first."""
        times = _times(self.alpha, entries)
        return {DOTS: entries - sum(times), **dict(zip(self._words(len(times)), times, strict=True))}

    def _words(self, number: int) -> list[str]:
        rng = self.rng.fork("words")
        drawn = dict.fromkeys("".join(rng.choice(_LETTERS) for _ in range(_CODED_LETTERS)) for _ in range(2 * number))
        return list(drawn)[:number]

    def right(self) -> list[str]:
        """Return the words that are asked for."""
        return self._words(ASKED)

    def text(self, entries: int, *, mixed: bool = True) -> str:
        """Return the words one after the other; without ``mixed`` in the order of ``counts``."""
        return " ".join(_entries(self, entries, mixed=mixed))


@lru_cache(maxsize=16)
def _numbers(entries: int) -> list[str]:
    return [f"{number}. " for number in range(1, entries + 1)]


@lru_cache(maxsize=64)
def _times(alpha: float, entries: int) -> tuple[int, ...]:
    """Return how often each coded word stands in so many entries, by rank: samples of a length ask for the same."""
    shares = [rank**-alpha for rank in range(1, entries + 1)]
    whole = added(shares)
    return tuple(takewhile(bool, (int(entries * share / whole) for share in shares[1:])))


@lru_cache(maxsize=64)
def _least(alpha: float) -> int:
    whole = added(rank**-alpha for rank in range(1, _MANY))
    apart: float = (ASKED + 1) ** -alpha - (ASKED + 2) ** -alpha
    return math.ceil(whole / apart)


def _entries(listed: CommonList | CodedList, entries: int, *, mixed: bool) -> list[str]:
    """Return all entries, in random order or in that of the words."""
    found = list(Counter(listed.counts(entries)).elements())
    if mixed:
        listed.rng.fork("order").shuffle(found)
    return found


def fitted(
    listed: CommonList | CodedList, limit: int, tokens: Callable[[str], int]
) -> tuple[CommonList | CodedList, int, int]:
    """Return the list, with how many entries a prompt is as long as asked and not longer, and its tokens.

    Args:
        listed: The list.
        limit: Tokens of the whole prompt, at most.
        tokens: Counts those of the prompt with a list's text.

    Raises:
        LengthError: There is no room for the shortest list.
    """
    bare, low = tokens(""), listed.least
    size = tokens(listed.text(low))
    if size > limit:
        raise LengthError(
            f"{limit} tokens are too few: question and shortest list take {size}; "
            "ask for context_lengths above that, or for words that stand less often"
        )
    listed = listed.sized(int((limit - bare) * low / (size - bare)))  # numbers get longer: rather too many
    low, size = listed.least, tokens(listed.text(listed.least))
    high, over = 0, 0  # the shortest list known to be too long, and its tokens
    for _ in range(_ROUNDS):
        if limit - size < TOLERANCE or high == low + 1:
            break
        each = (over - size) / (high - low) if high else (size - bare) / low
        guess = low + max(1, int((limit - size) / each))
        guess = min(guess, high - 1) if high else guess
        counted = tokens(listed.text(guess))
        if counted > limit:
            high, over = guess, counted
        else:
            low, size = guess, counted
    return listed, low, size
