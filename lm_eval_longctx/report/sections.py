"""The tasks of the page, folded: models side by side, pictures, and for each run the grid whose cells open."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import comparison, same_questions
from lm_eval_longctx.report.grid import Cell, Grid, make_grid
from lm_eval_longctx.report.markup import details, element, figure, listed, table, text
from lm_eval_longctx.report.overview import run_place
from lm_eval_longctx.report.paired import pairs
from lm_eval_longctx.report.palette import UNSCORED, colour, hexadecimal, ink
from lm_eval_longctx.report.published import difference, published_for
from lm_eval_longctx.report.wording import counts, depth_label, floor_lines, number, paired_lines, sentences, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.report.markup import Anchors, Picture
    from lm_eval_longctx.results import Run

    Links = Mapping[str, str]

_FIRST = {"lengths", "loss"}
"""Figures that are seen at once; the others are folded."""

_OTHERS = "These runs did not ask the same questions: compare their signatures."


def task_section(
    runs: Sequence[Run], pictures: Sequence[Picture], metric: str | None, anchors: Anchors, links: Links
) -> str:
    """Return the part of one task.

    Args:
        runs: Its runs.
        pictures: Its figures.
        metric: The metric to show; the main one by default.
        anchors: Names of places on the page.
        links: Where files lie, relative to the page, by their path.
    """
    task = runs[0].task
    heads, rows = comparison(runs, metric)
    name = make_grid(runs[0].block, metric).metric
    shown = table(heads, rows, class_="stack compare sortable")
    note = "" if same_questions(runs) else element("p", _OTHERS, class_="note")
    drawn = "".join(figure(one) for one in pictures if one.kind in _FIRST)
    more = "".join(figure(one) for one in pictures if one.kind not in _FIRST)
    differ = listed(line.strip() for pair in pairs(runs, metric) for line in paired_lines(pair))
    differ = details("Each two models on the same samples", differ, class_="minor pairs")
    articles = element("div", *(_run(run, metric, anchors, links) for run in runs), class_="runs")
    count = f"{len(runs)} run{'' if len(runs) == 1 else 's'}, {name} by context length"
    head = f"{element('h3', text(task))} {element('span', escape(count), class_='quiet')}"
    more = details("More figures", more, class_="minor figures")
    body = (note, shown, drawn, more, differ, _published(task, name), articles)
    return details(head, *body, class_="task", id=anchors.of(task), data_task=task)


def cell_place(run: Run, length: str, depth: float | None, anchors: Anchors) -> str:
    """Return the name of a cell's place on the page: what a permanent link ends with."""
    return anchors.of(run.task, run.model, run.stamp, length, depth)


def _published(task: str, metric: str) -> str:
    """List published figures of the same family, with how they were measured differently."""
    rows = [
        [row.model, _amount(point.length), f"{point.bound}{number(point.value)}", row.note, row.source]
        for row in published_for(task, metric)
        for point in row.points
    ]
    if not rows:
        return ""
    note = element("p", escape(f"Not measured here: {difference(task)}."))
    heads = ["model", "length", metric, "note", "source"]
    return details("Published figures", note, table(heads, rows, class_="stack"), class_="minor")


def _amount(length: float | None) -> str:
    return "several" if length is None else f"{length:,.0f}"


def _run(run: Run, metric: str | None, anchors: Anchors, links: Links) -> str:
    """Show one run: grid, sentences, signature and files."""
    grid = make_grid(run.block, metric)
    files = ((file, links.get(str(file))) for file in (run.path, run.samples_file) if file)
    found = element(
        "p", *(element("a", escape(file.name), href=link) + " " for file, link in files if link), class_="files"
    )
    about = details("How it was measured", element("p", element("code", escape(run.signature))), found, class_="minor")
    head = element("h4", text(run.model), " ", element("small", escape(run.stamp)))
    place = run_place(run, anchors)
    body = (head, _grid_table(grid, run, anchors), listed(sentences(run.block, metric)), about)
    width = f"--columns:{len(grid.lengths)}"
    return element("article", *body, id=place, data_model=run.model, tabindex="-1", style=width)


def _grid_table(grid: Grid, run: Run, anchors: Anchors) -> str:
    """Show the grid as a table whose cells lead to their samples."""
    shown = f"{grid.metric} by context length in {run.block['specification']['unit']} (along) and depth (down)"
    told = f"{run.task}, {run.model}: {shown}"
    lengths = (element("th", element("bdi", escape(one)), scope="col", data_length=one) for one in grid.lengths)
    corner = element("th", "depth", scope="col")
    rows = (_grid_row(grid, run, depth, anchors) for depth in grid.depths)
    parts = (
        element("caption", escape(told), class_="unseen"),
        element("thead", element("tr", corner, *lengths)),
        element("tbody", *rows),
        element("tfoot", *_feet(grid, run)),
    )
    whole = element("table", *parts, class_="heat")
    scrolling = element("div", whole, class_="wide", role="region", aria_label=told, tabindex="0")
    return element("p", escape(shown), class_="quiet") + scrolling


def _grid_row(grid: Grid, run: Run, depth: float | None, anchors: Anchors) -> str:
    cells = (
        _grid_cell(grid, grid.cell(length, depth), length, cell_place(run, length, depth, anchors))
        for length in grid.lengths
    )
    return element("tr", element("th", escape(depth_label(depth)), scope="row"), *cells)


def _grid_cell(grid: Grid, cell: Cell, length: str, place: str) -> str:
    """Show one cell: coloured, grey if unscored, striped if not run."""
    if not cell.run:
        return element("td", element("span", "not run", class_="unseen"), class_="none", data_length=length)
    back = UNSCORED if cell.score is None else colour(grid.goodness(cell.score))
    paint = f"background:{hexadecimal(back)};color:{hexadecimal(ink(back))}"
    shown = (cell.reason or "unscored") if cell.score is None else number(cell.score)
    part = element("small", f"{cell.scored} of {cell.n}") if cell.partial else ""
    kind = "" if cell.score is None else "score"
    link = element("a", element("span", escape(shown), class_=kind), part, href=f"#{place}")
    told = {"title": counts(cell.outcomes), "data_length": length, "data_outcomes": " ".join(cell.outcomes)}
    return element("td", link, id=place, style=paint, **told)


def _feet(grid: Grid, run: Run) -> Iterator[str]:
    """Yield the lines under a grid: the score over all depths, its interval, and what is scored without reading."""
    totals = [grid.totals.get(length, Cell()) for length in grid.lengths]
    lines = [("all", [number(cell.score) if cell.run else "" for cell in totals])] if len(grid.depths) > 1 else []
    if grid.metric == run.block["summary"]["metric"]:
        rows: dict[str, Any] = {row["length"]: row for row in run.block["lengths"]}
        spans = [span(rows[length]["interval"]) if length in rows else "" for length in grid.lengths]
        lines += [("interval", spans)] if any(spans) else []
        lines += floor_lines(run.block, grid.lengths)
    for head, texts in lines:
        cells = (
            element("td", escape(one), data_length=length) for one, length in zip(texts, grid.lengths, strict=True)
        )
        yield element("tr", element("th", escape(head), scope="row"), *cells)
