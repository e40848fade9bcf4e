"""A server that dies in mid-run: one question probes, the others wait, and after a while the run stops."""

from __future__ import annotations

import time

import pytest

from lm_eval_longctx.backend.breaker import IN_A_ROW
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.providers.scripted import ScriptedProvider

GONE = {"outcome": "transport_failed", "retry": "transient", "detail": "connection refused"}
LOST = {"outcome": "possibly_billed", "retry": "transient", "detail": "the connection broke"}
PLACES = 8


class Mortal(ScriptedProvider):
    """Answers so many questions, then fails so many times, then answers again."""

    def __init__(self, healthy: int, down: int, failure: dict = GONE) -> None:
        super().__init__("model", script=self._mood)
        self.healthy, self.down, self.failure = healthy, down, failure

    def _mood(self, _request):
        if len(self.requests) <= self.healthy or len(self.requests) > self.healthy + self.down:
            return "yes"
        return self.failure


@pytest.mark.parametrize("failure", [GONE, LOST], ids=["refused", "lost"])
def test_five_thousand_questions_to_a_dead_server_end_in_seconds(run, jobs, failure):
    """After a few dozen requests the run stops with the reason, and a later run asks only what is missing."""
    provider = Mortal(1000, 10**9, failure)
    began = time.monotonic()
    found, totals = run(provider, jobs(5000), concurrency=PLACES, max_wait=0.01, max_outage=2.0)
    assert time.monotonic() - began < 30
    assert len(provider.requests) < 1000 + IN_A_ROW + 4 * PLACES + 20
    assert sum(f.outcome is Outcome.COMPLETE for f in found) == 1000
    assert failure["detail"] in totals["stopped"]
    assert "answered none of the last" in totals["stopped"]
    assert totals["unsent"] > 3900
    provider.down = 0
    found, totals = run(provider, jobs(5000), concurrency=PLACES)
    assert {f.outcome for f in found} == {Outcome.COMPLETE}
    assert (totals["replayed"], totals["stopped"]) == (1000, "")


def test_a_server_that_comes_back_loses_nothing(run, jobs, caplog):
    """When a probe gets through, all others go on, and every question is answered."""
    provider = Mortal(20, IN_A_ROW + PLACES + 3)
    found, totals = run(provider, jobs(100), concurrency=PLACES)
    assert {f.outcome for f in found} == {Outcome.COMPLETE}
    assert totals["stopped"] == ""
    assert "one question asks now and then" in caplog.text
    assert "the server answers again" in caplog.text


def test_while_the_server_is_down_one_question_asks_at_a_time(run, jobs):
    """The probes follow one another: none begins before the one before it has failed."""
    provider = Mortal(0, 10**9)
    run(provider, jobs(200), concurrency=PLACES, max_outage=100.0)
    tried = [request.prompt.text() for request in provider.requests]
    probes = tried[IN_A_ROW + 2 * PLACES :]
    assert 3 <= len(probes) <= 20
    assert len(set(probes)) > 1  # one question that kills the server must not keep the others out


def test_one_poisonous_question_stops_nobody(run, scripted, jobs):
    """Failures of one question among the answers of others never open the breaker."""
    found, totals = run(
        scripted(lambda text: GONE if text.endswith(" 7") else "yes"), jobs(60), concurrency=2, max_attempts=30
    )
    assert sum(f.outcome is Outcome.COMPLETE for f in found) == 59
    assert "answered none" not in totals["stopped"]


@pytest.mark.parametrize(
    "reply",
    [
        {"outcome": "transport_failed", "retry": "rate_limit", "status": 429},
        {"outcome": "malformed", "retry": "transient"},
        {"outcome": "transport_failed", "retry": "never", "status": 400},
        {"outcome": "context_exceeded"},
    ],
    ids=lambda reply: f"{reply['outcome']}-{reply.get('retry')}",
)
def test_a_server_that_speaks_is_not_dead(run, scripted, jobs, reply):
    """Busy, senseless and refusing servers are there: the ordinary rules hold for every question."""
    found, totals = run(scripted([reply]), jobs(40), max_outage=0.0)
    assert {f.outcome.value for f in found} == {reply["outcome"]}
    assert all(f.attempts for f in found)
    assert totals["stopped"] == ""


def test_the_run_gives_up_by_the_clock_too(run, jobs):
    """Where each probe hangs, the time that has passed ends the run, not the number of probes."""
    provider = Mortal(0, 10**9)
    _, totals = run(provider, jobs(100), max_outage=0.0)
    assert "answered none" in totals["stopped"]
    assert len(provider.requests) < IN_A_ROW + 3 * PLACES
