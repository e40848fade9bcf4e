"""A run, and a model, in one line."""

from __future__ import annotations

import pytest
from made_sweeps import TARGET, block, write_results

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.report.verdicts import cost, coverage, model_verdict, verdict
from lm_eval_longctx.results import read_runs


def runs_of(tmp_path, **answers):
    """Return a run for each way of answering, by the task's name."""
    write_results(tmp_path, {name: block(answer) if callable(answer) else answer for name, answer in answers.items()})
    return read_runs([tmp_path])


def right(_):
    """Answer right."""
    return Completion(TARGET)


def wrong(_):
    """Answer wrong."""
    return Completion("no idea, 7")


def short(sample):
    """Answer right up to 8k."""
    return Completion(TARGET if sample.length.amount < 100_000 else "7")


def full(sample):
    """Take no more than 8k."""
    return Completion(TARGET) if sample.length.amount < 100_000 else Completion("", Outcome.CONTEXT_EXCEEDED)


def sloppy(sample):
    """Forget the middle."""
    return Completion("7" if sample.depth == 0.5 else TARGET)


def silent(_):
    """Never get through."""
    return Completion("", Outcome.TRANSPORT_FAILED)


CASES = {
    "right": (right, "holds to 128k, the longest that was tried"),
    "wrong": (wrong, "no effective length: scores 0 at the shortest length"),
    "short": (short, "holds to 8k"),
    "full": (full, "holds to 8k; from 128k on beyond the model; 10 of 30 samples without a score (10 too long)"),
    "sloppy": (sloppy, "weakest in the middle"),
    "silent": (silent, "no score: 30 failed"),
    "one": (block(right, context_lengths=["1k"]), "exact 1.00"),
    "deaf": ({**block(right), "unsupported": ["audio", "video"]}, "not asked: the model takes no audio and no video"),
    "unread": ({**block(right), "predict_only": True}, "answers only, nothing was scored"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_run_is_said_in_a_line(name, tmp_path):
    """How far it holds, what is beyond it, whether depth matters and what has no score: in one line, no more."""
    answer, expected = CASES[name]
    (run,) = runs_of(tmp_path, t=answer)
    assert expected in verdict(run)
    assert "\n" not in verdict(run)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["right"], "Holds to the longest length that was tried in its one task."),
        (
            ["right", "short", "wrong"],
            "Holds to the longest length that was tried in 1 of 3 tasks; less far in short (8k), wrong (none).",
        ),
        (
            ["full"],
            (
                "Holds to the longest length that was tried in none of 1 task; less far in full (8k); "
                "33\u00a0% of the samples have no score (10 too long)."
            ),
        ),
        (["one"], "No effective length in 1 task: one length only, or a metric of which less is better."),
    ],
)
def test_each_model_is_said_in_a_line(names, expected, tmp_path):
    """In how many tasks a model holds to the end, where it does not, and what share of samples has no score."""
    assert model_verdict(runs_of(tmp_path, **{name: CASES[name][0] for name in names})) == expected


def test_what_nobody_said_is_not_zero(tmp_path):
    """Cost and coverage of several runs are sums over what is known, and unknown where nothing is."""
    runs = runs_of(tmp_path, right=right, full=full)
    assert cost(runs) is None
    assert coverage(runs) == pytest.approx(50 / 60)
    assert coverage([]) is None
