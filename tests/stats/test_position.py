"""Position bias: contrasts of beginning, middle and end, and tests of depth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.stats import position
from lm_eval_longctx.stats.position import position_bias, third

DEPTHS = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]


def sweep(rate, samples=12, lengths=(1, 2, 3), seed=0):
    """Draw 0/1 scores with a rate that depends on depth and length; give the four columns."""
    rng = np.random.default_rng(seed)
    rows = list(itertools.product(lengths, DEPTHS, range(samples)))
    values = [float(rng.random() < rate(depth, length)) for length, depth, _ in rows]
    return values, [d for _, d, _ in rows], [x for x, _, _ in rows], [i for _, _, i in rows]


def test_thirds():
    """Below one third is the beginning, above two thirds the end."""
    assert [third(d) for d in (0, 0.33, 1 / 3, 0.5, 2 / 3, 0.67, 1)] == [0, 0, 1, 1, 1, 2, 2]


def test_contrasts_of_a_known_example():
    """Means of 1, 0 and 0.5 give primacy 1, recency 0.5 and lost in the middle 0.75."""
    found = position_bias([1, 1, 0, 0, 1, 0], [0, 0, 0.5, 0.5, 1, 1], [1] * 6, range(6))
    assert found is not None
    assert found.means == {"beginning": 1, "middle": 0, "end": 0.5}
    assert [c.estimate for c in (found.primacy, found.recency, found.lost_in_the_middle)] == [1, 0.5, 0.75]


def test_lost_in_the_middle_is_seen():
    """A dip in the middle gives contrasts above 0 with intervals that leave 0 out, and a small p."""
    found = position_bias(*sweep(lambda d, _: 0.95 if abs(d - 0.5) > 0.2 else 0.5))
    assert found is not None
    for contrast in (found.primacy, found.recency, found.lost_in_the_middle):
        assert contrast.interval.low > 0
    assert found.depth_p < 0.01


def test_no_effect_is_seldom_called_one():
    """Where depth has no effect, the tests reject in about 5 % of sweeps."""
    found = [position_bias(*sweep(lambda _d, _x: 0.7, samples=4, seed=s), seed=str(s)) for s in range(60)]
    assert sum(f.depth_p < 0.05 for f in found) <= 8
    assert sum(f.interaction_p < 0.05 for f in found) <= 8


def test_interaction_is_told_from_plain_effects():
    """An effect of depth that grows with length is an interaction; one that is the same everywhere is not."""
    growing = position_bias(*sweep(lambda d, x: 0.95 - (0.3 * (x - 1) if abs(d - 0.5) < 0.2 else 0)))
    steady = position_bias(*sweep(lambda d, _: 0.9 - (0.3 if abs(d - 0.5) < 0.2 else 0)))
    assert growing.interaction_p < 0.01
    assert steady.interaction_p > 0.05


def test_length_alone_is_no_effect_of_depth():
    """Scores that fall with length only do not move the test of depth, even on an unbalanced grid."""
    values, depths, lengths, clusters = sweep(lambda _, x: {1: 1.0, 2: 0.5, 3: 0.0}[x])
    keep = [i for i, (d, x) in enumerate(zip(depths, lengths, strict=True)) if not (d < 0.5 and x == 3)]
    found = position_bias(*([column[i] for i in keep] for column in (values, depths, lengths, clusters)))
    assert found.depth_p > 0.05


def test_one_depth_or_one_length():
    """One depth gives nothing; one length gives no interaction; one sample a cell gives no interaction."""
    assert position_bias([1, 0], [0.5, 0.5], [1, 2], [0, 1]) is None
    assert position_bias(*sweep(lambda _d, _x: 0.5, lengths=(1,))).interaction_p is None
    assert position_bias(*sweep(lambda _d, _x: 0.5, samples=1)).interaction_p is None


def test_missing_thirds_are_none():
    """Where nothing lies in the middle, contrasts with it are ``None``."""
    found = position_bias([1, 0, 1, 0], [0, 0, 1, 1], [1] * 4, range(4))
    assert found.means["middle"] is None
    assert (found.primacy, found.recency, found.lost_in_the_middle) == (None, None, None)


@pytest.mark.parametrize("samples", [2, 4, 12])
def test_contrasts_without_an_effect_hold_0(samples, monkeypatch):
    """Where position does nothing, an interval leaves 0 out in about 5 % of sweeps, with few samples too."""
    monkeypatch.setattr(position, "PERMUTATIONS", 1)
    found = [position_bias(*sweep(lambda _d, _x: 0.7, samples=samples, seed=s)) for s in range(60)]
    contrasts = [c for f in found for c in (f.primacy, f.recency, f.lost_in_the_middle)]
    assert sum(c.interval.low > 0 or c.interval.high < 0 for c in contrasts) <= 0.08 * len(contrasts)


@given(st.lists(st.integers(0, 1), min_size=9, max_size=9), st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter_to_estimates(values, random):
    """Shuffling the samples keeps all estimates."""
    rows = list(zip(values, DEPTHS, [1] * 9, range(9), strict=True))
    first = position_bias(*zip(*rows, strict=True))
    random.shuffle(rows)
    second = position_bias(*zip(*rows, strict=True))
    assert first.means == pytest.approx(second.means)
    assert first.primacy.estimate == pytest.approx(second.primacy.estimate)


def test_a_seed_does_not_decide_whether_depth_matters():
    """Where the first permutations leave it open, more are drawn, and all seeds come to the same side of 0.05."""
    rng = np.random.default_rng(22)
    depths, lengths, clusters = (
        np.repeat(np.linspace(0, 1, 11), 24),
        np.tile(np.arange(6), 44),
        np.tile(np.arange(4), 66),
    )
    values = (rng.random(264) < 0.8 + 0.1 * (abs(depths - 0.5) > 0.2)).astype(float)
    found = [position_bias(values, depths, lengths, clusters, seed=str(seed)).depth_p for seed in range(8)]
    assert all(0.04 < p < 0.05 for p in found)


def test_reproducible():
    """The same seed gives the same numbers."""
    data = sweep(lambda d, _: 0.5 + d / 3)
    assert position_bias(*data, seed="a") == position_bias(*data, seed="a")
