"""Ctrl-C: the first waits for what is paid, the second abandons it, and the ledger knows either way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lm_eval_longctx.backend import Backend, Job
from lm_eval_longctx.backend.interrupts import SIGNALS, Interrupts
from lm_eval_longctx.backend.rules import Stop
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.scripted import ScriptedProvider
from lm_eval_longctx.testing.server import KEY, LocalServer

PROGRAM = Path(__file__).with_name("killed_run.py")
PATIENCE = 60.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")


@pytest.fixture(autouse=True)
def heard():
    """Undo ``nohup``, under which the whole suite may run: who is deaf to a signal starts processes that are, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(url: str, ledger: Path, count: int = 200, *more: str) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own."""
    environment = {**os.environ, "OPENAI_COMPATIBLE_API_KEY": KEY}
    command = [sys.executable, str(PROGRAM), url, str(ledger), str(count), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def wait_for(condition, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_interrupt_waits_for_calls_in_flight(tmp_path, name):
    """After one Ctrl-C or its like nothing new is sent, all in flight is answered and recorded, and it ends."""
    with LocalServer() as server:
        server.state.fail("slow_drip", times=1000, seconds=0.002)
        with start(server.url, tmp_path / "ledger") as process:
            wait_for(lambda: len(server.state.bills) >= 12, process)
            process.send_signal(number := getattr(signal, name))
            _, said = process.communicate(timeout=PATIENCE)
        asked = len(server.state.bills)
    assert process.returncode == (-2 if name == "SIGINT" else 128 + number)
    assert (b"KeyboardInterrupt" in said) == (name == "SIGINT")
    assert (b"stopped by the user" if name == "SIGINT" else b"stopped by " + name.encode()) in said
    assert b"waiting for calls in flight" in said
    assert asked < 200
    with Ledger.open(tmp_path / "ledger") as ledger:
        summary = ledger.summary()
    assert summary.outcomes["complete"] == asked
    assert set(summary.outcomes) <= {"complete", "transport_failed"}  # what had its record but was not sent any more
    assert summary.outcomes.get("transport_failed", 0) <= 9
    assert summary.possibly_billed == 0


def test_the_second_interrupt_abandons_and_counts(tmp_path):
    """After two Ctrl-C the process ends at once, and what was in flight is recorded as possibly billed."""
    with LocalServer() as server:
        server.state.fail("hang", times=8, seconds=300.0)
        with start(server.url, tmp_path / "ledger", count=8) as process:
            wait_for(lambda: len(server.state.bills) >= 2, process)
            process.send_signal(signal.SIGINT)
            line = b""
            while b"waiting for calls" not in line:
                line = process.stderr.readline()
                assert line or process.poll() is None
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
        asked = len(server.state.bills)
    assert process.returncode != 0
    assert b"abandoning" in said
    with Ledger.open(tmp_path / "ledger") as ledger:
        summary = ledger.summary()
    assert set(summary.outcomes) <= {"possibly_billed", "transport_failed"}
    assert summary.possibly_billed == summary.outcomes["possibly_billed"] >= asked


def test_a_scheduler_is_not_kept_waiting(tmp_path):
    """After SIGTERM, calls that do not come back in time are given up, recorded as possibly billed."""
    with LocalServer() as server:
        server.state.fail("hang", times=8, seconds=300.0)
        with start(server.url, tmp_path / "ledger", 8, "--max-drain", "0.3") as process:
            wait_for(lambda: len(server.state.bills) >= 2, process)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            _, said = process.communicate(timeout=PATIENCE)
            took = time.monotonic() - began
    assert (process.returncode, took < 20) == (143, True)
    assert b"abandoning" in said
    with Ledger.open(tmp_path / "ledger") as ledger:
        assert ledger.summary().possibly_billed >= 2


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_that_others_handle_are_left_to_them(number):
    """A program that ignores a signal (nohup) or handles it keeps doing so; afterwards all is as it was."""
    inherited = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:  # a shell that starts tests in the background makes them deaf to some
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
    before = {each: signal.getsignal(each) for each in SIGNALS}
    signal.signal(number, signal.SIG_IGN)
    try:
        with Interrupts(lambda: None, lambda: None, 1.0):
            assert signal.getsignal(number) is signal.SIG_IGN
            assert all(signal.getsignal(each) is not before[each] for each in SIGNALS if each != number)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before[number])
        after = {each: signal.getsignal(each) for each in SIGNALS}
        for each, handler in inherited.items():
            signal.signal(each, handler)
    assert after == before


def test_what_is_still_being_made_is_not_waited_for(tmp_path):
    """Once a run is ended, a prompt that takes long to make ends at its next step, and counts as not sent."""
    steps = []

    def render():
        with progress("making", 1e9, "steps") as advance:
            while len(steps) < 1_000:
                steps.append(1)
                if len(steps) == 3:
                    sessions[0].stop(Stop.PERSON, "the user")
                advance(1)
        return Prompt.user(TextPart("too late"))

    sessions = []
    with Ledger.open(tmp_path / "ledger") as ledger:
        backend = Backend(ScriptedProvider("model"), ledger=ledger, progress=False)
        made = backend.session
        backend.session = lambda *given: sessions.append(made(*given)) or sessions[0]
        (answer,) = backend.run([Job("s", "t", render, Settings())])
    assert len(steps) == 3
    assert answer.outcome is Outcome.TRANSPORT_FAILED
    assert "stopped by the user" in answer.detail
