"""Shares are corrected for the errors of who found them, with intervals that hold; who tells nothing gets none."""

from __future__ import annotations

import numpy as np
import pytest

from lm_eval_longctx.stats.errors import Judge, Share, corrected
from lm_eval_longctx.stats.intervals import bounded_mean


def measured(rng: np.random.Generator, rate: np.ndarray | float, questions: int, each: int = 1) -> Share:
    """Measure a rate on some claims a question."""
    values = (rng.random((questions, each)) < rate).astype(float)
    interval = bounded_mean(values.ravel().tolist(), np.repeat(np.arange(questions), each).tolist())
    assert interval is not None
    return Share(float(values.mean()), interval, values.size)


def exact(value: float, n: int = 1000) -> Share:
    """Measure a rate so that it comes out as it is."""
    interval = bounded_mean([1.0] * round(value * n) + [0.0] * round((1 - value) * n), range(n))
    assert interval is not None
    return Share(value, interval, n)


@pytest.mark.parametrize(
    ("share", "sensitivity", "specificity", "true"),
    [(0.8, 0.9, 0.9, 0.875), (0.5, 1.0, 1.0, 0.5), (0.95, 0.9, 0.9, 1.0), (0.05, 0.9, 0.9, 0.0)],
)
def test_shares_are_corrected_for_the_judges_errors(share, sensitivity, specificity, true) -> None:
    """Rogan and Gladen's estimate, within [0, 1] and within its interval."""
    found = corrected(exact(share), Judge(exact(sensitivity), exact(specificity)))
    assert found is not None
    assert found[0] == pytest.approx(true)
    assert 0 <= found[1].low <= found[0] <= found[1].high <= 1


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.8, 0.8), (1.0, 0.9)])
@pytest.mark.parametrize("true", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("questions", [30, 150])
def test_intervals_of_corrected_shares_hold_the_truth(sensitivity, specificity, true, questions) -> None:
    """Of 200 judgements with four claims a question, alike within it, 92 in 100 intervals or more hold."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(200):
        supported = rng.random((questions, 4)) < rng.beta(4 * true, 4 * (1 - true), questions)[:, None]
        share = measured(rng, np.where(supported, sensitivity, 1 - specificity), questions, 4)
        judge = Judge(measured(rng, sensitivity, questions), measured(rng, specificity, questions))
        found = corrected(share, judge)
        held.append(found is None or found[1].low <= true <= found[1].high)
    assert np.mean(held) >= 0.92


@pytest.mark.parametrize(
    ("sensitivity", "specificity"), [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.1, 0.1)], ids=["yes", "no", "coin", "wrong"]
)
@pytest.mark.parametrize("questions", [10, 100])
def test_a_judge_that_tells_nothing_corrects_nothing(sensitivity, specificity, questions) -> None:
    """Always yes, always no, a coin, and one that is mostly wrong: no number, in 95 of 100 judgements or more."""
    rng = np.random.default_rng(1)
    told = [Judge(measured(rng, sensitivity, questions), measured(rng, specificity, questions)) for _ in range(200)]
    assert np.mean([judge.tells for judge in told]) <= 0.05
