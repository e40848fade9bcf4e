"""Short answers: exact match and overlap of words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.answers.texts import answer_words, read_text
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.chronicle.words import number_words
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer, declines, overlap

SCORER = ExactF1Scorer({})
WORDS = st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=1, max_size=6)


def judged(target, answer, *, absent=False):
    """Return the scores of one answer."""
    scores = SCORER.score({"target": target, "absent": absent}, answer)
    assert scores.pop("exact_retrieved") is scores.pop("exact_closed_book") is None
    assert 0 <= scores.pop("squad_exact") <= scores.pop("squad_f1") <= 1
    return scores


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("Orlmere", "Orlmere"),
        ("Orlmere", " orlmere. "),
        ("Orlmere", "Answer: Orlmere"),
        ("Orlmere", "The answer is Orlmere."),
        ("Orlmere", "**Orlmere**"),
        ("Orlmere", "\n\nOrlmere\n\nIt stands in chapter 4."),
        ("the Heron Bridge at Orlmere", "Heron Bridge at Orlmere"),
        ('"Of Bees and Weirs"', "Of Bees and Weirs"),
        ("a fever", "fever"),
        ("312", "three hundred and twelve"),
        ("312", "Three hundred twelve."),
        ("1002", "one thousand and two"),
        ("1002", "1,002"),
        ("21", "twenty-one"),
        ("five jars of saffron", "5 jars of saffron"),
        ("surgeon's knives", "surgeon\u2019s knives"),
        (["reeve of Orlmere", "reeve, Orlmere"], "Reeve, Orlmere"),
        ("Coufontaine", "coufontaine"),
        ("Ilveth Tarrow", "It was Ilveth Tarrow"),
    ],
)
def test_right_answers_are_right(target, answer):
    """An accepted answer is right however it is written."""
    assert judged(target, answer) == {"exact": 1.0, "f1": 1.0, "invented": None, "abstained": 0.0}


@pytest.mark.parametrize(
    ("target", "answer", "f1"),
    [
        ("Orlmere", "Tarvick", 0.0),
        ("312", "three hundred and thirteen", 0.0),
        ("12", "3129", 0.0),
        ("12", "12.5", 0.0),
        ("Ilveth Tarrow", "Ilveth", 2 / 3),
        ("Orlmere", "", 0.0),
        ("Orlmere", "Answer:", 0.0),
        ("Orlmere", "Orlmere or Tarvick", 0.5),
    ],
)
def test_wrong_answers_are_wrong(target, answer, f1):
    """What is not an accepted answer does not match exactly, and gets what its words are worth."""
    scores = judged(target, answer)
    assert scores["exact"] == 0.0
    assert scores["f1"] == pytest.approx(f1)


@pytest.mark.parametrize(
    "answer",
    [
        "not told",
        "Not told.",
        "It is not told",
        "The text does not say.",
        "The document doesn't mention it.",
        "unknown",
    ],
)
def test_saying_that_it_is_not_told(answer):
    """A denial is right where nothing is told, and is counted as abstaining where something is."""
    assert judged("not told", answer, absent=True) == {"exact": 1.0, "f1": 1.0, "invented": 0.0, "abstained": None}
    scores = judged("Orlmere", answer)
    assert (scores["exact"], scores["abstained"]) == (0.0, 1.0)


@pytest.mark.parametrize("answer", ["Orlmere", "", "412", "The reeve"])
def test_inventing_an_answer(answer):
    """Where nothing is told, any other answer is wrong and counts as invented."""
    assert judged("not told", answer, absent=True) == {"exact": 0.0, "f1": 0.0, "invented": 1.0, "abstained": None}


@given(WORDS, WORDS)
def test_overlap_is_fair(one, other):
    """F1 lies in [0, 1], does not depend on sides or order, and is 1 only for the same words."""
    value = overlap(one, other)
    assert 0 <= value <= 1
    assert value == overlap(other, one) == overlap(one[::-1], other)
    assert (value == 1) == (sorted(one) == sorted(other))


@given(WORDS)
def test_perfect_answers_score_one(words):
    """The target itself is right."""
    text = " ".join(words)
    if answer_words(text):
        assert judged(text, text)["exact"] == 1.0
        assert judged([text, "other"], text.upper())["f1"] == 1.0


@given(st.integers(0, 999_999))
def test_spelt_numbers_are_numbers(number):
    """Every number that the chronicle spells is read back."""
    assert answer_words(number_words(number)) == [str(number)]
    assert answer_words(f"{number_words(number)} marks") == [str(number), "marks"]
    assert answer_words(f"{number:,}") == [str(number)]


def test_numerals_that_are_not_one_number_stay_apart():
    """A row of numerals is not added up, and words that merely hold one are left alone."""
    assert answer_words("four two") == ["4", "2"]
    assert answer_words("twenty, thirty") == ["20", "30"]
    assert answer_words("nine and a half") == ["9", "and", "half"]
    assert answer_words("someone often") == ["someone", "often"]
    assert answer_words("Bell and Son") == ["bell", "and", "son"]


def test_the_first_line_counts():
    """The answer is the first line with words in it."""
    assert read_text("\n - \nAnswer: 12\nbecause").text == "12"
    assert not read_text("").text
    assert SCORER.details({}, "The  Answer is: Twelve!") == {"compared": "12", "how": "answer", "unparsed": 0}
    assert not declines(read_text("Nottold Street"))


def test_controls_count_only_under_their_own_name():
    """An answer without the document, or with passages of it, stays out of the measures of the whole document."""
    names = {metric.name for metric in ExactF1Scorer.METRICS}
    sample = {"target": "Orlmere", "context": "none", "control": True}
    scores = SCORER.score(sample, "Orlmere")
    assert scores.keys() == names
    assert {name: value for name, value in scores.items() if value is not None} == {"exact_closed_book": 1.0}
    scores = SCORER.score({**sample, "context": "retrieved", "control": False}, "Tarvick")
    assert (scores["exact"], scores["f1"], scores["exact_retrieved"], scores["exact_closed_book"]) == (0, 0, 0, None)
    assert SCORER.score({**sample, "context": "full", "control": False}, "Orlmere")["exact_retrieved"] is None


@pytest.mark.parametrize("target", [None, "", [], ["..."], [3]])
def test_a_target_without_words_is_refused(target):
    """A sample whose target cannot be matched is an error before anything runs."""
    with pytest.raises(ConfigError, match="target"):
        SCORER.validate({"target": target})
