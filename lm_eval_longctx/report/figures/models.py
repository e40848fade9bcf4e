"""Models beside each other: cost against score, how answers ended, and differences on the same samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.figures.series import (
    GREY,
    HIGH,
    SPAN,
    WIDE,
    hover,
    score_axis,
    series,
    shortened,
    signatures,
    told_as,
)
from lm_eval_longctx.report.grid import chosen_metric
from lm_eval_longctx.report.paired import compared
from lm_eval_longctx.report.wording import number, signed, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.report.paired import Paired
    from lm_eval_longctx.results import Run

    Spec = dict[str, Any]

_PAINTS = {
    "complete": "#4a7fb5",
    "truncated_input": "#7f6bb0",
    "unparsed": "#b8a3d9",
    "cut_by_output_limit": "#56b4e9",
    "spent_on_reasoning": "#a6d5f0",
    "refused": "#e69f00",
    "blocked": "#d55e00",
    "context_exceeded": "#9e9e9e",
    "unsupported": "#c9c9c9",
    "not_asked": "#dedede",
    "no_answer": "#f0c5d9",
    "malformed": "#cc79a7",
    "transport_failed": "#8c2d3e",
    "possibly_billed": "#c0504d",
    "skipped_budget": "#b5b08a",
}
"""A colour for each way in which an answer ends, the same in all figures; grey is what was not the answer's fault."""

_COLUMNS = 2
_FEW = 5
ALL = "all lengths"


def costs(runs: Sequence[Run]) -> Figure:
    """Describe what models cost and how well they did, each with the interval of its score.

    Args:
        runs: Of one task, all with a score and a cost.
    """
    task, metric = runs[0].task, chosen_metric(runs[0].block, None)
    rows = [_cost(run, name) for run, name in zip(runs, names(runs), strict=True)]
    told = series(runs)
    y = score_axis(metric, [row[key] for row in rows for key in ("score", "low", "high")])
    some = min(row["cost"] for row in rows) > 0
    scale = {"type": "log", "nice": False, "padding": 30} if some else {"zero": True, "padding": 30}
    axis = {"format": "~g", "tickCount": 5, "grid": False}
    x = {"field": "cost", "type": "quantitative", "title": "cost in US dollars", "scale": scale, "axis": axis}
    field = {"field": "score", "type": "quantitative", **y}
    tips = hover(("model", "model"), ("dollars", "US dollars"), ("shown", str(metric["name"])))
    ends = {"x": x, "y": {**field, "field": "low"}, "y2": {"field": "high"}, "color": told["color"]}
    layers = [
        {"transform": [{"filter": "datum.low !== null"}], "mark": {"type": "rule", "opacity": 0.5}, "encoding": ends},
        {
            "mark": "point",
            "encoding": {"x": x, "y": field, "color": told["color"], "shape": told["shape"], "tooltip": tips},
        },
    ]
    title = {"text": f"{task} · {metric['name']} and cost"}
    spec = {"title": title, "width": WIDE, "height": HIGH * 0.9, "data": {"name": "costs"}, "layer": layers}
    return Figure(
        f"{task} cost",
        f"{metric['name']} against cost: {task}",
        "cost",
        spec,
        {"costs": rows},
        task,
        notes=signatures(runs),
    )


def _cost(run: Run, name: str) -> dict[str, Any]:
    summary = run.block["summary"]
    score, interval = summary["metrics"][summary["metric"]]["value"], summary["interval"]
    ends = {"low": interval["low"], "high": interval["high"]} if interval else {"low": None, "high": None}
    shown = f"{number(score)} {span(interval)}".rstrip()
    return {
        "model": name,
        "cost": summary["cost"],
        "dollars": f"{summary['cost']:,.4g}",
        "score": score,
        **ends,
        "shown": shown,
    }


def outcomes(runs: Sequence[Run]) -> Figure:
    """Describe how answers ended, by length, one panel a model.

    Args:
        runs: Of one task.
    """
    rows = [row for run, name in zip(runs, names(runs), strict=True) for row in _outcomes(run, name)]
    found = {row["outcome"] for row in rows}
    kinds = [kind for kind in _PAINTS if kind in found] + sorted(found - set(_PAINTS))
    paints = [_PAINTS.get(kind, "#000000") for kind in kinds]
    amounts = {row["length"]: row["amount"] for row in rows}
    words = {kind: kind.replace("_", " ") for kind in kinds}
    for row in rows:
        row.update(kind=words[row["outcome"]], order=kinds.index(row["outcome"]))
    legend = {"title": None, "orient": "bottom", "columns": 4, "symbolType": "square"}
    scale = {"domain": list(words.values()), "range": paints}
    encoding = {
        "x": {
            "field": "share",
            "type": "quantitative",
            "title": None,
            "scale": {"domain": [0, 1]},
            "axis": {"format": "%", "tickCount": 3},
        },
        "y": {
            "field": "length",
            "type": "nominal",
            "sort": sorted(amounts, key=lambda label: float(amounts[label])),
            "title": None,
            "axis": {"ticks": False},
        },
        "color": {"field": "kind", "type": "nominal", "scale": scale, "legend": legend},
        "order": {"field": "order", "type": "quantitative"},
        "tooltip": hover(("model", "model"), ("length", "length"), ("kind", "outcome"), ("told", "samples")),
    }
    columns = min(_COLUMNS, len(runs))
    task = runs[0].task
    header = {"title": None, "labelAnchor": "start", "labelExpr": shortened("datum.value", 80 // columns)}
    spec = {
        "title": {"text": f"{task} · how answers ended, by length"},
        "facet": {"field": "model", "type": "nominal", "sort": names(runs), "header": header},
        "columns": columns,
        "data": {"name": "outcomes"},
        "spec": {"width": (WIDE - 60) / columns, "height": {"step": 17}, "mark": "bar", "encoding": encoding},
    }
    return Figure(
        f"{task} outcomes", f"how answers ended, by context length: {task}", "outcomes", spec, {"outcomes": rows}, task
    )


def _outcomes(run: Run, name: str) -> Iterator[dict[str, Any]]:
    for row in run.block["lengths"]:
        for kind, count in row["outcomes"].items():
            told = f"{count} of {row['n']}"
            place = {"model": name, "length": row["length"], "amount": row["amount"]}
            yield {**place, "outcome": kind, "count": count, "share": count / row["n"], "told": told}


def differences(found: Sequence[Paired]) -> Figure:
    """Describe differences on the same samples, with their intervals: over all lengths, and at each.

    Args:
        found: Comparisons, all of one task and metric: of one run with others, or of models with themselves at
            another time.
    """
    task = found[0].first.task
    again = all(one.first.model == one.second.model for one in found)
    rows = [row for one in found for row in _differences(one, one.first.model if again else f"less {_second(one)}")]
    amounts = {row["length"]: row["amount"] for one in found for row in one.first.block["lengths"]}
    labels = list(dict.fromkeys(row["pair"] for row in rows))
    places = sorted({row["length"] for row in rows}, key=lambda label: float(amounts.get(label, -1)))
    name = f"difference in {found[0].metric}, with its 95 % interval"
    x = {"field": "estimate", "type": "quantitative", "title": name, "scale": {"zero": True}}
    y = {"field": "length", "type": "nominal", "sort": places, "title": None, "axis": {"grid": False, "ticks": False}}
    tips = hover(("pair", "models"), ("length", "length"), ("shown", "difference"), ("samples", "samples"))
    place = {"y": y, "yOffset": {"field": "pair", "type": "nominal", "sort": labels}, "color": told_as(labels, "pair")}
    zero = {"x": {"datum": 0}, "y": {"value": 0}, "y2": {"value": "height"}}
    known = [{"filter": "datum.low !== null"}]
    layers = [
        {"mark": {"type": "rule", "color": GREY}, "encoding": zero},
        {"transform": known, "mark": SPAN, "encoding": {**place, "x": {**x, "field": "low"}, "x2": {"field": "high"}}},
        {"mark": "point", "encoding": {**place, "x": x, "tooltip": tips}},
    ]
    shown = "now less then" if again else "the best model less others"
    whose = "each model" if again else found[0].first.model
    spec = {
        "title": {"text": f"{task} · {shown}", "subtitle": f"{whose}, on the same samples"},
        "width": WIDE - 60,
        "height": {"step": 14 if len(found) <= _FEW else 9, "for": "offset"},
        "data": {"name": "differences"},
        "layer": layers,
    }
    title = f"{task}: {shown} ({whose}), on the same samples"
    notes = signatures([found[0].first])
    return Figure(f"{task} differences", title, "differences", spec, {"differences": rows}, task, notes=notes)


def _second(one: Paired) -> str:
    return names([one.first, one.second])[1]


def _differences(one: Paired, label: str) -> Iterator[dict[str, Any]]:
    for length, contrast in {ALL: one.difference, **one.lengths}.items():
        ends = contrast.interval
        yield {
            "pair": label,
            "length": length,
            "estimate": contrast.estimate,
            "low": ends.low if ends else None,
            "high": ends.high if ends else None,
            "shown": signed(contrast),
            "samples": one.samples if length == ALL else None,
        }


def against_best(runs: Sequence[Run], metric: str | None = None) -> list[Paired]:
    """Compare the best run with each other one: of a dozen models, not every pair can be drawn.

    Args:
        runs: Of one task.
        metric: The metric to show; nothing is compared but the main one.
    """
    main = [run for run in runs if metric in (None, run.block["summary"]["metric"])]
    better = 1 if chosen_metric(runs[0].block, metric)["higher_is_better"] else -1
    scored = [(found, run) for run in main if (found := _score(run)) is not None]
    best = max(scored, key=lambda one: better * one[0])[1] if scored else None
    others = [run for run in main if best and run is not best]
    return [pair for run in others if best and (pair := compared(best, run)) is not None]


def _score(run: Run) -> float | None:
    summary = run.block["summary"]
    value: float | None = summary["metrics"][summary["metric"]]["value"]
    return value
