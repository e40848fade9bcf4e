"""What will run: one step for each condition of each table, with what it costs, or why it cannot run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.estimate import total
from lm_eval_longctx.errors import ConfigError, LongctxError, unknown_option
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.harness.pricing import make_plan
from lm_eval_longctx.providers.cascaded import Cascaded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.backend.estimate import Cell
    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.papers import Arm, Paper, Part


@dataclass(frozen=True)
class Choice:
    """What a user chose, for all steps alike.

    Attributes:
        scale: Of ``papers.SCALES``.
        data: Paths of data, by name.
        limit: Samples of each task, if limited.
        include_path: Further folders of tasks.
        reasoning: Tokens of hidden reasoning that each call is expected to use, where the model reasons.
    """

    scale: str = "full"
    data: Mapping[str, str] = field(default_factory=dict)
    limit: float | None = None
    include_path: tuple[str, ...] = ()
    reasoning: int = 0


@dataclass(frozen=True)
class Step:
    """One run of one task.

    Attributes:
        part: The table.
        arm: The condition; ``None`` where nothing is defined for the scale.
        metadata: With the user's paths in it.
        cost: Its calls, priced; ``None`` where nobody can tell before it runs.
        lacking: Why it cannot run, and what would mend that; empty if it can.
        ours: Whether the task is one of ours, whose results have a sweep.
    """

    part: Part
    arm: Arm | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cost: Cell | None = None
    lacking: str = ""
    ours: bool = True

    @property
    def condition(self) -> str:
        """What the table calls it."""
        return self.arm.condition if self.arm else ""

    def folder(self, output: Path) -> Path:
        """Return where its results lie: a folder of its own, the same in every run of the command."""
        name = re.sub(r"[^\w.-]+", "-", self.condition).strip("-").lower()
        return output / self.part.id / name if name else output / self.part.id


def make_steps(
    paper: Paper,
    parts: Sequence[Part],
    model: LongctxLM | None,
    choice: Choice,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Step]:
    """Return what would run, in order.

    Args:
        paper: The paper.
        parts: Those that are wanted.
        model: As it would be asked; ``None`` for one of lm-eval's own, whose calls nobody prices, like a cascade's.
        choice: What the user chose.
        tell: Is told what is priced: that may take a second for each table.

    Raises:
        ConfigError: A path is given for data that the paper does not know, or leads nowhere.
    """
    for name, path in choice.data.items():
        _check_data(paper, name, path)
    known = {task.name for task in listed_tasks(choice.include_path) if "builder" in task.metadata}
    steps: list[Step] = []
    for number, part in enumerate(parts, 1):
        tell(f"planning {number} of {len(parts)}: {part.id}")
        steps += _steps_of(paper, part, model, choice, known)
    return steps


def _check_data(paper: Paper, name: str, path: str) -> None:
    """Refuse a path that leads nowhere, and a name that no data of the paper have."""
    if not paper.data:
        raise ConfigError(f"{paper.name} needs no data of yours; leave --data {name}={path} out")
    if name not in paper.data:
        raise unknown_option(f"name of data in {paper.name}", name, paper.data)
    for one in path.split("|"):  # two files of a pair
        if not any(Path(place).expanduser().exists() for place in (one, one.partition("?")[0])):
            wanted = paper.data[name]
            raise ConfigError(f"--data {name}={path}: there is no {one}; it needs {wanted.holds}: {wanted.get}")


def _steps_of(paper: Paper, part: Part, model: LongctxLM | None, choice: Choice, known: set[str]) -> list[Step]:
    if choice.scale in part.lacking:
        return [Step(part, lacking=part.lacking[choice.scale])]
    return [_step(paper, part, arm, model, choice, ours=arm.task in known) for arm in part.arms[choice.scale]]


def _step(paper: Paper, part: Part, arm: Arm, model: LongctxLM | None, choice: Choice, *, ours: bool) -> Step:
    wanted = [paper.data[name] for name in arm.needs if name not in choice.data]
    if wanted:
        told = "; ".join(f"{one.holds}: {one.get} as --data {one.name}=PATH" for one in wanted)
        return Step(part, arm, lacking=f"needs {told}", ours=ours)
    metadata = arm.with_data(choice.data)
    if not ours or model is None or isinstance(model.provider, Cascaded):  # nobody prices these
        return Step(part, arm, metadata, ours=ours)
    try:
        cost = _priced(arm, metadata, model, choice)
    except LongctxError as error:
        return Step(part, arm, metadata, lacking=str(error))
    lacking = _all_left_out(cost)
    return Step(part, arm, metadata, cost, lacking)


def _priced(arm: Arm, metadata: Mapping[str, Any], model: LongctxLM, choice: Choice) -> Cell:
    asked = planned_calls(
        model, [arm.task], metadata=json.dumps(metadata), limit=choice.limit, include_path=choice.include_path
    )
    return total(make_plan(model, list(asked), choice.reasoning).cells)


def _all_left_out(cost: Cell) -> str:
    """Say why nothing of a task would be answered; empty if something would."""
    if cost.calls or cost.known:
        return ""
    return cost.why or f"all {cost.beyond} prompts are longer than the model's window"


def expected(steps: Sequence[Step]) -> float | None:
    """Return what all steps cost together, as far as they can be priced; ``None`` where nobody knows the prices."""
    running = [step for step in steps if not step.lacking]
    costs = [step.cost.expected for step in running if step.cost]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) and (costs or not running) else None


def refuse_nothing(steps: Sequence[Step]) -> None:
    """Refuse a plan of which nothing can run.

    Raises:
        ConfigError: It is one.
    """
    if all(step.lacking for step in steps):
        raise ConfigError("nothing of this can run, for the reasons above; nothing was asked")


def refuse_beyond(steps: Sequence[Step], most: float | None) -> None:
    """Refuse a plan that is expected to cost more than a user allows.

    Raises:
        ConfigError: It is.
    """
    cost = expected(steps)
    if most is not None and cost is not None and cost > most:
        dearest = max(steps, key=lambda step: (step.cost.expected if step.cost else 0) or 0)
        raise ConfigError(
            f"the plan is expected to cost {cost:,.2f} USD, more than --max-cost {most:,.2f}; nothing was asked; the "
            f"dearest part is {dearest.part.id}: choose parts with --only, a smaller --scale, or a higher --max-cost"
        )
