"""Figures of a report, each from one description: plain Vega-Lite with its data, drawn in every form by the same code.

``figures`` describes all that results have to show, ``save`` writes one of
them by its suffix, and ``whole`` is the specification that a page embeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.report.compare import by_task
from lm_eval_longctx.report.figures.figure import (
    FORMATS,
    SPECIFICATION,
    Figure,
    bundle,
    drawn,
    drawn_ahead,
    save,
    whole,
)
from lm_eval_longctx.report.figures.fonts import available
from lm_eval_longctx.report.figures.heatmap import heatmap
from lm_eval_longctx.report.figures.lengths import by_length
from lm_eval_longctx.report.figures.looks import LOOKS
from lm_eval_longctx.report.figures.loss import loss_by_position
from lm_eval_longctx.report.figures.media import frames, minutes
from lm_eval_longctx.report.figures.models import against_best, costs, differences, outcomes
from lm_eval_longctx.report.figures.reach import effective, position
from lm_eval_longctx.report.grid import make_grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.results import Run

__all__ = [
    "FORMATS",
    "KINDS",
    "LOOKS",
    "SPECIFICATION",
    "Figure",
    "available",
    "bundle",
    "differences",
    "drawn",
    "drawn_ahead",
    "figures",
    "save",
    "whole",
]

KINDS = (
    "effective",
    "lengths",
    "loss",
    "heatmap",
    "position",
    "minutes",
    "frames",
    "differences",
    "cost",
    "outcomes",
)
"""What figures there are: ``effective`` once for all tasks of a unit, a heatmap once a run, the others once a task."""


def figures(runs: Sequence[Run], metric: str | None = None, *, published: bool = False) -> list[Figure]:
    """Describe all figures of some results, task by task.

    Nothing is drawn and nothing needs to be installed for it.

    Args:
        runs: The sweeps to show; all have the metric.
        metric: The metric to show; each sweep's main one by default.
        published: Whether figures that others published are drawn beside the lines.
    """
    groups = by_task([run for run in runs if not run.block.get("unsupported")])
    of_tasks = [one for group in groups.values() for one in _of_task(group, metric, published=published)]
    return [*_effective(runs, metric), *of_tasks]


def _effective(runs: Sequence[Run], metric: str | None) -> Iterator[Figure]:
    """Yield one figure for each unit of lengths."""
    units: dict[str, list[Run]] = {}
    for run in runs:
        summary = run.block["summary"]
        if metric in (None, summary["metric"]) and summary["effective_length"].get("relative"):
            units.setdefault(run.block["specification"]["unit"], []).append(run)
    yield from map(effective, units.values())


def _of_task(runs: Sequence[Run], metric: str | None, *, published: bool) -> Iterator[Figure]:
    curved = [run for run in runs if run.block.get("curve")]
    if curved:
        yield loss_by_position(curved)
    elif any(len(run.block["lengths"]) > 1 for run in runs):
        yield by_length(runs, metric, published=published)
    yield from (heatmap(run, metric) for run in runs if make_grid(run.block, metric).depths != (None,))
    # What is told of the main metric alone
    main = [run for run in runs if metric in (None, run.block["summary"]["metric"])]
    placed = [run for run in main if run.block["summary"]["position_bias"]]
    if placed:
        yield position(placed)
    yield from (found for found in (minutes(runs), frames(runs, metric)) if found)
    compared = against_best(runs, metric)
    if compared:
        yield differences(compared)
    paid = [run for run in main if _paid(run)]
    if len(paid) > 1:
        yield costs(paid)
    if any(set(run.block["summary"]["outcomes"]) - {"complete"} for run in runs):
        yield outcomes(runs)


def _paid(run: Run) -> bool:
    """Whether score and cost of a run are known."""
    summary = run.block["summary"]
    return summary["cost"] is not None and summary["metrics"][summary["metric"]]["value"] is not None
