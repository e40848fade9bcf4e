"""A sweep in the terminal: lengths along, depths down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.compare import comparison
from lm_eval_longctx.report.grid import Cell, Grid, make_grid
from lm_eval_longctx.report.palette import UNSCORED, Rgb, colour, ink
from lm_eval_longctx.report.wording import depth_label, floor_lines, number, sentences, span
from lm_eval_longctx.screen import fitted, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    told = fitted(f"  {sentence}" for sentence in sentences(run.block, metric))
    return "\n".join([fitted([title]), "", *shown, told, *_signature(run.signature), ""])


def _signature(signature: str) -> list[str]:
    """Return a signature in lines that fit, broken between its parts; each but the first begins with the bar."""
    first, *rest = signature.split("|")
    lines, most = [first], width() - 2
    for piece in (f"|{part}" for part in rest):
        if len(lines[-1] + piece) > most:
            lines.append("")
        lines[-1] += piece
    return [f"  {line}" for line in lines]


def as_comparison(runs: Sequence[Run], metric: str | None = None) -> str:
    """Return the scores of several models by length, side by side."""
    heads, rows = comparison(runs, metric)
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    ruled = [heads, ["─" * wide for wide in widths], *rows]
    cells = [[f"  {text:>{wide}}" for text, wide in zip(row, widths, strict=True)] for row in ruled]
    parts = _parts([wide + 2 for wide in widths[1:]], width() - widths[0] - 2)
    blocks = ("\n".join("".join([row[0], *row[1:][part]]).rstrip() for row in cells) for part in parts)
    return "\n\n".join(blocks)


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

    def cells(row: Sequence[Cell]) -> list[str]:
        return [_painted(grid, cell, wide, coloured=coloured) for cell, wide in zip(row, widths, strict=True)]

    head = ("depth" if body else "", _joined(grid.lengths, widths))
    inner = [(label, cells(row)) for label, row in body]
    last = [("all", cells(totals)), *((label, _joined(texts, widths)) for label, texts in foot)]
    lines: list[str] = []
    for part in _parts(widths, width() - first - 4):
        rule = [f"  {'─' * (first + 1)}┼{'─' * sum(widths[part])}"]
        rows = [[head], inner, last] if inner else [[head], last]
        shown = [[f"  {label:>{first}} │{''.join(texts[part])}" for label, texts in group] for group in rows]
        lines += [*([""] if lines else []), *shown[0], *(one for group in shown[1:] for one in (*rule, *group))]
    return lines


def _parts(widths: Sequence[int], most: int) -> Iterator[slice]:
    """Yield which columns stand beside each other: as many as fit, and at least one."""
    start = used = 0
    for at, wide in enumerate(widths):
        if used and used + wide > most:
            yield slice(start, at)
            start, used = at, 0
        used += wide
    yield slice(start, len(widths))


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
    return [f"{text:^{wide}}" for text, wide in zip(texts, widths, strict=True)]


def _painted(grid: Grid, cell: Cell, wide: int, *, coloured: bool) -> str:
    text = f"{_text(cell):^{wide}}"
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
