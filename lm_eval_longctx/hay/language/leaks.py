"""Keeps test sentences out of the context: dictionaries quote their examples, and grammars do too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NGRAM = 6
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SEAMS = str.maketrans("", "", "-=~∼·")
"""What grammars write between the parts of a word in examples; a sentence quoted with them is still the sentence."""


def words(text: str) -> list[str]:
    """Return lower-case words without punctuation: what counts when texts are compared."""
    return [found.group().lower() for found in _WORD.finditer(text.translate(_SEAMS))]


def grams(text: str) -> Iterator[tuple[str, ...]]:
    """Yield all runs of six words; a shorter text is one run."""
    told = words(text)
    for start in range(max(1, len(told) - NGRAM + 1)):
        yield tuple(told[start : start + NGRAM])


class HeldOut:
    """The test sentences of a sweep, in both languages."""

    def __init__(self, sentences: Iterable[str]) -> None:
        """Remember the sentences' runs of words.

        Args:
            sentences: Sources and references; empty ones are left out.
        """
        runs = {gram for sentence in sentences if words(sentence) for gram in grams(sentence)}
        self._long = {run for run in runs if len(run) == NGRAM}
        self._short = runs - self._long
        self._lengths = sorted({len(run) for run in self._short})

    def gives_away(self, *texts: str) -> bool:
        """Whether any text shares six words in a row with a test sentence, or is one (for shorter sentences)."""
        return any(self._hits(words(text)) for text in texts)

    def _hits(self, told: list[str]) -> bool:
        if any(tuple(told[i : i + NGRAM]) in self._long for i in range(len(told) - NGRAM + 1)):
            return True
        return len(told) in self._lengths and tuple(told) in self._short

    def contains(self, text: str) -> bool:
        """Whether a longer text holds six words in a row of a test sentence, or a whole shorter one."""
        told = words(text)
        sizes = [NGRAM, *self._lengths]
        return any(
            tuple(told[i : i + size]) in (self._long if size == NGRAM else self._short)
            for size in sizes
            for i in range(len(told) - size + 1)
        )
