"""lm-eval's own command line: where results go, and how our errors end it."""

from __future__ import annotations

import sys

import pytest

from lm_eval_longctx.cli import main
from lm_eval_longctx.ctrl_c import GOES_ON
from lm_eval_longctx.errors import ConfigError, DepthError
from lm_eval_longctx.harness.activation import is_lm_eval, tell_errors_in_one_line
from lm_eval_longctx.harness.command_line import check_output

OURS = ("lm-eval", "/usr/bin/lm-eval", "lm_eval", "/x/lib/lm_eval/__main__.py")
MODULE = "lm_eval_longctx.harness.tasks"
OTHERS = ("pytest", "/x/bin/lm-eval-longctx", "/x/lib/other/__main__.py", "-c", "")


@pytest.fixture
def file(tmp_path):
    """A file where a folder would have to be."""
    path = tmp_path / "taken"
    path.write_text("x", encoding="utf-8")
    return path


def test_lm_eval_is_known_by_its_command():
    """Its scripts and ``python -m lm_eval`` are told from all other programs."""
    assert all(is_lm_eval([program]) for program in OURS)
    assert not any(is_lm_eval([program]) for program in OTHERS)
    assert not is_lm_eval([])


@pytest.mark.parametrize("spelling", [["--output_path"], ["-o"], ["--output"]])
def test_a_place_that_cannot_be_written_is_an_error(file, spelling):
    """However lm-eval takes it, an output path below a file is refused with the reason."""
    with pytest.raises(ConfigError, match=r"--output_path .*taken/out cannot be written \(.+\); give another folder"):
        check_output(["lm-eval", "run", "--tasks", "x", *spelling, str(file / "out"), "--limit", "2"])
    with pytest.raises(ConfigError, match="cannot be written"):
        check_output(["lm-eval", "run", f"--output_path={file / 'out.json'}"])


def test_a_place_that_can_be_written_is_left_empty(tmp_path, file):
    """The try leaves nothing in the folder; other programs' options are not looked at."""
    check_output(["lm-eval", "run", "--output_path", str(tmp_path / "a" / "b")])
    assert list((tmp_path / "a" / "b").iterdir()) == []
    check_output(["lm-eval", "run", "--output_path", str(tmp_path / "out.json")])
    assert not (tmp_path / "out.json").exists()
    check_output(["lm-eval", "run", "--tasks", "x"])
    check_output(["pytest", "-o", str(file / "out")])


def test_a_task_refuses_before_a_request_is_made(niah, monkeypatch, file):
    """Plain lm-eval stops before the first request if the results could not be saved."""
    task = niah()
    monkeypatch.setattr(sys, "argv", ["/x/bin/lm-eval", "run", "--output_path", str(file / "out")])
    with pytest.raises(ConfigError, match="cannot be written"):
        task.build_all_requests()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tasks", "longctx_text_niah", "--output_path", "{file}/out"], "cannot be written"),
        (["--model", "longctx", "--tasks", "longctx_text_niah", "--metadata", "{depths: 3}"], "Invalid JSON"),
    ],
)
def test_run_says_one_line(file, capsys, arguments, says):
    """``lm-eval-longctx run`` answers a bad command line with one line, lm-eval's own complaints among them."""
    assert main(["run", *(argument.replace("{file}", str(file)) for argument in arguments)]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("lm-eval-longctx: ")
    assert says in error
    assert "\n" not in error


def test_our_errors_end_lm_eval_in_one_line(monkeypatch, capsys):
    """Where the command is lm-eval's, our errors are one line; those of others keep their traceback."""
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda *given: told.append(given))
    monkeypatch.setattr(sys, "argv", ["pytest"])
    before = sys.excepthook
    tell_errors_in_one_line()
    assert sys.excepthook is before
    monkeypatch.setattr(sys, "argv", ["/x/bin/lm-eval", "run"])
    tell_errors_in_one_line()
    hook = sys.excepthook
    tell_errors_in_one_line()
    assert sys.excepthook is hook
    hook(DepthError, DepthError("too deep"), None)
    assert capsys.readouterr().err == "lm-eval-longctx: too deep\n"
    hook(ValueError, ValueError("x"), None)
    assert len(told) == 1


@pytest.mark.parametrize(("arguments", "loaded"), [(["--tasks", "longctx_text_niah"], []), ([], [MODULE]), ([], [])])
def test_ctrl_c_ends_lm_eval_in_one_line(monkeypatch, capsys, arguments, loaded):
    """Ctrl-C in a run of ours is one line that tells how to go on; in a run without us it is what it was."""
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda *given: told.append(given))
    monkeypatch.setattr(sys, "argv", ["/x/bin/lm-eval", "run", *arguments])
    monkeypatch.setattr(sys, "modules", {**dict.fromkeys(loaded), "sys": sys})
    tell_errors_in_one_line()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    said, ours = capsys.readouterr().err, bool(arguments or loaded)
    assert said == (f"\nlm-eval-longctx: {GOES_ON}\n" if ours else "")
    assert len(told) == (not ours)
