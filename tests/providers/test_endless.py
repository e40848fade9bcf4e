"""Answers without an end, and those that unfold to more than was asked for: the beginning is kept, memory is flat."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider
from lm_eval_longctx.providers.unfolding import ENDLESS, Received, room_for
from lm_eval_longctx.testing.contract import question

ROOM = room_for(32, question().prompt.text_bytes)
CHUNK = 1 << 20
ENOUGH = 512
"""Chunks that are far more than the room, should anybody read them."""

RIGHT = {
    "choices": [{"message": {"content": "4821973"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1356, "completion_tokens": 12},
}


def spaces() -> bytes:
    """Return a small body that unfolds to a quarter of a gigabyte."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(b" " * CHUNK) for _ in range(256)) + packer.flush()


async def asked(handler):
    """Ask a server that answers with a handler; return what came, what it means, and the peak of memory."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    provider = OpenAICompatibleProvider("m", base_url=address, probe=False)
    tracemalloc.start()
    try:
        raw = await provider.send(question())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return raw, provider.decode(raw, question()), peak
    finally:
        tracemalloc.stop()
        await provider.close()
        await runner.cleanup()


def handler_of(headers, pieces):
    async def handle(request):
        await request.read()
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            for piece in pieces():
                await response.write(piece)
        except ConnectionError:
            pass
        return response

    return handle


EVENT = b'data: {"choices":[{"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % (b"more and " * 100)
FOLDED_SPACES = spaces()
ENDLESS_ONES = {
    "stream": ({"Content-Type": "text/event-stream"}, lambda: (EVENT * 1000 for _ in range(ENOUGH))),
    "json": ({"Content-Type": "application/json"}, lambda: (b'{"choices":[' + b" " * CHUNK for _ in range(ENOUGH))),
    "folded": ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, lambda: [FOLDED_SPACES]),
}


@pytest.mark.parametrize("kind", sorted(ENDLESS_ONES))
def test_an_answer_without_an_end_is_cut_and_classed(kind):
    """What weighs more than was asked for is kept as far as it may go, is no answer, and is not asked again."""
    raw, decoded, peak = asyncio.run(asked(handler_of(*ENDLESS_ONES[kind])))
    assert len(raw.body) == ROOM
    assert raw.error.startswith(ENDLESS)
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.MALFORMED, "never")
    assert decoded.retry.billed
    assert peak < 24 * ROOM < ENOUGH * CHUNK / 4


def test_a_stream_that_goes_on_after_its_end_is_an_answer():
    """What follows the finish marker changes nothing, however much it is."""
    first = json.dumps({"choices": [{"delta": {"content": "4821973"}, "finish_reason": "stop"}]})
    pieces = lambda: (f"data: {first}\n\n".encode(), *(b": awake" * 100_000 + b"\n\n" for _ in range(ENOUGH)))  # noqa: E731 - a generator of its own each time
    _, decoded, _ = asyncio.run(asked(handler_of({"Content-Type": "text/event-stream"}, pieces)))
    assert (decoded.completion.outcome, str(decoded.completion)) == (Outcome.COMPLETE, "4821973")


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


FOLDED = {
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "": bytes,
    "identity": bytes,
}


@pytest.mark.parametrize("encoding", sorted(FOLDED))
def test_a_folded_answer_is_unfolded(encoding):
    """Each way of folding that we ask for gives the answer, in one piece or in many."""
    body = FOLDED[encoding](json.dumps(RIGHT).encode())
    headers = {"Content-Type": "application/json", **({"Content-Encoding": encoding} if encoding else {})}
    raw, decoded, _ = asyncio.run(asked(handler_of(headers, lambda: [body[:5], body[5:]])))
    assert str(decoded.completion) == "4821973", raw


def test_what_cannot_be_unfolded_is_a_lost_answer():
    """A body that is not what its headers say is kept, and counts as possibly billed."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    raw, decoded, _ = asyncio.run(asked(handler_of(headers, lambda: [gzip.compress(b"x" * 999)[:12] + b"\xff" * 99])))
    assert "unfolded" in raw.error
    assert decoded.completion.outcome is Outcome.POSSIBLY_BILLED


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 500), st.sampled_from(sorted(FOLDED)))
def test_never_more_than_the_room_is_kept(pieces, room, encoding):
    """Whatever comes in whatever pieces, what is kept is its beginning and fits the room."""
    whole = b"".join(pieces)
    folded, received = FOLDED[encoding](whole), Received(room, encoding)
    for start in range(0, len(folded), 7):
        received.add(folded[start : start + 7])
        if received.full:
            break
    assert bytes(received.body) == whole[:room]
    assert received.full == (len(whole) > room)
