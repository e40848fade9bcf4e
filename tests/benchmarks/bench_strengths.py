"""How often the intervals of Bradley-Terry strengths hold the truth, by simulation.

    python tests/benchmarks/bench_strengths.py [--intervals 1000] [--fresh] [--seed 11] [--write docs/judging.md]

Players of known strength answer questions; verdicts are drawn in every way that could upset an interval. The truth is
what the same judge would find over endless questions. Printed: the share of intervals that hold it, over all players
and, in brackets, for the player where it is least. With ``--write`` the table is put into a page, between its marks.
``--fresh`` takes the cases that nothing was tuned on: other players, and verdicts that come about in other ways.
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
_FEWEST = 200
"""So many sets are drawn at least, however many players are in each."""

_END = "<!-- end of table -->"


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
        missing: Share of the pairs that have no verdict.
        by_lot: Share of the questions on which verdicts have nothing to do with the answers.
    """

    name: str
    margin: float = 0.0
    order: float = 0.0
    uneven: float = 0.0
    answered: float = 1.0
    missing: float = 0.0
    by_lot: float = 0.0


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

UNEVEN = Kind("very uneven questions", uneven=2.0)
GAPS = Kind("half of the pairs missing, few ties", margin=0.3, missing=0.5)
LOT = Kind("a third of the questions by lot", by_lot=0.33, order=0.3)
RARE = Kind("the last answers one in six", answered=0.17, uneven=0.5)
FRESH = (
    (Field("2, 3 to 1", (np.log(3.0), 0.0)), (UNEVEN, LOT)),
    (Field("3, two alike, one far behind", (0.0, 0.0, -3.0)), (GAPS, RARE)),
    (Field("4, at random", (0.9, -1.7, 0.3, 1.4)), (UNEVEN, LOT)),
    (Field("6, one far ahead", (3.0, 0.0, -0.1, -0.2, -0.3, -0.4)), (GAPS, UNEVEN)),
    (Field("7, two camps", (1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0)), (RARE, LOT)),
    (Field("9, heavy tails", (2.9, 0.8, 0.5, 0.2, 0.0, -0.1, -0.4, -0.7, -2.5)), (GAPS, UNEVEN)),
    (evenly(10, 0.0), (LOT, RARE)),
)
"""Cases that were written after the method was, and that none of its constants was chosen on."""

Scores = tuple[int, int, np.ndarray, np.ndarray]
"""Two players, the questions on which they were compared, and the one's scores there."""


def compared(rng: np.random.Generator, theta: np.ndarray, questions: int, kind: Kind) -> Iterator[Scores]:
    """Draw every two players' comparison for each question that both answer; where the orders differ, it is a tie."""
    share = np.linspace(1.0, kind.answered, len(theta))
    there = rng.random((questions, len(theta))) < share
    suits = theta + rng.normal(0, kind.uneven, (questions, len(theta)))
    suits[rng.random(questions) < kind.by_lot] = 0.0
    for one, other in combinations(range(len(theta)), 2):
        better = suits[:, one] - suits[:, other] + rng.logistic(size=questions)
        calls = [np.sign(better + turn) * (np.abs(better + turn) > kind.margin) for turn in (kind.order, -kind.order)]
        scores = np.where(calls[0] == calls[1], (calls[0] + 1) / 2, 0.5)
        both = np.flatnonzero(there[:, one] & there[:, other] & (rng.random(questions) >= kind.missing))
        yield one, other, both, scores[both]


def endless(theta: np.ndarray, kind: Kind) -> np.ndarray:
    """Return the strengths that the same judge would find over endless questions."""
    wins = np.zeros((len(theta), len(theta)))
    for one, other, _, scores in compared(np.random.default_rng(5), theta, 200_000, kind):
        wins[one, other], wins[other, one] = scores.sum(), (1 - scores).sum()
    return np.asarray(np.exp(fitted(wins[None])[0]))


def coverage(field: Field, questions: int, kind: Kind, sets: int, seed: int) -> np.ndarray:
    """Return for each player how often its interval held its strength."""
    theta = np.asarray(field.theta)
    true = endless(theta, kind)
    rng = np.random.default_rng(seed)
    held, met = np.zeros(len(theta)), 0
    for _ in range(sets):
        drawn = list(compared(rng, theta, questions, kind))
        duels = [
            Duel(int(q), one, other, float(s))
            for one, other, asked, scores in drawn
            for q, s in zip(asked, scores, strict=True)
        ]
        if len({player for duel in duels for player in (duel.one, duel.other)}) < len(theta):
            continue
        found = strengths(duels, len(theta))
        inside = [number for number, one in enumerate(found) if not one.boundless] or range(len(theta))
        scaled = true / np.exp(np.log(true[inside]).mean())  # strengths are told relative to these
        ends = [one.interval for one in found]
        held += [end is not None and end.low <= value <= end.high for end, value in zip(ends, scaled, strict=True)]
        met += 1
    return held / met


def rows(args: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """Yield the table, row by row: share of intervals that hold, and that of the player whose intervals hold least."""
    tuned = [(field, kind) for field in FIELDS for kind in KINDS] + list(EDGES)
    cells = [(field, kind) for field, kinds in FRESH for kind in kinds] if args.fresh else tuned
    for field, kind in tqdm(cells, leave=False):
        sets = max(_FEWEST, args.intervals // len(field.theta))
        held = [coverage(field, questions, kind, sets, args.seed) for questions in QUESTIONS]
        yield field.name, kind.name, *(f"{one.mean():.3f} ({one.min():.3f})" for one in held)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table as a page shows it."""
    lines = [HEADS, ["---"] * len(HEADS), *table]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(page: Path, fresh: bool, table: Sequence[Sequence[str]]) -> None:
    """Put the table between its marks."""
    begin = f"<!-- {'fresh table' if fresh else 'table'}: made by tests/benchmarks/bench_strengths.py -->"
    before, mark, rest = page.read_text(encoding="utf-8").partition(begin)
    if not mark:
        raise SystemExit(f"{page} has no line {begin}")
    after = rest.partition(_END)[2]
    page.write_text(f"{before}{begin}\n\n{markdown(table)}\n\n{_END}{after}", encoding="utf-8")


def main() -> None:
    """Print the table, and put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--intervals", type=int, default=1000, help="simulated intervals a cell (default: 1000)")
    parser.add_argument("--fresh", action="store_true", help="the cases that nothing was tuned on")
    parser.add_argument("--seed", type=int, default=11, help="of the verdicts (default: 11)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page")
    args = parser.parse_args()
    table = []
    for row in rows(args):
        print(" | ".join(row), flush=True)
        table.append(row)
    if args.write:
        write(args.write, args.fresh, table)


if __name__ == "__main__":
    main()
