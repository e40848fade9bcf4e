"""Differences of means over the same clusters: positions, lengths, models.

Samples that share their hay tend to be right or wrong together. A difference
between means over the same hays is therefore surer than each of the means, and
its spread is taken from how the hays differ in it (linearised cluster
variance and Student's t). It is drawn towards the spread of independent
samples, the more so the fewer hays differ at all: eight right answers on either
side are not a sure difference of 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.intervals import LEVEL, Interval, Totals, numbered, shrunk

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lm_eval_longctx.stats.intervals import Array, Indices

POWER = 0.8
PRIOR_CLUSTERS = 2.0
"""How many clusters the assumption of independent samples counts for (found by simulation)."""


@dataclass(frozen=True)
class Contrast:
    """A difference of means with its interval; ``interval`` is ``None`` where it cannot be told."""

    estimate: float
    interval: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"estimate": self.estimate, "interval": self.interval.to_dict() if self.interval else None}


def contrast(
    values: Sequence[float] | Array,
    groups: Sequence[int] | Indices,
    clusters: Sequence[Hashable],
    coefficients: Sequence[float],
    *,
    level: float = LEVEL,
) -> Contrast | None:
    """Return a sum of means, each times its coefficient.

    Args:
        values: One score a sample.
        groups: Which mean each belongs to, 0 and up; others than those with a coefficient are left out.
        clusters: The hay of each.
        coefficients: One for each mean; 0 leaves it out.
        level: Confidence level.

    Returns:
        The estimate and its interval (``None`` for fewer than two clusters, or
        where values outside [0, 1] do not vary); ``None`` where a mean that is needed has no values.
    """
    needed = [i for i, c in enumerate(coefficients) if c]
    given = np.asarray(groups)
    rows = np.flatnonzero(np.isin(given, needed))
    chosen = np.searchsorted(needed, given[rows])
    if len(np.unique(chosen)) < len(needed):
        return None
    order = numbered([clusters[row] for row in rows.tolist()])
    factors = np.asarray([coefficients[i] for i in needed], dtype=float)
    return _contrast(np.asarray(values, dtype=float)[rows], chosen, order, factors, level)


def _contrast(values: Array, groups: Indices, clusters: Indices, coefficients: Array, level: float) -> Contrast:
    """Return the contrast of groups that all have values."""
    estimate, reach = contrast_reach(_totals(values, groups, clusters), coefficients, level)
    if not 0 < reach < math.inf:
        return Contrast(float(estimate), None)
    ends = _within(float(estimate), float(reach), coefficients, values)
    return Contrast(float(estimate), Interval(*ends, level, "cluster_t"))


def contrast_reach(totals: Totals, coefficients: Array, level: float = LEVEL) -> tuple[Array, Array]:
    """Return estimates and half-widths of many contrasts at once; infinite for a single cluster.

    Args:
        totals: With the means on the last axis but one, the clusters on the last.
        coefficients: One for each mean.
        level: Confidence level.
    """
    from scipy.special import stdtrit  # heavy

    means, variance = _variance(totals, coefficients)
    bounded = np.all((means >= 0) & (means <= 1))
    freedom = totals.weights.shape[-1] - 1 + (PRIOR_CLUSTERS if bounded else 0)
    return np.asarray(means @ coefficients), np.asarray(stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance))


def paired_difference(
    first: Sequence[float] | Array,
    second: Sequence[float] | Array,
    clusters: Sequence[Hashable],
    *,
    level: float = LEVEL,
) -> Contrast | None:
    """Return how much better the first of two models is on the same samples.

    Args:
        first: One score a sample.
        second: The other model's, of the same samples in the same order.
        clusters: The hay of each.
        level: Confidence level.
    """
    both = _side_by_side(first, second, clusters)
    return _contrast(*both, np.asarray([1.0, -1.0]), level) if len(first) else None


def samples_needed(
    difference: float,
    first: Sequence[float] | Array,
    second: Sequence[float] | Array,
    clusters: Sequence[Hashable],
    *,
    level: float = LEVEL,
    power: float = POWER,
) -> int | None:
    """Return how many samples would show a difference between two models, from how they differed so far.

    Args:
        difference: The true difference to be shown, not 0.
        first: One score a sample.
        second: The other model's, of the same samples.
        clusters: The hay of each; as many samples a hay are taken to follow.
        level: Confidence level of the test.
        power: How surely it is to be shown.

    Returns:
        The number of samples that each model has to answer; ``None`` for fewer than two clusters.
    """
    if len(set(clusters)) <= 1 or len(first) != len(second):
        return None
    _, variance = _variance(_totals(*_side_by_side(first, second, clusters)), np.asarray([1.0, -1.0]))
    normal = NormalDist()
    reach = normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)
    return max(2, math.ceil(float(variance) * len(first) * (reach / difference) ** 2))


def _side_by_side(
    first: Sequence[float] | Array, second: Sequence[float] | Array, clusters: Sequence[Hashable]
) -> tuple[Array, Indices, Indices]:
    """Return the values of two models, whose each is, and the number of its cluster."""
    if not len(first) == len(second) == len(clusters):
        raise ValueError("paired scores need the same samples in the same order")
    values = np.concatenate([np.asarray(first, dtype=float), np.asarray(second, dtype=float)])
    return values, np.repeat([0, 1], len(first)), np.tile(numbered(clusters), 2)


def _totals(values: Array, groups: Indices, clusters: Indices) -> Totals:
    """Return sums and counts, shape (means, clusters)."""
    shape = int(groups.max()) + 1, int(clusters.max()) + 1
    places, size = groups * shape[1] + clusters, shape[0] * shape[1]
    sums, counts = (
        np.asarray(np.bincount(places, part, size), dtype=float).reshape(shape)
        for part in (values, np.ones_like(values))
    )
    return Totals(sums, counts, counts)


def _variance(totals: Totals, coefficients: Array) -> tuple[Array, Array]:
    """Return the means and the variance of their contrast."""
    sums, weights, squares = totals
    total = weights.sum(axis=-1)
    means = sums.sum(axis=-1) / total
    moves = np.einsum("...kc,k->...c", (sums - means[..., None] * weights) / total[..., None], coefficients)
    count = moves.shape[-1]
    if count == 1:
        return means, np.full(means.shape[:-1], np.inf)
    if np.any(means < 0) or np.any(means > 1):
        return means, np.asarray(count / (count - 1) * (moves**2).sum(axis=-1))
    # Half a wrong answer more than there was: a rate of 1 out of few has a variance, too
    joined = total**2 / (weights**2).sum(axis=-1)
    rates = (means * joined + 0.5) / (joined + 1)
    assumed = (coefficients**2 * rates * (1 - rates) * squares.sum(axis=-1) / total**2).sum(axis=-1)
    return means, shrunk(moves, np.ones_like(assumed), assumed, PRIOR_CLUSTERS)


def _within(estimate: float, reach: float, coefficients: Array, values: Array) -> tuple[float, float]:
    """Return the ends, cut at what scores in [0, 1] can differ by."""
    low, high = estimate - reach, estimate + reach
    if np.any(values < 0) or np.any(values > 1):
        return low, high
    least, most = float(np.minimum(coefficients, 0).sum()), float(np.maximum(coefficients, 0).sum())
    return max(low, least), min(high, most)
