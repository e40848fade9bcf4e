"""Sampling is what the task means, on every backend: greedy unless it says otherwise, and recorded as it was sent."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from lm_eval.api.model import LM

from lm_eval_longctx.backend import Backend, Job
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.harness.instances import temperature_of
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.results.block import signature
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.testing.server import KEY, LocalServer
from lm_eval_longctx.units import Unit

SHORT = '{"context_lengths": ["1k"], "depths": 2}'
OLD_NOTE = "asked by an earlier version, which sent no temperature: the provider's own default held"


@pytest.fixture
def server(monkeypatch):
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "OPENAI_COMPATIBLE"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)
    with LocalServer() as running:
        yield running


def model(server, name: str = "openai-compatible", which: str = "tiny", **more) -> LongctxLM:
    return LongctxLM(f"{name}/{which}", base_url=server.base_url(name), progress=False, **{"ledger": "none", **more})


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({}, 0.0),
        ({"until": ["\n"]}, 0.0),
        ({"do_sample": False}, 0.0),
        ({"do_sample": False, "temperature": 0.7}, 0.0),
        ({"temperature": 0.7}, 0.7),
        ({"temperature": 0}, 0.0),
        ({"do_sample": True}, 1.0),
        ({"do_sample": True, "temperature": 0.3}, 0.3),
    ],
)
def test_a_task_is_greedy_unless_it_says_otherwise(settings, meant):
    """Generation settings mean one temperature, and silence means 0, as lm-eval's own interfaces take it."""
    assert temperature_of(settings) == meant


def test_what_the_task_means_is_what_is_sent(server):
    """A task that says nothing of sampling is asked at temperature 0; the user's own word stands above the task's."""
    for more, sent in (({}, 0.0), ({"temperature": 0.5}, 0.5)):
        lm = model(server, **more)
        lm.backend.run([asked.job for asked in planned_calls(lm, ["longctx_text_niah"], metadata=SHORT)])
        assert {request["body"]["temperature"] for request in server.state.requests if "chat" in request["path"]} == {
            sent
        }
        server.state.requests.clear()


@pytest.mark.parametrize(("name", "which"), [("openai", "gpt-6.1-terra"), ("openai-compatible", "o3-like")])
def test_a_model_that_refuses_a_temperature_is_asked_without(server, monkeypatch, name, which):
    """One refusal teaches it: that question is asked once more, the others without, and every answer says so."""
    monkeypatch.setattr("lm_eval_longctx.testing.formats.chat.no_sampling", refusing)
    given = {"accepts": "temperature"} if name == "openai" else {"tokenize": False, "probe": False}
    provider = server.provider(name, which, **given)
    backend = Backend(provider, ledger=None, progress=False)
    jobs = [
        Job(str(n), "t", lambda n=n: Prompt.user(TextPart(f"Who? {n}")), Settings(32, temperature=0.0))
        for n in range(4)
    ]
    found = [backend.run([job])[0] for job in jobs]
    backend.close()
    assert {answer.outcome for answer in found} == {Outcome.COMPLETE}
    assert {answer.attempts for answer in found} == {1}
    asked = [r["body"] for r in server.state.requests if r["path"].endswith(("/responses", "/chat/completions"))]
    assert ["temperature" in body for body in asked] == [True, *[False] * 4]
    note = "temperature not sent: the model refused it, so that its own default held"
    assert all(note in answer.notes for answer in found)
    assert not provider.samples


def refusing(tree) -> None:
    """Refuse a temperature as OpenAI's reasoning models do."""
    from lm_eval_longctx.testing.strict import Refused

    if "temperature" in tree:
        words = (
            "Unsupported value: 'temperature' does not support 0.0 with this model; only the default (1) is supported."
        )
        raise Refused(words, code="unsupported_value", where="temperature")


def test_a_ledger_without_temperatures_is_resumed(server, tmp_path):
    """What an earlier version asked without a temperature is not paid again, and its answers say how they came."""
    ledger = tmp_path / "ledger"
    lm = model(server, ledger=str(ledger))
    jobs = [asked.job for asked in planned_calls(lm, ["longctx_text_niah"], metadata=SHORT)]
    then = [Job(j.sample, j.task, j.render, j.formerly, size=j.size, tokens=j.tokens) for j in jobs]
    lm.backend.run(then)
    first = len(server.state.bills)
    again = model(server, ledger=str(ledger))
    found = again.backend.run(jobs)
    assert len(server.state.bills) == first
    assert all(answer.replayed and OLD_NOTE in answer.notes for answer in found)
    asked_now = model(server, ledger=str(ledger), temperature=0.0)
    fresh = asked_now.backend.run([a.job for a in planned_calls(asked_now, ["longctx_text_niah"], metadata=SHORT)])
    assert len(server.state.bills) == 2 * first, "who names a temperature is not given answers without one"
    assert not any(OLD_NOTE in answer.notes for answer in fresh)
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT count(*) FROM call").fetchone() == (2 * len(jobs),)
    Ledger.open(ledger).close()


def test_the_signature_names_the_temperature(server):
    """Equal lines mean equal sampling: 0, what was asked for, or the model's own default where it takes none."""
    sweep = parse_sweep({"context_lengths": ["1k"]}, task="t", unit=Unit.TOKENS)
    assert "|temp:0|" in signature(sweep, "em", [], "1", {"temp": "0"})
    assert "temp:" not in signature(sweep, "em", [], "1")
    assert model(server).temperature({}) == 0.0
    assert model(server, temperature=0.3).temperature({}) == 0.3
    assert model(server, "openai", "gpt-6.1-terra").temperature({}) is None
    assert model(server, "gemini", "gemini-3.1-pro-preview").temperature({"temperature": 2}) == 2.0


def test_the_signature_is_the_same_on_every_backend(server, niah, evaluate):
    """Our own model and a stranger's, asked the same task, have the same temperature in their lines."""

    class Stranger(LM):
        def generate_until(self, requests, disable_tqdm=False):
            return ["?" for _ in requests]

        def loglikelihood(self, requests, disable_tqdm=False):
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    lines = []
    for lm in (model(server), Stranger()):
        task = niah()
        found = evaluate(lm, task)
        lines.append(found["configs"][task.config.task]["metadata"]["longctx"]["summary"]["signature"])
    assert lines[0] == lines[1]
    assert "|temp:0|" in lines[0]
