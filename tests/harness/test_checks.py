"""What the doctor finds about lm-eval, tasks, model and plugins."""

from __future__ import annotations

import pytest

from lm_eval_longctx.errors import PluginError
from lm_eval_longctx.harness import checks
from lm_eval_longctx.harness.checks import Level, harness_checks
from lm_eval_longctx.harness.listing import listed_tasks, task_files


def failures(*include_path):
    """Return text and advice of what does not work."""
    return [(f.text, f.advice) for f in harness_checks(include_path) if f.level is Level.FAIL]


def test_all_is_well_here():
    """With this lm-eval, every plugin, model, task file and name of ours is in order."""
    assert failures() == []


def test_a_broken_file_is_found(tmp_path, monkeypatch):
    """A YAML whose function does not exist, which lm-eval leaves out without a word, is a failure with its path."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("task: broken\nclass: !function lm_eval_longctx.not_there.Task\n", encoding="utf-8")
    monkeypatch.setattr(checks, "task_files", lambda: [*task_files(), broken])
    ((text, advice),) = failures()
    assert str(broken) in text
    assert "mend" in advice


def test_a_hidden_task_is_noted(tmp_path):
    """A task of the user's own that takes the place of one of ours is noted, and is no failure."""
    ours = next(task for task in listed_tasks() if task.kind == "task")
    (tmp_path / "mine.yaml").write_text(f"task: {ours.name}\ndataset_path: json\n", encoding="utf-8")
    notes = [finding.text for finding in harness_checks([str(tmp_path)]) if finding.level is Level.NOTE]
    assert f"{tmp_path / 'mine.yaml'} takes the place of our task {ours.name}" in notes


def test_a_broken_plugin_ends_the_checks(monkeypatch):
    """Without plugins there is one failure, in the plugin's own words."""

    def broken():
        raise PluginError("two of a kind")

    monkeypatch.setattr(checks, "registry", broken)
    assert failures() == [("two of a kind", "until then no task of ours can run")]


@pytest.mark.parametrize("wanted", ["longctx", "longctx-hosted"])
def test_the_model_is_there_under_both_names(wanted):
    """Both names of the model are found and are ours."""
    found = [finding.text for finding in harness_checks() if finding.level is Level.OK]
    assert any(text.startswith(f"the model {wanted} is lm_eval_longctx.harness.lm:") for text in found)
