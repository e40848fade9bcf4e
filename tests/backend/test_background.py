"""Answers that are made in the background: whoever is killed while waiting finds them again, paid once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.testing.server import KEY, LocalServer

PROGRAM = Path(__file__).with_name("killed_run.py")
COUNT, AT_ONCE = 20, 8
NEVER = 1 << 40
NEXT = 1
"""Calls that are recorded and wait for a place on the wire: nobody can say afterwards that they never went out."""


@pytest.fixture
def server():
    with LocalServer() as running:
        yield running


def start(server: LocalServer, ledger: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), server.url, str(ledger), str(COUNT), "--background"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OPENAI_API_KEY": KEY})


def result(process: subprocess.Popen[bytes]) -> dict:
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(printed)


def asked_for(server: LocalServer) -> set[str]:
    """Which answers somebody has looked for."""
    with server.state.lock:
        return {name for name, kept in server.state.later.items() if kept["polls"] < NEVER}


def killed_while_waiting(server: LocalServer, ledger: Path) -> None:
    """Kill a run when it waits for as many answers as it may have open."""
    server.state.polls_until_ready = NEVER
    with start(server, ledger) as process:
        until = time.monotonic() + 60
        while len(asked_for(server)) < AT_ONCE and time.monotonic() < until:
            time.sleep(0.005)
        process.kill()
    assert len(asked_for(server)) == len(server.state.bills) == AT_ONCE
    with server.state.lock:
        server.state.polls_until_ready = 0
        for kept in server.state.later.values():
            kept["polls"] = 0


def billed(server: LocalServer) -> float:
    return sum((bill.prompt * 1000 + bill.output * 2000) / 1e6 for bill in server.state.bills)


def test_whoever_was_killed_while_waiting_fetches_the_answers(server, tmp_path):
    """The rerun fetches what was being made, asks only what is missing, and the money agrees to the cent."""
    killed_while_waiting(server, tmp_path / "ledger")
    found = result(start(server, tmp_path / "ledger"))
    assert [answer["outcome"] for answer in found["answers"]] == ["complete"] * COUNT
    assert set(Counter(bill.digest for bill in server.state.bills).values()) == {1}
    assert len(server.state.bills) == COUNT
    assert found["totals"]["possibly_billed"]["calls"] == 0
    assert found["totals"]["possibly_billed"]["of_ended_processes"] <= NEXT
    with Ledger.open(tmp_path / "ledger") as ledger:
        summary = ledger.summary()
    assert (summary.calls, summary.answered) == (COUNT, COUNT)
    assert summary.attempts - COUNT == summary.possibly_billed <= NEXT
    assert summary.cost == pytest.approx(billed(server))


def test_answers_that_are_kept_no_longer_are_asked_again_and_counted(server, tmp_path):
    """What the provider has forgotten was billed for nothing: it is asked again, and shown as possibly billed."""
    killed_while_waiting(server, tmp_path / "ledger")
    server.state.later.clear()
    found = result(start(server, tmp_path / "ledger"))
    assert [answer["outcome"] for answer in found["answers"]] == ["complete"] * COUNT
    assert len(server.state.bills) == COUNT + AT_ONCE
    assert found["totals"]["possibly_billed"]["calls"] == AT_ONCE
    with Ledger.open(tmp_path / "ledger") as ledger:
        lost = [entry for entry in ledger.entries() if entry["billing"] == "unknown"]
    assert sum("no longer" in entry["detail"] for entry in lost) == AT_ONCE
    assert len(lost) <= AT_ONCE + NEXT


def test_two_processes_wait_for_one_answer(server, tmp_path):
    """A process that finds a call in the background of another, living one waits for it and pays nothing."""
    server.state.polls_until_ready = 20
    first, second = (start(server, tmp_path / "ledger") for _ in range(2))
    found = [result(first), result(second)]
    assert [a["text"] for a in found[0]["answers"]] == [a["text"] for a in found[1]["answers"]]
    assert len(server.state.bills) == COUNT


def asked(server: LocalServer, ledger: Ledger, **args) -> tuple:
    """Ask one question with answers in the background; return it and the totals."""
    provider = server.provider("openai", "gpt-6.1-terra", background=True, probe=False, **args)
    provider.poll_seconds = 0.01
    limits = Limits(max_wait=0.01)
    backend = Backend(provider, ledger=ledger, limits=limits, prices=Prices.given(1.0, 2.0), progress=False)
    job = Job("s", "t", lambda: Prompt.user(TextPart("Who?")), Settings(32))
    (answer,) = backend.run([job])
    return answer, backend.totals()


def test_an_answer_that_takes_too_long_is_fetched_by_the_next_run(monkeypatch, server, tmp_path):
    """Out of time, the call is neither wrong nor asked again: it says how to get its answer, and the next run does."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.state.polls_until_ready = NEVER
    with Ledger.open(tmp_path / "ledger") as ledger:
        answer, totals = asked(server, ledger, timeout=0.1)
        assert answer.outcome is Outcome.POSSIBLY_BILLED
        assert "run the same command again to fetch it" in answer.detail
        assert totals["possibly_billed"]["calls"] == 1
        assert [entry["state"] for entry in ledger.entries()] == ["made in the background"]
        for kept in server.state.later.values():
            kept["polls"] = 0
        answer, totals = asked(server, ledger, timeout=60)
        assert answer.outcome is Outcome.COMPLETE
        assert ledger.summary().cost == pytest.approx(Prices.given(1.0, 2.0).cost(Usage(**totals["usage"])))
    assert len(server.state.bills) == 1


@pytest.mark.parametrize("kind", ["reset", "server_error", "rate_limit"])
def test_a_poll_that_fails_loses_nothing(monkeypatch, server, tmp_path, kind):
    """Fetching costs nothing, so that it is tried again after any failure but a plain no."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.state.polls_until_ready = 3
    server.state.fail_polls(kind, 2)
    with Ledger.open(tmp_path / "ledger") as ledger:
        answer, _ = asked(server, ledger)
        assert answer.outcome is Outcome.COMPLETE
        assert (ledger.summary().attempts, len(server.state.bills)) == (1, 1)
