"""What a matrix will cost before it is paid, and its scores afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from lm_eval_longctx.backend.estimate import wall_seconds
from lm_eval_longctx.cli.plan import duration, money
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.errors import LengthError, LongctxError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.harness.pricing import REASONING, make_plan
from lm_eval_longctx.matrix import cells_of, whole_sweeps
from lm_eval_longctx.screen import fitted
from lm_eval_longctx.units import Unit, parse_length

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.matrix import Cell, Matrix, ModelEntry, Store
    from lm_eval_longctx.results import Run

HEADS = ("model", "task")
_KEYS = (*HEADS, "length")
_AMOUNTS = ("cells", "calls", "prompt tokens", "USD", "USD at most", "left out")
_READABLE = 60
"""Rows that a person still reads one by one; of more there are sums."""
_PATIENCE = 2.0
"""Seconds without a sign of progress that nobody minds."""


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
        impossible: Models, tasks and lengths of which there is no cell: others of the task's lengths can be asked.
        left_out: Why.
    """

    matrix: Matrix
    pending: Sequence[Cell]
    rows: Sequence[Row]
    refused: Sequence[str]
    impossible: Collection[tuple[str, str, str]] = ()
    left_out: Sequence[str] = ()

    def possible(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return those of the matrix's cells that there can be."""
        return [cell for cell in cells if _place(cell) not in self.impossible]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        total = vars(_sum(self.rows))
        sums = {name: total[name] for name in ("cells", "calls", "tokens", "expected", "most", "left_out")}
        return {
            "name": self.matrix.name,
            "rows": [vars(row) for row in self.rows],
            "total": sums,
            "budget": self.matrix.budget,
            "refused": list(self.refused),
            "left_out": list(self.left_out),
        }

    def as_text(self) -> str:
        """Return a table, or its sums by model, task and length where it is too long, and what is to be known."""
        if len(self.rows) <= _READABLE:
            parts = [self._table(_KEYS, self.rows)]
        else:
            parts = [self._table((key,), self._sums(key)) for key in _KEYS]
        return "\n\n".join([*parts, fitted([*self._notes(), *self.left_out, *self.refused])])

    def _table(self, keys: Sequence[str], rows: Sequence[Row]) -> str:
        total = ["total", *[""] * (len(keys) - 1), *_amounts(_sum(self.rows))]
        named = [[*(getattr(row, key) for key in keys), *_amounts(row)] for row in rows]
        return table([*named, total], (*keys, *_AMOUNTS))

    def _sums(self, key: str) -> list[Row]:
        """Return one row for each model, task or length."""
        names = dict.fromkeys(getattr(row, key) for row in self.rows)
        return [_sum([row for row in self.rows if getattr(row, key) == name]) for name in names]

    def _notes(self) -> list[str]:
        matrix, expected = self.matrix, _sum(self.rows).expected
        done = len(self.possible(cells_of(matrix))) - len(self.pending)
        lines = [f"{done:,} cells have ended before and are not run again"] if done else []
        if len(self.rows) > _READABLE:
            lines.append(f"these are sums: --json has all {len(self.rows):,} rows, one a model, task and length")
        if self.rows:
            lines.append(self._time())
        if matrix.budget is None:
            lines.append("no budget: write budget: USD for a cap over all cells")
        elif expected is not None and expected > matrix.budget:
            lines.append(f"budget {matrix.budget:,.2f} USD is less than expected: what does not fit is skipped_budget")
        return lines

    def _time(self) -> str:
        """Say how long it takes: as long as the slowest model, or longer where too few cells go at once."""
        matrix = self.matrix
        alone = {model.name: self._hours(model) for model in matrix.models}
        slowest = max(alone, key=alone.__getitem__)
        shared = _sum(self.rows).hours / matrix.workers
        line = f"about {duration(max(alone[slowest], shared))} with {matrix.workers} cells at once"
        most = sum(model.at_once for model in matrix.models)
        if shared > alone[slowest] and matrix.workers < most:
            line += f"; {duration(alone[slowest])} with workers: {most}"
        return f"{line} (slowest model: {slowest}); each cell starts with some 2 s of a processor"

    def _hours(self, model: ModelEntry) -> float:
        return sum(row.hours for row in self.rows if row.model == model.name) / model.at_once


def _sum(rows: Sequence[Row]) -> Row:
    """Add rows up: a price is ``None`` where that of one of them is not known."""
    first = rows[0] if rows else Row("", "", "", 0, 0, 0, 0.0, 0.0, 0, 0.0)
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in vars(first) if name not in _KEYS
    }
    sums: dict[str, Any] = {name: None if None in found else sum(found) for name, found in columns.items()}
    return replace(first, **sums)


def _amounts(row: Row) -> list[str]:
    left_out = f"{row.left_out:,}" if row.left_out else ""
    return [f"{row.cells:,}", f"{row.calls:,}", f"{row.tokens:,}", money(row.expected), money(row.most), left_out]


def plan_matrix(matrix: Matrix, pending: Sequence[Cell]) -> MatrixPlan:
    """Price the cells that are to run: one seed of each model, task and length, taken as often as there are seeds."""
    groups: dict[tuple[str, str], dict[tuple[str, str, str], list[Cell]]] = {}
    for cell in pending:
        groups.setdefault((cell.task, cell.lengths[0]), {}).setdefault(_place(cell), []).append(cell)
    rows: dict[tuple[str, str, str], list[Row]] = {}
    refused: dict[tuple[str, str, str], LongctxError] = {}
    total = sum(map(len, groups.values()))
    with tqdm(total=total, desc="planning", unit="row", dynamic_ncols=True, delay=_PATIENCE) as bar:
        for _, of_models in sorted(groups.items(), key=lambda group: matrix.tasks.index(group[0][0])):
            # Models share the samples of a length; those of all lengths of some tasks are gigabytes.
            kept: dict[str, list[LongctxTask]] = {}
            texts: dict[tuple[str, str], int] = {}
            for place, cells in of_models.items():
                try:
                    rows[place] = _planned(cells, kept, texts)
                except LongctxError as error:
                    refused[place] = error
                bar.update()
    others = {_place(cell)[:2] for cell in cells_of(matrix) if _place(cell) not in refused}
    impossible = {place for place, why in refused.items() if isinstance(why, LengthError) and place[:2] in others}
    ordered = (rows.get(place, ()) for place in product(_names(matrix), matrix.tasks, matrix.lengths))
    return MatrixPlan(
        matrix,
        [cell for cell in pending if _place(cell) not in impossible],
        [row for of_place in ordered for row in of_place],
        _told(matrix, {place: str(why) for place, why in refused.items() if place not in impossible}, "cannot run"),
        impossible,
        _told(matrix, {place: str(refused[place]) for place in refused if place in impossible}, "is left out"),
    )


def _place(cell: Cell) -> tuple[str, str, str]:
    return cell.model.name, cell.task, cell.lengths[0]


def _names(matrix: Matrix) -> list[str]:
    return [model.name for model in matrix.models]


def _told(matrix: Matrix, refused: Mapping[tuple[str, str, str], str], verb: str) -> list[str]:
    """Say what is refused, once for all models and lengths of which the same is to be said."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for (name, task, length), why in refused.items():
        found.setdefault((task, why), []).append((name, length))
    lines = []
    for (task, why), places in found.items():
        names, lengths = (list(dict.fromkeys(column)) for column in zip(*places, strict=True))
        at = "" if len(lengths) == len(matrix.lengths) else f" at {', '.join(lengths)}"
        on = "" if len(names) == len(matrix.models) else f" on {', '.join(names)}"
        lines.append(f"{task}{at} {verb}{on}: {why}")
    return lines


def _planned(cells: Sequence[Cell], kept: dict[str, list[LongctxTask]], texts: dict[tuple[str, str], int]) -> list[Row]:
    """Price the seeds of one cell; see ``planned_calls`` and ``make_plan`` for what models share."""
    first, seeds = cells[0], len(cells)
    config = first.config()
    model = LongctxLM(**config["model_args"])
    paths = [config["include_path"]] if "include_path" in config else []
    metadata, limit = json.dumps(first.metadata()), config.get("limit")
    asked = planned_calls(model, [first.task], metadata=metadata, limit=limit, include_path=paths, kept=kept)
    try:
        plan = make_plan(model, list(asked), REASONING, texts)
    finally:
        model.backend.close()
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

    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    # Only these: the folder may hold results of models and seeds that the file no longer names, or of other settings.
    sweeps = whole_sweeps(cell for cell in cells_of(matrix) if store.has(cell))
    for sweep in filter(store.has, sweeps):
        for run in read_runs([store.folder / sweep.id], newest=False):
            metric = run.block["metrics"][0]["name"]
            at, spelled = found.setdefault((sweep.model.name, run.task), {}), _spelled(sweep, run)
            for row in run.block["lengths"]:
                value = row["metrics"][metric]["value"]
                at.setdefault(spelled.get(row["length"], row["length"]), []).extend([] if value is None else [value])
    names = _names(matrix)
    ordered = sorted(found.items(), key=lambda item: (names.index(item[0][0]), item[0][1]))
    return [[*key, *(_mean(at.get(length, [])) for length in matrix.lengths)] for key, at in ordered]


def _spelled(sweep: Cell, run: Run) -> dict[str, str]:
    """Return how the matrix's file spells the lengths of a result: ``2K`` or ``2048`` is ``2k`` there."""
    unit = Unit(run.block["specification"]["unit"])
    return {parse_length(length, unit).label: length for length in sweep.lengths}


def _mean(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" if values else "-"
