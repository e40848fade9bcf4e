"""Several models on one task, side by side."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from lm_eval_longctx.report.grid import Cell, Grid, make_grid, metric_names, shown_rows
from lm_eval_longctx.report.wording import floor_lines, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.results import Run


def by_task(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Group runs by task, in order."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.task, []).append(run)
    return groups


def names(runs: Sequence[Run]) -> list[str]:
    """Return a name for each run: the model, and the date where a model occurs twice."""
    models = [run.model for run in runs]
    return [run.model if models.count(run.model) == 1 else f"{run.model} {run.stamp}" for run in runs]


def comparison(runs: Sequence[Run], metric: str | None = None) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows of a table: one row a run, one column a length, coverage and reach last.

    A model with several seeds has their mean, and how far they lie apart, in rows of their own.
    """
    grids = [make_grid(run.block, metric) for run in runs]
    amounts = {
        row["length"]: row["amount"]
        for run, grid in zip(runs, grids, strict=True)
        for row in shown_rows(run.block, grid)
    }
    lengths = sorted(amounts, key=lambda label: float(amounts[label]))
    rows = []
    for run, grid, name in zip(runs, grids, names(runs), strict=True):
        cells = [grid.totals.get(length, Cell()) for length in lengths]
        shown = [number(cell.score) if cell.run else "" for cell in cells]
        rows.append([name, *shown, _coverage(run), _reach(run)])
    rows += _over_seeds(runs, grids, lengths)
    return ["model", *lengths, "coverage", "effective"], [*rows, *_floors(runs, grids, lengths)]


def _over_seeds(runs: Sequence[Run], grids: Sequence[Grid], lengths: Sequence[str]) -> list[list[str]]:
    """Return the mean and the range of each model's seeds; of a length that one of them has no score of, neither."""
    seeds: dict[str, list[Grid]] = {}
    for run, grid in zip(runs, grids, strict=True):
        if run.seedless != run.model:
            seeds.setdefault(run.seedless, []).append(grid)
    rows = []
    for model, of_model in seeds.items():
        found = [[grid.totals.get(length, Cell()).score for grid in of_model] for length in lengths]
        scored = [[score for score in scores if score is not None] for scores in found]
        whole = [scores if len(scores) == len(of_model) else [] for scores in scored]
        means = [number(mean(scores)) if scores else "" for scores in whole]
        spans = [f"{number(min(scores))} to {number(max(scores))}" if scores else "" for scores in whole]
        rows += [[f"{model}, mean of {len(of_model)} seeds", *means, "", ""]]
        rows += [[f"{model}, lowest to highest seed", *spans, "", ""]]
    return rows


def _floors(runs: Sequence[Run], grids: Sequence[Grid], lengths: Sequence[str]) -> list[list[str]]:
    """Return the line of who does not read, from the first run that has one."""
    for run, grid in zip(runs, grids, strict=True):
        lines = floor_lines(run.block, lengths) if grid.metric == run.block["summary"]["metric"] else []
        if lines:
            return [[lines[0][0], *lines[0][1], "", ""]]
    return []


def _coverage(run: Run) -> str:
    """Return the share of scored samples, or that the model could not be asked."""
    return "unsupported" if run.block.get("unsupported") else f"{(run.block['summary']['coverage'] or 0) * 100:.3g} %"


def same_questions(runs: Sequence[Run]) -> bool:
    """Whether all runs of a task asked the same questions and scored them equally."""
    return len({run.block["summary"].get("signature") for run in runs}) <= 1


def shown_metric(run: Run, metric: str | None) -> bool:
    """Whether a run has the metric that was asked for."""
    return metric is None or metric in metric_names(run.block)


def _reach(run: Run) -> str:
    """Return the effective length by the relative rule, shortly."""
    found = run.block["summary"]["effective_length"].get("relative")
    if not found:
        return "-"
    return ("≥ " if found["at_least"] else "") + (found["length_label"] or "none")
