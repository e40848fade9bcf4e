"""Which question is asked of which document: the first one whose evidence lies near the depth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NoReturn

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.tasks.docqa.across import Comparison, Count, Order
from lm_eval_longctx.tasks.docqa.direct import Bridge, Corrected, Single, ToldOrNot
from lm_eval_longctx.tasks.docqa.page import Fitting, Page, PassageIndex
from lm_eval_longctx.tasks.docqa.question import FactLog, Lots, Statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution

KINDS: dict[str, Kind] = {
    kind.NAME: kind for kind in (Single(), Bridge(), Comparison(), Count(), Order(), Corrected(), ToldOrNot())
}
"""Kinds by name, in the order in which a sweep asks them."""

_ENOUGH = 64
_PATIENCE = 256
NEAR = 0.05
"""How far from the asked depth the evidence may lie before the next chapter is tried, if that is no end."""

PLANNED = 1 << 15
"""Tokens of a longer document about whose beginning a plan asks, at least."""

_SHORT = 1 << 16
_SHIFTS = 192
_UNTOLD = 64, 2048
"""From which sentence after a document on, and among how many, events are taken that it does not tell of."""


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


class Land:
    """One chronicle: its text, its facts, and what was last looked up of its documents.

    Attributes:
        told: Gives what a document states, by its first sentence and their number.
        units: Gives how many sentences from one on fill a prompt with some words, by the prompt's length.
        page: Gives the sentences from one on with some words under them, filled to a length.
        passages: Gives the passages between two sentences.
    """

    def __init__(self, seed: int, *, context: BuildContext, tokenizer: str) -> None:
        """Name the land; nothing is written yet."""
        self.spec = f"chronicle:{seed}"
        self.corpus = Corpus(context.source(self.spec), tokenizer, context.cache_dir)
        self.log = FactLog(seed)
        self.passages = lru_cache(maxsize=3)(partial(PassageIndex, self.corpus))
        self.told = lru_cache(maxsize=8)(self._told)
        self.units = lru_cache(maxsize=1024)(self._units)
        self.page = lru_cache(maxsize=8)(self._page)

    def _units(self, start: int, words: str, limit: int) -> int:
        return Fitting(self.corpus, start).units(words, limit)

    def _page(self, start: int, words: str, limit: int) -> Page:
        fitting = Fitting(self.corpus, start)
        return fitting.filled(fitting.page(self.units(start, words, limit), words), limit)

    def _told(self, start: int, units: int) -> Statements:
        stop = start + units
        after = stop + _UNTOLD[0]
        return Statements(self.log.between(start, stop), start, stop, self.log.between(after, after + _UNTOLD[1]))


@dataclass(frozen=True, eq=False)
class Asked:
    """A question that fits a document."""

    question: Question
    solution: Solution
    land: Land
    told: Statements
    page: Page
    first_units: int
    distance: float


class Asker:
    """Looks for questions in documents of some lands; safe to use from one thread."""

    def __init__(self, land: Callable[[int], Land], instruction: str, enough: int) -> None:
        """Nothing is looked for yet.

        Args:
            land: Gives the land of a sample's index.
            instruction: What follows each question.
            enough: Tokens of a long document about whose beginning a plan asks.
        """
        self._land = land
        self._instruction = instruction
        self.enough = enough
        self.asked = lru_cache(maxsize=1)(self._asked)
        self._reckoned = lru_cache(maxsize=1)(self._with_the_longest)
        self._longest = lru_cache(maxsize=len(KINDS))(self._in_most_words)

    def words(self, question: str) -> str:
        """Return a question with the instruction."""
        return f"{question} {self._instruction}".rstrip()

    def reckoned(self, plan: PlannedSample) -> Asked:
        """Put the longest question about the beginning of a document under all of it, the same for all depths."""
        return self._reckoned(replace(plan, depth=None))

    def _with_the_longest(self, plan: PlannedSample) -> Asked:
        asked = self._longest(replace(plan, length=replace(plan.length, amount=self.enough)))
        return replace(asked, page=asked.land.page(asked.told.start, asked.page.question, int(plan.length.amount)))

    def _in_most_words(self, plan: PlannedSample) -> Asked:
        found = (next(self._fitting_questions(chapter, plan, longest=True), None) for chapter in range(_SHIFTS))
        return next(filter(None, found), None) or _no_question(plan)

    def _asked(self, plan: PlannedSample) -> Asked:
        """Find the first document, from a chapter that all kinds and depths share, that has evidence near the depth.

        Raises:
            LengthError: No question of the kind can be asked of a document so short.
        """
        limit = int(plan.length.amount)
        best: Asked | None = None
        near = NEAR + KINDS[plan.variant].LONGEST / limit
        for chapter in range(_SHIFTS if limit <= _SHORT else 1):  # a long document holds whatever is asked
            asked = next(self._fitting_questions(chapter, plan), None)
            best = asked if asked and (best is None or asked.distance < best.distance) else best
            if best and best.distance <= near:
                break
        return best or _no_question(plan)

    def _fitting_questions(self, chapter: int, plan: PlannedSample, *, longest: bool = False) -> Iterator[Asked]:
        """Yield questions that have the same one answer in the document as it is with their own words under it."""
        land, limit, depth, kind = (
            self._land(plan.index),
            int(plan.length.amount),
            plan.depth or 0.0,
            KINDS[plan.variant],
        )
        start, rng, lots = land.log.chapter_start(chapter), plan.rng(f"question {chapter}"), Lots(plan)
        units = land.units(start, self.words(""), limit - kind.LONGEST)
        found = candidates(kind, land.told(start, units), depth, rng, lots) if units else iter(())
        for question, first in sorted(found, key=lambda pair: -len(kind.text(pair[0]))) if longest else found:
            words = self.words(kind.text(question))
            told = land.told(start, land.units(start, words, limit))
            solution = kind.solve(question, told)
            if told.stop - start >= units and solution and solution.accepted == first.accepted:
                page = land.page(start, words, limit)
                yield Asked(question, solution, land, told, page, units, abs(told.depth(solution.main) - depth))


def _no_question(plan: PlannedSample) -> NoReturn:
    raise LengthError(
        f"no {plan.variant} question can be asked of {plan.length}; "
        f"ask for longer context_lengths or leave {plan.variant} out of questions"
    )
