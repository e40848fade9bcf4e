"""One command, one table: how fast and how large everything is, beside the best peer and beside what limits both.

::

    python -m tests.benchmarks [--only small start] [--quick] [--list] [--rounds 3] [--write]

Each round measures us, the peer and the limit one after the other, each in a
process of its own; the table holds medians over the rounds, and the ratio is
the median of the rounds' ratios, so that a neighbour who comes and goes changes
both sides alike. ``--write`` puts what was measured into the table of
docs/speed.md, where rows of other workloads stay as they are.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "benchmarks")]

from workloads import WORKLOADS, Figure, Workload, chosen, once  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- table: made by python -m tests.benchmarks --write -->", "<!-- end of table -->"
HEAD = ("workload", "figure", "ours", "peer's", "ours / peer's", "limit", "asked for", "met", "rounds")


def middle(rounds: Sequence[Sequence[Figure]]) -> list[tuple[Figure, float | None]]:
    """Return the medians of each figure, and of the ratio to the peer's."""
    found = []
    for same in zip(*rounds, strict=True):
        first = same[0]
        ratios = [one.ours / one.peer for one in same if one.peer]
        values = {
            name: median(given)
            if (given := [getattr(one, name) for one in same if getattr(one, name) is not None])
            else None
            for name in ("ours", "peer", "limit")
        }
        whole = Figure(
            first.name, values["ours"] or 0.0, values["peer"], values["limit"], first.most, first.ratio, first.more
        )
        found.append((whole, median(ratios) if ratios else None))
    return found


def met(one: Figure, ratio: float | None) -> str:
    """Say whether a figure is what was asked for; empty where nothing was."""
    if one.most is not None:
        return "yes" if one.ours <= one.most else "no"
    if one.ratio is None or ratio is None:
        return ""
    return "yes" if (ratio >= one.ratio if one.more else ratio <= one.ratio) else "no"


def row(workload: Workload, rounds: int, one: Figure, ratio: float | None) -> list[str]:
    """Return a row of the table."""
    asked = f"{number(one.most)} at most" if one.most is not None else ""
    if one.ratio is not None:
        asked = f"a ratio of {number(one.ratio)} at {'least' if one.more else 'most'}"
    return [
        workload.what,
        one.name,
        number(one.ours),
        f"{number(one.peer)} ({workload.peer})" if one.peer is not None else "",
        number(ratio),
        f"{number(one.limit)} ({workload.limit})" if one.limit is not None else "",
        asked,
        met(one, ratio),
        str(rounds),
    ]


def number(value: float | None) -> str:
    """Return three digits that count; nothing for nothing."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table in Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(rows: Sequence[Sequence[str]]) -> None:
    """Put rows into the page's table, in place of those of the same workloads; others stay."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    measured = {one[0] for one in rows}
    kept = [one for one in cells[2:] if len(one) == len(HEAD) and one[0] not in measured]
    order = [workload.what for workload in WORKLOADS]
    whole = sorted((one for one in [*kept, *rows] if one[0] in order), key=lambda one: order.index(one[0]))
    machine = f"Medians; Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}."
    PAGE.write_text(f"{before}{BEGIN}\n{as_table(whole)}\n\n{machine}\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Measure what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="workloads by name; see --list")
    parser.add_argument("--quick", action="store_true", help="one round, smaller, without what takes minutes")
    parser.add_argument("--rounds", type=int, default=0, help="instead of each one's own number; 1 with --quick")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--write", action="store_true", help="put what was measured into docs/speed.md")
    args = parser.parse_args()
    if args.list:
        print(
            "\n".join(f"{one.name:10} {one.what}" + (f", beside {one.peer}" if one.peer else "") for one in WORKLOADS)
        )
        return 0
    for workload in chosen(args.only, quick=args.quick):
        rounds = args.rounds or (1 if args.quick else workload.rounds)
        docs = PAGE.parent if args.write else None
        measured = [once(workload, quick=args.quick, docs=docs) for _ in range(rounds)]
        rows = [row(workload, rounds, *found) for found in middle(measured)]
        print(as_table(rows), flush=True)
        if args.write:
            write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
