"""What the model is given to read, and the question under it: the whole document, passages of it, or nothing."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.hay.text.measure import Span, count_tokens, text_parts
from lm_eval_longctx.prompt import Prompt
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.text.corpus import Corpus


def check_listed(option: str, given: Any, valid: Iterable[str]) -> None:
    """Refuse an empty list and unknown names.

    Raises:
        ConfigError: The list is empty.
        UnknownOptionError: A name is unknown.
    """
    known = list(valid)
    if not given:
        raise ConfigError(f"{option} must name at least one of: {', '.join(known)}")
    for name in given:
        if name not in known:
            raise unknown_option(f"name in {option}", str(name), known)


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


PASSAGE_BYTES = 400
"""About 100 tokens of English."""


class PassageIndex:
    """The passages of one document and the words that tell them apart."""

    def __init__(self, corpus: Corpus, start: int, stop: int) -> None:
        """Cut the units from ``start`` up to ``stop`` into passages of whole units."""
        self.passages: list[tuple[int, int]] = []
        self.texts: list[str] = []
        starts = corpus.unit_starts(start, stop).tolist()
        data, low = b"".join(corpus.views(starts[0], starts[-1])), 0
        while low < stop - start:
            edge = min(bisect_left(starts, starts[low] + PASSAGE_BYTES), stop - start)
            self.passages.append((start + low, start + edge))
            self.texts.append(data[starts[low] - starts[0] : starts[edge] - starts[0]].decode().strip())
            low = edge

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


def most_like(index: PassageIndex, text: str, most: int) -> tuple[str, ...]:
    """Return the passages most like a text, the best first."""
    return tuple(index.texts[number] for number in index.ranked(text, most))


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


FULL, RETRIEVED, NONE = "full", "retrieved", "none"
CONTEXTS = (FULL, RETRIEVED, NONE)
"""The whole document; the passages of it that a search for the question finds; no document at all."""

RETRIEVED_TOKENS = Option("retrieved_tokens", 4096, "tokens of a prompt whose context is retrieved", minimum=512)

HEADER = "<context>\n"
ANSWER = "Answer:"
BETWEEN = "\n\n[...]\n\n"
_BLANK = b" \t\n"
_LOOK = 16


def variant(kind: str, context: str) -> str:
    """Return the name of a sample's variant: the kind, and the context unless it is the whole document."""
    return kind if context == FULL else f"{kind}/{context}"


def split_variant(name: str) -> tuple[str, str]:
    """Return kind and context of a variant."""
    kind, _, context = name.partition("/")
    return kind, context or FULL


@dataclass(frozen=True)
class Page:
    """A prompt in the making.

    Attributes:
        spans: What of the corpus is read, in units; empty for none.
        closing: Words after the last span.
        question: The question with the instructions around it.
    """

    spans: tuple[tuple[int, int], ...]
    closing: str
    question: str

    def pieces(self, corpus: Corpus) -> list[str | Span]:
        """Return the prompt's text in order, without the answer's beginning."""
        if not self.spans:
            return [f"{self.question}\n"]
        return [HEADER, *self._hay(corpus), f"{self.closing}\n</context>\n{self.question}\n"]

    def _hay(self, corpus: Corpus) -> list[str | Span]:
        pieces: list[str | Span] = []
        for low, high in self.spans:
            pieces += [BETWEEN] if pieces else []
            pieces.append(trimmed(corpus, low, high))
        return pieces

    def tokens(self, corpus: Corpus) -> int:
        """Return the exact length of the prompt with the answer's beginning."""
        return count_tokens(corpus, [*self.pieces(corpus), ANSWER])

    def prompt(self, corpus: Corpus) -> Prompt:
        """Render the prompt."""
        return Prompt.user(*text_parts(corpus, self.pieces(corpus)), answer_prefix=ANSWER)


def trimmed(corpus: Corpus, low: int, high: int) -> Span:
    """Return the bytes of some units without the blanks at both ends."""
    start, stop = corpus.unit_start(low), corpus.unit_start(high)
    while (head := _bytes(corpus, start, min(start + _LOOK, stop))) and head[0] in _BLANK:
        start += len(head) - len(head.lstrip(_BLANK))
    while (tail := _bytes(corpus, max(start, stop - _LOOK), stop)) and tail[-1] in _BLANK:
        stop -= len(tail) - len(tail.rstrip(_BLANK))
    return Span(start, stop)


def _bytes(corpus: Corpus, start: int, stop: int) -> bytes:
    return b"".join(corpus.views(start, stop))
