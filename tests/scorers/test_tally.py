"""Numbers and names: what an answer gives, and what it is worth."""

from __future__ import annotations

import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.tally import TallyScorer, read_number

QUESTION = "Are there more than 3 sales before 14 March 1987? How many sales are there in the records?"


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("12", 12),
        ("12.", 12),
        ("**12**", 12),
        ("1,234", 1234),
        ("Twelve", 12),
        ("twelve sales", 12),
        ("There are twenty-three sales.", 23),
        ("There are 12 sales in the records.", 12),
        ("\\boxed{12}", 12),
        ("The answer is 12.", 12),
        ('{"answer": 12}', 12),
        ("```\n12\n```", 12),
        ("<think>3 or 4</think>12", 12),
        ("Alice has 3, Bob has 9.\nTotal: 12", 12),
        ("3 + 9 = 12", 12),
        ("In March: 3\nIn April: 9\n\n3 + 9 = 12 sales", 12),
        ("Counting gives 5, no wait, 12", 12),
        ("It is not 13. It is 12.", 12),
        ("How many sales are there in the records? 12", 12),
        ("0", 0),
        ("none", None),
        ("", None),
        ("3 or 4", None),
        ("I cannot tell.", None),
        ("between 10 and 20", None),
    ],
)
def test_one_number_is_read(answer, value):
    """A number is read in the usual forms; of several different ones none, unless one concludes."""
    sample = {"target": "12", "question": QUESTION}
    verdict = judge(TallyScorer({}), sample, answer)
    assert verdict.values["given" if "given" in verdict.values else "accuracy"] == value
    assert verdict.values["accuracy"] == float(value == 12)


def test_a_near_number_gets_credit():
    """Partial credit is .75 to the power of the error; the relative error is capped at 1."""
    scorer, sample = TallyScorer({}), {"target": "12", "sampled": "20"}
    assert scorer.score(sample, "14")["partial"] == pytest.approx(0.75**2)
    assert scorer.score(sample, "14")["relative_error"] == pytest.approx(2 / 12)
    assert scorer.score(sample, "999")["relative_error"] == 1
    assert scorer.score(sample, "no idea")["relative_error"] is None
    assert scorer.score(sample, "12") == {
        "accuracy": 1,
        "partial": 1,
        "relative_error": 0,
        "sampled": 0,
        "abstained": 0,
    }


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("bakery", 1),
        ("the bakery", 1),
        ("The Bakery.", 1),
        ("It is the bakery.", 1),
        ("the south quay", 0),
        ("the bakery or the south quay", 0),
        ("not the bakery", 0),
        ("", 0),
    ],
)
def test_a_name_is_read_as_labels_are(answer, right):
    """A name counts with or without its article, alone or in a sentence; two names are none."""
    sample = {"target": "bakery", "labels": ["bakery", "south quay"]}
    assert (
        TallyScorer({}).score(sample, answer)["accuracy"] == TallyScorer({}).score(sample, answer)["partial"] == right
    )


@pytest.mark.parametrize(
    "sample", [{"target": "x"}, {"target": 3}, {"target": "x", "labels": ["a", "b"]}, {"target": "a", "labels": ["a"]}]
)
def test_other_targets_are_refused(sample):
    """A target is a whole number in digits, or one of at least two labels."""
    with pytest.raises(ConfigError, match="target must be"):
        TallyScorer({}).validate(sample)


@pytest.mark.parametrize("answer", ["7 " * 5000, "= " * 5000, "one " * 3000, "1" * 9000])
def test_long_answers_are_read_quickly(answer):
    """A loop is read without stalling."""
    assert read_number(answer).value is None
