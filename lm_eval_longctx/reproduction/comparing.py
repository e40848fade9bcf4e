"""Ours beside what was published: rows of one table, by condition and length."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.report.answers import lines_of
from lm_eval_longctx.report.wording import loss_by_position
from lm_eval_longctx.results import interval_of, read_runs
from lm_eval_longctx.stats.intervals import bounded_mean
from lm_eval_longctx.units import Length, Unit, rounded_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.papers import Part, Point, Published
    from lm_eval_longctx.reproduction.running import Ran
    from lm_eval_longctx.results import Run

_NEAR = 0.1
"""Lengths that differ by less than this share stand in one row: tokens are counted differently everywhere."""

_SAME = 1e-9
"""Differences below this are rounding."""

_MOST, _TO_100 = 100.0, ("chrf", "bleu")
"""Metrics that reach so far and no further; none of ours is negative."""

_NORMAL = 1.96
"""Standard errors on either side of a score of lm-eval's own tasks."""


@dataclass(frozen=True)
class Ours:
    """A score of ours.

    Attributes:
        value: The score; ``None`` where nothing was scored.
        low: Lower end of its 95 % interval, if one is known.
        high: Upper end.
        n: Samples that were asked; ``None`` where nobody counts them.
        scored: How many have a score.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = 0
    scored: int = 0


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        condition: Of the table; empty where it has one only.
        length: The context length as people write it; empty for all lengths together.
        amount: The same in the table's unit.
        ours: Our score, if there is one.
        published: What others published for it.
    """

    condition: str
    length: str = ""
    amount: float | None = None
    ours: Ours | None = None
    published: tuple[tuple[Published, Point], ...] = field(default=())


def table_rows(part: Part, done: Sequence[Ran], others: Sequence[Row] = ()) -> list[Row]:
    """Return the rows of a table: ours in order, each with the published figures for it, then the other figures.

    Args:
        part: The table.
        done: Its steps, each ``readable``.
        others: Further rows of ours.
    """
    ours = [*(row for ran in done for row in _ours(part, ran)), *others]
    left = [(row, point) for row in part.published for point in row.points]
    found = []
    for row in ours:
        beside = tuple(pair for pair in left if _same_place(row, *pair))
        left = [pair for pair in left if pair not in beside]
        found.append(Row(row.condition, row.length, row.amount, row.ours, beside))
    order = _conditions(part)
    rows = [*found, *_only_published(left, Unit(part.unit))]
    return sorted(
        rows,
        key=lambda row: (
            order.index(row.condition) if row.condition in order else len(order),
            math.inf if row.amount is None else row.amount,
        ),
    )


def _conditions(part: Part) -> list[str]:
    """Return the conditions of a table in its order, those that only others have at the end."""
    asked = [told for names in part.by.values() for told in names.values()]
    run = [arm.condition for arms in part.arms.values() for arm in arms]
    return list(dict.fromkeys([*asked, *run, *(row.condition for row in part.published)]))


def readable(ran: Ran) -> Ran:
    """Return a step whose result can be shown; one whose file is damaged, or lacks the metric, says so instead."""
    try:
        _ours(ran.step.part, ran)
    except ResultsError as error:
        return replace(ran, file=None, error=str(error), status=ran.status or 1)
    return ran


def _same_place(row: Row, published: Published, point: Point) -> bool:
    if row.condition != published.condition or (row.amount is None) != (point.length is None):
        return False
    return point.length is None or abs(math.log(point.length / (row.amount or point.length))) < _NEAR


def _only_published(left: Sequence[tuple[Published, Point]], unit: Unit) -> Iterator[Row]:
    groups: dict[tuple[str, float | None], list[tuple[Published, Point]]] = {}
    for row, point in left:
        groups.setdefault((row.condition, point.length), []).append((row, point))
    for (condition, length), pairs in groups.items():
        label = "" if length is None else _label(length, unit)
        yield Row(condition, label, length, published=tuple(pairs))


def _label(length: float, unit: Unit) -> str:
    """Spell a published length as it was asked where that is a round number of k, else with three figures."""
    exact = Length(length, unit).label
    return rounded_label(length, unit) if exact.isdigit() else exact


def _ours(part: Part, ran: Ran) -> list[Row]:
    """Return what a step found; nothing if there is no result."""
    arm, file = ran.step.arm, ran.file
    if arm is None or file is None:
        return []
    if not ran.step.ours:
        return [Row(arm.condition, ours=_foreign(file, arm.task, arm.metric, 100 if arm.percent else 1))]
    run = next((run for run in read_runs([file]) if run.task == arm.task), None)
    if run is None or run.block.get("unsupported"):
        return []
    metrics = part.by.get("metric") or {arm.metric: arm.condition}
    _check_metrics(run, {*metrics, arm.metric} if part.by.keys() - {"metric"} else set(metrics))
    shown = _by_length if part.by_length else _overall
    rows = [row for metric, name in metrics.items() for row in shown(run, metric, name)]
    for factor, names in part.by.items():
        rows = rows if factor == "metric" else _by_factor(run, arm.metric, factor, names)
    return rows


def _check_metrics(run: Run, wanted: Iterable[str]) -> None:
    """Refuse metrics that a result does not have: a paper's file may misspell one, which nobody knows before it ran."""
    known = run.block["summary"]["metrics"]
    if missing := [metric for metric in sorted(wanted) if metric not in known]:
        raise ResultsError(f"{run.path} has no {', '.join(missing)}; {run.task} has: {', '.join(sorted(known))}")


def curves(ran: Ran) -> list[str]:
    """Say what power law a loss by position follows, for each curve that a step found."""
    runs = read_runs([ran.file]) if ran.file and ran.step.ours else []
    return [line for run in runs for line in loss_by_position(run.block, None)]


def _by_length(run: Run, metric: str, condition: str) -> Iterator[Row]:
    for row in run.block["lengths"]:
        if row["metrics"][metric]["n"] or not row["scored"]:
            yield Row(condition, row["length"], float(row["amount"]), _score(run, row, metric, row["length"]))


def _overall(run: Run, metric: str, condition: str) -> Iterator[Row]:
    """Yield one row; of a metric that looks at some samples only, nobody counts those that were asked."""
    found = _score(run, run.block["summary"], metric)
    several = metric != run.block["summary"]["metric"] or found.scored < run.block["summary"]["scored"]
    yield Row(condition, ours=replace(found, n=None) if several else found)


def _score(run: Run, row: Mapping[str, Any], metric: str, length: str = "") -> Ours:
    """Return a score with its interval, from the result file or else from the log of samples."""
    found = row["metrics"][metric]
    main = run.block["summary"]["metric"]
    interval = interval_of(row, metric, main)
    if interval is None and metric != main:
        interval = _interval(run, metric, length, found["value"])
    return Ours(found["value"], *_ends(metric, interval), row["n"], found["n"])


def _interval(run: Run, metric: str, length: str, value: float | None) -> Mapping[str, Any] | None:
    """Return the interval of a metric that is the mean of what the log has of it; ``None`` where it is another."""
    lines = lines_of(run.samples_file) if run.samples_file else ()
    some = [line for line in lines if not length or line["doc"]["context_label"] == length]
    found = _mean(some, metric)
    known = found.low is not None and _alike(found.value, value)
    return {"low": found.low, "high": found.high} if known else None


def _by_factor(run: Run, metric: str, factor: str, names: Mapping[str, str]) -> list[Row]:
    """Return a row for each value of a part of the samples' kinds, such as ``frames=16``, in the table's order."""
    if run.samples_file is None:
        raise ResultsError(f"{run.path} has no log of its samples, which the table needs; run the command again")
    lines = list(lines_of(run.samples_file))
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        parts = _parts(str(line["doc"].get("variant", "")))
        if factor in parts:
            groups.setdefault(parts[factor], []).append(line)
    rows = _rows_of_factor(run, factor)
    is_mean = _alike(_mean(lines, metric).value, run.block["summary"]["metrics"][metric]["value"])
    if not is_mean and groups.keys() - rows.keys():
        raise ResultsError(f"{run.path} has no {metric} by {factor}, and it is no mean over samples; run it again")
    order = [value for value in names if value in groups] + sorted(set(groups) - set(names))
    found = {value: _told(run, rows.get(value), metric, _mean(groups[value], metric)) for value in order}
    return [Row(names.get(value, f"{factor} {value}"), ours=ours) for value, ours in found.items()]


def _parts(variant: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in variant.split(","))


def _rows_of_factor(run: Run, factor: str) -> dict[str, Mapping[str, Any]]:
    """Return what the result file says of each value of a part of the samples' kinds, as far as it does."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in run.block.get("variants", ()):
        found.setdefault(_parts(row["variant"]).get(factor, ""), []).append(row)
    alone = {value: rows[0] for value, rows in found.items() if len(rows) == 1}
    return alone | {row["value"]: row for row in run.block.get("factors", ()) if row["factor"] == factor}


def _told(run: Run, row: Mapping[str, Any] | None, metric: str, ours: Ours) -> Ours:
    """Return the result file's own number where it is no mean: errors of all samples by characters of all."""
    value = row["metrics"][metric]["value"] if row else ours.value
    if row is None or _alike(value, ours.value):
        return ours
    low, high = _ends(metric, interval_of(row, metric, run.block["summary"]["metric"]))
    return replace(ours, value=value, low=low, high=high)


def _ends(metric: str, interval: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    """Return the ends of an interval within what the metric can be: few sentences make chrF's wider than that."""
    if interval is None:
        return None, None
    return max(0.0, interval["low"]), min(interval["high"], _MOST if metric.startswith(_TO_100) else math.inf)


def _alike(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else abs(one - other) < _SAME


def _mean(lines: Sequence[Mapping[str, Any]], metric: str) -> Ours:
    """Return the mean of a metric over lines of a log; no value where it is no number of each, such as chrF."""
    scored = [line for line in lines if line.get(metric) is not None]
    values = [float(line[metric]) for line in scored if isinstance(line[metric], (int, float))]
    if not values or len(values) < len(scored):
        return Ours(None, n=len(lines), scored=len(scored))
    clusters = [_cluster(line["doc"]) for line in scored]
    within = bounded_mean(values, clusters) if all(0 <= value <= 1 for value in values) else None
    low, high = (within.low, within.high) if within else (None, None)
    return Ours(sum(values) / len(values), low, high, len(lines), len(values))


def _cluster(sample: Mapping[str, Any]) -> str:
    """Return the group of samples that share their hay, as ``results`` has it."""
    named = sample.get("cluster")
    return str(named) if named is not None else f"{sample.get('index', 0)}|{sample.get('variant', '')}"


def _foreign(file: Path, task: str, metric: str, times: float) -> Ours | None:
    """Return the score of one of lm-eval's own tasks, or of a group of them."""
    data = json.loads(file.read_text(encoding="utf-8"))
    row = {**data.get("groups", {}), **data.get("results", {})}.get(task, {})
    value = row.get(metric)
    if not isinstance(value, (int, float)):
        raise ResultsError(
            f"{file} has no {metric!r} of {task}; it has: {', '.join(sorted(map(str, row))) or 'nothing'}"
        )
    name, comma, rest = metric.partition(",")
    error = row.get(f"{name}_stderr{comma}{rest}")
    half = _NORMAL * error if isinstance(error, (int, float)) else None
    counts = data.get("n-samples", {})
    n = sum(one.get("effective", 0) for name, one in counts.items() if name == task or len(counts) > 1)
    low, high = (None, None) if half is None else ((value - half) * times, (value + half) * times)
    return Ours(value * times, low, high, n, n)


def short_and_long(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return our rows of the shortest and of the longest context of each condition; none where there is no length."""
    of: dict[str, list[Row]] = {}
    for row in rows:
        if row.ours and row.ours.value is not None and row.amount is not None:
            of.setdefault(row.condition, []).append(row)
    ordered = [sorted(some, key=lambda row: row.amount or 0.0) for some in of.values()]
    return [(some[0], some[-1]) for some in ordered]
