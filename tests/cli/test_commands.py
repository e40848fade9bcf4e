"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import argparse
import importlib
import json

import pytest

from lm_eval_longctx.cli import main
from lm_eval_longctx.cli.doctor import as_text as finding_as_text
from lm_eval_longctx.cli.parser import COMMANDS, build_parser
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.cli.tasks import as_text as tasks_as_text
from lm_eval_longctx.errors import PluginError
from lm_eval_longctx.harness.checks import fail, ok
from lm_eval_longctx.harness.listing import Listed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_loaded(command):
    """Each line of the table names a module with ``run`` and, unless it forwards, a parser of its own."""
    module = importlib.import_module(command.module)
    assert callable(module.run)
    if not command.forwards:
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        whole, own = build_parser(command)
        assert command.name in whole.format_help()
        assert own.prog.endswith(command.name)


def test_without_a_command_it_shows_what_there_is(capsys):
    """No command at all prints the list of commands and ends with 2."""
    assert main([]) == 2
    printed = capsys.readouterr().out
    assert all(command.name in printed for command in COMMANDS)


def test_an_unknown_command_names_the_valid_ones(capsys):
    """A misspelt command ends with 2 and names the right ones."""
    with pytest.raises(SystemExit, match="2"):
        main(["dcotor"])
    assert "doctor" in capsys.readouterr().err


def test_version(capsys):
    """``--version`` prints name and version."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("lm-eval-longctx 0.")


def test_an_error_of_ours_is_one_line(monkeypatch, capsys):
    """What a user can put right is one line on standard error, and the status is 1."""

    def broken(args):
        raise PluginError("mend it")

    monkeypatch.setattr("lm_eval_longctx.cli.plugins.run", broken)
    assert main(["plugins"]) == 1
    assert capsys.readouterr() == ("", "lm-eval-longctx: mend it\n")


def test_plugins_lists_everything(capsys):
    """``plugins`` shows plugins, providers, sources, builders, scorers and folders, as a table and as JSON."""
    assert main(["plugins"]) == 0
    text = capsys.readouterr().out
    assert main(["plugins", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    names = [
        item["name"] for kind in ("plugins", "providers", "sources", "builders", "scorers") for item in listed[kind]
    ]
    assert {"lm-eval-longctx", "echo", "needle", "retrieval"} <= set(names)
    assert all(name in text for name in names)
    assert all(path in text for path in listed["task_paths"])


def test_tables_are_aligned():
    """Columns begin under their heads and no line ends in blanks."""
    assert table([["a", "x"], ["long", ""]], ("head", "y")) == "head  y\n----  -\na     x\nlong"


def test_tasks_show_what_is_run_by_default(tmp_path):
    """A task's own key is shown, else that of its default preset, and the extra that its haystack needs."""
    metadata = {
        "scorer": "s",
        "depths": 3,
        "presets": {"default": {"context_lengths": ["4k", 8192], "haystack": "voices:a"}},
    }
    task = Listed("longctx_a", "task", ("t", "u"), tmp_path, metadata)
    lines = tasks_as_text([task, Listed("longctx", "group", (), tmp_path, {})], long=True).splitlines()
    assert lines[2].split() == ["longctx_a", "t", "u", "4k", "8192", "3", "voices:a", "s", "[speech]"]
    assert lines[3].split()[:2] == ["longctx", "(group)"]
    assert "doctor" in tasks_as_text([])


def test_findings_are_read_at_a_glance():
    """A finding is its level and text; advice stands on a line of its own."""
    assert finding_as_text(ok("fine")) == "ok    fine"
    assert finding_as_text(fail("broken", "mend it")) == "FAIL  broken\n      -> mend it"


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        (["--adaptive"], ["--metadata", '{"adaptive": true}']),
        (["--adaptive", "50", "--tasks", "t"], ["--tasks", "t", "--metadata", '{"adaptive": 50}']),
        (["--adaptive=50"], ["--metadata", '{"adaptive": 50}']),
        (["--adaptive", "--metadata", '{"depths": 3}'], ["--metadata", '{"depths": 3, "adaptive": true}']),
        (["--metadata=depths=3", "--adaptive", "9"], ["--metadata", "depths=3,adaptive=9"]),
        (["--tasks", "t"], ["--tasks", "t"]),
    ],
)
def test_adaptive_becomes_metadata(given, handed_on):
    """``run --adaptive`` is the metadata key, beside whatever metadata there are."""
    from lm_eval_longctx.cli.run import with_adaptive

    assert with_adaptive(given) == handed_on
