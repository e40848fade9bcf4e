"""Ctrl-C in a matrix: passed on to the cells that run, once each time, and nothing else begins."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.cli import matrix
from lm_eval_longctx.matrix import work
from lm_eval_longctx.matrix.executors import Here
from lm_eval_longctx.matrix.work import Work

if TYPE_CHECKING:
    from pathlib import Path

CELL = """
import pathlib, signal, time
came = []
def note(*_):
    came.append(1)
    pathlib.Path({started!r}).write_text(str(len(came)))
signal.signal(signal.SIGINT, note)
pathlib.Path({started!r}).write_text("0")
until = time.monotonic() + 60
while len(came) < {wanted} and time.monotonic() < until:
    time.sleep(0.01)
raise SystemExit(40 + len(came))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_reaches_the_cells_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Each Ctrl-C reaches a running cell once, also one that was sent to the matrix alone; the next cell never runs."""
    started = tmp_path / "started"
    (tmp_path / "a_cell.py").write_text(CELL.format(started=str(started), wanted=times), encoding="utf-8")
    monkeypatch.setattr(work, "_CHILD", "a_cell")
    executor = Here(1)
    running, waiting = (executor.submit(Work(name, {}, {"PYTHONPATH": str(tmp_path)})) for name in ("one", "two"))

    def wait_for(came: str) -> None:
        until = time.monotonic() + 60
        while not (started.exists() and started.read_text() == came) and time.monotonic() < until:
            time.sleep(0.01)

    wait_for("0")
    executor.interrupt()
    closed, again = executor.close, iter(range(1, times))

    def close() -> None:
        if number := next(again, None):
            wait_for(str(number))  # the system makes one of two that come at once
            raise KeyboardInterrupt
        closed()

    monkeypatch.setattr(executor, "close", close)
    matrix._close(executor)
    assert running.result(0).status == 40 + times
    assert waiting.cancelled()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_ctrl_c_reaches_a_cell_that_is_just_being_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C that comes when a cell's process is there and not yet known is passed on to it all the same."""
    started = tmp_path / "started"
    (tmp_path / "a_cell.py").write_text(CELL.format(started=str(started), wanted=1), encoding="utf-8")
    monkeypatch.setattr(work, "_CHILD", "a_cell")
    executor, popen = Here(1), subprocess.Popen

    def start(*args: Any, **given: Any) -> Any:
        process = popen(*args, **given)
        until = time.monotonic() + 60
        while not started.exists() and time.monotonic() < until:
            time.sleep(0.01)
        executor.interrupt()
        return process

    monkeypatch.setattr(work.subprocess, "Popen", start)
    running = executor.submit(Work("one", {}, {"PYTHONPATH": str(tmp_path)}))
    assert running.result(90).status == 41
    executor.close()
