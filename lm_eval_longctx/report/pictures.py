"""The heatmap and the line chart, as PNG files.

matplotlib is drawn with directly, without its global state (no pyplot), so
that nothing of the caller's settings is touched.
"""

from __future__ import annotations

import io
import math
import textwrap
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MissingExtraError
from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.grid import Cell, Grid, make_grid, shown_rows
from lm_eval_longctx.report.palette import LINES, NOT_RUN, UNSCORED, colour, hexadecimal, ink
from lm_eval_longctx.report.published import published_for
from lm_eval_longctx.report.wording import depth_label, number, sentences
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lm_eval_longctx.results import Run

_DPI = 110
_COLUMN, _ROW, _WIDEST, _TALLEST = 0.85, 0.5, 26.0, 26.0
_MARGIN_X, _MARGIN_Y = 2.6, 2.6
_APART = 0.8
"""Powers of two between ticks that can both be read."""

_READABLE = 0.42
"""Inches a cell must be wide to hold a number."""


def available() -> bool:
    """Whether pictures can be drawn."""
    return find_spec("matplotlib") is not None


def heatmap(run: Run, metric: str | None = None) -> bytes:
    """Draw a sweep as a heatmap: lengths along, depths down, unscored cells grey.

    Returns:
        A PNG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UnknownOptionError: The sweep has no such metric.
    """
    grid = make_grid(run.block, metric)
    wide = min(_WIDEST, _MARGIN_X + _COLUMN * len(grid.lengths))
    tall = min(_TALLEST, _MARGIN_Y + _ROW * len(grid.depths))
    figure, axes = canvas(max(wide, 6.0), max(tall, 3.2))
    room = (max(wide, 6.0) - _MARGIN_X) / max(1, len(grid.lengths))
    for column, length in enumerate(grid.lengths):
        for row, depth in enumerate(grid.depths):
            _cell(axes, grid, grid.cell(length, depth), column, row, written=room >= _READABLE)
    _frame(axes, grid, run)
    _scale(figure, axes, grid)
    return png(figure)


def lines(runs: Sequence[Run], metric: str | None = None) -> bytes:
    """Draw the scores of one task by context length, one line a run, with intervals and published figures.

    Returns:
        A PNG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UnknownOptionError: A sweep has no such metric.
    """
    figure, axes = canvas(8.0, 4.8)
    for index, (run, name) in enumerate(zip(runs, names(runs), strict=True)):
        _line(axes, run, metric, name, LINES[index % len(LINES)])
    grid = make_grid(runs[0].block, metric)
    _published(axes, runs[0].task, grid.metric)
    _axes_of_lines(axes, runs, grid)
    return png(figure)


def canvas(wide: float, tall: float) -> tuple[Figure, Axes]:
    """Return an empty figure of so many inches, with its axes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if not available():
        raise MissingExtraError("drawing pictures", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy, optional
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, tall), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "lm-eval-longctx"})
    return buffer.getvalue()


def _cell(axes: Axes, grid: Grid, cell: Cell, column: int, row: int, *, written: bool) -> None:
    """Draw one cell: coloured, grey if unscored (with a grey corner if some are), white with strokes if not run."""
    from matplotlib.patches import Polygon, Rectangle

    back = NOT_RUN if not cell.run else UNSCORED if cell.score is None else colour(grid.goodness(cell.score))
    edge, hatch = ("#ffffff", "") if cell.run else ("#dddddd", "///")
    corner = (column - 0.5, row - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=hexadecimal(back), edgecolor=edge, hatch=hatch, linewidth=0.8))
    if cell.partial:
        fold = [(column + 0.5, row - 0.5), (column + 0.26, row - 0.5), (column + 0.5, row - 0.14)]
        axes.add_patch(Polygon(fold, facecolor=hexadecimal(UNSCORED), edgecolor="none"))
    if written and cell.run:
        paint = hexadecimal(ink(back))
        axes.text(column, row, _written(cell), ha="center", va="center", color=paint, fontsize=8, linespacing=1.1)


def _written(cell: Cell) -> str:
    """Return what stands in a cell: the score, and beneath it how many samples are missing and why."""
    if cell.score is None:
        return cell.reason or "unscored"
    return number(cell.score) + (f"\n{cell.scored} of {cell.n}" if cell.partial else "")


def _frame(axes: Axes, grid: Grid, run: Run) -> None:
    """Put on the axes of the Gemini 1.5 report's figures, title and signature."""
    axes.set_xlim(-0.5, len(grid.lengths) - 0.5)
    axes.set_ylim(len(grid.depths) - 0.5, -0.5)
    axes.set_xticks(range(len(grid.lengths)), grid.lengths, rotation=45 if len(grid.lengths) > 12 else 0)  # noqa: PLR2004
    axes.set_yticks(range(len(grid.depths)), [depth_label(depth) for depth in grid.depths])
    axes.set_xlabel(f"context length ({_unit(run)})")
    axes.set_ylabel("depth of the needle" if grid.depths != (None,) else "")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(f"{run.task} · {run.model}\n{_head(run, grid)}", fontsize=10, loc="left")
    sign(axes, run.signature)


def _head(run: Run, grid: Grid) -> str:
    return sentences(run.block, grid.metric)[0]


def sign(axes: Axes, signature: str) -> None:
    """Print the signature under the picture."""
    wrapped = "\n".join(textwrap.wrap(signature.replace("|", " | "), 100))
    axes.figure.supxlabel(wrapped, fontsize=5.5, color="#555555", x=0.01, ha="left")


def _scale(figure: Any, axes: Axes, grid: Grid) -> None:
    """Add the colour scale, with grey explained where it occurs."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    steps = [hexadecimal(colour(grid.goodness(grid.low + (grid.high - grid.low) * i / 255))) for i in range(256)]
    mapped = ScalarMappable(Normalize(grid.low, grid.high), ListedColormap(steps))
    bar = figure.colorbar(mapped, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label(grid.metric if not _grey(grid) else f"{grid.metric}   (grey: not scored)", fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _grey(grid: Grid) -> bool:
    return any(cell.run and cell.score is None for cell in grid.cells.values())


def _line(axes: Axes, run: Run, metric: str | None, name: str, paint: str) -> None:
    """Draw one run; lengths without a score get a grey cross on the axis instead of a point."""
    grid = make_grid(run.block, metric)
    rows = shown_rows(run.block, grid)
    scored = [row for row in rows if row["metrics"][grid.metric]["value"] is not None]
    x = [row["amount"] for row in scored]
    y = [row["metrics"][grid.metric]["value"] for row in scored]
    axes.plot(x, y, marker="o", markersize=4, color=paint, label=name)
    spans = [row["interval"] for row in scored] if grid.metric == run.block["summary"]["metric"] else []
    if spans and all(spans):
        axes.fill_between(
            x, [s["low"] for s in spans], [s["high"] for s in spans], color=paint, alpha=0.15, linewidth=0
        )
    floors = [row.get("floor") for row in scored] if grid.metric == run.block["summary"]["metric"] else []
    if any(floors):
        axes.plot(x, [floor or 0 for floor in floors], ":", color=paint, linewidth=0.9, label=f"{name}, not reading")
    blank = [row["amount"] for row in rows if row["metrics"][grid.metric]["value"] is None]
    if blank:
        axes.plot(blank, [0.02] * len(blank), "x", color="#9e9e9e", transform=axes.get_xaxis_transform())


def _published(axes: Axes, task: str, metric: str) -> None:
    """Draw published figures that belong to a length: hollow and dashed."""
    from matplotlib.lines import Line2D

    for index, row in enumerate(published_for(task, metric)):
        points = [(point.length, point.value) for point in row.points if point.length is not None]
        if points:
            x, y = [length for length, _ in points], [value for _, value in points]
            label = f"{row.model}, published" + (f" ({row.note})" if row.note else "")
            line = Line2D(x, y, linestyle="--", linewidth=0.9, color="#777777", label=label)
            line.set_marker("sD^vP*"[index % 6])
            line.set_markersize(5)
            line.set_fillstyle("none")
            axes.add_line(line)


def _axes_of_lines(axes: Axes, runs: Sequence[Run], grid: Grid) -> None:
    amounts = {row["amount"]: row["length"] for run in runs for row in shown_rows(run.block, grid)}
    unit = Unit(runs[0].block["specification"]["unit"])
    for row in published_for(runs[0].task, grid.metric):
        far = [p.length for p in row.points if p.length and all(abs(math.log2(p.length / a)) > _APART for a in amounts)]
        amounts |= {length: Length(length, unit).label for length in far}
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(amounts), [amounts[amount] for amount in sorted(amounts)])
    axes.minorticks_off()
    axes.autoscale_view()
    if grid.high <= 1:
        axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(f"context length ({_unit(runs[0])})")
    axes.set_ylabel(grid.metric)
    axes.grid(visible=True, color="#e5e5e5", linewidth=0.6)
    axes.set_title(f"{runs[0].task} · {grid.metric} by context length", fontsize=10, loc="left")
    axes.legend(fontsize=7, frameon=False)
    sign(axes, runs[0].block["summary"].get("signature", ""))


def _unit(run: Run) -> str:
    found = run.block["specification"]
    return " of ".join(part for part in (found["unit"], found.get("tokenizer", "")) if part)
