"""Intervals hold what they promise over clusters, near the edges too, and are the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from bench_intervals import KINDS, mean_grid
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lm_eval_longctx.stats.intervals import Totals, bounded_mean, jackknife, mean_ends

scores = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_cover_over_the_grid(kind):
    """With five clusters or more, 95 % intervals hold the truth in about 93 % or more of the draws, at each point."""
    found = list(mean_grid(kind, (5, 12, 50), (0.02, 0.5, 0.95, 0.998), replicates=500))
    # 500 draws of a true 0.93 give less than 0.90 once in 200 points
    assert min(held.coverage for held in found) >= 0.9
    assert sum(held.coverage < 0.93 for held in found) <= 0.1 * len(found)


def test_intervals_are_not_absurdly_wide():
    """With many clusters in the middle, the width stays within a third of what the true spread gives."""
    points = [held for held in mean_grid("0/1", (50,), (0.5,), replicates=500) if held.point[2] >= 0.1]
    for held in points:
        _, samples, correlation, _ = held.point
        spread = np.sqrt(0.25 * (1 + (samples - 1) * correlation) / (50 * samples))
        assert 0.92 <= held.coverage <= 0.99
        assert held.width < 1.33 * 2 * 1.96 * spread


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_sample_a_cluster_lies_between_clopper_pearson_and_jeffreys(right, more):
    """For 0/1 scores without clusters the interval lies between two textbook ones of scipy's beta distribution."""
    n = right + more
    found = bounded_mean([1.0] * right + [0.0] * more, range(n))
    exact = stats.binomtest(right, n).proportion_ci(0.95, method="exact")
    jeffreys = stats.beta(right + 0.5, more + 0.5).ppf([0.025, 0.975])
    assert exact.low - 1e-9 <= found.low
    assert found.high <= exact.high + 1e-9
    if right:
        assert found.low <= jeffreys[0]
        assert found.high >= jeffreys[1]


def test_equal_values_do_not_give_a_point():
    """Eight values of .5, and eight of 1, leave as much open as eight clusters can."""
    half, ones = bounded_mean([0.5] * 8, range(8)), bounded_mean([1.0] * 8, range(8))
    assert half.low < 0.25
    assert half.high > 0.75
    assert (ones.low < 0.75, ones.high) == (True, 1)


def test_an_eighth_sample_makes_an_interval_better():
    """Each further right answer narrows the interval."""
    ends = [bounded_mean([0.999] * n, range(n)).low for n in range(1, 20)]
    assert ends == sorted(ends)


def test_clusters_widen_the_interval():
    """Values that repeat within clusters carry less information than independent ones."""
    values = [float(i % 3 > 0) for i in range(12) for _ in range(10)]
    clustered = bounded_mean(values, [i // 10 for i in range(120)])
    alone = bounded_mean(values, range(120))
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)


def test_one_cluster_is_worth_less_than_two_samples():
    """However many samples of a single hay are right, little is known about other hays."""
    lows = [bounded_mean([1.0] * n, [0] * n).low for n in (1, 2, 11, 99)]
    assert lows == sorted(lows)
    assert lows[-1] <= bounded_mean([1.0] * 2, [0, 1]).low


def test_nothing_measured_has_no_interval():
    """Without values there is none."""
    assert bounded_mean([], []) is None


@given(scores, st.integers(1, 6))
def test_interval_holds_the_mean_has_a_width_and_repeats(values, size):
    """The interval holds the mean, lies in [0, 1], is never a point and is the same every time."""
    clusters = [i // size for i in range(len(values))]
    found = bounded_mean(values, clusters)
    assert 0 <= found.low <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= found.high <= 1
    assert found.low < found.high
    assert found == bounded_mean(values, clusters)


@given(scores)
def test_right_and_wrong_are_treated_alike(values):
    """Turning scores round turns the interval round."""
    one, other = bounded_mean(values, range(len(values))), bounded_mean([1 - v for v in values], range(len(values)))
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-6)


def test_weights_count_words():
    """A rate by word counts each recording by its words, and errors of one word are not alone."""
    found = bounded_mean([0.1, 0.4, 0.2], [0, 1, 2], weights=[2000, 1000, 1000])
    assert found.low < (0.1 * 2 + 0.4 + 0.2) / 4 < found.high
    assert found == bounded_mean([0.1, 0.4, 0.2], [0, 1, 2], weights=[2, 1, 1])


def test_many_at_once_are_one_by_one():
    """The ends of many intervals are those of each alone."""
    rng = np.random.default_rng(1)
    sums, sizes = rng.binomial(4, 0.7, (5, 9)).astype(float), np.full((5, 9), 4.0)
    low, high = mean_ends(Totals(sums, sizes, sizes))
    for row in range(5):
        one = mean_ends(Totals(sums[row], sizes[row], sizes[row]))
        assert (low[row], high[row]) == pytest.approx((float(one[0]), float(one[1])))


def test_jackknife_of_a_mean_is_students_interval():
    """With one value a cluster, the jackknife gives the classical interval of a mean."""
    values = list(np.random.default_rng(4).random(15))
    found = jackknife(values, list(range(15)), np.mean)
    expected = stats.t.interval(0.95, 14, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)


def test_jackknife_leaves_out_whole_clusters_however_few():
    """Three clusters of five equal values are three values."""
    values = [v for v in (0.1, 0.5, 0.6) for _ in range(5)]
    found = jackknife(values, [i // 5 for i in range(15)], np.mean)
    expected = jackknife([0.1, 0.5, 0.6], [0, 1, 2], np.mean)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_jackknife_says_nothing_where_nothing_varies():
    """One cluster, or a statistic that no cluster moves, has no interval."""
    assert jackknife([0.5, 0.7], [0, 0], np.mean) is None
    assert jackknife([3.0] * 5, range(5), np.mean) is None


def test_jackknife_covers_a_ratio_of_sums():
    """The 95 % interval of a word error rate holds the truth in at least 88 of 100 draws, many samples or few."""
    rng = np.random.default_rng(6)

    def ratio(pairs):
        return sum(e for e, _ in pairs) / sum(n for _, n in pairs)

    for n in (12, 150):
        held = 0
        for _ in range(100):
            lengths = rng.integers(20, 200, n)
            found = jackknife(list(zip(rng.binomial(lengths, 0.2), lengths, strict=True)), list(range(n)), ratio)
            held += found.low <= 0.2 <= found.high
        assert held >= 88
