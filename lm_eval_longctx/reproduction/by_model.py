"""A paper's main table: a row for each model, a column for each length, and what the paper makes of a row.

Scores stand in per cent, as such papers print them. What the paper makes of a
row (means over lengths, a base score, an effective length) is worked out here
by its own rule from its own figures, for ours and for everybody's alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.reproduction.comparing import Ours, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.papers import Part, Statistic

Curve = dict[str, float]
"""Scores by the label of their length, shortest first."""

OURS = "ours"
_ROUNDED = 1e-9
_MEANS = ("equal", "increasing", "decreasing")


@dataclass(frozen=True)
class Made:
    """What a paper makes of a row.

    Attributes:
        value: The number: a score, or a length in the table's unit; ``None`` where there is none.
        text: As people read it.
    """

    value: float | None
    text: str


def mean_rows(members: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the mean of several tables at each length, each table counting alike.

    The interval follows from theirs, as if they were independent (the method of variance estimates recovery). How many
    have a score stands in the place of samples.
    """
    lengths = {row.amount: row.length for rows in members for row in rows if row.ours and row.amount is not None}
    return [
        Row("", label, amount, _mean([_at(rows, amount) for rows in members]))
        for amount, label in sorted(lengths.items())
    ]


def _at(rows: Sequence[Row], amount: float) -> Ours:
    return next((row.ours for row in rows if row.ours and row.amount == amount), Ours(None))


def _mean(scores: Sequence[Ours]) -> Ours:
    known = [(one, one.value) for one in scores if one.value is not None]
    if not known:
        return Ours(None, n=len(scores))
    value = sum(score for _, score in known) / len(known)
    found = Ours(value, n=len(scores), scored=len(known))
    if any(one.low is None or one.high is None for one, _ in known):
        return found
    below, above = (
        math.sqrt(sum((score - (end or 0.0)) ** 2 for score, end in ends)) / len(known)
        for ends in ([(s, one.low) for one, s in known], [(s, one.high) for one, s in known])
    )
    return replace(found, low=max(0.0, value - below), high=value + above)


def columns(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are columns of a table of models: one a length."""
    return [row for row in rows if row.amount is not None]


def model_cells(part: Part, rows: Sequence[Row]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the heads and rows of a table of models: ours with its interval, then the published."""
    lengths, made = columns(rows), statistics(part, rows)
    heads = ("model (%)", *(row.length for row in lengths), *(one.name for one in part.statistics))
    blank = ("",) * len(part.statistics)
    ours = [
        (OURS, *(_percent(row.ours.value if row.ours else None) for row in lengths), *_texts(made[OURS])),
        ("95 %", *(_span(row.ours) for row in lengths), *blank),
        ("scored", *(_scored(row.ours) for row in lengths), *blank),
    ]
    theirs = [
        (model, *(_percent(curve.get(row.length)) for row in lengths), *_texts(made[model]))
        for model, curve in _published(rows).items()
    ]
    return heads, (*ours, *theirs)


def _texts(made: Mapping[str, Made]) -> tuple[str, ...]:
    return tuple(one.text for one in made.values())


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _span(ours: Ours | None) -> str:
    return "" if ours is None or ours.low is None else f"[{_percent(ours.low)}, {_percent(ours.high)}]"


def _scored(ours: Ours | None) -> str:
    return "" if ours is None else f"{ours.scored} of {ours.n}"


def statistics(part: Part, rows: Sequence[Row]) -> dict[str, dict[str, Made]]:
    """Return what the paper makes of each model's scores, and of ours, by model and statistic."""
    lengths, theirs = columns(rows), _published(rows)
    amounts = {row.length: row.amount or 0.0 for row in lengths}
    ours = {row.length: row.ours.value for row in lengths if row.ours and row.ours.value is not None}
    paper = [row.length for row in lengths if any(row.length in curve for curve in theirs.values())]
    told = {
        (row.condition, one.model): point.value for row in rows if row.amount is None for one, point in row.published
    }
    found: dict[str, dict[str, Made]] = {}
    for model, curve in {OURS: ours, **theirs}.items():
        made: dict[str, Made] = {}
        for one in part.statistics:
            given = told.get((one.name, model))
            made[one.name] = _score(given) if given is not None else _made(one, curve, amounts, paper, made)
        found[model] = made
    return found


def _published(rows: Sequence[Row]) -> dict[str, Curve]:
    """Return the scores of each published model, in the order of the paper."""
    found: dict[str, Curve] = {}
    for row in rows:
        for one, point in row.published:
            found.setdefault(one.model, {}).update({row.length: point.value} if row.amount is not None else {})
    return found


def _made(
    one: Statistic, curve: Curve, amounts: Mapping[str, float], paper: Sequence[str], before: Mapping[str, Made]
) -> Made:
    """Work a statistic out of scores by length; ``paper`` has the lengths that the paper has."""
    if one.kind == "mean":
        return _weighted(str(one.value), curve, paper)
    if one.kind == "best_to":
        short = [score for label, score in curve.items() if amounts[label] <= float(one.value)]
        return _score(max(short)) if short else Made(None, "-")
    base = before[one.of].value if one.of else 1.0
    if not curve or not base:  # a share of nothing is reached by everybody
        return Made(None, "-")
    reached = [label for label, score in curve.items() if score >= float(one.value) * base - _ROUNDED]
    if not reached:
        return Made(None, f"below {next(iter(curve))}")
    last = reached[-1]
    return Made(amounts[last], f"{last} or more" if last == list(curve)[-1] else last)


def _weighted(weights: str, curve: Curve, paper: Sequence[str]) -> Made:
    known = [label for label in paper if label in curve]
    if not known:
        return Made(None, "-")
    up = range(1, len(known) + 1)
    by = dict(zip(_MEANS, ([1] * len(known), list(up), list(reversed(up))), strict=True))[weights]
    value = sum(w * curve[label] for w, label in zip(by, known, strict=True)) / sum(by)
    lacking = f" ({len(known)} of {len(paper)} lengths)" if len(known) < len(paper) else ""
    return Made(value, f"{_percent(value)}{lacking}")


def _score(value: float) -> Made:
    return Made(value, _percent(value))


def as_plain(part: Part, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the paper makes of each row, for programs."""
    return {model: {name: vars(one) for name, one in made.items()} for model, made in statistics(part, rows).items()}
