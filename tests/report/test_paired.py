"""Two models on the same samples."""

from __future__ import annotations

import json

import pytest
from made_sweeps import TARGET, block, write_results

from lm_eval_longctx.cli import main
from lm_eval_longctx.completion import Completion
from lm_eval_longctx.report.paired import compared, pairs
from lm_eval_longctx.results import read_runs
from lm_eval_longctx.stats.contrasts import paired_difference, samples_needed


def fails_from(depth, **metadata):
    """Make the block of a model that finds nothing from some depth on in one hay of three."""
    return block(lambda s: Completion("no idea" if s.index == 1 and s.depth >= depth else TARGET), **metadata)


def two(folder, first, second):
    """Write and read the runs of two models."""
    write_results(folder, {"t": first}, model="a/good")
    write_results(folder, {"t": second}, model="b/bad", stamp="2026-01-02T00")
    return read_runs([folder])


@pytest.fixture
def runs(tmp_path):
    """Two models of which one is worse in the second half of one hay."""
    return two(tmp_path, fails_from(2.0, samples_per_cell=4), fails_from(0.5, samples_per_cell=4))


def test_the_difference_is_that_of_the_scores_on_common_samples(runs):
    """Estimate and interval are those of the paired contrast over the hays."""
    found = compared(*runs)
    assert found is not None
    assert found.samples == 60
    assert found.difference.estimate == pytest.approx(9 / 60)
    ours, theirs = (run.block["scores"] for run in runs)
    assert ours["samples"] == theirs["samples"]
    assert found.difference == paired_difference(ours["values"], theirs["values"], ours["clusters"])
    assert found.needed == samples_needed(0.05, ours["values"], theirs["values"], ours["clusters"])
    assert set(found.lengths) == {"1k", "8k", "128k"}
    assert compared(*reversed(runs)).difference.estimate == pytest.approx(-9 / 60)


def test_a_smaller_difference_needs_more_samples(runs):
    """The number of samples grows with the square of one over the difference."""
    small, large = (compared(*runs, shown).needed for shown in (0.02, 0.2))
    assert small == pytest.approx(100 * large, rel=0.1)


@pytest.mark.parametrize("other", [{"seed": 1}, {"haystack": "books:/other"}, {"version": 2}])
def test_runs_that_asked_something_else_are_not_compared(tmp_path, other):
    """Another seed, hay or version asks other questions, though places in the sweep are the same."""
    base, changed = fails_from(2.0), fails_from(0.5, **other)
    if "haystack" in other:
        line = changed["summary"]["signature"]
        changed["summary"]["signature"] = line.replace("novel.txt#ab12cd34", "other.txt#00000000")
    assert pairs(two(tmp_path, base, changed)) == []


def test_common_samples_of_different_sweeps_are_compared(tmp_path):
    """Of a short sweep and a long one, the lengths that both have are compared."""
    found = compared(*two(tmp_path, fails_from(2.0, context_lengths=["1k", "8k"]), fails_from(0.5)))
    assert found is not None
    assert set(found.lengths) == {"1k", "8k"}
    assert found.samples == 20


def test_older_files_are_not_compared(runs):
    """A file that keeps no scores by sample gives no comparison and no error."""
    del runs[0].block["scores"]
    assert pairs(runs) == []


def test_repeats_of_a_sample_count_once(runs):
    """Each sample stands once among the scores, however often it was asked."""
    scores = runs[0].block["scores"]
    assert len(set(scores["samples"])) == len(scores["samples"]) == 60
    assert {len(column) for column in scores.values()} == {60}


def test_the_command_tells_the_difference(tmp_path, capsys):
    """``report`` says who is better on the same samples, how surely, and how many samples would show a difference."""
    two(tmp_path / "out", fails_from(2.0, samples_per_cell=4), fails_from(0.5, samples_per_cell=4))
    assert main(["report", str(tmp_path / "out"), "--output", str(tmp_path / "r"), "--difference", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "a/good less b/bad, exact on the same 60 samples: +0.150 [" in out
    assert "samples would show a difference of 0.1 in four of five runs" in out
    assert "a/good less b/bad" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(tmp_path / "out"), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["less"][0]["models"], first["less"][0]["samples"], second["less"]) == (["a/good", "b/bad"], 60, [])
    assert main(["report", str(tmp_path / "out"), "--difference", "0"]) == 1
    assert "a difference of 0" in capsys.readouterr().err
