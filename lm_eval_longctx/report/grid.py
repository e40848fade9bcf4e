"""A sweep as a grid: context lengths along, depths down.

One grid feeds the terminal, the picture and the page, so that they cannot
disagree about what a cell shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import unknown_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

SHORT = {
    "context_exceeded": "too long",
    "cut_by_output_limit": "cut",
    "transport_failed": "failed",
    "possibly_billed": "lost",
    "skipped_budget": "no budget",
    "no_answer": "no answer",
    "truncated_input": "truncated",
}
"""How outcomes are called where there is little room."""


@dataclass(frozen=True)
class Cell:
    """What is known about one length at one depth.

    Attributes:
        score: The metric's value; ``None`` if nothing was scored.
        n: How many samples ran; 0 if the cell was not run.
        scored: How many of them were scored.
        outcomes: How they ended, by kind.
        rows: The sweep block's rows behind it (one for each variant).
    """

    score: float | None = None
    n: int = 0
    scored: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    @property
    def run(self) -> bool:
        """Whether any sample of the cell ran."""
        return self.n > 0

    @property
    def partial(self) -> bool:
        """Whether some samples are scored and some are not."""
        return 0 < self.scored < self.n

    @property
    def reason(self) -> str:
        """Why most of the unscored samples are unscored, in one or two words; empty if none is."""
        missed = {kind: count for kind, count in self.outcomes.items() if kind != "complete"}
        if self.scored == self.n or not missed:
            return ""
        kind = max(missed, key=lambda kind: missed[kind])
        return SHORT.get(kind, kind.replace("_", " "))


@dataclass(frozen=True)
class Grid:
    """A metric over a sweep.

    Attributes:
        metric: Its name.
        higher_is_better: Which way is good.
        lengths: Labels, shortest first.
        depths: Fractions, shallowest first; ``(None,)`` for a task without depth.
        cells: By (length, depth).
        totals: By length, over all depths.
        low: The value that is drawn darkest (if higher is better).
        high: The value that is drawn brightest.
    """

    metric: str
    higher_is_better: bool
    lengths: tuple[str, ...]
    depths: tuple[float | None, ...]
    cells: Mapping[tuple[str, float | None], Cell]
    totals: Mapping[str, Cell]
    low: float
    high: float

    def cell(self, length: str, depth: float | None) -> Cell:
        """Return a cell; an empty one if it was not run."""
        return self.cells.get((length, depth), Cell())

    def goodness(self, score: float) -> float:
        """Return where a score lies between worst (0) and best (1)."""
        share = (score - self.low) / (self.high - self.low) if self.high > self.low else 1.0
        share = min(1.0, max(0.0, share))
        return share if self.higher_is_better else 1 - share


def metric_names(block: Row) -> list[str]:
    """Return the names of a block's metrics, the main one first."""
    return [str(metric["name"]) for metric in block["metrics"]]


def chosen_metric(block: Row, metric: str | None) -> Row:
    """Return a block's metric by name, the main one by default.

    Raises:
        UnknownOptionError: The block has no such metric.
    """
    by_name: dict[str, Row] = {str(m["name"]): m for m in block["metrics"]}
    name = metric or next(iter(by_name))
    if name not in by_name:
        raise unknown_option("metric", name, by_name)
    return by_name[name]


def make_grid(block: Row, metric: str | None = None) -> Grid:
    """Lay out a sweep block.

    Args:
        block: As read from a result file.
        metric: The metric to show; the main one by default.

    Raises:
        UnknownOptionError: The block has no such metric.
    """
    chosen = chosen_metric(block, metric)
    name = str(chosen["name"])
    groups: dict[tuple[str, float | None], list[Row]] = {}
    for row in block["cells"]:
        groups.setdefault((row["length"], row["depth"]), []).append(row)
    cells = {place: _cell(rows, name) for place, rows in groups.items()}
    totals = {row["length"]: _cell([row], name) for row in block["lengths"]}
    low, high = _range([cell.score for cell in (*cells.values(), *totals.values()) if cell.score is not None])
    return Grid(name, bool(chosen["higher_is_better"]), _lengths(block, name), _depths(block), cells, totals, low, high)


def _cell(rows: Sequence[Row], metric: str) -> Cell:
    """Join the rows of a cell; scores of variants are weighted by how many samples they are over."""
    known = [m for row in rows if (m := row["metrics"].get(metric, {})).get("value") is not None and m["n"]]
    weight = sum(m["n"] for m in known)
    outcomes: dict[str, int] = {}
    for row in rows:
        for kind, count in row["outcomes"].items():
            outcomes[kind] = outcomes.get(kind, 0) + count
    return Cell(
        score=sum(m["value"] * m["n"] for m in known) / weight if weight else None,
        n=sum(row["n"] for row in rows),
        scored=sum(row["scored"] for row in rows),
        outcomes=outcomes,
        rows=tuple(rows),
    )


def _range(scores: Sequence[float]) -> tuple[float, float]:
    """Return [0, 1] for shares and rates, [0, 100] for percentages and chrF, else what was seen."""
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (0.0, 100.0) if low >= 0 and high <= 100 else (low, high)  # noqa: PLR2004 - per cent


def shown_rows(block: Row, grid: Grid) -> list[Row]:
    """Return a block's rows of lengths that were run and are shown."""
    return [row for row in block["lengths"] if row["length"] in grid.lengths]


def _lengths(block: Row, metric: str) -> tuple[str, ...]:
    """Return all lengths that were asked or run, shortest first.

    Left out are those of which less came out, since they run under another
    label, and those whose samples the metric does not look at.
    """
    asked, rows = block["specification"], block["lengths"]
    amounts = dict(zip(asked.get("context_lengths", []), asked.get("context_amounts", []), strict=False))
    for label in {label for row in rows for label in row.get("asked", ())}:
        amounts.pop(label, None)
    amounts |= {row["length"]: row["amount"] for row in rows if row["metrics"][metric]["n"] or not row["scored"]}
    return tuple(sorted(amounts, key=lambda label: float(amounts[label])))


def _depths(block: Row) -> tuple[float | None, ...]:
    """Return all depths that were asked or run, shallowest first."""
    run = {row["depth"] for row in block["cells"]}
    if run == {None}:
        return (None,)
    found = {float(depth) for depth in (*block["specification"].get("depths", []), *(run - {None}))}
    return (*sorted(found), *((None,) if None in run else ()))
