"""How often the intervals of Bradley-Terry strengths hold the truth, by simulation.

    python tests/benchmarks/bench_strengths.py [--sets 500]

Players of known strength answer questions; verdicts are drawn, with ties, and with questions that suit some players
better than others. Printed: the share of intervals that hold the truth, over all players and for the worst one.
"""

from __future__ import annotations

import argparse
import math
import time
from itertools import combinations

import numpy as np

from lm_eval_longctx.stats.strengths import Duel, strengths

FIELDS = {
    "the report's seven": (6.24, 1.77, 1.30, 0.30, 1.37, 1.64, 0.10),
    "two alike": (1.0, 1.0),
    "two, 9 to 1": (3.0, 1 / 3),
    "three": (2.0, 1.0, 0.5),
    "three, far apart": (9.0, 1.0, 1 / 9),
}
QUESTIONS = (25, 40, 87, 200)
KINDS = {"no ties": (0.0, 0.0), "ties": (0.5, 0.0), "ties, uneven questions": (0.5, 0.4)}


def drawn(rng: np.random.Generator, true: np.ndarray, questions: int, ties: float, uneven: float) -> list[Duel]:
    """Draw every two players' comparison for each question; what is uneven is so around the true chance."""
    found = []
    for question in range(questions):
        suits = rng.normal(0, uneven, len(true))
        for one, other in combinations(range(len(true)), 2):
            chance = true[one] / (true[one] + true[other])
            chance = min(1.0, max(0.0, chance + (suits[one] - suits[other]) * min(chance, 1 - chance)))
            tie = 2 * ties * min(chance, 1 - chance)
            level = rng.random()
            score = 1.0 if level < chance - tie / 2 else 0.5 if level < chance + tie / 2 else 0.0
            found.append(Duel(question, one, other, score))
    return found


def coverage(true: np.ndarray, questions: int, ties: float, uneven: float, sets: int) -> np.ndarray:
    """Return for each player how often its interval held its strength."""
    rng = np.random.default_rng(11)
    held = np.zeros(len(true))
    for number in range(sets):
        found = strengths(drawn(rng, true, questions, ties, uneven), len(true), draws=300, seed=str(number))
        ends = [one.interval for one in found]
        held += [end is not None and end.low <= value <= end.high for end, value in zip(ends, true, strict=True)]
    return held / sets


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sets", type=int, default=500, help="simulated judgements a row (default: 500)")
    sets = parser.parse_args().sets
    print(f"{'players':20} {'questions':>9}  {'verdicts':24} {'held':>5} {'worst':>6} {'ms a fit':>9}")
    for name, strength in FIELDS.items():
        true = np.asarray(strength) / math.exp(np.log(strength).mean())
        for questions in QUESTIONS:
            for kind, (ties, uneven) in KINDS.items():
                began = time.process_time()
                held = coverage(true, questions, ties, uneven, sets)
                spent = (time.process_time() - began) / sets * 1000
                told = f"{held.mean():5.3f} {held.min():6.3f} {spent:9.1f}"
                print(f"{name:20} {questions:9}  {kind:24} {told}", flush=True)


if __name__ == "__main__":
    main()
