"""Batches: what goes in comes back under its name, and a lost answer to the hand-in loses nothing."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from tiny_media import film

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import HandIn, Request, Settings
from lm_eval_longctx.testing.contract import run
from lm_eval_longctx.testing.server import KEY, KEY_VARIABLES

MODELS = {"anthropic": "claude-sonnet-5-5", "gemini": "gemini-3.8-flash", "openai": "gpt-6.1-terra"}
HAY = TextPart("Hay and hay. " * 300, shared=True)


@pytest.fixture(params=sorted(MODELS))
def make(server, request):
    """Each provider with a batch mode that we speak."""
    return lambda **args: server.provider(request.param, MODELS[request.param], **args)


def questions(n: int = 3) -> dict[str, Request]:
    return {f"q{i}": Request(Prompt.user(HAY, TextPart(f"{i}?")), Settings(max_output_tokens=32)) for i in range(n)}


async def through(provider, requests):
    """Hand in, wait, fetch, read."""
    batches = provider.batches()
    name = await batches.submit(requests, "t")
    states = []
    while not states or states[-1].status == "running":
        states.append(await batches.poll(name))
        await asyncio.sleep(0)
    raws = await batches.results(name, requests)
    return states, {key: provider.decode(raw, requests[key]).completion for key, raw in raws.items()}


def test_each_request_gets_its_own_answer(make, server):
    """Answers come back under the names of their requests, and are those of direct calls."""
    server.state.polls_until_ready = 2

    async def work(provider):
        states, answers = await through(provider, questions())
        direct = {k: provider.decode(await provider.send(r), r).completion for k, r in questions().items()}
        return states, answers, direct

    states, answers, direct = run(make, work)
    assert [state.status for state in states] == ["running", "running", "done"]
    assert (states[-1].finished, states[-1].total) == (3, 3)
    assert {k: str(a) for k, a in answers.items()} == {k: str(a) for k, a in direct.items()}
    assert {a.outcome for a in answers.values()} == {Outcome.COMPLETE}
    assert all(a.usage.prompt_tokens == direct[k].usage.prompt_tokens for k, a in answers.items())


def test_a_failed_request_does_not_take_the_others_with_it(make, server):
    """An overflow in a batch is that request's outcome alone."""
    server.state.window = 30_000
    long = Request(Prompt.user(TextPart("word " * 40_000)), Settings(max_output_tokens=32))
    _, answers = run(make, lambda provider: through(provider, {**questions(2), "long": long}))
    assert answers.pop("long").outcome is Outcome.CONTEXT_EXCEEDED
    assert {a.outcome for a in answers.values()} == {Outcome.COMPLETE}


def test_a_batch_whose_name_was_lost_is_found_by_its_token(make):
    """The token finds the batch; an unknown token finds nothing."""

    async def work(provider):
        batches = provider.batches()
        name = await batches.submit(questions(1), "my-token")
        await batches.poll(name)
        return name, await batches.find(HandIn("my-token")), await batches.find(HandIn("another"))

    name, found, nothing = run(make, work)
    assert found == name
    assert nothing is None


def test_what_was_changed_is_recorded_with_batches_too(make):
    """A setting that the model does not take is noted with the answer, as in direct calls."""
    request = Request(Prompt.user(TextPart("?")), Settings(max_output_tokens=32, temperature=0.0))
    _, answers = run(make, lambda provider: through(provider, {"a": request}))
    assert answers["a"].notes == ("temperature=0 not sent: the model takes none",)


def test_a_refused_batch_says_why(make, monkeypatch, server):
    """A wrong key is an error with the provider's words, before anything is billed."""

    async def work(provider):
        for variable in KEY_VARIABLES:
            monkeypatch.setenv(variable, "wrong")
        return await provider.batches().submit(questions(1), "t")

    with pytest.raises(ProviderError, match=r"(?i)api key|bearer token"):
        run(make, work)
    assert not server.state.bills


def test_large_gemini_batches_go_through_a_file(server, monkeypatch):
    """What is too large to go inline is uploaded, and its results come in a file."""
    monkeypatch.setattr("lm_eval_longctx.providers.gemini_batches.GeminiBatches.inline_bytes", 1000)
    _, answers = run(
        lambda: server.provider("gemini", "gemini-3.8-flash"), lambda provider: through(provider, questions(2))
    )
    assert {k: a.outcome for k, a in answers.items()} == {"q0": Outcome.COMPLETE, "q1": Outcome.COMPLETE}


def test_film_goes_with_a_batch(server, tmp_path):
    """Media of a batch are sent as in direct calls."""
    request = Request(Prompt.user(film(tmp_path), TextPart("?")), Settings(max_output_tokens=32))
    make = lambda: server.provider("gemini", "gemini-3.8-flash")  # noqa: E731 - one line says it
    _, answers = run(make, lambda provider: through(provider, {"film": request}))
    assert answers["film"].usage.by_modality["video"] == 4 * 70


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_googles_sdk_hands_in_the_same_batch(server):
    """Google's SDK sends our batch and reads its results."""
    genai = pytest.importorskip("google.genai", reason="the oracle needs pip install google-genai")
    types = genai.types

    async def sdk():
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server.url)).aio
        config = types.GenerateContentConfig(max_output_tokens=16416)
        content = types.Content(role="user", parts=[types.Part(text=HAY.text), types.Part(text="0?")])
        inline = [types.InlinedRequest(contents=[content], metadata={"key": "q0"}, config=config)]
        job = await client.batches.create(model="gemini-3.8-flash", src=inline, config={"display_name": "t"})
        done = await client.batches.get(name=job.name)
        await client.aclose()
        return done.dest.inlined_responses[0]

    theirs = asyncio.run(sdk())
    _, answers = run(lambda: server.provider("gemini", "gemini-3.8-flash"), lambda p: through(p, questions(1)))
    assert theirs.metadata == {"key": "q0"}
    assert str(answers["q0"]) == theirs.response.text
    names = [batch["shown"]["metadata"]["displayName"] for batch in server.state.batches.values()]
    assert names == ["t", "t"]


def test_openais_sdk_reads_our_batch(server):
    """OpenAI's SDK finds our batch, reads its state, and fetches the same results."""
    openai = pytest.importorskip("openai", reason="the oracle needs pip install openai")

    async def work(provider):
        requests = questions(2)
        name = await provider.batches().submit(requests, "t")
        await provider.batches().poll(name)
        raws = await provider.batches().results(name, requests)
        sdk = openai.AsyncOpenAI(api_key=KEY, base_url=provider.base_url, max_retries=0)
        batch = await sdk.batches.retrieve(name)
        content = (await sdk.files.content(batch.output_file_id)).read()
        await sdk.close()
        return raws, batch, content

    raws, batch, content = run(lambda: server.provider("openai", "gpt-6.1-terra"), work)
    lines = [json.loads(line) for line in io.BytesIO(content)]
    assert batch.request_counts.completed == len(lines) == 2
    assert {line["custom_id"]: line["response"]["body"]["id"] for line in lines} == {
        key: json.loads(raw.body)["id"] for key, raw in raws.items()
    }
