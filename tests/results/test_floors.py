"""The floor of a score: what an answer gets that never reads the context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sweeps import block, guessed

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.results.floors import Floors, corrected
from lm_eval_longctx.scorers.choice import ChoiceScorer
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.scorers.label import LabelScorer

EXACT = ExactF1Scorer({})


@pytest.mark.parametrize(
    ("scorer", "sample", "chance"),
    [
        (ChoiceScorer({}), {"options": ["a", "b", "c", "d", "e"]}, 0.2),
        (LabelScorer({}), {"labels": ["x", "y", "z", "z"]}, 1 / 3),
        (EXACT, {"target": "1612"}, 0.0),
        (EXACT, {"target": "Anna", "chance": 0.5}, 0.5),
        (EXACT, {"target": "not told", "absent": True}, 1.0),
    ],
)
def test_closed_questions_have_a_floor_by_chance(scorer, sample, chance):
    """The scorer, or the builder in the sample, says what a guess is worth."""
    assert scorer.chance(sample) == pytest.approx(chance)
    assert Floors().of(sample, scorer) == pytest.approx(chance)


def test_every_scorer_gives_a_sample_without_alternatives_no_floor():
    """An open question has no floor by chance, whichever scorer of ours reads it."""
    known = registry()
    for record in known.scorers():
        if record.name not in {"choice", "label"}:
            options = {option.name: option.fallback() for option in known.load(record).OPTIONS}
            assert known.load(record)(options).chance({"target": "x"}) == 0


@pytest.mark.parametrize(
    ("measured", "kind", "floor"),
    [
        (None, "count", 0.0),
        (0.08, "count", 0.08),
        ({"count": 0.2, "*": 0.05}, "count", 0.2),
        ({"count": 0.2, "*": 0.05}, "order", 0.05),
        ({"count": 0.2}, "order", 0.0),
    ],
)
def test_open_questions_have_the_floor_that_was_measured(measured, kind, floor):
    """A task's metadata have one floor, or one by kind of question; the variant stands in for it."""
    assert Floors(measured).of({"target": "x", "kind": kind}, EXACT) == floor
    assert Floors(measured).of({"target": "x", "variant": kind}, EXACT) == floor
    assert Floors(measured).of({"target": "x", "kind": kind, "chance": 0.5}, EXACT) == 0.5


@pytest.mark.parametrize("measured", ["high", 1.0, -0.1, True, {"count": "low"}, [0.1]])
def test_a_floor_that_is_none_is_refused(measured):
    """What cannot be a floor is an error, not ignored."""
    with pytest.raises(ConfigError, match="floor"):
        Floors(measured)


@given(st.floats(0, 1), st.floats(0, 0.99))
def test_correction_maps_floor_to_zero_and_one_to_one(score, floor):
    """The corrected score is 0 at the floor, 1 at 1, below the score between, and negative beneath the floor."""
    assert corrected(floor, floor) == 0
    assert corrected(1, floor) == 1
    assert corrected(score, floor) <= score + 1e-9
    assert corrected(score, 1.0) is None


def test_rows_hold_the_floor_and_what_is_left_above_it():
    """Each row has the mean floor of its scored samples, and the score corrected for it; 0 changes nothing."""
    row = guessed({"1k": 0.75, "4k": 0.5}, floor=0.5)["lengths"]
    assert [(r["floor"], r["corrected"]) for r in row] == [(0.5, pytest.approx(0.5)), (0.5, pytest.approx(0))]
    plain = block()["summary"]
    assert plain["floor"] == 0
    assert plain["corrected"] == pytest.approx(plain["metrics"]["exact"]["value"])


def test_a_score_at_its_floor_is_not_credited():
    """A solver that never reads has no effective length, however flat; above the floor, the same scores have one."""
    scores = dict.fromkeys(("1k", "4k", "16k"), 0.5)
    blind, reading = (guessed(scores, floor)["summary"]["effective_length"]["relative"] for floor in (0.5, 0.0))
    assert (blind["length"], blind["why_none"]) == (None, "floor")
    assert (reading["length_label"], reading["at_least"], reading["why_none"]) == ("16k", True, "")
