"""One self-contained HTML page: everything inside, nothing fetched.

What can be read without a click is plain HTML. The samples are blocks of
compressed data (see ``blocks``), which the page's own script opens when
somebody looks at a cell. The script and the style are files in ``assets``.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.answers import as_json, read_answers
from lm_eval_longctx.report.blocks import Bounds, pack, sample_blocks
from lm_eval_longctx.report.compare import by_task
from lm_eval_longctx.report.facts import facts
from lm_eval_longctx.report.grid import chosen_metric, make_grid, metric_names
from lm_eval_longctx.report.markup import Anchors, element
from lm_eval_longctx.report.overview import overview
from lm_eval_longctx.report.previews import PREVIEWS, make_previews
from lm_eval_longctx.report.sections import cell_place, task_section
from lm_eval_longctx.report.wording import depth_label
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lm_eval_longctx.report.answers import Answer, Place
    from lm_eval_longctx.report.grid import Grid
    from lm_eval_longctx.report.markup import Picture
    from lm_eval_longctx.report.previews import Previews
    from lm_eval_longctx.results import Run

    Links = Mapping[str, str]

_TITLE = "Long-context report"
_SCRIPTS = ("make.js", "blocks.js", "answer.js", "cell.js", "search.js", "filter.js", "start.js")
"""In the order in which they build on each other."""

_NO_SCRIPT = "Opening a cell, filters and search need JavaScript; everything else on this page does without."


def page(
    runs: Sequence[Run],
    pictures: Iterable[Picture] = (),
    metric: str | None = None,
    links: Links | None = None,
    previews: int = PREVIEWS,
) -> str:
    """Write the page.

    Args:
        runs: The sweeps to show; all have the metric.
        pictures: The figures to show; asked for when the samples are read and packed.
        metric: The metric to show; each sweep's main one by default.
        links: Where files lie, relative to the page, by their path.
        previews: How many samples are shown with what lies around their needle.

    Raises:
        ResultsError: A samples file beside the results is damaged.
    """
    anchors, known = Anchors(), links or {}
    blocks, found = _packed(runs, metric, known, previews)
    seen = _seen(runs, list(pictures), metric, anchors, known)
    data = _data(runs, metric, anchors, blocks, found)
    script = "\n".join(map(asset, _SCRIPTS))
    head = element("head", _head(script), element("title", _TITLE), element("style", asset("page.css")))
    body = ("<body>", *seen, *data, f"<script>{script}</script></body>")
    return "".join(("<!doctype html>", '<html lang="en">', head, *body, "</html>\n"))


def _seen(
    runs: Sequence[Run], pictures: Sequence[Picture], metric: str | None, anchors: Anchors, links: Links
) -> Iterator[str]:
    """Yield what can be read without a click."""
    groups = by_task(runs)
    yield element("a", "Skip to the summary", href="#summary", class_="skip")
    yield _header(runs)
    of = {task: [one for one in pictures if one.task == task] for task in ("", *groups)}
    sections = "".join(task_section(group, of[task], metric, anchors, links) for task, group in groups.items())
    tasks = element("section", element("h2", "Tasks"), sections, id="tasks")
    yield element("main", element("section", hidden="", id="found"), overview(runs, metric, anchors, of[""]), tasks)
    yield element("footer", f"Made by lm-eval-longctx {escape(__version__)}.")
    yield element("dialog", id="cell", aria_labelledby="cell-title")


def asset(name: str) -> str:
    """Return a file that every page has inside: its style, or a part of its script."""
    return (files("lm_eval_longctx.report") / "assets" / name).read_text(encoding="utf-8")


def _head(script: str) -> str:
    """Return what a browser must know first; among it that no other script may run, and nothing may be fetched."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",  # the colours of cells
        "img-src": "data:",
        "media-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    policy = "; ".join(f"{name} {value}" for name, value in allowed.items())
    return (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="color-scheme" content="light dark">'
    )


def _header(runs: Sequence[Run]) -> str:
    """Return the title, and the filters that the script brings to life."""
    lengths = {row["length"]: (row["unit"], row["amount"]) for run in runs for row in run.block["lengths"]}
    outcomes = sorted({kind for run in runs for row in run.block["cells"] for kind in row["outcomes"]})
    chosen = (
        _select("model", "Model", sorted({run.model for run in runs})),
        _select("task", "Task", sorted({run.task for run in runs})),
        _select("length", "Length", sorted(lengths, key=lambda label: lengths[label])),
        _select("outcome", "Outcome", outcomes),
    )
    search = element("label", "Search in answers ", '<input type="search" id="search" maxlength="200">')
    reset = element("button", "Show all", type="reset", id="reset")
    look = element("button", "Dark or light", type="button", id="look", aria_pressed="false")
    form = element("form", *chosen, search, element("button", "Search"), reset, id="filters", role="search")
    status = element("p", id="status", role="status")
    return element("header", element("h1", _TITLE), look, form, status, element("noscript", element("p", _NO_SCRIPT)))


def _select(name: str, label: str, values: Iterable[str]) -> str:
    options = (
        element("option", escape(value.replace("_", " ") if name == "outcome" else value), value=value)
        for value in values
    )
    everything = element("option", "all", value="")
    return element("label", f"{label} ", element("select", everything, *options, id=f"filter-{name}", name=name))


def _packed(
    runs: Sequence[Run], metric: str | None, links: Links, previews: int
) -> tuple[list[dict[Place, str]], Previews]:
    """Return the samples of each run, a block a cell, and what lies around the needles of some."""
    bounds = Bounds.of(runs)
    answers = [_answers(run, metric, bounds) for run in runs]
    found = make_previews(runs, answers, previews)
    numbers = {sample: number for number, sample in enumerate(found.around)}
    blocks = []
    for run, some in zip(runs, answers, strict=True):
        grid = make_grid(run.block, metric)
        places = [(length, depth) for length in grid.lengths for depth in grid.depths if grid.cell(length, depth).run]
        about = {place: _about(run, grid, *place, links) for place in places}
        blocks.append(sample_blocks(some, about, bounds, numbers))
    return blocks, found


def _data(
    runs: Sequence[Run], metric: str | None, anchors: Anchors, blocks: Sequence[Mapping[Place, str]], found: Previews
) -> Iterator[str]:
    """Yield the samples, and what lies around needles."""
    for run, packed in zip(runs, blocks, strict=True):
        yield from _scripts(run, make_grid(run.block, metric), packed, anchors)
    for number, excerpts in enumerate(found.around.values()):
        yield element("script", pack(as_json(excerpts)), type="application/gzip", data_around=str(number)) + "\n"
    if found.note:
        yield element("p", escape(f"Prompts that could not be made again for previews: {found.note}."), class_="quiet")


def _answers(run: Run, metric: str | None, bounds: Bounds) -> dict[Place, list[Answer]]:
    """Return a run's answers by cell; none where nobody kept them."""
    known = metric_names(run.block)
    shown = metric or known[0]
    names = [shown, *(name for name in known if name != shown)]
    return read_answers(run.samples_file, names, bounds.longest) if run.samples_file else {}


def _scripts(run: Run, grid: Grid, blocks: Mapping[Place, str], anchors: Anchors) -> Iterator[str]:
    """Yield a run's blocks, named after their cells' places."""
    for (length, depth), block in blocks.items():
        told = {"data_model": run.model, "data_task": run.task, "data_length": length}
        place = cell_place(run, length, depth, anchors)
        kinds = " ".join(grid.cell(length, depth).outcomes)
        yield element("script", block, type="application/gzip", data_cell=place, data_outcomes=kinds, **told) + "\n"


def _about(run: Run, grid: Grid, length: str, depth: float | None, links: Links) -> dict[str, Any]:
    """Return what is told of a cell beside its samples."""
    file = run.samples_file
    ours = run.config.get("longctx")
    options = ours.get("options") if isinstance(ours, dict) else None
    return {
        "task": run.task,
        "model": run.model,
        "length": length,
        "depth": depth_label(depth),
        "metric": grid.metric,
        "better": "higher" if chosen_metric(run.block, grid.metric)["higher_is_better"] else "lower",
        "facts": [facts(row) for row in grid.cell(length, depth).rows],
        "file": file.name if file else "",
        "link": links.get(str(file), "") if file else "",
        "show": f"lm-eval-longctx show {shlex.quote(str(file))}" if file else "",
        "ledger": str((options or {}).get("ledger") or "") if isinstance(options or {}, dict) else "",
    }
