"""Prefix caches: what is marked, stored, routed, billed, and deleted at the end."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.backend import Backend, Job
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.providers.prefix import Prefixes, boundaries, start_name
from lm_eval_longctx.testing.contract import ask, run

HAY = TextPart("Hay, hay and more hay. " * 2000, shared=True)
SHORT = TextPart("Hay. ", shared=True)


def about(question: str, *hay: TextPart, system: str = "Be brief.") -> Request:
    return Request(Prompt.user(*(hay or (HAY,)), TextPart(question), system=system), Settings(max_output_tokens=32))


async def three(provider):
    return [(await ask(provider, about(f"{i}?")))[1].completion for i in range(3)]


def test_a_prompt_can_be_cut_between_parts_that_have_enough_before_them():
    """A beginning is named by all that it holds, roles included, and the last part is never in one."""
    own = TextPart("needle")
    assert [place.parts for place in boundaries(about("?").prompt)] == [1, 2]
    assert [place.parts for place in boundaries(about("?", HAY, own, HAY).prompt, minimum=1000)] == [2, 3, 4]
    assert not list(boundaries(about("?", SHORT, system="").prompt, minimum=1000))
    first, other = (list(boundaries(about(q, HAY, own).prompt)) for q in "ab")
    assert first == other
    assert first[-1].name != list(boundaries(about("a", HAY, own, system="Other.").prompt))[-1].name


pieces = st.lists(st.integers(0, 3), min_size=1, max_size=30)


@settings(deadline=None)
@given(prompts=st.lists(pieces, min_size=1, max_size=12), most=st.integers(1, 4), leads=st.sets(st.integers(0, 11)))
def test_a_beginning_is_stored_only_if_another_prompt_had_it(prompts, most, leads):
    """Marks are few and ascending; without leaders each is a beginning that an earlier, different prompt had."""
    prefixes, seen = Prefixes(), {}
    for i, sizes in enumerate(prompts):
        prompt = Prompt.user(*(TextPart(str(kind) * 100, shared=True) for kind in sizes), TextPart(f"{sizes}?"))
        places = {place.name: place for place in boundaries(prompt)}
        marks = prefixes.marks(prompt, 0, most=most, leads=i in leads)
        assert len(marks) <= most
        assert [mark.parts for mark in marks] == sorted({mark.parts for mark in marks})
        assert all(places[mark.name] == mark for mark in marks)
        if not leads:
            assert all(seen.get(mark.name, prompt.digest) != prompt.digest for mark in marks)
        for name in places:
            seen.setdefault(name, prompt.digest)


def deep(depth: float, about: str = "one") -> Prompt:
    """Sixteen pieces of hay with a needle in between."""
    hay = [TextPart(f"Piece {i} of the hay. " * 1000, shared=True) for i in range(16)]
    place = int(depth * 16)
    needle = TextPart(f"The needle of {about} is {depth}.")
    return Prompt.user(TextPart("Read. "), *hay[:place], needle, *hay[place:], TextPart("What is the needle?"))


def swept(server, name: str, model: str, depths, **args):
    """Ask about every depth, as a run does; return usages by depth."""
    jobs = [
        Job(str(d), "task", partial(deep, d), Settings(32), group="hay", order=d, size=350_000, tokens=88_000)
        for d in depths
    ]
    backend = Backend(server.provider(name, model, **args), ledger=None, progress=False)
    answers = backend.run(jobs)
    assert {answer.outcome for answer in answers} == {Outcome.COMPLETE}
    return {depth: answer.usage for depth, answer in zip(depths, answers, strict=True)}


TOLD = [("anthropic", "claude-sonnet-5-5"), ("openai", "gpt-6.1-terra")]
WRITE, READ = 0.25, -0.9
"""What storing costs, and what reading saves, as a share of the price of a token."""


@pytest.mark.parametrize(("name", "model"), TOLD)
def test_a_sweep_over_depth_costs_less_where_the_cache_has_to_be_told(server, name, model):
    """The deepest prompt stores beginnings that the others read; in all, that saves a quarter and more."""
    depths = [0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0]
    usages = swept(server, name, model, depths)
    assert usages[1.0].cache_write_tokens > 80_000
    assert not usages[1.0].cached_tokens
    assert usages[0.0].cached_tokens == usages[0.0].cache_write_tokens == 0
    assert all(usages[d].cached_tokens > d * 88_000 - 22_500 for d in depths if 0.25 <= d < 1)
    extra = sum(WRITE * (u.cache_write_tokens or 0) + READ * (u.cached_tokens or 0) for u in usages.values())
    assert extra < -0.25 * sum(usage.prompt_tokens for usage in usages.values())


def test_chat_completions_are_told_in_the_same_way(server):
    """Through OpenAI's older interface the same beginnings are stored and read; what is not marked stays one text."""
    usages = swept(server, *TOLD[1], [0.25, 0.5, 1.0], api="chat")
    assert usages[1.0].cache_write_tokens > 80_000
    assert [usages[depth].cached_tokens for depth in (0.25, 0.5)] == [20_002, 40_002]
    run(lambda: server.provider(*TOLD[1], api="chat"), lambda p: ask(p, about("?")))
    body = server.state.requests[-1]["body"]
    assert body["prompt_cache_options"] == {"mode": "explicit"}
    assert isinstance(body["messages"][-1]["content"], str)


@pytest.mark.parametrize(("name", "model"), TOLD)
def test_a_question_that_nobody_shares_stores_nothing(server, name, model):
    """One question about hay costs what its tokens cost, and not the price of storing them on top."""
    (usage,) = swept(server, name, model, [1.0]).values()
    assert (usage.cached_tokens, usage.cache_write_tokens) == (0, 0)


def test_older_models_of_openai_find_beginnings_by_themselves(server):
    """Models before GPT-5.6 know no marks and are sent none."""
    usages = swept(server, "openai", "gpt-4.1", [0.5, 1.0])
    assert usages[0.5].cached_tokens > 40_000
    assert "prompt_cache_options" not in str(server.state.requests)


def test_anthropic_reads_marked_hay_from_its_cache(server):
    """What two questions have in common is stored by the second of them, and read by all later ones."""
    answers = run(lambda: server.provider("anthropic", "claude-sonnet-5-5"), three)
    first, second, third = (answer.usage for answer in answers)
    assert (first.cached_tokens, first.cache_write_tokens) == (0, 0)
    assert (second.cached_tokens, third.cache_write_tokens) == (0, 0)
    assert second.cache_write_tokens == third.cached_tokens > 11_000
    assert {answer.usage.prompt_tokens for answer in answers} == {first.prompt_tokens}
    assert server.state.requests[-1]["body"]["messages"][0]["content"][0]["cache_control"] == {
        "type": "ephemeral",
        "ttl": "5m",
    }


def test_short_or_unwanted_prefixes_are_not_marked(server):
    """What a provider does not cache, or a user does not want cached, carries no mark."""
    for args, hay in (({"cache": "off"}, HAY), ({}, SHORT)):

        async def twice(provider, hay=hay):
            return [await ask(provider, about(f"{i}?", hay)) for i in range(2)]

        run(lambda args=args: server.provider("anthropic", "claude-sonnet-5-5", **args), twice)
        assert "cache_control" not in str(server.state.requests[-1]["body"])


def test_openai_is_told_which_requests_share_a_prefix(server):
    """Prompts that begin alike carry the same cache key, and short ones none."""
    run(lambda: server.provider("openai", "gpt-6.1-terra"), three)
    keys = {request["body"]["prompt_cache_key"] for request in server.state.requests}
    assert len(keys) == 1
    run(lambda: server.provider("openai", "gpt-6.1-terra"), lambda p: ask(p, about("?", SHORT)))
    assert "prompt_cache_key" not in server.state.requests[-1]["body"]
    assert len({start_name(about("?", TextPart(text * 5000)).prompt) for text in "ab"}) == 2


def gemini(server, **args):
    return server.provider("gemini", "gemini-3.8-flash", **args)


def test_gemini_stores_a_prefix_once_and_deletes_it(server):
    """A cache is made when the hay comes a second time, used by all later questions, and deleted at the end."""

    async def at_once(provider):
        await ask(provider, about("first?"))
        assert not server.state.caches
        answers = await asyncio.gather(*(ask(provider, about(f"{i}?")) for i in range(4)))
        assert len(server.state.caches) == 1
        return answers

    answers = run(lambda: gemini(server, cache="explicit"), at_once)
    assert {decoded.completion.outcome for _, decoded in answers} == {Outcome.COMPLETE}
    assert {decoded.completion.usage.cached_tokens > 11_000 for _, decoded in answers} == {True}
    assert not server.state.caches
    body = server.state.requests[-1]["body"]
    assert body["cachedContent"].startswith("cachedContents/")
    assert "systemInstruction" not in body
    assert len(body["contents"][0]["parts"]) == 1


def test_the_cost_of_storing_a_prefix_is_in_the_usage(server):
    """The tokens that making a cache took appear in the usage of the call that made it, and in no other."""
    answers = run(lambda: gemini(server, cache="explicit"), three)
    written = [answer.usage.cache_write_tokens for answer in answers]
    assert written[1] > 11_000
    assert any("billed by the hour" in note for note in answers[1].notes)
    assert (written[0], written[2]) == (None, None)


def test_a_cache_that_is_gone_is_made_again(server):
    """A lost cache is a passing failure: asking again stores it again."""

    async def work(provider):
        for i in range(2):
            await ask(provider, about(f"{i}?"))
        server.state.caches.clear()
        return [(await ask(provider, about("2?")))[1] for _ in range(2)]

    lost, found = run(lambda: gemini(server, cache="explicit"), work)
    assert (lost.completion.outcome, lost.retry.kind) == (Outcome.TRANSPORT_FAILED, "transient")
    assert found.completion.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("cache", ["implicit", "explicit"])
def test_caching_changes_neither_identity_nor_content(server, cache):
    """The model sees the same tokens with and without an explicit cache, and the ledger's key is the same."""
    provider = gemini(server, cache=cache)
    assert provider.identity(about("?")) == gemini(server).identity(about("?"))
    _, decoded = run(lambda: provider, lambda p: ask(p, about("?")))
    system, hay, question = (-(-len(text) // 4) for text in ("Be brief.", HAY.text, "?"))
    assert decoded.completion.usage.prompt_tokens == system + hay + question
