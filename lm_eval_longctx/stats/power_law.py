"""Power laws of loss by position: ``L(x) = a x^b + c``.

The Gemini 1.5 report (arXiv 2403.05530, section 5.2.1 in its later version)
fits the cumulative mean negative log-likelihood against the token position in
this form. Here the fit comes with intervals of its three parameters and with
AIC against three rivals: the power law without an offset (``c = 0``), the
straight line in log position (``a + b ln x``), and no change at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.stats.intervals import LEVEL, Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[np.float64]]

_FEWEST = 4
_FEWEST_DOCUMENTS = 5
_SURE = 6
"""Positions from which on a fit foretells the next one: three parameters from fewer are no forecast."""
_GRID = np.linspace(-3, 1.5, 226)
"""Exponents that are tried where single documents are left out, which needs no more digits than an error has."""
_TINY = 1e-300
_EXPONENTS = [i / 20 for i in range(-60, 31) if i]
"""Where the search for the exponent starts: -3 to 1.5."""


@dataclass(frozen=True)
class PowerLawFit:
    """A fitted ``L(x) = a x^b + c``.

    Attributes:
        a: Scale.
        b: Exponent; below 0 where loss falls with position.
        c: The loss that is left at infinite length.
        intervals: Of ``a``, ``b`` and ``c`` (Student's t on the fit's covariance).
        r2: Share of the variance explained.
        aic: Akaike's criterion of this fit; lower is better.
        aic_plain: The same for ``a x^b``.
        aic_log_linear: The same for ``a + b ln x``.
        aic_constant: The same for one loss at all positions.
        n: How many points.
    """

    a: float
    b: float
    c: float
    intervals: dict[str, Interval]
    r2: float
    aic: float
    aic_plain: float
    aic_log_linear: float
    aic_constant: float
    n: int

    @property
    def best(self) -> str:
        """Which of the four describes the data best, by AIC: ``power_law``, ``plain``, ``logarithm``, ``constant``."""
        found = (self.aic, self.aic_plain, self.aic_log_linear, self.aic_constant)
        return min(zip(found, ("power_law", "plain", "logarithm", "constant"), strict=True))[1]

    @property
    def falls(self) -> bool:
        """Whether loss surely falls as a power of position: AIC says so, and the exponent's interval is below 0."""
        return self.best in {"power_law", "plain"} and self.intervals["b"].high < 0

    def __call__(self, x: float) -> float:
        """Return the fitted loss at a position."""
        return float(self.a * x**self.b + self.c)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "intervals": {name: i.to_dict() for name, i in self.intervals.items()}}


def fit_power_law(
    positions: Sequence[float], losses: Sequence[float], *, errors: Sequence[float] | None = None, level: float = LEVEL
) -> PowerLawFit:
    """Fit loss by position.

    Args:
        positions: Above 0, at least four different ones.
        losses: The loss at each.
        errors: Standard error of each loss, used as weights.
        level: Confidence level of the parameters' intervals.

    Raises:
        ConfigError: Too few positions, one that is not above 0, or a loss that is not finite.
    """
    x, y = np.asarray(positions, dtype=float), np.asarray(losses, dtype=float)
    _check(x, y)
    weights = np.ones_like(y) if errors is None else 1 / np.asarray(errors, dtype=float)
    scale = float(np.exp(np.mean(np.log(x))))
    b = _exponent(x / scale, y, weights, offset=True)
    (scaled_a, c), residual = _linear(_design(x / scale, b, offset=True), y, weights)
    a = scaled_a * scale**-b
    rivals = _linear(_design(x / scale, _exponent(x / scale, y, weights, offset=False), offset=False), y, weights)
    line = _linear(np.column_stack([np.ones_like(x), np.log(x)]), y, weights)
    return PowerLawFit(
        a=a,
        b=b,
        c=c,
        intervals=_intervals((a, b, c), x, residual, weights, level),
        r2=1 - float(np.sum(residual**2)) / max(_total(y, weights), _TINY),
        aic=_aic(residual, 3),
        aic_plain=_aic(rivals[1], 2),
        aic_log_linear=_aic(line[1], 2),
        aic_constant=_aic((y - np.average(y, weights=weights**2)) * weights, 1),
        n=len(x),
    )


def _check(x: Array, y: Array) -> None:
    if len(x) != len(y) or len(np.unique(x)) < _FEWEST:
        raise ConfigError(f"a power law needs at least {_FEWEST} different positions with a loss each")
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y)) and np.all(x > 0)):
        raise ConfigError("a power law needs finite losses at positions above 0; leave the others out")


def _design(x: Array, b: float, *, offset: bool) -> Array:
    """Return the columns that the loss is a sum of, once the exponent is known."""
    return np.column_stack([x**b, np.ones_like(x)]) if offset else (x**b)[:, None]


def _linear(design: Array, y: Array, weights: Array) -> tuple[list[float], Array]:
    """Return the weighted least-squares coefficients and weighted residuals."""
    found = np.linalg.lstsq(design * weights[:, None], y * weights, rcond=None)[0]
    return [float(value) for value in found], np.asarray((y - design @ found) * weights)


def _exponent(x: Array, y: Array, weights: Array, *, offset: bool) -> float:
    """Return the best exponent: for a given one the rest is linear, so one number is searched (variable projection)."""
    from scipy.optimize import minimize_scalar  # heavy

    def cost(b: float) -> float:
        return float(np.sum(_linear(_design(x, b, offset=offset), y, weights)[1] ** 2))

    best = int(np.argmin([cost(b) for b in _EXPONENTS]))
    low, high = _EXPONENTS[max(best - 1, 0)], _EXPONENTS[min(best + 1, len(_EXPONENTS) - 1)]
    return float(minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x)


def _intervals(
    values: tuple[float, float, float], x: Array, residual: Array, weights: Array, level: float
) -> dict[str, Interval]:
    """Return each parameter's interval: the fit's covariance (Gauss and Newton), widened by Student's t."""
    from scipy.stats import t  # heavy

    a, b, _ = values
    freedom = len(x) - len(values)
    jacobian = np.column_stack([x**b, a * x**b * np.log(x), np.ones_like(x)]) * weights[:, None]
    size = np.linalg.norm(jacobian, axis=0)
    covariance = np.linalg.pinv((jacobian / size).T @ (jacobian / size)) * float(np.sum(residual**2)) / freedom
    reach = float(t.ppf((1 + level) / 2, freedom)) * np.sqrt(np.maximum(np.diag(covariance), 0)) / size
    ends = [(value - float(r), value + float(r)) for value, r in zip(values, reach, strict=True)]
    return {name: Interval(*end, level, "t") for name, end in zip("abc", ends, strict=True)}


def _total(y: Array, weights: Array) -> float:
    return float(np.sum((weights * (y - np.average(y, weights=weights**2))) ** 2))


def _aic(residual: Array, parameters: int) -> float:
    """Return Akaike's criterion under normal errors of unknown size (the variance counts as a parameter)."""
    n = len(residual)
    return n * math.log(max(float(np.sum(residual**2)), _TINY) / n) + 2 * (parameters + 1)


def cumulative(positions: Array, losses: Array) -> Array:
    """Return the mean loss of all text up to each position, from losses at growing positions.

    Between two positions the loss is taken to change evenly; before the first
    it is what it is there.

    Args:
        positions: Of one document, growing, above 0.
        losses: At each, the last axis over positions.
    """
    steps = np.diff(positions) * (losses[..., 1:] + losses[..., :-1]) / 2
    first = positions[0] * losses[..., :1]
    return np.asarray(np.concatenate([first, first + np.cumsum(steps, axis=-1)], axis=-1) / positions)


def fit_documents(positions: Sequence[float], losses: Array, *, level: float = LEVEL) -> PowerLawFit:
    """Fit the mean loss of several documents by position, with intervals over documents.

    With five documents and more the intervals are Student's around the fit,
    with the jackknife's standard error, from fits without each document; with
    fewer they are those of ``fit_power_law``, over positions.

    Args:
        positions: Above 0, at least four different ones.
        losses: One row a document, one column a position.
        level: Confidence level.

    Raises:
        ConfigError: As ``fit_power_law``.
    """
    found = fit_power_law(positions, losses.mean(axis=0), level=level)
    if len(losses) < _FEWEST_DOCUMENTS:
        return found
    fits = np.array(_fits(np.asarray(positions, dtype=float), _without_each(losses)))
    values = zip("abc", (found.a, found.b, found.c), fits, strict=True)
    ends = {name: _around(value, spread, level) for name, value, spread in values}
    return replace(found, intervals=ends)


def departure(positions: Sequence[float], losses: Array, *, level: float = LEVEL) -> int | None:
    """Return the first position, by number, from which on losses leave the fit to all positions before; else ``None``.

    Each position is predicted from the fit to those before it. It has left if
    the interval of the difference, by the jackknife over documents, excludes 0 (at a level divided
    among all positions that are looked at), and every later one is on the same
    side of that fit.

    Args:
        positions: Growing, above 0.
        losses: One row a document, one column a position; five documents at least, else ``None``.
        level: That no position is said to leave where none does.
    """
    x = np.asarray(positions, dtype=float)
    looked_at = range(_SURE, len(x))
    if len(losses) < _FEWEST_DOCUMENTS or not looked_at:
        return None
    means = np.vstack([losses.mean(axis=0), _without_each(losses)])
    strict = 1 - (1 - level) / len(looked_at)
    for number in looked_at:
        a, b, c = _fits(x[:number], means[:, :number])
        beyond = means[:, number:] - (a[:, None] * x[None, number:] ** b[:, None] + c[:, None])
        reach = _around(float(beyond[0, 0]), beyond[1:, 0], strict)
        if reach.low * reach.high > 0 and np.all(beyond[0] * reach.low > 0):
            return number
    return None


def _without_each(losses: Array) -> Array:
    """Return the mean curve without each of the documents, one row a document."""
    count = len(losses)
    return np.asarray((losses.sum(axis=0) - losses) / (count - 1))


def _around(value: float, without: Array, level: float) -> Interval:
    """Return Student's interval with the jackknife's standard error."""
    from scipy.stats import t  # heavy

    count = len(without)
    error = math.sqrt((count - 1) / count * float(np.sum((without - without.mean()) ** 2)))
    reach = float(t.ppf((1 + level) / 2, count - 1)) * error
    return Interval(value - reach, value + reach, level, "jackknife")


def _fits(x: Array, curves: Array) -> tuple[Array, Array, Array]:
    """Fit many curves at the same positions at once, each by the best exponent of a grid and a parabola through it."""
    scale = float(np.exp(np.mean(np.log(x))))
    bases = [np.linalg.qr(_design(x / scale, b or _GRID[1] - _GRID[0], offset=True))[0] for b in _GRID]
    rest = np.array([np.sum(curves**2, axis=1) - np.sum((curves @ basis) ** 2, axis=1) for basis in bases])
    best = np.clip(np.argmin(rest, axis=0), 1, len(_GRID) - 2)
    low, mid, high = (rest[best + i, np.arange(len(curves))] for i in (-1, 0, 1))
    bend = low - 2 * mid + high
    shift = np.where(bend > 0, np.clip((low - high) / (2 * np.where(bend > 0, bend, 1)), -1, 1), 0)
    b = _GRID[best] + shift * (_GRID[1] - _GRID[0])
    power = (x / scale) ** b[:, None]
    even, middle = power - power.mean(axis=1, keepdims=True), curves.mean(axis=1)
    a = np.sum(even * curves, axis=1) / np.maximum(np.sum(even**2, axis=1), _TINY)
    return a * scale**-b, b, middle - a * power.mean(axis=1)
