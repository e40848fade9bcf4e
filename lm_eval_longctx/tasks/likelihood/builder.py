"""Long documents with a short stretch at each position: how surprising is it, given all before?

The protocol of the Gemini 1.5 report (arXiv 2403.05530, section 5.2 in its
later version, "negative log-likelihood"): documents are read from their
beginning, and loss falls with position as a power law. A sample is one
document up to one position: its context length is the position, its target the
*window* of text that ends there. All positions of a document share its beginning,
so that a model which tells log-probabilities of a whole prompt answers all of
them with one request.

Windows begin and end where one word ends and a single blank follows. There a
text that is cut off has the same tokens as one that goes on, so that a window
is as likely after its prefix as within the whole document. At the end of a
line, or where several blanks stand, tokenizers differ: many have one token for
a full stop with the line's end, others one for all blanks but the last.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import CorpusError, LengthError
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.measure import Span, count_tokens, text_parts
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep

logger = logging.getLogger(__name__)

CHRONICLE = "chronicle"
_WORLDS = 10_007
"""Between the seeds of two documents' chronicles; squared, between those of two sweeps'."""

_MATCH = 32
"""Bytes that must be the same for a passage to count as a repetition: some seven words."""

_STEP = 8
"""Bytes between the places at which a repetition is looked for."""

_BETWEEN_WORDS = re.compile(rb"(?<=[^ \t\n\r\f\v]) (?=[^ \t\n\r\f\v])")
"""One blank between two words: no usual tokenizer has a token that reaches over its beginning."""

_NEAR = 2048
"""Bytes in which such a place is looked for."""


class LikelihoodSample(Sample, total=False):
    """One document at one position.

    Attributes:
        start: The byte of the corpus where the document begins.
        prefix_bytes: Of the document before the window.
        window_bytes: Of the window.
        window_tokens: Of the window, as the sweep's tokenizer counts it by itself.
        repeated: Share of the window that stands before it already, in passages of 32 bytes and more; only for
            the scorer.
    """

    start: int
    prefix_bytes: int
    window_bytes: int
    window_tokens: int
    repeated: float


class LikelihoodBuilder(Builder[LikelihoodSample]):
    """Windows of text at growing positions of documents."""

    HAS_DEPTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("window", 128, "tokens of the window at each position; it ends where a word ends", minimum=8),
        Option("shuffle", default=True, help="whether files of a folder are put in an order that belongs to the seed"),
        Option("unique", default=False, help="leave out files that are the same as another one, byte for byte"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Open nothing yet."""
        super().__init__(sweep, context)
        self._corpora: dict[str, Corpus] = {}
        self._repeated: dict[str, float] = {}

    def _corpus(self, index: int) -> Corpus:
        """Return the text that a document is from: a chronicle of its own, or the one text that there is."""
        spec = self.sweep.haystack or CHRONICLE
        name, _, argument = spec.partition(":")
        if name == CHRONICLE and (not argument or argument.isdecimal()):
            spec = f"{CHRONICLE}:{int(argument or 0) + index * _WORLDS + self.sweep.seed * _WORLDS**2}"
        if spec not in self._corpora:
            self._corpora[spec] = self._opened(spec)
        return self._corpora[spec]

    def _opened(self, spec: str) -> Corpus:
        source = self.context.source(spec)
        arranged = getattr(source, "arranged", None)
        if arranged is not None:
            seed = self.sweep.seed if self.sweep.options["shuffle"] else None
            source = arranged(seed, unique=self.sweep.options["unique"])
        return Corpus(source, self.sweep.tokenizer, self.context.cache_dir)

    def plans(self) -> Iterator[PlannedSample]:
        """Yield document by position; positions beyond the end of a document are left out, and that is logged."""
        for plan in expand(self.sweep):
            if self._range(plan) is None:
                logger.warning("%s: document %d ends before %s", self.sweep.task, plan.index, plan.length.label)
            else:
                yield plan

    def sample(self, plan: PlannedSample) -> LikelihoodSample:
        """Work out prefix and window.

        Raises:
            CorpusError: The text cannot be had or is too short.
            LengthError: The position is before the first sentence's end.
        """
        corpus, found = self._corpus(plan.index), self._range(plan)
        if found is None:
            raise CorpusError(f"{corpus.source.spec} is too short for document {plan.index} at {plan.length.label}")
        start, stop, end = found
        if not start < stop < end:  # a place before the beginning may come out at the end of the text
            raise LengthError(f"{plan.length.label} has no room for anything before the window; give longer lengths")
        window = corpus.read(stop, end)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": corpus.described(start, end, self._overlap(corpus, plan.index, start, end)),
            "question": "",
            "target": window,
            "realised_length": count_tokens(corpus, [Span(start, end)]),
            "realised_depth": None,
            "start": start,
            "prefix_bytes": stop - start,
            "window_bytes": end - stop,
            "window_tokens": load_tokenizer(self.sweep.tokenizer).count(window),
        }

    def render(self, sample: LikelihoodSample) -> Prompt:
        """Slice document and window out of the corpus."""
        corpus = self._corpus(sample["index"])
        if sample["haystack"]["digest"] != corpus.source.digest:
            raise CorpusError(f"{corpus.source.spec} is not the text that sample {sample['id']} was made from")
        stop = sample["start"] + sample["prefix_bytes"]
        return Prompt.user(*text_parts(corpus, [Span(sample["start"], stop)]), TextPart(sample["target"]))

    def reveal(self, sample: LikelihoodSample) -> LikelihoodSample:
        """Add how much of the window has been read before: worked out once, and only for what is scored."""
        if sample["id"] not in self._repeated:
            corpus, stop = self._corpus(sample["index"]), sample["start"] + sample["prefix_bytes"]
            before = b"".join(corpus.views(sample["start"], stop))
            self._repeated[sample["id"]] = _repeated(before, sample["target"].encode())
        return {**sample, "repeated": self._repeated[sample["id"]]}

    def _range(self, plan: PlannedSample) -> tuple[int, int, int] | None:
        """Return where document, window and what follows begin, in bytes; ``None`` where the text ends before."""
        corpus = self._corpus(plan.index)
        if plan.index and corpus.source.endless and not corpus.source.spec.startswith(CHRONICLE):
            return None  # the one document that there is, over again
        start = self._start(corpus, plan.index)
        end = _word_end(corpus, start, corpus.advance(start, plan.length.amount))
        while end > start and count_tokens(corpus, [Span(start, end)]) > plan.length.amount:
            end = _word_end(corpus, start, end - 1)
        stop = _word_end(corpus, start, corpus.advance(end, -self.sweep.options["window"]))
        period = None if corpus.source.endless else corpus.store.period_bytes
        return None if period is not None and end > period else (start, stop, end)

    def _overlap(self, corpus: Corpus, index: int, start: int, end: int) -> float:
        """Return the share of a document up to a position that documents with a lower index hold too, up to there."""
        if corpus.source.endless:
            return 0.0
        return _covered(start, end, (self._start(corpus, lower) for lower in range(index)))

    def _start(self, corpus: Corpus, index: int) -> int:
        """Return the byte where a document begins: at evenly spread places of a text, however many there are.

        The places are van der Corput's: 0, 1/2, 1/4, 3/4, ... of the text, so
        that a further document changes no other; another seed moves them all. A
        chronicle is read from its beginning, and so is any other endless text.
        """
        if corpus.source.endless:
            return 0
        share, scale = Rng(f"documents|{self.sweep.seed}").random() if self.sweep.seed else 0.0, 0.5
        while index:
            share, index, scale = share + scale * (index & 1), index >> 1, scale / 2
        return corpus.unit_start(int(share % 1 * (corpus.store.period_units or 1)))


def _word_end(corpus: Corpus, start: int, place: int) -> int:
    """Return the last place at or before another at which a word ends and a blank follows, not before ``start``.

    Where there is none nearby, as in scripts without blanks, it is where a sentence or line begins.
    """
    low = max(start, place - _NEAR)
    data = b"".join(corpus.views(low, place + 2)) if place > low else b""
    found = [match.start() for match in _BETWEEN_WORDS.finditer(data)]
    if found:
        return low + found[-1]
    return max(start, corpus.unit_start(corpus.unit_at(max(place, start))))


def _covered(start: int, end: int, others: Iterable[int]) -> float:
    """Return the share of a range that ranges of the same size, with other beginnings, hold too."""
    size, covered, reached = end - start, 0, start
    for other in sorted(others):
        low, high = max(other, reached), min(other + size, end)
        if high > low:
            covered, reached = covered + high - low, high
    return covered / size


def _repeated(prefix: bytes, window: bytes) -> float:
    """Return the share of a window that stands before it already, in passages of 32 bytes and more."""
    covered, place = 0, 0
    while place + _MATCH <= len(window):
        if prefix.find(window[place : place + _MATCH]) < 0:
            place += _STEP
            continue
        size = _MATCH
        while place + size < len(window) and prefix.find(window[place : place + size + _STEP]) >= 0:
            size += _STEP
        size = min(size, len(window) - place)
        covered, place = covered + size, place + size
    return covered / len(window)
