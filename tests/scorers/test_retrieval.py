"""One needle: what counts as found."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.retrieval import RetrievalScorer

SCORER = RetrievalScorer({})
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

values = st.one_of(
    st.integers(0, 10**9).map(str),
    st.uuids().map(str),
    st.text("abcdefghijklmnopqrstuvwxyzäöüß", min_size=1, max_size=12),
)


def three(sample, answer):
    """Return the numbers that every sample has of the kind that it is."""
    scores = SCORER.score(sample, answer)
    return {name: scores[name] for name in ("recall", "exact", "invented")}


def recall(target, answer, **sample):
    return SCORER.score({"target": target, **sample}, answer)["recall"]


@given(values)
def test_perfect_answer_scores_one_and_empty_scores_zero(value):
    """The value alone scores 1 on recall and exact; an empty answer scores 0 on both."""
    assert three({"target": value}, value) == {"recall": 1.0, "exact": 1.0, "invented": None}
    assert three({"target": value}, "") == {"recall": 0.0, "exact": 0.0, "invented": None}


@given(
    values, st.sampled_from(["{}", "It is {}.", "**{}**", '"{}"', "({})", "> {}\n", "$\\boxed{{{}}}$", "`{}`!", "_{}_"])
)
def test_case_and_typography_do_not_matter(value, frame):
    """Upper or lower case and what stands around the value change nothing."""
    assert recall(value, frame.format(value)) == 1
    assert recall(value, frame.format(value.upper())) == 1
    assert recall(value.upper(), frame.format(value)) == 1


@given(st.integers(0, 10**9), st.sampled_from([",", " ", "'", "’", "_", ".", "\u202f", "\u00a0", "\u2009"]))
def test_thousands_separators_do_not_matter(number, separator):
    """A number is found with any usual thousands separator."""
    assert recall(str(number), f"The number is {number:,}.".replace(",", separator)) == 1


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_another_number_is_never_right(number, other):
    """A different number scores 0, whatever digits the two share."""
    assume(number != other)
    assert recall(str(number), f"It is {other}.") == 0
    assert recall(str(number), f"It is {other:,}.") == 0


@given(st.uuids())
def test_uuids_are_found_in_any_spelling(value):
    """A UUID is found with or without dashes, in any case, as a URN and with typographic hyphens."""
    for spelt in (value.hex, str(value).upper(), value.urn, str(value).replace("-", "\u2011"), f"{{{value}}}"):
        assert recall(str(value), f"Here: {spelt}") == 1
    assert recall(str(value), str(uuid.UUID(int=(value.int + 1) % (1 << 128)))) == 0


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("12", "3129"),
        ("12", "12.5"),
        ("12", "0.12"),
        ("12", ".12"),
        ("12", "12th"),
        ("12", "x12"),
        ("12", "so -12 it is"),
        ("12", "-12"),
        ("12", "+49-12-3129"),
        ("12", "12,345"),
        ("12", "1 200"),
        ("12", "1e12"),
        ("12", "the code a-12-b"),
        ("567", "1 234 567"),
        ("456", "123,456"),
        ("3129", "3,12,9"),
        ("3129", "31 29"),
        ("007", "7"),
        ("otter", "otters"),
        ("otter", "sea-otter"),
        ("otter", "otter-like"),
        ("otter", "hotter"),
        ("otter", "otter_den"),
        ("crimson otter", "crimson and otter"),
        (UUID, UUID[:-1]),
        (UUID, UUID + "0"),
        (UUID, "0f8fad5b"),
    ],
)
def test_what_does_not_stand_alone_is_not_found(target, answer):
    """A value inside a longer number, word or UUID is not found."""
    assert recall(target, answer) == 0


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("12", "It is 12."),
        ("12", "- 12"),
        ("12", "12.0"),
        ("12", "12, 13"),
        ("12", "number:12"),
        ("12", "Paris—12"),
        ("12", "No.12"),
        ("4521", "[4521,2233]"),
        ("3129", "答案是3129。"),
        ("3129", "３１２９"),
        ("3129", "٣١٢٩"),
        ("3129", "3\u200b129"),
        ("123", "123 456 789"),
        ("otter", "the OTTER's"),
        ("otter", "“otter”"),
        ("crimson otter", "Crimson-Otter"),
        ("crimson-otter", "crimson\notter"),
        ("café", "cafe\u0301"),
        ("12 March 1790", "on 12 march 1790."),
    ],
)
def test_what_stands_alone_is_found(target, answer):
    """A value that stands alone is found through bullets, punctuation, scripts and typography."""
    assert recall(target, answer) == 1


def test_any_accepted_text_is_enough():
    """Where several texts are accepted, one of them is enough."""
    assert recall(["7 May", "May 7"], "It was on May 7.") == 1
    assert recall(["7 May", "May 7"], "It was on May 8.") == 0


def test_exact_is_lost_by_naming_other_values():
    """Claiming another value of the kind keeps recall and loses exact; small figures and keys do not count."""
    sample = {"target": "1234567", "distractors": ["7654321"], "question": "What is the number of Paris 1900?"}
    assert SCORER.score(sample, "In chapter 12 of Paris 1900: 1234567")["exact"] == 1
    both = SCORER.score(sample, "1234567 or 7654321")
    assert (both["recall"], both["exact"]) == (1, 0)
    assert SCORER.details(sample, "1234567 or 7654321")["other_values"] == ["7654321"]


def test_exact_tells_distractors_that_are_words():
    """Of words, known distractors that are not denied lose exact; other words cannot be told from prose."""
    sample = {"target": "otter", "distractors": {"Rome": "badger"}}
    assert SCORER.score(sample, "otter, and badger")["exact"] == 0
    assert SCORER.score(sample, "otter, not badger")["exact"] == 1
    assert SCORER.score(sample, "otter, a fine animal")["exact"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        "The document does not mention a magic number for Paris.",
        "There is no magic number for Paris in the text.",
        "I couldn't find any special number for Paris.",
        "I could not find it.",
        "It is not mentioned anywhere.",
        "It's not there.",
        "Not found",
        "Not present.",
        "None.",
        "N/A",
        "There is none.",
        "The number for Paris isn't given in the context.",
        "The context doesn’t contain that information.",
        "No such number is given.",
        "No information about Paris.",
        "The document never states the number for Paris.",
        "Unfortunately, the value is missing.",
        "The special magic Paris number is nowhere to be found.",
        "The magic number for Paris is not in the document.",
        "The answer is that it is not in the text.",
    ],
)
@pytest.mark.parametrize("kind", ["numbers", "uuids", "words"])
def test_denials_are_right_where_no_needle_is_hidden(answer, kind):
    """An answer that says that the needle is not there is right on a needle-absent sample."""
    scores = three({"target": "", "absent": True, "value_kind": kind}, answer)
    assert scores == {"recall": 1.0, "exact": 1.0, "invented": 0.0}


@pytest.mark.parametrize(
    ("answer", "kind", "invented"),
    [
        ("", "numbers", 0),
        ("The weather is fine.", "numbers", 0),
        ("1234567", "numbers", 1),
        ("It is not mentioned, but my guess is 1234567.", "numbers", 1),
        ("There is no doubt: the number is 1234567.", "numbers", 1),
        (f"Not given for Paris; for Rome it is {UUID}.", "uuids", 1),
        ("No doubt, the magic word is otter.", "words", 1),
        ("The magic word for Paris is 'otter'.", "words", 1),
        ("It is not mentioned for Paris, only badger for Rome.", "words", 1),
    ],
)
def test_other_answers_are_wrong_where_no_needle_is_hidden(answer, kind, invented):
    """Silence, chatter and any named value are wrong on a needle-absent sample; naming one is an invention."""
    sample = {"target": "", "absent": True, "value_kind": kind, "distractors": ["badger"]}
    assert three(sample, answer) == {"recall": 0.0, "exact": 0.0, "invented": float(invented)}


@pytest.mark.parametrize("target", [None, "", [], [1], {"a": "b"}, [" "]])
def test_targets_of_another_kind_are_refused(target):
    """A target that is no text or list of texts is refused before anything is sent."""
    with pytest.raises(ConfigError, match="text or a list of texts"):
        SCORER.validate({"target": target})


def test_absent_samples_need_no_target():
    """A needle-absent sample is valid without a target."""
    SCORER.validate({"target": "", "absent": True})
