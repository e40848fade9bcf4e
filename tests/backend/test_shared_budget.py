"""Several runs, one budget: together they stay within it, and what one gives back another may use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lm_eval_longctx.backend import Backend, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.backend.verdict import worst_case
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import ConfigError, SecretError
from lm_eval_longctx.harness.model_args import parse_model_args
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.providers.scripted import ScriptedProvider

PRICES = Prices.given(1.0, 1.0)
CHEAP = {"text": "yes", "usage": {"cost": 1e-6}}


@pytest.fixture
def backend(tmp_path, scripted):
    """Makes backends that share a ledger and a budget."""

    def make(script, cap: float, **limits) -> Backend:
        shared = Limits(max_cost=cap, shared_budget="all", **{"max_wait": 0, **limits})
        opened = Ledger.open(tmp_path / "ledger")
        return Backend(scripted(script), ledger=opened, limits=shared, prices=PRICES, progress=False)

    return make


def worst(job) -> float:
    """Return what the backend sets aside for a job."""
    return worst_case(ScriptedProvider("model"), PRICES, Request(job.render(), job.settings), job.tokens)


def parts(jobs, count: int, each: int) -> list:
    every = jobs(count * each)
    return [every[i::count] for i in range(count)]


def test_runs_at_the_same_time_stay_within_one_budget(backend, jobs):
    """Four runs together spend no more than the cap, though each alone could spend all of it."""
    cap = 0.004
    runs = [backend(lambda _: {"text": "yes", "usage": {"cost": 1e-4}}, cap, concurrency=4) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pair: pair[0].run(pair[1]), zip(runs, parts(jobs, 4, 40), strict=True)))
    outcomes = [one.outcome for answers in found for one in answers]
    with Ledger.open(runs[0].ledger.path) as ledger:
        spent, funds = ledger.summary().cost, ledger.funds("all")
    for run in runs:
        run.close()
    assert set(outcomes) == {Outcome.COMPLETE, Outcome.SKIPPED_BUDGET}
    assert 0.5 * cap < spent <= cap
    assert funds.reserved == 0
    assert abs(funds.spent - spent) < 1e-6


def test_a_run_waits_for_money_that_another_may_give_back(backend, jobs):
    """While another's call holds the rest of the budget a question waits, and goes once that call turned out cheap."""
    asked, go = threading.Event(), threading.Event()

    def slow(_):
        asked.set()
        go.wait(20)
        return CHEAP

    one, two = jobs(2)
    cap = 1.5 * worst(one)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(backend(slow, cap).run, [one])
        assert asked.wait(20)
        second = threads.submit(backend(lambda _: CHEAP, cap, max_wait=20).run, [two])
        assert not threading.Event().wait(0.3)
        assert not second.done()
        go.set()
        assert [first.result()[0].outcome, second.result()[0].outcome] == [Outcome.COMPLETE, Outcome.COMPLETE]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"shared_budget": "b"}, ConfigError, "needs max_cost"),
        ({"shared_budget": "b", "max_cost": 1.0, "ledger": "none"}, ConfigError, "a ledger that the runs share"),
        ({"ledger": "postgresql://me:s3cret@host/db"}, SecretError, "PGPASSWORD"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(given, error, words):
    """A shared budget without a cap or a ledger, and a password that results would keep, are refused."""
    with pytest.raises(error, match=words) as found:
        parse_model_args("echo/tail", given)
    assert "s3cret" not in str(found.value)
