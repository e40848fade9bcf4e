"""Differences of means: calibrated without an effect, sharper for pairs, never a sure nothing."""

from __future__ import annotations

import numpy as np
import pytest
from bench_intervals import contrast_grid

from lm_eval_longctx.stats.contrasts import contrast, paired_difference, samples_needed


@pytest.mark.parametrize("clusters", [3, 5, 12, 50])
def test_no_difference_is_called_one_in_about_5_percent(clusters):
    """Without an effect the interval leaves 0 out in at most about 5 % of the runs, few clusters or many."""
    found = list(contrast_grid([clusters], replicates=500))
    assert min(held.coverage for held in found) >= 0.9
    assert np.mean([held.coverage for held in found]) >= 0.95


def test_contrast_of_a_known_example():
    """One sample a cluster in each group: the paired t interval of the differences, but for the prior."""
    first, second = [1.0, 0, 1, 1] * 25, [1.0, 0, 0, 1] * 25
    found = paired_difference(first, second, range(100))
    error = np.std(np.subtract(first, second), ddof=1) / 10
    assert found.estimate == pytest.approx(0.25)
    assert found.interval.low == pytest.approx(0.25 - 1.984 * error, abs=0.01)


def test_pairs_are_sharper_than_strangers():
    """Models that miss the same samples differ more surely than models asked about different ones."""
    first, second = [1.0] * 40 + [0.0] * 40, [1.0] * 36 + [0.0] * 44
    paired = paired_difference(first, second, range(80)).interval
    strangers = contrast([*first, *second], [0] * 80 + [1] * 80, range(160), (1, -1)).interval
    assert paired.high - paired.low < 0.5 * (strangers.high - strangers.low)


def test_clusters_count_as_what_they_are():
    """Ten differences that each occur five times in a hay are ten, not fifty."""
    first, second = [1.0, 1, 1, 0, 1, 1, 0, 1, 1, 1], [1.0, 0, 1, 0, 1, 0, 1, 1, 1, 0]
    five = [np.repeat(scores, 5) for scores in (first, second)]
    once = paired_difference(first, second, range(10)).interval
    often = paired_difference(*five, np.repeat(np.arange(10), 5)).interval
    alone = paired_difference(*five, range(50)).interval
    assert once.high - once.low > often.high - often.low > 1.5 * (alone.high - alone.low)


def test_equal_answers_are_not_a_sure_nothing():
    """Eight right answers of both models leave a difference open, and it is cut at -1 and 1."""
    few, two = (paired_difference([1.0] * n, [1.0] * n, range(n)).interval for n in (8, 2))
    assert few.low < -0.1
    assert few.high > 0.1
    assert (two.low, two.high) == (-1, 1)


def test_what_cannot_be_told_is_none():
    """A single cluster has no interval, a mean without values no contrast, unequal pairs are an error."""
    assert paired_difference([1.0, 0], [0.0, 0], [0, 0]).interval is None
    assert contrast([1.0, 0], [0, 0], [0, 1], (1, -1)) is None
    with pytest.raises(ValueError, match="same samples"):
        paired_difference([1.0], [1.0, 0], [0, 1])


def test_values_without_bounds_have_plain_students_intervals():
    """Scores outside [0, 1], such as log-likelihoods, get the paired t interval; without spread none."""
    first, second = [3.0, 5, 4, 7], [2.0, 5, 1, 3]
    found = paired_difference(first, second, range(4))
    differences = np.subtract(first, second)
    reach = 3.182446 * np.std(differences, ddof=1) / 2
    assert (found.interval.low, found.interval.high) == pytest.approx((2 - reach, 2 + reach))
    assert paired_difference([4.0] * 3, [3.0] * 3, range(3)).interval is None


def test_samples_needed_show_the_difference():
    """As many samples as are named show the difference in about four of five simulated comparisons."""
    rng = np.random.default_rng(2)
    shared = rng.random((300, 2000))
    first, second = (shared < 0.8).astype(float), (shared + rng.normal(0, 0.05, shared.shape) < 0.72).astype(float)
    difference = first.mean() - second.mean()
    needed = samples_needed(difference, first[0], second[0], range(2000))
    shown = [
        (found := paired_difference(a[:needed], b[:needed], range(needed)).interval).low > 0 or found.high < 0
        for a, b in zip(first, second, strict=True)
    ]
    assert 0.7 <= np.mean(shown) <= 0.9


def test_samples_needed_grow_with_the_square():
    """Half the difference needs four times the samples; one cluster says nothing."""
    first, second = [1.0, 0, 1, 1] * 10, [0.0, 0, 1, 1] * 10
    one, half = (samples_needed(d, first, second, range(40)) for d in (0.1, 0.05))
    assert half == pytest.approx(4 * one, abs=4)
    assert samples_needed(0.1, [1.0, 0], [0.0, 0], [0, 0]) is None
