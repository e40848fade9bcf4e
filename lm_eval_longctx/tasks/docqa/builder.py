"""Questions over a generated chronicle of the asked length, whose world is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.docqa.across import Comparison, Count, Order
from lm_eval_longctx.tasks.docqa.direct import Bridge, Corrected, Single, Unanswerable
from lm_eval_longctx.tasks.docqa.page import (
    CONTEXTS,
    FULL,
    NONE,
    RETRIEVED_TOKENS,
    Fitting,
    Page,
    PassageIndex,
    check_listed,
    retrieve,
    split_variant,
    variant,
)
from lm_eval_longctx.tasks.docqa.question import FactLog, Statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution


KINDS: dict[str, Kind] = {
    kind.NAME: kind for kind in (Single(), Bridge(), Comparison(), Count(), Order(), Corrected(), Unanswerable())
}
"""Kinds by name, in the order in which a sweep asks them."""

_ENOUGH = 64
_ATTEMPTS = 512


def candidates(kind: Kind, told: Statements, depth: float, rng: Rng) -> Iterator[tuple[Question, Solution]]:
    """Yield different questions with their answers, those near a depth first.

    Args:
        kind: What to ask.
        told: The document.
        depth: Where the sentence that settles the answer should stand, in [0, 1].
        rng: Chooses.
    """
    found: dict[str, tuple[float, Question, Solution]] = {}
    for _ in range(_ATTEMPTS):
        if len(found) >= _ENOUGH:
            break
        question = kind.propose(told, rng)
        solution = kind.solve(question, told) if question else None
        if question and solution:
            distance = abs(told.depth(solution.main) - depth)
            found.setdefault(kind.text(question), (distance, question, solution))
    for _, question, solution in sorted(found.values(), key=lambda entry: entry[0]):
        yield question, solution


INSTRUCTION = (
    "Answer with a name, a number or a few words from the text and nothing else. "
    "Where the text corrects itself, the correction holds. If the text does not tell, answer: not told."
)
_STARTS = 64
_SHIFTS = 256
_SHORT = 1 << 16
_LANDS = 1 << 32
_LONGEST_QUESTION = 160
_KEPT_EVIDENCE = 24


@dataclass(frozen=True)
class _Asked:
    """A question that fits a document."""

    question: Question
    solution: Solution
    told: Statements
    page: Page
    first_units: int


class DocumentQuestion(Sample):
    """A question about a chronicle.

    Attributes:
        context: ``full``, ``retrieved`` or ``none``.
        spans: What of the corpus is read, in units.
        closing: Words after the last span.
        document: First and last unit of the document.
        query: The question as plain values; ``questions`` words it.
        evidence: Unit and depth of each sentence that the answer follows from.
    """

    context: str
    spans: list[list[int]]
    closing: str
    document: list[int]
    query: dict[str, Any]
    evidence: list[list[Any]]


class DocQABuilder(Builder[DocumentQuestion]):
    """Questions whose answers follow from the facts that a chronicle's sentences state.

    ``haystack: chronicle`` is the land of the sweep's seed, ``chronicle:7`` one of its own.
    A sample's variant is the kind of question, with the context where that is
    not the whole document: ``bridge``, ``bridge/retrieved``, ``bridge/none``.
    """

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("questions", list(KINDS), f"kinds of question, of {', '.join(KINDS)}"),
        Option("contexts", [FULL], f"what is read, of {', '.join(CONTEXTS)}; the first counts, others are controls"),
        RETRIEVED_TOKENS,
        Option("instruction", INSTRUCTION, "what follows the question"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check kinds, contexts and the haystack; the chronicle is opened with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        for option, valid in (("questions", KINDS), ("contexts", CONTEXTS)):
            check_listed(option, self._options[option], valid)
        name, _, argument = (sweep.haystack or "chronicle").partition(":")
        if name != "chronicle" or (argument and not argument.isdecimal()):
            raise ConfigError(f"{sweep.task} asks about a chronicle; set haystack to chronicle or chronicle:<seed>")
        self._seed = int(argument) if argument else sweep.seed % _LANDS

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each kind of question in each context, in stratified order."""
        names = [variant(kind, c) for kind in self._options["questions"] for c in self._options["contexts"]]
        return expand(self.sweep, variants=names)

    @cached_property
    def corpus(self) -> Corpus:
        """The chronicle's text; its units are its sentences."""
        return Corpus(self.context.source(f"chronicle:{self._seed}"), self.sweep.tokenizer, self.context.cache_dir)

    @cached_property
    def log(self) -> FactLog:
        """The chronicle's facts."""
        return FactLog(self._seed)

    @cached_property
    def _index(self) -> Any:
        """The passages of the last few documents."""
        return lru_cache(maxsize=2)(lambda start, stop: PassageIndex(self.corpus, start, stop))

    def sample(self, plan: PlannedSample) -> DocumentQuestion:
        """Choose a document, a question whose evidence lies near the asked depth, and what is read.

        Raises:
            LengthError: No question of the kind can be asked of a document so short.
        """
        kind, context = split_variant(plan.variant)
        asked = self._asked(replace(plan, variant=kind), kind)
        page = self._page(asked, context)
        told, solution = asked.told, asked.solution
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {"spec": f"chronicle:{self._seed}", "digest": self.corpus.source.digest, "repeats": 0},
            "kind": kind,
            "context": context,
            "control": context != self._options["contexts"][0],
            "cluster": str(plan.index),
            "spans": [list(span) for span in page.spans],
            "closing": page.closing,
            "document": [told.start, told.stop],
            "query": asked.question,
            "question": KINDS[kind].text(asked.question),
            "target": list(solution.accepted),
            "absent": kind == "unanswerable",
            "evidence": [[n, round(told.depth(n), 4)] for n in sorted(solution.evidence)[:_KEPT_EVIDENCE]],
            "realised_length": page.tokens(self.corpus),
            "realised_depth": round(told.depth(solution.main), 6),
        }

    def render(self, sample: DocumentQuestion) -> Prompt:
        """Slice the prompt of a sample out of the chronicle."""
        if sample["haystack"]["digest"] != self.corpus.source.digest:
            raise CorpusError(
                f"sample {sample['id']} was made from another version of the chronicle; run the sweep again"
            )
        spans = tuple((low, high) for low, high in sample["spans"])
        return Page(spans, sample["closing"], self._words(sample["question"])).prompt(self.corpus)

    def _words(self, question: str) -> str:
        return f"{question} {self._options['instruction']}".rstrip()

    def _asked(self, plan: PlannedSample, kind: str) -> _Asked:
        """Find the first document, from a chapter that all kinds share, of which such a question can be asked."""
        limit = int(plan.length.amount)
        shared = Rng(f"{plan.task}|{plan.version}|{plan.seed}|{plan.index}#document")
        chapter = shared.below(_STARTS) if plan.index else 0
        for shift in range(_SHIFTS if limit <= _SHORT else 1):
            start = self.log.chapter_start(chapter + shift)
            rng = plan.rng(f"question {shift}")
            found = next(self._fitting_questions(start, limit, kind, float(plan.depth or 0), rng), None)
            if found:
                return found
        raise LengthError(
            f"no {kind} question can be asked of {plan.length}; "
            f"ask for longer context_lengths or leave {kind} out of questions"
        )

    def _fitting_questions(self, start: int, limit: int, kind: str, depth: float, rng: Rng) -> Iterator[_Asked]:
        """Yield questions that have the same one answer in the document as it is with their own words under it."""
        fitting = Fitting(self.corpus, start)
        units = fitting.units(self._words(""), limit - _LONGEST_QUESTION)
        for question, first in candidates(KINDS[kind], self._told(start, units), depth, rng) if units else ():
            words = self._words(KINDS[kind].text(question))
            whole = fitting.units(words, limit)
            told = self._told(start, whole)
            solution = KINDS[kind].solve(question, told)
            if whole >= units and solution and solution.accepted == first.accepted:
                yield _Asked(question, solution, told, fitting.filled(fitting.page(whole, words), limit), units)

    def _told(self, start: int, units: int) -> Statements:
        return Statements(self.log.between(start, start + units), start, start + units)

    def _page(self, asked: _Asked, context: str) -> Page:
        """Return what is read: the document, its best passages, or nothing."""
        if context == FULL:
            return asked.page
        bare = Page((), "", asked.page.question)
        if context == NONE:
            return bare
        start = asked.told.start
        index = self._index(start, start + asked.first_units)
        question = KINDS[asked.question["kind"]].text(asked.question)
        limit = min(self._options["retrieved_tokens"], asked.page.tokens(self.corpus))
        return replace(bare, spans=retrieve(index, self.corpus, question, bare, limit))
