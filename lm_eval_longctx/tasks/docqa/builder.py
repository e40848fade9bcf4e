"""Questions over a generated chronicle of the asked length, whose world is known."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.docqa.across import Comparison, Count, Order
from lm_eval_longctx.tasks.docqa.direct import Bridge, Corrected, Single, ToldOrNot
from lm_eval_longctx.tasks.docqa.page import (
    CONTEXTS,
    FULL,
    NONE,
    RETRIEVED_TOKENS,
    Fitting,
    Page,
    PassageIndex,
    check_listed,
    most_like,
    retrieve,
    split_variant,
    variant,
)
from lm_eval_longctx.tasks.docqa.question import FactLog, Lots, Statements
from lm_eval_longctx.tasks.docqa.words import NOT_TOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution


logger = logging.getLogger(__name__)

KINDS: dict[str, Kind] = {
    kind.NAME: kind for kind in (Single(), Bridge(), Comparison(), Count(), Order(), Corrected(), ToldOrNot())
}
"""Kinds by name, in the order in which a sweep asks them."""

_ENOUGH = 64
_PATIENCE = 256


def candidates(kind: Kind, told: Statements, depth: float, rng: Rng, lots: Lots) -> Iterator[tuple[Question, Solution]]:
    """Yield different questions with their answers, those near a depth first.

    Args:
        kind: What to ask.
        told: The document.
        depth: Where the question's evidence should stand, in [0, 1].
        rng: Chooses.
        lots: Decide what could be guessed.
    """
    found: dict[str, tuple[float, Question, Solution]] = {}
    patience = _PATIENCE
    while patience and len(found) < _ENOUGH:
        question = kind.propose(told, rng, lots)
        solution = kind.solve(question, told) if question else None
        if question and solution:
            distance = abs(told.depth(solution.main) - depth)
            patience = _PATIENCE if kind.text(question) not in found else patience
            found.setdefault(kind.text(question), (distance, question, solution))
        patience -= 1
    for _, question, solution in sorted(found.values(), key=lambda entry: entry[0]):
        yield question, solution


INSTRUCTION = (
    "Answer with a name, a number or a few words from the text and nothing else. "
    "Where the text corrects itself, the correction holds. If the text does not tell, answer: not told."
)
NEAR = 0.05
"""How far from the asked depth the evidence may lie before the next chapter is tried, if that is no end."""

_SHORT = 1 << 16
_SHIFTS = 192
_LANDS = 1 << 32
_OPEN_LANDS = 8
_KEPT_EVIDENCE = 24
_UNTOLD = 64, 2048
"""From which sentence after a document on, and among how many, events are taken that it does not tell of."""


class Land:
    """One chronicle: its text, its facts, and what was last looked up of its documents.

    Attributes:
        told: Gives what a document states, by its first sentence and their number.
        units: Gives how many sentences from one on fill a prompt with some words, by the prompt's length.
        passages: Gives the passages between two sentences.
    """

    def __init__(self, seed: int, *, context: BuildContext, tokenizer: str) -> None:
        """Name the land; nothing is written yet."""
        self.spec = f"chronicle:{seed}"
        self.corpus = Corpus(context.source(self.spec), tokenizer, context.cache_dir)
        self.log = FactLog(seed)
        self.passages = lru_cache(maxsize=2)(partial(PassageIndex, self.corpus))
        self.told = lru_cache(maxsize=8)(self._told)
        self.units = lru_cache(maxsize=1024)(self._units)

    def _units(self, start: int, words: str, limit: int) -> int:
        return Fitting(self.corpus, start).units(words, limit)

    def _told(self, start: int, units: int) -> Statements:
        stop = start + units
        after = stop + _UNTOLD[0]
        return Statements(self.log.between(start, stop), start, stop, self.log.between(after, after + _UNTOLD[1]))


@dataclass(frozen=True)
class _Asked:
    """A question that fits a document."""

    question: Question
    solution: Solution
    land: Land
    told: Statements
    page: Page
    first_units: int
    distance: float


class DocumentQuestion(Sample):
    """A question about a chronicle.

    Attributes:
        context: ``full``, ``retrieved`` or ``none``.
        spans: What of the corpus is read, in units.
        closing: Words after the last span.
        document: First and last unit of the document.
        query: The question as plain values; ``questions`` words it.
        spans_halves: Whether no half of the document gives the answer.
        evidence: Unit and depth of each sentence that the answer follows from.
    """

    context: str
    spans: list[list[int]]
    closing: str
    document: list[int]
    query: dict[str, Any]
    spans_halves: bool
    evidence: list[list[Any]]


class DocQABuilder(Builder[DocumentQuestion]):
    """Questions whose answers follow from the facts that a chronicle's sentences state.

    ``haystack: chronicle`` is the land of the sweep's seed, ``chronicle:7`` one of its own; samples with a higher
    index are asked about further lands that follow from it.
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

    def samples(self) -> list[DocumentQuestion]:
        """Return all samples; what one would ask of the same document as another is left out, with a warning."""
        found: dict[str, DocumentQuestion] = {}
        made = super().samples()
        for sample in made:
            found.setdefault(json.dumps([sample["query"], sample["document"], sample["context"]]), sample)
        if left := len(made) - len(found):
            logger.warning(
                "%s: %d samples are left out; they would ask the same of the same text", self.sweep.task, left
            )
        return list(found.values())

    @cached_property
    def _lands(self) -> Callable[[int], Land]:
        """The last few lands; each costs the text of its documents."""
        return lru_cache(maxsize=_OPEN_LANDS)(partial(Land, context=self.context, tokenizer=self.sweep.tokenizer))

    def land(self, index: int) -> Land:
        """Return the land of all samples with an index; two lands have not even a name in common."""
        return self._lands(Rng(f"land {index} of {self._seed}").below(_LANDS) if index else self._seed)

    def sample(self, plan: PlannedSample) -> DocumentQuestion:
        """Choose a document, a question whose evidence lies near the asked depth, and what is read.

        Raises:
            LengthError: No question of the kind can be asked of a document so short.
        """
        kind, context = split_variant(plan.variant)
        asked = self._asked(replace(plan, variant=kind), kind)
        page, land = self._page(asked, context), asked.land
        told, solution = asked.told, asked.solution
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {
                "spec": land.spec,
                "digest": land.corpus.source.digest,
                "repeats": 0,
                "overlap": 0.0,
            },
            "kind": kind,
            "chance": KINDS[kind].CHANCE,
            "spans_halves": KINDS[kind].SPANS,
            "context": context,
            "control": context != self._options["contexts"][0],
            "cluster": str(plan.index),
            "spans": [list(span) for span in page.spans],
            "closing": page.closing,
            "document": [told.start, told.stop],
            "query": asked.question,
            "question": KINDS[kind].text(asked.question),
            "target": list(solution.accepted),
            "absent": solution.accepted == (NOT_TOLD,),
            "evidence": [[n, round(told.depth(n), 4)] for n in sorted(solution.evidence)[:_KEPT_EVIDENCE]],
            "realised_length": page.tokens(land.corpus),
            "realised_depth": round(told.depth(solution.main), 6),
        }

    def answer_from(self, sample: DocumentQuestion, first: float, last: float) -> str | None:
        """Return what follows from the facts that a part of the document states."""
        land = self._lands(int(sample["haystack"]["spec"].partition(":")[2]))
        start, stop = sample["document"]
        low, high = (start + round(place * (stop - start)) for place in (first, last))
        told = Statements(land.log.between(low, high), start, stop)
        solution = KINDS[sample["kind"]].solve(sample["query"], told)
        return solution.accepted[0] if solution else None

    def passages(self, sample: DocumentQuestion) -> tuple[str, ...]:
        """Return the sentences that the answer follows from."""
        corpus = self._lands(int(sample["haystack"]["spec"].partition(":")[2])).corpus
        bounds = ((corpus.unit_start(unit), corpus.unit_start(unit + 1)) for unit, _ in sample["evidence"])
        return tuple(corpus.read(start, stop).strip() for start, stop in bounds)

    def like(self, sample: DocumentQuestion, text: str, most: int) -> tuple[str, ...]:
        """Return the passages of the document most like a text."""
        land = self._lands(int(sample["haystack"]["spec"].partition(":")[2]))
        return most_like(land.passages(*sample["document"]), text, most)

    def render(self, sample: DocumentQuestion) -> Prompt:
        """Slice the prompt of a sample out of the chronicle."""
        corpus = self._lands(int(sample["haystack"]["spec"].partition(":")[2])).corpus
        if sample["haystack"]["digest"] != corpus.source.digest:
            raise CorpusError(
                f"sample {sample['id']} was made from another version of the chronicle; run the sweep again"
            )
        spans = tuple((low, high) for low, high in sample["spans"])
        return Page(spans, sample["closing"], self._words(sample["question"])).prompt(corpus)

    def _words(self, question: str) -> str:
        return f"{question} {self._options['instruction']}".rstrip()

    def _asked(self, plan: PlannedSample, kind: str) -> _Asked:
        """Find the first document, from a chapter that all kinds and depths share, that has evidence near the depth."""
        limit = int(plan.length.amount)
        best: _Asked | None = None
        near = NEAR + KINDS[kind].LONGEST / limit
        for chapter in range(_SHIFTS if limit <= _SHORT else 1):  # a long document holds whatever is asked
            asked = next(self._fitting_questions(chapter, kind, plan), None)
            best = asked if asked and (best is None or asked.distance < best.distance) else best
            if best and best.distance <= near:
                break
        if best:
            return best
        raise LengthError(
            f"no {kind} question can be asked of {plan.length}; "
            f"ask for longer context_lengths or leave {kind} out of questions"
        )

    def _fitting_questions(self, chapter: int, kind: str, plan: PlannedSample) -> Iterator[_Asked]:
        """Yield questions that have the same one answer in the document as it is with their own words under it."""
        land, limit, depth = self.land(plan.index), int(plan.length.amount), float(plan.depth or 0)
        start, rng, lots = land.log.chapter_start(chapter), plan.rng(f"question {chapter}"), Lots(plan)
        fitting = Fitting(land.corpus, start)
        units = land.units(start, self._words(""), limit - KINDS[kind].LONGEST)
        for question, first in candidates(KINDS[kind], land.told(start, units), depth, rng, lots) if units else ():
            words = self._words(KINDS[kind].text(question))
            whole = fitting.units(words, limit)
            told = land.told(start, whole)
            solution = KINDS[kind].solve(question, told)
            if whole >= units and solution and solution.accepted == first.accepted:
                page = fitting.filled(fitting.page(whole, words), limit)
                yield _Asked(question, solution, land, told, page, units, abs(told.depth(solution.main) - depth))

    def _page(self, asked: _Asked, context: str) -> Page:
        """Return what is read: the document, its best passages, or nothing."""
        if context == FULL:
            return asked.page
        bare = Page((), "", asked.page.question)
        if context == NONE:
            return bare
        corpus, start = asked.land.corpus, asked.told.start
        index = asked.land.passages(start, start + asked.first_units)
        question = KINDS[asked.question["kind"]].text(asked.question)
        limit = min(self._options["retrieved_tokens"], asked.page.tokens(corpus))
        return replace(bare, spans=retrieve(index, corpus, question, bare, limit))
