"""Everything that can be set is shown by some command, with what it takes, its default and its help."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import lm_eval_longctx
from lm_eval_longctx.cli import main
from lm_eval_longctx.cli.matrix import file_help
from lm_eval_longctx.cli.run import model_help
from lm_eval_longctx.cli.tasks import settings_as_text
from lm_eval_longctx.harness.listing import listed_tasks, settings_of
from lm_eval_longctx.harness.model_args import MODEL, OPTIONS
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.sweep import SWEEP_OPTIONS

PACKAGE = Path(lm_eval_longctx.__file__).parent


def declared():
    """Return name and help (where it is one plain text) of every option in the sources."""
    calls = [
        node
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Option"
    ]
    for call in calls:
        words = {keyword.arg: keyword.value for keyword in call.keywords}
        name, help_ = call.args[0], call.args[2] if len(call.args) > 2 else words["help"]
        if not isinstance(name, ast.Constant):  # a function that makes several; its own calls name them
            continue
        yield name.value, help_.value if isinstance(help_, ast.Constant) else ""


def printed(capsys, *command):
    """Return what a command prints."""
    assert main(list(command)) == 0
    return capsys.readouterr().out


@pytest.fixture
def listings(capsys):
    """All that the listings print."""
    known = registry()
    items = dict.fromkeys(record.name for record in (*known.providers(), *known.builders(), *known.scorers()))
    tasks = [settings_as_text(task, settings_of(task)) for task in listed_tasks() if task.kind == "task"]
    assert printed(capsys, "tasks", "longctx_text_niah").strip() in "\n".join(tasks)  # this is what the command prints
    return "\n".join([*(printed(capsys, "plugins", name) for name in items), *tasks, model_help(), file_help()])


def test_every_declared_option_is_listed(listings):
    """No option, and no help text, is declared that no listing shows."""
    options = list(declared())
    assert len(options) > 90
    firsts = {line.split(" ", 1)[0] for line in listings.splitlines()}
    assert [name for name, _ in options if name not in firsts] == []
    assert [(name, help_) for name, help_ in options if help_ not in listings] == []


def test_every_argument_of_a_provider_is_listed(capsys):
    """``plugins NAME`` shows each argument of a provider with its help."""
    for record in registry().providers():
        text = printed(capsys, "plugins", record.name)
        for option in registry().load(record).OPTIONS:
            assert any(line.split(" ", 1)[0] == option.name and option.help in line for line in text.splitlines())


def test_a_task_shows_its_own_defaults(capsys):
    """``tasks NAME`` shows what the task uses unless told otherwise, and which keys have no effect on it."""
    told = json.loads(printed(capsys, "tasks", "mrcr_2needle_longctx", "--json"))
    settings = {setting["name"]: setting for setting in told["settings"]}
    assert (settings["needles"]["default"], settings["needles"]["part"]) == (2, "builder mrcr")
    assert settings["grading"]["part"] == "scorer sequence_match"
    assert all(settings[option.name]["part"] == "sweep" for option in SWEEP_OPTIONS)
    text = printed(capsys, "tasks", "longctx_text_manyshot")
    assert any(line.split()[0] == "depths" and "(no effect)" in line for line in text.splitlines() if line)


def test_every_task_can_be_described(capsys):
    """Each of our tasks names a builder and a scorer whose options can be listed."""
    assert all(settings_of(task) for task in listed_tasks() if task.kind == "task")


def test_an_item_of_several_kinds_is_shown_with_each(capsys):
    """A name that a builder and a scorer share shows both, as text and as JSON."""
    text = printed(capsys, "plugins", "multi_needle")
    kinds = [item["kind"] for item in json.loads(printed(capsys, "plugins", "multi_needle", "--json"))]
    assert kinds == ["builder", "scorer"]
    assert text.count("multi_needle:") == 2


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("plugins", "gemni"), "did you mean 'gemini'"),
        (("tasks", "longctx_text_nih"), "did you mean 'longctx_text_niah'"),
        (("tasks", "longctx"), "longctx is a group"),
    ],
)
def test_what_is_not_there_names_the_nearest(capsys, command, says):
    """A name that no item has is one line that helps."""
    assert main(list(command)) == 1
    assert says in capsys.readouterr().err


def test_help_shows_the_models_arguments(capsys):
    """``run --help`` prints lm-eval's own help and, below, what our model takes."""
    text = printed(capsys, "run", "--help")
    assert "--include_path" in text
    assert text.rstrip().endswith(model_help().rstrip())


def test_the_page_lists_the_models_arguments(repo_root):
    """The page on providers has a row for each argument of the model, in its own words."""
    page = (repo_root / "docs" / "providers.md").read_text(encoding="utf-8")
    for option in (MODEL, *OPTIONS):
        assert f"| `{option.name}` | {option.kind} | {option.shown_default} | {option.help} |" in page
