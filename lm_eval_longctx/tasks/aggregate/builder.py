"""``longctx_text_aggregate``: questions that need nearly all of hundreds to a hundred thousand records.

After Oolong (Bertsch et al., arXiv 2511.02817), whose questions count, compare
and follow over time what has to be read line by line, and RULER's common and
frequent words (arXiv 2404.06654). Here the lines are records of a made world,
in prose of several forms, so that the answers are exact at any length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.hay.records.filters import bare
from lm_eval_longctx.hay.records.wording import written_day
from lm_eval_longctx.plan import expand
from lm_eval_longctx.sample import planned
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.aggregate.questions import AFTER, BEFORE, KINDS, NUMERIC, Question, Stretch, chance
from lm_eval_longctx.tasks.aggregate.words import worded
from lm_eval_longctx.tasks.recorded import RecordsBuilder, RecordsSample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.records.world import World
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.sweep import Sweep

SAMPLED = 10
"""A sample's ``sampled`` is the answer that every so manyth record would give."""

TIE = "a tie"

OPTIONS: tuple[Option, ...] = (
    Option("kinds", list(KINDS), f"kinds of question: {', '.join(KINDS)}", kinds=(tuple,)),
    Option(
        "spread",
        1.0,
        "share of the days that a question is about, above 0 to 1, or a list (a ladder)",
        kinds=(list, tuple),
    ),
)
"""What all tasks have that ask such questions."""


class AggregateSample(RecordsSample):
    """A question that needs nearly all records.

    Attributes:
        labels: All names that could be meant; empty where a number is asked.
        counted: How many records the answer is made of.
        sampled: The answer that a tenth of the records would give; ``TIE`` where they give none.
    """

    labels: list[str]
    counted: int
    sampled: str


def variants(options: Mapping[str, Any]) -> list[str]:
    """Return the variants that the options ask for: each kind of question at each spread.

    Raises:
        ConfigError: A kind is unknown, or a spread is no share.
    """
    for kind in options["kinds"]:
        if kind not in KINDS:
            raise unknown_option("kind of question", str(kind), KINDS)
    spreads = options["spread"] if isinstance(options["spread"], (list, tuple)) else [options["spread"]]
    if not spreads or not all(isinstance(s, (int, float)) and 0 < s <= 1 for s in spreads):
        raise ConfigError(f"spread must hold shares above 0 and up to 1, not {options['spread']!r}")
    several = len(spreads) > 1
    return [f"kind={kind}" + f",spread={spread:g}" * several for kind in options["kinds"] for spread in spreads]


def asked(world: World, count: int, plan: PlannedSample, options: Mapping[str, Any]) -> tuple[Question, Stretch]:
    """Return what a sample asks about the first so many records of a world.

    Raises:
        LengthError: They are too few.
    """
    kind, _, step = plan.variant.removeprefix("kind=").partition(",spread=")
    given = options["spread"]
    spread = float(step or (given[0] if isinstance(given, (list, tuple)) else given))
    rng = plan.rng("question")
    stretch = Stretch.of(world, count, spread, rng)
    return KINDS[kind](kind, stretch, rng), stretch


def answered(question: Question, stretch: Stretch, rng: Rng) -> dict[str, Any]:
    """Return what a sample says of its answer."""
    target = question.answer(stretch.records())
    assert target is not None, question  # noqa: S101 - questions with a tie are not asked
    offset = rng.below(min(SAMPLED, stretch.count))
    numeric = question.kind in NUMERIC
    names = () if numeric else (question.names or (BEFORE, AFTER))
    sampled = question.answer(stretch.records(SAMPLED, offset), SAMPLED if numeric else 1)
    counted = sum(1 for _ in question.meant(stretch.records()))
    return {
        "target": bare(target),
        "kind": question.kind,
        "labels": [bare(name) for name in names],
        "counted": counted,
        "sampled": bare(sampled or TIE),
        "chance": chance(question, target, stretch.count),
    }


class TextAggregateBuilder(RecordsBuilder[AggregateSample]):
    """Asks about all records of a text."""

    OPTIONS: ClassVar[tuple[Option, ...]] = OPTIONS

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check kinds and spreads."""
        super().__init__(sweep, context)
        self._variants = variants(self._options)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind of question at each spread is a variant."""
        return expand(self.sweep, variants=self._variants)

    def _asked(self, plan: PlannedSample, count: int) -> tuple[Question, Stretch]:
        return asked(self.world(plan), count, plan, self._options)

    def sample(self, plan: PlannedSample) -> AggregateSample:
        """Choose what is asked and count what is right, streaming the records; see ``Builder.sample``.

        Raises:
            LengthError: The length is too short.
        """
        found, part = self.fitted(plan, lambda count: self._asked(plan, count), lambda a: worded(a[0], written_day))
        return {**part, **answered(*found, plan.rng("sampled"))}  # type: ignore[typeddict-item]

    def answer_from(self, sample: AggregateSample, first: float, last: float) -> str | None:
        """Return the answer that the records between two depths would give."""
        count = sample["hay"]["units"]
        question, stretch = self._asked(planned(sample), count)
        found = question.answer(r for r in stretch.records() if first <= r.number / count <= last)
        return None if found is None else bare(found)
