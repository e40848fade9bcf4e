"""A repeated paper for people and programs: sections for the terminal, a page in Markdown and HTML, and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.markup import element, listed, table
from lm_eval_longctx.report.page import asset
from lm_eval_longctx.report.wording import number, span
from lm_eval_longctx.report.writing import write_files
from lm_eval_longctx.reproduction.by_model import as_plain, mean_rows, model_cells
from lm_eval_longctx.reproduction.comparing import Ours, Row, curves, short_and_long, table_rows

if TYPE_CHECKING:
    from pathlib import Path

    from lm_eval_longctx.papers import Paper, Part, Point, Published
    from lm_eval_longctx.reproduction.running import Ran

NAME = "reproduction"
"""Of the files in the run's folder."""

_GLANCE = "Short beside long"
_SCALED = (
    "At the small scale the protocol is the paper's and the sizes are not: published figures stand here to show where "
    "ours would stand, not to be compared."
)


@dataclass(frozen=True)
class Finished:
    """A paper that was repeated with one model.

    Attributes:
        paper: The paper.
        scale: Of ``papers.SCALES``.
        model: As the user wrote it.
        done: All steps.
        spent: US dollars that it cost this time.
    """

    paper: Paper
    scale: str
    model: str
    done: tuple[Ran, ...]
    spent: float = 0.0

    @property
    def parts(self) -> list[Part]:
        """The tables, in the paper's order; a mean is one where all that it is of are there: of some it is another."""
        run = {ran.step.part.id for ran in self.done}
        return [part for part in self.paper.parts if part.id in run or (part.mean_of and run.issuperset(part.mean_of))]

    def of(self, part: Part) -> list[Ran]:
        """Return the steps of a table."""
        return [ran for ran in self.done if ran.step.part.id == part.id]

    def rows(self, part: Part) -> list[Row]:
        """Return the rows of a table."""
        members = [self.rows(one) for one in self.paper.parts if one.id in part.mean_of]
        return table_rows(part, self.of(part), mean_rows(members))


@dataclass(frozen=True)
class Section:
    """A table with its heads and what is to be said below it; all plain texts.

    Attributes:
        title: Above it.
        heads: Of its columns.
        rows: A text for each head.
        notes: Below it.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def sections(finished: Finished) -> list[Section]:
    """Return a section for each table of the paper, and at the end short contexts beside long ones."""
    of_parts = [_section(part, finished) for part in finished.parts]
    glance = _glance(finished)
    return [*of_parts, *([glance] if glance.rows else [])]


def _section(part: Part, finished: Finished) -> Section:
    rows, title = finished.rows(part), _title(part)
    if part.statistics:
        return Section(title, *model_cells(part, rows), _notes(part, finished))
    columns = [("condition", [row.condition for row in rows]), (f"length ({part.unit})", [row.length for row in rows])]
    shown = [(head, cells) for head, cells in columns if any(cells)]
    shown += [
        (f"ours ({'%' if part.short else part.metric})", [_value(row.ours) for row in rows]),
        ("95 %", [_interval(row.ours) for row in rows]),
        ("scored", [_scored(row.ours) for row in rows]),
    ]
    published = ["; ".join(_published(*pair) for pair in row.published) for row in rows]
    shown += [("published", published)] if any(published) else []
    cells = tuple(zip(*(column for _, column in shown), strict=True)) if rows else ()
    return Section(title, tuple(head for head, _ in shown), cells, _notes(part, finished))


def _title(part: Part) -> str:
    """Return a heading with one pair of brackets: a title's own at its end hold the section, too."""
    said = part.title.removesuffix(")")
    return f"{part.id}: {said}{'; ' if said != part.title else ' ('}{part.section})"


def _value(ours: Ours | None) -> str:
    return "-" if ours is None or ours.value is None else number(ours.value)


def _scored(ours: Ours | None) -> str:
    if ours is None:
        return ""
    return str(ours.scored) if ours.n is None else f"{ours.scored} of {ours.n}"


def _interval(ours: Ours | None) -> str:
    return "" if ours is None or ours.low is None else span({"low": ours.low, "high": ours.high})


def _published(row: Published, point: Point) -> str:
    note = f" ({row.note})" if row.note and row.note != row.condition else ""
    return f"{row.model} {point.bound}{point.value:g}{note}"  # with the paper's own digits


def _notes(part: Part, finished: Finished) -> tuple[str, ...]:
    """Say what was not run or is not whole, and how the protocols differ."""
    missing: dict[tuple[str, str], list[str]] = {}  # conditions that lack the same stand together
    for ran in finished.of(part):
        if ran.error:
            missing.setdefault(("not whole" if ran.file else "not run", ran.error), []).append(ran.step.condition)
    told = [": ".join(filter(None, (what, "; ".join(filter(None, n)), why))) for (what, why), n in missing.items()]
    sources = dict.fromkeys(row.source for row in part.published)
    found = [": ".join(filter(None, (ran.step.condition, line))) for ran in finished.of(part) for line in curves(ran)]
    return (
        *found,
        *told,
        *(f"differs: {one}" for one in part.differences),
        *(f"published in: {one}" for one in sources),
    )


def _glance(finished: Finished) -> Section:
    """Return one line a table: what long context costs should show here, and what it costs the short one."""
    rows = []
    for part in finished.parts:
        found = finished.rows(part)
        pairs = short_and_long(found)
        for first, last in pairs:
            if last.amount != first.amount:  # of one length alone nothing can be told
                name = f"{part.id}, {first.condition}" if len(pairs) > 1 else part.id
                rows.append((name, part.metric, *_placed(first), *_placed(last)))
        if part.short:
            rows += [(row.condition, "%", _value(row.ours), "short", "", "") for row in found if row.ours]
    heads = ("part", "metric", "shortest", "at", "longest", "at")
    return Section(_GLANCE, heads, tuple(rows), ("a model that gained long context and lost short shows it here",))


def _placed(row: Row) -> tuple[str, str]:
    return _value(row.ours), row.length


def as_markdown(finished: Finished) -> str:
    """Return the page in Markdown."""
    lines = [f"# {finished.paper.title}", "", *(f"{line}\n" for line in _head(finished))]
    for section in sections(finished):
        lines += [f"## {section.title}", ""]
        if section.rows:
            grid = [section.heads, ["---"] * len(section.heads), *section.rows]
            lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in grid]
            lines += [""]
        lines += [*(f"* {note}" for note in section.notes), ""]
    return "\n".join(lines)


def _head(finished: Finished) -> list[str]:
    told = f"Repeated with {finished.model} at the {finished.scale} scale for {finished.spent:,.2f} USD."
    return [told, *([_SCALED] if finished.scale == "small" else [])]


def as_html(finished: Finished) -> str:
    """Return the page in HTML: everything inside, nothing fetched, no script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = element(
        "head",
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="color-scheme" content="light">',
        element("title", escape(finished.paper.title)),
        element("style", asset("page.css")),
    )
    body = "".join(_html_section(section) for section in sections(finished))
    top = element(
        "header", element("h1", escape(finished.paper.title)), *(element("p", escape(t)) for t in _head(finished))
    )
    whole = element("body", top, element("main", body))
    return f'<!doctype html>\n<html lang="en">{head}{whole}</html>\n'


def _html_section(section: Section) -> str:
    shown = table(section.heads, section.rows, class_="stack") if section.rows else ""
    return element("section", element("h2", escape(section.title)), shown, listed(section.notes))


def as_dict(finished: Finished) -> dict[str, Any]:
    """Return everything as plain values."""
    return {
        "paper": finished.paper.name,
        "title": finished.paper.title,
        "scale": finished.scale,
        "model": finished.model,
        "spent": finished.spent,
        "parts": [_part_as_dict(part, finished) for part in finished.parts],
    }


def _part_as_dict(part: Part, finished: Finished) -> dict[str, Any]:
    rows = finished.rows(part)
    return {
        "id": part.id,
        "title": part.title,
        "section": part.section,
        "metric": part.metric,
        "unit": part.unit,
        "short": part.short,
        "differences": list(part.differences),
        "runs": [_ran_as_dict(ran) for ran in finished.of(part)],
        "rows": [_row_as_dict(row) for row in rows],
        **({"mean_of": list(part.mean_of)} if part.mean_of else {}),
        **({"statistics": as_plain(part, rows)} if part.statistics else {}),
    }


def _ran_as_dict(ran: Ran) -> dict[str, Any]:
    arm = ran.step.arm
    return {
        "condition": ran.step.condition,
        "task": arm.task if arm else None,
        "metadata": dict(ran.step.metadata),
        "result": str(ran.file) if ran.file else None,
        "status": ran.status,
        "error": ran.error,
    }


def _row_as_dict(row: Row) -> dict[str, Any]:
    return {
        "condition": row.condition,
        "length": row.length,
        "amount": row.amount,
        "ours": vars(row.ours) if row.ours else None,
        "published": [
            {"model": one.model, "value": point.value, "bound": point.bound, "source": one.source, "note": one.note}
            for one, point in row.published
        ],
    }


def write_pages(finished: Finished, folder: Path) -> list[Path]:
    """Write the page and the plain values into the run's folder.

    Raises:
        ResultsError: The folder cannot be written, or a result file is damaged.
    """
    plain = json.dumps(as_dict(finished), indent=2, ensure_ascii=False)
    texts = {"md": as_markdown(finished), "html": as_html(finished), "json": f"{plain}\n"}
    return write_files(folder, [(f"{NAME}.{form}", text.encode()) for form, text in texts.items()])
