"""Planning from many examples: solved problems, and one more (Gemini 1.5 report, arXiv 2403.05530, on planning)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import cycle, islice
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import ConfigError, nearest
from lm_eval_longctx.hay.estimating import TEXT, estimated
from lm_eval_longctx.plan import Rng, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.scorers.plan import as_text
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.text_plan.words import SHOTS
from lm_eval_longctx.tasks.text_plan.worlds import DAYS, HOURS, KINDS, told_goal, with_goal, worded
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sample import Haystack
    from lm_eval_longctx.scorers.strips import World
    from lm_eval_longctx.sweep import Sweep

VERSION = "1"
"""Changes whenever the same seed would give other problems."""

HEADER = "Below are problems with plans that solve them. What a problem does not tell is not so.\n\n{asked}\n"
_STEPS = (2, 4, 6)
_FEW = 10
"""Solved problems that a plan makes for each index; more are reckoned from the first ``_ENOUGH`` of one index."""

_ENOUGH = 100
_TOKENS = {"rooms": 290, "trucks": 310, "blocks": 190, "meetings": 330, "trips": 285}
"""Of a solved problem, about."""


class ShotsSample(Sample):
    """A problem after solved ones.

    Attributes:
        world: Actions, what holds in the beginning, and the goal, as JSON.
        shortest: How many steps the shortest plan has.
    """

    world: str
    shortest: int


class PlanShotsBuilder(Builder[ShotsSample]):
    """Solved problems of one kind, and one that is not; a variant is a kind."""

    UNIT = Unit.SHOTS
    HAS_DEPTH = False
    IDLE: ClassVar[tuple[str, ...]] = ("haystack",)
    OPTIONS: ClassVar[tuple[Option, ...]] = (Option("kinds", [*KINDS], f"kinds of world, of {', '.join(KINDS)}"),)

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the kinds of world."""
        super().__init__(sweep, context)
        self._kinds = tuple(sweep.options["kinds"])
        for kind in self._kinds or ("",):
            if kind not in KINDS:
                raise ConfigError(f"kinds has {kind!r}; did you mean {nearest(kind, KINDS) or ', '.join(KINDS)}?")

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each kind of world at each number of shots."""
        return expand(self.sweep, variants=self._kinds)

    def sample(self, plan: PlannedSample) -> ShotsSample:
        """Make a problem; those before it are made when it is sent."""
        kind, shots = plan.variant, int(plan.length.amount)
        text, steps, world = _problem(kind, plan.rng("asked"))
        reckoned = estimated(TEXT) and shots > _FEW
        digest = hashlib.sha256(f"plans|{VERSION}".encode()).hexdigest()
        hay: Haystack = {"spec": "made", "digest": digest, "repeats": 0}
        made: ShotsSample = {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {**hay, "estimated": True} if reckoned else hay,
            "question": text,
            "target": steps,
            "world": world.written(),
            "shortest": steps.count("\n") + 1,
            "realised_length": shots,
            "realised_depth": None,
            "planned_tokens": (shots + 1) * _TOKENS[kind] + 100,
        }
        if kind == "meetings":  # who answers with an hour at random is sometimes right
            made["chance"] = round(len(world.start) / (len(DAYS) * len(HOURS)), 4)
        return made

    def render(self, sample: ShotsSample) -> Prompt:
        """Write the solved problems down, and the open one."""
        plan, kind = planned(sample), sample["variant"]
        count = int(plan.length.amount)
        if sample["haystack"].get("estimated"):
            told = _reckoned(kind, count)
        else:
            told = "".join(_shots(plan.hay_rng(f"plans|{VERSION}").identity, kind, count))
        header = TextPart(HEADER.format(asked=SHOTS[kind]))
        return Prompt.user(header, TextPart(told, shared=True), TextPart(f"Problem:\n{sample['question']}\nPlan:\n"))


def _problem(kind: str, rng: Rng) -> tuple[str, str, World]:
    """Return a problem in words, a shortest plan, and its world."""
    made, world, plan = with_goal(kind, 1 if kind == "meetings" else rng.choice(_STEPS), rng)
    told = list(map(worded, made.told))
    rng.shuffle(told)
    return f"{' '.join(told)}\nGoal: {told_goal(made, world)}.", "\n".join(map(as_text, plan)), world


@lru_cache(maxsize=1 << 14)  # some 10 MB; fewer examples of an index are the first of more
def _shot(identity: str, kind: str) -> str:
    """Return a solved problem in words."""
    text, steps, _ = _problem(kind, Rng(identity))
    return f"Problem:\n{text}\nPlan:\n{steps}\n\n"


def _shots(identity: str, kind: str, count: int) -> list[str]:
    """Return the first solved problems of an index in words."""
    return [_shot(f"{identity}|{number}", kind) for number in range(count)]


@lru_cache(maxsize=64)
def _reckoned(kind: str, count: int) -> str:
    """Return about as much text as so many solved problems of any index have, and rather more than less."""
    more = 4 + count // 16  # a few meetings of another index may be a fifth longer
    return "".join(islice(cycle(_shots("reckoned", kind, _ENOUGH)), count + more))
