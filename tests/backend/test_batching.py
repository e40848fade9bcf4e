"""Batches: half the price, closed and resumed at any moment, nothing paid twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from price_list import listed

from lm_eval_longctx.backend import Backend, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.testing.server import KEY, KEY_VARIABLES, LocalServer

MODELS = {"anthropic": "claude-sonnet-5-5", "gemini": "gemini-3.8-flash", "openai": "gpt-6.1-terra"}
PRICES = Prices.given(1000.0, 2000.0)
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
from conftest import make_job
from lm_eval_longctx.backend import Backend, Limits
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.testing.server import provider_classes
name, model, url, path = sys.argv[2:]
provider = provider_classes()[name](model, base_url=url)
backend = Backend(provider, ledger=Ledger.open(path), limits=Limits(max_wait=0.05), progress=False, batch=True)
backend.run([make_job(str(i)) for i in range(5)])
"""


@pytest.fixture
def server(monkeypatch):
    """A server that works batches off at once."""
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, KEY)
    with LocalServer() as started:
        yield started


def asking(server, path, name):
    """Return what runs jobs against a provider's batch mode; it returns completions and totals."""

    def go(jobs, *, batch=True, **limits):
        backend = Backend(
            server.provider(name, MODELS[name]),
            ledger=Ledger.open(path),
            limits=Limits(**{"max_wait": 0, **limits}),
            prices=PRICES,
            progress=False,
            batch=batch,
        )
        try:
            return backend.run(jobs), backend.totals()
        finally:
            backend.close()

    go.name, go.path = name, path
    return go


@pytest.fixture(params=sorted(MODELS))
def asked(request, server, tmp_path):
    """Run jobs against each provider with a batch mode."""
    return asking(server, tmp_path / "ledger", request.param)


@pytest.fixture
def anthropic(server, tmp_path):
    """Run jobs against the provider whose batches carry no name of ours."""
    return asking(server, tmp_path / "ledger", "anthropic")


def test_answers_come_as_from_direct_calls_and_fill_the_ledger(asked, server, jobs):
    """A batch answers every job, equal ones once; the next run, with or without batches, pays nothing."""
    server.state.polls_until_ready = 2
    found, totals = asked(jobs(5) + jobs(1))
    assert [f.outcome for f in found] == [Outcome.COMPLETE] * 6
    assert (totals["calls"], totals["outcomes"], len(server.state.batches)) == (5, {"complete": 6}, 1)
    assert totals["cost"] == pytest.approx(sum(f.usage.cost for f in found[:5]))
    for batch in (True, False):
        again, totals = asked(jobs(5), batch=batch)
        assert [str(a) for a in again] == [str(f) for f in found[:5]]
        assert (totals["calls"], totals["replayed"], len(server.state.batches)) == (0, 5, 1)


def test_one_bad_question_leaves_the_others_alone(asked, server, jobs):
    """An overflow within a batch is the outcome of that question, and is asked again when the window was raised."""
    from lm_eval_longctx.backend import Job
    from lm_eval_longctx.prompt import Prompt, TextPart
    from lm_eval_longctx.providers.base import Settings

    server.state.window = 30_000
    long = Job("long", "task", lambda: Prompt.user(TextPart("word " * 40_000)), Settings(max_output_tokens=32))
    found, _ = asked([*jobs(2), long])
    assert [f.outcome for f in found] == [Outcome.COMPLETE, Outcome.COMPLETE, Outcome.CONTEXT_EXCEEDED]
    again, _ = asked([long])
    assert (again[0].outcome, again[0].replayed) == (Outcome.CONTEXT_EXCEEDED, False)
    server.state.window = 100_000
    assert asked([long])[0][0].outcome is Outcome.COMPLETE
    assert asked([long])[0][0].replayed


def test_a_killed_run_is_resumed_from_its_batch(asked, server, jobs):
    """Killed while it waits, a run fetches the same batch the next time; nothing is handed in again."""
    server.state.polls_until_ready = 10**9
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__)), asked.name, MODELS[asked.name]]
    arguments = [server.base_url(asked.name), str(asked.path)]
    with subprocess.Popen([*command, *arguments], env={**os.environ}) as process:
        until = time.monotonic() + 60
        while not server.state.batches and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    assert len(server.state.batches) == 1
    for batch in server.state.batches.values():
        batch["polls"] = 0
    found, totals = asked(jobs(5))
    assert [f.outcome for f in found] == [Outcome.COMPLETE] * 5
    assert (totals["calls"], len(server.state.batches)) == (0, 1)
    with Ledger.open(asked.path) as ledger:
        summary = ledger.summary()
    assert (summary.attempts, summary.answered, summary.possibly_billed) == (5, 5, 0)


def handed_in(asked, server, jobs):
    """Hand a batch in and forget all that came back."""
    asked(jobs)
    with Ledger.open(asked.path) as ledger:
        ledger._writer.submit(
            lambda c: c.execute("UPDATE attempt SET received=NULL, decided=NULL, outcome=NULL, final=NULL") and None
        ).result()


def change(path, statement):
    with Ledger.open(path) as ledger:
        ledger._writer.submit(lambda c: c.execute(statement) and None).result()


def test_a_direct_run_does_not_pay_for_what_a_batch_holds(asked, server, jobs):
    """Without batch=true, a question that waits in a batch is not asked, and the way to its answer is told."""
    handed_in(asked, server, jobs(3))
    before = len(server.state.bills)
    found, totals = asked(jobs(3), batch=False)
    assert {f.outcome for f in found} == {Outcome.TRANSPORT_FAILED}
    assert all("batch=true to fetch its answer" in f.detail for f in found)
    assert (totals["calls"], len(server.state.bills)) == (0, before)
    found, _ = asked(jobs(3))
    assert {f.outcome for f in found} == {Outcome.COMPLETE}
    assert len(server.state.batches) == 1


def test_a_batch_whose_name_was_lost_is_found_by_its_token(asked, server, jobs):
    """Killed between handing in and hearing of it, a run finds its batch at the provider."""
    handed_in(asked, server, jobs(3))
    change(asked.path, "UPDATE batch SET name=NULL")
    found, _ = asked(jobs(3))
    assert ({f.outcome for f in found}, len(server.state.batches)) == ({Outcome.COMPLETE}, 1)


def test_what_was_never_handed_in_is_handed_in_now(asked, server, jobs):
    """Killed before handing in, a run's records count as unbilled, and the questions go with a new batch."""
    handed_in(asked, server, jobs(3))
    change(asked.path, "UPDATE batch SET name=NULL, token='longctx-elsewhere'")
    change(asked.path, "UPDATE attempt SET batch='longctx-elsewhere'")
    found, totals = asked(jobs(3))
    assert ({f.outcome for f in found}, totals["calls"], len(server.state.batches)) == ({Outcome.COMPLETE}, 3, 2)
    with Ledger.open(asked.path) as ledger:
        assert ledger.summary().outcomes == {"complete": 3, "transport_failed": 3}


def test_a_lost_answer_to_the_hand_in_loses_no_batch(asked, server, jobs):
    """A batch that was taken while the connection broke is waited for, and nothing is handed in again."""
    server.state.polls_until_ready = 2
    server.state.fail("reset")
    found, totals = asked(jobs(3))
    assert ({f.outcome for f in found}, len(server.state.batches)) == ({Outcome.COMPLETE}, 1)
    assert (totals["calls"], totals["possibly_billed"]["calls"]) == (3, 0)


def lost(asked, server, jobs):
    """Forget a hand-in that never arrived, beside a batch of somebody else that looks like it."""
    handed_in(asked, server, jobs)
    change(asked.path, "UPDATE batch SET name=NULL")
    server.state.batches.clear()

    async def another():
        provider = server.provider("anthropic", MODELS["anthropic"])
        requests = {str(i): Request(job.render(), job.settings) for i, job in enumerate(jobs)}
        name = await provider.batches().submit(requests, "another")
        await provider.close()
        return server.state.batches[name]

    return asyncio.run(another())


def test_what_may_be_in_a_batch_waits_until_the_batch_tells(anthropic, server, jobs):
    """While a batch runs that may hold the questions, they are not handed in; when it proves another one, they are."""
    other = lost(anthropic, server, jobs(3))
    other["polls"] = 3
    found, totals = anthropic(jobs(3))
    assert ({f.outcome for f in found}, totals["calls"], len(server.state.batches)) == ({Outcome.COMPLETE}, 3, 2)
    mine = list(server.state.batches.values())[-1]
    assert mine["shown"]["created_at"] >= other["shown"]["ended_at"]
    with Ledger.open(anthropic.path) as ledger:
        assert ledger.summary().outcomes == {"complete": 3, "transport_failed": 3}


def test_a_run_killed_in_doubt_leaves_the_doubt_to_the_next(anthropic, server, jobs):
    """Killed while nobody can say who holds the questions, a run has not handed them in; the next one finds out."""
    other = lost(anthropic, server, jobs(3))
    other["polls"] = 10**9
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__)), "anthropic", MODELS["anthropic"]]
    arguments = [server.base_url("anthropic"), str(anthropic.path)]
    with subprocess.Popen([*command, *arguments], env={**os.environ}) as process:
        until = time.monotonic() + 60
        while other["polls"] > 10**9 - 4 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    sizes = [len(batch["lines"] or batch["results"]) for batch in server.state.batches.values()]
    assert sizes == [3, 2]  # the two are the program's other questions
    other["polls"] = 0
    found, totals = anthropic(jobs(3))
    assert ({f.outcome for f in found}, totals["calls"], len(server.state.batches)) == ({Outcome.COMPLETE}, 3, 3)


@pytest.mark.parametrize(
    ("field", "words"), [("expires_at", "batch: expired"), ("cancel_initiated_at", "batch: canceled")]
)
def test_what_a_batch_did_not_get_to_is_asked_by_the_next_run(anthropic, server, jobs, field, words):
    """Expired or canceled questions are failures that cost nothing, and go with a new batch the next time."""
    server.state.polls_until_ready = 10**9

    def end():
        while not server.state.batches:
            time.sleep(0.01)
        (batch,) = server.state.batches.values()
        batch["shown"][field] = "2026-01-01T00:00:00+00:00"
        batch["polls"] = 0

    ending = threading.Thread(target=end)
    ending.start()
    found, totals = anthropic(jobs(2), max_wait=0.01)
    ending.join()
    assert {(f.outcome, f.detail) for f in found} == {(Outcome.TRANSPORT_FAILED, words)}
    assert (totals["cost"], totals["possibly_billed"]["calls"]) == (0, 0)
    server.state.polls_until_ready = 0
    found, _ = anthropic(jobs(2))
    assert ({f.outcome for f in found}, len(server.state.batches)) == ({Outcome.COMPLETE}, 2)


def test_what_does_not_fit_into_the_cap_is_not_handed_in(asked, server, jobs):
    """The worst cases of a whole batch stay within max_cost; the rest is skipped."""
    found, totals = asked(jobs(40), max_cost=80.0)
    outcomes = {f.outcome for f in found}
    assert outcomes == {Outcome.COMPLETE, Outcome.SKIPPED_BUDGET}
    assert totals["cost"] <= 80.0
    assert totals["calls"] == sum(f.outcome is Outcome.COMPLETE for f in found)


def test_large_plans_are_divided(asked, server, jobs):
    """No batch holds more than fits into the memory that prompts may take."""
    found, _ = asked(jobs(6), max_bytes_in_flight=25)
    assert {f.outcome for f in found} == {Outcome.COMPLETE}
    assert len(server.state.batches) == 3


def test_a_batch_that_is_not_taken_costs_nothing(asked, server, jobs):
    """If the provider refuses the batch, each question ends with its words, and the next run tries again."""
    server.state.keys = frozenset({"another"})
    found, totals = asked(jobs(2))
    assert {f.outcome for f in found} == {Outcome.TRANSPORT_FAILED}
    assert all("the batch was not taken" in f.detail for f in found)
    assert (totals["calls"], totals["possibly_billed"]["calls"]) == (0, 0)
    server.state.keys = frozenset({KEY})
    found, _ = asked(jobs(2))
    assert {f.outcome for f in found} == {Outcome.COMPLETE}


def test_a_provider_without_batches_says_so(scripted):
    """HttpProvider for batches where there are none is an error before anything is sent."""
    with pytest.raises(UnsupportedError, match="scripted has no batch mode"):
        Backend(scripted(), ledger=None, batch=True)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_batches_cost_half(name):
    """The price list of batches is looked up where batches are asked for."""
    usual, half = (listed(name, MODELS[name], batch=batch) for batch in (False, True))
    if half.rates["input"].base == usual.rates["input"].base:
        pytest.skip("the installed table has no prices of batches")
    assert half.rates["input"].base == usual.rates["input"].base / 2
    assert half.source.endswith("batch")
