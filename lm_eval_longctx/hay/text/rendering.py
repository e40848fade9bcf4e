"""From an arranged context to the parts of a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.hay.text.measure import Piece, Span

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
            yield TextPart("".join(str(view, "utf-8") for view in store.views(low, stop)), shared=True)
            low = stop  # noqa: PLW2901 - walks through the range
