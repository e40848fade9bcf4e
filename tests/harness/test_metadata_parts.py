"""Metadata for one task of several: in a group's YAML, and in a run's ``--metadata``."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.assembly import completed

if TYPE_CHECKING:
    from pathlib import Path

OTHER = {"preset": "gemini-1.5"}
"""A preset that not every task has."""

GROUP = """
group: my_evening
task:
  - task: longctx_text_mrcr
    metadata: {context_lengths: [2k]}
  - task: longctx_text_niah
    metadata: {context_lengths: [1k, 2k], depths: 2, samples_per_cell: 3}
  - niah_uuid_longctx
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user's, with a group of three tasks, two of them with settings of their own."""
    (tmp_path / "my_evening.yaml").write_text(GROUP, encoding="utf-8")
    return tmp_path


def load(names: list[str], folder: Path | None = None, **metadata: Any) -> dict[str, Any]:
    """Load tasks as lm-eval does; return their sweeps by name."""
    activate_now()
    from lm_eval.tasks.manager import TaskManager

    manager = TaskManager(include_defaults=False, include_path=[str(folder)] if folder else None, metadata=metadata)
    return {name: task.sweep.to_dict() for name, task in manager.load(names)["tasks"].items()}


def test_a_group_may_set_keys_of_one_task(folder: Path) -> None:
    """What a group says of a task is laid over the task's own YAML, and its other tasks stay as they are."""
    sweeps = load(["my_evening"], folder)
    assert sweeps["longctx_text_mrcr"]["context_lengths"] == ["2k"]
    assert sweeps["longctx_text_mrcr"]["options"] == load(["longctx_text_mrcr"])["longctx_text_mrcr"]["options"]
    niah = sweeps["longctx_text_niah"]
    assert (niah["context_lengths"], niah["depths"], niah["samples_per_cell"]) == (["1k", "2k"], [0.0, 1.0], 3)
    assert niah["version"] == load(["longctx_text_niah"])["longctx_text_niah"]["version"]
    assert sweeps["niah_uuid_longctx"] == load(["niah_uuid_longctx"])["niah_uuid_longctx"]


def test_the_run_wins_over_the_group(folder: Path) -> None:
    """What the user says for the whole run is stronger than what the group's YAML says."""
    sweeps = load(["my_evening"], folder, samples_per_cell=5)
    assert {name: sweep["samples_per_cell"] for name, sweep in sweeps.items()} == dict.fromkeys(sweeps, 5)
    assert sweeps["longctx_text_mrcr"]["context_lengths"] == ["2k"]


def test_a_run_may_set_keys_of_some_of_its_tasks() -> None:
    """Parts named by a task or a pattern hold for the tasks that they name, exact names over patterns."""
    parts: dict[str, Any] = {
        "longctx_text_niah": {"depths": 3},
        "longctx_text_*": {"depths": 2, "samples_per_cell": 4},
        "*": {"seed": 9},
        "seed": 1,
    }
    sweeps = load(["longctx_text_niah", "longctx_text_niah_multi", "niah_uuid_longctx"], **parts)
    assert [sweeps[name]["seed"] for name in sorted(sweeps)] == [9, 9, 9]
    assert len(sweeps["longctx_text_niah"]["depths"]) == 3
    for name in ("longctx_text_niah", "longctx_text_niah_multi"):
        assert sweeps[name]["samples_per_cell"] == 4
    assert sweeps["niah_uuid_longctx"]["samples_per_cell"] == 1


@pytest.mark.parametrize(
    "metadata", [{"longctx_text_naih": {"depths": 2}}, {"longctx_text_niah": {"deepths": 2}}, {"*": {"deepths": 2}}]
)
def test_parts_are_read_strictly(metadata: dict[str, Any]) -> None:
    """A part for a task that does not exist, or with an unknown key, is an error that names the nearest."""
    with pytest.raises(UnknownOptionError, match="did you mean"):
        load(["longctx_text_niah"], **metadata)


def test_a_part_for_another_task_changes_nothing() -> None:
    """A part that names another task is not this task's business."""
    metadata = {"builder": "needle", "scorer": "retrieval", "longctx_text_mrcr": {"depths": 2}}
    assert completed("longctx_text_niah", metadata) == {"builder": "needle", "scorer": "retrieval"}


def test_a_preset_that_a_task_lacks_gives_way_to_default(caplog: pytest.LogCaptureFixture) -> None:
    """A wildcard run in a preset that some of its tasks have runs all: the others say that they run default."""
    activate_now()
    from lm_eval.tasks.manager import TaskManager

    manager = TaskManager(include_defaults=False, metadata={"preset": "gemini-1.5"})
    made = manager.load(manager.match_tasks(["longctx_*"]))["tasks"]
    sweeps = {name: task.sweep.to_dict() for name, task in made.items()}
    lacking = sorted(n for n, task in made.items() if "gemini-1.5" not in task.config.metadata["presets"])
    assert 0 < len(lacking) < len(sweeps)
    told = {r.args[0] for r in caplog.records if "has no preset gemini-1.5" in r.getMessage()}
    assert lacking == sorted(told)
    for name, sweep in sweeps.items():
        ran, asked = ("default", "gemini-1.5") if name in lacking else ("gemini-1.5", "")
        assert (sweep["preset"], sweep["asked_preset"]) == (ran, asked)


def test_a_preset_that_gave_way_fills_what_nobody_set() -> None:
    """The default preset stands in for the one asked for, below what the user set."""
    asked, plain = (load(["longctx_text_mrcr"], seed=3, **given)["longctx_text_mrcr"] for given in (OTHER, {}))
    assert {**asked, "asked_preset": ""} == plain


@pytest.mark.parametrize("name", ["gemini-1.4", "smok"])
def test_a_preset_that_no_task_has_is_an_error(name: str) -> None:
    """A misspelt preset never runs as default; the nearest of any task's presets is named."""
    with pytest.raises(UnknownOptionError, match="did you mean"):
        load(["longctx_text_mrcr"], preset=name)


def test_a_user_s_tasks_know_each_other_s_presets(tmp_path: Path) -> None:
    """Presets of tasks beside a user's own YAML give way as those of our tasks do."""
    metadata = "builder: needle, scorer: retrieval, presets: {default: {context_lengths: [1k], haystack: repeat}"
    for name, more in (("mine_a", ", night: {depths: 2}}"), ("mine_b", "}")):
        base = (
            f"task: {name}\nclass: !function lm_eval_longctx.harness.tasks.LongctxTask\noutput_type: generate_until\n"
        )
        (tmp_path / f"{name}.yaml").write_text(f"{base}metadata: {{{metadata}{more}}}\n", encoding="utf-8")
    sweeps = load(["mine_a", "mine_b"], tmp_path, preset="night")
    assert [sweeps[name]["preset"] for name in ("mine_a", "mine_b")] == ["night", "default"]


def test_the_command_line_runs_such_a_group(folder: Path, tmp_path: Path, warm: Path) -> None:
    """Plain lm-eval with ``--include_path`` and ``--metadata`` runs the group with each task's own lengths."""
    out, metadata = tmp_path / "out", {"niah_uuid_longctx": {"context_lengths": ["1k"], "depths": 1}}
    command = [str(warm / "lm-eval"), "run", "--model", "longctx", "--tasks", "my_evening"]
    rest = ["--include_path", str(folder), "--metadata", json.dumps(metadata), "--output_path", str(out)]
    done = subprocess.run([*command, *rest, "--limit", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.rglob("results_*.json")
    configs = json.loads(file.read_text(encoding="utf-8"))["configs"]
    lengths = {
        name: config["metadata"]["longctx"]["specification"]["context_lengths"] for name, config in configs.items()
    }
    assert lengths == {
        "longctx_text_mrcr": ["2k"],
        "longctx_text_niah": ["1k", "2k"],
        "niah_uuid_longctx": ["1k"],
    }
