"""What trackers and other readers of lm-eval's files get: every task, every sample, plain numbers."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval.tasks.manager import TaskManager

from lm_eval_longctx.harness.command_line import run_lm_eval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TASK = """
task: {name}
class: !function lm_eval_longctx.harness.tasks.LongctxTask
output_type: generate_until
generation_kwargs: {{max_gen_toks: 64, until: []}}
metadata: {{version: 1, {rest}}}
"""
TASKS = {
    "tracked_niah": "builder: needle, scorer: retrieval, haystack: repeat, depths: 2, context_lengths: [512, 2k, 10k]",
    "tracked_image": "builder: image_needle, scorer: retrieval, haystack: film, depths: 1, context_lengths: [8]",
}
PLAIN = (str, int, float, bool, type(None))


class Recorder:
    """The far end of W&B: keeps what arrives, and refuses what the real client refuses, types that are not plain."""

    def __init__(self) -> None:
        self.logged: list[dict[str, Any]] = []
        self.artifacts: dict[str, str] = {}
        self.config = SimpleNamespace(update=lambda *_, **__: None)
        self.summary = SimpleNamespace(update=lambda *_: None)

    def log(self, found: dict[str, Any], step: int | None = None) -> None:
        """Keep what is logged."""
        for value in found.values():
            rows = value.itertuples(index=False) if hasattr(value, "itertuples") else []
            refuse_odd(cell for row in rows for cell in row)
        self.logged.append(found)

    def log_artifact(self, artifact: Artifact) -> None:
        """Keep a file."""
        self.artifacts[artifact.name] = artifact.text

    def finish(self) -> None:
        """Do nothing."""

    def table(self, name: str) -> Any:
        """Return what was logged under a name."""
        return next(found[name] for found in self.logged if name in found)


def refuse_odd(cells: Any) -> None:
    """Raise for a value of a type that W&B's tables do not take: subclasses of plain types are other types to it."""
    for cell in cells:
        if type(cell) not in {*PLAIN, list} and not hasattr(cell, "dtype") and type(cell).__name__ != "Completion":
            raise TypeError(f"{cell!r} is a {type(cell).__name__}")


class Table:
    """W&B's table."""

    def __init__(self, columns: list[str]) -> None:
        self.columns, self.rows = columns, []

    def add_data(self, *row: Any) -> None:
        """Add a row."""
        refuse_odd(row)
        self.rows.append(row)


class Artifact:
    """W&B's artifact with one file."""

    def __init__(self, name: str, **_: Any) -> None:
        self.name, self.text = name, ""

    @contextlib.contextmanager
    def new_file(self, name: str, **_: Any) -> Iterator[io.StringIO]:
        """Let a file be written."""
        file = io.StringIO()
        yield file
        self.text = file.getvalue()


@pytest.fixture
def far_end(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Stand in for the ``wandb`` package, below lm-eval's own logger."""
    recorder = Recorder()
    names = ("wandb", "wandb.sdk", "wandb.sdk.lib", "wandb.sdk.lib.printer")
    modules = {name: ModuleType(name) for name in names}
    vars(modules["wandb"]).update(
        __version__="0.31.0", run=None, init=lambda **_: recorder, Table=Table, Artifact=Artifact
    )
    modules["wandb.sdk.lib.printer"].new_printer = lambda: None  # type: ignore[attr-defined]
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    return recorder


@pytest.fixture
def run(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run lm-eval's command on our tasks with the log of samples; return the folder of its files."""
    original = TaskManager.__init__

    @functools.wraps(original)
    def init(self: TaskManager, *args: Any, **kwargs: Any) -> None:
        original(self, *args, include_defaults=False, **kwargs)  # lm-eval's own thousands take half a minute

    monkeypatch.setattr(TaskManager, "__init__", init)
    for name, rest in TASKS.items():
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name, rest=rest), encoding="utf-8")

    def go(*arguments: str, model: str = "dummy", tasks: str = "tracked_*") -> Path:
        out = tmp_path / "out"
        command = ["--model", model, "--tasks", tasks, "--include_path", str(tmp_path), "--output_path", str(out)]
        with caplog.at_level(logging.INFO, logger="lm_eval"):
            assert run_lm_eval([*command, "--log_samples", *arguments]) == 0
        return out

    return go


@pytest.mark.parametrize(("model", "answers_only"), [("dummy", []), ("longctx", []), ("longctx", ["--predict_only"])])
def test_wandb_gets_every_sample(
    run: Callable[..., Path], far_end: Recorder, caplog: pytest.LogCaptureFixture, model: str, answers_only: list[str]
) -> None:
    """lm-eval's own W&B logger gets results, a table and a file of samples for each task, and nothing fails."""
    ours = ["--model_args", "ledger=none,progress=False"] if model == "longctx" else []
    tasks = "tracked_niah,longctx_text_translation"
    lengths = json.dumps({"longctx_text_translation": {"context_lengths": ["8k"]}})
    run(
        "--wandb_args",
        "project=test",
        "--limit",
        "4",
        "--metadata",
        lengths,
        *ours,
        *answers_only,
        model=model,
        tasks=tasks,
    )
    assert "Logging to W&B failed" not in caplog.text
    assert far_end.table("evaluation/eval_results").rows
    for task, metric in (("tracked_niah", "recall"), ("longctx_text_translation", "chrf")):
        table = far_end.table(f"{task}_eval_results")
        assert len(table) == 4
        assert ("bypass" if answers_only else metric) in table.columns
        assert len(json.loads(far_end.artifacts[task])) == 4


def test_what_stands_aside_is_logged_too(
    run: Callable[..., Path], far_end: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A task that the model cannot take is a row without a score, and no failure."""
    run("--wandb_args", "project=test")
    assert "Logging to W&B failed" not in caplog.text
    rows = far_end.table("evaluation/eval_results").rows
    assert ("tracked_image", "unsupported", "image") in {(row[0], row[4], row[5]) for row in rows}
    assert len(far_end.table("tracked_image_eval_results")) == 0


@pytest.mark.parametrize("tasks", ["tracked_niah", "longctx_text_translation"])
def test_the_files_are_what_scripts_expect(run: Callable[..., Path], tasks: str) -> None:
    """Zeno's script and others: each metric of ``metric_list`` is a number or null in each line, answers are texts."""
    lengths = json.dumps({"longctx_text_translation": {"context_lengths": ["8k"]}})
    out = run(
        "--limit",
        "3",
        "--model_args",
        "ledger=none,progress=False",
        "--metadata",
        lengths,
        model="longctx",
        tasks=tasks,
    )
    (file,) = out.rglob("results_*.json")
    (log,) = out.rglob("samples_*.jsonl")
    metrics = json.loads(file.read_text(encoding="utf-8"))["configs"][tasks]["metric_list"]
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3
    assert {metric["metric"] for metric in metrics if metric["aggregation"] == "mean"} >= {"coverage"}
    for line in lines:
        assert all(type(line[metric["metric"]]) in {int, float, type(None)} for metric in metrics)
        assert isinstance(line["filtered_resps"][0], str)
        assert isinstance(line["arguments"]["gen_args_0"]["arg_0"], str)


def test_trackio_gets_every_sample(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """lm-eval's own Trackio logger gets each sample with its answer and its metrics."""
    traces: list[dict[str, Any]] = []

    class Trackio(ModuleType):
        """Keeps what arrives."""

        init = staticmethod(lambda **_: SimpleNamespace(finish=lambda: None, log=lambda *_, **__: None))
        log = staticmethod(lambda *_, **__: None)
        finish = staticmethod(lambda: None)
        Trace = staticmethod(lambda **given: traces.append(given))

    monkeypatch.setitem(sys.modules, "trackio", Trackio("trackio"))
    run("--trackio_args", "project=test", tasks="tracked_niah")
    assert len(traces) == 6
    assert {"recall", "coverage"} <= traces[0]["metadata"].keys()
    assert traces[0]["messages"][1]["content"] == "lol"


def test_predict_only_tells_what_came(run: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """``--predict_only`` with our model is no failed run: every answer is counted, none as unscored."""
    run("--predict_only", "--model_args", "ledger=none,progress=False", model="longctx", tasks="tracked_niah")
    told = capsys.readouterr()
    assert "samples scored" not in told.out + told.err


def test_write_out_prints_the_prompt(run: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    """``--write_out`` prints what our model is asked, the middle of a long one left out with its size."""
    arguments = ["--write_out", "--limit", "1", "--system_instruction", "Be brief.", "--model_args"]
    with caplog.at_level(logging.INFO, logger="lm_eval_longctx"):
        run(*arguments, "ledger=none,progress=False", model="longctx", tasks="tracked_niah")
    (shown,) = {record.getMessage() for record in caplog.records if "the first prompt:" in record.getMessage()}
    assert "[system]\nBe brief." in shown
    assert "What is the special magic" in shown


def test_trust_remote_code_is_no_argument_of_ours(run: Callable[..., Path]) -> None:
    """lm-eval's ``--trust_remote_code`` reaches every model; ours runs nobody's code and goes on."""
    run(
        "--trust_remote_code",
        "--limit",
        "1",
        "--model_args",
        "ledger=none,progress=False",
        model="longctx",
        tasks="tracked_niah",
    )
