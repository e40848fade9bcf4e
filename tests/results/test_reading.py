"""Sweeps are found in lm-eval's files, and damaged or foreign files are named."""

from __future__ import annotations

import json

import pytest
from made_sweeps import block, write_results

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.results import read_runs

TASK = "longctx_text_niah"


@pytest.fixture(scope="module")
def one():
    """A small sweep block."""
    return block(context_lengths=["1k", "8k"], depths=2, samples_per_cell=1)


def test_runs_are_found_at_any_depth(tmp_path, one):
    """Folders are searched at any depth, several models side by side."""
    write_results(tmp_path / "out" / "a", {TASK: one}, model="a")
    write_results(tmp_path / "out" / "x" / "b", {TASK: one, "other": one}, model="b")
    found = read_runs([tmp_path])
    assert [(run.task, run.model) for run in found] == [(TASK, "a"), (TASK, "b"), ("other", "b")]
    assert found[0].block == one
    assert found[0].signature.endswith("|model:a")


def test_the_newest_run_of_each_model_wins(tmp_path, one):
    """Of several runs the newest is kept, unless all are asked for."""
    write_results(tmp_path, {TASK: one}, stamp="2026-01-01T00-00-00.1")
    write_results(tmp_path, {TASK: one}, stamp="2026-01-02T00-00-00.1")
    assert [run.stamp for run in read_runs([tmp_path])] == ["2026-01-02T00-00-00.1"]
    assert len(read_runs([tmp_path], newest=False)) == 2


def test_each_seed_of_a_model_is_a_run_of_its_own(tmp_path):
    """Runs with two seeds are both kept and named by them, the newest of each; one seed leaves the name alone."""
    for stamp, seed in (("2026-01-01T00", 1), ("2026-01-02T00", 2), ("2026-01-03T00", 1)):
        write_results(tmp_path / stamp, {"longctx_text_niah": block(seed=seed)}, stamp=stamp)
    write_results(tmp_path / "other", {"longctx_text_niah": block(seed=1)}, model="other/model")
    found = [(run.model, run.stamp[:10]) for run in read_runs([tmp_path])]
    assert found == [
        ("fake/model seed 1", "2026-01-03"),
        ("fake/model seed 2", "2026-01-02"),
        ("other/model", "2026-01-01"),
    ]


def put(folder, name, *, status=0, stamp="2026-01-01", called="", **sweep):
    """Write a result as a matrix does: in a folder below that of the cell, with its note beside."""
    write_results(folder / name / "fake__model", {TASK: block(**sweep)}, stamp=stamp)
    note = {"cell": name, "status": status, **({"called": called} if called else {})}
    (folder / name / "cell.json").write_text(json.dumps(note))


@pytest.mark.parametrize("newest", [True, False])
def test_a_cell_that_the_budget_stopped_hides_no_whole_sweep(tmp_path, caplog, newest):
    """Of a matrix the whole sweep is shown also where one of its cells ended later, badly; which cells, is said."""
    put(tmp_path, "cells/m/t/seed1/1k", context_lengths=["1k"])
    put(tmp_path, "results/m/t/seed1", context_lengths=["1k", "2k"], stamp="2026-01-02")
    put(tmp_path, "cells/m/t/seed1/8k", context_lengths=["8k"], stamp="2026-01-03", status=4)
    (run,) = read_runs([tmp_path], newest=newest)
    assert [row["length"] for row in run.block["lengths"]] == ["1k", "2k"]
    assert "did not end well: m/t/seed1/8k; run it again" in caplog.text
    assert "seed1/1k" not in caplog.text
    (alone,) = read_runs([tmp_path / "cells/m/t/seed1/8k"])
    assert [row["length"] for row in alone.block["lengths"]] == ["8k"]


def test_a_model_that_a_matrix_has_twice_is_told_by_its_names(tmp_path):
    """Two settings of one model are two runs, each by the name that the matrix gave it, with the model as asked."""
    for name in ("warm", "cold"):
        put(tmp_path, f"results/{name}/t/seed1", called=name)
    put(tmp_path, "results/fake_model/t/seed1")
    found = read_runs([tmp_path])
    assert [run.model for run in found] == ["cold", "fake/model", "warm"]
    assert {run.signature.rpartition("|")[2] for run in found} == {"model:fake/model"}


@pytest.mark.parametrize("note", ["{", "[]", "{}", '{"cell": "cells/m"}'])
def test_a_note_of_somebody_else_changes_nothing(tmp_path, one, note):
    """A file of the same name that no matrix wrote is left alone."""
    write_results(tmp_path / "a" / "b", {TASK: one})
    (tmp_path / "a" / "cell.json").write_text(note)
    assert [(run.model, run.cell) for run in read_runs([tmp_path])] == [("fake/model", {})]


def test_the_same_file_named_twice_counts_once(tmp_path, one):
    """A file that is reached twice is read once."""
    file = write_results(tmp_path, {TASK: one})
    assert len(read_runs([tmp_path, file], newest=False)) == 1


def test_our_own_model_is_named_exactly(tmp_path, one):
    """What our model says about itself comes before lm-eval's guess."""
    file = write_results(tmp_path, {TASK: one})
    data = json.loads(file.read_text())
    data["config"]["longctx"] = {"provider": "gemini", "model": "gemini-3.8-flash"}
    file.write_text(json.dumps(data))
    assert read_runs([file])[0].model == "gemini/gemini-3.8-flash"


def test_samples_are_found_beside_the_results(tmp_path, one):
    """The samples of ``--log_samples`` are found by task and date, and missed quietly."""
    write_results(tmp_path, {TASK: one}, stamp="2026-01-01")
    assert read_runs([tmp_path])[0].samples_file is None
    (tmp_path / f"samples_{TASK}_2026-01-01.jsonl").write_text("{}\n")
    assert read_runs([tmp_path])[0].samples_file == tmp_path / f"samples_{TASK}_2026-01-01.jsonl"


def test_results_of_other_tasks_are_passed_over_in_folders(tmp_path, one):
    """In a folder, result files without sweeps are passed over; named, they are an error."""
    other = write_results(tmp_path / "a", {})
    write_results(tmp_path / "b", {TASK: one})
    assert len(read_runs([tmp_path])) == 1
    with pytest.raises(ResultsError, match="holds no sweep"):
        read_runs([other])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"configs": {', "not valid JSON"),
        ("[]", "not a result file of lm-eval"),
        ('{"results": {}}', "not a result file of lm-eval"),
        ('{"configs": {"t": {"metadata": {"longctx": {"context_length": 1}}}}}', "not a sweep block"),
        ('{"configs": {"t": {"metadata": {"longctx": 3}}}}', "not a sweep block"),
    ],
)
def test_damaged_and_foreign_files_are_named(tmp_path, text, message):
    """A damaged or foreign file gives one line with its name and what is wrong."""
    file = tmp_path / "results_x.json"
    file.write_text(text)
    with pytest.raises(ResultsError, match=message) as caught:
        read_runs([tmp_path])
    assert "results_x.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, "upgrade lm-eval-longctx"),
        ({"schema_version": 0}, "run the task again"),
        ({"cells": None}, "damaged \\(cells\\)"),
        ({"metrics": []}, "damaged \\(metrics\\)"),
    ],
)
def test_blocks_of_other_versions_are_refused(tmp_path, one, change, message):
    """A block of another version, or without its parts, is refused with advice."""
    write_results(tmp_path, {TASK: {**one, **change}})
    with pytest.raises(ResultsError, match=message):
        read_runs([tmp_path])


def test_nothing_to_read_is_said(tmp_path):
    """A folder without sweeps and a path that is not there are errors that say what to give."""
    with pytest.raises(ResultsError, match="no sweeps in"):
        read_runs([tmp_path])
    with pytest.raises(ResultsError, match="does not exist"):
        read_runs([tmp_path / "missing"])
