"""How far models get: effective lengths with their intervals, and what the depth of the needle does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.figures.series import (
    GREY,
    HIGH,
    PICK,
    SPAN,
    WIDE,
    hover,
    length_axis,
    picked,
    score_axis,
    series,
    told_as,
)
from lm_eval_longctx.report.grid import chosen_metric, make_grid
from lm_eval_longctx.report.wording import CLEAR, number, reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.results import Run

    Spec = dict[str, Any]

_CONTRASTS = {"primacy": "beginning - middle", "recency": "end - middle"}


def effective(runs: Sequence[Run]) -> Figure:
    """Describe the effective length of each model on each task, by the rule of 85 % of the shortest length's score.

    A triangle means that all lengths that were tried are good enough, a cross that none is.

    Args:
        runs: Of any tasks, all with an effective length and the same unit.
    """
    labels = _models(runs)
    rows = [_reach(run, labels[index]) for index, run in enumerate(runs)]
    amounts = {row["amount"]: row["length"] for run in runs for row in run.block["lengths"]}
    first = min(amounts)
    for row in rows:
        row.update({key: first if row[key] is None else row[key] for key in ("amount", "low", "high")})
    unit = runs[0].block["specification"]["unit"]
    tasks = sorted({run.task for run in runs})
    y = {
        "y": {
            "field": "task",
            "type": "nominal",
            "sort": tasks,
            "title": None,
            "axis": {"grid": False, "ticks": False},
        },
        "yOffset": {"field": "model", "type": "nominal", "sort": sorted(set(labels))},
        "color": told_as(sorted(set(labels))),
    }
    x = length_axis(amounts, f"effective length ({unit}), with its 95 % interval")
    x["axis"]["grid"] = True
    tips = hover(("task", "task"), ("model", "model"), ("told", "effective length"))
    kinds = {"domain": ["up to here", "as far as was tried", "none"], "range": ["circle", "triangle-right", "cross"]}
    shape = {"field": "state", "type": "nominal", "scale": kinds, "legend": {"title": None, "orient": "top"}}
    spec = {
        "title": {"text": f"Effective length in {unit}"},
        "width": WIDE - 120,
        "height": {"step": 16, "for": "offset"},
        "data": {"name": "lengths"},
        "encoding": {**y, "tooltip": tips},
        "layer": [
            {"mark": SPAN, "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {"mark": "point", "encoding": {"x": x, "shape": shape}},
        ],
    }
    return Figure(
        f"effective length {unit}",
        f"effective length of each model on each task, in {unit}",
        "effective",
        spec,
        {"lengths": rows},
    )


def _models(runs: Sequence[Run]) -> list[str]:
    """Return each run's name, with its date where the model ran the task twice."""
    seen = [(run.task, run.model) for run in runs]
    return [run.model if seen.count((run.task, run.model)) == 1 else f"{run.model} {run.stamp}" for run in runs]


def _reach(run: Run, name: str) -> dict[str, Any]:
    found = run.block["summary"]["effective_length"]["relative"]
    state = "none" if found["length"] is None else "as far as was tried" if found["at_least"] else "up to here"
    ends = {"amount": found["length"], "low": found["low"], "high": found["high"]}
    return {"task": run.task, "model": name, **ends, "state": state, "told": reach(found)}


def position(runs: Sequence[Run]) -> Figure:
    """Describe what the depth of the needle does: scores by depth over all lengths, and ends against the middle.

    Args:
        runs: Of one task, all with a test of depth.
    """
    task, metric = runs[0].task, chosen_metric(runs[0].block, None)
    of = list(zip(runs, names(runs), strict=True))
    depths = [row for run, name in of for row in _depths(run, name)]
    contrasts = [row for run, name in of for row in _contrasts(run, name)]
    told = series(runs)
    y = score_axis(metric, [row["score"] for row in depths])
    x = {
        "field": "depth",
        "type": "quantitative",
        "title": "depth of the needle",
        "scale": {"domain": [0, 1], "padding": 8},
    }
    x["axis"] = {"format": ".0%", "grid": False, "values": [0, 0.25, 0.5, 0.75, 1]}
    tips = hover(("model", "model"), ("place", "depth"), ("shown", str(metric["name"])), ("n", "scored"))
    encoding = {"x": x, "y": {"field": "score", "type": "quantitative", **y}, "color": told["color"]}
    lines = [
        {"params": PICK, "mark": "line", "encoding": picked({**encoding, "strokeDash": told["strokeDash"]})},
        {"mark": "point", "encoding": picked({**encoding, "shape": told["shape"], "tooltip": tips})},
    ]
    panels = [{"width": WIDE, "height": HIGH * 0.75, "data": {"name": "depths"}, "layer": lines}]
    if contrasts:
        panels.append(
            {"width": WIDE, "height": {"step": 13, "for": "offset"}, **_ends(told, names(runs), str(metric["name"]))}
        )
    spec = {"title": {"text": f"{task} · {metric['name']} by depth"}, "vconcat": panels}
    return Figure(
        f"{task} by depth",
        f"{metric['name']} by depth of the needle: {task}",
        "position",
        spec,
        {"depths": depths, "contrasts": contrasts},
        task,
        notes=_verdicts(of),
    )


def _verdicts(of: Sequence[tuple[Run, str]]) -> tuple[str, ...]:
    """Say of which models a test finds that depth matters."""
    tests = [(name, run.block["summary"]["position_bias"]["depth_p"]) for run, name in of]
    found = [f"{name} (p = {p:.2g})" for name, p in tests if p < CLEAR]
    return (f"Depth matters, by a permutation test: {', '.join(found) or 'no effect was found'}.",)


def _depths(run: Run, name: str) -> Iterator[dict[str, Any]]:
    """Yield the score of each depth, over all lengths."""
    grid = make_grid(run.block)
    for depth in grid.depths:
        cells = [cell for length in grid.lengths if (cell := grid.cell(length, depth)).score is not None]
        scored = sum(cell.scored for cell in cells)
        if depth is not None and scored:
            score = sum((cell.score or 0.0) * cell.scored for cell in cells) / scored
            yield {
                "model": name,
                "depth": depth,
                "place": f"{depth:.0%}",
                "score": score,
                "shown": number(score),
                "n": scored,
            }


def _contrasts(run: Run, name: str) -> Iterator[dict[str, Any]]:
    bias: Mapping[str, Any] = run.block["summary"]["position_bias"]
    for key, label in _CONTRASTS.items():
        if bias[key]:
            interval = bias[key]["interval"] or {"low": None, "high": None}
            ends = {"low": interval["low"], "high": interval["high"]}
            yield {"model": name, "contrast": label, "estimate": bias[key]["estimate"], **ends}


def _ends(told: Spec, labels: Sequence[str], metric: str) -> Spec:
    """Compare the ends of the context with its middle, each with its interval."""
    rows = {
        "field": "contrast",
        "type": "nominal",
        "sort": list(_CONTRASTS.values()),
        "title": None,
        "axis": {"grid": False, "ticks": False},
    }
    x = {
        "field": "estimate",
        "type": "quantitative",
        "title": f"difference in {metric}, with its 95 % interval",
        "scale": {"zero": True},
    }
    place = {"y": rows, "yOffset": {"field": "model", "type": "nominal", "sort": list(labels)}, "color": told["color"]}
    known = [{"filter": "datum.low !== null"}]
    zero = {"x": {"datum": 0}, "y": {"value": 0}, "y2": {"value": "height"}}
    tips = hover(("model", "model"), ("estimate", "difference"), ("low", "from"), ("high", "to"))
    layers = [
        {"mark": {"type": "rule", "color": GREY}, "encoding": zero},
        {"transform": known, "mark": SPAN, "encoding": {**place, "x": {**x, "field": "low"}, "x2": {"field": "high"}}},
        {"mark": "point", "encoding": {**place, "x": x, "tooltip": tips}},
    ]
    return {"data": {"name": "contrasts"}, "layer": layers}
