"""Commands of tests that start warm are those that start cold."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import json, os, sys
print(json.dumps([sys.argv, sys.path[0], os.getcwd(), os.environ.get("OF_MINE"), __name__, sys.stdin.read()]))
sys.exit(int(os.environ["STATUS"]))
"""


@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("words", [["program.py", "a b", ""], ["-m", "program", "--x"]])
def test_a_warm_command_is_what_the_cold_one_is(warm, tmp_path, monkeypatch, words, status):
    """Words, folder, variables, standard input, what is printed and the status are the same."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_MINE", "ä\n")
    monkeypatch.setenv("STATUS", str(status))
    told = [
        subprocess.run([start, *words], input="read", capture_output=True, text=True, check=False)
        for start in (sys.executable, str(warm / "python"))
    ]
    assert [one.returncode for one in told] == [status, status]
    assert told[0].stdout == told[1].stdout != ""


def test_a_warm_command_dies_with_who_started_it(warm, tmp_path):
    """Where the caller's side is killed nothing runs on, and a command that is killed itself has its status."""
    program = tmp_path / "program.py"
    program.write_text("import os, sys, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)", encoding="utf-8")
    with subprocess.Popen([str(warm / "python"), str(program)], stdout=subprocess.PIPE, text=True) as started:
        number = started.stdout.readline()
        started.kill()
    until = time.monotonic() + 30
    while running(int(number)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not running(int(number))
    program.write_text("import os\nos.kill(os.getpid(), 9)", encoding="utf-8")
    done = subprocess.run([str(warm / "python"), str(program)], check=False)
    assert done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}


def running(number):
    """Whether there is such a process."""
    return subprocess.run(["kill", "-0", str(number)], check=False, capture_output=True).returncode == 0
