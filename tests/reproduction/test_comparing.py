"""Our rows of a table: they are what the result file says, over the samples of each condition."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from made_sweeps import make_sample, make_sweep, write_results

from lm_eval_longctx.completion import Completion
from lm_eval_longctx.papers import Arm, Part
from lm_eval_longctx.plan import expand
from lm_eval_longctx.reproduction import Ran, Step, readable
from lm_eval_longctx.reproduction.comparing import table_rows
from lm_eval_longctx.results import SampleResult, sweep_block
from lm_eval_longctx.scorers.transcript import TranscriptScorer

TASK = "longctx_audio_dictation"
SAID = {0: ("ab", "ax"), 1: ("a" * 98, "a" * 98)}
"""What is said and what is written down, by the sample's index: one of two characters is wrong, or none of 98."""


def dictation(tmp_path, variants, *, metric="cer", rows=True):
    """Return a part by share of the book, and a step whose two samples of each variant say what ``SAID`` has."""
    sweep = make_sweep(context_lengths=["1k"], depths=1, samples_per_cell=2)
    scorer, results = TranscriptScorer({}), []
    for plan in expand(sweep, variants=variants):
        said, written = SAID[plan.index]
        sample = {**make_sample(plan, sweep), "target": said}
        results.append(SampleResult(sample, Completion(written), scorer.score(sample, written)))
    block = sweep_block(sweep, scorer.METRICS, results)
    block |= {} if rows else {"variants": [], "factors": []}
    file = write_results(tmp_path, {TASK: block})
    lines = [json.dumps({"doc": one.sample, **(one.values or {})}) for one in results]
    (tmp_path / f"samples_{TASK}_2026-01-01T00.jsonl").write_text("\n".join(lines), encoding="utf-8")
    arm = Arm(TASK, metric=metric)
    names = {"book": {"0": "no book", "0.5": "half book", "1": "full book"}}
    part = Part("speech", "Speech", "1", metric, by=names, arms={"small": (arm,)}, by_length=False)
    return part, Ran(Step(part, arm), file)


@pytest.mark.parametrize(
    "variants",
    [
        ["book=0", "book=1"],
        ["speaker=joe,book=0", "speaker=amy,book=0", "speaker=joe,book=1", "speaker=amy,book=1"],
        ["speaker=joe,book=0", "speaker=joe,book=1"],
    ],
)
@pytest.mark.parametrize("metric", ["cer", "wer"])
def test_error_rates_by_share_of_the_book_are_pooled(tmp_path, variants, metric):
    """A curve's error rate is the errors of all its samples by what all of them say, never a mean of rates."""
    part, ran = dictation(tmp_path, variants, metric=metric)
    rows = table_rows(part, [ran])
    assert [row.condition for row in rows] == ["no book", "full book"]
    wanted = {"cer": 1 / 100, "wer": 1 / 2}[metric]
    assert [row.ours.value for row in rows] == pytest.approx([wanted] * 2)
    assert {(row.ours.n, row.ours.scored) for row in rows} == {(len(variants), len(variants))}
    assert all(row.ours.low < wanted < row.ours.high for row in rows)


def test_rates_above_one_that_are_not_the_main_metric_have_no_interval(tmp_path, monkeypatch):
    """A rate above 1 has no interval of a share; where it is not the main metric the row stands without one."""
    monkeypatch.setitem(SAID, 0, ("ab", "xxxxxx"))
    monkeypatch.setitem(SAID, 1, ("ab", "xxxxxx"))
    part, ran = dictation(tmp_path, ["book=0", "book=1"])
    (row,) = table_rows(replace(part, by={}), [ran])
    assert (row.ours.value, row.ours.low) == (3.0, None)


def test_a_pooled_rate_that_the_file_does_not_tell_is_an_error(tmp_path):
    """From a file without rows of its conditions no mean of rates is made: the table says so instead."""
    part, ran = dictation(tmp_path, ["book=0", "book=1"], rows=False)
    assert "no cer by book" in readable(ran).error
    assert table_rows(part, [readable(ran)]) == []


@pytest.mark.parametrize("by", [{}, {"metric": {"recal": "misspelt"}}, {"book": {"none": "no book"}}])
@pytest.mark.parametrize("by_length", [False, True])
def test_a_metric_that_the_result_does_not_have_is_said_with_those_that_it_has(tmp_path, by, by_length):
    """A paper's file may misspell one, which nobody knows before all was paid: the table says so, nothing is raised."""
    part, ran = dictation(tmp_path, ["book=none", "book=all"])
    part = replace(part, by=by, by_length=by_length)
    arm = replace(ran.step.arm, metric="recal")
    told = readable(replace(ran, step=replace(ran.step, part=part, arm=arm)))
    assert told.file is None
    assert "has no recal" in told.error
    assert f"{TASK} has: abstained, cer, " in told.error
    assert told.status == 1
