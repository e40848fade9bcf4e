"""Sets of names: however a list is written, the same names are read, and what is not given does not count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.statements import PATTERN
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.name_set import NameSetScorer

ASKED = "Which places can be reached from Kadolim over exactly 2 roads, and not over fewer?"
SAMPLE = {"target": "Bakorem, Tilusak", "names": PATTERN, "question": ASKED}
SCORER = NameSetScorer({})

RIGHT = [
    "Bakorem, Tilusak",
    "Tilusak and Bakorem.",
    "Bakorem & Tilusak",
    "Final Answer: [Bakorem, Tilusak]",
    "**Final Answer:** [Tilusak, Bakorem].",
    "final answer is: Bakorem, Tilusak",
    "Final Answer:\n- Bakorem\n- Tilusak",
    "1. Bakorem\n2. Tilusak",
    "1) Bakorem\n2) Tilusak\n",
    "1. Bakorem 2. Tilusak",
    "* **Bakorem**\n* **Tilusak**",
    '["Bakorem", "Tilusak"]',
    '{"answer": ["Bakorem", "Tilusak"]}',
    '```json\n{"places": ["Bakorem", "Tilusak"]}\n```',
    "```\nFinal Answer: [Bakorem, Tilusak]\n```",
    "\\boxed{Bakorem, Tilusak}",
    "<answer>Bakorem; Tilusak</answer>",
    "<think>Davinov, Pesudak</think>The places are Bakorem and Tilusak.",
    "bakorem, tilusak",
    "[[Bakorem], [Tilusak]]",
    "| place |\n|---|\n| Bakorem |\n| Tilusak |",
    "From Kadolim one gets to Davinov, then to Bakorem and Tilusak.\n\nFinal Answer: [Bakorem, Tilusak]",
    "Kadolim -> Davinov\nDavinov -> Bakorem\nFinal answer: Bakorem, Tilusak",
    "Final Answer: [Davinov]\nNo wait, that is the first layer.\nFinal Answer: [Bakorem, Tilusak]",
    "Bakorem, Tilusak, but not Davinov",
    "From Kadolim: Bakorem, Tilusak",
    "Bakorem, Tilusak, Bakorem",
    "Sure! Here are the places:\n\nBakorem\nTilusak",
]


@pytest.mark.parametrize("answer", RIGHT)
def test_the_same_names_in_any_layout(answer):
    """Right names score in full, however the answer is laid out."""
    judged = judge(SCORER, SAMPLE, answer).values
    assert (judged["f1"], judged["exact"], judged["recall"], judged["unparsed"]) == (1, 1, 1, 0)


WORDS = {"target": ["votes", "pounds", "gardens"], "question": "Which 3 words stand most often?"}


@pytest.mark.parametrize(
    ("answer", "f1", "ruler"),
    [
        ("votes, pounds, gardens", 1, 1),
        ("1. votes 2. pounds 3. gardens", 1, 1),
        ("The words are:\n- votes (6 times)\n- pounds (6)\n- gardens: 6", 1, 1),
        ("**The 3 words:**\nvotes\npounds\ngardens", 1, 1),
        (
            "| word | times |\n| votes | 6 |\n| pounds | 6 |\n| gardens | 5 |",
            0.75,
            1,
        ),  # the table's head reads as names
        ("1. votes 2. gates 3. pounds 4. swans 5. gardens 6. weir", 2 / 3, 1),
        ("Votes, Pounds", 0.8, 2 / 3),
        ("votesgardens", 0, 2 / 3),
        ("gates, swans, weir", 0, 0),
        ("", 0, 0),
    ],
)
def test_words_whose_form_nobody_knows(answer, f1, ruler):
    """Without a form of names headings and numbers are none; RULER's measure looks for characters alone."""
    judged = judge(SCORER, WORDS, answer).values
    assert (judged["f1"], judged["ruler"]) == (pytest.approx(f1), pytest.approx(ruler))


@pytest.mark.parametrize(
    ("answer", "f1", "recall"),
    [
        ("Bakorem", 2 / 3, 0.5),
        ("Bakorem, Davinov", 0.5, 0.5),
        ("Bakorem, Davinov, Tilusak, Pesudak", 2 / 3, 1),
        ("One gets to Davinov and Bakorem, I think.", 0.5, 0.5),
        ("Bakorem. Not Tilusak.", 2 / 3, 0.5),
        ("Davinov", 0, 0),
        ("Kadolim", 0, 0),
    ],
)
def test_missing_and_wrong_names_take_off(answer, f1, recall):
    """Missing names lower recall and wrong ones precision, in lists and prose; an echo of the question is no name."""
    found = SCORER.score(SAMPLE, answer)
    assert (found["f1"], found["recall"]) == (pytest.approx(f1), recall)
    assert found["exact"] == 0


@pytest.mark.parametrize(
    ("answer", "abstained", "unparsed"),
    [
        ("", 0, 1),
        ("banana!", 0, 1),
        (ASKED, 0, 1),
        ("Final Answer: []", 1, 0),
        ("none", 1, 0),
        ("I cannot tell: the text does not say.", 1, 0),
    ],
)
def test_no_names_are_wrong_and_told_apart(answer, abstained, unparsed):
    """An answer without names scores 0; saying that there is none is read, anything else is unparsed."""
    judged = judge(SCORER, SAMPLE, answer).values
    assert (judged["f1"], judged["exact"]) == (0, 0)
    assert (judged["abstained"], judged["unparsed"]) == (abstained, unparsed)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("none", 1),
        ("Final Answer: []", 1),
        ("[]", 1),
        ("There is none.", 1),
        ('{"answer": []}', 1),
        ("Bakorem", 0),
        ("", 0),
        ("banana!", 0),
    ],
)
def test_where_there_is_none_the_right_answer_says_so(answer, right):
    """An empty set is right where the answer says that there is none, not where it says nothing."""
    assert SCORER.score({**SAMPLE, "target": "", "absent": True}, answer)["exact"] == right


@pytest.mark.parametrize(
    ("answer", "f1"),
    [
        ("Final Answer: [Bakorem, Tilusak]", 1),
        ("so it is\nFinal Answer: [Tilusak]", 2 / 3),
        ("Final Answer: [Bakorem, Tilusak]\nThat is all.", 0),
        ("Bakorem, Tilusak", 0),
        ("Final Answer: []", 0),
    ],
)
def test_the_published_rule_reads_the_last_line_only(answer, f1):
    """The published F1 counts a list after its words in the last line, as OpenAI's own program does."""
    assert SCORER.score(SAMPLE, answer)["f1_published"] == pytest.approx(f1)


@settings(max_examples=25)
@given(
    right=st.sets(st.from_regex(PATTERN, fullmatch=True), min_size=1, max_size=8),
    others=st.sets(st.from_regex(PATTERN, fullmatch=True), max_size=8),
)
def test_the_score_is_the_f1_of_the_sets(right, others):
    """For any sets, listed in any layout, the score is twice what is shared over what there is in both."""
    given = right | others
    sample = {"target": sorted(right), "names": PATTERN}
    shared = 2 * len(right & given) / (len(right) + len(given))
    for answer in (", ".join(sorted(given)), "\n".join(f"- {name}" for name in given), f"[{', '.join(given)}]"):
        assert SCORER.score(sample, answer)["f1"] == pytest.approx(shared)


@pytest.mark.parametrize(
    ("answer", "f1"), [("New York, Rome", 1), ("- rome\n- new york", 1), ("Rome; Paris", 0.5), ("It is Rome.", 2 / 3)]
)
def test_names_without_a_pattern(answer, f1):
    """Where nobody says what names look like, short items are names, and right ones are found in sentences."""
    assert SCORER.score({"target": ["New York", "Rome"]}, answer)["f1"] == pytest.approx(f1)


@pytest.mark.parametrize("sample", [{"target": ""}, {"target": []}, {"target": 3}, {"target": "A", "absent": True}])
def test_targets_that_are_no_set_are_refused(sample):
    """A target without names, or with names where there is none, is an error."""
    with pytest.raises(ConfigError, match="target of a set"):
        SCORER.validate(sample)
