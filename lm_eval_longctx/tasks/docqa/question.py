"""What a question is, and what answers it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lm_eval_longctx.hay.chronicle import Chronicle, Fact
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lm_eval_longctx.hay.chronicle import Chapter
    from lm_eval_longctx.plan import PlannedSample


T = TypeVar("T")

APART = 1 / 3
"""Share of the document that lies between the first and the last evidence of a question that needs several places."""

MANY = frozenset(("journey", "holder"))
"""Relations that one subject may have several times."""

OF_PEOPLE = frozenset(
    (
        "mother father birthplace birth_year spouse wedding_place wedding_year trade master office death_place journey"
    ).split()
)
"""Relations whose subject is a person."""

TO_PEOPLE = frozenset(
    (
        "mother father spouse master predecessor builder holder giver judge winner shipbuilder first_master discoverer "
        "champion author drafter founder"
    ).split()
)
"""Relations whose value is a person."""


class FactLog:
    """The facts of one chronicle as far as anybody has asked; grows chapter by chapter.

    Not safe to use from several threads: samples are made in one.
    """

    def __init__(self, seed: int) -> None:
        """Begin before the first chapter."""
        self._chapters: Iterator[Chapter] = iter(Chronicle(seed))
        self._facts: list[Fact] = []
        self._sentences: list[int] = []
        self._firsts: list[int] = [0]

    def chapter_start(self, number: int) -> int:
        """Return the number of the first sentence of a chapter, counted from 0."""
        while len(self._firsts) <= number:
            self._read()
        return self._firsts[number]

    def chapter_after(self, sentence: int) -> int:
        """Return the number of the first chapter that begins at or after a sentence, counted from 0."""
        while self._firsts[-1] < sentence:
            self._read()
        return bisect_left(self._firsts, sentence)

    def between(self, start: int, stop: int) -> Sequence[Fact]:
        """Return the facts that sentences from ``start`` up to ``stop`` state, in their order."""
        while self._firsts[-1] < stop:
            self._read()
        low, high = (bisect_left(self._sentences, edge) for edge in (start, stop))
        return self._facts[low:high]

    def _read(self) -> None:
        chapter = next(self._chapters)
        self._facts += chapter.facts
        self._sentences += [fact.sentence for fact in chapter.facts]
        self._firsts.append(chapter.first + sum(map(len, chapter.paragraphs)))


class Statements:
    """The facts of one document, looked up from all sides.

    Attributes:
        start: The document's first sentence.
        stop: The sentence after its last.
        first: What is stated and is no correction, by relation and subject.
        fixed: Corrections, by relation and subject.
        of: First statements by relation, in the order of the text.
        untold: What the chronicle states soon after the document's end, to ask for what is not told.
    """

    def __init__(self, facts: Sequence[Fact], start: int, stop: int, untold: Sequence[Fact] = ()) -> None:
        """Sort the facts."""
        self.start, self.stop = start, stop
        self.untold = untold
        self.first: dict[tuple[str, str], Fact] = {}
        self.fixed: dict[tuple[str, str], Fact] = {}
        self.of: dict[str, list[Fact]] = defaultdict(list)
        self._made: dict[str, Any] = {}
        for fact in facts:
            key = fact.relation, fact.subject
            if fact.corrects:
                self.fixed[key] = fact
            else:
                self.first.setdefault(key, fact)
                self.of[fact.relation].append(fact)

    def sure(self, relation: str, subject: str) -> Fact | None:
        """Return the one statement about something, if there is just one and nothing takes it back."""
        key = relation, subject
        return None if key in self.fixed or relation in MANY else self.first.get(key)

    def values(self, relation: str, subject: str) -> list[Fact]:
        """Return all statements of a relation that a subject may have several times, in the order of the text."""
        return self._many.get((relation, subject), [])

    @cached_property
    def _many(self) -> dict[tuple[str, str], list[Fact]]:
        found: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for relation in sorted(MANY):
            for fact in self.of.get(relation, ()):
                found[relation, fact.subject].append(fact)
        return found

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what ``make`` gives; it is called once for each name."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    def apart(self, sentences: Iterable[int]) -> bool:
        """Tell whether the first and the last of some sentences lie a third of the document apart."""
        places = sorted(sentences)
        return places[-1] - places[0] >= (self.stop - self.start) * APART

    def depth(self, sentence: int) -> float:
        """Return where a sentence stands, as a fraction of the document's sentences."""
        return (sentence - self.start) / max(1, self.stop - self.start)

    @cached_property
    def people(self) -> dict[str, int]:
        """Everybody whom a fact names, with the first sentence that does, in the order of the text."""
        found: dict[str, int] = {}
        for fact in sorted((f for facts in self.of.values() for f in facts), key=lambda f: f.sentence):
            if fact.relation in OF_PEOPLE:
                found.setdefault(fact.subject, fact.sentence)
            if fact.relation in TO_PEOPLE:
                found.setdefault(fact.value, fact.sentence)
        return found


Question = dict[str, Any]
"""A question as plain values: its ``kind`` and what that kind needs."""


@dataclass(frozen=True)
class Solution:
    """The one right answer to a question about a document.

    Attributes:
        accepted: Spellings of the answer, the one to print first.
        evidence: Sentences that must be read to know it, in no order.
        main: One of these by which the question's depth is told: where there are
            several, which one follows from the question's words. Where nothing
            is told, the sentence that first names what is asked about.
    """

    accepted: tuple[str, ...]
    evidence: tuple[int, ...]
    main: int


class Lots:
    """Draws that come out evenly within a cell: over its samples, each side comes equally often."""

    def __init__(self, plan: PlannedSample) -> None:
        """Draw for a sample."""
        self._first = replace(plan, index=0)
        self._index = plan.index
        self._drawn: dict[tuple[str, int, int], int] = {}

    def of(self, what: str, sides: int, slower: int = 1) -> int:
        """Return a whole number from 0 up to ``sides``.

        Args:
            what: Names the draw; different names are independent of each other.
            sides: How many outcomes there are.
            slower: For how many samples an outcome stays, so that two draws go through all pairs.
        """
        key = what, sides, slower
        if key not in self._drawn:
            first = self._first.rng(f"lots {what}").below(sides)
            self._drawn[key] = (first + self._index // slower) % sides
        return self._drawn[key]


class Kind(ABC):
    """One kind of question.

    Attributes:
        NAME: As users spell it.
        CHANCE: What a guess scores that has not seen the document; 0 where the answer is open.
        LONGEST: Tokens that hardly a question exceeds.
        SPANS: Whether no half of the document gives the answer: its evidence lies a third of it apart.
    """

    NAME: ClassVar[str]
    CHANCE: ClassVar[float] = 0.0
    LONGEST: ClassVar[int] = 64
    SPANS: ClassVar[bool] = False

    @abstractmethod
    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:
        """Return a question at random; ``None`` if this try found none.

        What could be guessed of its answer is taken from ``lots``.
        """

    @abstractmethod
    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the answer; ``None`` if the document does not give exactly one."""

    @abstractmethod
    def text(self, question: Question) -> str:
        """Return the question in words."""

    def main(self, question: Question, evidence: Iterable[int]) -> int:
        """Return the sentence by which a question's depth is told."""
        return Rng(self.text(question)).choice(sorted(evidence))
