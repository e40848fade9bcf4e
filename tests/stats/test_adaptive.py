"""The adaptive sweep's beliefs: its choice leaves scores unbiased, and uneven lengths make it less sure."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from lm_eval_longctx.stats.adaptive import Posterior

LENGTHS, DEPTHS, SAMPLES = [1024.0 * 2**i for i in range(5)], [0.0, 0.5, 1.0], 4

CHANCES = {
    "slope": np.linspace(0.95, 0.1, 5)[:, None] * np.ones((1, 3)),
    "middle": np.array([[0.9, 0.9 - 0.2 * i, 0.9] for i in range(5)]),
    "uneven": np.array([0.9, 0.6, 0.8, 0.5, 0.7])[:, None] * np.ones((1, 3)),
}


@pytest.fixture(scope="module")
def begun() -> Posterior:
    return Posterior(LENGTHS, DEPTHS)


def swept(posterior: Posterior, chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the mean score of each cell after five rounds; NaN where none was asked or the sweep ended before."""
    means = np.full(chances.shape, np.nan)
    for _ in range(5):
        known = posterior.estimate()
        if known.high - known.low <= 1:
            break
        for length, depth in posterior.next_cells(np.ones(chances.shape), 2):
            scores = rng.random(SAMPLES) < chances[length, depth]
            posterior.observe(length, depth, list(map(float, scores)))
            means[length, depth] = scores.mean()
    return means


@pytest.mark.parametrize("kind", CHANCES)
def test_a_chosen_cell_is_as_unbiased_as_in_a_grid(begun, kind):
    """Over 200 sweeps the scores of the cells that were asked have the truth as their mean, whatever led there."""
    chances, rng = CHANCES[kind], np.random.default_rng(19)
    found = np.array([swept(copy.deepcopy(begun), chances, rng) for _ in range(200)])
    asked = (~np.isnan(found)).sum(axis=0)
    assert 0 < asked.sum() < found.size * 0.8
    seen = asked >= 30  # fewer are no sample of normal means
    error = np.nansum(found, axis=0) / np.maximum(asked, 1) - chances
    se = np.sqrt(chances * (1 - chances) / SAMPLES / np.maximum(asked, 1))
    assert (np.abs(error) < 4 * se)[seen].all()
    assert abs((error * asked).sum()) < 4 * np.sqrt(((se * asked) ** 2).sum())


def test_lengths_that_differ_without_order_make_the_interval_wider(begun):
    """Scores that jump up and down from length to length say that lengths differ: less is sure than after even ones."""

    def believed(by_length: list[float]) -> tuple[float, ...]:
        posterior = copy.deepcopy(begun)
        for length, right in enumerate(by_length):
            for depth in range(len(DEPTHS)):
                posterior.observe(length, depth, [1.0] * round(10 * right) + [0.0] * round(10 * (1 - right)))
        return posterior.estimate().probabilities

    even, jumping = believed([0.9, 0.9, 0.9, 0.2, 0.2]), believed([0.9, 0.7, 0.9, 0.4, 0.6])
    assert max(even) > 0.9
    assert max(jumping) < 0.9


def test_the_same_lengths_have_the_same_hypotheses(begun):
    """Nothing is drawn by chance, so that the same command chooses the same cells and pays for none of them twice."""
    again = Posterior(LENGTHS, DEPTHS)
    prices = np.ones(again.shape)
    assert again.next_cells(prices, 6) == copy.deepcopy(begun).next_cells(prices, 6)
    assert np.array_equal(again.weights(), begun.weights())
