"""A share that somebody found who is wrong at times, and what it is without these errors.

Rogan and Gladen's estimate (American Journal of Epidemiology 107, 1978): a judge that finds a thing where it is with
probability ``sensitivity``, and does not where it is not with probability ``specificity``, finds a share ``p`` as
``p * sensitivity + (1 - p) * (1 - specificity)``. All three rates are themselves measured; the interval holds every
``p`` that their intervals do not contradict (Fieller's idea, with Zou and Donner's way of adding intervals, 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.intervals import Interval

if TYPE_CHECKING:
    from lm_eval_longctx.stats.intervals import Array

_STEPS = 1000
"""Shares that are tried."""


@dataclass(frozen=True)
class Share:
    """A measured rate.

    Attributes:
        value: In [0, 1].
        interval: Around it.
        n: Of how many.
    """

    value: float
    interval: Interval
    n: int


@dataclass(frozen=True)
class Judge:
    """How often a judge is right.

    Attributes:
        sensitivity: On what is there.
        specificity: On what is not.
    """

    sensitivity: Share
    specificity: Share

    @property
    def tells(self) -> bool:
        """Whether it is surely better than guessing: one that always says the same is right on one side only."""
        power = self.sensitivity.value + self.specificity.value - 1
        below = math.hypot(*(rate.value - rate.interval.low for rate in (self.sensitivity, self.specificity)))
        return power - below > 0


def corrected(share: Share, judge: Judge) -> tuple[float, Interval] | None:
    """Return the share that a judge without errors would find, with its interval; ``None`` for one that tells nothing.

    Args:
        share: As the judge found it.
        judge: How often it is right; measured on other things than the share was.
    """
    if not judge.tells:
        return None
    there, absent = judge.sensitivity, judge.specificity
    power = there.value + absent.value - 1
    value = min(1.0, max(0.0, (share.value + absent.value - 1) / power))
    tried = np.linspace(0, 1, _STEPS + 1)
    # What is left unexplained by p; it rises with the share and with specificity, and falls with sensitivity
    left = share.value + absent.value - 1 - tried * power
    terms = ((share, np.ones_like(tried)), (absent, 1 - tried), (there, -tried))
    kept = np.append(tried[np.abs(left) <= _reach(terms, left > 0)], value)
    return value, Interval(float(kept.min()), float(kept.max()), share.interval.level, "fieller")


def _reach(terms: tuple[tuple[Share, Array], ...], above: Any) -> Array:
    """Return how far the weighted sum of rates may be from 0 on the side where it is."""
    squares = np.zeros_like(above, dtype=float)
    for rate, weight in terms:
        low, high = rate.value - rate.interval.low, rate.interval.high - rate.value
        squares += (weight * np.where(above == (weight > 0), low, high)) ** 2
    return np.asarray(np.sqrt(squares))
