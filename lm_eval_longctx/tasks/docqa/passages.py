"""The retrieval baseline of the Gemini 1.5 report (arXiv 2403.05530, section 5.2.3): TF-IDF passages, 4k tokens.

The report says no more than that passages are found by TF-IDF and that some 41
of them fill 4k tokens; passages of about 100 tokens, cosine similarity and
reading order are our choice of the rest.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.tasks.docqa.page import BETWEEN

if TYPE_CHECKING:
    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.tasks.docqa.page import Page

PASSAGE_BYTES = 400
"""About 100 tokens of English."""


class PassageIndex:
    """The passages of one document and the words that tell them apart."""

    def __init__(self, corpus: Corpus, start: int, stop: int) -> None:
        """Cut the units from ``start`` up to ``stop`` into passages of whole units."""
        self.passages: list[tuple[int, int]] = []
        self.texts: list[str] = []
        low = start
        first = low_byte = corpus.unit_start(start)
        data = b"".join(corpus.views(first, corpus.unit_start(stop)))
        for edge in range(start + 1, stop + 1):
            byte = corpus.unit_start(edge)
            if byte - low_byte >= PASSAGE_BYTES or edge == stop:
                self.passages.append((low, edge))
                self.texts.append(data[low_byte - first : byte - first].decode().strip())
                low, low_byte = edge, byte

    @cached_property
    def _vectors(self) -> tuple[Any, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(dtype=np.float32)
        return vectorizer, vectorizer.fit_transform(self.texts)

    def ranked(self, question: str, most: int) -> list[int]:
        """Return the numbers of the passages most like a question, the best first; the earlier of equals first."""
        vectorizer, matrix = self._vectors
        scores = (matrix @ vectorizer.transform([question]).T).toarray()[:, 0]
        return [int(n) for n in np.argsort(-scores, kind="stable")[:most]]


def retrieve(index: PassageIndex, corpus: Corpus, question: str, bare: Page, limit: int) -> tuple[tuple[int, int], ...]:
    """Return the spans of the best passages, in the order of the document.

    Args:
        index: The document's passages.
        corpus: Where they lie.
        question: What to look for.
        bare: The prompt around them.
        limit: Tokens that the whole prompt may have.
    """
    count = corpus.tokenizer.count
    room = limit - bare.tokens(corpus) - count(BETWEEN)
    chosen: list[int] = []
    for number in index.ranked(question, max(1, limit // 16)):
        room -= count(index.texts[number]) + count(BETWEEN)
        if room < 0:
            break
        chosen.append(number)
    return tuple(index.passages[number] for number in sorted(chosen))
