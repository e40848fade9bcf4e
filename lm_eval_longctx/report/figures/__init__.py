"""Figures of a report, each from one description: plain Vega-Lite with its data, drawn in every form by the same code.

``figures`` describes all that results have to show, ``save`` writes one of
them by its suffix, and ``whole`` is the specification that a page embeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.report.compare import by_task
from lm_eval_longctx.report.figures.figure import FORMATS, Figure, available, bundle, drawn, save, whole
from lm_eval_longctx.report.figures.heatmap import heatmap
from lm_eval_longctx.report.figures.lengths import by_length
from lm_eval_longctx.report.figures.looks import LOOKS
from lm_eval_longctx.report.figures.loss import loss_by_position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.results import Run

__all__ = ["FORMATS", "KINDS", "LOOKS", "Figure", "available", "bundle", "drawn", "figures", "save", "whole"]

KINDS = ("heatmap", "lengths", "loss")
"""What figures there are: one heatmap a run, the others one a task."""


def figures(runs: Sequence[Run], metric: str | None = None, *, published: bool = False) -> list[Figure]:
    """Describe all figures of some results, task by task.

    Nothing is drawn and nothing needs to be installed for it.

    Args:
        runs: The sweeps to show; all have the metric.
        metric: The metric to show; each sweep's main one by default.
        published: Whether figures that others published are drawn beside the lines.
    """
    return [one for group in by_task(runs).values() for one in _of_task(group, metric, published=published)]


def _of_task(runs: Sequence[Run], metric: str | None, *, published: bool) -> Iterator[Figure]:
    asked = [run for run in runs if not run.block.get("unsupported")]
    curved = [run for run in asked if run.block.get("curve")]
    long = [run for run in asked if len(run.block["lengths"]) > 1]
    if curved:
        yield loss_by_position(curved)
    elif long:
        yield by_length(asked, metric, published=published)
    yield from (heatmap(run, metric) for run in asked)
