"""The curve of loss by position: which points it has, what each is of, and when it is said to be a power law."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.report.wording import loss_by_position
from lm_eval_longctx.results import SampleResult
from lm_eval_longctx.results.curve import loss_curve
from lm_eval_longctx.scorers.likelihood import LikelihoodScorer

POSITIONS = [256 * 2**step for step in range(9)]
WINDOW = 100


def result(document, position, nll, up_to=None):
    """Make the result of one document at one position; unscored where there is no loss."""
    sample = {"index": document, "context_label": str(position), "context_length": position}
    sample |= {"realised_length": position, "window_tokens": WINDOW}
    if nll is None:
        return SampleResult(sample, Completion("", Outcome.CONTEXT_EXCEEDED), None, "context_exceeded")
    told = {} if up_to is None else {"up_to": up_to}
    return SampleResult(sample, Completion("{}"), {"nll": nll, "bits_per_byte": 1.0, "repeated": 0.0, **told})


def curve_of(losses, **settings):
    """Return the curve of documents' losses, one row a document."""
    rows = [
        result(document, position, loss, **{name: of(position) for name, of in settings.items()})
        for document, row in enumerate(losses)
        for position, loss in zip(POSITIONS, row, strict=False)
    ]
    return loss_curve(rows, LikelihoodScorer.METRICS)


def test_positions_beyond_the_window_are_left_out_and_the_rest_is_fitted():
    """A model that reads no further than 8k has a curve, and a power law, up to there."""
    losses = [[4 + position**-0.3 if position <= 8192 else None for position in POSITIONS] for _ in range(3)]
    found = curve_of(losses)
    assert [point["length"] for point in found["curve"]] == [str(p) for p in POSITIONS if p <= 8192]
    assert {point["documents"] for point in found["curve"]} == {3}
    assert found["power_law"]["positions"] == 6


@pytest.mark.parametrize(("missing", "points", "documents"), [(1, 9, 3), (2, 9, 2), (3, 8, 4), (4, 8, 4)])
def test_each_point_is_about_the_same_documents(missing, points, documents):
    """A position that most documents lack is no point; a document that lacks another one does not count."""
    losses = [[5.0] * 9 for _ in range(4)]
    for row in losses[:missing]:
        row[-1] = None
    found = curve_of(losses)["curve"]
    assert len(found) == points
    assert {point["documents"] for point in found} == {documents}


def test_nothing_scored_is_no_curve():
    """Where every call failed there is an empty curve and no fit."""
    assert curve_of([[None] * 9] * 2) == {"curve": [], "power_law": None}


@pytest.mark.parametrize("told", [True, False])
def test_the_cumulative_mean_is_at_the_end_of_its_text(told):
    """The law is that of all text up to where it ends, not up to the middle of a window, told or worked out."""

    def law(position):
        return 40 * position**-0.5 + 2

    def within(position):  # the derivative of position * law(position), in the middle of the window
        return 20 * (position - WINDOW / 2) ** -0.5 + 2

    settings = {"up_to": law} if told else {}
    found = curve_of([[within(position) for position in POSITIONS] for _ in range(5)], **settings)
    assert [point["end"] for point in found["curve"]] == POSITIONS
    assert [point["position"] for point in found["curve"]] == [position - WINDOW / 2 for position in POSITIONS]
    exponent = found["power_law"]["exponent"]["value"]
    assert exponent == pytest.approx(-0.5, abs=1e-4 if told else 0.35)
    if not told:
        flat = curve_of([[3.0] * 9])["curve"]
        assert {round(point["cumulative"], 12) for point in flat} == {3.0}


CURVES = {
    "a power law": (lambda x: 6 * x**-0.3 + 1.5, "power_law", True, ""),
    "a logarithm": (lambda x: 6 - 0.2 * np.log(x), "logarithm", False, "a logarithm of position describes"),
    "no change": (lambda x: 4 + 0 * x, None, False, "not surely a power law"),
    "a rise and a fall": (lambda x: 5 + 0.3 * np.sin(np.log(x)), None, False, "not surely a power law"),
}


@pytest.mark.parametrize("name", CURVES)
def test_it_is_said_whether_that_is_a_power_law(name):
    """What AIC finds described better by something else, or with an exponent that may be 0, is called no power law."""
    of, best, falls, words = CURVES[name]
    rng = np.random.default_rng(4)
    x = np.array(POSITIONS, dtype=float)
    noisy = [of(x) + rng.normal(0, 0.02) + rng.normal(0, 0.004, len(x)) for _ in range(6)]
    rows = [
        result(document, position, float(loss), float(loss))
        for document, row in enumerate(noisy)
        for position, loss in zip(POSITIONS, row, strict=True)
    ]
    found = json.loads(json.dumps(loss_curve(rows, LikelihoodScorer.METRICS)))["power_law"]
    assert found["falls"] is falls
    assert best in (None, found["best"])
    block = {"power_law": {**found, "leaves_at": None}, "summary": {"metric": "nll"}}
    assert words in " ".join(loss_by_position(block, None))
