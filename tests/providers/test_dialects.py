"""The catalogue of dialects, played by the local server on every wire, streamed and whole."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.testing import contract, dialects

PLAYED = [
    pytest.param(wire, shape, stream, id=f"{wire}-{shape.name}-{'streamed' if stream else 'whole'}")
    for wire in dialects.WIRES
    for shape in dialects.shapes(wire)
    for stream in (False, True)
    if shape.plays(stream=stream)
]


@pytest.mark.parametrize(("wire", "shape", "stream"), PLAYED)
def test_each_shape_becomes_what_the_catalogue_says(wire, shape, stream, server):
    """What a server sends becomes the outcome, the decision and the bill that its line names."""
    args = {"stream": str(stream).lower(), "probe": False}
    shape.prove(lambda: server.provider(dialects.WIRES[wire], "m", **args), server.state, wire, stream=stream)


def test_the_catalogue_is_whole():
    """Every line names who sends it, where that is documented, and what it must become; no name stands twice."""
    rows = [shape.row for shape in dialects.catalogue()]
    assert len(rows) >= 250
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert all(row[name] for name in ("provider", "source", "wires", "outcome", "retry", "billing")), row["id"]
        assert row["retry"] in contract.RETRIES
        assert Outcome(row["outcome"])
        assert set(row["wires"]) <= set(dialects.WIRES)


def test_no_question_of_a_length_is_asked_six_times():
    """A context that is too long is asked once, in whatever words and with whatever status it is refused."""
    long = [shape.row for shape in dialects.catalogue() if shape.row["outcome"] == "context_exceeded"]
    assert len(long) >= 80
    assert {row["retry"] for row in long} == {"never"}


def test_a_server_that_wants_the_output_limit_under_another_name_is_asked_twice(server):
    """The name is learnt from the refusal, once; later questions carry it at once, and the answers say so."""
    shape = next(shape for shape in dialects.catalogue() if shape.name == "other-field")
    status, headers, body = shape.sent("chat", stream=False)
    server.state.fail("recorded", status=status, headers=headers, body=body)

    async def work(provider):
        return [(await contract.ask(provider, contract.question(str(n))))[1] for n in range(3)]

    found = contract.run(lambda: server.provider("openai-compatible", "m", probe=False), work)
    assert [(d.completion.outcome.value, d.retry.kind) for d in found] == [
        ("transport_failed", "transient"),
        ("complete", "never"),
        ("complete", "never"),
    ]
    sent = [request["body"] for request in server.state.requests if request["path"].endswith("completions")]
    assert [("max_tokens" in body, "max_completion_tokens" in body) for body in sent] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert "max_completion_tokens" in "".join(found[2].completion.notes)


def test_a_date_to_ask_again_at_is_read_without_the_servers_clock(server):
    """A server that names a time, and not its own, is waited for by our own clock."""
    when = formatdate(time.time() + 90, usegmt=True)
    server.state.fail("recorded", status=429, headers={"Retry-After": when, "Date": ""}, body=b"{}")
    _, decoded = contract.run(
        lambda: server.provider("openai-compatible", "m", probe=False), lambda p: contract.ask(p, contract.question())
    )
    assert 60 < decoded.retry.after <= 90


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize("wire", ["messages", "gemini"])
def test_an_address_may_end_in_the_version(wire, end, server):
    """An address that ends in the version is the same address: nobody asks for it twice."""
    name = dialects.WIRES[wire]
    provider = server.provider(name, "m", probe=False, base_url=server.url + end)
    _, decoded = contract.run(lambda: provider, lambda p: contract.ask(p, contract.question()))
    assert decoded.completion.outcome is Outcome.COMPLETE
    assert provider.describe()["endpoint"] == server.url


RUNS = [
    ("openrouter-moderation", 5, ["blocked", *["complete"] * 4], ""),
    ("anthropic-credit", 1, ["transport_failed"] * 5, "credit balance is too low"),
    ("openrouter-402-in-200", 1, ["transport_failed"] * 5, "Insufficient credits"),
    ("gemini-zero", 1, ["transport_failed"] * 5, "limit: 0"),
    ("firewall-cloudflare", 6, ["complete"] * 5, ""),
    ("llamacpp-shift", 5, ["context_exceeded", *["complete"] * 4], ""),
    ("redirect-https", 1, ["transport_failed"] * 5, "give that address"),
]


@pytest.mark.parametrize(("name", "requests", "outcomes", "stopped"), RUNS)
def test_an_account_stops_the_run_and_a_question_does_not(name, requests, outcomes, stopped, server):
    """One flagged or too long question ends alone, a firewall is asked again, and an empty account stops after one."""
    shape = next(shape for shape in dialects.catalogue() if shape.name == name)
    status, headers, body = shape.sent("chat", stream=False)
    server.state.fail("recorded", 5 if stopped else 1, status=status, headers=headers, body=body)
    asked = contract.question()
    jobs = [Job(str(i), "task", lambda: asked.prompt, asked.settings, repeat=i) for i in range(5)]
    provider = server.provider("openai-compatible", "m", probe=False)
    backend = Backend(provider, ledger=None, limits=Limits(concurrency=1, max_wait=0), progress=False)
    try:
        found, totals = backend.run(jobs), backend.totals()
    finally:
        backend.close()
    assert sorted(completion.outcome.value for completion in found) == sorted(outcomes)
    assert len(server.state.requests) in {requests, 2 if stopped else requests}  # one may be on its way when it stops
    assert stopped in totals["stopped"]
    assert bool(stopped) == bool(totals["stopped"])
