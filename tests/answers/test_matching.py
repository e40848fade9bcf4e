"""Where values stand in an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.answers.choices import _folded
from lm_eval_longctx.answers.matching import mentions
from lm_eval_longctx.answers.spelling import normalise


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("values", "answer", "found"),
    [
        (["york", "york minster"], "It is York Minster.", ["york minster"]),
        (["red", "red fox", "red fox den"], "red fox den, red fox, red", ["red fox den", "red fox", "red"]),
        (["sea", "sea-otter"], "a sea-otter by the sea", ["sea otter", "sea"]),
        (["青", "青山"], "答えは青山です。", ["青山"]),
    ],
)
def test_the_longest_value_wins_where_several_begin(order, values, answer, found):
    """A value that begins like a longer one is not found inside it, in whatever order the values are given."""
    assert [mention.value for mention in mentions(values[::order], normalise(answer))] == found


PIECES = ["sea", "otter", "12", "1,200", "x", "'s", "-", "_", " ", ".", "\n", "5a", "york"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_scripts_elsewhere_in_an_answer_change_nothing_before_them(answer):
    """What stands in an answer in ASCII stands there too where a line in another script follows."""
    values = ["sea", "sea otter", "12", "1200", "york's", "x"]
    assert mentions(values, f"{answer}\n青") == mentions(values, answer)


@given(st.lists(st.sampled_from(["A) red fox", "bA) red fox", "(B). den", "a: Red-Fox", "s", "7", "C.7"]), max_size=5))
def test_scripts_elsewhere_change_no_choice(pieces):
    """The same option is read where a line in another script follows that chooses nothing."""
    answer, options = "".join(pieces), ["red fox", "den", "7"]
    lines = [_folded(line, options) for line in (answer, f"{answer} \n青")]
    assert lines[1] == f"{lines[0]} \n青"
