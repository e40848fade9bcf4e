"""Long answers: whether the right one is mentioned, and nothing that passes for more."""

from __future__ import annotations

import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.long_answer import LongAnswerScorer

SAMPLE = {"target": ["the Heron Bridge", "Heron Bridge"], "question": "What did Ansel build?"}
ABSENT = {"target": ["not told"], "absent": True, "question": "What did Ansel build?"}

CASES = [
    (SAMPLE, "Ansel, who was a mason, built the Heron Bridge. It was finished in 1312.", 1.0, 0.0),
    (SAMPLE, "It was the **heron bridge**, as the third chapter tells.", 1.0, 0.0),
    (SAMPLE, "<think>The Heron Bridge?</think>He built a mill by the river.", 0.0, 0.0),
    (SAMPLE, "He built the Heron Bridges' tollhouse.", 0.0, 0.0),
    (SAMPLE, "Not told.", 0.0, 1.0),
    (SAMPLE, "", 0.0, 0.0),
    ({"target": "42", "question": "How many?"}, "There were forty-two of them, counting the dog.", 1.0, 0.0),
    ({"target": "42", "question": "How many?"}, "There were 142 of them.", 0.0, 0.0),
    (ABSENT, "The text does not tell.", 1.0, None),
    (ABSENT, "He built the Heron Bridge, it seems.", 0.0, None),
]


@pytest.mark.parametrize(("sample", "answer", "mentioned", "abstained"), CASES)
def test_the_right_answer_counts_wherever_it_stands(sample, answer, mentioned, abstained) -> None:
    """Any accepted answer in any usual spelling, as a whole, in the answer proper."""
    values = judge(LongAnswerScorer({}), sample, answer).values
    assert values is not None
    assert (values["mentioned"], values["abstained"]) == (mentioned, abstained)


@pytest.mark.parametrize(
    ("context", "name"), [("retrieved", "mentioned_retrieved"), ("none", "mentioned_closed_book"), ("full", None)]
)
def test_controls_count_under_their_own_names_only(context, name) -> None:
    """An answer without the document is not mixed with those that had it."""
    sample = {**SAMPLE, "context": context, "control": name is not None}
    values = LongAnswerScorer({}).score(sample, "The Heron Bridge.")
    told = {key for key, value in values.items() if value == 1.0}
    assert told == {name or "mentioned"}


def test_a_question_that_names_its_answer_is_refused():
    """Whoever repeats such a question would mention the right answer: that is no number."""
    with pytest.raises(ConfigError, match="names the right answer"):
        LongAnswerScorer({}).validate({"target": "the mill", "question": "Which is older, the mill or the bridge?"})


@pytest.mark.parametrize("target", ["", [], ["..."], None])
def test_a_question_without_an_answer_is_refused(target) -> None:
    """A target without words is an error before anything is asked."""
    with pytest.raises(ConfigError, match="target"):
        LongAnswerScorer({}).validate({"target": target})
