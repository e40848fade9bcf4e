"""``longctx_mixed_qa``: questions that no single kind of content answers.

Joining facts, adding them up and finding contradictions over long contexts are
what the field asks of text (such as Oolong and RULER's tasks of several hops);
here the facts stand in text, pictures, sound and film, so that who misses one
kind of content, or forgets it, cannot answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.plan import expand
from lm_eval_longctx.sample import planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks import mixing
from lm_eval_longctx.tasks.mixed_qa.questions import KINDS, Question, asked_in
from lm_eval_longctx.tasks.mixing import MixedBuilder, MixedSample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.mixture.pieces import Note
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep


class MixedQuestion(MixedSample):
    """A question over several kinds of content.

    Attributes:
        evidence: For each fact that is needed its sentence and its depth.
    """

    evidence: list[list[Any]]


class MixedQuestionBuilder(MixedBuilder[MixedQuestion]):
    """Asks about facts that stand in several kinds of content."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *mixing.OPTIONS,
        Option("ask", list(KINDS), f"kinds of question: {', '.join(KINDS)}", kinds=(tuple,)),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together."""
        super().__init__(sweep, context)
        for ask in self.options["ask"]:
            if ask not in KINDS:
                raise unknown_option("kind of question", str(ask), KINDS)
        if len(self.kinds) < 2:  # noqa: PLR2004 - what there is to join
            raise ConfigError("questions over kinds of content need two modalities or more")
        if not any(asked_in(ask, self.kinds) for ask in self.options["ask"]):
            asked = ", ".join(self.options["ask"])
            raise ConfigError(f"none of the questions {asked or 'in ask'} can be asked of {' and '.join(self.kinds)}")

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind of question in each combination of kinds of content is a variant."""
        asked = [(ask, inside) for ask in self.options["ask"] for inside in asked_in(ask, self.kinds)]
        return expand(self.sweep, variants=[f"ask={ask},in={'+'.join(inside)}" for ask, inside in asked])

    @staticmethod
    def _variant(plan: PlannedSample) -> tuple[str, tuple[str, ...]]:
        ask, inside = (part.partition("=")[2] for part in plan.variant.split(","))
        return ask, tuple(inside.split("+"))

    def _asked(self, plan: PlannedSample) -> Question:
        """Return the question; the order of the kinds that its parts stand in is drawn."""
        ask, inside = self._variant(plan)
        rng = plan.rng("question")
        return KINDS[ask](rng.sample(inside, len(inside)), self.kinds, rng)

    def notes(self, plan: PlannedSample) -> list[Note]:
        """Return the facts: those that are needed spread evenly from the asked depth on, the others anywhere."""
        question, rng = self._asked(plan), plan.rng("places")
        needed, depth = len(question.needed), plan.depth or 0.0
        spread = [depth, *((depth + i / needed) % 1.0 for i in range(1, needed))]
        # Which of the parts comes first is drawn: else the order of joining would tell where to look.
        places = iter(rng.sample(spread, needed))
        return [
            self.note(
                plan, fact.kind, fact.text, next(places) if fact.needed else rng.random(), f"{n}", asked=fact.needed
            )
            for n, fact in enumerate(question.facts)
        ]

    def question(self, plan: PlannedSample) -> str:
        """Return the question's words."""
        return self._asked(plan).text

    def sample(self, plan: PlannedSample) -> MixedQuestion:
        """Work out one sample; nothing is drawn or spoken."""
        question, placed = self._asked(plan), self.placed(plan)
        depths = [[fact.text, one.depth] for fact, one in zip(question.facts, placed, strict=True) if fact.needed]
        return {
            **planned_part(plan, self.sweep.tokenizer),
            **self.mixed(plan),
            "target": question.answer,
            "kind": self._variant(plan)[0],
            "evidence": depths,
            "realised_depth": min(one.depth for fact, one in zip(question.facts, placed, strict=True) if fact.needed),
        }

    def answer_from(self, sample: MixedQuestion, first: float, last: float) -> str:
        """Return the answer if a part of the context tells all that it follows from."""
        return str(sample["target"]) if all(first <= depth <= last for _, depth in sample["evidence"]) else ""
