"""The heatmap of a sweep: lengths along, depths down, as in the figures of the Gemini 1.5 report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.grid import make_grid
from lm_eval_longctx.report.palette import UNSCORED, colour, hexadecimal, ink
from lm_eval_longctx.report.wording import counts, depth_label, number, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.report.grid import Cell, Grid
    from lm_eval_longctx.results import Run

_COLUMN, _ROW = 66, 30
_NARROW, _LOW, _WIDE, _TALL = 180, 110, 620, 620
"""Bounds of the whole: the axes' titles need room, too."""

_STEPS = 11
_GREY = hexadecimal(UNSCORED)
_FOLD = "M0,0L0,2L-2,0Z"
"""A corner folded down, to the left of and below the place where it is drawn."""

# Under notes, a figure is the first of a column of one: its scales are then called otherwise
_X, _Y = (f"(bandwidth('{name}') || bandwidth('concat_0_{name}'))" for name in "xy")
_SIZES = {"shown": f"min(11, {_X} / 3.4, {_Y} / 2)", "part": f"min(8, {_X} / 5.5, {_Y} / 3)"}


def heatmap(run: Run, metric: str | None = None) -> Figure:
    """Describe a sweep as a heatmap; unscored cells are grey, those that were not run have a stroke.

    Raises:
        UnknownOptionError: The sweep has no such metric.
    """
    grid = make_grid(run.block, metric)
    rows = list(_rows(grid))
    title = f"{grid.metric} by context length and depth: {run.task}, {run.model}"
    spec = {
        "title": {"text": f"{run.task} · {run.model}", "subtitle": sentences(run.block, grid.metric)[0]},
        "width": min(_WIDE, max(_NARROW, _COLUMN * len(grid.lengths))),
        "height": min(_TALL, max(_LOW, _ROW * len(grid.depths))),
        "data": {"name": "cells"},
        "encoding": _places(grid, run),
        "layer": [*_layers(grid, rows)],
    }
    name = f"{run.task} heatmap {run.model} {run.stamp}"
    return Figure(name, title, "heatmap", spec, {"cells": rows}, run.task, run.model, (run.signature,))


def _rows(grid: Grid) -> Iterator[dict[str, Any]]:
    """Yield one row a cell."""
    for depth in grid.depths:
        for length in grid.lengths:
            yield {"length": length, "depth": depth_label(depth), **_told(grid, grid.cell(length, depth))}


def _told(grid: Grid, cell: Cell) -> dict[str, Any]:
    state = "not run" if not cell.run else "unscored" if cell.score is None else "partial" if cell.partial else "scored"
    back = UNSCORED if cell.score is None else colour(grid.goodness(cell.score))
    return {
        "score": cell.score,
        "state": state,
        "shown": number(cell.score) if cell.score is not None else (cell.reason or "unscored") if cell.run else "",
        "part": f"{cell.scored} of {cell.n}" if cell.partial else "",
        "ink": hexadecimal(ink(back)),
        "scored": f"{cell.scored} of {cell.n}",
        "outcomes": counts(cell.outcomes) or "not run",
    }


def _places(grid: Grid, run: Run) -> dict[str, Any]:
    """Return the axes, and what is told on hovering."""
    asked = run.block["specification"]
    unit = " of ".join(part for part in (asked["unit"], asked.get("tokenizer", "")) if part)
    depths = [depth_label(depth) for depth in grid.depths]
    titled = "depth of the needle" if grid.depths != (None,) else None
    bare = {"ticks": False, "domain": False, "grid": False}
    narrow = f"{_X} < 34"
    return {
        "x": {
            "field": "length",
            "type": "nominal",
            "sort": list(grid.lengths),
            "scale": {"padding": 0.02},
            "title": f"context length ({unit})",
            "axis": {
                **bare,
                "labelAngle": {"expr": f"{narrow} ? -45 : 0"},
                "labelAlign": {"expr": f"{narrow} ? 'right' : 'center'"},
                "labelOverlap": False,
            },
        },
        "y": {
            "field": "depth",
            "type": "nominal",
            "sort": depths,
            "scale": {"padding": 0.03},
            "title": titled,
            "axis": bare,
        },
        "tooltip": [
            {"field": "length", "type": "nominal", "title": "length"},
            {"field": "depth", "type": "nominal", "title": "depth"},
            {"field": "shown", "type": "nominal", "title": grid.metric},
            {"field": "scored", "type": "nominal", "title": "scored"},
            {"field": "outcomes", "type": "nominal", "title": "outcomes"},
        ],
    }


def _layers(grid: Grid, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the layers, coloured cells first."""
    states = {row["state"] for row in rows}
    if states & {"scored", "partial"}:
        yield {
            "transform": [_only("datum.score !== null")],
            "mark": "rect",
            "encoding": {"color": _scale(grid, states)},
        }
    if "unscored" in states:
        yield {"transform": [_only("datum.state === 'unscored'")], "mark": {"type": "rect", "color": _GREY}}
    if "not run" in states:
        stroke = {"type": "point", "shape": "M-.5,.5L.5,-.5", "filled": False, "stroke": "#9aa0a6", "strokeWidth": 0.6}
        yield {"transform": [_only("datum.state === 'not run'")], "mark": {**stroke, "size": _square("1")}}
    if "partial" in states:
        fold = {"type": "point", "shape": _FOLD, "aria": False, "color": _GREY, "opacity": 1, "size": _square(".3")}
        corner = {"x": _at("length", grid.lengths, 1), "y": _at("depth", [depth_label(d) for d in grid.depths], 0)}
        yield {"transform": [_only("datum.state === 'partial'")], "mark": fold, "encoding": corner}
    yield _written("shown", -0.13)
    if "partial" in states:
        yield _written("part", 0.22)


def _only(test: str) -> dict[str, str]:
    return {"filter": test}


def _at(name: str, order: Any, place: float) -> dict[str, Any]:
    """Return a place within a cell, from its beginning (0) to its end (1)."""
    return {"field": name, "type": "nominal", "sort": list(order), "bandPosition": place}


def _square(share: str) -> dict[str, str]:
    """Return the size of a mark that takes a share of the cell's shorter side."""
    return {"expr": f"pow({share} * min({_X}, {_Y}), 2)"}


def _written(name: str, lower: float) -> dict[str, Any]:
    """Write into the cells, as large as fits; nothing where it would be too small to read."""
    size = _SIZES[name]
    mark = {
        "type": "text",
        "aria": False,  # the cell itself tells it
        "fontSize": {"expr": f"length(datum.{name}) > 5 ? {size} * 0.75 : {size}"},
        "opacity": {"expr": f"{size} < 4 ? 0 : 1"},
        "dy": {"expr": f"datum.part ? {lower} * {_Y} : 0"},
        "color": {"expr": "datum.ink"},  # no encoding: colours without a scale do not go with those that have one
    }
    return {"mark": mark, "encoding": {"text": {"field": name, "type": "nominal"}}}


def _scale(grid: Grid, states: set[str]) -> dict[str, Any]:
    """Return the colours, brightest for what is best, with grey explained where it occurs."""
    steps = [hexadecimal(colour(i / (_STEPS - 1))) for i in range(_STEPS)]
    low, high = (grid.low, grid.high) if grid.high > grid.low else (grid.low, grid.low + 1)
    name = grid.metric + ("   (grey: not scored)" if states & {"unscored", "partial"} else "")
    order = steps if grid.higher_is_better else steps[::-1]
    return {
        "field": "score",
        "type": "quantitative",
        "scale": {"domain": [low, high], "range": order, "interpolate": "rgb", "clamp": True},
        "legend": {"title": name, "orient": "bottom", "direction": "horizontal", "tickCount": 5},
    }
