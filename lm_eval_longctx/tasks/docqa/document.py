"""A document of exactly the asked length: whole sentences of a chronicle from the beginning of a chapter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.docqa.page import Page

if TYPE_CHECKING:
    from lm_eval_longctx.hay.text.corpus import Corpus

TOLERANCE = 16
"""Tokens by which a prompt may be shorter than asked."""

CLOSING = (
    "Here the copy breaks off, and the leaves that follow are not in this volume. Whoever would read on must ask "
    "for the next one, which stands on the same shelf, is bound in the same grey cloth, and is no lighter to "
    "carry. The copyist begs that the pages be turned with dry hands, that no lamp be set upon them, and that the "
    "book be shut when the reading is done, since light and dust are the two great readers of every library and "
    "neither of them ever learns anything from it. Blots are the fault of the pen, gaps are the fault of the "
    "mice, and all that is tedious is the fault of the weather in which it was written down"
)
"""What fills the last line: it tells nothing."""


class Fitting:
    """Finds how many sentences of a corpus make a prompt as long as asked."""

    def __init__(self, corpus: Corpus, start: int) -> None:
        """Begin at a sentence."""
        self._corpus = corpus
        self._start = start

    def page(self, units: int, question: str) -> Page:
        """Return the prompt with so many sentences and nothing to fill it."""
        return Page(((self._start, self._start + units),) if units else (), "", question)

    def units(self, question: str, limit: int) -> int:
        """Return the largest number of sentences whose prompt is not longer than asked; 0 if not one fits."""
        corpus = self._corpus
        stop = corpus.advance(corpus.unit_start(self._start), limit)
        units = max(0, corpus.unit_at(stop) - self._start)
        while units and (over := self.page(units, question).tokens(corpus) - limit) > 0:
            units -= max(1, over // 48)
        units = max(0, units)
        while self.page(units + 1, question).tokens(corpus) <= limit:
            units += 1
        return units

    def filled(self, page: Page, limit: int) -> Page:
        """Add words that tell nothing where whole sentences leave a gap of more than ``TOLERANCE`` tokens."""
        if limit - page.tokens(self._corpus) < TOLERANCE:
            return page
        words = CLOSING.split(" ")
        low, high = 0, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self._closed(page, words[:middle]).tokens(self._corpus) <= limit
            low, high = (middle, high) if fits else (low, middle - 1)
        return self._closed(page, words[:low]) if low else page

    @staticmethod
    def _closed(page: Page, words: list[str]) -> Page:
        return replace(page, closing="\n\n" + " ".join(words).rstrip(",.") + ".")
