"""Effective context length: how far a model can be trusted, with an interval.

Two thresholds are in use. RULER (arXiv 2404.06654) takes the longest length
that scores at or above a fixed value, 85.6 of 100. NoLiMa (arXiv 2502.05167)
takes 85 % of the model's own score at short lengths. Neither carries an
interval. Here the scores are first made monotone, since a longer context is not
easier: isotonic regression, weighted by the number of samples, of all lengths
but the shortest, which stays as measured and which none exceeds. So a bad
shortest length is not lifted by good longer ones, nor credited by them.

The interval asks two questions of one length at a time. Its lower end is the
longest length up to which every length surely reaches the threshold, its upper
end the longest that may yet reach it. Each end is wrong only if the one length
where the truth ends is misjudged, so no allowance is made for the number of
lengths asked about, and the curve need not be monotone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.contrasts import contrast
from lm_eval_longctx.stats.intervals import LEVEL, bounded_mean

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lm_eval_longctx.stats.intervals import Array

RULER_THRESHOLD = 0.856
NOLIMA_SHARE = 0.85
_SAME = 1e-12

WHY_NONE = {
    "zero": "the shortest length scores 0",
    "no_baseline": "the shortest length is no baseline, a longer one scores much better",
    "floor": "the shortest length is not surely above what an answer gets that never reads the context",
    "short": "the shortest length falls short",
}
"""Why there is no effective length: how it is called, and what it means."""


@dataclass(frozen=True)
class Observations:
    """The scores at one length.

    Attributes:
        length: The amount asked, above 0.
        values: One score in [0, 1] a sample, higher is better.
        clusters: For each value, the group that shares its hay.
        floor: What a solver scores that never reads the context. A length is
            credited only where the score is surely above it.
    """

    length: float
    values: Sequence[float]
    clusters: Sequence[Hashable]
    floor: float = 0.0


@dataclass(frozen=True)
class EffectiveLength:
    """The longest length that is still good enough.

    Attributes:
        rule: ``relative`` (to the shortest length) or ``absolute``.
        threshold: The score that must be reached; ``None`` if there is none
            (the shortest length scores 0).
        length: The answer, one of the lengths measured; ``None`` if even the
            shortest is not good enough.
        at_least: The longest length measured is good enough: the answer is
            "at least ``length``".
        why_none: Why ``length`` is ``None``, one of ``WHY_NONE``; empty if it is not.
        low: Lower end of the interval, one of the lengths; ``None``: below the shortest.
        high: Upper end; ``None``: below the shortest.
        high_open: The upper end is the longest length measured: "or more".
        level: Confidence level of the interval.
        fitted: The monotone scores, by ascending length.
    """

    rule: str
    threshold: float | None
    length: float | None
    at_least: bool
    why_none: str
    low: float | None
    high: float | None
    high_open: bool
    level: float
    fitted: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "fitted": list(self.fitted)}


@dataclass(frozen=True)
class _Sure:
    """What is sure of one length: it passes, or it fails; with few samples neither."""

    passes: bool
    fails: bool


def monotone(scores: Sequence[float] | Array, weights: Sequence[float] | Array) -> Array:
    """Return the closest scores that never rise with length (weighted least squares)."""
    from scipy.optimize import isotonic_regression  # heavy

    y, w = np.asarray(scores, dtype=float), np.asarray(weights, dtype=float)
    fitted = isotonic_regression(y, weights=w, increasing=False)
    return np.asarray(fitted.x, dtype=float)


def steps_reached(
    scores: Sequence[float], weights: Sequence[float], *, share: float, threshold: float | None
) -> tuple[int, Array]:
    """Return how many lengths, from the shortest on, reach the threshold, and the fitted scores."""
    longer = monotone(scores[1:], weights[1:])
    fitted = np.minimum(np.asarray([scores[0], *longer]), scores[0])
    limit = threshold if threshold is not None else scores[0] * share
    baseless = threshold is None and scores[0] < longer[0] * share - _SAME
    return 0 if limit <= 0 or baseless else int(np.sum(fitted >= limit - _SAME)), fitted


def effective_length(
    observations: Sequence[Observations],
    *,
    share: float = NOLIMA_SHARE,
    threshold: float | None = None,
    level: float = LEVEL,
) -> EffectiveLength | None:
    """Find the longest length whose score reaches a threshold.

    Args:
        observations: One entry a length, in any order. Lengths without values are left out.
        share: The threshold as a share of the score at the shortest length;
            ignored where ``threshold`` is given.
        threshold: The threshold as a score.
        level: Confidence level.

    Returns:
        The answer, or ``None`` where fewer than two lengths have scores: then
        there is no curve.
    """
    rows = sorted((o for o in observations if len(o.values)), key=lambda o: o.length)
    if len(rows) <= 1:
        return None
    scores = [float(np.mean(o.values)) for o in rows]
    reached, fitted = steps_reached(scores, [len(o.values) for o in rows], share=share, threshold=threshold)
    above = [_above(o, o.floor, level) for o in rows]
    credited = _run([known.passes for known in above])
    steps = min(reached, credited)
    low, high = _ends(rows, above, threshold, share, level)
    limit = threshold if threshold is not None else scores[0] * share
    why = "zero" if limit <= 0 else "floor" if not credited else "short" if threshold is not None else "no_baseline"
    lengths = [None, *(float(o.length) for o in rows)]
    return EffectiveLength(
        rule="relative" if threshold is None else "absolute",
        threshold=limit if limit > 0 else None,
        length=lengths[steps],
        at_least=steps == len(rows),
        why_none="" if steps else why,
        low=lengths[min(low, steps)],
        high=lengths[max(high, steps)],
        high_open=max(high, steps) == len(rows),
        level=level,
        fitted=tuple(float(x) for x in fitted),
    )


def _ends(
    rows: Sequence[Observations], above: Sequence[_Sure], threshold: float | None, share: float, level: float
) -> tuple[int, int]:
    """Return how many lengths surely reach the threshold, and how many may."""
    if threshold is not None:
        found = [_above(o, threshold, level, reaching=True) for o in rows]
    else:
        found = [_baseline(rows, share, level), *(_compared(o, rows[0], share, level) for o in rows[1:])]
    sure = _run([known.passes and floor.passes for known, floor in zip(found, above, strict=True)])
    open_still = [not (known.fails or floor.fails) for known, floor in zip(found, above, strict=True)]
    # A shortest length that surely falls short ends the matter, whatever longer ones score
    may = max(i for i, still in enumerate([True, *open_still]) if still) if open_still[0] else 0
    return sure, may


def _run(passes: Sequence[bool]) -> int:
    """Return how many pass before the first that does not."""
    return next((i for i, passed in enumerate(passes) if not passed), len(passes))


def _above(row: Observations, limit: float, level: float, *, reaching: bool = False) -> _Sure:
    """Tell whether a length's score is surely above a limit (or reaches it), or surely not."""
    interval = bounded_mean(row.values, row.clusters, level=level)
    low, high = (interval.low, interval.high) if interval else (0.0, 1.0)
    return _Sure(low >= limit, high < limit) if reaching else _Sure(low > limit, high <= limit)


def _compared(row: Observations, base: Observations, share: float, level: float) -> _Sure:
    """Tell whether a length surely scores at least a share of another's score, or surely less."""
    found = contrast(
        [*row.values, *base.values],
        [0] * len(row.values) + [1] * len(base.values),
        [*row.clusters, *base.clusters],
        (1.0, -share),
        level=level,
    )
    if found is None or found.interval is None:
        return _Sure(passes=False, fails=False)
    return _Sure(found.interval.low >= 0, found.interval.high < 0)


def _baseline(rows: Sequence[Observations], share: float, level: float) -> _Sure:
    """Tell whether the shortest length can be what others are measured by: not much worse than the best of them."""
    best = max(rows[1:], key=lambda o: float(np.mean(o.values)))
    return _compared(rows[0], best, share, level)
