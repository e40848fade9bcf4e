"""Intervals for rates and means of samples that come in clusters.

Conventions: ``level`` is the confidence level in (0, 1), 0.95 unless said
otherwise. ``clusters`` names, for each value, the group within which values are
not independent (samples that share their hay). Nothing here is random: equal
values give equal intervals. Why these methods, and how often they hold:
docs/explanation/intervals.md.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    Array = np.ndarray[Any, np.dtype[np.float64]]
    Indices = np.ndarray[Any, np.dtype[np.int64]]

LEVEL = 0.95
JACKKNIFE_GROUPS = 20

ASSUMED_CORRELATION = 0.5
"""How alike samples of one cluster are taken to be while the data cannot say."""

PRIOR_CLUSTERS = 8.0
"""How many clusters' evidence it takes to outweigh that assumption (found by simulation)."""

_INWARDS = 0.15
"""0 gives Clopper and Pearson's quantiles, 1/2 those of Jeffreys; with more, some rates are held too seldom."""

_SAME = 1e-12
"""Squared differences below this are rounding."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower end.
        high: Upper end.
        level: Confidence level in (0, 1).
        method: How it was made: ``cluster_beta``, ``cluster_t``, ``jackknife`` or ``t``.
    """

    low: float
    high: float
    level: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"low": self.low, "high": self.high, "level": self.level, "method": self.method}


class Totals(NamedTuple):
    """What is kept of each cluster; each array has the clusters on its last axis.

    Attributes:
        sums: Sum of weight times value.
        weights: Sum of the weights; with weights of 1 the number of samples.
        squares: Sum of the squared weights.
    """

    sums: Array
    weights: Array
    squares: Array


def generator(seed: str) -> np.random.Generator:
    """Return a numpy generator that is named by a text (sha256 into PCG64)."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")))


def bounded_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    weights: Sequence[float] | None = None,
    level: float = LEVEL,
) -> Interval | None:
    """Return the interval of a mean of values in [0, 1].

    Args:
        values: In [0, 1], such as right or wrong, recall, or errors by word.
        clusters: The group of each value.
        weights: Above 0, such as the number of words; 1 each if not given.
        level: Confidence level.

    Returns:
        The interval, which is never of width 0; ``None`` without values.
    """
    if not len(values):
        return None
    y = np.asarray(values, dtype=float)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=float)
    groups = numbered(clusters)
    sums, totals, squares = (np.asarray(np.bincount(groups, weights=part), dtype=float) for part in (w * y, w, w * w))
    low, high = mean_ends(Totals(sums, totals, squares), level)
    return Interval(float(low), float(high), level, "cluster_beta")


def mean_ends(totals: Totals, level: float = LEVEL) -> tuple[Array, Array]:
    """Return the ends of the intervals of many means at once.

    The mean is treated as a rate out of as many independent samples as would
    have its variance (Korn and Graubard 1998), and the interval is read from
    beta distributions. The variance is that between clusters, drawn towards the
    one that a correlation of ``ASSUMED_CORRELATION`` would give, the more so
    the fewer clusters it rests on: near the edges most clusters are alike, and
    what they show says little about the one that is not.
    """
    from scipy.special import betaincinv  # heavy

    y, w, squares = totals
    total, tail = w.sum(axis=-1), (1 - level) / 2
    mean = np.clip(y.sum(axis=-1) / total, 0, 1)
    alone, joined = total**2 / squares.sum(axis=-1), total**2 / (w**2).sum(axis=-1)
    ratio = (1 - ASSUMED_CORRELATION) / alone + ASSUMED_CORRELATION / joined
    if w.shape[-1] > 1:
        moves = (y - mean[..., None] * w) / total[..., None]
        ratio = shrunk(moves, np.maximum(mean * (1 - mean), _SAME), ratio, PRIOR_CLUSTERS)
    # No mean of values in [0, 1] varies more than if all samples of a cluster were one
    size = np.maximum(1 / ratio, joined)
    right, wrong = mean * size, (1 - mean) * size
    low = np.where(mean < _SAME, 0.0, betaincinv(right + _INWARDS, wrong + 1 - _INWARDS, tail))
    high = np.where(1 - mean < _SAME, 1.0, betaincinv(right + 1 - _INWARDS, wrong + _INWARDS, 1 - tail))
    return np.minimum(low, mean), np.maximum(high, mean)


def shrunk(moves: Array, unit: Array, assumed: Array, prior: float) -> Array:
    """Return the variance of an estimate, in units of ``unit``, drawn towards an assumed one.

    Args:
        moves: By how much each cluster moves the estimate; clusters on the last axis.
        unit: The variance of a single sample.
        assumed: The variance, in those units, to draw towards.
        prior: How many clusters the assumption counts for.

    Returns:
        The weighted geometric mean of the variance between clusters and the
        assumed one. The first counts for as many clusters as it rests on: all
        if each moves the estimate alike, one if a single one differs from the
        rest, none if none does.
    """
    count, squared = moves.shape[-1], (moves**2).sum(axis=-1)
    seen = np.where(squared > _SAME**2, squared**2 / np.maximum((moves**4).sum(axis=-1), _SAME**4), 0.0)
    between = np.maximum(count / (count - 1) * squared / unit, _SAME)
    return np.asarray(np.exp((seen * np.log(between) + prior * np.log(assumed)) / (seen + prior)))


def jackknife(
    values: Sequence[Any],
    clusters: Sequence[Hashable],
    statistic: Callable[[Sequence[Any]], float],
    *,
    level: float = LEVEL,
    groups: int = JACKKNIFE_GROUPS,
) -> Interval | None:
    """Return the interval of any smooth statistic without bounds, such as a corpus chrF.

    Student's t times the jackknife's standard error. With one value a group,
    the interval of a mean is the classical one. ``None`` where there is no
    standard error.
    """
    from scipy.special import stdtrit  # heavy

    error = standard_error(values, clusters, statistic, groups=groups)
    if error is None:
        return None
    count = min(groups, len(set(clusters)))
    centre, reach = float(statistic(list(values))), float(stdtrit(count - 1, (1 + level) / 2)) * error
    return Interval(centre - reach, centre + reach, level, "jackknife")


def standard_error(
    values: Sequence[Any],
    clusters: Sequence[Hashable],
    statistic: Callable[[Sequence[Any]], float],
    *,
    groups: int = JACKKNIFE_GROUPS,
) -> float | None:
    """Return the standard error of any smooth statistic over values that come in clusters.

    Delete-a-group jackknife (Kott 2001): the clusters are dealt into at most
    ``groups`` groups and the statistic is worked out without each. ``None``
    for fewer than two clusters, and where leaving clusters out changes
    nothing: then nothing is known of the spread.
    """
    order = numbered(clusters)
    count = min(groups, len(set(clusters)))
    if count <= 1:
        return None
    dealt = order % count
    without = [[v for v, g in zip(values, dealt, strict=True) if g != left] for left in range(count)]
    estimates = np.asarray([float(statistic(kept)) for kept in without])
    error = math.sqrt((count - 1) / count * float(np.sum((estimates - estimates.mean()) ** 2)))
    return error if error**2 > _SAME**2 else None


def numbered(names: Sequence[Hashable]) -> Indices:
    """Number names in order of first appearance."""
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.asarray([order[name] for name in names], dtype=np.int64)
