"""Words to be copied: as many as fit, one of them odd, in its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_kit import builder_for

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.scorers.repeat import RepeatScorer
from lm_eval_longctx.tasks.text_repeat.builder import ODD, WORDS, RepeatBuilder


def made(tmp_path, **metadata):
    """Make a builder of this task."""
    return builder_for(tmp_path, "", RepeatBuilder, **metadata)


REPORTED = {n + 33: n for n in (25, 50, 75, 100, 250, 500, 750, 1000, 2500, 10_000)}


@pytest.mark.parametrize("length", REPORTED)
def test_the_reports_lengths_are_reached(tmp_path, length):
    """The preset's lengths come to the report's numbers of words, whatever the words are."""
    builder = made(tmp_path, context_lengths=[length], odd=list(ODD), depths=3)
    assert {sample["words"] for sample in builder.samples()} == {REPORTED[length]}


@given(length=st.integers(45, 3000), depth=st.floats(0, 1), seed=st.integers(0, 99), odd=st.sampled_from(tuple(ODD)))
@settings(max_examples=50, deadline=None)
def test_words_fill_the_length_and_one_is_odd(tmp_path_factory, length, depth, seed, odd):
    """A prompt is as long as asked but for less than a word's tokens; one word is odd, at its depth."""
    builder = made(tmp_path_factory.getbasetemp(), context_lengths=[length], depths=[depth], seed=seed, odd=[odd])
    (sample,) = builder.samples()
    words, text = sample["target"].split(), builder.render(sample).text()
    assert load_tokenizer("o200k_base").count(text) == sample["realised_length"]
    assert length - 1 <= sample["realised_length"] <= length
    assert words[sample["place"]] == sample["odd"]
    assert sample["place"] == round(depth * (len(words) - 1))
    assert words.count(sample["word"]) == len(words) - 1 == sample["words"] - 1
    assert text.count(sample["target"]) == 1


def test_words_are_short_and_different():
    """No word is the plural of another, and all are one token with the space before them."""
    count = load_tokenizer("o200k_base").count
    forms = [f" {form}" for word in WORDS for form in (word, f"{word}s", word.capitalize())]
    assert {count(form) for form in forms} == {1}
    assert len(set(forms)) == 3 * len(WORDS)


def test_kinds_of_odd_words_are_paired(tmp_path):
    """At one index, length and depth the other words are the same, and the odd one is of its kind."""
    builder = made(tmp_path, context_lengths=[100], depths=[0.5], odd=list(ODD))
    near, case, other = builder.samples()
    assert near["word"] == case["word"] == other["word"]
    assert near["odd"] == f"{near['word']}s"
    assert (case["odd"].lower(), case["odd"] != case["word"]) == (case["word"], True)
    assert other["odd"] in WORDS
    assert other["odd"] != other["word"]


def test_too_short_and_unknown_are_errors(tmp_path):
    """A length without room for words, and a kind of odd word that there is not, are refused."""
    with pytest.raises(LengthError, match="too few"):
        made(tmp_path, context_lengths=[20]).samples()
    with pytest.raises(UnknownOptionError, match="near"):
        made(tmp_path, odd=["nearly"])


SAMPLE = {"target": "bell bell bells bell bell", "odd": "bells"}
FULL = {"copied": 1, "likeness": 1, "odd_placed": 1, "odd_present": 1, "length_error": 0, "abstained": 0}

ANSWERS = [
    ("bell bell bells bell bell", {}),
    ("  bell  bell bells\nbell bell\n", {}),
    ("```\nbell bell bells bell bell\n```", {}),
    ("Here are the words:\n\nbell bell bells bell bell", {}),
    ("<think>bell?</think>bell bell bells bell bell", {}),
    ("bell bell bells bell", {"copied": 0, "likeness": 0.8, "length_error": 0.2}),
    ("bell bell bells bell bell bell bell", {"copied": 0, "likeness": 5 / 7, "length_error": 0.4}),
    ("bell bells bell bell bell", {"copied": 0, "likeness": 0.6, "odd_placed": 0}),
    ("bell bell bell bell bell", {"copied": 0, "likeness": 0.8, "odd_placed": 0, "odd_present": 0}),
    ("Bell bell bells bell bell", {"copied": 0, "likeness": 0.8}),
    ("bell bell bells bells bell", {"copied": 0, "likeness": 0.8}),
    ("bell, bell, bells, bell, bell", {"copied": 0, "likeness": 0.2, "odd_placed": 0, "odd_present": 0}),
    ("", {"copied": 0, "likeness": 0, "odd_placed": 0, "odd_present": 0, "length_error": 1}),
    (
        "I do not know.",
        {"copied": 0, "likeness": 0, "odd_placed": 0, "odd_present": 0, "length_error": 0.2, "abstained": 1},
    ),
]


@pytest.mark.parametrize(("answer", "changed"), ANSWERS)
def test_copies_are_measured(answer, changed):
    """Wrapping comes off; every word that is missing, added, moved or spelt otherwise is an error."""
    scorer = RepeatScorer({})
    scorer.validate(SAMPLE)
    assert scorer.score(SAMPLE, answer) == pytest.approx({**FULL, **changed})


@given(st.integers(2, 60), st.data())
@settings(deadline=None)
def test_one_fault_is_found_in_its_place(count, data):
    """A copy with one word left out or one added says where, and is wrong by one word."""
    place, at = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    words = ["bell"] * count
    words[place] = "bells"
    sample, scorer = {"target": " ".join(words), "odd": "bells"}, RepeatScorer({})
    short, long = " ".join(words[:at] + words[at + 1 :]), " ".join([*words[:at], "tower", *words[at:]])
    assert scorer.score(sample, short)["length_error"] == scorer.score(sample, long)["length_error"] == 1 / count
    assert scorer.score(sample, short)["copied"] == scorer.score(sample, long)["copied"] == 0
    assert scorer.details(sample, long)["words_too_many"] == 1
    if at:  # at the very beginning it stands where a polite line may
        assert scorer.details(sample, long)["first_error"] == at
    assert scorer.score(sample, short)["odd_present"] == (at != place)


@pytest.mark.parametrize("sample", [{"target": "a a", "odd": "b"}, {"target": "b b", "odd": "b"}, {"target": 3}])
def test_samples_without_an_odd_word_are_refused(sample):
    """The odd word must stand among the words, once."""
    with pytest.raises(ConfigError, match="odd"):
        RepeatScorer({}).validate(sample)
