"""Repeating a text after a prefix: the authors' own rules, on worked examples."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.sequence_match import GRADINGS, SequenceMatchScorer, openai, v2, v2_lenient

PREFIX = "AbCd1234EfGh"
TEXT = "The owls of Lanmouth were counted twice.\n\nNobody could say why."

texts = st.text(min_size=1, max_size=60).filter(lambda text: PREFIX not in text)


def scorer(grading="v2"):
    return SequenceMatchScorer({"grading": grading})


def openai_reference(response, answer, prefix):
    """Grade as OpenAI's data card describes it: prefix first or 0, then the ratio of response to answer."""
    if not response.startswith(prefix):
        return 0.0
    return SequenceMatcher(None, response[len(prefix) :], answer[len(prefix) :]).ratio()


def v2_reference(prediction, target, *, lenient):
    """Grade as Google DeepMind's evaluation describes it: hash of 12, stripped texts, target as the first argument."""
    target, prediction = target.strip(), prediction.strip()
    start = prediction.rfind(target[:12]) if lenient else (0 if prediction.startswith(target[:12]) else -1)
    if start < 0:
        return 0.0
    return SequenceMatcher(a=target[12:].strip(), b=prediction[start + 12 :].strip()).ratio()


@pytest.mark.parametrize("grading", GRADINGS)
@given(text=texts.map(str.strip).filter(bool))
def test_perfect_answer_scores_one_and_empty_scores_zero(grading, text):
    """Prefix and text score 1; an empty answer, and the text without the prefix, score 0."""
    sample = {"target": text, "prefix": PREFIX, "noise_floor": 0.3}
    right = {"match": 1, "match_published": 1, "prefix": 1, "noise_floor": 0.3, "abstained": 0}
    assert scorer(grading).score(sample, PREFIX + text) == right
    assert scorer(grading).score(sample, "") == {**right, "match": 0, "match_published": 0, "prefix": 0}
    assert scorer(grading).score(sample, text)["match"] == 0


@given(texts, texts, st.sampled_from(["", " ", "\n", "Here: "]), st.booleans())
def test_gradings_are_their_authors(target, said, lead, with_prefix):
    """On any answer, each grading gives what its authors' rules give."""
    answer = lead + (PREFIX if with_prefix else "") + said
    assert (openai(answer, PREFIX, target) or 0) == openai_reference(answer, PREFIX + target, PREFIX)
    assert (v2(answer, PREFIX, target) or 0) == v2_reference(answer, PREFIX + target, lenient=False)
    assert (v2_lenient(answer, PREFIX, target) or 0) == v2_reference(answer, PREFIX + target, lenient=True)


@pytest.mark.parametrize(
    ("answer", "strict", "lenient", "exact"),
    [
        (PREFIX + TEXT, 1, 1, 1),
        (f"  {PREFIX} {TEXT}\n", 1, 1, 0),
        (f"preface {PREFIX}{TEXT}", 0, 1, 0),
        (f"{PREFIX}wrong {PREFIX}{TEXT}", None, 1, None),
        (PREFIX, 0, 0, 0),
        (PREFIX.lower() + TEXT, 0, 0, 0),
    ],
)
def test_worked_examples(answer, strict, lenient, exact):
    """Space, a preface, a second prefix and a wrong prefix are treated as each set's authors treat them."""
    sample = {"target": TEXT, "prefix": PREFIX}
    for grading, expected in zip(GRADINGS, (strict, lenient, exact), strict=True):
        found = scorer(grading).score(sample, answer)["match"]
        assert found == expected if expected is not None else 0 < found < 1


def test_ratio_of_a_worked_example():
    """Half a text matches by 2 m / (a + b): 20 of 40 characters give 2 * 20 / (40 + 20)."""
    text = "".join(chr(ord("a") + i % 26) + str(i % 10) for i in range(20))
    assert v2(PREFIX + text[:20], PREFIX, text) == pytest.approx(2 * 20 / 60)


def test_details_say_which_answer_was_repeated():
    """An answer that begins like another one to the same request is told by its number."""
    sample = {"target": TEXT, "prefix": PREFIX, "openings": ["Once upon", TEXT[:20], "It rained"]}
    assert scorer().details(sample, PREFIX + TEXT)["repeated"] == 2
    assert scorer().details(sample, "It rained all day.")["repeated"] == 3
    assert scorer().details(sample, "no idea")["repeated"] is None


@pytest.mark.parametrize("change", [{"target": ""}, {"target": ["a"]}, {"prefix": ""}, {"prefix": None}])
def test_samples_without_text_or_prefix_are_refused(change):
    """Target and prefix must be texts that are not empty."""
    with pytest.raises(ConfigError, match=next(iter(change))):
        scorer().validate({"target": TEXT, "prefix": PREFIX, **change})


@pytest.mark.parametrize("times", [1, 19, 30, 400])
@pytest.mark.parametrize("grading", ["v2", "v2_lenient", "openai"])
def test_the_published_match_is_the_authors_at_any_length(grading, times):
    """However much longer than the text an answer is, the figure is the plain formula's."""
    prefix, target = "AbCd1234EfGh", "owls fly by night"
    said = target * times
    pair = (said, target) if grading == "openai" else (target, said)
    expected = SequenceMatcher(None, *pair).ratio()
    scores = SequenceMatchScorer({"grading": grading}).score({"target": target, "prefix": prefix}, prefix + said)
    assert scores["match_published"] == expected
    assert expected > 0


@pytest.mark.parametrize(("grading", "published"), [("v2", 0), ("v2_lenient", 1), ("openai", 0)])
def test_a_prefix_after_a_polite_line_is_judged_as_each_program_does(grading, published):
    """Our headline takes a polite line off; the authors' programs differ, and each is told under its name."""
    scores = scorer(grading).score({"target": TEXT, "prefix": PREFIX}, f"Sure, here is the text:\n{PREFIX}{TEXT}")
    assert (scores["match"], scores["match_published"]) == (1, published)
