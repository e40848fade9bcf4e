"""The choice scorer: strict, and never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.answers.choices import read_choice
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import NoKey
from lm_eval_longctx.scorers.choice import ChoiceScorer

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
        ("Definitely C", "C"),
        ("Best answer: C", "C"),
        ("The answer is B.", "B"),
        ("A blue car", "B"),
        ("Final Answer: A red car", "A"),
        ("Final Answer: Barcelona", "D"),
        ("It is a blue car.", "B"),
        ("Option B, since option A is wrong", "B"),
        ("A is wrong. So it is (B).", "B"),
        ("答案是B", "B"),
        ("B) a blue car", "B"),
        ('{"answer": "C", "because": "A is red"}', "C"),
        ("I looked at (A), (B) and (C).\nTherefore it is (C).", "C"),
    ],
)
def test_what_chooses_an_option(answer: str, letter: str) -> None:
    """The form that is asked for, in its usual spellings, and a letter alone."""
    assert read_choice(answer, OPTIONS).chosen == letter


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "no option"),
        ("Final Answer: (F)", "F was not an option"),
        ("Final Answer: (A) or Final Answer: (B)", "more than one"),
        ("A and B", "more than one"),
        ("(A) or (B)", "more than one"),
        ("A, B, C, D, E", "more than one"),
        ("Final Answer: (B) a red car", "more than one"),
        ("a red car or a blue car", "more than one"),
        ("Final Answer: (X)", "no option"),
        ("It is not (B).", "no option"),
        ("Anything but B", "no option"),
        ("A dog runs by.", "no option"),
        ("I see nothing.", ""),
        ("I cannot tell.", ""),
    ],
)
def test_what_does_not(answer: str, why: str) -> None:
    """Two choices, a denied one and prose choose nothing; the reason is kept, or it is an abstention."""
    read = read_choice(answer, OPTIONS)
    assert not read.chosen
    assert why in read.why
    assert read.abstained is (not why)


def test_accuracy_is_one_for_the_right_letter_only() -> None:
    """Perfect answers score one, others zero; the letter and the kind of question are kept."""
    scorer = ChoiceScorer({})
    assert scorer.score(SAMPLE, "Final Answer: (B)") == {"accuracy": 1.0, "strict": 1.0, "abstained": 0.0}
    assert scorer.score(SAMPLE, "I think that it is B") == {"accuracy": 1.0, "strict": 0.0, "abstained": 0.0}
    assert scorer.score(SAMPLE, "Final Answer: (A)") == {"accuracy": 0.0, "strict": 0.0, "abstained": 0.0}
    assert scorer.score(SAMPLE, "I am not sure") == {"accuracy": 0.0, "strict": 0.0, "abstained": 1.0}
    found = scorer.details(SAMPLE, "Final Answer: (A)")
    assert (found["chosen"], found["kind"], found["unparsed"]) == ("A", "moment", 0)


@given(before=st.text("abcdefgh .,\n", max_size=80), letter=st.sampled_from("ABCDE"))
def test_the_asked_form_is_found_after_any_text(before: str, letter: str) -> None:
    """Whatever stands before it, the asked form is read."""
    assert read_choice(f"{before}\nFinal Answer: ({letter})", OPTIONS).chosen == letter


def test_a_secret_key_makes_predictions_only() -> None:
    """Where the data set hides the right option the sample is unscored, not wrong."""
    scorer = ChoiceScorer({})
    scorer.validate({**SAMPLE, "target": None})
    with pytest.raises(NoKey, match="no answer key"):
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
