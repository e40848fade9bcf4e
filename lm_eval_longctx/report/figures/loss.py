"""Loss by position: windows, cumulative mean, power law, and how much has been read before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.figures.series import PICK, WIDE, hover, picked, series, signatures
from lm_eval_longctx.report.wording import formula

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.results import Run

    Spec = dict[str, Any]

_FINE = 120
"""Places at which a fitted curve is drawn."""

_POSITION = {
    "field": "position",
    "type": "quantitative",
    "title": "position in the document (tokens)",
    "scale": {"type": "log", "nice": False, "padding": 8},
    "axis": {"format": "~s", "tickCount": 6, "grid": True},
}


_ABOVE = {**_POSITION, "title": None, "axis": {"labels": False, "tickCount": 6, "grid": True}}
"""The same without words, over the one that has them."""


def loss_by_position(runs: Sequence[Run]) -> Figure:
    """Describe the loss by position of one task, as the figure of the Gemini 1.5 report does.

    Points are windows, with their interval as a band; the line is the cumulative
    mean, with the power law dashed over it; below is the share of each window
    that stands before it already, the reason given where curves leave the fit.

    Args:
        runs: Of one task, each with a curve.
    """
    labels = names(runs)
    of = list(zip(runs, labels, strict=True))
    data = {
        "windows": [row for run, name in of for row in _windows(run.block, name)],
        "fits": [row for run, name in of for row in _fitted(run.block, name)],
        "leaves": [row for run, name in of for row in _leaves(run.block, name)],
    }
    task = runs[0].task
    laws = [f"{name}: {formula(run.block['power_law'])}" for run, name in of if run.block["power_law"]]
    told = series(runs)
    spec = {
        "title": {"text": f"{task} · loss by position", **({"subtitle": laws[:6]} if laws else {})},
        "spacing": 8,
        "vconcat": [
            {"width": WIDE, "height": 300, "layer": [*_layers(data, told)]},
            {"width": WIDE, "height": 70, "data": {"name": "windows"}, **_repeated(told)},
        ],
        "resolve": {"scale": {"x": "shared"}},
    }
    title = f"loss by position, with its power law: {task}"
    return Figure(f"{task} by position", title, "loss", spec, data, task, notes=signatures(runs))


def _windows(block: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield one row a window."""
    spans = {row["length"]: row["interval"] for row in block["lengths"]}
    for point in block["curve"]:
        interval = spans.get(point["length"])
        yield {
            "model": name,
            "length": point["length"],
            "position": point["position"],
            "end": point.get("end", point["position"]),  # earlier results have none
            "mean": point["mean"],
            "cumulative": point["cumulative"],
            "low": interval["low"] if interval else None,
            "high": interval["high"] if interval else None,
            "repeated": point["repeated"],
        }


def _fitted(block: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    law, curve = block["power_law"], block["curve"]
    if not law:
        return
    scale, exponent, offset = (law[key]["value"] for key in ("scale", "exponent", "offset"))
    first, last = (point.get("end", point["position"]) for point in (curve[0], curve[-1]))
    for x in np.geomspace(first, last, _FINE).tolist():
        yield {"model": name, "position": x, "loss": scale * x**exponent + offset}


def _leaves(block: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield where a curve leaves its fit."""
    left = (block["power_law"] or {}).get("leaves_at")
    yield from ({"model": name, "position": p.get("end", p["position"])} for p in block["curve"] if p["length"] == left)


def _layers(data: Mapping[str, Sequence[Any]], told: Spec) -> Iterator[Spec]:
    coloured, windows = {"x": _ABOVE, "color": told["color"]}, {"data": {"name": "windows"}}
    if any(row["low"] is not None for row in data["windows"]):
        ends = {"y": _loss("low"), "y2": {"field": "high"}}
        only = [{"filter": "datum.low !== null"}]
        yield {
            **windows,
            "transform": only,
            "mark": {"type": "area", "opacity": 0.12},
            "encoding": {**coloured, **ends},
        }
    tips = hover(("model", "model"), ("length", "to"), ("mean", "window"), ("cumulative", "cumulative"))
    point = {"type": "point", "opacity": 0.5}
    yield {**windows, "mark": point, "encoding": {**coloured, "y": _loss("mean"), "tooltip": tips}}
    line = {**coloured, "x": {**_ABOVE, "field": "end"}, "strokeDash": told["strokeDash"], "y": _loss("cumulative")}
    yield {**windows, "params": PICK, "mark": "line", "encoding": picked(line)}
    if data["fits"]:
        dashed = {"type": "line", "strokeDash": [5, 3], "strokeWidth": 1}
        yield {"data": {"name": "fits"}, "mark": dashed, "encoding": {**coloured, "y": _loss("loss")}}
    if data["leaves"]:
        dotted = {"type": "rule", "strokeDash": [1, 3]}
        yield {"data": {"name": "leaves"}, "mark": dotted, "encoding": coloured}


def _loss(name: str) -> Spec:
    scale = {"type": "log", "zero": False, "nice": False, "padding": 8}
    axis = {"format": "~g", "tickCount": 6}
    title = "negative log-likelihood, nats a token"
    return {"field": name, "type": "quantitative", "scale": scale, "axis": axis, "title": title}


def _repeated(told: Spec) -> Spec:
    scale = {"domain": [0, 1]}
    y = {"field": "repeated", "type": "quantitative", "title": "read before", "scale": scale, "axis": {"tickCount": 3}}
    return {"mark": "line", "encoding": {"x": _POSITION, "y": y, "color": told["color"]}}
