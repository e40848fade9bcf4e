"""What all tasks share whose statements are spread among text hay: where they stand, how long it gets, the prompt.

``Spread`` places any statements at any depths of any hay, to an exact length
in tokens. ``SpreadBuilder`` is a whole builder for questions that follow from
statements: a family says what is asked and what is told (``pose``), and which
answer follows from some of it (``answer``).
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.statements import NAME, NAME_IN_BYTES
from lm_eval_longctx.hay.text.arrange import Layout, arrange
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.fit import Fitted, Fitter, Frame
from lm_eval_longctx.hay.text.measure import text_parts
from lm_eval_longctx.plan import expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Haystack, Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.text.sources import FixedSource
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.sweep import Sweep

logger = logging.getLogger(__name__)

HEADER = "<context>\n"
APART = 0.6
"""Over what share of the context statements must be spread, so that no half of it holds all that is needed."""

_DRAWS = 100

_KEPT = 256
"""Questions that are kept: a plan makes all its samples and then renders them."""

WINDOW = 0.1
"""Over what share of the context statements are spread around each depth, where depths are asked for."""

_NO_DEPTHS = (0.5,)
"""What ``depths: 1`` means, as tasks have it."""

SPREAD = Option(
    "spread",
    None,
    f"over what share of the context statements are spread: 1, or {WINDOW} around each depth if depths are asked for",
    above=0,
    maximum=1,
    kinds=(float,),
)


class Place(TypedDict):
    """Where the hay of a sample lies in its corpus, in units."""

    start: int
    units: int
    fill: int


class HayPart(TypedDict):
    """What a sample says of its hay."""

    haystack: Haystack
    hay: Place
    realised_length: float


class Spread:
    """Statements among the hay of a corpus, in the frame that all tasks of text have."""

    def __init__(self, corpus: Corpus, asked: str, prefix: str = "") -> None:
        """Frame the hay.

        Args:
            corpus: The hay.
            asked: Question and instruction.
            prefix: How the answer begins.
        """
        self._corpus = corpus
        self._footer = f"\n</context>\n{asked.rstrip()}\n"
        self._prefix = prefix
        self.fitter = Fitter(corpus, Frame(HEADER, self._footer + prefix))

    def fit(self, plan: PlannedSample, statements: Sequence[str], depths: Sequence[float]) -> Fitted:
        """Place statements at depths of as much hay as the asked length leaves room for; see ``Fitter.fit``."""
        start = self._corpus.stretch(plan.index, int(plan.length.amount))[0]  # the same for all depths of an index
        return self.fitter.fit(int(plan.length.amount), start, statements, depths)

    def part(self, plan: PlannedSample, fitted: Fitted) -> HayPart:
        """Return what a sample says of its hay."""
        layout, overlap = fitted.layout, self._corpus.stretch(plan.index, int(plan.length.amount))[1]
        return {
            "haystack": self._corpus.described(fitted.start, fitted.stop, overlap),
            "hay": {"start": layout.start, "units": layout.units, "fill": layout.fill},
            "realised_length": fitted.tokens,
        }

    def prompt(self, sample: Any, statements: Sequence[str], positions: Sequence[int]) -> Prompt:
        """Slice the hay and put the statements between; no tokenizer is needed.

        Args:
            sample: Has what ``part`` gave.
            statements: As they were placed.
            positions: The unit before which each stands.

        Raises:
            CorpusError: The hay is another than that of the sample.
        """
        if sample["haystack"]["digest"] != self._corpus.source.digest:
            raise CorpusError(
                f"the haystack {self._corpus.source.spec} is not the one that sample {sample['id']} was made from; "
                "bring back the old text or run the sweep again"
            )
        layout = Layout(**sample["hay"], positions=tuple(positions))
        pieces = arrange(self._corpus, layout, statements)
        parts = (TextPart(HEADER), *text_parts(self._corpus, pieces), TextPart(self._footer))
        return Prompt.user(*parts, answer_prefix=self._prefix)


def evenly(rng: Rng, count: int) -> list[float]:
    """Return depths, ascending: one in each of so many equal stretches, the first and the last near the ends.

    So two or more of them always lie two thirds of the whole apart.
    """
    third = 1 / 3
    places = [rng.random() for _ in range(count)]
    if count > 1:
        places[0], places[-1] = places[0] * third, 1 - places[-1] * third
    return [(number + place) / count for number, place in enumerate(places)]


@dataclass(frozen=True)
class Posed:
    """A question with what must be told for it.

    Attributes:
        question: What is asked.
        target: The right answer.
        needed: What each statement says that must be read to be sure of the answer.
        others: The same of further statements about the same things.
        vital: Those of ``needed`` without any one of which the answer is another: two of them stand at the ends.
        more: What else the sample says.
    """

    question: str
    target: str
    needed: Mapping[str, Any]
    others: Mapping[str, Any] = field(default_factory=dict)
    vital: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


class SpreadSample(Sample):
    """A question that follows from statements among hay.

    Attributes:
        hay: The stretch of hay.
        positions: The unit before which each statement stands.
        draw: How often names were drawn anew, because the hay has some of them.
        spans_halves: Whether no half of the context gives the answer.
        evidence: Number and depth of each statement that is needed.
    """

    hay: Place
    positions: list[int]
    draw: int
    spans_halves: bool
    evidence: list[list[Any]]


P = TypeVar("P", bound=SpreadSample)


class SpreadBuilder(Builder[P]):
    """Questions that follow from statements, which are spread among hay.

    Attributes:
        SOURCE: The name of the family's own hay, which is used unless another is asked for.
    """

    SOURCE: ClassVar[str]
    INSTRUCTION: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]] = (SPREAD,)

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Keep the settings; the corpus is opened with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        self._posed = lru_cache(maxsize=_KEPT)(self.pose)  # the same is asked when a sample is checked and rendered
        given = self._options["spread"]
        self._spread = float(given or (1 if sweep.depths == _NO_DEPTHS else WINDOW))

    @abstractmethod
    def variants(self) -> Sequence[str]:
        """Return the kinds of question, as variants are named."""

    @abstractmethod
    def own_hay(self, argument: str) -> FixedSource:
        """Return the family's own hay; the argument is what stands after the colon."""

    @abstractmethod
    def pose(self, plan: PlannedSample, draw: int) -> Posed:
        """Return the question of a sample with its statements: a pure function of both arguments."""

    @abstractmethod
    def answer(self, sample: P, told: Sequence[Any]) -> str | None:
        """Return the answer that follows from what some of the statements say; ``None`` if none does."""

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each kind of question at each length and, where statements stand close together, each depth."""
        sweep = self.sweep if self._spread < 1 else replace(self.sweep, depths=())
        if self._spread == 1 and self.sweep.depths != _NO_DEPTHS:
            logger.warning("%s: depths have no effect, for spread is 1: set it below", self.sweep.task)
        return expand(sweep, variants=self.variants())

    @cached_property
    def corpus(self) -> Corpus:
        """The hay."""
        argument = (self.sweep.haystack or self.SOURCE).partition(":")[2]
        source: Any = self.own_hay(argument) if self._is_own else self.context.source(self.sweep.haystack)
        return Corpus(source, self.sweep.tokenizer, self.context.cache_dir)

    @property
    def _is_own(self) -> bool:
        return (self.sweep.haystack or self.SOURCE).partition(":")[0] == self.SOURCE

    def sample(self, plan: PlannedSample) -> P:
        """Pose the question, place the statements, and find how much hay fits; see ``Builder.sample``.

        Raises:
            CorpusError: The hay cannot be had.
            LengthError: The length is too short for question and statements.
        """
        draw, posed = self._drawn(plan)
        statements, needed = _shuffled(plan, posed)
        spread = self._frame(posed)
        fitted = spread.fit(plan, statements, self._depths(plan, len(statements), needed))
        positions, units = fitted.layout.positions, max(1, fitted.layout.units)
        made: Any = {
            **planned_part(plan, self.sweep.tokenizer),
            **spread.part(plan, fitted),
            "question": posed.question,
            "target": posed.target,
            "positions": list(positions),
            "draw": draw,
            "spans_halves": self._spread >= APART and len(posed.vital) > 1,
            "evidence": [[number, round(min(1.0, positions[number] / units), 4)] for number in sorted(needed)],
            "realised_depth": None,
            **posed.more,
        }
        made["spans_halves"] = made["spans_halves"] and not self._told_by_a_side(made)
        return made  # type: ignore[no-any-return]  # a family's own keys are in ``more``

    def _told_by_a_side(self, sample: P) -> bool:
        """Whether one side of a cut in the middle of what is needed gives the answer: several lost statements may.

        Each vital one alone changes the answer, but two changes can undo each other.
        """
        depths = [depth for _, depth in sample["evidence"]]
        middle = (min(depths) + max(depths)) / 2
        return sample["target"] in {self.answer_from(sample, 0, middle), self.answer_from(sample, middle, 1)}

    def render(self, sample: P) -> Prompt:
        """Make the statements again and put them among the hay."""
        plan = planned(sample)
        posed = self._posed(plan, sample["draw"])
        return self._frame(posed).prompt(sample, _shuffled(plan, posed)[0], sample["positions"])

    def passages(self, sample: P) -> tuple[str, ...]:
        """Return the statements that are needed."""
        return tuple(self._posed(planned(sample), sample["draw"]).needed)

    def answer_from(self, sample: P, first: float, last: float) -> str | None:
        """Return the answer that follows from the statements between two depths."""
        plan, units = planned(sample), max(1, sample["hay"]["units"])
        posed = self._posed(plan, sample["draw"])
        said = {**posed.needed, **posed.others}
        placed = zip(_shuffled(plan, posed)[0], sample["positions"], strict=True)
        return self.answer(sample, [said[text] for text, at in placed if first <= min(1.0, at / units) <= last])

    def _frame(self, posed: Posed) -> Spread:
        return Spread(self.corpus, f"{posed.question} {self.INSTRUCTION}")

    def _drawn(self, plan: PlannedSample) -> tuple[int, Posed]:
        """Pose the question with names that the hay has not."""
        taken = self._taken(plan)
        for draw in range(_DRAWS):
            posed = self._posed(plan, draw)
            told = " ".join((*posed.needed, *posed.others))
            if taken.isdisjoint(NAME.findall(told)):
                return draw, posed
        raise CorpusError(f"the haystack {self.corpus.source.spec} has all names that could be drawn; use another one")

    def _taken(self, plan: PlannedSample) -> set[str]:
        """Return the names that other hay has; the family's own has none of those that are drawn."""
        if self._is_own:
            return set()
        first = self.corpus.unit_start(self.corpus.stretch(plan.index, int(plan.length.amount))[0])
        last = self.corpus.advance(first, plan.length.amount)
        return self.corpus.matches("invented names", NAME_IN_BYTES, first, last)

    def _depths(self, plan: PlannedSample, count: int, needed: Collection[int]) -> list[float]:
        """Spread what is needed evenly, and the rest at random, over the asked share of the context."""
        rng = plan.rng("places")
        depths = [rng.random() for _ in range(count)]
        for number, place in zip(needed, evenly(rng, len(needed)), strict=True):
            depths[number] = place
        before = float(plan.depth or 0) * (1 - self._spread)
        return [before + self._spread * place for place in depths]


def _shuffled(plan: PlannedSample, posed: Posed) -> tuple[list[str], list[int]]:
    """Return all statements in random order, and the numbers of those that are needed, as they are to follow.

    Two without which there is no answer come first and last, so that neither side of a cut between them has it.
    """
    statements = [*posed.needed, *posed.others]
    plan.rng("order").shuffle(statements)
    rng, needed = plan.rng("needed"), list(posed.needed)
    ends = rng.sample(posed.vital, min(2, len(posed.vital)))
    between = [text for text in needed if text not in ends]
    rng.shuffle(between)
    place = {text: number for number, text in enumerate(statements)}
    return statements, [place[text] for text in (*ends[:1], *between, *ends[1:])]
