"""Intervals: how often they hold the truth, and how wide they are, over a grid of simulated runs.

::

    python tests/benchmarks/bench_intervals.py [replicates]

Three tables: means of scores, contrasts where there is no difference, and
effective lengths. The promise is a coverage of at least 0.93 at a level of 0.95
wherever there are five clusters. docs/explanation/intervals.md shows the output.
"""

from __future__ import annotations

import argparse
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lm_eval_longctx.stats.contrasts import contrast_reach
from lm_eval_longctx.stats.effective_length import Observations, effective_length, steps_reached
from lm_eval_longctx.stats.intervals import Totals, mean_ends

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Array = np.ndarray[Any, np.dtype[np.float64]]

CLUSTERS = (3, 5, 8, 12, 20, 50)
SAMPLES = (1, 4, 15)
CORRELATIONS = (0.0, 0.1, 0.3, 0.5)
MEANS = (0.02, 0.1, 0.3, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998)
KINDS = ("0/1", "quarters", "skewed")
CURVES = {
    "sigmoid": (0.98, 0.97, 0.93, 0.8, 0.55, 0.3),
    "late sigmoid": (0.99, 0.99, 0.98, 0.96, 0.9, 0.7),
    "flat, high": (0.95,) * 6,
    "flat, middle": (0.6,) * 6,
    "perfect": (1.0,) * 6,
    "step": (0.95, 0.95, 0.95, 0.4, 0.4, 0.4),
    "steep step": (1.0, 1.0, 0.0, 0.0, 0.0, 0.0),
    "dip": (0.95, 0.95, 0.6, 0.95, 0.9, 0.5),
    "bump": (0.8, 0.95, 0.9, 0.7, 0.5, 0.3),
    "bad start": (0.3, 0.9, 0.9, 0.8, 0.6, 0.5),
}
LENGTHS = tuple(1024 * 4**i for i in range(6))


class Held(NamedTuple):
    """One point of a grid: how often the interval held the truth, and its mean width."""

    point: tuple[Any, ...]
    coverage: float
    width: float


def rates(rng: np.random.Generator, shape: tuple[int, ...], mean: float, correlation: float) -> Array:
    """Draw the rate of each cluster, so that samples of one cluster have the correlation."""
    if correlation == 0 or mean in (0, 1):
        return np.full(shape, mean)
    size = 1 / correlation - 1
    return rng.beta(mean * size, (1 - mean) * size, size=shape)


def sums(rng: np.random.Generator, kind: str, rate: Array, samples: int) -> Array:
    """Draw the sum of the scores of each cluster: right or wrong, recall of four, or a skewed density."""
    if kind == "0/1":
        return rng.binomial(samples, rate).astype(float)
    if kind == "quarters":
        return rng.binomial(4 * samples, rate) / 4
    inside = np.clip(rate, 1e-6, 1 - 1e-6)[..., None]
    return rng.beta(4 * inside, 4 * (1 - inside), size=(*rate.shape, samples)).sum(axis=-1)


def mean_grid(
    kind: str, clusters: Sequence[int], means: Sequence[float] = MEANS, *, replicates: int = 2000
) -> Iterator[Held]:
    """Yield the coverage of the interval of a mean at each point of the grid."""
    for point in itertools.product(clusters, SAMPLES, CORRELATIONS, means):
        count, samples, correlation, mean = point
        rng = np.random.default_rng([KINDS.index(kind), *(round(1000 * x) for x in point)])
        drawn = sums(rng, kind, rates(rng, (replicates, count), mean, correlation), samples)
        sizes = np.full_like(drawn, samples)
        low, high = mean_ends(Totals(drawn, sizes, sizes))
        held = (low <= mean + 1e-12) & (mean - 1e-12 <= high)
        yield Held(point, float(held.mean()), float((high - low).mean()))


def contrast_grid(clusters: Sequence[int], *, replicates: int = 2000) -> Iterator[Held]:
    """Yield how often the interval of beginning minus middle holds 0 where position does nothing."""
    for point in itertools.product(clusters, SAMPLES, CORRELATIONS, (0.1, 0.5, 0.8, 0.95, 0.99)):
        count, samples, correlation, mean = point
        rng = np.random.default_rng([7, *(round(1000 * x) for x in point)])
        rate = np.broadcast_to(rates(rng, (replicates, 1, count), mean, correlation), (replicates, 2, count))
        drawn = rng.binomial(samples, rate).astype(float)
        sizes = np.full_like(drawn, samples)
        estimate, reach = contrast_reach(Totals(drawn, sizes, sizes), np.asarray([1.0, -1.0]))
        yield Held(point, float((np.abs(estimate) <= reach + 1e-12).mean()), float(2 * reach.mean()))


def length_grid(
    clusters: Sequence[int] = (5, 8, 20, 50), samples: Sequence[int] = (1, 5), *, replicates: int = 300
) -> Iterator[Held]:
    """Yield how often the interval of an effective length holds the true one; hays are shared by all lengths."""
    rules = (None, 0.856)
    for point in itertools.product(CURVES, rules, clusters, samples, (0.0, 0.3)):
        name, threshold, count, each, correlation = point
        curve = CURVES[name]
        truth, _ = steps_reached(curve, [1.0] * len(curve), share=0.85, threshold=threshold)
        rng = np.random.default_rng([list(CURVES).index(name), threshold is None, count, each, correlation > 0])
        names = [i for i in range(count) for _ in range(each)]
        held, span = 0, 0
        for _ in range(replicates):
            low, high = _span(rng, curve, names, correlation, threshold)
            held, span = held + (low <= truth <= high), span + high - low
        yield Held(point, held / replicates, span / replicates)


def _span(
    rng: np.random.Generator, curve: Sequence[float], names: Sequence[int], correlation: float, threshold: float | None
) -> tuple[int, int]:
    """Draw one sweep and return the ends of its effective length, as numbers of lengths."""
    luck = rng.random(max(names) + 1)
    rows = []
    for length, mean in zip(LENGTHS, curve, strict=True):
        rate = np.full(len(luck), mean)
        if correlation and 0 < mean < 1:
            from scipy.stats import beta

            size = 1 / correlation - 1
            # One luck a hay, over all lengths: a hay that is hard once is hard throughout
            rate = beta.ppf(luck, mean * size, (1 - mean) * size)
        rows.append(Observations(length, (rng.random(len(names)) < rate[names]).astype(float).tolist(), names))
    found = effective_length(rows, threshold=threshold)
    assert found is not None
    numbers = {None: 0, **{length: i + 1 for i, length in enumerate(LENGTHS)}}
    return numbers[found.low], numbers[found.high]


def line(name: str, found: Sequence[Held]) -> str:
    """Return a row of the printed table."""
    coverage = np.asarray([held.coverage for held in found])
    shares = [np.mean(coverage < 0.93), np.mean((coverage >= 0.93) & (coverage <= 0.98)), np.mean(coverage > 0.98)]
    spread = f"{coverage.min():.3f} | {np.median(coverage):.3f}"
    return f"| {name} | {spread} | {' | '.join(f'{s:.0%}' for s in shares)} | {np.mean([h.width for h in found]):.3f} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("replicates", nargs="?", type=int, default=2000)
    replicates = parser.parse_args().replicates
    head = "| lowest | median | below .93 | .93 to .98 | above .98 | mean width |\n" + "| --- " * 7 + "|"
    print("| scores, clusters", head)
    for kind, count in itertools.product(KINDS, CLUSTERS):
        print(line(f"{kind}, {count}", list(mean_grid(kind, [count], replicates=replicates))))
    print("\n| no difference, clusters", head)
    for count in CLUSTERS:
        print(line(str(count), list(contrast_grid([count], replicates=replicates))))
    print("\n| curve", head)
    found = list(length_grid(replicates=max(50, replicates // 10)))
    for name in CURVES:
        print(line(name, [held for held in found if held.point[0] == name]))


if __name__ == "__main__":
    main()
