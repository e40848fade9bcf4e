"""Answers that are made in the background: whoever is killed while waiting finds them again, paid once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.ledger import Ledger, statements
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.testing.server import KEY, LocalServer

PROGRAM = Path(__file__).with_name("killed_run.py")
COUNT, AT_ONCE = 20, 8
NEVER = 1 << 40
PRICES = Prices.given(1.0, 2.0)
NEXT = 1
"""Calls that are recorded and wait for a place on the wire: nobody can say afterwards that they never went out."""


@pytest.fixture
def server():
    with LocalServer() as running:
        yield running


def start(server: LocalServer, ledger: Path, **pipes) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), server.url, str(ledger), str(COUNT), "--background"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OPENAI_API_KEY": KEY}, **pipes)


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
    ready(server)


def ready(server: LocalServer) -> None:
    """Let all answers be there at the next look."""
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


def test_two_reruns_share_what_is_to_be_fetched(server, tmp_path):
    """Of two reruns at once, one fetches each answer that a killed run left: together they count every bill once."""
    killed_while_waiting(server, tmp_path / "ledger")
    with server.state.lock:
        for kept in server.state.later.values():
            kept["polls"] = 20
    reruns = [start(server, tmp_path / "ledger") for _ in range(2)]
    found = [result(process) for process in reruns]
    assert [a["outcome"] for run in found for a in run["answers"]] == ["complete"] * COUNT * 2
    assert len(server.state.bills) == COUNT
    assert sum(run["totals"]["cost"] for run in found) == pytest.approx(billed(server))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_the_second_interrupt_leaves_the_answers_to_be_fetched(server, tmp_path):
    """Who gives up waiting gives up no answer: nothing of it is decided, and the next run fetches it."""
    server.state.polls_until_ready = NEVER
    with start(server, tmp_path / "ledger", stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while len(asked_for(server)) < AT_ONCE and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        assert any(b"again abandons them" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    with Ledger.open(tmp_path / "ledger") as ledger:
        assert ledger.summary().outcomes["made in the background"] == AT_ONCE
    ready(server)
    assert [a["outcome"] for a in result(start(server, tmp_path / "ledger"))["answers"]] == ["complete"] * COUNT
    assert len(server.state.bills) == COUNT


@pytest.fixture
def asked(monkeypatch, server, tmp_path):
    """Ask one question with answers in the background; gives it, the totals, and what the ledger holds."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def ask(limit: float | None = None, **args) -> tuple:
        provider = server.provider("openai", "gpt-6.1-terra", background=True, probe=False, **args)
        provider.poll_seconds = 0.01
        job = Job("s", "t", lambda: Prompt.user(TextPart("Who?")), Settings(32, temperature=0.0))
        with Ledger.open(tmp_path / "ledger") as ledger:
            limits = Limits(max_wait=0.01, timeout=limit)
            backend = Backend(provider, ledger=ledger, limits=limits, prices=PRICES, progress=False)
            (answer,) = backend.run([job])
            return answer, backend.totals(), list(ledger.entries())

    return ask


@pytest.mark.parametrize("out_of_time", [{"timeout": 0.1}, {"limit": 0.3}])
def test_an_answer_that_takes_too_long_is_fetched_by_the_next_run(server, asked, out_of_time):
    """Out of time, the call is neither wrong nor asked again: it says how to get its answer, and the next run does."""
    server.state.polls_until_ready = NEVER
    answer, totals, entries = asked(**out_of_time)
    assert answer.outcome is Outcome.POSSIBLY_BILLED
    assert "run the same command again to fetch it" in answer.detail
    assert "{" not in answer.detail
    assert totals["possibly_billed"]["calls"] == 1
    assert [entry["state"] for entry in entries] == ["made in the background"]
    ready(server)
    answer, totals, entries = asked()
    assert answer.outcome is Outcome.COMPLETE
    assert any("temperature" in note for note in answer.notes), "what was left out on the way is said as ever"
    assert [entry["cost"] for entry in entries] == [pytest.approx(PRICES.cost(Usage(**totals["usage"])))]
    assert len(server.state.bills) == 1


@pytest.mark.parametrize(
    ("end", "billing", "words"),
    [
        ({"status": "cancelled"}, "unknown", "status cancelled"),
        ({"status": "failed", "error": {"code": "server_error", "message": "It broke."}}, "free", "500: It broke."),
    ],
)
def test_an_answer_that_did_not_come_about_is_asked_again(server, asked, end, billing, words):
    """A failed answer was free and a cancelled one perhaps not, in OpenAI's words; then the call is asked anew."""
    server.state.polls_until_ready = NEVER
    asked(timeout=0.5)
    (kept,) = server.state.later.values()
    kept["answer"] = {**kept["answer"], "output": [], "usage": None, **end}
    ready(server)
    answer, totals, entries = asked()
    assert answer.outcome is Outcome.COMPLETE
    assert [entry["billing"] for entry in entries] == [billing, "billed"]
    assert words in entries[0]["detail"]
    assert len(server.state.bills) == 2
    doubt = totals["possibly_billed"]
    assert (doubt["calls"], doubt["cost_at_most"] > 0) == ((1, True) if billing == "unknown" else (0, False))


def test_what_is_kept_no_longer_is_told_in_the_providers_words(server, asked):
    """The record of a lost answer holds what the provider said."""
    server.state.polls_until_ready = NEVER
    asked(timeout=0.5)
    server.state.later.clear()
    ready(server)
    entries = asked()[2]
    assert "404 Response with id" in entries[0]["detail"]


@pytest.mark.parametrize("kind", ["reset", "server_error", "rate_limit", "html", "no_such_model"])
def test_a_poll_that_fails_loses_nothing(server, asked, kind):
    """Fetching costs nothing, so that it is tried again after any failure; one *not found* may come too early."""
    server.state.polls_until_ready = 3
    server.state.fail_polls(kind, 2)
    answer, _, entries = asked()
    assert answer.outcome is Outcome.COMPLETE
    assert (len(entries), len(server.state.bills)) == (1, 1)


def test_a_poll_waits_as_long_as_the_server_asks(server, asked):
    """A look that came too often is followed by the wait that the server asks for."""
    server.state.fail_polls("rate_limit", 1, headers={"retry-after-ms": "400"})
    began = time.monotonic()
    assert asked()[0].outcome is Outcome.COMPLETE
    assert time.monotonic() - began >= 0.4


def test_a_name_that_cannot_be_recorded_stops_the_run(server, asked, monkeypatch):
    """A ledger that fails while the answer is being made is an error, not a call that was never sent."""

    def fails(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(statements, "accepted", fails)
    with pytest.raises(LedgerError, match="the disk is full"):
        asked()
