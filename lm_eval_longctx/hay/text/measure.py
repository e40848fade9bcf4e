"""Exact token counts of contexts, tokenising only around the joints.

A context is a list of pieces: ranges of a corpus, and text between them. A
range's inside is counted already; a window from the last safe place before a
joint to the first one after it is tokenised with its real neighbourhood.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Union

import numpy as np

from lm_eval_longctx.hay.text.index import MARGIN
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.hay.text.store import TextStore


BLOCK = 1 << 18
"""Bytes of a corpus that make one part: cut at the same places in every prompt, so that parts can be told equal."""


def text_parts(corpus: Corpus, pieces: Iterable[Piece]) -> Iterator[TextPart]:
    """Yield text as it is and hay in blocks, marked as shared; the hay is decoded but never held twice."""
    for piece in pieces:
        if isinstance(piece, str):
            yield TextPart(piece)
        else:
            yield from _blocks(corpus, piece)


def _blocks(corpus: Corpus, span: Span) -> Iterator[TextPart]:
    store = corpus.store
    for low, high in corpus.spans(*span):
        while low < high:
            stop = min(high, store.snap((low // BLOCK + 1) * BLOCK))
            stop = stop if stop > low else high
            yield _block(store, low, stop)
            low = stop  # noqa: PLW2901 - walks through the range


@lru_cache(maxsize=32)
def _block(store: TextStore, low: int, stop: int) -> TextPart:
    """Decode a block; the last 8 MB stay, with their digests, for the next prompt of the same hay."""
    return TextPart("".join(str(view, "utf-8") for view in store.views(low, stop)), shared=True)


class Span(NamedTuple):
    """A range of a corpus in unrolled bytes; its ends lie between characters."""

    start: int
    stop: int


Piece = Union[str, Span]


class _Window:
    """Text that is being put together for counting."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._text = bytearray()
        self._counted_from = 0
        self.total = 0

    def add_text(self, text: str) -> None:
        self._text += text.encode()

    def add_range(self, low: int, high: int) -> None:
        """Add a range of the stored text, leaving out its inside where that is known."""
        store, inside = self._corpus.store, self._corpus.exact(low, high, MARGIN)
        if inside is None:
            self._text += store.read(low, high)
            return
        (first, tokens_first), (last, tokens_last) = inside
        self._text += store.read(low, first)
        self._close(store.read(first, store.snap(first + MARGIN)))
        self.total += tokens_last - tokens_first
        margin = store.read(store.snap(last - MARGIN), last)
        self._text = bytearray(margin + store.read(last, high))
        self._counted_from = len(margin)

    def _close(self, following: bytes) -> None:
        """Count what is there; what follows is seen by the tokenizer but not counted."""
        starts = self._corpus.tokenizer.starts((self._text + following).decode())
        first, last = np.searchsorted(starts, [self._counted_from, len(self._text)])
        self.total += int(last - first)

    def finish(self) -> int:
        self._close(b"")
        return self.total


def count_tokens(corpus: Corpus, pieces: Iterable[Piece]) -> int:
    """Return how many tokens the pieces are together: the same as tokenising all of their text."""
    window = _Window(corpus)
    for piece in pieces:
        if isinstance(piece, str):
            window.add_text(piece)
        else:
            for low, high in corpus.spans(*piece):
                window.add_range(low, high)
    return window.finish()
