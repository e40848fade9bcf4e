"""Questions over a generated chronicle of the asked length, whose world is known."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError
from lm_eval_longctx.hay.estimating import TEXT, estimated
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.docqa.asking import KINDS, PLANNED, Asker, Land
from lm_eval_longctx.tasks.docqa.page import (
    CONTEXTS,
    FULL,
    RETRIEVED,
    RETRIEVED_TOKENS,
    Page,
    check_listed,
    most_like,
    retrieve,
    split_variant,
    variant,
)
from lm_eval_longctx.tasks.docqa.question import Statements
from lm_eval_longctx.tasks.docqa.words import NOT_TOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.docqa.asking import Asked


logger = logging.getLogger(__name__)

INSTRUCTION = (
    "Answer with a name, a number or a few words from the text and nothing else. "
    "Where the text corrects itself, the correction holds. If the text does not tell, answer: not told."
)

_LANDS = 1 << 32
_OPEN_LANDS = 8
_KEPT_EVIDENCE = 24


def _by_document(plan: PlannedSample) -> tuple[int, float, int, str, float]:
    """Order samples so that what is looked up of a document, and of a question, is looked up once."""
    kind, _ = split_variant(plan.variant)
    return plan.index, plan.length.amount, KINDS[kind].LONGEST, kind, float(plan.depth or 0)


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
        enough = max(PLANNED, 2 * int(self._options["retrieved_tokens"]))
        self._page = lru_cache(maxsize=len(CONTEXTS))(self._read)
        self._asker = Asker(self.land, self._options["instruction"], enough)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each kind of question in each context, in stratified order."""
        names = [variant(kind, c) for kind in self._options["questions"] for c in self._options["contexts"]]
        return expand(self.sweep, variants=names)

    def samples(self) -> list[DocumentQuestion]:
        """Return all samples; what one would ask of the same document as another is left out, with a warning."""
        found: dict[str, DocumentQuestion] = {}
        plans = list(self.plans())
        made = {plan: self.sample(plan) for plan in sorted(plans, key=_by_document)}
        for sample in (made[plan] for plan in plans):
            asks = json.dumps([sample["query"], sample["document"], sample["context"]])
            found.setdefault(sample["id"] if sample["haystack"].get("estimated") else asks, sample)
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
        reckoned = estimated(TEXT) and plan.length.amount > self._asker.enough
        asked = (self._asker.reckoned if reckoned else self._asker.asked)(replace(plan, variant=kind))
        (page, tokens), land = self._page(asked, context), asked.land
        told, solution = asked.told, asked.solution
        hay = land.corpus.described(0, land.corpus.unit_start(page.spans[-1][1] if page.spans else 0))
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {**hay, "estimated": True} if reckoned else hay,
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
            "realised_length": tokens,
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
        return Page(spans, sample["closing"], self._asker.words(sample["question"])).prompt(corpus)

    def _read(self, asked: Asked, context: str) -> tuple[Page, int]:
        """Return what is read, the document, its best passages, or nothing; and how long the prompt is."""
        corpus, whole = asked.land.corpus, asked.page
        if context == FULL:
            return whole, whole.tokens(corpus)
        page = Page((), "", whole.question)
        if context == RETRIEVED:
            index = asked.land.passages(asked.told.start, asked.told.start + asked.first_units)
            question = KINDS[asked.question["kind"]].text(asked.question)
            limit = min(self._options["retrieved_tokens"], whole.tokens(corpus))
            page = replace(page, spans=retrieve(index, corpus, question, page, limit))
        return page, page.tokens(corpus)
