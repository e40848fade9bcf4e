"""Exact token counts of contexts, tokenising only around the joints.

A context is a list of pieces: ranges of a corpus, and text between them. A
range's inside is counted already; a window from the last safe place before a
joint to the first one after it is tokenised with its real neighbourhood. The
same is done for prompts that share long texts which are no corpus.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol, Union

import numpy as np

from lm_eval_longctx.hay.text.index import MARGIN, find_places, safe_places_of
from lm_eval_longctx.hay.text.tokenizers import CONTINUATION, byte_places
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.hay.text.index import Place
    from lm_eval_longctx.hay.text.store import TextStore
    from lm_eval_longctx.hay.text.tokenizers import Tokenizer


_SHORT = 1 << 12
"""Bytes of a window that is remembered."""

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


class _Stored(Protocol):
    """A text that can be read anywhere."""

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of a range."""

    def snap(self, byte: int) -> int:
        """Return the place of a whole character at or before a byte."""


class _Window:
    """Text that is being put together for counting."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._text = bytearray()
        self._counted_from = 0
        self.total = 0

    def add_text(self, text: bytes) -> None:
        self._text += text

    def add_range(self, store: _Stored, low: int, high: int, inside: tuple[Place, Place] | None) -> None:
        """Add a range of a text, leaving out its inside where that is known."""
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
        text, ends = self._text + following, (self._counted_from, len(self._text))
        count = _kept_between if len(text) <= _SHORT else _between
        self.total += count(self._tokenizer, bytes(text), *ends)

    def finish(self) -> int:
        self._close(b"")
        return self.total


def _between(tokenizer: Tokenizer, text: bytes, low: int, high: int) -> int:
    """Return how many tokens of a text begin between two of its bytes."""
    first, last = tokenizer.starts(text.decode()).searchsorted((low, high))
    return int(last - first)


_kept_between = lru_cache(maxsize=1024)(_between)
"""A search counts most windows again and again: only what is at the end of its hay changes."""


def count_tokens(corpus: Corpus, pieces: Iterable[Piece]) -> int:
    """Return how many tokens the pieces are together: the same as tokenising all of their text."""
    window = _Window(corpus.tokenizer)
    for piece in pieces:
        if isinstance(piece, str):
            window.add_text(piece.encode())
        else:
            for low, high in corpus.spans(*piece):
                window.add_range(corpus.store, low, high, corpus.exact(low, high, MARGIN))
    return window.finish()


class _Known:
    """A text in memory with how many tokens come before its safe places."""

    def __init__(self, data: bytes, tokenizer: Tokenizer) -> None:
        """Tokenise it."""
        text, safe = data.decode(), safe_places_of(tokenizer)
        places = find_places(safe, text, 0, len(text)) if safe else []
        self.data = data
        self._bytes = byte_places(text, np.array(places, dtype=np.int64))
        self._tokens = np.searchsorted(tokenizer.starts(text), self._bytes)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of a range."""
        return self.data[start:stop]

    def snap(self, byte: int) -> int:
        """Return the place of a whole character at or before a byte."""
        while self.data[byte] & 0xC0 == CONTINUATION:
            byte -= 1
        return byte

    def exact(self, stop: int) -> tuple[Place, Place] | None:
        """Return the outermost safe places of its beginning that keep ``MARGIN`` from both ends; see ``Corpus``."""
        low, high = np.searchsorted(self._bytes, [MARGIN, stop - MARGIN + 1])
        if low >= high or self._bytes[high - 1] - self._bytes[low] < 2 * MARGIN:
            return None
        (first, last), (before, until) = (array[[low, high - 1]].tolist() for array in (self._bytes, self._tokens))
        return (first, before), (last, until)


class SharedCounter:
    """Counts prompts that have long texts in common, each of which is tokenised once.

    A text that is the beginning of another one is not tokenised at all, so that prompts of many lengths cost what the
    longest does.
    """

    _KEPT = 8
    """Texts that are remembered; no prompt of ours has as many long ones."""

    _SHORT = 1 << 10
    """Bytes of a text that is tokenised as quickly as it is looked up."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Know nothing yet."""
        self._tokenizer = tokenizer
        self._known: list[_Known] = []

    def count(self, pieces: Iterable[tuple[str, bool]]) -> int:
        """Return how many tokens some texts are together: the same as tokenising them joined.

        Args:
            pieces: In order, each with whether other prompts have it, too.
        """
        window = _Window(self._tokenizer)
        for text, shared in pieces:
            data = text.encode()
            if shared and len(data) >= self._SHORT:
                known = self._knowing(data)
                window.add_range(known, 0, len(data), known.exact(len(data)))
            else:
                window.add_text(data)
        return window.finish()

    def _knowing(self, data: bytes) -> _Known:
        """Return a known text that begins with this one."""
        for known in self._known:
            if known.data.startswith(data):
                return known
        known = _Known(data, self._tokenizer)
        others = [one for one in self._known if not data.startswith(one.data)]
        self._known = [known, *others][: self._KEPT]
        return known
