"""The terminal: what is printed fits it, mistakes are named, pipes may end, and the shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx import screen
from lm_eval_longctx.cli import main
from lm_eval_longctx.cli.completion import task_names
from lm_eval_longctx.cli.parser import COMMANDS, PIPE_CLOSED, PROGRAM
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.cli.tasks import chosen
from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.harness.command_line import _with_nearest
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.report.terminal import as_comparison, as_text

if TYPE_CHECKING:
    from pathlib import Path

CELLS = st.text("abc xyz-", max_size=60).map(lambda text: " ".join(text.split()))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), st.integers(30, 130))
def test_tables_fit_and_lose_nothing(rows: list[tuple[str, str, str]], width: int) -> None:
    """However narrow the screen, no line of a table is wider than its longest word needs, and every word is there."""
    heads = ("name", "takes", "what for")
    text = table(rows, heads, width)
    longest = max(len(word) for row in (*rows, heads) for word in (*row, row[0]))
    assert max(map(len, text.splitlines())) <= max(width, longest + 12)
    kept = "".join(text.split())
    assert all(word in kept for row in rows for cell in row for word in cell.split() if len(word) < 10)


def test_a_wide_screen_changes_no_table() -> None:
    """Where there is room, each row is one line."""
    assert table([("a", "b c")], ("x", "y"), 500) == "x  y\n-  ---\na  b c"


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", [["--help"], ["tasks"], ["tasks", "--long"], ["plugins"], ["show", "--help"]])
def test_what_is_listed_fits_the_screen(command, columns, monkeypatch, capsys) -> None:
    """No line of lists and help is wider than the screen; paths are never broken."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with suppress(SystemExit):  # after --help
        main(command)
    lines = capsys.readouterr().out.splitlines()
    wide = [line for line in lines if len(line) > columns]
    assert [line for line in wide if len(line.split()) > 1] == []


def test_a_pipe_has_no_width(monkeypatch, capsys) -> None:
    """Where nobody says how wide it is, as in a pipe or a file, each task is one line."""
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(listed_tasks())


@pytest.mark.parametrize("columns", [60, 80])
def test_reports_fit_the_screen(runs, columns, monkeypatch) -> None:
    """A sweep's table stands in parts where it is too wide, with all of its cells, and its signature is whole."""
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = as_text(runs[0])
    monkeypatch.setenv("COLUMNS", str(columns))
    text = as_text(runs[0])
    assert max(map(len, text.splitlines())) <= columns
    for length in ("1k", "8k", "128k"):
        assert text.count(f" {length} ") == whole.count(f" {length} ")
    assert runs[0].signature in "".join(line.strip() for line in text.splitlines())
    assert max(map(len, as_comparison(runs).splitlines())) <= columns


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("dcotor", "did you mean 'doctor'?"),
        ("tasks --pubic", "(did you mean --public?)"),
        ("ledger shwo", "did you mean 'show'?"),
        ("plan --tasks x --metdata={}", "(did you mean --metadata?)"),
        ("show x --arround needle", "(did you mean --around?)"),
        ("show x --around neddle", "did you mean 'needle'?"),
        ("report x --zzzzzz", "unrecognized arguments: --zzzzzz\n"),
    ],
)
def test_mistakes_on_the_command_line_name_what_was_meant(command, says, capsys) -> None:
    """A wrong subcommand, option or choice ends with 2 and names the nearest valid one, if one is near."""
    with pytest.raises(SystemExit, match="2"):
        main(command.split())
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("tasks longctx_text_nih", "longctx_text_niah"),
        ("tasks txet", "text"),
        ("tasks longctx-pubic", "longctx-public"),
        ("plan --tasks longctx_text_niah,longctx_text_mrrc", "longctx_text_mrcr"),
        ("check longctx_text_docq", "longctx_text_docqa"),
    ],
)
def test_unknown_tasks_name_the_nearest(command, meant, capsys) -> None:
    """Wherever a task is named, one that is not there ends with 1 and one line with the nearest that is."""
    assert main(command.split()) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith(PROGRAM)]
    assert len(told) == 1
    assert "did you mean" in told[0]
    assert meant in told[0]
    assert len(told[0]) < 400


def test_a_run_of_unknown_tasks_names_the_nearest() -> None:
    """What lm-eval says of tasks that it does not find is completed by ours that were probably meant."""
    told = _with_nearest("Tasks not found: longctx_text_mrrc, hellaswagg, longctx_audio_nia")
    assert told.endswith(
        "did you mean longctx_text_mrcr for longctx_text_mrrc, longctx_audio_niah for longctx_audio_nia?"
    )
    assert _with_nearest("Invalid JSON") == "Invalid JSON"


def test_tasks_are_filtered() -> None:
    """Kinds of content, tags, patterns and names choose; several are joined; the order stays."""
    tasks = listed_tasks()
    names = {word: [task.name for task in chosen(tasks, word.split())] for word in ("text", "audio", "video", "image")}
    assert {"longctx_text_niah", "lesmis_qa", "niah_uuid_longctx"} <= set(names["text"])
    assert {"longctx_audio_niah", "librispeech_long"} <= set(names["audio"])
    assert {"longctx_video_qa", "lvbench"} <= set(names["video"])
    assert names["image"] == ["longctx_image_extract", "longctx_image_niah", "longctx_image_niah_shape"]
    assert [task.name for task in chosen(tasks, ["longctx_image_*", "lvbench"])] == [*names["image"], "lvbench"]
    assert {task.name for task in chosen(tasks, ["longctx-mtob"])} == {
        n.name for n in tasks if n.name.startswith("mtob")
    }
    assert chosen(tasks, []) == tasks
    with pytest.raises(UnknownOptionError, match="did you mean 'video'"):
        chosen(tasks, ["vidio"])


def test_each_task_is_described_and_told_apart(capsys, monkeypatch) -> None:
    """Every task has words for what it asks, and tasks of one kind with other settings have other words."""
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["tasks"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[2:])
    assert all(len(words.split()) > 2 for words in lines.values())
    assert "needles 2" in lines["mrcr_2needle_longctx"]
    assert "to_english" in lines["mtob_ke_book"]
    assert "[speech]" in lines["longctx_audio_niah"]
    assert main(["tasks", "--public"]) == 0
    public = capsys.readouterr().out
    assert "lvbench" in public
    assert "longctx_text_niah" not in public


def ended_early(arguments: list[str], folder: Path) -> tuple[int, str]:
    """Return status and standard error of a command whose reader closes the pipe at once."""
    environment = {**os.environ, "LM_EVAL_LONGCTX_CACHE": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-m", "lm_eval_longctx", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors.decode()


@pytest.mark.parametrize(
    "arguments",
    [["tasks"], ["plugins"], ["show", "{out}"], ["run", "--help"]],
    ids=" ".join,
)
def test_a_reader_that_stops_is_no_error(ran, arguments, tmp_path) -> None:
    """``| head`` and ``| less`` may close the pipe at any time: no traceback, and the status that shells expect."""
    status, errors = ended_early([part.format(out=ran.out) for part in arguments], tmp_path)
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors
    assert status in {0, 2, PIPE_CLOSED}


def completed(line: str, tmp_path: Path) -> list[str]:
    """Return what the shell would suggest at the end of a line."""
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n",
    }
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval_longctx"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    return answer.read_text().split("\n")


@pytest.mark.parametrize(
    ("line", "suggested"),
    [
        ("lm-eval-longctx do", {"doctor"}),
        ("lm-eval-longctx ", {command.name for command in COMMANDS}),
        ("lm-eval-longctx show --aro", {"--around"}),
        ("lm-eval-longctx show --around ", {"needle", "start", "end"}),
        ("lm-eval-longctx ledger ex", {"export"}),
        ("lm-eval-longctx tasks lvb", {"lvbench"}),
        ("lm-eval-longctx plan --tasks lvbench,longvideo", {"lvbench,longvideobench"}),
    ],
)
def test_shells_complete_commands_options_and_tasks(line, suggested, tmp_path) -> None:
    """At each place of a command line the shell gets what is valid there."""
    pytest.importorskip("argcomplete")
    assert suggested <= {word.strip() for word in completed(line, tmp_path)}


def test_tasks_complete_after_commas() -> None:
    """Of several tasks with commas between, the last is completed."""
    assert task_names("a,longctx_text_niah_") == ["a,longctx_text_niah_multi"]
    assert task_names("no_such") == []


def test_prose_is_broken_between_words() -> None:
    """Lines of prose keep their indent, and what is longer than the screen in one piece stays in one piece."""
    assert screen.fitted(["  one two three", "x"], 9) == "  one two\n    three\nx"
    assert screen.fitted(["model    one two three"], 18) == "model    one two\n         three"
    assert screen.fitted(["         one two three"], 18) == "         one two\n         three"
    assert screen.fitted(["/a/very/long/path/in/one/piece"], 10) == "/a/very/long/path/in/one/piece"
