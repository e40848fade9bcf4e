"""Scores by context length, a line for each model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.figures.series import (
    GREY,
    HIGH,
    PICK,
    WIDE,
    hover,
    length_axis,
    picked,
    score_axis,
    series,
    signatures,
    unit_of,
)
from lm_eval_longctx.report.grid import chosen_metric, make_grid, shown_rows
from lm_eval_longctx.report.published import published_for
from lm_eval_longctx.report.wording import number, span
from lm_eval_longctx.results import interval_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.papers import Published
    from lm_eval_longctx.results import Run

    Spec = dict[str, Any]


def by_length(runs: Sequence[Run], metric: str | None = None, *, published: bool = False) -> Figure:
    """Describe the scores of one task by context length, with intervals and what is had without reading.

    Args:
        runs: Of one task.
        metric: The metric to show; the main one by default.
        published: Whether figures that others published are drawn too. The axis stays that of the runs: what was
            published for other lengths is told in words.

    Raises:
        UnknownOptionError: A sweep has no such metric.
    """
    rows = [row for run, name in zip(runs, names(runs), strict=True) for row in _rows(run, metric, name)]
    chosen = chosen_metric(runs[0].block, metric)
    amounts = {row["amount"]: row["length"] for row in rows}
    others = published_for(runs[0].task, str(chosen["name"])) if published else []
    inside, outside = _parted(others, min(amounts), max(amounts))
    ends = [row[key] for row in rows for key in ("score", "low", "high", "floor")]
    y = score_axis(chosen, [*ends, *(row["score"] for row in inside)])
    x = length_axis(amounts, f"context length ({unit_of(runs[0])})")
    title = f"{chosen['name']} by context length: {runs[0].task}"
    spec = {
        "title": {"text": f"{runs[0].task} · {chosen['name']} by context length"},
        "width": WIDE,
        "height": HIGH,
        "data": {"name": "scores"},
        "encoding": {"x": x},
        "layer": [*_layers(rows, series(runs), y), *(_published(y) if inside else [])],
    }
    data = {"scores": rows, **({"published": inside} if inside else {})}
    notes = (*outside, *signatures(runs))
    return Figure(f"{runs[0].task} by length", title, "lengths", spec, data, runs[0].task, notes=notes)


def _rows(run: Run, metric: str | None, name: str) -> Iterator[dict[str, Any]]:
    """Yield one row a length."""
    grid = make_grid(run.block, metric)
    main = grid.metric == run.block["summary"]["metric"]
    for row in shown_rows(run.block, grid):
        found = row["metrics"][grid.metric]
        interval = interval_of(row, grid.metric, run.block["summary"]["metric"]) if found["value"] is not None else None
        yield {
            "model": name,
            "length": row["length"],
            "amount": row["amount"],
            "score": found["value"],
            "low": interval["low"] if interval else None,
            "high": interval["high"] if interval else None,
            "floor": (row.get("floor") or None) if main else None,
            "shown": " ".join(part for part in (number(found["value"]), span(interval)) if part),
            "scored": f"{row['scored']} of {row['n']}",
        }


def _layers(rows: Sequence[Mapping[str, Any]], told: Spec, y: Spec) -> Iterator[Spec]:
    """Yield the layers: bands below, points above."""
    field = {"field": "score", "type": "quantitative", **y}
    if any(row["low"] is not None for row in rows):
        models = len({row["model"] for row in rows})
        band = {"type": "area", "opacity": 0.16 if models < 5 else 0.07}  # noqa: PLR2004 - many bands lie on each other
        ends = {"y": {"field": "low", "type": "quantitative", **y}, "y2": {"field": "high"}}
        yield {
            "transform": [{"filter": "datum.low !== null"}],
            "mark": band,
            "encoding": {**ends, "color": told["color"]},
        }
    if any(row["floor"] is not None for row in rows):
        floor = {"y": {"field": "floor", "type": "quantitative", **y}, "color": told["color"]}
        dotted = {"type": "line", "strokeDash": [1, 3], "strokeWidth": 1}
        yield {"transform": [{"filter": "datum.floor !== null"}], "mark": dotted, "encoding": floor}
    scored = [{"filter": "datum.score !== null"}]
    line = {"y": field, "color": told["color"], "strokeDash": told["strokeDash"]}
    yield {"transform": scored, "params": PICK, "mark": "line", "encoding": picked(line)}
    tips = hover(("model", "model"), ("length", "length"), ("shown", str(y["title"])), ("scored", "scored"))
    points = {"y": field, "color": told["color"], "shape": told["shape"], "tooltip": tips}
    yield {"transform": scored, "mark": "point", "encoding": picked(points)}
    if any(row["score"] is None for row in rows):
        cross = {"type": "point", "shape": "M-.7,-.7L.7,.7M-.7,.7L.7,-.7", "filled": False, "stroke": GREY, "size": 60}
        below = {
            "y": {"value": "height"},
            "tooltip": hover(("model", "model"), ("length", "length"), ("scored", "scored")),
        }
        yield {"transform": [{"filter": "datum.score === null"}], "mark": cross, "encoding": below}


def _parted(others: Sequence[Published], low: float, high: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the published figures for lengths on the axis, and in words those for others."""
    inside, outside = [], []
    for row in others:
        name = f"{row.model}, published" + (f" ({row.note})" if row.note else "")
        for point in row.points:
            if point.length is not None and low <= point.length <= high:
                inside.append({"model": name, "amount": point.length, "score": point.value, "source": row.source})
            elif point.length is not None:
                outside.append(f"{row.model} {point.bound}{number(point.value)} at {point.length:,.0f}")
    return inside, [f"Published for lengths that are not on the axis: {', '.join(outside)}."] if outside else []


def _published(y: Spec) -> list[Spec]:
    """Return what was published: hollow, dashed and grey."""
    data = {"data": {"name": "published"}}
    place = {"y": {"field": "score", "type": "quantitative", **y}, "detail": {"field": "model", "type": "nominal"}}
    tips = hover(("model", "model"), ("score", str(y["title"])), ("source", "source"))
    hollow = {"type": "point", "filled": False, "stroke": GREY, "size": 50}
    name = {"type": "text", "align": "right", "dx": -7, "dy": 9, "color": GREY}
    return [
        {**data, "mark": {"type": "line", "strokeDash": [4, 3], "color": GREY}, "encoding": place},
        {**data, "mark": hollow, "encoding": {**place, "tooltip": tips}},
        {**data, "mark": name, "encoding": {**place, "text": {"field": "model", "type": "nominal"}}},
    ]
