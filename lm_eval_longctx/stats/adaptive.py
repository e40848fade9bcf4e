"""Where to look next: how far a model reads, and at which depth it fails, for a fraction of a grid's calls.

A grid asks everything everywhere. Here a few thousand hypotheses of the score
by length and depth are weighed by what was measured: a plateau, a fall that is
a cliff or a long slope, a floor, and depths that suffer earlier than others
(the middle, the beginning, the end). The next cell is the one whose answer
tells most about the effective length and the worst depth, for its price
(expected information gain; D. V. Lindley, On a Measure of the Information
Provided by an Experiment, 1956).

Two rules keep the numbers honest. A cell is asked whole or not at all, and once,
so that whether it was asked never depends on its own answers: its score is as
unbiased as in a grid. And the evidence is discounted (``TEMPER``), since no
family of curves holds the truth: with it the interval covers the truth in
simulation as often as it says, also for curves that the family does not hold
(tests/benchmarks/bench_adaptive.py).

Hay makes whole lengths easier or harder. So part of the hypotheses are uneven:
each length's odds are moved by a random effect, whose size differs between
hypotheses, and the answers weigh the sizes (a hierarchical model; A. Gelman and
J. Hill, Data Analysis Using Regression and Multilevel/Hierarchical Models, 2007).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.effective_length import NOLIMA_SHARE, steps_reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

TEMPER = 0.7
"""How much of the evidence counts: samples of one hay repeat one another, and no family of curves is true."""

LEVEL = 0.95

_PLATEAUS = (1.0, 0.97, 0.9, 0.75, 0.4)
_FLOORS = (0.0, 0.4)
"""Where the fall ends, as a share of the way from what blind answers score to the plateau."""

_SLOPES = (0.05, 0.7, 2.0)
"""Octaves of length over which a score falls, from a cliff to a long slope."""

_STEPS_AN_OCTAVE = 2
_BEYOND = 4.0
"""Octaves beyond the ends of the grid at which a fall may lie."""

_EARLIER = (1.0, 3.0, 6.0)
"""Octaves by which the depth that suffers most falls earlier."""

_DIPS = (0.3, 0.55, 0.8)
"""Shares of the score that one length alone may have, between lengths that do better."""

_DIPPED = 0.4
"""Prior probability of such a length."""

_UNEVEN = 0.3
"""Prior probability that each length has a difficulty of its own."""

_UNEVEN_BY = 0.5
"""How much, in log odds: the mean of the standard deviations, which are exponential."""

_UNEVEN_DRAWS = 8
"""Hypotheses of uneven lengths for each curve without them."""

_EDGE = 0.01
"""No hypothesis is surer than this of a single answer."""

_DIP, _OWN = -1, -2
"""Kinds of hypotheses: one length does worse than longer ones, or each is uneven; the others are numbered, from 0."""

_SAME = 1e-6

ABOVE = 0.1
"""What scores no more than this above what is scored without reading does not do the task: no length is effective."""

_DIFFERENT = 0.03
"""Mean scores of depths that differ by less are the same to us."""

_WEIGHT_OF_DEPTH = 0.25
"""How much a bit about the worst depth is worth, beside one about the effective length."""


@dataclass(frozen=True)
class Estimate:
    """What is believed so far.

    Attributes:
        steps: How many lengths, from the shortest on, reach the threshold: the most probable number.
        low: Fewest lengths that do, at the level.
        high: Most lengths that do.
        level: Of the interval.
        probabilities: Of 0, 1, 2 ... lengths.
        worst: For each depth the probability that it is the worst one; empty without depths.
        flat: Probability that no depth is worse than another.
        fitted: The expected score at each length, over all depths.
    """

    steps: int
    low: int
    high: int
    level: float
    probabilities: tuple[float, ...]
    worst: tuple[float, ...]
    flat: float
    fitted: tuple[float, ...]


class Posterior:
    """Weighs hypotheses of the score by length and depth.

    Attributes:
        shape: Lengths and depths.
        asked: Which cells were observed, as an array of that shape.
    """

    def __init__(
        self,
        lengths: Sequence[float],
        depths: Sequence[float] = (),
        *,
        floor: float = 0.0,
        share: float = NOLIMA_SHARE,
        threshold: float | None = None,
        level: float = LEVEL,
    ) -> None:
        """Begin with all hypotheses.

        Args:
            lengths: Ascending, above 0.
            depths: Fractions in [0, 1]; empty where the task has none.
            floor: What a solver scores that never reads the context.
            share: The threshold as a share of the score at the shortest length.
            threshold: The threshold as a score, if it is fixed.
            level: Of the interval.
        """
        self.level = level
        places = np.asarray(depths or (0.5,), dtype=np.float32)
        octaves = np.log2(np.asarray(lengths, dtype=np.float32))
        self.shape = (len(octaves), len(places))
        self.asked = np.zeros(self.shape, dtype=bool)
        curves, kinds = _curves(octaves, places, floor)
        means = curves.mean(axis=2)
        self._reached = np.where(means[:, 0] > floor + ABOVE, _steps(means, share, threshold), 0)
        by_depth = curves.mean(axis=1)
        differs = (kinds > 0) & (np.ptp(by_depth, axis=1) > _DIFFERENT)
        self._worst = np.where(differs, by_depth.argmin(axis=1), -1)
        self._curves = np.clip(curves, _EDGE, 1 - _EDGE).reshape(len(curves), -1)
        self._odds = np.log(self._curves / (1 - self._curves))
        self._misses = np.log1p(-self._curves)
        self._log = _prior(kinds)

    def observe(self, length: int, depth: int, scores: Sequence[float]) -> None:
        """Take a cell's scores in.

        Args:
            length: Its index.
            depth: Its index; 0 without depths.
            scores: One a sample, in [0, 1].
        """
        cell = length * self.shape[1] + depth
        self.asked[length, depth] = True
        total, count = math.fsum(scores), len(scores)
        self._log = self._log + TEMPER * (total * self._odds[:, cell] + count * self._misses[:, cell])

    def end_before(self, length: int) -> None:
        """Take in that nothing of this length or longer can be asked: it is beyond the model."""
        self._reached = np.minimum(self._reached, length)
        self.asked[length:] = True

    def weights(self) -> Array:
        """Return the probability of each hypothesis."""
        found: Array = np.exp(self._log - self._log.max())
        found /= found.sum()
        return found

    def estimate(self) -> Estimate:
        """Return what is believed now."""
        weights = self.weights()
        steps = np.bincount(self._reached, weights, minlength=self.shape[0] + 1)
        low, high = _narrowest(steps, self.level)
        flat = float(weights[self._worst < 0].sum())
        depths = self.shape[1] if self.shape[1] > 1 else 0
        worst = np.bincount(self._worst[self._worst >= 0], weights[self._worst >= 0], minlength=self.shape[1])
        fitted = (weights @ self._curves).reshape(self.shape).mean(axis=1)
        return Estimate(
            steps=int(steps.argmax()),
            low=low,
            high=high,
            level=self.level,
            probabilities=tuple(map(float, steps)),
            worst=tuple(map(float, worst[:depths])),
            flat=flat if depths else 1.0,
            fitted=tuple(map(float, fitted)),
        )

    def next_cells(self, prices: Array, count: int, open_cells: Array | None = None) -> list[tuple[int, int]]:
        """Return the cells that are worth asking next, best first.

        Several at once are chosen one after the other, as if each had been
        answered as expected, so that they do not all ask the same.

        Args:
            prices: What a cell costs, an array of the shape of lengths and depths, above 0.
            count: How many to choose at most.
            open_cells: Which may be chosen, if not all that were not asked.
        """
        free = (~self.asked if open_cells is None else open_cells & ~self.asked).ravel().copy()
        kept, chosen = self._log, []
        for _ in range(min(count, int(free.sum()))):
            weights = self.weights()
            worth = np.where(free, self._told(weights) / prices.ravel(), -1.0)
            cell = int(worth.argmax())
            free[cell] = False
            chosen.append(divmod(cell, self.shape[1]))
            expected = float(weights @ self._curves[:, cell])
            self._log = self._log + TEMPER * (expected * self._odds[:, cell] + self._misses[:, cell])
        self._log = kept
        return [(length, depth) for length, depth in chosen]

    def _told(self, weights: Array) -> Array:
        """Return for each cell what one answer is expected to tell, in nats."""
        told = _information(self._curves, weights, self._reached)
        if self.shape[1] > 1:
            told = told + _WEIGHT_OF_DEPTH * _information(self._curves, weights, self._worst + 1)
        return told


def _steps(means: Array, share: float, threshold: float | None) -> Array:
    """Return for each row of scores how many lengths reach the threshold, as it is reckoned for measured scores too."""
    limits = means[:, :1] * share if threshold is None else np.full((len(means), 1), threshold)
    found: Array = np.cumprod((means >= limits - _SAME) & (limits > 0), axis=1).sum(axis=1)
    rising = np.flatnonzero((np.diff(means, axis=1) > 0).any(axis=1))
    weights = [1.0] * means.shape[1]
    found[rising] = [steps_reached(list(row), weights, share=share, threshold=threshold)[0] for row in means[rising]]
    return found


def _curves(octaves: Array, depths: Array, floor: float) -> tuple[Array, Array]:
    """Return hypotheses (h, lengths, depths) of the score, and which shape over depth each has (0: none)."""
    span = np.arange(octaves[0] - _BEYOND, octaves[-1] + _BEYOND + 0.01, 1 / _STEPS_AN_OCTAVE)
    shapes = _over_depth(depths)
    rows, kinds = [], []
    for plateau, rest, slope in itertools.product(_PLATEAUS, _FLOORS, _SLOPES):
        low = floor + (max(plateau, floor) - floor) * rest
        for kind, earlier in shapes:
            place = span[:, None, None] - earlier[None, None, :]
            fall = 1 / (1 + np.exp(np.clip((octaves[None, :, None] - place) / (slope / 4), -30, 30)))
            rows.append(low + (max(plateau, floor) - low) * fall)
            kinds.append(np.full(len(span), kind))
    smooth, none = np.concatenate(rows), np.concatenate(kinds) == 0
    plain = np.unique(smooth[none].round(3), axis=0)
    dips = [_dipped(plain, i, by) for i in range(1, len(octaves)) for by in _DIPS]
    uneven = _uneven(np.repeat(plain, _UNEVEN_DRAWS, axis=0))
    found = np.concatenate([smooth, *dips, uneven]).astype(np.float32)
    return found, np.concatenate([*kinds, np.full(sum(map(len, dips)), _DIP), np.full(len(uneven), _OWN)])


def _uneven(curves: Array) -> Array:
    """Return the curves with the odds of each length moved, each curve by effects of another size.

    The effects are spread evenly (an additive recurrence; M. Roberts, The
    Unreasonable Effectiveness of Quasirandom Sequences, 2018), so that the same
    command chooses the same cells with any version of NumPy.
    """
    count, lengths = curves.shape[:2]
    root = 2.0
    for _ in range(50):
        root = (1 + root) ** (1 / (lengths + 2))
    even = (0.5 + np.outer(np.arange(1, count + 1), root ** -np.arange(1.0, lengths + 2))) % 1
    sizes = -_UNEVEN_BY * np.log1p(-even[:, 0])
    normal = np.vectorize(NormalDist().inv_cdf)(np.clip(even[:, 1:], _SAME, 1 - _SAME))
    kept = np.clip(curves, _EDGE, 1 - _EDGE)
    moved: Array = kept / (kept + (1 - kept) * np.exp(-sizes[:, None] * normal)[:, :, None])
    return moved


def _dipped(curves: Array, length: int, by: float) -> Array:
    """Return the same curves with one length at which less is right."""
    found: Array = curves.copy()
    found[:, length] *= by
    return found


def _over_depth(depths: Array) -> list[tuple[int, Array]]:
    """Return by how many octaves each depth falls earlier, for each shape."""
    none = [(0, np.zeros_like(depths))]
    if len(depths) == 1:
        return none
    middle, start, end = 1 - np.abs(2 * depths - 1), 1 - depths, depths
    return none + [(kind, by * shape) for kind, shape in enumerate((middle, start, end), 1) for by in _EARLIER]


def _prior(shapes: Array) -> Array:
    """Return log weights; of curves without a dip half have no depth that is worse than another."""
    counts = {int(kind): int(np.sum(shapes == kind)) for kind in np.unique(shapes)}
    depths = [kind for kind in counts if kind > 0]
    smooth = 1 - _DIPPED - _UNEVEN
    mass = {_DIP: _DIPPED, _OWN: _UNEVEN, 0: smooth / (2 if depths else 1)}
    mass |= dict.fromkeys(depths, smooth / 2 / max(1, len(depths)))
    found: Array = np.log([mass[int(kind)] / counts[int(kind)] for kind in shapes])
    return found


def _narrowest(probabilities: Array, level: float) -> tuple[int, int]:
    """Return the shortest run of numbers that holds so much probability; of equal ones the most probable."""
    sums = np.concatenate([[0.0], np.cumsum(probabilities)])
    n = len(probabilities)
    for width in range(1, n + 1):
        mass = sums[width:] - sums[: n - width + 1]
        best = int(mass.argmax())
        if mass[best] >= level:
            return best, best + width - 1
    return 0, n - 1


def _information(curves: Array, weights: Array, groups: Array) -> Array:
    """Return the mutual information between one answer in each cell and the group that the truth is in, in nats."""
    spread = np.zeros((int(groups.max()) + 1, len(groups)), dtype=curves.dtype)
    spread[groups, np.arange(len(groups))] = weights
    mass, right = spread.sum(axis=1), spread @ curves
    kept = mass > 0
    shares = right[kept] / mass[kept, None]
    found: Array = _entropy(right.sum(axis=0)) - mass[kept] @ _entropy(shares)
    return np.maximum(found, 0.0)


def _entropy(p: Array) -> Array:
    q = np.clip(p, 1e-9, 1 - 1e-9)
    found: Array = -q * np.log(q) - (1 - q) * np.log1p(-q)
    return found
