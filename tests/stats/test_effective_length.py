"""Effective context length: the longest length that is still good enough."""

from __future__ import annotations

import numpy as np
import pytest
from bench_intervals import CURVES, length_grid
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.stats.effective_length import Observations, effective_length, monotone

LENGTHS = [1024 * 2**i for i in range(8)]
curves = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=8), min_size=2, max_size=8)


def observed(rates, n=40):
    """Return ``n`` samples a length, each from hay of its own, with the given rates."""
    return [
        Observations(length, [1.0] * round(rate * n) + [0.0] * (n - round(rate * n)), list(range(n)))
        for length, rate in zip(LENGTHS, rates, strict=False)
    ]


def test_monotone_of_a_known_example():
    """Pool-adjacent-violators averages what rises: 1, 0.4, 0.8, 0.2 becomes 1, 0.6, 0.6, 0.2."""
    assert monotone([1, 0.4, 0.8, 0.2], [1, 1, 1, 1]) == pytest.approx([1, 0.6, 0.6, 0.2])
    assert monotone([1, 0.4, 0.8, 0.2], [1, 3, 1, 1]) == pytest.approx([1, 0.5, 0.5, 0.2])


def test_ruler_threshold_of_a_known_curve():
    """RULER's published curve of Llama 3.1 8B (95.5, 93.8, 91.6, 87.4, 84.7, 77.0) reaches 85.6 up to 32k."""
    scores = [0.955, 0.938, 0.916, 0.874, 0.847, 0.770]
    rows = [Observations(4096 * 2**i, [score] * 3, [0, 1, 2]) for i, score in enumerate(scores)]
    found = effective_length(rows, threshold=0.856)
    assert found is not None
    assert (found.length, found.at_least, found.rule) == (32768, False, "absolute")


def test_relative_threshold_is_a_share_of_the_shortest_length():
    """NoLiMa's rule takes 85 % of the model's own score at the shortest length."""
    found = effective_length(observed([0.8, 0.8, 0.7, 0.6]))
    assert found is not None
    assert found.threshold == pytest.approx(0.68)
    assert found.length == LENGTHS[2]
    assert found.low is not None
    assert found.low <= LENGTHS[2] <= (found.high or 0)


def test_all_right_is_at_least_the_longest_and_few_samples_keep_the_lower_end_short():
    """A perfect model is censored by the grid's end; with few samples the interval says how little is known."""
    few, many = effective_length(observed([1] * 4, n=3)), effective_length(observed([1] * 4, n=200))
    assert few is not None
    assert many is not None
    assert few.at_least
    assert many.at_least
    assert few.high_open
    assert (few.length, many.length) == (LENGTHS[3], LENGTHS[3])
    assert many.low == LENGTHS[3]
    assert few.low is None or few.low < LENGTHS[3]


def test_below_the_shortest_length_is_none():
    """A model that misses the threshold everywhere has no effective length."""
    found = effective_length(observed([0.3, 0.2, 0.1]), threshold=0.856)
    assert found is not None
    assert (found.length, found.at_least, found.high) == (None, False, None)


def test_a_model_that_never_answers_has_no_relative_threshold():
    """A score of 0 at the shortest length gives no threshold, and no length reaches it."""
    found = effective_length(observed([0, 0, 0]))
    assert found is not None
    assert (found.threshold, found.length) == (None, None)


def test_one_length_is_no_curve():
    """With one measured length there is nothing to say."""
    assert effective_length(observed([1])) is None
    assert effective_length([*observed([1]), Observations(10**6, [], [])]) is None


@given(curves, st.sampled_from([None, 0.5, 0.856]))
def test_invariants(curve, threshold):
    """The order of lengths does not matter, the interval holds the estimate, fitted scores never rise."""
    rows = [Observations(length, row, list(range(len(row)))) for length, row in zip(LENGTHS, curve, strict=False)]
    found = effective_length(rows, threshold=threshold)
    assert found == effective_length(list(reversed(rows)), threshold=threshold)
    assert found is not None
    assert (found.low or 0) <= (found.length or 0) <= (found.high or 0)
    assert all(a >= b - 1e-12 for a, b in zip(found.fitted, found.fitted[1:], strict=False))
    assert found.at_least == (found.length == rows[-1].length)


def test_interval_covers_every_curve():
    """95 % intervals hold the true length for sigmoids, flats, steps and curves that rise again."""
    found = list(length_grid((8, 20), (2,), replicates=15))
    by_curve = {name: np.mean([h.coverage for h in found if h.point[0] == name]) for name in CURVES}
    assert min(by_curve.values()) >= 0.93


def test_a_bad_shortest_length_credits_nothing():
    """Longer lengths neither lift a shortest one that is bad nor are credited over it."""
    for rates in ([0, 1], [0.3, 0.9, 0.9]):
        for threshold in (None, 0.856):
            found = effective_length(observed(rates), threshold=threshold)
            assert found is not None
            assert (found.length, found.low, found.high, found.at_least) == (None, None, None, False)
            assert found.fitted[0] == rates[0]


def test_the_baseline_is_the_score_as_measured():
    """Longer lengths that score better do not move the threshold."""
    found = effective_length(observed([0.8, 0.9, 0.9, 0.6]))
    assert found is not None
    assert found.threshold == pytest.approx(0.85 * 0.8)
    assert found.fitted == pytest.approx((0.8, 0.8, 0.8, 0.6))
    assert found.length == LENGTHS[2]


def test_a_score_at_its_floor_is_never_credited():
    """A length whose score is not surely above what a blind solver gets ends the effective length."""
    rows = observed([0.5, 0.5, 0.47, 0.45])
    floored = [Observations(o.length, o.values, o.clusters, floor=0.45 if i >= 2 else 0.1) for i, o in enumerate(rows)]
    free, found = effective_length(rows), effective_length(floored)
    assert free is not None
    assert found is not None
    assert (free.length, found.length) == (LENGTHS[3], LENGTHS[1])
    sure = effective_length([Observations(o.length, [0.0, 1.0] * 200, range(400), floor=0.6) for o in rows])
    assert sure is not None
    assert (sure.length, sure.high) == (None, None)


def test_the_upper_end_is_open_only_at_the_longest_length():
    """``high_open`` says that the longest length may yet be good enough, not that some length is."""
    steep, flat = effective_length(observed([1, 1, 0.1, 0.1])), effective_length(observed([1, 1, 1, 0.82]))
    assert steep is not None
    assert flat is not None
    assert (steep.high, steep.high_open) == (LENGTHS[1], False)
    assert (flat.length, flat.high, flat.high_open) == (LENGTHS[2], LENGTHS[3], True)


def test_samples_of_one_hay_count_as_what_they_are():
    """The same scores from eight hays leave more open than from forty."""
    alone = effective_length(observed([1, 0.95, 0.95, 0.5]), threshold=0.8)
    rows = [Observations(o.length, o.values, [i // 5 for i in range(40)]) for o in observed([1, 0.95, 0.95, 0.5])]
    shared = effective_length(rows, threshold=0.8)
    assert alone is not None
    assert shared is not None
    assert alone.length == shared.length == LENGTHS[2]
    assert (alone.low, shared.low) == (LENGTHS[2], None)
