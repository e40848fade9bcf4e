"""The doctor finds what is wrong with an installation, and says what to do."""

from __future__ import annotations

import json
import stat

import pytest
from environments import make_environment

pytestmark = pytest.mark.install

ASK = """
import json
from lm_eval_longctx.cli.doctor import installation_checks
print(json.dumps([[finding.level.value, finding.text, finding.advice] for finding in installation_checks()]))
"""


def findings(environment, **variables):
    """Return what is found about an installation."""
    return json.loads(environment.run("-c", ASK, **variables).stdout)


def failures(environment, **variables):
    """Return text and advice of what does not work."""
    return [(text, advice) for level, text, advice in findings(environment, **variables) if level == "FAIL"]


def write_command(folder, *lines):
    """Write an lm-eval command and return the PATH that finds it."""
    folder.mkdir()
    command = folder / "lm-eval"
    command.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(folder)}


def test_nothing_is_wrong_with_a_wheel(installed):
    """An ordinary installation has no failure, and the hook is seen to run."""
    seen = findings(installed, PATH=str(installed.folder / "bin"))
    assert [text for level, text, _ in seen if level == "FAIL"] == []
    assert ["ok", "the hook runs when Python starts", ""] in seen


def test_missing_extras_are_named_with_their_command(installed):
    """An extra that is not installed is a note with the pip command."""
    notes = {text: advice for level, text, advice in findings(installed) if level == "note"}
    assert notes["extra report: without vl-convert-python"] == "pip install 'lm-eval-longctx[report]'"


def test_the_switch_is_found(installed):
    """LM_EVAL_LONGCTX_DISABLE=1 is a failure that says how to unset it."""
    ((text, advice),) = failures(installed, LM_EVAL_LONGCTX_DISABLE="1")
    assert "LM_EVAL_LONGCTX_DISABLE=1" in text
    assert "unset LM_EVAL_LONGCTX_DISABLE" in advice


def test_a_target_folder_is_found(make, wheel, tmp_path):
    """A package that is only on PYTHONPATH is told from an installed one, and the command that works is named."""
    environment = make()
    environment.install("--target", tmp_path / "target", wheel)
    found = failures(environment, PYTHONPATH=str(tmp_path / "target"))
    assert any("no lm_eval_longctx.pth in" in text and "--target" in advice for text, advice in found)
    assert any("does not run" in text and "lm-eval-longctx run" in advice for text, advice in found)


def test_a_lost_pth_is_found(make, wheel):
    """A .pth that somebody removed is a failure."""
    environment = make()
    environment.install(wheel)
    (environment.site / "lm_eval_longctx.pth").unlink()
    assert any("no lm_eval_longctx.pth" in text for text, _ in failures(environment))


def test_two_installations_are_found(make, wheel, tmp_path):
    """Two copies of the distribution on the path are noted with their places."""
    environment = make()
    environment.install(wheel)
    environment.install("--target", tmp_path / "second", wheel)
    notes = [text for level, text, _ in findings(environment, PYTHONPATH=str(tmp_path / "second")) if level == "note"]
    assert any("installed 2 times" in text and str(tmp_path / "second") in text for text in notes)


@pytest.mark.parametrize(
    "lines",
    [
        ["#!{python}"],
        ["#!/bin/sh", '\'\'\'exec\' "{python}" "$0" "$@"', "' '''"],
        ["#!/bin/sh", "'''exec' {python} \"$0\""],
    ],
    ids=["plain", "quoted", "bare"],
)
def test_a_command_of_another_environment_is_found(installed, few_libraries, tmp_path, lines):
    """An lm-eval on PATH that runs another Python, where we are not installed, is a failure that names it."""
    other = make_environment(tmp_path / "other", few_libraries)
    path = write_command(tmp_path / "bin", *(line.format(python=other.python) for line in lines))
    ((text, advice),) = failures(installed, **path)
    assert str(other.python) in text
    assert "-m pip install lm-eval-longctx" in advice


def test_a_command_of_this_environment_is_fine(installed, tmp_path):
    """An lm-eval on PATH that runs this Python is no failure."""
    assert failures(installed, **write_command(tmp_path / "bin", f"#!{installed.python}")) == []


def test_a_command_that_cannot_be_read_is_a_note(installed, tmp_path):
    """An lm-eval on PATH that is no script is noted, and is no failure."""
    path = write_command(tmp_path / "bin", "\x7fELF")
    assert failures(installed, **path) == []
    assert any("does not say which Python" in text for _, text, _ in findings(installed, **path))
