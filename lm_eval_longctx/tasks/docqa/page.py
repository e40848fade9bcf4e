"""What the model is given to read, and the question under it: the whole document, passages of it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.text.measure import Span, count_tokens
from lm_eval_longctx.hay.text.rendering import text_parts
from lm_eval_longctx.prompt import Prompt
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from lm_eval_longctx.hay.text.corpus import Corpus

FULL, RETRIEVED, NONE = "full", "retrieved", "none"
CONTEXTS = (FULL, RETRIEVED, NONE)
"""The whole document; the passages of it that a search for the question finds; no document at all."""

RETRIEVED_TOKENS = Option("retrieved_tokens", 4096, "tokens of a prompt whose context is retrieved", minimum=512)

HEADER = "<context>\n"
ANSWER = "Answer:"
BETWEEN = "\n\n[...]\n\n"
_BLANK = b" \t\n"


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
    while start < stop and _byte(corpus, start) in _BLANK:
        start += 1
    while stop > start and _byte(corpus, stop - 1) in _BLANK:
        stop -= 1
    return Span(start, stop)


def _byte(corpus: Corpus, place: int) -> int:
    return next(corpus.views(place, place + 1))[0]
