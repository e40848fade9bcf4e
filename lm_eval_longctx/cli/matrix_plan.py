"""What a matrix will cost before it is paid, and its scores afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.estimate import wall_seconds
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.harness.pricing import REASONING, make_plan
from lm_eval_longctx.screen import fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.matrix import Cell, Matrix, ModelEntry, Store

HEADS = ("model", "task")
_PLAN_HEADS = (*HEADS, "length", "cells", "calls", "prompt tokens", "USD", "USD at most", "left out")


@dataclass(frozen=True)
class Row:
    """The cells of one model, task and length.

    Attributes:
        model: What the model is called.
        task: The task's name.
        length: The length.
        cells: How many are to run: one a seed.
        calls: Of all of them.
        tokens: Of their prompts.
        expected: US dollars; ``None`` where nobody knows the price.
        most: US dollars at most; likewise.
        left_out: Calls beyond the window, or that the model does not take.
        hours: How long they take, at the model's own pace.
    """

    model: str
    task: str
    length: str
    cells: int
    calls: int
    tokens: int
    expected: float | None
    most: float | None
    left_out: int
    hours: float


@dataclass(frozen=True)
class MatrixPlan:
    """A priced matrix.

    Attributes:
        matrix: What was planned.
        pending: The cells that are to run.
        rows: What they cost.
        refused: What cannot run, each with why.
    """

    matrix: Matrix
    pending: Sequence[Cell]
    rows: Sequence[Row]
    refused: Sequence[str]

    def total(self, name: str) -> Any:
        """Add a column up; ``None`` if a part of it is not known."""
        values = [getattr(row, name) for row in self.rows]
        return None if None in values else sum(values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        sums = {name: self.total(name) for name in ("cells", "calls", "tokens", "expected", "most", "left_out")}
        return {
            "name": self.matrix.name,
            "rows": [vars(row) for row in self.rows],
            "total": sums,
            "budget": self.matrix.budget,
            "refused": list(self.refused),
        }

    def as_text(self) -> str:
        """Return a table, its sums, and what is to be known before it is paid."""
        rows = [
            _cells(r.model, r.task, r.length, r.cells, r.calls, r.tokens, r.expected, r.most, r.left_out)
            for r in self.rows
        ]
        names = ("cells", "calls", "tokens", "expected", "most", "left_out")
        rows.append(_cells("total", "", "", *(self.total(name) for name in names)))
        return f"{table(rows, _PLAN_HEADS)}\n\n{fitted([*self._notes(), *self.refused])}"

    def _notes(self) -> list[str]:
        matrix, expected = self.matrix, self.total("expected")
        done = len(matrix.models) * len(matrix.tasks) * len(matrix.lengths) * len(matrix.seeds) - len(self.pending)
        lines = [f"{done:,} cells have ended before and are not run again"] if done else []
        slowest = max((self._hours(model) for model in matrix.models), default=0.0)
        lines.append(f"about {slowest:,.1f} h for the slowest model, if its cells go {matrix.workers} at once at most")
        if matrix.budget is None:
            lines.append("no budget: write budget: USD for a cap over all cells")
        elif expected is not None and expected > matrix.budget:
            lines.append(f"budget {matrix.budget:,.2f} USD is less than expected: what does not fit is skipped_budget")
        return lines

    def _hours(self, model: ModelEntry) -> float:
        return sum(row.hours for row in self.rows if row.model == model.name) / model.at_once


def _cells(*values: Any) -> list[str]:
    model, task, length, cells, calls, tokens, expected, most, left_out = values
    money = ["unknown" if amount is None else f"{amount:,.2f}" for amount in (expected, most)]
    return [model, task, length, f"{cells:,}", f"{calls:,}", f"{tokens:,}", *money, f"{left_out:,}" if left_out else ""]


def plan_matrix(matrix: Matrix, pending: Sequence[Cell]) -> MatrixPlan:
    """Price the cells that are to run: one seed of each model, task and length, taken as often as there are seeds."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in pending:
        groups.setdefault((cell.model.name, cell.task), []).append(cell)
    rows: dict[tuple[str, str], list[Row]] = {}
    refused: dict[tuple[str, str], str] = {}
    for task in dict.fromkeys(task for _, task in groups):  # of one task after the other samples are kept
        kept: dict[str, list[LongctxTask]] = {}
        for (name, _), cells in ((key, cells) for key, cells in groups.items() if key[1] == task):
            try:
                rows[name, task] = _planned(cells, kept)
            except LongctxError as error:
                refused[name, task] = f"{name} on {task} cannot run: {error}"
    ordered = [row for key in groups for row in rows.get(key, ())]
    return MatrixPlan(matrix, pending, ordered, [refused[key] for key in groups if key in refused])


def _planned(cells: Sequence[Cell], kept: dict[str, list[LongctxTask]]) -> list[Row]:
    """Price one model on one task; see ``planned_calls`` for what is kept."""
    import json

    first, lengths = cells[0], dict.fromkeys(length for cell in cells for length in cell.lengths)
    config = first.config()
    model = LongctxLM(**config["model_args"])
    metadata = {**first.metadata(), "context_lengths": list(lengths)}
    paths = [config["include_path"]] if "include_path" in config else []
    asked = planned_calls(
        model, [first.task], metadata=json.dumps(metadata), limit=config.get("limit"), include_path=paths, kept=kept
    )
    try:
        plan = make_plan(model, list(asked), REASONING)
    finally:
        model.backend.close()
    seeds = len({cell.seed for cell in cells})
    return [
        Row(
            first.model.name,
            first.task,
            cell.label,
            seeds,
            seeds * cell.calls,
            seeds * sum(cell.tokens.values()),
            None if cell.expected is None else seeds * cell.expected,
            None if cell.most is None else seeds * cell.most,
            seeds * (cell.beyond + cell.refused),
            seeds * wall_seconds(cell, plan.limits, plan.concurrency) / 3600,
        )
        for cell in plan.cells
    ]


def scores(matrix: Matrix, store: Store) -> list[list[str]]:
    """Return a row for each model and task: its main metric at each length, as the mean over seeds."""
    from lm_eval_longctx.results import read_runs

    folder = (store.folder / "results").resolve()
    if not folder.is_dir():
        return []
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in read_runs([folder], newest=False):
        model = run.path.resolve().relative_to(folder).parts[0]
        metric = run.block["metrics"][0]["name"]
        at = found.setdefault((model, run.task), {})
        for row in run.block["lengths"]:
            value = row["metrics"][metric]["value"]
            at.setdefault(row["length"], []).extend([] if value is None else [value])
    names = [model.name for model in matrix.models]
    ordered = sorted(found.items(), key=lambda item: (names.index(item[0][0]), item[0][1]))
    return [[*key, *(_mean(at.get(length, [])) for length in matrix.lengths)] for key, at in ordered]


def _mean(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" if values else "-"
