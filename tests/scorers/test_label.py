"""Which of the known labels an answer gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.label import LabelScorer

SCORER = LabelScorer({})
LABELS = ["bamodi", "zelupa", "tavoke", "Garin-o"]


@given(st.sampled_from(LABELS), st.sampled_from(LABELS), st.sampled_from(["{}", " {}.", "**{}**", "Label: {}", '"{}"']))
def test_the_label_decides(target, said, form):
    """The right label scores 1 and any other 0, in any case and typography."""
    sample = {"target": target, "labels": LABELS}
    for answer in (form.format(said), form.format(said).upper()):
        assert SCORER.score(sample, answer) == {"accuracy": float(said == target), "abstained": 0}
        assert SCORER.details(sample, answer)["given"] == said


def test_the_first_line_comes_first():
    """What a base model goes on to write after its first line does not count."""
    sample = {"target": "bamodi", "labels": LABELS}
    assert SCORER.score(sample, "\nbamodi\n\nInput: a tin flute\nLabel: zelupa")["accuracy"] == 1
    assert SCORER.score(sample, "Let me think.\nIt is bamodi.")["accuracy"] == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no label"),
        ("bamod", "no label"),
        ("bamodis", "no label"),
        ("bamodi or zelupa", "more than one"),
        ("Think.\nbamodi\nzelupa", "more than one"),
    ],
)
def test_no_label_and_several_are_unparsed(answer, reason):
    """An answer with no label, or more than one, is never guessed: it is wrong, and counted as unparsed."""
    sample = {"target": "bamodi", "labels": LABELS}
    assert SCORER.score(sample, answer) == {"accuracy": 0, "abstained": 0}
    found = SCORER.details(sample, answer)
    assert found["unparsed"] == 1
    assert reason in found["why"]


@pytest.mark.parametrize("change", [{"target": "other"}, {"labels": ["bamodi"]}, {"labels": None}])
def test_targets_that_are_no_label_are_refused(change):
    """The target must be one of at least two labels."""
    with pytest.raises(ConfigError, match="one of at least two labels"):
        SCORER.validate({"target": "bamodi", "labels": LABELS, **change})
