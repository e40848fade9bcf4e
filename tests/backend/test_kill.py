"""Killed at any moment, a run loses no answer that had arrived and pays for none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from lm_eval_longctx.completion import Usage
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.testing.server import KEY, LocalServer

PROGRAM = Path(__file__).with_name("killed_run.py")
COUNT = 200
FAULTS = (
    "rate_limit",
    "server_error",
    "overloaded",
    "reset",
    "reset_mid_body",
    "truncated_json",
    "null_content",
    "slow_drip",
)
TOO_LONG = 60.0


def start(url: str, ledger: Path) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own."""
    environment = {**os.environ, "OPENAI_COMPATIBLE_API_KEY": KEY}
    command = [sys.executable, str(PROGRAM), url, str(ledger), str(COUNT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def killed(server: LocalServer, ledger: Path, requests: int, pause: float) -> bool:
    """Kill a run when the server has seen so many more requests and a moment has passed; tell whether it still ran."""
    target = len(server.state.requests) + requests
    with start(server.url, ledger) as process:
        until = time.monotonic() + TOO_LONG
        while process.poll() is None and len(server.state.requests) < target and time.monotonic() < until:
            time.sleep(0.0005)
        time.sleep(pause)
        running = process.poll() is None
        process.kill()
    return running


def finished(server: LocalServer, ledger: Path) -> dict:
    """Run to the end."""
    with start(server.url, ledger) as process:
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(printed)


def price(usage: Usage) -> float:
    """What the server takes for a call."""
    return (usage.prompt_tokens * 1000 + usage.output_tokens * 2000) / 1e6


def prove(tmp_path: Path, kills: int, seed: str) -> None:
    """Kill a run at random moments, run it until all is answered, and compare the ledger with the server."""
    rng, ledger_path = Rng(seed), tmp_path / "ledger"
    with LocalServer() as server:
        server.state.fail_at_random(0.25, FAULTS, seed=rng.below(1000))
        hit = 0
        for _ in range(kills):
            hit += killed(server, ledger_path, 1 + rng.below(max(1, COUNT // (kills + 2))), rng.random() * 0.02)
        last = finished(server, ledger_path)
        while any(answer["outcome"] != "complete" for answer in last["answers"]):
            last = finished(server, ledger_path)
        bills = list(server.state.bills)
        asked_before = len(server.state.requests)
        again = finished(server, ledger_path)
        assert len(server.state.requests) == asked_before  # a complete ledger asks nothing
    assert hit >= kills * 0.8
    assert [a["text"] for a in again["answers"]] == [a["text"] for a in last["answers"]]
    assert all(a["replayed"] for a in again["answers"])
    compare(ledger_path, last["answers"], bills)


def compare(ledger_path: Path, answers: list[dict], bills: list) -> None:
    """Every bill of the server is in the ledger: as an answer, as a billed failure, or as possibly billed."""
    entries, billed = defaultdict(list), defaultdict(list)
    with Ledger.open(ledger_path) as ledger:
        for entry in ledger.entries():
            entries[entry["sample"]].append(entry)
        summary = ledger.summary()
    for bill in bills:
        billed[bill.digest[:12]].append(bill)
    surplus_money, surplus_calls = 0.0, 0
    assert len(entries) == COUNT
    for sample, answer in enumerate(answers):
        mine, theirs = entries[str(sample)], billed[answer["text"].removeprefix("answer ")]
        complete = [e for e in mine if e["state"] == "complete"]
        assert len(complete) == 1  # exactly one answer
        assert complete[0] is mine[-1]  # and nothing was sent after it
        known = Counter(
            (e["usage"]["prompt_tokens"], e["usage"]["output_tokens"]) for e in mine if e["billing"] == "billed"
        )
        charged = Counter((b.prompt, b.output) for b in theirs)
        assert known <= charged  # nothing is in the ledger that the server did not bill
        surplus = charged - known
        doubtful = [e for e in mine if e["billing"] == "unknown"]
        assert surplus.total() <= len(doubtful)  # every other bill belongs to a call that is shown as possibly billed
        assert sum(b.delivered for b in theirs) - sum(e["billing"] == "billed" for e in mine) <= len(doubtful)
        surplus_calls += surplus.total()
        surplus_money += sum(price(Usage(prompt, output_tokens=out)) * n for (prompt, out), n in surplus.items())
    total = sum(price(Usage(b.prompt, output_tokens=b.output)) for b in bills)
    assert summary.cost == pytest.approx(total - surplus_money)
    assert surplus_money <= summary.possibly_billed_cost
    assert surplus_calls <= summary.possibly_billed


def test_two_processes_share_one_ledger_and_pay_once(tmp_path):
    """Two runs of the same command at the same time both get every answer, and the server sees each question once."""
    with LocalServer() as server:
        both = [start(server.url, tmp_path / "ledger") for _ in range(2)]
        printed = [json.loads(process.communicate(timeout=120)[0]) for process in both]
        asked = Counter(bill.digest for bill in server.state.bills)
    texts = [[answer["text"] for answer in run["answers"]] for run in printed]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == len(asked) == COUNT
    assert set(asked.values()) == {1}
    assert sum(run["totals"]["calls"] for run in printed) == COUNT


def test_killed_at_five_moments(tmp_path):
    """After five kills and the reruns, each sample has one answer, none was asked again, and the money agrees."""
    prove(tmp_path, 5, "ci")


@pytest.mark.slow
def test_killed_at_fifty_moments(tmp_path):
    """After fifty kills and the reruns, each sample has one answer, none was asked again, and the money agrees."""
    prove(tmp_path, 50, "full")
