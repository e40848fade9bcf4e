"""A sweep in the terminal: lengths along, depths down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import comparison
from lm_eval_longctx.report.grid import Cell, Grid, make_grid
from lm_eval_longctx.report.palette import UNSCORED, Rgb, colour, ink
from lm_eval_longctx.report.wording import depth_label, floor_lines, number, sentences, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lm_eval_longctx.results import Run

_UNSCORED = "··"
_WIDEST = 100
"""Above this many columns the interval's line is left out."""


def as_text(run: Run, metric: str | None = None, *, coloured: bool = False) -> str:
    """Return a run as a table with its summary and signature.

    Args:
        run: A sweep, as read from a result file.
        metric: The metric to show; the main one by default.
        coloured: Whether to paint the cells with 24-bit colours.

    Raises:
        UnknownOptionError: The sweep has no such metric.
    """
    grid = make_grid(run.block, metric)
    unit = run.block["specification"]["unit"]
    axes = f"context length in {unit}" + ("" if grid.depths == (None,) else " (along) and depth (down)")
    title = f"{run.task} · {run.model} · {grid.metric} by {axes}"
    shown = [] if run.block.get("unsupported") else [*_table(grid, run.block, coloured=coloured), *_legend(grid), ""]
    body = [title, "", *shown]
    return "\n".join([*body, *(f"  {sentence}" for sentence in sentences(run.block, metric)), f"  {run.signature}", ""])


def as_comparison(runs: Sequence[Run], metric: str | None = None) -> str:
    """Return the scores of several models by length, side by side."""
    heads, rows = comparison(runs, metric)
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    ruled = [heads, ["─" * width for width in widths], *rows]
    lines = ("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in ruled)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _table(grid: Grid, block: Mapping[str, Any], *, coloured: bool) -> list[str]:
    """Return the heads, one line a depth and, under a rule, what holds for each length."""
    totals = [grid.totals.get(length, Cell()) for length in grid.lengths]
    body = [
        (depth_label(depth), [grid.cell(x, depth) for x in grid.lengths]) for depth in grid.depths if depth is not None
    ]
    foot = _foot(grid, block, totals)
    inside = [[_text(cell) for cell in row] for row in (totals, *(row for _, row in body))]
    columns = zip(grid.lengths, *inside, *(row for _, row in foot), strict=True)
    widths = [2 + max(len(text) for text in column) for column in columns]
    first = max(len(label) for label, _ in (*body, *foot, ("depth", ())))
    rule = f"  {'─' * (first + 1)}┼{'─' * sum(widths)}"

    def line(label: str, texts: Iterable[str]) -> str:
        return f"  {label:>{first}} │{''.join(texts)}"

    def cells(row: Sequence[Cell]) -> Iterable[str]:
        return (_painted(grid, cell, width, coloured=coloured) for cell, width in zip(row, widths, strict=True))

    lines = [line("depth" if body else "", _joined(grid.lengths, widths)), rule]
    lines += [*(line(label, cells(row)) for label, row in body), *([rule] if body else [])]
    return [*lines, line("all", cells(totals)), *(line(label, _joined(texts, widths)) for label, texts in foot)]


def _foot(grid: Grid, block: Mapping[str, Any], totals: Sequence[Cell]) -> list[tuple[str, list[str]]]:
    """Return the last lines of the table: interval (of the main metric) and counts by length."""
    foot: list[tuple[str, list[str]]] = []
    if grid.metric == block["summary"]["metric"]:
        found = {row["length"]: span(row["interval"]) for row in block["lengths"]}
        level = next((row["interval"]["level"] for row in block["lengths"] if row["interval"]), None)
        spans = [found.get(length, "") for length in grid.lengths]
        if level is not None and sum(2 + len(text) for text in spans) <= _WIDEST:
            foot.append((f"{level * 100:.3g} %", spans))
        foot += floor_lines(block, grid.lengths)
    return [*foot, ("scored", [f"{cell.scored}/{cell.n}" if cell.run else "" for cell in totals])]


def _text(cell: Cell) -> str:
    """Write a cell: a score, dots for unscored, nothing for not run; a star where only some are scored."""
    if not cell.run:
        return ""
    return _UNSCORED if cell.score is None else number(cell.score) + ("*" if cell.partial else "")


def _joined(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [f"{text:^{width}}" for text, width in zip(texts, widths, strict=True)]


def _painted(grid: Grid, cell: Cell, width: int, *, coloured: bool) -> str:
    text = f"{_text(cell):^{width}}"
    if not coloured or not cell.run:
        return text
    back = UNSCORED if cell.score is None else colour(grid.goodness(cell.score))
    return f"{_escape(38, ink(back))}{_escape(48, back)}{text}\x1b[0m"


def _escape(ground: int, rgb: Rgb) -> str:
    return "\x1b[{};2;{};{};{}m".format(ground, *rgb)


def _legend(grid: Grid) -> list[str]:
    """Explain the marks that occur."""
    cells = [grid.cell(length, depth) for length in grid.lengths for depth in grid.depths]
    marks = []
    if any(cell.run and cell.score is None for cell in cells):
        marks.append(f"{_UNSCORED} ran, not scored")
    if any(cell.partial for cell in cells):
        marks.append("* only some samples scored")
    if not all(cell.run for cell in cells):
        marks.append("blank: not run")
    return [f"  {'; '.join(marks)}"] if marks else []
