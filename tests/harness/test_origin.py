"""A model's arguments and a task's settings are told apart by where they came from, whatever they are called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import lm_eval
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.api.model import LM
from lm_eval.api.registry import model_registry

from lm_eval_longctx.cli import main
from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.origin import Mixed, own_part, with_name
from lm_eval_longctx.plugins.defaults import own_task_folder
from lm_eval_longctx.sweep import SWEEP_KEYS, TASK_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TASK = "longctx_text_niah"
WISHES: dict[str, Any] = {"context_lengths": ["1k"], "depths": 1, "haystack": "repeat", "seed": 3}
LIKE_LM_EVALS: dict[str, Any] = {
    **dict.fromkeys(("pretrained", "device_map", "cache_dir", "tokenizer", "truncate"), "theirs"),
    **dict.fromkeys(("gpu_memory_utilization", "max_num_seqs"), 0.9),
    "chat_template_args": {"thinking": False},
    "seed": 3,  # as the tasks' own
}
LIKE_OURS: dict[str, Any] = {
    **dict.fromkeys(("samples_per_cell", "depths", "preset", "haystack", "builder", "scorer", "version"), "theirs"),
    **dict.fromkeys(("needles", "key", "context_length", "haystak", "config_source"), "theirs"),
    "longctx_text_*": {"depths": 7},
}
THEIRS = {**LIKE_LM_EVALS, **LIKE_OURS}
"""Arguments as lm-eval's own models have them, and a stranger's own, under names that mean something to tasks."""


class Stranger(LM):
    """Somebody's own model, which takes arguments of any name."""

    received: dict[str, Any] | None = None

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        type(self).received = arguments

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Answer nothing that is right."""
        return ["no idea" for _ in requests]

    loglikelihood = loglikelihood_rolling = generate_until


@pytest.fixture(autouse=True, scope="module")
def _stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Register the stranger, and let lm-eval index no tasks but ours: its thousands take seconds each time."""
    activate_now()
    if "stranger" not in model_registry:
        model_registry.register("stranger", target=Stranger)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lm_eval.tasks.manager.__file__", str(tmp_path_factory.mktemp("no-tasks") / "manager.py"))
        yield


def settings_in(result: Any) -> dict[str, Any]:
    """Return a result's sweep, and check that its configuration holds nothing of the model's."""
    metadata = dict(result["configs"][TASK]["metadata"])
    sweep = metadata.pop("longctx")["specification"]
    assert not set(metadata) - {*SWEEP_KEYS, *TASK_KEYS}, metadata
    assert metadata["config_source"] != "theirs"
    return {key: sweep[key] for key in (*WISHES, "tokenizer", "samples_per_cell", "preset", "version")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The sweep of these wishes where the model takes no argument at all."""
    return settings_in(run_in_python({}, WISHES, tmp_path_factory.mktemp("alone")))


def run_on_the_command_line(theirs: dict[str, Any], wishes: dict[str, Any], folder: Path) -> Any:
    """Say both as JSON to lm-eval's own command."""
    said = ["--model_args", json.dumps(theirs), "--metadata", json.dumps(wishes)]
    return _command(["--model", "stranger", "--tasks", TASK, *said], folder)


def run_from_a_file(theirs: dict[str, Any], wishes: dict[str, Any], folder: Path) -> Any:
    """Say both in a configuration file."""
    config = {"model": "stranger", "model_args": theirs, "metadata": wishes, "tasks": [TASK]}
    path = folder / "run.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return _command(["--config", str(path)], folder)


def _command(arguments: list[str], folder: Path) -> Any:
    assert main(["run", *arguments, "--limit", "1", "--output_path", str(folder / "out")]) == 0
    (path,) = (folder / "out").rglob("results_*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def run_in_python(theirs: dict[str, Any], wishes: dict[str, Any], folder: Path) -> Any:
    """Say both to ``simple_evaluate``."""
    return lm_eval.simple_evaluate(
        model="stranger", model_args=theirs, metadata=wishes, tasks=[TASK], limit=1, bootstrap_iters=0
    )


def run_with_a_manager(theirs: dict[str, Any], wishes: dict[str, Any], folder: Path) -> Any:
    """Say the model's to ``simple_evaluate`` and the tasks' to a task manager."""
    manager = lm_eval.tasks.TaskManager(include_defaults=False, metadata=wishes)
    return lm_eval.simple_evaluate(
        model="stranger", model_args=theirs, task_manager=manager, tasks=[TASK], limit=1, bootstrap_iters=0
    )


WAYS = (run_on_the_command_line, run_from_a_file, run_in_python, run_with_a_manager)


@pytest.mark.parametrize("run", WAYS)
def test_no_argument_of_a_model_reaches_a_task(run: Callable[..., Any], alone: dict[str, Any], tmp_path: Path) -> None:
    """On every entry point the sweep is the one that was asked for tasks, and the model gets all of its arguments."""
    assert settings_in(run(THEIRS, WISHES, tmp_path)) == alone
    assert THEIRS.items() <= (Stranger.received or {}).items()


@pytest.mark.parametrize("run", WAYS)
def test_a_misspelt_setting_is_an_error_though_the_model_has_an_argument_of_that_name(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was said for tasks is read strictly, on every entry point."""
    wishes = {**WISHES, "haystak": 1}
    with pytest.raises((UnknownOptionError, AssertionError)) as stopped:  # the command tells it on standard error
        run(THEIRS, wishes, tmp_path)
    assert "did you mean 'haystack'" in str(stopped.value) + capsys.readouterr().err


def test_arguments_in_one_text_are_the_models_too(alone: dict[str, Any]) -> None:
    """``simple_evaluate`` takes the arguments as lm-eval's text as well."""
    told = run_in_python("seed=3,tokenizer=theirs,gpu_memory_utilization=0.9", WISHES, None)  # type: ignore[arg-type]
    assert settings_in(told) == alone


def test_one_run_leaves_nothing_to_the_next(alone: dict[str, Any]) -> None:
    """A task manager that is made after a run holds what it is given, all of it for tasks."""
    run_in_python(THEIRS, WISHES, None)  # type: ignore[arg-type]
    manager = lm_eval.tasks.TaskManager(include_defaults=False, metadata={"seed": 3, **WISHES})
    assert manager.load([TASK])["tasks"][TASK].sweep.seed == 3
    with pytest.raises(UnknownOptionError):
        lm_eval.tasks.TaskManager(include_defaults=False, metadata={"pretrained": 3}).load([TASK])


names = st.one_of(st.sampled_from([*SWEEP_KEYS, *TASK_KEYS, "pretrained", "needles"]), st.text(max_size=5))
settings = st.dictionaries(names, st.integers(0, 2))


@given(theirs=settings, wishes=settings, layers=st.lists(settings, max_size=3))
def test_mixing_keeps_the_mixture_and_the_origin(
    theirs: dict[str, Any], wishes: dict[str, Any], layers: list[dict[str, Any]]
) -> None:
    """Whatever lies below, others read lm-eval's mixture, and we read what was said for tasks, the run's over all."""
    mixture: Any = Mixed(theirs | wishes, wishes)
    plain, ours = theirs | wishes, dict(wishes)
    for below in layers:
        mixture, plain, ours = below | mixture, below | plain, below | ours
    mixture["config_source"] = "path"
    assert dict(mixture) == {**plain, "config_source": "path"}
    assert own_part(mixture) == {**ours, "config_source": "path"}


HOOKLESS = """
import json, sys
import lm_eval
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

class Stranger(LM):
    def generate_until(self, requests, disable_tqdm=False):
        return ["no" for _ in requests]
    loglikelihood = loglikelihood_rolling = generate_until

theirs, wishes = json.loads(sys.argv[1]), json.loads(sys.argv[2])
manager = TaskManager(include_defaults=False, include_path=sys.argv[3], metadata=theirs | wishes)
assert "lm_eval_longctx.harness.tasks" not in sys.modules
result = lm_eval.simple_evaluate(
    model=Stranger(), model_args=theirs, task_manager=manager, tasks=["longctx_text_niah"], limit=1, bootstrap_iters=0)
print(json.dumps(result["configs"]["longctx_text_niah"]["metadata"]["longctx"]["specification"]))
"""


@pytest.mark.parametrize("seed", [4, 3])
def test_our_folder_alone_works_without_the_hook(seed: int) -> None:
    """Where lm-eval mixed before we were imported, its own run tells the arguments; what stays unclear is an error."""
    theirs = {"gpu_memory_utilization": 0.9, "anything": "at all", "seed": seed}
    command = [sys.executable, "-c", HOOKLESS, json.dumps(theirs), json.dumps(WISHES), str(own_task_folder())]
    environment = {**os.environ, "LM_EVAL_LONGCTX_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if seed == WISHES["seed"]:
        assert "whether seed=3 was said for the model or for the tasks" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["seed"] == 3


@pytest.mark.parametrize(
    ("given_args", "named"),
    [
        (None, "model=cascade"),
        ("", "model=cascade"),
        ({}, {"model": "cascade"}),
        ("ledger=none", "model=cascade,ledger=none"),
        ({"ledger": "none"}, {"model": "cascade", "ledger": "none"}),
        ("ledger=none,model=echo", "ledger=none,model=echo"),
        ("reasoning=model", "model=cascade,reasoning=model"),
        ({"model": "gemini/x"}, {"model": "gemini/x"}),
    ],
)
def test_a_model_that_nobody_named_has_its_own_name(given_args: Any, named: Any) -> None:
    """Arguments of our model name the embedded one where they name none, and stay as they are where they do."""
    assert with_name(given_args) == named
