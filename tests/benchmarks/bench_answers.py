"""How long it takes to read an answer of ten million characters of one thing over and over, in every scorer.

``python tests/benchmarks/bench_answers.py`` prints the slowest shapes of each
scorer in seconds; none takes more than about two.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "answers"))

from test_reading import LOOPS, SCORERS

LENGTH = 10_000_000
SHOWN = 3


def main() -> None:
    """Time each scorer on each loop, score and details together, as a run asks for them."""
    for scorer, sample, *_ in SCORERS:
        found = []
        for unit in LOOPS:
            answer = (unit * (LENGTH // len(unit) + 1))[:LENGTH]
            begun = time.process_time()
            scorer.score(sample, answer)
            scorer.details(sample, answer)
            found.append((time.process_time() - begun, unit))
        slowest = ", ".join(f"{seconds:.2f} s of {unit!r}" for seconds, unit in sorted(found, reverse=True)[:SHOWN])
        print(f"{type(scorer).__name__:20} mean {sum(s for s, _ in found) / len(found):.2f} s; slowest {slowest}")


if __name__ == "__main__":
    main()
