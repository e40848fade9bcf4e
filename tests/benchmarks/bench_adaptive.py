"""The adaptive sweep on simulated models: does its interval hold the truth, and for what share of a grid?

::

    python tests/benchmarks/bench_adaptive.py [--models 300] [--seed 0] [--fresh | --unseen]

The grid has 10 lengths (1k to 512k), 11 depths and 5 samples a cell. Models
are of six kinds: a slope, a cliff, lost in the middle, flat, noisy (each cell
has a score of its own), and not monotone (one length is worse than longer
ones). The last two are outside of what the sweep believes in. ``--fresh``
takes kinds that nothing was tuned on: a step (a fall to a second plateau),
two cliffs, a deep dip at one length, a middle that suffers more the longer
the context, and hay that makes all samples of a length easier or harder.
``--unseen`` takes kinds that were written down before the sweep was mended for
such hay, and never tuned on: bursts (a tenth of the cells fail), a model that
drops the middle beyond its window, a score periodic over depth, flicker (the
samples of a cell go wrong together), one that abstains more the longer the
context, hay whose difficulty drifts from length to length, and samples each
with a difficulty of its own at all lengths and depths.
"""

from __future__ import annotations

import argparse
import copy
from functools import cache
from typing import NamedTuple

import numpy as np

from lm_eval_longctx.harness.adaptive import AROUND, AT_ONCE, FIRST
from lm_eval_longctx.stats.adaptive import Posterior
from lm_eval_longctx.stats.effective_length import NOLIMA_SHARE, steps_reached

LENGTHS = 1024 * 2.0 ** np.arange(10)
DEPTHS = np.linspace(0, 1, 11)
SAMPLES = 5
GRID = len(LENGTHS) * len(DEPTHS) * SAMPLES
KINDS = ("slope", "cliff", "middle", "flat", "noisy", "not monotone")
UNSEEN = ("bursts", "no middle", "periodic", "flicker", "abstains", "drifting hay", "uneven samples")
FRESH = ("step", "two cliffs", "deep dip", "growing", "uneven hay")


class Found(NamedTuple):
    """What one sweep found."""

    kind: str
    truth: int
    low: int
    high: int
    best: int
    calls: int
    cost: float


def falling(plateau: float, middle: np.ndarray | float, octaves: float) -> np.ndarray:
    """Return scores that fall around a length (in octaves) within so many octaves."""
    slope = np.clip((np.log2(LENGTHS)[:, None] - middle) / (octaves / 4), -30, 30)
    return plateau / (1 + np.exp(slope)) * np.ones((1, len(DEPTHS)))


def model(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return a model's chance of a right answer by length and depth."""
    plateau = rng.uniform(0.7, 1.0) if rng.random() < 0.5 else 1.0
    middle, octaves = rng.uniform(9.5, 20.5), rng.uniform(0.3, 2.0)
    if kind == "cliff":
        return falling(plateau, middle, 0.02)
    if kind == "flat":
        return np.full((len(LENGTHS), len(DEPTHS)), plateau)
    if kind == "middle":
        return falling(plateau, middle - rng.uniform(1, 6) * (1 - np.abs(2 * DEPTHS - 1))[None, :], octaves)
    plain = falling(plateau, middle, octaves)
    if kind == "noisy":
        return shaken(plain, rng.normal(0, 1, plain.shape))
    if kind == "not monotone":
        plain[rng.integers(1, len(LENGTHS))] *= rng.uniform(0.5, 0.95)
    return plain


def shaken(plain: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return scores whose odds are moved by so much."""
    kept = np.clip(plain, 0.01, 0.99)
    return kept / (kept + (1 - kept) * np.exp(-by))


def fresh_model(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return a model of a kind that nothing was tuned on."""
    plateau, middle, octaves = rng.uniform(0.8, 1.0), rng.uniform(9.5, 20.5), rng.uniform(0.3, 2.0)
    second = middle + rng.uniform(1, 5)
    plain = falling(plateau, middle, octaves)
    if kind in {"step", "two cliffs"}:
        width = 0.02 if kind == "two cliffs" else octaves
        kept = rng.uniform(0.4, 0.95)
        return kept * falling(plateau, second, width) + (1 - kept) * falling(plateau, middle, width)
    if kind == "deep dip":
        plain[rng.integers(1, len(LENGTHS))] *= rng.uniform(0.1, 0.5)
    if kind == "growing":
        octave = np.linspace(0, 1, len(LENGTHS))[:, None]
        return plain * (1 - rng.uniform(0.2, 0.9) * octave * (1 - np.abs(2 * DEPTHS - 1))[None, :])
    if kind == "uneven hay":
        return shaken(plain, rng.normal(0, 0.5, (len(LENGTHS), 1)))
    return plain


def unseen_model(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return a model of a kind written down before it was looked at; by sample too where those differ."""
    plateau, middle, octaves = rng.uniform(0.7, 1.0), rng.uniform(9.5, 20.5), rng.uniform(0.3, 2.0)
    plain = falling(plateau, middle, octaves)
    octave = np.log2(LENGTHS)[:, None]
    if kind == "bursts":
        return np.where(rng.random(plain.shape) < 0.1, 0.2, 1.0) * plain
    if kind == "no middle":
        kept = np.minimum(1.0, 2.0**middle / LENGTHS)[:, None] / 2
        return np.where((kept <= DEPTHS) & (1 - kept >= DEPTHS), 0.05, plateau) * np.ones_like(plain)
    if kind == "periodic":
        wave = (1 + np.sin(2 * np.pi * rng.uniform(1, 4) * DEPTHS + rng.uniform(0, 2 * np.pi))) / 2
        return falling(plateau, middle - rng.uniform(0.5, 4) * wave[None, :], octaves)
    if kind == "abstains":
        return plateau * (1 - rng.uniform(0.2, 1.0) * np.clip((octave - middle) / 3, 0, 1)) * np.ones_like(plain)
    if kind == "uneven samples":
        return shaken(plain[:, :, None], rng.normal(0, 1, SAMPLES))
    drift = np.cumsum(rng.normal(0, rng.uniform(0.1, 0.5), octave.shape), axis=0)
    return shaken(plain, drift) if kind == "drifting hay" else plain


def answers(kind: str, chances: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Return the scores of a cell's samples; where it flickers they follow one another half of the time."""
    luck = rng.random(SAMPLES)
    if kind == "flicker":
        luck = np.where(rng.random(SAMPLES) < 0.5, luck[0], luck)
    return list((luck < chances).astype(float))


@cache
def begun() -> Posterior:
    """Return what is believed before the first answer."""
    return Posterior(list(LENGTHS), list(DEPTHS))


def sweep(kind: str, seed: int, within: int = 1) -> Found:
    """Run the adaptive sweep on one simulated model, as the harness does."""
    rng = np.random.default_rng(seed)
    make = unseen_model if kind in UNSEEN else fresh_model if kind in FRESH else model
    chances = make(kind, rng)
    scores = chances.reshape(len(LENGTHS), -1).mean(axis=1)
    truth, _ = steps_reached(list(scores), [1.0] * len(LENGTHS), share=NOLIMA_SHARE, threshold=None)
    posterior = copy.deepcopy(begun())
    prices = np.tile((LENGTHS + AROUND)[:, None], (1, len(DEPTHS)))
    calls, cost, budget = 0, 0.0, GRID // 5
    while calls + SAMPLES <= budget:
        known = posterior.estimate()
        if calls >= FIRST and known.high - known.low <= within:
            break
        for length, depth in posterior.next_cells(prices, min(AT_ONCE, (budget - calls) // SAMPLES)):
            posterior.observe(length, depth, answers(kind, chances[length, depth], rng))
            calls, cost = calls + SAMPLES, cost + SAMPLES * prices[length, depth]
    known = posterior.estimate()
    return Found(kind, truth, known.low, known.high, known.steps, calls, cost / (SAMPLES * prices.sum()))


def show(name: str, found: list[Found]) -> None:
    """Print one line."""
    held = np.mean([f.low <= f.truth <= f.high for f in found])
    best = np.mean([f.best == f.truth for f in found])
    width = np.mean([f.high - f.low for f in found])
    calls, cost = np.mean([f.calls for f in found]) / GRID, np.mean([f.cost for f in found])
    most = max(f.calls for f in found) / GRID, max(f.cost for f in found)
    print(
        f"{name:14} {len(found):6} {held:9.3f} {best:7.2f} {width:7.2f} {calls:10.3f} {cost:8.3f} "
        f"{most[0]:12.3f} {most[1]:8.3f}"
    )


def main() -> None:
    """Print how often the interval holds the truth, and what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="of the first model (default: 0)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fresh", action="store_true", help="kinds that were thought of later")
    which.add_argument("--unseen", action="store_true", help="kinds written down before the mend, and never tuned on")
    args = parser.parse_args()
    kinds = FRESH if args.fresh else UNSEEN if args.unseen else KINDS
    found = [sweep(kinds[number % len(kinds)], args.seed + number) for number in range(args.models)]
    print(
        f"{'kind':14} {'models':>6} {'coverage':>9} {'exact':>7} {'width':>7} {'calls':>10} {'cost':>8} "
        f"{'most calls':>12} {'cost':>8}   (shares of the grid)"
    )
    for kind in kinds:
        show(kind, [f for f in found if f.kind == kind])
    show("all", found)


if __name__ == "__main__":
    main()
