"""Position bias: does it matter where in the context the evidence lies?

Depth is a fraction in [0, 1]: below 1/3 is the beginning, above 2/3 the end.
Three contrasts, each a difference of mean scores in [-1, 1] for scores in
[0, 1]:

- primacy: beginning - middle
- recency: end - middle
- lost in the middle: (beginning + end) / 2 - middle

and two permutation tests. ``depth``: scores are shuffled over depths within
each length and cluster, the statistic is the sum of squares between depths.
``interaction``: does the effect of depth change with length? What an additive
fit of length and depth leaves over is shuffled within each length, the
statistic is the sum of squares between the cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.contrasts import Contrast, contrast
from lm_eval_longctx.stats.intervals import LEVEL, generator, numbered

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    Array = np.ndarray[Any, np.dtype[np.float64]]
    Indices = np.ndarray[Any, np.dtype[np.int64]]

PERMUTATIONS = 1000
_CLOSER = 20
"""Times as many permutations are drawn where the first ones do not tell on which side of 1 - ``LEVEL`` a p-value is."""
_HELD = 1_000_000
"""How many shuffled scores are held in memory at once."""

_THIRDS = ("beginning", "middle", "end")
_COEFFICIENTS = ((1.0, -1.0, 0.0), (0.0, -1.0, 1.0), (0.5, -1.0, 0.5))
"""Of the thirds in primacy, recency and lost in the middle."""


@dataclass(frozen=True)
class PositionBias:
    """What position does to the score.

    Attributes:
        means: Mean score of the ``beginning``, ``middle`` and ``end``; ``None`` where no sample lies.
        primacy: Beginning minus middle.
        recency: End minus middle.
        lost_in_the_middle: Mean of both ends minus middle.
        depth_p: The permutation test of any effect of depth, in (0, 1].
        interaction_p: The test of depth x length; ``None`` with fewer than two lengths or no spread.
        n: How many scores.
    """

    means: dict[str, float | None]
    primacy: Contrast | None
    recency: Contrast | None
    lost_in_the_middle: Contrast | None
    depth_p: float
    interaction_p: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        named = {name: getattr(self, name) for name in ("primacy", "recency", "lost_in_the_middle")}
        contrasts = {name: contrast.to_dict() if contrast else None for name, contrast in named.items()}
        tests = {"depth_p": self.depth_p, "interaction_p": self.interaction_p}
        return {"means": self.means, **contrasts, **tests, "n": self.n}


def third(depth: float) -> int:
    """Return 0 for the beginning, 1 for the middle, 2 for the end of the context."""
    return 0 if depth < 1 / 3 else 2 if depth > 2 / 3 else 1


def position_bias(
    values: Sequence[float],
    depths: Sequence[float],
    lengths: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    seed: str = "",
    level: float = LEVEL,
) -> PositionBias | None:
    """Measure position bias over all samples of a sweep.

    Args:
        values: One score a sample.
        depths: Where its evidence lies, in [0, 1].
        lengths: Its context length.
        clusters: The group that shares its hay.
        seed: Names the random numbers of the tests.
        level: Confidence level of the contrasts.

    Returns:
        The measures, or ``None`` with fewer than two depths.
    """
    if len(set(depths)) <= 1:
        return None
    scores = np.asarray(values, dtype=float)
    bins = np.asarray([third(depth) for depth in depths])
    primacy, recency, lost = (contrast(scores, bins, clusters, c, level=level) for c in _COEFFICIENTS)
    at_depth, at_length = numbered(depths), numbered(lengths)
    strata = numbered(list(zip(lengths, clusters, strict=True)))
    return PositionBias(
        {name: float(scores[bins == i].mean()) if np.any(bins == i) else None for i, name in enumerate(_THIRDS)},
        primacy,
        recency,
        lost,
        depth_p=_depth_test(scores, at_depth, strata, at_length, generator(f"{seed}#depth")),
        interaction_p=_interaction_test(scores, at_depth, at_length, generator(f"{seed}#interaction")),
        n=len(scores),
    )


def _between(scores: Array, groups: Indices) -> Array:
    """Return the sum of squares between groups, for each row of ``scores`` (rows, samples)."""
    order, counts = np.argsort(groups, kind="stable"), np.bincount(groups)
    sums = np.add.reduceat(scores[:, order], np.cumsum(counts) - counts, axis=1)
    return np.asarray((sums**2 / counts).sum(axis=1), dtype=float)


def _p_value(observed: float, scores: Array, groups: Indices, strata: Indices, rng: np.random.Generator) -> float:
    """Return how often scores shuffled within strata differ as much between groups as was observed."""
    times, reached = PERMUTATIONS, _reached(observed, scores, groups, strata, rng, PERMUTATIONS)
    most = 1 - LEVEL
    if abs((1 + reached) / (1 + times) - most) < 4 * math.sqrt(most * LEVEL / times):  # another seed might cross it
        reached += _reached(observed, scores, groups, strata, rng, (_CLOSER - 1) * times)
        times *= _CLOSER
    return (1 + reached) / (1 + times)


def _reached(
    observed: float, scores: Array, groups: Indices, strata: Indices, rng: np.random.Generator, times: int
) -> int:
    """Return how many of so many permutations within strata have a sum of squares between groups as observed."""
    rows = max(1, _HELD // len(scores))
    sizes = [min(rows, times - start) for start in range(0, times, rows)]
    found = (_between(_shuffled(scores, strata, rng, size), groups) for size in sizes)
    return int(sum(np.sum(sums >= observed - 1e-9) for sums in found))


def _shuffled(scores: Array, strata: Indices, rng: np.random.Generator, times: int) -> Array:
    """Return permutations of the scores within strata, shape (times, samples)."""
    keys = rng.random((times, len(scores))) + strata  # a random order within, the strata kept apart
    home = np.argsort(strata, kind="stable")
    result = np.empty((times, len(scores)))
    result[:, home] = scores[np.argsort(keys, axis=1)]
    return result


def _centred(scores: Array, strata: Indices) -> Array:
    sums, counts = np.bincount(strata, weights=scores), np.bincount(strata)
    return np.asarray(scores - (sums / np.maximum(counts, 1))[strata])


def _depth_test(scores: Array, depths: Indices, strata: Indices, lengths: Indices, rng: np.random.Generator) -> float:
    """Test whether depth has any effect; strata of single samples are joined by length."""
    within = strata if np.bincount(strata).max() > 1 else lengths
    centred = _centred(scores, within)
    observed = float(_between(centred[None, :], depths)[0])
    return _p_value(observed, centred, depths, within, rng)


def _interaction_test(scores: Array, depths: Indices, lengths: Indices, rng: np.random.Generator) -> float | None:
    """Test whether the effect of depth changes with length."""
    additive = np.hstack([np.eye(int(g.max()) + 1)[g] for g in (depths, lengths)])
    left = scores - additive @ np.linalg.lstsq(additive, scores, rcond=None)[0]
    if lengths.max() == 0 or np.allclose(left, 0):
        return None
    cells = numbered(list(zip(depths.tolist(), lengths.tolist(), strict=True)))
    if cells.max() + 1 >= len(scores):
        return None  # one sample a cell: interaction and noise cannot be told apart
    observed = float(_between(left[None, :], cells)[0])
    return _p_value(observed, left, cells, lengths, rng)
