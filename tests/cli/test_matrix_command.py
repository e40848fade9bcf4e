"""``lm-eval-longctx matrix``: it teaches, plans before it pays, refuses what cannot run, and tells what came of it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
import yaml
from made_sweeps import block, write_results

from lm_eval_longctx.cli import main
from lm_eval_longctx.cli.matrix_plan import MatrixPlan, Row, scores
from lm_eval_longctx.harness.instances import SampleInstance
from lm_eval_longctx.harness.planning import one_task, unread_metadata
from lm_eval_longctx.matrix import Store, cells_of, read_matrix, whole_sweeps
from lm_eval_longctx.matrix.child import _name_samples
from lm_eval_longctx.matrix.work import Ended
from lm_eval_longctx.tasks.base import Builder

GOOD = {"models": ["echo/tail"], "tasks": ["longctx_text_niah"], "lengths": ["500", "1k"], "seeds": [1, 2]}


@pytest.fixture
def command(tmp_path, capsys):
    """Runs the command on a matrix; returns its status and what it printed."""

    def go(*options, **changes):
        given = {**GOOD, "metadata": {"depths": [0, 1], "samples_per_cell": 1}, "ledger": str(tmp_path / "ledger")}
        path = tmp_path / "m.yaml"
        path.write_text(yaml.safe_dump({**given, "output": str(tmp_path / "out"), **changes}))
        status = main(["matrix", str(path), *options])
        return status, capsys.readouterr()

    return go


def test_the_example_is_printed_read_and_priced(tmp_path, capsys, monkeypatch):
    """``--example`` prints a file that the command reads and can run; without a file the way out is named."""
    for key in ("GEMINI_API_KEY", "OPENAI_COMPATIBLE_API_KEY"):
        monkeypatch.setenv(key, "k" * 20)
    assert main(["matrix", "--example"]) == 0
    path = tmp_path / "e.yaml"
    path.write_text(capsys.readouterr().out)
    matrix = read_matrix(path)
    assert matrix.budget == 25
    assert set(unread_metadata(matrix.tasks, matrix.metadata)) == set(matrix.tasks)  # they are there, and read it
    given = path.read_text().replace("[4k, 32k, 128k]", "[4k]").replace("out/first-look ", str(tmp_path / "out "))
    path.write_text(given)
    assert main(["matrix", str(path), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["refused"], plan["total"]["cells"]) == ([], 12)
    assert main(["matrix"]) == 1
    assert "--example" in capsys.readouterr().err


def test_a_plan_counts_every_cell_and_sends_nothing(command, tmp_path):
    """A dry run lists the cells of each model, task and length with their calls, and makes no results."""
    status, printed = command("--dry-run", "--json")
    plan = json.loads(printed.out)
    assert status == 0
    assert [(row["length"], row["cells"], row["calls"]) for row in plan["rows"]] == [("500", 2, 4), ("1k", 2, 4)]
    assert (plan["total"]["calls"], plan["refused"]) == (8, [])
    assert not (tmp_path / "out").exists()


def test_a_plan_works_samples_out_once_for_all_models(command, monkeypatch):
    """Several models have the rows that each has alone, in the order given; samples are made and rendered once."""
    made, written = [], []
    samples, prompt = Builder.samples, SampleInstance.prompt
    monkeypatch.setattr(Builder, "samples", lambda self: made.append(self.sweep.task) or samples(self))
    monkeypatch.setattr(SampleInstance, "prompt", lambda self: written.append(self.doc["id"]) or prompt(self))
    tasks, models = ["longctx_text_niah", "niah_absent_longctx"], ["echo/tail", "echo/digest"]
    alone = [json.loads(command("--dry-run", "--json", models=[m], tasks=tasks)[1].out)["rows"] for m in models]
    made.clear(), written.clear()
    both = json.loads(command("--dry-run", "--json", models=models, tasks=tasks)[1].out)["rows"]
    assert both == [*alone[0], *alone[1]]
    assert len(both) == 8
    assert made == [task for task in tasks for _ in ("500", "1k")]
    assert len(written) == len(set(written)) == 8


def test_a_plan_in_each_model_s_own_tokens_shares_nothing(command):
    """Samples in a model's own tokens are that model's: two plans together are what they are alone."""
    own = {"metadata": {"depths": [0, 1], "samples_per_cell": 1, "tokenizer": "model"}}
    models = ["echo/tail", "echo/digest"]
    alone = [json.loads(command("--dry-run", "--json", models=[m], **own)[1].out)["rows"] for m in models]
    assert json.loads(command("--dry-run", "--json", models=models, **own)[1].out)["rows"] == [*alone[0], *alone[1]]


def test_what_one_task_does_not_read_is_left_out_of_its_cells(command, caplog):
    """Metadata of the whole matrix reach the tasks that read them; the others run without, which is said once."""
    models, tasks = ["echo/tail", "echo/digest"], ["longctx_text_niah", "longctx_text_aggregate"]
    status, printed = command("--dry-run", "--json", models=models, tasks=tasks, lengths=["1k"])
    plan = json.loads(printed.out)
    assert (status, plan["refused"]) == (0, [])
    assert {row["task"] for row in plan["rows"]} == set(tasks)
    assert caplog.text.count("does not read depths") == 1
    status, printed = command("--dry-run", models=models, tasks=["longctx_text_aggregate"], lengths=["1k"])
    assert status == 1
    assert "does not read 'depths'" in printed.err


def test_the_same_refusal_of_all_models_is_said_once(command):
    """What is wrong with a task is one line, however many models there are; what is wrong with some names these."""
    models = ["echo/tail", "echo/digest", "ecko/tail"]
    _, printed = command("--dry-run", models=models[:2], tasks=["longctx_text_nihah"])
    assert printed.out.count("longctx_text_nihah cannot run: ") == 1
    _, printed = command("--dry-run", models=models)
    assert printed.out.count("cannot run on ecko_tail: ") == 1


def test_a_length_that_a_task_cannot_have_is_left_out(command):
    """A task goes without the lengths that are too short for it, which is said; one without any is refused."""
    status, printed = command("--dry-run", "--json", tasks=["longctx_text_niah", "longctx_text_graph"])
    plan = json.loads(printed.out)
    assert (status, plan["refused"]) == (0, [])
    assert [line.partition(":")[0] for line in plan["left_out"]] == ["longctx_text_graph at 500 is left out"]
    assert [(row["task"], row["length"]) for row in plan["rows"]][2:] == [("longctx_text_graph", "1k")]
    status, printed = command("--dry-run", tasks=["longctx_text_niah", "longctx_text_graph"], lengths=["500"])
    assert status == 1
    assert "longctx_text_graph cannot run: " in printed.out


def test_the_limit_is_of_each_cell(command, tmp_path):
    """Each length has as many calls as the limit allows, and the whole sweep names just the samples of its cells."""
    metadata = {"depths": [0, 0.5, 1], "samples_per_cell": 1}
    _, printed = command("--dry-run", "--json", limit=2, metadata=metadata)
    assert [row["calls"] for row in json.loads(printed.out)["rows"]] == [4, 4]  # of two seeds
    matrix = read_matrix(tmp_path / "m.yaml")
    cells = [cell for cell in cells_of(matrix) if cell.seed == 1]
    (whole,) = whole_sweeps(cells)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(whole.config()))
    _name_samples(path)
    named = json.loads(path.read_text())
    asked = [ids_of(cell.config()["metadata"])[: cell.config()["limit"]] for cell in cells]
    found = ids_of(whole.config()["metadata"])
    assert {found[number] for number in named["samples"]["longctx_text_niah"]} == {name for of in asked for name in of}
    assert {name for name in named if name.startswith("limit")} == set()


def ids_of(metadata):
    return [sample["id"] for sample in one_task("longctx_text_niah", metadata).eval_docs]


def test_a_long_plan_is_told_as_sums(tmp_path):
    """Of more rows than people read there are sums by model, by task and by length, which agree with the rows."""
    given = {**GOOD, "models": ["echo/tail", "echo/digest"], "tasks": list("abcdef"), "lengths": list("123456")}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(given))
    matrix = read_matrix(tmp_path / "m.yaml")
    places = list(product([model.name for model in matrix.models], matrix.tasks, matrix.lengths))
    rows = [Row(*place, 2, 10 + i, 100 * i, 0.5, None if i else 1.0, i % 3, 1.0) for i, place in enumerate(places)]
    lines = [line.split() for line in MatrixPlan(matrix, [], rows, []).as_text().splitlines()]
    found = {line[0]: line[1:4] for line in lines if line and len(line[0]) < 12}
    assert len(lines) < 36
    for name in (*(model.name for model in matrix.models), *matrix.tasks, *matrix.lengths, "total"):
        of = [row for row in rows if name in {row.model, row.task, row.length, "total"}]
        sums = [sum(getattr(row, column) for row in of) for column in ("cells", "calls", "tokens")]
        assert found[name] == [f"{amount:,}" for amount in sums]
    short = MatrixPlan(matrix, [], rows[:60], []).as_text()
    assert len([line for line in short.splitlines() if line.startswith("echo_tail")]) == 36


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": ["longctx_text_nihah"]}, "did you mean 'longctx_text_niah'"),
        ({"models": ["ecko/tail"]}, "echo"),
        ({"models": [{"model": "echo/tail", "args": {"concurency": 3}}]}, "did you mean 'concurrency'"),
        ({"metadata": {"dephts": 3}}, "did you mean 'depths'"),
    ],
)
def test_what_cannot_run_is_said_before_anything_is_sent(command, changes, words):
    """A task, a model, an argument or a setting that is not there ends the plan with what was meant, per cell."""
    status, printed = command(**changes)
    assert status == 1
    assert "cannot run" in printed.out
    assert words in " ".join(printed.out.split())


def test_cells_that_fail_are_named_and_the_status_says_so(command, monkeypatch):
    """A cell that ends badly is named on standard error with its last line, counted, and makes the status 1."""
    told = "…\nthe disk is full\n"
    monkeypatch.setattr("lm_eval_longctx.matrix.executors.run_cell", lambda *_: Ended(4, told=told))
    status, printed = command()
    assert status == 1
    assert "ended with 4 (the disk is full)" in printed.err
    assert "0 of 4 cells have ended well" in printed.out
    assert "larger one" not in printed.out
    told = "sending stopped early: not sent: its worst case does not fit into what is left of max_cost"
    monkeypatch.setattr("lm_eval_longctx.matrix.executors.run_cell", lambda *_: Ended(3, told=told))
    assert "the budget stopped 4 of them: write a larger one first" in command()[1].out


def test_ctrl_c_says_how_to_go_on(command, monkeypatch):
    """An interrupted matrix ends with 130 and one line, without a traceback."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lm_eval_longctx.matrix.executors.run_cell", interrupted)
    status, printed = command()
    assert status == 130
    assert "the same command goes on from there" in printed.err


def test_scores_are_those_of_the_file_as_it_stands(tmp_path, monkeypatch):
    """Below a relative folder the table has the file's models, seeds, settings and spellings, and no earlier ones."""
    monkeypatch.chdir(tmp_path)

    def matrix(**changes):
        given = {**GOOD, "lengths": ["512", "1K"], "output": "out", **changes}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(given))
        return read_matrix(tmp_path / "m.yaml")

    def keep(of, value):
        one = block(context_lengths=["512", "1k"], depths=2, samples_per_cell=1)
        for row in one["lengths"]:
            row["metrics"][one["metrics"][0]["name"]]["value"] = value * (row["length"] == "1k")
        written = write_results(tmp_path / "made", {"longctx_text_niah": one}).read_bytes()
        for cell in cells_of(of):
            Store(of.output).keep(cell, Ended(0), 1)
        for cell in whole_sweeps(cells_of(of)):
            Store(of.output).keep(cell, Ended(0, {"x/results_1.json": written}), 1)

    keep(matrix(models=["echo/tail", "echo/gone"], seeds=[1, 2, 3]), 0.25)
    keep(matrix(models=["echo/tail"]), 0.5)
    row = ["longctx_text_niah", "0.000", "0.500"]
    assert scores(matrix(), Store(Path("out"))) == [["echo_tail", *row]]
    assert scores(matrix(limit=3), Store(Path("out"))) == []
