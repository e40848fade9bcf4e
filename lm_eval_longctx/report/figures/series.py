"""What figures with a line for each model share: colours, axes that fit the data, points that tell what they are."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lm_eval_longctx.results import Run

    Spec = dict[str, Any]

WIDE, HIGH = 600, 320
GREY = "#8a8a8a"
"""Readable on light and on dark."""

SPAN = {"type": "rule", "strokeWidth": 2, "opacity": 0.6}
"""The mark of an interval."""

_COLOURS = 7
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
_SHAPES = ("circle", "square", "triangle-up", "diamond")
_LONGEST = 52
"""Characters of a name in a legend."""

_CHARACTERS = 95
"""That a line of the legend holds."""

_HALF = 0.5


def series(runs: Sequence[Run]) -> Spec:
    """Return the encoding that tells runs apart: by colour, then by dash and shape; the legend picks one."""
    labels = names(runs)
    shared = told_as(labels)
    rounds = [index // _COLOURS % len(_DASHES) for index in range(len(labels))]
    return {
        "color": shared,
        "strokeDash": {**shared, "scale": {"domain": labels, "range": [_DASHES[one] for one in rounds]}},
        "shape": {**shared, "scale": {"domain": labels, "range": [_SHAPES[one] for one in rounds]}},
    }


def told_as(labels: Sequence[str], field: str = "model") -> Spec:
    """Return the encoding that tells things apart by colour alone."""
    columns = max(1, min(4, _CHARACTERS // (min(_LONGEST, max(map(len, labels))) + 6)))
    legend = {"title": None, "orient": "bottom", "columns": columns, "labelExpr": shortened("datum.label", _LONGEST)}
    return {"field": field, "type": "nominal", "legend": legend, "scale": {"domain": list(labels)}}


def shortened(name: str, longest: int) -> str:
    """Return the expression of a name that is cut in its middle: names of models differ at both ends."""
    head, tail = longest // 2 - 2, longest // 2 + 1
    return f"length({name}) > {longest} ? slice({name}, 0, {head}) + '…' + slice({name}, -{tail}) : {name}"


def picked(encoding: Spec) -> Spec:
    """Let all that the legend does not pick step back."""
    return {**encoding, "opacity": {"condition": {"param": "picked", "value": 1}, "value": 0.12}}


PICK = [{"name": "picked", "select": {"type": "point", "fields": ["model"]}, "bind": "legend"}]
"""A click on the legend; belongs to one layer of a figure."""


def length_axis(amounts: Mapping[float, str], title: str) -> Spec:
    """Return an axis of context lengths that ends where the lengths do.

    Args:
        amounts: Labels of the lengths, by amount.
        title: What they are lengths of.
    """
    ticks = sorted(amounts)
    kind = {"type": "log", "base": 2} if ticks[0] > 0 else {"type": "symlog"}
    labels = json.dumps({_spelt(amount): amounts[amount] for amount in ticks})
    return {
        "field": "amount",
        "type": "quantitative",
        "title": title,
        "scale": {**kind, "domain": [ticks[0], ticks[-1]], "nice": False, "padding": 14},
        "axis": {"values": ticks, "labelExpr": f"({labels})[datum.value]", "grid": False},
    }


def _spelt(amount: float) -> str:
    """Spell a number as JavaScript does."""
    return str(int(amount)) if amount == int(amount) else repr(amount)


def score_axis(metric: Mapping[str, Any], values: Iterable[float | None]) -> Spec:
    """Return the scale of a score: up to 1 for shares of which more is better, else as far as values go."""
    known = [value for value in values if value is not None and math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    share = bool(metric["higher_is_better"]) and low >= 0 and high <= 1
    bottom = math.floor(low * 10 - 1e-9) / 10 if share and low > _HALF else min(0.0, low)
    top = 1.0 if share else high if high > bottom else bottom + 1
    return {"scale": {"domain": [bottom, top], "nice": not share, "padding": 4}, "title": str(metric["name"])}


def unit_of(run: Run) -> str:
    """Return what lengths are measured in, and by what."""
    found = run.block["specification"]
    return " of ".join(part for part in (found["unit"], found.get("tokenizer", "")) if part)


def signatures(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return what the scores are scores of, each once."""
    return tuple(dict.fromkeys(str(run.block["summary"].get("signature", run.task)) for run in runs))


def hover(*columns: tuple[str, str]) -> list[Spec]:
    """Return what is told on hovering: the field and what it is called."""
    return [{"field": name, "type": "nominal", "title": title} for name, title in columns]
