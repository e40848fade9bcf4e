"""How often the intervals of Bradley-Terry strengths hold the truth, by simulation.

    python tests/benchmarks/bench_strengths.py [--intervals 1000] [--write docs/judging.md]

Players of known strength answer questions; verdicts are drawn in every way that could upset an interval. The truth is
what the same judge would find over endless questions. Printed: the share of intervals that hold it, over all players
and, in brackets, for the player where it is least. With ``--write`` the table is put into a page, between its marks.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from lm_eval_longctx.stats.strengths import Duel, fitted, strengths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUESTIONS = (20, 87, 500)
HEADS = ("players", "verdicts", *(f"{count} questions" for count in QUESTIONS))
_MANY, _SETS = 5, 60
"""Of more players than this, so many sets are drawn: their fits take long."""

_BEGIN, _END = "<!-- table: made by tests/benchmarks/bench_strengths.py -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Field:
    """Who plays, in logarithms of strength."""

    name: str
    theta: tuple[float, ...]


def evenly(players: int, step: float) -> Field:
    """Return players each of which is stronger than the next by the same factor."""
    return Field(f"{players}, each {np.exp(step):.2g} times the next", tuple(-step * np.arange(players)))


REPORT = Field("the report's seven", tuple(np.log((6.24, 1.77, 1.30, 0.30, 1.37, 1.64, 0.10))))
FIELDS = (
    evenly(2, 0.0),
    Field("2, 9 to 1", (np.log(9.0), 0.0)),
    evenly(3, np.log(2)),
    evenly(4, np.log(3)),
    evenly(5, np.log(1.5)),
    REPORT,
    evenly(8, np.log(1.5)),
)


class Kind(NamedTuple):
    """How verdicts come about.

    Attributes:
        name: In the table.
        margin: Answers nearer than this are a tie.
        order: What being shown first is worth.
        uneven: How much questions suit some players better than others (standard deviation).
        answered: Share of the questions that the last player answers; the others' shares lie evenly up to 1.
    """

    name: str
    margin: float = 0.0
    order: float = 0.0
    uneven: float = 0.0
    answered: float = 1.0


KINDS = (
    Kind("no ties"),
    Kind("many ties", margin=1.0),
    Kind("shown first wins 2 in 3 alike", order=0.7),
    Kind("uneven questions", uneven=1.0),
    Kind("unequal numbers", answered=0.3),
    Kind("all of that", margin=0.5, order=0.5, uneven=0.7, answered=0.4),
)
EDGES = (
    (evenly(2, np.log(60)), Kind("nearly always won")),
    (evenly(3, np.log(60)), Kind("nearly always won")),
    (evenly(2, 0.0), Kind("ties only", margin=50.0)),
    (evenly(4, 0.0), Kind("ties only", margin=50.0)),
    (evenly(3, 0.0), Kind("only the order counts", order=50.0)),
)


def drawn(rng: np.random.Generator, theta: np.ndarray, questions: int, kind: Kind) -> list[Duel]:
    """Draw every two players' comparison for each question that both answer; where the orders differ, it is a tie."""
    share = np.linspace(1.0, kind.answered, len(theta))
    there = rng.random((questions, len(theta))) < share
    suits = theta + rng.normal(0, kind.uneven, (questions, len(theta)))
    found = []
    for one, other in combinations(range(len(theta)), 2):
        better = suits[:, one] - suits[:, other] + rng.logistic(size=questions)
        calls = [np.sign(better + turn) * (np.abs(better + turn) > kind.margin) for turn in (kind.order, -kind.order)]
        scores = np.where(calls[0] == calls[1], (calls[0] + 1) / 2, 0.5)
        both = there[:, one] & there[:, other]
        found += [Duel(int(q), one, other, float(scores[q])) for q in np.flatnonzero(both)]
    return found


def endless(theta: np.ndarray, kind: Kind) -> np.ndarray:
    """Return the strengths that the same judge would find over endless questions."""
    rng = np.random.default_rng(5)
    wins = np.zeros((len(theta), len(theta)))
    for duel in drawn(rng, theta, 100_000, kind):
        wins[duel.one, duel.other] += duel.score
        wins[duel.other, duel.one] += 1 - duel.score
    return np.asarray(np.exp(fitted(wins[None])[0]))


def coverage(field: Field, questions: int, kind: Kind, sets: int) -> np.ndarray:
    """Return for each player how often its interval held its strength."""
    theta = np.asarray(field.theta)
    true = endless(theta, kind)
    rng = np.random.default_rng(11)
    held, met = np.zeros(len(theta)), np.zeros(len(theta))
    for _ in range(sets):
        duels = drawn(rng, theta, questions, kind)
        if len({player for duel in duels for player in (duel.one, duel.other)}) < len(theta):
            continue
        found = strengths(duels, len(theta))
        inside = [number for number, one in enumerate(found) if not one.boundless] or range(len(theta))
        scaled = true / np.exp(np.log(true[inside]).mean())  # strengths are told relative to these
        ends = [one.interval for one in found]
        held += [end is not None and end.low <= value <= end.high for end, value in zip(ends, scaled, strict=True)]
        met += 1
    return held / met


def rows(intervals: int) -> Iterator[tuple[str, ...]]:
    """Yield the table, row by row: share of intervals that hold, and that of the player whose intervals hold least."""
    cells = [(field, kind) for field in FIELDS for kind in KINDS] + list(EDGES)
    for field, kind in tqdm(cells, leave=False):
        sets = intervals // len(field.theta) if len(field.theta) <= _MANY else _SETS
        held = [coverage(field, questions, kind, sets) for questions in QUESTIONS]
        yield field.name, kind.name, *(f"{one.mean():.3f} ({one.min():.3f})" for one in held)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table as a page shows it."""
    lines = [HEADS, ["---"] * len(HEADS), *table]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Print the table, and put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--intervals", type=int, default=1000, help="simulated intervals a cell (default: 1000)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page")
    args = parser.parse_args()
    table = []
    for row in rows(args.intervals):
        print(" | ".join(row), flush=True)
        table.append(row)
    if args.write:
        before, _, rest = args.write.read_text(encoding="utf-8").partition(_BEGIN)
        after = rest.partition(_END)[2]
        args.write.write_text(f"{before}{_BEGIN}\n\n{markdown(table)}\n\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
