"""Whoever writes a task's YAML is told what is wrong with it, and where."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from lm_eval.config.task import TaskConfig
from lm_eval.tasks import TaskManager

from lm_eval_longctx.cli import main
from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.harness.listing import find_task, task_files
from lm_eval_longctx.harness.task_yaml import USED, broken_files, refuse_unused, unreadable_files
from lm_eval_longctx.harness.tasks import LongctxTask

HEAD = "task: mine\nclass: !function lm_eval_longctx.harness.tasks.LongctxTask\n"
VARIANT = HEAD + "metadata: {based_on: longctx_text_niah, depths: 2, context_lengths: [1k]}\n"


@pytest.fixture
def write(tmp_path):
    """Write the YAML of the task ``mine`` into a folder of its own; return the folder."""

    def write(text, name="mine.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def task(folder, **metadata):
    """The task ``mine`` as lm-eval makes it."""
    manager = TaskManager(include_defaults=False, include_path=str(folder), metadata=metadata)
    return manager.load(["mine"])["tasks"]["mine"]


def test_a_variant_lives_in_a_folder_of_its_own(write):
    """A YAML that is based on a task of ours has its builder, presets and generation settings, and its own keys."""
    made, base = task(write(VARIANT)), find_task("longctx_text_niah")
    assert (made.sweep.preset, len(made.test_docs())) == ("default", 2)
    assert made.config.generation_kwargs["max_gen_toks"] == 64
    assert made.config.metadata["builder"] == base.metadata["builder"]
    assert base.metadata["version"] == made.VERSION
    assert len(task(write(VARIANT), depths=5).test_docs()) == 5


def test_variants_of_variants_are_listed_with_what_they_inherit(write, capsys):
    """``tasks NAME`` shows the settings of a variant as of any task."""
    assert main(["tasks", "mine", "--include_path", str(write(VARIANT)), "--json"]) == 0
    settings = {one["name"]: one["default"] for one in json.loads(capsys.readouterr().out)["settings"]}
    assert (settings["depths"], settings["haystack"]) == (2, "chronicle")


def test_the_example_in_the_page_is_a_task(write, repo_root):
    """The YAML in the page about text hay, copied as it stands, is found and can be made."""
    page = (repo_root / "docs" / "haystacks-text.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1].replace("my_needles", "mine")
    assert task(write(example)).sweep.options["distractors"] == 20


@pytest.mark.parametrize("key", sorted(set(TaskConfig.__dataclass_fields__) - USED))
def test_no_key_of_lm_eval_is_ignored(key):
    """Every key that lm-eval's tasks know, and ours do not use, is refused with what to do instead."""
    with pytest.raises(ConfigError, match=rf"{key} has no effect: ."):
        refuse_unused({"task": "mine", key: "anything"})


@pytest.mark.parametrize("key", ["num_fewshot", "metric_list", "should_decontaminate"])
def test_keys_without_a_value_say_nothing(key):
    """What lm-eval fills in by itself, or sets to none, is no mistake of the user."""
    refuse_unused({"task": "mine", key: None})
    refuse_unused({"task": "mine", key: 0})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "metadata: {based_on: longctx_text_nia}", "did you mean 'longctx_text_niah'"),
        (HEAD + "metadata: {based_on: longctx}", "longctx, which is a group"),
        (HEAD + "metadata: {based_on: longctx_text_niah, haystck: pg}", "did you mean 'haystack'"),
        (HEAD + "metadata: {based_on: longctx_text_niah, depths: -2}", "depth"),
        (HEAD + "metdata: {based_on: longctx_text_niah}", "did you mean 'metadata'"),
        (
            HEAD + "filter_list: [none]\nmetadata: {based_on: longctx_text_niah}",
            "filter_list has no effect: the scorer",
        ),
        (HEAD + "doc_to_text: '{{q}}'\nmetadata: {based_on: longctx_text_niah}", "doc_to_text has no effect"),
        (HEAD + "metadata: {builder: needl, scorer: retrieval}", "did you mean 'needle'"),
        (HEAD + "metadata: {version: 1}", "must name a builder"),
        ("task: mine\ninclude: _text_niah_base_yaml\nmetadata: {builder: needle}", "based_on: NAME OF THE TASK"),
        (HEAD + "metadata: {based_on: [", "ParserError"),
        ("task: mine\nclass: !function lm_eval_longctx.harness.tasks.LongTask\n", "has no function 'LongTask'"),
        ("task: mine\nmetadata: {based_on: longctx_text_niah}", "it has no class"),
    ],
)
def test_a_mistake_is_told_with_file_task_and_key(write, capsys, text, words):
    """``tasks`` and ``doctor`` end with 1 over a folder with a broken file, and say which file it is and why."""
    folder = write(text)
    assert main(["tasks", "--include_path", str(folder)]) == 1
    told = capsys.readouterr().err
    assert str(folder / "mine.yaml") in told
    assert words in told
    assert [broken.path for broken in broken_files([folder])] == [folder / "mine.yaml"]


def test_an_error_at_run_time_names_task_and_file(write):
    """What lm-eval's user sees says which task of which file is wrong."""
    folder = write(HEAD + "metadata: {based_on: longctx_text_niah, haystck: pg}")
    with pytest.raises(UnknownOptionError, match=r"^mine \(.*mine\.yaml\): unknown metadata key 'haystck'"):
        task(folder)


@pytest.mark.parametrize(
    "text",
    [
        "task: mine\nclass: !function lm_eval_longctx.harness.tasks.LongTask\nmetadata: {based_on: longctx_text_niah}",
        "task: mine\nclass: !function lm_eval_longctx.harness.taks.LongctxTask\nmetadata: {based_on: longctx}",
        "task: mine\nmetadata: {based_on: longctx_text_niah}",
    ],
)
def test_who_forgets_or_misspells_the_class_is_told_it_and_not_where_lm_eval_stumbled(write, text):
    """What lm-eval raises for such a file is an error of its own, which names file and class."""
    with pytest.raises(
        ConfigError, match=r"mine\.yaml: .*class: !function lm_eval_longctx\.harness\.tasks\.LongctxTask"
    ):
        task(write(text))


def test_a_file_that_lm_eval_does_not_look_at_is_named(write):
    """lm-eval reads ``.yaml`` alone, and says only that it does not know the task."""
    folder = write(VARIANT, "mine.yml")
    assert [(broken.path.name, broken.reason) for broken in unreadable_files([folder])] == [
        ("mine.yml", "lm-eval reads files that end with .yaml; rename it")
    ]


def test_what_lm_eval_leaves_out_is_named(write):
    """lm-eval says only that a task was not found; the reason stands above it."""
    folder = write("task: mine\ninclude: _text_niah_base_yaml\nmetadata: {builder: needle}")
    program = "from lm_eval.tasks import TaskManager; TaskManager(include_path={!r}, include_defaults=False)"
    command = [sys.executable, "-c", program.format(str(folder))]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert told.count("mine.yaml is left out: includes _text_niah_base_yaml") == 1


def test_a_path_in_a_yaml_begins_at_the_yaml_and_one_on_the_command_line_where_it_runs(write, tmp_path, monkeypatch):
    """A folder of hay beside the YAML is found from anywhere; what --metadata names is looked for from here."""
    here = tmp_path / "here"
    for folder, word in ((tmp_path / "hay", "Beside the file"), (here / "hay", "Where it runs"), (here / "own", "Own")):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text(f"{word} is a sentence. " * 200, encoding="utf-8")
    monkeypatch.chdir(here)
    folder = write(VARIANT.replace("depths: 2", "depths: 2, haystack: 'books:hay', key: uuids"))
    made, told = task(folder), task(folder, haystack="books:own")
    assert "Beside the file" in made.doc_to_text(made.test_docs()[0])
    assert made.test_docs()[0]["haystack"]["spec"] == "books:hay"
    assert "Own is a sentence" in told.doc_to_text(told.test_docs()[0])
    (here / "needle").mkdir()
    (here / "needle" / "a.txt").write_text("Named like a builder is a sentence. " * 200, encoding="utf-8")
    told = task(folder, haystack="books:needle")
    assert "Named like a builder" in told.doc_to_text(told.test_docs()[0])


def test_other_peoples_files_are_left_alone(write):
    """A broken YAML that has nothing to do with us is not our business."""
    assert list(unreadable_files([write("task: theirs\ndoc_to_text: [")])) == []


def test_no_file_of_ours_is_broken():
    """Every task file that we ship can be made into a task."""
    assert list(broken_files(task_files())) == []


def test_changes_from_outside_are_no_keys_of_the_file(write):
    """What lm-eval itself sets on a task when flags ask for it is no key of its YAML."""
    made = task(write(VARIANT))
    made.set_config(key="num_fewshot", value=3)
    assert isinstance(made, LongctxTask)


def test_a_sample_that_cannot_be_made_names_its_task():
    """Of several tasks in one run, the one whose length is too short is named."""
    manager = TaskManager(include_defaults=False, metadata={"context_lengths": ["256"], "depths": 1})
    tasks = manager.load(["longctx_text_niah", "longctx_text_graph"])["tasks"]
    assert tasks["longctx_text_niah"].test_docs()
    with pytest.raises(LengthError, match=r"^longctx_text_graph: a context of 256 tokens is too short"):
        tasks["longctx_text_graph"].test_docs()
