"""``lm-eval-longctx new`` writes packages that work, and never over what is there."""

from __future__ import annotations

import pytest
import yaml

from lm_eval_longctx.cli import main
from lm_eval_longctx.cli.new import KINDS, package, task_name
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.task_yaml import broken_files


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_what_its_name_says(kind):
    """Python compiles, YAML names its task, no blank is left, and the README says how to begin."""
    files = package(kind, "two_words")
    assert {"pyproject.toml", "README.md", "tests/test_two_words.py"} < set(files)
    for path, text in files.items():
        assert "${" not in text, path
        if path.endswith(".py"):
            compile(text, path, "exec")
    task = task_name(kind, "two_words")
    config = yaml.load(files[f"two_words/tasks/{task}.yaml"].replace("!function ", ""), yaml.SafeLoader)
    assert (config["task"], config["metadata"]["based_on"]) == (task, "longctx_text_niah")
    assert f"--tasks {task}\n" in files["README.md"]


def test_a_new_task_runs_from_its_folder_without_being_installed(tmp_path, capsys):
    """The YAML is a task that can be made, and what is printed says how to run it."""
    assert main(["new", "task", "my_watchwords", "--path", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "lm-eval run --model longctx --tasks my_watchwords" in told
    assert list(broken_files([tmp_path])) == []
    assert main(["tasks", "my_watchwords", "--include_path", str(tmp_path)]) == 0


def test_nothing_is_written_over(tmp_path):
    """A folder that is there is left as it is."""
    (tmp_path / "mine").mkdir()
    assert main(["new", "scorer", "mine", "--path", str(tmp_path)]) == 1
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["class", "Mine", "my-task", "1st", "a__b", "../up", "", "longctx_text_niah", "gemini"]
)
def test_names_that_nobody_could_use_are_refused(name):
    """A name is an identifier in lower case that no installed item has."""
    with pytest.raises(ConfigError):
        package("task", name)
