"""Groups and runs may change the metadata of one of their tasks."""

from __future__ import annotations

import json

import lm_eval
import pytest
from lm_eval.tasks import TaskManager

from lm_eval_longctx.cli import main
from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.harness.activation import activate_now

CHANGED = {"context_lengths": ["2k"], "depths": 1}
GROUP = """
group: my_group
task:
  - task: longctx_text_mrcr
    metadata: {context_lengths: [2k], depths: 1}
  - longctx_text_manyshot
  - group: inner
    task:
      - task: longctx_text_niah
        metadata: {preset: smoke, depths: 2}
"""
INCLUDING = """
include: OURS
task: my_task
metadata: {depths: 1}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a group, and a task that includes one of ours."""
    activate_now()
    ours = TaskManager(include_defaults=False).task_index["longctx_text_mrcr"].yaml_path
    (tmp_path / "group.yaml").write_text(GROUP, encoding="utf-8")
    (tmp_path / "task.yaml").write_text(INCLUDING.replace("OURS", str(ours)), encoding="utf-8")
    return tmp_path


def sweeps(folder, *asked):
    """Load what is asked; return lengths and depths by task."""
    loaded = TaskManager(include_defaults=False, include_path=str(folder)).load(list(asked))["tasks"]
    return {
        name: ([length.label for length in task.sweep.context_lengths], len(task.sweep.depths))
        for name, task in loaded.items()
    }


def test_a_groups_member_keeps_what_the_group_does_not_change(folder):
    """Members with changes, without, and of a group in the group are read over their own YAML."""
    found = sweeps(folder, "my_group")
    assert found["longctx_text_mrcr"] == (["2k"], 1)
    assert found["longctx_text_niah"][1] == 2
    assert found["longctx_text_manyshot"] == sweeps(folder, "longctx_text_manyshot")["longctx_text_manyshot"]


def test_a_file_that_includes_ours_keeps_what_it_does_not_change(folder):
    """A task's YAML may include one of ours and set one key of the metadata."""
    before = sweeps(folder, "longctx_text_mrcr")["longctx_text_mrcr"]
    assert sweeps(folder, "my_task") == {"my_task": (before[0], 1)}


def test_a_task_may_be_changed_in_python(folder):
    """``simple_evaluate`` takes a task of ours as a name with changes."""
    result = lm_eval.simple_evaluate(
        model="longctx",
        model_args={"model": "echo", "ledger": str(folder / "ledger"), "progress": False},
        tasks=[{"task": "longctx_text_mrcr", "metadata": CHANGED}, "my_task"],
        task_manager=TaskManager(include_defaults=False, include_path=str(folder)),
        limit=1,
        bootstrap_iters=0,
    )
    told = {name: result["configs"][name]["metadata"] for name in ("longctx_text_mrcr", "my_task")}
    assert {name: (len(block["longctx"]["cells"]), block["builder"]) for name, block in told.items()} == {
        "longctx_text_mrcr": (1, "mrcr"),
        "my_task": (1, "mrcr"),
    }
    assert told["longctx_text_mrcr"]["context_lengths"] == ["2k"]


def test_changes_are_checked_like_all_settings(folder):
    """A misspelt key in a change is an error, and so is a task that names no builder anywhere."""
    with pytest.raises(UnknownOptionError, match="did you mean 'context_lengths'"):
        sweeps(folder, {"task": "longctx_text_mrcr", "metadata": {"context_length": ["2k"]}})
    (folder / "bare.yaml").write_text(
        "task: bare\nclass: !function lm_eval_longctx.harness.tasks.LongctxTask\n"
        "output_type: generate_until\nmetadata: {depths: 1}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="the metadata of bare must name a builder"):
        sweeps(folder, "bare")


def test_tasks_of_others_are_left_alone(folder):
    """A dictionary that is no change of a task of ours goes to lm-eval as it is."""
    (folder / "theirs.yaml").write_text("task: theirs\ndataset_path: nowhere\n", encoding="utf-8")
    manager = TaskManager(include_defaults=False, include_path=str(folder))
    seen = []
    manager._factory.build = lambda entry, **given: seen.append(given["overrides"]) or []  # what lm-eval would build
    manager.load([{"task": "theirs", "metadata": {"a": 1}}, {"task": "unheard_of"}])
    assert seen == [{"task": "theirs", "metadata": {"a": 1}}, {"task": "unheard_of"}]


def test_the_command_line_runs_a_changed_group(folder):
    """lm-eval's own command runs the group, and --metadata wins over what the group says."""
    out = folder / "out"
    arguments = ["--model", "longctx", "--model_args", f"model=echo,ledger={folder / 'ledger'},progress=false"]
    arguments += ["--tasks", "my_group", "--include_path", str(folder), "--limit", "1", "--output_path", str(out)]
    assert main(["run", *arguments, "--metadata", '{"depths": 3}']) == 0
    configs = json.loads(next(out.rglob("results_*.json")).read_text(encoding="utf-8"))["configs"]
    told = configs["longctx_text_mrcr"]["metadata"]
    assert (told["context_lengths"], told["depths"], told["builder"]) == (["2k"], 3, "mrcr")
