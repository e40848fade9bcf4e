"""Anthropic's batches: named by their requests, read in any order, refused where the real service refuses."""

from __future__ import annotations

import time

import pytest

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import BatchRefusedError, ProviderError
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.anthropic_batches import SLACK, custom_id
from lm_eval_longctx.providers.base import HandIn, Request, Settings
from lm_eval_longctx.testing.contract import run
from lm_eval_longctx.testing.server import KEY

MODEL = "claude-sonnet-5-5"
HAY = TextPart("Hay and hay. " * 300, shared=True)
PARAMS = {"model": MODEL, "max_tokens": 32, "messages": [{"role": "user", "content": "?"}]}


@pytest.fixture
def make(server):
    """Anthropic at the local server."""
    return lambda **args: server.provider("anthropic", MODEL, probe=False, **args)


def questions(n: int = 2) -> dict[str, Request]:
    return {f"q{i}": Request(Prompt.user(HAY, TextPart(f"{i}?")), Settings(max_output_tokens=32)) for i in range(n)}


async def decoded(provider, requests, before=str):
    """Hand in, let something happen, fetch, read."""
    batches = provider.batches()
    name = await batches.submit(requests, "t")
    before(name)
    assert (await batches.poll(name)).status == "done"
    raws = await batches.results(name, requests)
    return {key: provider.decode(raw, requests[key]) for key, raw in raws.items()}


def test_what_a_batch_did_not_get_to_is_no_answer_and_not_billed(make, server):
    """Expired and canceled requests are failures without a bill, to be asked again."""

    async def canceled(provider):
        batches = provider.batches()
        name = await batches.submit(questions(), "t")
        await batches.cancel(name)
        assert (await batches.poll(name)).detail == "ended"
        raws = await batches.results(name, questions())
        return {key: provider.decode(raw) for key, raw in raws.items()}

    def expire(name):
        server.state.batches[name]["shown"]["expires_at"] = "2026-01-01T00:00:00+00:00"

    for kind, work in (("expired", lambda p: decoded(p, questions(), expire)), ("canceled", canceled)):
        found = run(make, work)
        assert sorted(found) == ["q0", "q1"]
        assert {d.completion.outcome for d in found.values()} == {Outcome.TRANSPORT_FAILED}
        assert all(kind in d.completion.detail for d in found.values())
        assert {(d.retry.kind, d.retry.billed) for d in found.values()} == {("transient", False)}
    assert not server.state.bills


@pytest.mark.parametrize(
    ("kind", "outcome", "retry"),
    [
        ("invalid_request_error", Outcome.UNSUPPORTED, "never"),
        ("rate_limit_error", Outcome.TRANSPORT_FAILED, "rate_limit"),
        ("api_error", Outcome.TRANSPORT_FAILED, "transient"),
        ("timeout_error", Outcome.TRANSPORT_FAILED, "transient"),
        ("overloaded_error", Outcome.TRANSPORT_FAILED, "rate_limit"),
        ("authentication_error", Outcome.TRANSPORT_FAILED, "stop_run"),
        ("something_new", Outcome.TRANSPORT_FAILED, "transient"),
    ],
)
def test_errors_within_a_batch_are_read_as_those_of_calls(make, server, kind, outcome, retry):
    """Each kind of error has its outcome, none counts as billed, and a bad request is never asked again."""

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(1), "t")
        await batches.poll(name)
        error = {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_1"}
        server.state.batches[name]["results"][0]["result"] = {"type": "errored", "error": error}
        return provider.decode((await batches.results(name, questions(1)))["q0"])

    found = run(make, work)
    assert (found.completion.outcome, found.retry.kind, found.retry.billed) == (outcome, retry, False)


def test_a_result_of_a_kind_that_nobody_knows_counts_as_perhaps_billed(make, server):
    """What Anthropic does not call unbilled is not taken for unbilled."""

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(1), "t")
        await batches.poll(name)
        server.state.batches[name]["results"][0]["result"] = {"type": "brand_new"}
        return provider.decode((await batches.results(name, questions(1)))["q0"])

    assert run(make, work).completion.outcome is Outcome.POSSIBLY_BILLED


def test_a_request_that_is_refused_leaves_the_others_alone(make):
    """A field that the service does not know is an error of that request, found when it is worked off."""
    found = run(lambda: make(extra_body={"temperature": 0}), lambda provider: decoded(provider, questions(1)))
    assert found["q0"].completion.outcome is Outcome.UNSUPPORTED
    assert "Extra inputs are not permitted" in found["q0"].completion.detail


def test_streaming_is_off_in_batches(make, server):
    """Answers that would be streamed alone come whole in a batch; cache marks stay."""
    run(lambda: make(stream="true"), lambda provider: decoded(provider, questions(1)))
    (handed,) = [r for r in server.state.requests if r["method"] == "POST"]
    (line,) = handed["body"]["requests"]
    assert "stream" not in line["params"]
    assert line["custom_id"] == custom_id("t", "q0")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "expected an array of 1 or more"),
        ([{"custom_id": "a" * 65, "params": PARAMS}], "at most 64 characters"),
        ([{"custom_id": "a b", "params": PARAMS}], "should match pattern"),
        ([{"custom_id": "", "params": PARAMS}], "should match pattern"),
        ([{"custom_id": "a", "params": PARAMS}] * 2, "not unique"),
        ([{"custom_id": "a", "params": PARAMS, "method": "POST"}], "method: Extra inputs"),
        ([{"custom_id": "a"}], "params: expected an object"),
        ([{"custom_id": "a", "params": {**PARAMS, "stream": True}}], "streaming is not supported"),
    ],
)
def test_the_server_refuses_what_anthropic_refuses(make, server, lines, words):
    """A batch that is malformed is not taken at all."""

    async def work(provider):
        return await provider.ask_raw("POST", provider.batches().root, {"requests": lines})

    raw = run(make, work)
    assert raw.status == 400
    assert words in raw.body.decode()
    assert not server.state.batches


def test_a_plain_no_is_told_from_a_lost_answer(make, server, monkeypatch):
    """After a refusal nothing was handed in; after a broken connection a batch may have been, and here was."""

    async def work(provider):
        batches = provider.batches()
        server.state.fail("reset")
        with pytest.raises(ProviderError) as lost:
            await batches.submit(questions(1), "t")
        monkeypatch.setattr(batches, "limit", 1000)
        with pytest.raises(BatchRefusedError, match="1,000; upload=always"):
            await batches.submit(questions(1), "t")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong")
        with pytest.raises(BatchRefusedError, match="401 invalid bearer token"):
            await provider.batches().submit(questions(1), "t")
        return lost.value

    assert not isinstance(run(make, work), BatchRefusedError)
    assert len(server.state.batches) == 1


def test_a_batch_stays_in_doubt_until_it_ends(make, server):
    """While a batch runs nobody can say whose it is; then its requests tell."""
    server.state.polls_until_ready = 1

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(), "t")
        return name, [await batches.find(HandIn(token, time.time(), 2)) for token in ("t", "t", "another")]

    name, found = run(make, work)
    assert found == ["", name, None]


def test_only_batches_that_may_be_it_are_looked_into(make, server):
    """Too early, too small, or known to be another: then a batch that runs leaves no doubt."""
    server.state.polls_until_ready = 10**6
    now = time.time()

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(), "t")
        found = [
            await batches.find(HandIn("t", now, 2)),
            await batches.find(HandIn("t", now + SLACK + 60, 2)),
            await batches.find(HandIn("t", now, 3)),
            await batches.find(HandIn("t", now, 2, frozenset({name}))),
        ]
        return found, [r["path"] for r in server.state.requests if r["path"].endswith("/results")]

    assert run(make, work) == (["", None, None, None], [])


def test_all_pages_of_batches_are_looked_through(make, monkeypatch):
    """A batch is found behind many newer ones."""
    monkeypatch.setattr("lm_eval_longctx.providers.anthropic_batches._PAGE", 2)

    async def work(provider):
        batches = provider.batches()
        names = [await batches.submit(questions(1), f"t{i}") for i in range(5)]
        return names, [await batches.find(HandIn(f"t{i}", time.time(), 1)) for i in range(5)]

    names, found = run(make, work)
    assert found == names


def test_results_that_are_not_kept_any_more_are_missing(make, server):
    """After 29 days a batch has no results, and one that may be ours is taken for ours: it may have been billed."""

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(1), "t")
        await batches.poll(name)
        shown = server.state.batches[name]["shown"]
        shown |= {"archived_at": shown["ended_at"], "results_url": None}
        return name, await batches.find(HandIn("t", time.time(), 1)), await batches.results(name, questions(1))

    name, found, results = run(make, work)
    assert (found, results) == (name, {})


def test_the_key_goes_to_no_other_address(make, server):
    """Results are fetched from the address that was given to us, whatever the batch says."""

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(1), "t")
        await batches.poll(name)
        server.state.batches[name]["shown"]["results_url"] = "http://elsewhere.invalid/results"
        return await batches.results(name, questions(1))

    assert run(make, work)["q0"].status == 200


def test_a_page_instead_of_results_is_an_error(make, server):
    """Results that are no JSON lines raise the error after which they are asked for again."""

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(1), "t")
        await batches.poll(name)
        server.state.files["page"] = {"content": b"<html>Please sign in</html>"}
        server.state.batches[name]["shown"]["results_url"] = f"{server.url}/v1/files/page/content"
        await batches.results(name, questions(1))

    with pytest.raises(ProviderError, match="cannot be fetched: 200 Please sign in"):
        run(make, work)


def with_sdk(make, work):
    """Hand a batch in, wait for it, and do some work with Anthropic's SDK beside it."""
    anthropic = pytest.importorskip("anthropic", reason="the oracle needs pip install anthropic")

    async def whole(provider):
        name = await provider.batches().submit(questions(), "t")
        await provider.batches().poll(name)
        sdk = anthropic.AsyncAnthropic(api_key=KEY, base_url=provider.base_url, max_retries=0)
        try:
            return await work(provider, name, sdk.messages.batches)
        finally:
            await sdk.close()

    return run(make, whole)


def test_anthropics_sdk_hands_in_the_same_batch(make, server):
    """Anthropic's SDK sends our body to the same place, lists both batches, and stops its own."""

    async def work(provider, name, sdk):
        mine = server.state.requests[0]
        made = await sdk.create(requests=mine["body"]["requests"])
        theirs = server.state.requests[-1]
        stopped = await sdk.cancel(made.id)
        listed = [batch.id async for batch in await sdk.list(limit=1)]
        await provider.batches().cancel(await provider.batches().submit(questions(1), "u"))
        ours = server.state.requests[-1]
        return mine, theirs, stopped.processing_status, listed == [made.id, name], ours

    mine, theirs, status, listed, ours = with_sdk(make, work)
    assert (theirs["path"], theirs["body"]) == (mine["path"], mine["body"])
    for header in ("authorization", "anthropic-version", "content-type"):
        assert theirs["headers"][header] == mine["headers"][header], header
    assert (status, listed) == ("canceling", True)
    assert (ours["path"].rpartition("/")[2], ours["bytes"]) == ("cancel", 0)


def test_anthropics_sdk_reads_our_batch(make):
    """Anthropic's SDK reads the state of our batch, and the same answers from it."""

    async def work(provider, name, sdk):
        raws = await provider.batches().results(name, questions())
        answers = {custom_id("t", key): str(provider.decode(raw).completion) for key, raw in raws.items()}
        return (
            answers,
            await sdk.retrieve(name),
            {line.custom_id: line.result async for line in await sdk.results(name)},
        )

    answers, batch, results = with_sdk(make, work)
    assert (batch.processing_status, batch.request_counts.succeeded) == ("ended", 2)
    assert {key: result.message.content[-1].text for key, result in results.items()} == answers
