"""Contexts of whole units: texts put between units of a corpus, none of which is cut, to an exact length.

Where a sentence more or less does not matter, ``fit`` cuts the last one. Here
every unit counts: turns of a conversation, records that are to be counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.text.measure import Span, count_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.hay.text.measure import Piece

TOLERANCE = 16
"""Tokens by which a prompt may be shorter than asked."""

_LONGEST_FILLER = 400


@dataclass(frozen=True)
class Whole:
    """A stretch of whole units with texts put between.

    Attributes:
        start: First unit of hay, as a unit of the corpus.
        units: How many units of hay.
        positions: For each text put between, how many units of hay stand before it; ascending.
        filler: Words of a last text that brings the length close to what was asked; 0 for none.
    """

    start: int
    units: int
    positions: tuple[int, ...] = ()
    filler: int = 0

    def pieces(self, corpus: Corpus, texts: Sequence[str], fill: Callable[[int], str]) -> list[Piece]:
        """Return hay and texts in order."""
        pieces: list[Piece] = []
        done = 0
        for text, position in zip(texts, self.positions, strict=True):
            pieces += [*self._hay(corpus, done, position), text]
            done = position
        pieces += self._hay(corpus, done, self.units)
        return [*pieces, fill(self.filler)] if self.filler else pieces

    def _hay(self, corpus: Corpus, first: int, last: int) -> list[Piece]:
        span = Span(corpus.unit_start(self.start + first), corpus.unit_start(self.start + last))
        return [span] if span.stop > span.start else []


@dataclass(frozen=True)
class Fitting:
    """Finds how many units make a prompt as long as asked.

    Attributes:
        corpus: The hay.
        header: What stands before it.
        footer: What stands after it, with the beginning of the answer.
        texts: What is put between, in order, each with the end of its line.
        depths: Where, as fractions of the hay's tokens before them; ascending.
        fill: Makes the last text of so many words.
        tokens_a_unit: Roughly; the search takes steps of it.
    """

    corpus: Corpus
    header: str
    footer: str
    texts: tuple[str, ...]
    depths: tuple[float, ...]
    fill: Callable[[int], str]
    tokens_a_unit: int

    def tokens(self, whole: Whole) -> int:
        """Return the exact length of the whole prompt."""
        pieces = whole.pieces(self.corpus, self.texts, self.fill)
        return count_tokens(self.corpus, [self.header, *pieces, self.footer])

    def range(self, whole: Whole) -> tuple[int, int]:
        """Return the unrolled bytes between which the hay lies."""
        return self.corpus.unit_start(whole.start), self.corpus.unit_start(whole.start + whole.units)

    def bare(self) -> int:
        """Return the length without any hay."""
        return self.tokens(Whole(0, 0, (0,) * len(self.texts)))

    def fit(self, start: int, limit: int) -> Whole:
        """Return the longest context that is not longer than asked, and shorter by less than ``TOLERANCE``.

        ``limit`` must be at least ``bare()``.
        """
        return self.filled(self.longest(start, limit), limit)

    def longest(self, start: int, limit: int) -> Whole:
        """Return as many whole units as fit, without a last text."""
        begin = self.corpus.unit_start(start)
        units = max(0, self.corpus.unit_at(self.corpus.advance(begin, limit - self.bare())) - start)
        while units and (over := self.tokens(self._placed(start, units)) - limit) > 0:
            units = max(0, units - max(1, over // self.tokens_a_unit))
        while self.tokens(self._placed(start, units + 1)) <= limit:
            units += 1
        return self._placed(start, units)

    def _placed(self, start: int, units: int) -> Whole:
        """Put each text between the two units that are nearest to its depth."""
        begin, end = self.corpus.unit_start(start), self.corpus.unit_start(start + units)
        total = self.corpus.tokens_before(end) - self.corpus.tokens_before(begin)
        positions = [self._position(start, units, begin, depth * total) for depth in self.depths]
        return Whole(start, units, tuple(positions))

    def _position(self, start: int, units: int, begin: int, before: float) -> int:
        target = self.corpus.advance(begin, before)
        low = min(units, max(0, self.corpus.unit_at(target) - start))
        high = min(units, low + 1)
        gaps = [abs(self.corpus.unit_start(start + place) - target) for place in (low, high)]
        return low if gaps[0] <= gaps[1] else high

    def filled(self, whole: Whole, limit: int) -> Whole:
        """Add a last text where whole units leave a gap; never longer than asked."""
        if limit - self.tokens(whole) < TOLERANCE:
            return whole
        low, high = 0, _LONGEST_FILLER
        while low < high:
            middle = (low + high + 1) // 2
            longer = replace(whole, filler=middle)
            low, high = (middle, high) if self.tokens(longer) <= limit else (low, middle - 1)
        return replace(whole, filler=low)

    def realised_depth(self, whole: Whole, text: int) -> float:
        """Return the fraction of the hay's tokens before a text; 0 where there is no hay."""
        corpus, start = self.corpus, whole.start
        ends = (0, whole.positions[text], whole.units)
        first, place, last = (corpus.tokens_before(corpus.unit_start(start + unit)) for unit in ends)
        return round((place - first) / (last - first), 6) if last > first else 0.0
