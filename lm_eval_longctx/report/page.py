"""One self-contained HTML page: no script, nothing fetched, pictures inside."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.answers import PER_CELL, Answer, read_answers
from lm_eval_longctx.report.compare import by_task, comparison, same_questions
from lm_eval_longctx.report.grid import Cell, Grid, make_grid
from lm_eval_longctx.report.paired import pairs
from lm_eval_longctx.report.palette import UNSCORED, colour, hexadecimal, ink
from lm_eval_longctx.report.published import difference, published_for
from lm_eval_longctx.report.wording import counts, depth_label, floor_lines, number, paired_lines, sentences, span
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.results import Run

    Pictures = Mapping[str, bytes]
    Links = Mapping[str, str]
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Row = Mapping[str, Any]


def element(name: str, *content: str, **attributes: str) -> str:
    """Return an element around content that is HTML already; attribute values are escaped here.

    A trailing underscore in an attribute's name is dropped (``class_``).
    """
    spelt = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{spelt}>{''.join(content)}</{name}>"


def details(summary: str, *content: str, **attributes: str) -> str:
    """Return a part that opens on a click; nothing if it is empty."""
    body = "".join(content)
    return element("details", element("summary", escape(summary)), body, **attributes) if body else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of plain texts; without heads if all are empty."""
    head = element("tr", *(element("th", escape(text)) for text in heads)) if any(heads) else ""
    body = (element("tr", *(element("td", escape(text)) for text in row)) for row in rows)
    return element("table", head, *body)


def listed(texts: Iterable[str]) -> str:
    """Return plain texts as a list; nothing if there are none."""
    items = [element("li", escape(text)) for text in texts]
    return element("ul", *items) if items else ""


def image(png: bytes | None, told: str) -> str:
    """Return a picture that needs no file; nothing if there is none."""
    if png is None:
        return ""
    return f'<img alt="{escape(told)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def anchor(*parts: object) -> str:
    """Return a name for a place on the page."""
    return "-".join("".join(c if c.isalnum() else "-" for c in str(part)) for part in parts)


def facts(row: Row) -> list[list[str]]:
    """Return name and value of each fact about a row of the sweep block that is known."""
    return [fact for part in _PARTS for fact in part(row)]


def _scores(row: Row) -> Iterator[list[str]]:
    if row.get("variant"):
        yield ["variant", str(row["variant"])]
    yield ["samples", f"{row['scored']} of {row['n']} scored"]
    for name, found in row["metrics"].items():
        yield [name, f"{number(found['value'])} (over {found['n']})"]
    if row["interval"]:
        yield ["interval", f"{span(row['interval'])} ({row['interval']['method'].replace('_', ' ')})"]
    if row.get("floor"):
        yield ["not reading", f"{number(row['floor'])} (corrected for it: {number(row['corrected'])})"]
    yield ["outcomes", counts(row["outcomes"])]


def _place(row: Row) -> Iterator[list[str]]:
    realised = row["realised_length"]
    if realised:
        low, high = (f"{realised[key]:,.6g}" for key in ("min", "max"))
        spread = low if low == high else f"{low} to {high}"
        yield ["realised length", f"{spread} {row['unit']} (asked: {row['amount']:,.6g})"]
    if row["realised_depth"] is not None:
        yield ["realised depth", depth_label(row["realised_depth"])]
    if row["corpus_repeats"] is not None:
        yield ["haystack repeats", f"{row['corpus_repeats']:g}"]


def _spending(row: Row) -> Iterator[list[str]]:
    tokens = {name: count for name, count in row["tokens"].items() if count is not None and name != "billed_samples"}
    if tokens:
        yield ["tokens", counts(tokens)]
    if row["cost"] is not None:
        yield ["cost", f"{row['cost']:.4g} US dollars"]
    yield ["seconds", f"{row['seconds']:,.6g}"]


_PARTS: tuple[Callable[[Row], Iterator[list[str]]], ...] = (_scores, _place, _spending)


STYLE = """<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 }
h2 { border-bottom: 1px solid #ddd; margin-top: 2.5rem }
article { margin: 2rem 0 }
table { border-collapse: collapse; margin: .6rem 0; font-size: .9em }
td, th { padding: .25rem .6rem; border: 1px solid #e2e2e2; text-align: left; vertical-align: top }
td { overflow-wrap: break-word }
.heat { font-variant-numeric: tabular-nums }
.heat td { text-align: center; min-width: 3.4rem; padding: 0; border-color: #fff }
.heat td a { display: block; padding: .3rem .4rem; color: inherit; text-decoration: none }
.heat td small { display: block }
.heat .none { background-image: repeating-linear-gradient(45deg, #fff 0 6px, #eee 6px 7px) }
.heat th { border-color: #fff; font-weight: 600 }
.cells > details { margin-left: 1rem }
summary { cursor: pointer }
img { max-width: 100% }
code { font-size: .8em; color: #555; overflow-wrap: anywhere }
small, footer { color: inherit; opacity: .75 }
details:target { outline: 2px solid #0072b2 }
.note { color: #a14b00 }
</style>"""


_TITLE = "Long-context report"
_OTHERS = "These runs did not ask the same questions: compare their signatures."


def page(runs: Sequence[Run], pictures: Pictures, metric: str | None = None, links: Links | None = None) -> str:
    """Write the page.

    Args:
        runs: The sweeps to show; all have the metric.
        pictures: PNG files by name: ``run_name(run)`` for heatmaps, the task for line charts.
        metric: The metric to show; each sweep's main one by default.
        links: Where files lie, relative to the page, by their path.

    Raises:
        ResultsError: A samples file beside the results is damaged.
    """
    groups = by_task(runs)
    body = [element("h1", _TITLE), _contents(groups) if len(groups) > 1 else ""]
    for task, group in groups.items():
        shown = (_run(run, pictures, metric, links or {}) for run in group)
        together = _together(group, pictures, metric)
        body.append(element("section", element("h2", escape(task)), together, *shown, id=anchor(task)))
    body.append(element("footer", f"Made by lm-eval-longctx {escape(__version__)}."))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    whole = element("head", head, element("title", _TITLE), STYLE) + element("body", *body)
    return "<!doctype html>" + element("html", whole, lang="en") + "\n"


def run_name(run: Run) -> str:
    """Return a name for a run's files and places: task, model and date."""
    return "--".join((run.task, run.model.replace("/", "__"), run.stamp))


def _contents(groups: Mapping[str, Sequence[Run]]) -> str:
    return element("ul", *(element("li", element("a", escape(task), href=f"#{anchor(task)}")) for task in groups))


def _together(runs: Sequence[Run], pictures: Pictures, metric: str | None) -> str:
    """Show all models of a task, with published figures."""
    task, name = runs[0].task, make_grid(runs[0].block, metric).metric
    told = f"{name} by context length"
    note = "" if same_questions(runs) else element("p", _OTHERS, class_="note")
    shown = table(*comparison(runs, metric)) + image(pictures.get(task), told)
    shown += image(pictures.get(f"{task} by position"), f"{name} by position, with its power law")
    differ = listed(line for pair in pairs(runs, metric) for line in paired_lines(pair))
    return element("h3", escape(told)) + note + shown + differ + _published(task, name)


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
    return details("Published figures", note, table(["model", "length", metric, "note", "source"], rows))


def _amount(length: float | None) -> str:
    return "several" if length is None else f"{length:,.0f}"


def _run(run: Run, pictures: Pictures, metric: str | None, links: Links) -> str:
    """Show one run: grid, sentences, picture and every cell."""
    grid = make_grid(run.block, metric)
    samples = run.samples_file
    answers = read_answers(samples, grid.metric) if samples else {}
    files = ((file, links.get(str(file))) for file in (run.path, samples) if file)
    return element(
        "article",
        element("h3", escape(run.model), " ", element("small", escape(run.stamp))),
        _heat_table(grid, run),
        listed(sentences(run.block, metric)),
        element("p", element("code", escape(run.signature))),
        element("p", *(element("a", escape(file.name), href=link) + " " for file, link in files if link)),
        details("As a picture", image(pictures.get(run_name(run)), f"{grid.metric} by length and depth")),
        _cells(grid, run, answers),
        id=anchor(run_name(run)),
    )


def _heat_table(grid: Grid, run: Run) -> str:
    """Show the grid as a table whose cells lead to their details."""
    head = element("tr", element("th", "depth"), *(element("th", escape(length)) for length in grid.lengths))
    rows = []
    for depth in grid.depths:
        cells = (_heat_cell(grid, grid.cell(x, depth), anchor(run_name(run), x, depth)) for x in grid.lengths)
        rows.append(element("tr", element("th", escape(depth_label(depth))), *cells))
    feet = floor_lines(run.block, grid.lengths) if grid.metric == run.block["summary"]["metric"] else []
    for told, texts in feet:
        rows.append(element("tr", element("th", told), *(element("td", text) for text in texts)))
    return element("table", head, *rows, class_="heat")


def _heat_cell(grid: Grid, cell: Cell, place: str) -> str:
    """Show one cell: coloured, grey if unscored, striped if not run."""
    if not cell.run:
        return element("td", class_="none", title="not run")
    back = UNSCORED if cell.score is None else colour(grid.goodness(cell.score))
    paint = f"background:{hexadecimal(back)};color:{hexadecimal(ink(back))}"
    shown = (cell.reason or "unscored") if cell.score is None else number(cell.score)
    part = element("small", f"{cell.scored} of {cell.n}") if cell.partial else ""
    link = element("a", escape(shown), part, href=f"#{place}")
    return element("td", link, style=paint, title=counts(cell.outcomes))


def _cells(grid: Grid, run: Run, answers: Mapping[tuple[str, Any], Sequence[Answer]]) -> str:
    """Show the details of every cell that was run."""
    parts = []
    for place in ((length, depth) for length in grid.lengths for depth in grid.depths):
        tables = (table(["", ""], facts(row)) for row in grid.cell(*place).rows)
        told = f"{place[0]}, depth {depth_label(place[1])}"
        parts.append(details(told, *tables, _answers(answers.get(place, ())), id=anchor(run_name(run), *place)))
    return details("Every cell", *parts, class_="cells", open="")


def _answers(answers: Sequence[Answer]) -> str:
    """Show what the model said in a cell, the first few samples."""
    if not answers:
        return ""
    heads = ["sample", "question", "right answer", "answer", "outcome", "score"]
    rows = [[a.sample, a.question, a.target, a.text, a.outcome, number(a.score)] for a in answers[:PER_CELL]]
    rest = element("p", f"and {len(answers) - PER_CELL} more") if len(answers) > PER_CELL else ""
    return table(heads, rows) + rest
