"""Plans in small worlds among many of the same make; the context tells of rooms, trucks and blocks without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import ConfigError, nearest
from lm_eval_longctx.hay.statements import statements
from lm_eval_longctx.scorers.plan import as_text
from lm_eval_longctx.scorers.strips import World
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.spread import SPREAD, Posed, SpreadBuilder, SpreadSample
from lm_eval_longctx.tasks.text_plan.words import ASKED, INSTRUCTION, QUESTION
from lm_eval_longctx.tasks.text_plan.worlds import SPREAD_KINDS, Made, make, told_goal, with_goal, worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.text.sources import FixedSource
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.scorers.strips import Step
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.text_plan.worlds import Told

VERSION = "1"
"""Changes whenever the same seed would give other statements."""

STEPS = (2, 4, 8)
VARIANTS = tuple(f"{kind}/{steps}" for kind in SPREAD_KINDS for steps in STEPS)
"""Kinds of world, with the steps of the shortest plan."""

_LONGER = 2
"""By how many steps a plan may be longer that is found without one of the statements."""


class PlanSample(SpreadSample):
    """A plan that is asked for.

    Attributes:
        world: Actions, what holds in the beginning, and the goal, as JSON.
        shortest: How many steps the shortest plan has.
    """

    world: str
    shortest: int


class PlanBuilder(SpreadBuilder[PlanSample]):
    """Plans of a number of steps, in worlds whose facts are spread among those of others."""

    SOURCE = "worlds"
    INSTRUCTION = INSTRUCTION
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        SPREAD,
        Option("questions", [*VARIANTS], f"kinds of world with the steps of a plan, of {', '.join(VARIANTS)}"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the kinds of world."""
        super().__init__(sweep, context)
        for name in self.variants() or [""]:
            if name not in VARIANTS:
                hint = nearest(name, VARIANTS) or ", ".join(VARIANTS)
                raise ConfigError(f"questions has {name!r}; did you mean {hint}?")

    def variants(self) -> Sequence[str]:
        """Return the kinds of world with the steps of a plan."""
        return tuple(self._options["questions"])

    def own_hay(self, argument: str) -> FixedSource:
        """Return the facts of worlds of all kinds."""
        return statements(self.SOURCE, argument, _other_world, VERSION)

    def pose(self, plan: PlannedSample, draw: int) -> Posed:
        """Make a world, and ask for a plan."""
        kind, _, steps = plan.variant.partition("/")
        made, world, shortest = with_goal(kind, int(steps), plan.rng(f"world {draw}"))
        facts = world.used(shortest)
        needed = [told for told in made.told if facts & made.world([told]).start - {("free",)} or kind == "blocks"]
        question = QUESTION.format(asked=ASKED[kind].format(who=made.who), goal=told_goal(made, world))
        return Posed(
            question,
            "\n".join(map(as_text, shortest)),
            {worded(told): told for told in needed},
            {worded(told): told for told in made.told if told not in needed},
            tuple(worded(told) for told in needed if not _without(made, told, world, len(shortest))),
            {"world": world.written(), "shortest": len(shortest)},
        )

    def answer(self, sample: PlanSample, told: Sequence[Told]) -> str | None:
        """Return a shortest plan in a world of which only some is told."""
        kind = sample["variant"].partition("/")[0]
        found = _planned(Made(kind, tuple(told)), World.read(sample["world"]), sample["shortest"])
        return "\n".join(map(as_text, found)) if found else None


def _planned(made: Made, world: World, steps: int) -> list[Step] | None:
    """Return a plan that works in a world, found with only what was told of it."""
    partly = World(world.actions, made.world().start, world.goal)
    plan = partly.shortest(steps + _LONGER)
    return plan if plan and world.goal <= world.run(plan)[1] and world.run(plan)[0] == len(plan) else None


def _without(made: Made, told: Told, world: World, steps: int) -> list[Step] | None:
    return _planned(Made(made.kind, tuple(one for one in made.told if one != told)), world, steps)


def _other_world(rng: Rng, names: Iterator[str]) -> Sequence[str]:
    return [worded(told) for told in make(rng.choice(SPREAD_KINDS), rng, names).told]
