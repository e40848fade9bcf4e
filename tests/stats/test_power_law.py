"""Power laws: the fit finds what the data were made from, and says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import t

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.stats.power_law import cumulative, departure, fit_documents, fit_power_law

X = np.geomspace(128, 1 << 20, 24)


@given(st.floats(0.5, 10), st.floats(-1.0, -0.1), st.floats(0, 3))
def test_exact_data_are_recovered(a, b, c):
    """Without noise the three parameters come back."""
    found = fit_power_law(X, a * X**b + c)
    assert (found.a, found.b, found.c) == pytest.approx((a, b, c), rel=1e-3, abs=1e-4)
    assert found.r2 > 0.999999


def test_fit_agrees_with_scipys():
    """Parameters and standard errors are those of scipy's general curve fit."""
    y = 4 * X**-0.3 + 1.5 + np.random.default_rng(3).normal(0, 0.01, len(X))
    ours = fit_power_law(X, y)
    theirs, covariance = curve_fit(lambda x, a, b, c: a * x**b + c, X, y, p0=(4, -0.3, 1.5))
    assert (ours.a, ours.b, ours.c) == pytest.approx(theirs, rel=1e-4)
    half = [(i.high - i.low) / 2 / t.ppf(0.975, len(X) - 3) for i in ours.intervals.values()]
    assert half == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-2)


def test_intervals_cover():
    """With noise, each 95 % interval holds the truth in at least 85 of 100 draws."""
    rng, truth = np.random.default_rng(7), {"a": 4.0, "b": -0.3, "c": 1.5}
    held = dict.fromkeys(truth, 0)
    for _ in range(100):
        found = fit_power_law(X, truth["a"] * X ** truth["b"] + truth["c"] + rng.normal(0, 0.01, len(X)))
        for name, value in truth.items():
            held[name] += found.intervals[name].low <= value <= found.intervals[name].high
    assert min(held.values()) >= 85


def test_aic_prefers_the_law_that_made_the_data():
    """AIC is lowest for the true one of the three laws."""
    noise = np.random.default_rng(1).normal(0, 0.005, len(X))
    offset = fit_power_law(X, 5 * X**-0.4 + 2 + noise)
    plain = fit_power_law(X, 5 * X**-0.1 + noise)
    line = fit_power_law(X, 5 - 0.2 * np.log(X) + noise)
    assert offset.aic < min(offset.aic_plain, offset.aic_log_linear)
    assert plain.aic_plain < plain.aic_log_linear
    assert plain.aic_plain < plain.aic + 2
    assert line.aic_log_linear < line.aic_plain


def test_errors_are_weights():
    """A point with a large standard error pulls the fit less."""
    y = 4 * X**-0.3 + 1
    y[-1] += 1
    trusted = fit_power_law(X, y)
    doubted = fit_power_law(X, y, errors=[0.01] * (len(X) - 1) + [10])
    assert abs(doubted.c - 1) < 0.01 < abs(trusted.c - 1)


def test_fit_is_callable_and_plain():
    """A fit gives the loss at a position, and plain values for files."""
    found = fit_power_law(X, 4 * X**-0.3 + 1)
    assert found(1000) == pytest.approx(4 * 1000**-0.3 + 1, rel=1e-4)
    assert set(found.to_dict()["intervals"]) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2, 3], [3, 2, 1], "at least 4"),
        ([1, 2, 2, 2], [3, 2, 1, 1], "at least 4"),
        ([0, 1, 2, 3], [3, 2, 1, 1], "above 0"),
        ([1, 2, 3, 4], [3, 2, 1, float("nan")], "finite"),
    ],
)
def test_unusable_data_are_refused(x, y, message):
    """Too few positions, positions not above 0 and losses that are not finite are refused."""
    with pytest.raises(ConfigError, match=message):
        fit_power_law(x, y)


POSITIONS = [256.0 * 2**k for k in range(12)]


def documents(rng, count, bend=0.0):
    """Noisy curves of known parameters; ``bend`` lowers the last four positions."""
    base = 6 * np.array(POSITIONS) ** -0.25 + 1.5
    losses = base + rng.normal(0, 0.15, (count, 1)) + rng.normal(0, 0.05, (count, len(base)))
    losses[:, -4:] -= bend
    return losses


def test_the_exponent_is_covered_over_documents():
    """In 93 to 98 of 100 sets of documents the true exponent lies in its interval."""
    rng = np.random.default_rng(5)
    found = [fit_documents(POSITIONS, documents(rng, 8)).intervals["b"] for i in range(200)]
    assert 0.92 <= np.mean([one.low <= -0.25 <= one.high for one in found]) <= 0.985
    assert {one.method for one in found} == {"jackknife"}


def test_few_documents_have_intervals_over_positions():
    """With fewer than five documents nobody leaves any out."""
    fit = fit_documents(POSITIONS, documents(np.random.default_rng(1), 2))
    assert fit.intervals["b"].method == "t"


def test_where_a_curve_leaves_its_fit_is_found_and_nothing_else():
    """A drop at the ninth position is found there in most sets; without one nothing is, in at least 95 of 100."""
    rng = np.random.default_rng(6)
    bent = [departure(POSITIONS, documents(rng, 10, bend=0.25)) for i in range(60)]
    straight = [departure(POSITIONS, documents(rng, 10)) for i in range(100)]
    assert sum(place == 8 for place in bent) >= 50
    assert sum(place is not None for place in straight) <= 8


def test_the_cumulative_mean_is_the_integral():
    """Losses that change evenly between positions have the mean that calculus gives."""
    x = np.array([10.0, 20.0, 40.0])
    assert np.allclose(cumulative(x, np.array([[1.0, 1.0, 1.0]])), 1.0)
    assert np.allclose(cumulative(x, np.array([[2.0, 1.0, 1.0]]))[0], [2.0, (20 + 15) / 20, (20 + 15 + 20) / 40])
