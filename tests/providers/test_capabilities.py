"""What is known of a model: table, probe, the user's word; and what follows from it on the wire."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.prompt import ImagePart, Prompt, TextPart
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.providers.capabilities import WireCapabilities, look_up, reasoning_room
from lm_eval_longctx.providers.models import ANTHROPIC, GEMINI, OPENAI, OPENAI_DEFAULT
from lm_eval_longctx.providers.openai import OpenAIProvider
from lm_eval_longctx.testing.contract import ask, question, run

KNOWN = [(name, table[name]) for table in (GEMINI, OPENAI, ANTHROPIC) for name in table]


def body_of(server, provider, settings: Settings, *parts, prefix: str = ""):
    """What the server saw of a question with these settings, and the completion."""
    prompt = Prompt.user(*(parts or (TextPart("What?"),)), answer_prefix=prefix)
    _, decoded = run(lambda: provider, lambda p: ask(p, Request(prompt, settings)))
    return server.state.requests[-1]["body"], decoded.completion


@pytest.mark.parametrize(("name", "known"), KNOWN, ids=[name for name, _ in KNOWN])
def test_the_table_is_dated_and_whole(name, known):
    """Every model in the table has a window, an output limit, and the day on which it was checked."""
    assert known.context_window > 100_000
    assert 1000 < known.max_output < known.context_window
    assert dt.date.fromisoformat(known.dated)
    assert not known.retires or dt.date.fromisoformat(known.retires)
    assert known.source == "built-in"


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gpt-6.1-terra-2026-09-01", "gpt-6.1-terra"),
        ("gpt-4o-mini", None),
        ("my-gpt-4o", None),
        ("gpt-5", "gpt-5"),
        ("gpt-5.6", None),
    ],
)
def test_a_model_is_found_by_name_or_snapshot_never_by_a_part_of_its_name(model, found):
    """A dated snapshot is its model; anything else with a similar name is unknown."""
    known = look_up(OPENAI, model, OPENAI_DEFAULT)
    assert known == OPENAI[found] if found else known.source == "assumed"


def test_the_users_word_stands_above_all():
    """What a user declares replaces table and probe; misspelt words are refused."""
    declared = {"context_window": "4096", "accepts": "temperature+stop", "refuses": ["reasoning"]}
    known = OpenAIProvider("any", **declared).declared
    assert (known.context_window, known.temperature, known.stop, known.reasoning) == (4096, True, True, ())
    assert (known.source, known.thinks) == ("user", False)
    with pytest.raises(ConfigError, match="did you mean 'temperature'"):
        OpenAIProvider("any", accepts="temprature")


def test_a_probe_fills_in_the_window(server, make, name):
    """A server that knows its window is asked for it at the start, unless the user forbids it."""
    server.state.window = 54_321

    async def window(provider):
        return provider.capabilities.context_window

    asked = run(lambda: make(**({"model": "tiny"} if name == "tiny" else {})), window)
    unasked = run(lambda: make(probe=False), window)
    assert asked == unasked if name == "openai" else asked == 54_321
    assert run(lambda: make(context_window=99), window) == 99


@pytest.mark.parametrize(
    ("name", "model"), [("gemini", "gemini-3.8-flash"), ("openai", "gpt-6.1-terra"), ("anthropic", "claude-sonnet-5-5")]
)
def test_sampling_settings_are_left_out_and_recorded_where_they_are_refused(server, name, model):
    """Temperature is not sent to a model that takes none; the completion and the identity say so."""
    provider = server.provider(name, model)
    body, completion = body_of(server, provider, Settings(max_output_tokens=32, temperature=0.0))
    assert "temperature" not in str(body)
    assert completion.notes == ("temperature=0 not sent: the model takes none",)
    request = Request(Prompt.user(TextPart("x")), Settings(temperature=0.0))
    other = Request(Prompt.user(TextPart("x")), Settings(temperature=1.0))
    assert provider.identity(request) == provider.identity(other)


def test_sampling_settings_are_sent_where_they_are_taken(server):
    """A compatible server gets temperature, seed and stop texts as asked."""
    settings = Settings(max_output_tokens=32, temperature=0.0, seed=3, stop=("\n",))
    body, completion = body_of(server, server.provider("openai-compatible", "tiny"), settings)
    assert (body["temperature"], body["seed"], body["stop"], body["max_tokens"]) == (0.0, 3, ["\n"], 32)
    assert completion.notes == ()


def test_stop_texts_hold_even_where_they_are_not_taken(server):
    """An answer is cut at a stop text by us where the provider does not do it, and says so."""
    server.state.answer = lambda _: "Paris\n\nIs that all?"
    _, completion = body_of(server, server.provider("openai", "gpt-6.1-terra"), Settings(stop=("\n\n",)))
    assert str(completion) == "Paris"
    assert completion.notes == ("cut at a stop text by us",)


def test_white_space_is_no_stop_text_for_anthropic(server):
    """A stop text that Anthropic refuses is applied by us instead."""
    server.state.answer = lambda _: "Paris\nOr not"
    body, completion = body_of(server, server.provider("anthropic", "claude-sonnet-5-5"), Settings(stop=("\n", "END")))
    assert body["stop_sequences"] == ["END"]
    assert str(completion) == "Paris"


@pytest.mark.parametrize(
    ("name", "model", "path"),
    [
        ("gemini", "gemini-3.8-flash", ("contents", 0, "parts", -1, "text")),
        ("openai", "gpt-6.1-terra", ("input", 0, "content", -1, "text")),
        ("anthropic", "claude-sonnet-5-5", ("messages", 0, "content", -1, "text")),
    ],
)
def test_an_answer_prefix_moves_where_prefilling_is_refused(server, name, model, path):
    """The beginning of the answer is put at the end of the question, and the completion says so."""
    body, completion = body_of(server, server.provider(name, model), Settings(), prefix="The answer is")
    for step in path:
        body = body[step]
    assert body == "\nThe answer is"
    assert completion.notes == ("answer prefix moved to the end of the question",)


def test_a_server_that_continues_answers_gets_the_prefix_as_one(server):
    """Where prefilling works the prefix is the model's own turn."""
    provider = server.provider("openai-compatible", "tiny", accepts="prefill")
    body, completion = body_of(server, provider, Settings(), prefix="The answer is")
    assert body["messages"][-1] == {"role": "assistant", "content": "The answer is"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert completion.notes == ()


@pytest.mark.parametrize(
    ("name", "model", "effort", "field"),
    [
        ("gemini", "gemini-3.8-flash", "high", {"thinkingConfig": {"thinkingLevel": "HIGH"}}),
        ("openai", "gpt-6.1-terra", "none", {"reasoning": {"effort": "none"}}),
        ("anthropic", "claude-sonnet-5-5", "low", {"output_config": {"effort": "low"}}),
        ("anthropic", "claude-sonnet-5-5", "off", {"thinking": {"type": "disabled"}}),
        ("openai-compatible", "tiny", "medium", {"reasoning_effort": "medium"}),
    ],
)
def test_reasoning_effort_goes_in_the_providers_own_field(server, name, model, effort, field):
    """Effort is an argument of the model or of the request, in the provider's words."""
    body, _ = body_of(server, server.provider(name, model, reasoning=effort), Settings())
    inner = body.get("generationConfig", body)
    assert {key: inner[key] for key in field} == field
    as_setting, _ = body_of(server, server.provider(name, model), Settings(reasoning=effort))
    assert as_setting == body


def test_an_effort_that_a_model_does_not_have_is_refused(server):
    """A misunderstood effort is an error that lists the right ones."""
    with pytest.raises(UnsupportedError, match="takes no reasoning=off; it takes none, minimal, low"):
        server.provider("openai", "gpt-6.1-terra", reasoning="off").check(question())
    with pytest.raises(UnsupportedError, match="it has no such setting"):
        server.provider("openai", "gpt-4o", reasoning="low").check(question())


@pytest.mark.parametrize(
    ("effort", "asked", "room"),
    [(None, 0, 16_384), ("none", 0, 0), ("low", 0, 4096), ("max", 0, 64_000), ("low", 7, 7)],
)
def test_hidden_reasoning_gets_room_beside_the_answer(effort, asked, room):
    """The budget leaves room for reasoning by effort, within the model's limit, unless the user says how much."""
    assert reasoning_room(WireCapabilities(thinks=True, max_output=64_100), effort, asked, 100) == room


def test_a_model_that_does_not_reason_gets_no_room():
    """Without reasoning the budget is the answer's."""
    assert reasoning_room(WireCapabilities(), None, 0, 100) == 0


def test_an_output_budget_beyond_the_model_is_refused(server):
    """More output than a model gives is an error with both numbers."""
    request = Request(question().prompt, Settings(max_output_tokens=100_000))
    with pytest.raises(UnsupportedError, match="gives 65536 output tokens at most, 100000 would be asked for"):
        server.provider("gemini", "gemini-3.8-flash", reasoning_tokens=0).check(request)


def test_media_that_nobody_declared_are_refused_with_the_way_out(server):
    """A compatible server takes text until the user says more; the error says how."""
    image = ImagePart("none", "0" * 64, "image/png", 8, 8)
    provider = server.provider("openai-compatible", "tiny")
    with pytest.raises(UnsupportedError, match=r"say modalities=text\+image"):
        provider.check(Request(Prompt.user(image)))
    server.provider("openai-compatible", "tiny", modalities="text+image").check(Request(Prompt.user(image)))


def test_film_as_frames_is_pictures(server):
    """A model that takes pictures takes film as frames, before a run as in each request; others do not."""
    text = server.provider("openai-compatible", "tiny", modalities="text")
    eyes = server.provider("openai-compatible", "tiny", modalities="text+image", video="frames")
    assert text.refused(["text", "image", "video"]) == ["image", "video"]
    assert eyes.refused(["text", "image", "video"]) == []
    assert eyes.refused(["audio"]) == ["audio"]


def test_extra_fields_lie_over_ours(server):
    """A user's own fields reach the server, nested ones beside ours."""
    provider = server.provider("gemini", "gemini-3.8-flash", extra_body='{"generationConfig": {"topK": 3}}')
    body, _ = body_of(server, provider, Settings(max_output_tokens=10))
    assert body["generationConfig"] == {"maxOutputTokens": 10 + 16_384, "topK": 3}


def test_openrouter_is_pinned(server):
    """OpenRouter is told not to change model, settings or prompt; the pins are part of the identity."""
    from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider

    provider = OpenAICompatibleProvider("meta/llama", base_url="https://openrouter.ai/api/v1")
    pins = provider.identity(question())["pins"]
    assert pins["provider"] == {"allow_fallbacks": False, "require_parameters": True}
    assert "pins" not in server.provider("openai-compatible", "tiny").identity(question())


def test_empty_texts_are_left_out(server):
    """An empty part, which some providers refuse, is not sent."""
    body, _ = body_of(
        server, server.provider("anthropic", "claude-sonnet-5-5"), Settings(), TextPart(""), TextPart("a")
    )
    assert [block["text"] for block in body["messages"][0]["content"]] == ["a"]


def test_openais_least_output_is_respected(server):
    """OpenAI gives sixteen tokens at least; a smaller wish is raised, in the budget too."""
    provider = server.provider("openai", "gpt-4o")
    body, _ = body_of(server, provider, Settings(max_output_tokens=4))
    assert body["max_output_tokens"] == 16
    assert provider.output_budget(Request(question().prompt, Settings(max_output_tokens=4))) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"max_output_tokens": 33},
        {"stop": ("END",)},
        {"reasoning": "low"},
        {"reasoning_tokens": 5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_that_decides_the_answer_is_in_the_identity(make, change):
    """A changed setting is a new request, and so is a repetition."""
    provider, request = make(), question()
    other = replace(request, settings=replace(request.settings, **change))
    assert provider.identity(other) != provider.identity(request)
    assert provider.identity(replace(request, repeat=1)) != provider.identity(request)


@pytest.mark.parametrize(
    "args", [{"extra_body": {"a": 1}}, {"base_url": "http://127.0.0.1:9/v1"}, {"reasoning": "low"}]
)
def test_every_argument_that_decides_the_answer_is_in_the_identity(make, args):
    """Another endpoint, another field or another effort is another request."""
    assert make(**args).identity(question()) != make().identity(question())


def test_arguments_of_the_wire_are_not_in_the_identity(make):
    """Time-outs, streaming and caches decide nothing about the answer."""
    args = {"timeout": 5, "stream": "true", "probe": False, "context_window": 5000}
    assert make(**args).identity(question()) == make().identity(question())


@pytest.mark.parametrize(
    ("words", "args", "streamed"),
    [
        (10, {}, False),
        (300_000, {}, True),
        (10, {"reasoning": "high"}, True),
        (10, {"stream": "true"}, True),
        (300_000, {"stream": "false"}, False),
    ],
)
def test_long_calls_are_streamed_unless_the_user_says_otherwise(server, words, args, streamed):
    """A long prompt or a long answer comes piece by piece."""
    provider = server.provider("anthropic", "claude-sonnet-5-5", probe=False, **args)
    server.state.answer = lambda _: "yes"
    request = Request(Prompt.user(TextPart("word " * words)), Settings(max_output_tokens=32))
    raw, decoded = run(lambda: provider, lambda p: ask(p, request))
    assert raw.headers["content-type"].startswith("text/event-stream") is streamed
    assert str(decoded.completion) == "yes"
