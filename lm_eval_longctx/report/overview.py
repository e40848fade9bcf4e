"""The head of the page: each model in a line, and a table of every model on every task."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.grid import make_grid
from lm_eval_longctx.report.markup import element, figure, text
from lm_eval_longctx.report.verdicts import cost, coverage, model_verdict, relative, verdict
from lm_eval_longctx.report.wording import number, percent, span
from lm_eval_longctx.results import interval_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lm_eval_longctx.report.markup import Anchors, Picture
    from lm_eval_longctx.results import Run

    Row = Mapping[str, Any]

_HEADS = ("Model", "Task", "Score", "Effective length", "Coverage", "Cost, US$", "In a line")


def overview(runs: Sequence[Run], metric: str | None, anchors: Anchors, pictures: Sequence[Picture] = ()) -> str:
    """Return the summary: what each model comes to, then one row a run, to be sorted and filtered.

    Args:
        runs: All runs.
        metric: The metric to show; the main one by default.
        anchors: Names of places on the page.
        pictures: Figures of several tasks.
    """
    cards = element("ul", *(_card(name, group) for name, group in _newest(runs).items()), class_="models")
    sorting = (
        element("th", element("button", escape(head), type="button"), scope="col", role="columnheader")
        for head in _HEADS
    )
    head = element("thead", element("tr", *sorting, role="row"), role="rowgroup")
    dated = {key for key, count in Counter((run.task, run.model) for run in runs).items() if count > 1}
    rows = (_row(run, metric, anchors, dated=(run.task, run.model) in dated) for run in runs)
    body = element("tbody", *rows, role="rowgroup")
    caption = element("caption", "Every model on every task; a head sorts, a task leads to its part of the page.")
    whole = element("table", caption, head, body, role="table", id="results", class_="stack sortable")
    return element("section", element("h2", "Summary"), cards, whole, *map(figure, pictures), id="summary")


def _newest(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Group runs by model, in order, the newest of each task."""
    groups: dict[str, dict[str, Run]] = {}
    for run in sorted(runs, key=lambda run: run.stamp):
        groups.setdefault(run.model, {})[run.task] = run
    return {model: [groups[model][task] for task in sorted(groups[model])] for model in sorted(groups)}


def run_place(run: Run, anchors: Anchors) -> str:
    """Return the name of a run's place on the page."""
    return anchors.of(run.task, run.model, run.stamp)


def dollars(amount: float | None) -> str:
    """Write a sum of money; a dash where nobody said."""
    return "–" if amount is None else f"{amount:,.4g}"


def _card(model: str, runs: Sequence[Run]) -> str:
    paid = cost(runs)
    spent = "cost not known" if paid is None else f"cost {dollars(paid)} US dollars"
    parts = (
        element("h3", text(model)),
        element("p", escape(model_verdict(runs))),
        element("p", escape(f"coverage {percent(coverage(runs))}, {spent}"), class_="quiet"),
    )
    return element("li", *parts, data_model=model)


def _row(run: Run, metric: str | None, anchors: Anchors, *, dated: bool) -> str:
    """Return one run's row; what a column is sorted by stands beside each cell."""
    grid, summary = make_grid(run.block, metric), run.block["summary"]
    score = summary["metrics"][grid.metric]["value"]
    interval = span(interval_of(summary, grid.metric, summary["metric"]))
    reach = relative(run) if grid.metric == summary["metric"] else None
    share = coverage([run])
    date = element("small", escape(run.stamp)) if dated else ""
    cells = (
        element("th", text(run.model), date, scope="row", role="rowheader", data_sort=f"{run.model} {run.stamp}"),
        _cell(1, element("a", text(run.task), href=f"#{anchors.of(run.task)}"), run.task),
        _cell(2, _two(f"{grid.metric} {number(score)}", interval), score),
        _cell(3, _two(*_reach(reach)), reach["length"] if reach else None),
        _cell(4, escape(percent(share)), share),
        _cell(5, dollars(summary["cost"]), summary["cost"]),
        _cell(6, escape(verdict(run)), verdict(run)),
    )
    kinds = " ".join(summary["outcomes"])
    return element("tr", *cells, role="row", data_model=run.model, data_task=run.task, data_outcomes=kinds)


def _cell(column: int, content: str, value: object) -> str:
    return element("td", content, role="cell", data_head=_HEADS[column], data_sort="" if value is None else str(value))


def _two(large: str, small: str) -> str:
    """Write a value, and beneath it how sure it is."""
    return element("span", escape(large), class_="value") + (element("small", escape(small)) if small else "")


def _reach(found: Row | None) -> tuple[str, str]:
    """Return the effective length and its interval, shortly."""
    if found is None:
        return "–", ""
    label = found["length_label"]
    shown = "none" if label is None else f"≥ {label}" if found["at_least"] else str(label)
    low = found["low_label"] or "below the shortest"
    high = f"{found['high_label']} or more" if found["high_open"] else found["high_label"] or "below the shortest"
    return shown, f"{low} to {high}" if low != high else low
