"""The choice scorer: strict, and never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Unparsed
from lm_eval_longctx.scorers.choice import ChoiceScorer, chosen

OPTIONS = ["a red car", "a blue car", "two", "Barcelona", "none of them"]
SAMPLE = {"target": "B", "options": OPTIONS, "kind": "moment"}


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("Final Answer: (B)", "B"),
        ("final answer: b", "B"),
        ("Final Answer: B.", "B"),
        ("**Final Answer: (C)**", "C"),
        ("Final Answer: $\\boxed{D}$", "D"),
        ("Final answer is (E)", "E"),
        ("The car is blue, as option A says of the other.\nFinal Answer: (B) a blue car", "B"),
        ("Final Answer: (B)\nI am sure.\nFinal Answer: (B)", "B"),
        ("I end with Final Answer: (X) as asked.\n\nFinal Answer: (A)", "A"),
        ("B", "B"),
        ("(D)", "D"),
        (" c. ", "C"),
        ("Final Answer:\n(A)", "A"),
        ("Final Answer: Option (C)", "C"),
    ],
)
def test_what_chooses_an_option(answer: str, letter: str) -> None:
    """The form that is asked for, in its usual spellings, and a letter alone."""
    assert chosen(answer, OPTIONS) == letter


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "no line"),
        ("Definitely C", "no line"),
        ("Best answer: C", "no line"),
        ("The answer is B.", "no line"),
        ("A blue car", "no line"),
        ("Final Answer: A red car", "no line"),
        ("Final Answer: Barcelona", "no line"),
        ("Final Answer: (F)", "F was not an option"),
        ("Final Answer: (A) or Final Answer: (B)", "more than one"),
        ("I cannot see the video.", "no line"),
        ("A and B", "no line"),
        ("Final Answer: (X)", "no line"),
        ("a", None),
    ],
)
def test_what_does_not(answer: str, why: str | None) -> None:
    """Anything else is unparsed, however tempting; the reason is kept."""
    if why is None:
        assert chosen(answer, OPTIONS) == "A"
        return
    with pytest.raises(Unparsed, match=why):
        chosen(answer, OPTIONS)


def test_accuracy_is_one_for_the_right_letter_only() -> None:
    """Perfect answers score one, others zero; the letter and the kind of question are kept."""
    scorer = ChoiceScorer({})
    assert scorer.score(SAMPLE, "Final Answer: (B)") == {"accuracy": 1.0}
    assert scorer.score(SAMPLE, "Final Answer: (A)") == {"accuracy": 0.0}
    assert scorer.details(SAMPLE, "Final Answer: (A)") == {"chosen": "A", "kind": "moment"}


@given(before=st.text(max_size=80), letter=st.sampled_from("ABCDE"), after=st.text(max_size=80))
def test_the_asked_form_is_found_in_any_text(before: str, letter: str, after: str) -> None:
    """Whatever stands around it, the asked form is read, unless another final answer is there."""
    if "final" not in (before + after).lower():
        assert chosen(f"{before}\nFinal Answer: ({letter})\n{after}", OPTIONS) == letter


@given(st.text(max_size=200))
def test_no_text_without_a_final_answer_is_guessed(answer: str) -> None:
    """A text is read only if it has the words or is one letter with its brackets."""
    try:
        chosen(answer, OPTIONS)
    except Unparsed:
        return
    assert "final" in answer.lower() or len([c for c in answer if c.isalnum()]) == 1


def test_a_secret_key_makes_predictions_only() -> None:
    """Where the data set hides the right option the sample is unscored, not wrong."""
    scorer = ChoiceScorer({})
    scorer.validate({**SAMPLE, "target": None})
    with pytest.raises(Unparsed, match="no answer key"):
        scorer.score({**SAMPLE, "target": None}, "Final Answer: (B)")


@pytest.mark.parametrize(
    "sample",
    [
        {"target": "F", "options": OPTIONS},
        {"target": "AB", "options": OPTIONS},
        {"target": "", "options": OPTIONS},
        {"target": "A", "options": ["one"]},
        {"target": "A"},
    ],
)
def test_samples_of_another_kind_are_refused(sample: dict[str, object]) -> None:
    """A target must be the letter of one of the options."""
    with pytest.raises(ConfigError):
        ChoiceScorer({}).validate(sample)
