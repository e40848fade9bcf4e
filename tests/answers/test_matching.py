"""Where values stand in an answer."""

from __future__ import annotations

import pytest

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
