"""The vendors' own SDKs send what we send, and read what we read."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from tiny_media import film, picture

from lm_eval_longctx.prompt import Prompt, TextPart, Turn
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.providers.prefix import start_name
from lm_eval_longctx.testing.contract import ask, run
from lm_eval_longctx.testing.formats.gemini import camel
from lm_eval_longctx.testing.server import KEY

HAY = 'Ein Satz mit Umlauten: äöü, 中文 and "quotes" \\ and\ttabs.\n' * 40
SETTINGS = Settings(max_output_tokens=48, stop=("END",), reasoning="low", reasoning_tokens=100)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def imported(name: str) -> Any:
    """Import an SDK once a test needs it: the three take seconds, and every process lists all tests."""
    return pytest.importorskip(name, reason="the oracle needs pip install openai anthropic google-genai")


def gemini_types() -> Any:
    return imported("google.genai").types


def prompt(*media: Any) -> Prompt:
    return Prompt.user(TextPart(HAY), *media, TextPart("What does it say?"), system="Be brief.")


def encoded(part: Any) -> str:
    return base64.b64encode(Path(part.path).read_bytes()).decode()


def ours(make, request: Request):
    """Ask through our provider; return the completion and what the server saw."""
    return run(lambda: make(probe=False), lambda provider: ask(provider, request))[1].completion


def last(server, n: int = 1) -> dict[str, Any]:
    return server.state.requests[-n]


def same_request(server, normal=lambda body: body) -> None:
    """Compare the last two requests field by field, and the headers that matter."""
    theirs, mine = last(server, 2), last(server, 1)
    assert normal(mine["body"]) == normal(theirs["body"])
    assert mine["path"] == theirs["path"]
    for name in ("authorization", "x-goog-api-key", "anthropic-version", "content-type"):
        assert mine["headers"].get(name) == theirs["headers"].get(name), name


def sdk_of(name: str, server) -> Any:
    if name == "gemini":
        options = gemini_types().HttpOptions(base_url=server.url)
        return imported("google.genai").Client(api_key=KEY, http_options=options).aio
    if name == "anthropic":
        return imported("anthropic").AsyncAnthropic(api_key=KEY, base_url=server.url, max_retries=0)
    return imported("openai").AsyncOpenAI(api_key=KEY, base_url=server.url + "/v1", max_retries=0)


def with_sdk(name: str, server, work):
    """Run some work with an SDK and close it."""

    async def whole():
        sdk = sdk_of(name, server)
        try:
            return await work(sdk)
        finally:
            await (sdk.aclose() if name == "gemini" else sdk.close())

    return asyncio.run(whole())


def responses_fields(image) -> dict[str, Any]:
    url = f"data:image/png;base64,{encoded(image)}"
    content = [
        {"type": "input_text", "text": HAY},
        {"type": "input_image", "image_url": url, "detail": "high"},
        {"type": "input_text", "text": "What does it say?"},
    ]
    return {
        "model": "gpt-6.1-terra",
        "input": [{"role": "user", "content": content}],
        "instructions": "Be brief.",
        "max_output_tokens": 148,
        "prompt_cache_options": {"mode": "explicit"},
        "reasoning": {"effort": "low"},
        "store": False,
        "truncation": "disabled",
    }


def marked(server, name: str, model: str, **args):
    """Ask about hay that another question was about before, through our provider."""
    provider = server.provider(name, model, stream="false", probe=False, **args)
    hay = TextPart(HAY * 300, shared=True)
    provider.prefixes.marks(Prompt.user(hay, TextPart("Who?")), 0)
    asked = Request(Prompt.user(hay, TextPart("What?")), Settings(20, reasoning="low", reasoning_tokens=128))
    return run(lambda: provider, lambda provider: ask(provider, asked))[1].completion


def test_responses_cache_marks(server):
    """OpenAI's SDK marks the same beginning for the prompt cache, and reads what was written to it."""
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    content = [{"type": "input_text", "text": HAY * 300, **mark}, {"type": "input_text", "text": "What?"}]
    fields = {
        "model": "gpt-6.1-terra",
        "input": [{"role": "user", "content": content}],
        "max_output_tokens": 148,
        "prompt_cache_key": start_name(Prompt.user(TextPart(HAY * 300)))[:32],
        "prompt_cache_options": {"mode": "explicit"},
        "reasoning": {"effort": "low"},
        "store": False,
        "truncation": "disabled",
    }
    theirs = with_sdk("openai", server, lambda sdk: sdk.responses.create(**fields))
    mine = marked(server, "openai", "gpt-6.1-terra")
    same_request(server)
    written = theirs.usage.input_tokens_details.cache_write_tokens
    assert 1024 < written == mine.usage.cached_tokens


def test_responses_request_and_answer(server, tmp_path):
    """OpenAI's SDK sends our Responses request and reads our answer from it."""
    image = picture(tmp_path)
    theirs = with_sdk("openai", server, lambda sdk: sdk.responses.create(**responses_fields(image)))
    mine = ours(
        lambda **a: server.provider("openai", "gpt-6.1-terra", stream="false", **a), Request(prompt(image), SETTINGS)
    )
    same_request(server)
    assert str(mine) == theirs.output_text
    assert mine.usage.prompt_tokens == theirs.usage.input_tokens
    assert mine.usage.output_tokens == theirs.usage.output_tokens


def test_responses_stream(server, tmp_path):
    """OpenAI's SDK streams the same Responses request, and its last event holds our answer."""
    image = picture(tmp_path)

    async def stream(sdk):
        return [e async for e in await sdk.responses.create(**responses_fields(image), stream=True)]

    found = with_sdk("openai", server, stream)
    mine = ours(
        lambda **a: server.provider("openai", "gpt-6.1-terra", stream="true", **a), Request(prompt(image), SETTINGS)
    )
    same_request(server)
    assert (
        str(mine)
        == found[-1].response.output_text
        == "".join(e.delta for e in found if e.type == "response.output_text.delta")
    )


def test_responses_counting(server):
    """OpenAI's SDK counts with our request."""
    fields = {"model": "gpt-6.1-terra", "instructions": "Be brief."}
    content = [{"type": "input_text", "text": HAY}, {"type": "input_text", "text": "What does it say?"}]
    theirs = with_sdk(
        "openai",
        server,
        lambda sdk: sdk.responses.input_tokens.count(**fields, input=[{"role": "user", "content": content}]),
    )
    mine = run(lambda: server.provider("openai", "gpt-6.1-terra"), lambda p: p.count(prompt()))
    same_request(server)
    assert mine == theirs.input_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_chat_completions(server, tmp_path, stream):
    """OpenAI's SDK sends our Chat Completions request and reads our answer from it."""
    image = picture(tmp_path)
    url = f"data:image/png;base64,{encoded(image)}"
    parts = [
        {"type": "text", "text": HAY},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What does it say?"},
    ]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    fields: dict[str, Any] = {
        "model": "tiny",
        "messages": messages,
        "max_tokens": 48,
        "stop": ["END"],
        "seed": 7,
        "temperature": 0,
    }
    fields |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}

    async def work(sdk):
        answer = await sdk.chat.completions.create(**fields)
        return [c async for c in answer] if stream else answer

    theirs = with_sdk("openai", server, work)
    settings = Settings(max_output_tokens=48, stop=("END",), seed=7, temperature=0)
    args = {"modalities": "text+image", "stream": str(stream).lower()}
    mine = ours(lambda **a: server.provider("openai-compatible", "tiny", **args, **a), Request(prompt(image), settings))
    same_request(server)
    text = (
        "".join(c.choices[0].delta.content or "" for c in theirs if c.choices)
        if stream
        else theirs.choices[0].message.content
    )
    usage = theirs[-1].usage if stream else theirs.usage
    assert (str(mine), mine.usage.prompt_tokens, mine.usage.output_tokens) == (
        text,
        usage.prompt_tokens,
        usage.completion_tokens,
    )


def messages_fields(image) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png", "data": encoded(image)}
    content = [
        {"type": "text", "text": HAY},
        {"type": "image", "source": source, "transformations": {"oversized_image": "error"}},
        {"type": "text", "text": "What does it say?"},
    ]
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 148,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": content}],
        "stop_sequences": ["END"],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
    }


@pytest.mark.parametrize("stream", [False, True])
def test_messages(server, tmp_path, stream):
    """Anthropic's SDK sends our Messages request and reads our answer from it."""
    image = picture(tmp_path)

    async def work(sdk):
        if not stream:
            return await sdk.messages.create(**messages_fields(image))
        async with sdk.messages.stream(**messages_fields(image)) as events:
            return await events.get_final_message()

    theirs = with_sdk("anthropic", server, work)
    make = lambda **a: server.provider("anthropic", "claude-sonnet-5-5", stream=str(stream).lower(), **a)  # noqa: E731
    mine = ours(make, Request(prompt(image), SETTINGS))
    same_request(server)
    assert str(mine) == theirs.content[-1].text
    total = theirs.usage.input_tokens + theirs.usage.cache_read_input_tokens + theirs.usage.cache_creation_input_tokens
    assert (mine.usage.prompt_tokens, mine.usage.output_tokens) == (total, theirs.usage.output_tokens)


def test_messages_cache_marks(server):
    """Anthropic's SDK marks the same beginning for the cache, and reads what was written to it."""
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    content = [{"type": "text", "text": HAY * 300, **mark}, {"type": "text", "text": "What?"}]
    fields = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}, "max_tokens": 148}
    theirs = with_sdk(
        "anthropic",
        server,
        lambda sdk: sdk.messages.create(
            model="claude-sonnet-5-5", messages=[{"role": "user", "content": content}], **fields
        ),
    )
    mine = marked(server, "anthropic", "claude-sonnet-5-5", cache="1h")
    same_request(server)
    assert 1024 < theirs.usage.cache_creation_input_tokens == mine.usage.cached_tokens


def test_messages_counting(server):
    """Anthropic's SDK counts with our request; nothing is marked, because nothing is read."""
    content = [{"type": "text", "text": HAY * 10}, {"type": "text", "text": "What?"}]
    theirs = with_sdk(
        "anthropic",
        server,
        lambda sdk: sdk.messages.count_tokens(
            model="claude-sonnet-5-5", messages=[{"role": "user", "content": content}]
        ),
    )
    asked = Prompt.user(TextPart(HAY * 10, shared=True), TextPart("What?"))
    mine = run(lambda: server.provider("anthropic", "claude-sonnet-5-5", probe=False), lambda p: p.count(asked))
    same_request(server)
    assert mine == theirs.input_tokens


def one_spelling(body: Any) -> Any:
    """Google's SDK mixes two spellings of fields and sends web-safe base64; the server takes either."""
    body = camel(body)
    for part in body["contents"][0]["parts"]:
        if "inlineData" in part:
            part["inlineData"]["data"] = part["inlineData"]["data"].translate(str.maketrans("-_", "+/"))
    return body


def gemini_parts(image, clip) -> list[Any]:
    types = gemini_types()
    blob = lambda part: types.Blob(data=Path(part.path).read_bytes(), mime_type=part.mime)  # noqa: E731
    pins = types.VideoMetadata(fps=clip.fps, content_layers=["FRAMES"])
    return [
        types.Part(text=HAY),
        types.Part(inline_data=blob(image)),
        types.Part(inline_data=blob(clip), video_metadata=pins, media_processing="STATIC"),
        types.Part(text="What does it say?"),
    ]


def gemini_call(image, clip) -> dict[str, Any]:
    types = gemini_types()
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        max_output_tokens=148,
        stop_sequences=["END"],
        seed=7,
        thinking_config=types.ThinkingConfig(thinking_level="LOW"),
        media_resolution="MEDIA_RESOLUTION_LOW",
        automatic_continuation=False,
    )
    contents = [types.Content(role="user", parts=gemini_parts(image, clip))]
    return {"model": "gemini-3.8-flash", "contents": contents, "config": config}


@pytest.mark.parametrize("stream", [False, True])
def test_generate_content(server, tmp_path, stream):
    """Google's SDK sends our generateContent request, pins of the film included, and reads our answer from it."""
    image, clip = picture(tmp_path), film(tmp_path)

    async def work(sdk):
        if not stream:
            return await sdk.models.generate_content(**gemini_call(image, clip))
        return [c async for c in await sdk.models.generate_content_stream(**gemini_call(image, clip))]

    theirs = with_sdk("gemini", server, work)
    settings = Settings(max_output_tokens=48, stop=("END",), reasoning="low", reasoning_tokens=100, seed=7)
    args = {"media_resolution": "low", "stream": str(stream).lower()}
    mine = ours(
        lambda **a: server.provider("gemini", "gemini-3.8-flash", **args, **a), Request(prompt(image, clip), settings)
    )
    same_request(server, one_spelling)
    text = "".join(c.text or "" for c in theirs) if stream else theirs.text
    usage = (theirs[-1] if stream else theirs).usage_metadata
    assert (str(mine), mine.usage.prompt_tokens) == (text, usage.prompt_token_count)
    billed = {d.modality.value.lower(): d.token_count for d in usage.prompt_tokens_details}
    assert mine.usage.by_modality == billed


def test_gemini_counting(server):
    """Google's SDK counts with our request."""
    parts = [gemini_types().Part(text=HAY), gemini_types().Part(text="What?")]
    contents = [gemini_types().Content(role="user", parts=parts)]
    theirs = with_sdk(
        "gemini", server, lambda sdk: sdk.models.count_tokens(model="gemini-3.8-flash", contents=contents)
    )
    asked = Prompt.user(TextPart(HAY), TextPart("What?"))
    mine = run(lambda: server.provider("gemini", "gemini-3.8-flash", probe=False), lambda p: p.count(asked))
    same_request(server, camel)
    assert mine == theirs.total_tokens


def test_gemini_upload(server, tmp_path):
    """Google's SDK uploads in our steps, and the file can be used in the same way."""
    clip = film(tmp_path)

    async def work(sdk):
        file = await sdk.files.upload(
            file=clip.path, config={"mime_type": "video/mp4", "display_name": clip.digest[:32]}
        )
        part = gemini_types().Part(file_data=gemini_types().FileData(file_uri=file.uri, mime_type="video/mp4"))
        await sdk.models.generate_content(
            model="gemini-3.8-flash", contents=[gemini_types().Content(role="user", parts=[part])]
        )

    with_sdk("gemini", server, work)
    theirs = last(server)["body"]["contents"][0]["parts"][0]
    asked = Request(Prompt((Turn("user", (clip,)),)), Settings())
    ours(lambda **a: server.provider("gemini", "gemini-3.8-flash", upload="always", stream="false", **a), asked)
    mine = last(server)["body"]["contents"][0]["parts"][0]
    assert set(camel(theirs["fileData"])) == set(mine["fileData"]) == {"mimeType", "fileUri"}
    contents = {file["sha256Hash"] for file in server.state.files.values()}
    assert contents == {clip.digest}
    assert len(server.state.files) == 2
