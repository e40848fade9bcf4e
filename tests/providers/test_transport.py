"""The wire: what is kept when it fails, what it costs, and what never comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import tracemalloc

import aiohttp
import pytest
from aiohttp import web

from lm_eval_longctx.errors import ConfigError, MediaError
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.providers.segments import Body, EscapedText, assemble
from lm_eval_longctx.providers.transport import Timeouts, Transport, causes, explain
from lm_eval_longctx.testing.contract import ask, question, run

MEGABYTE = 1 << 20
QUICK = Timeouts(total=5, idle=0.2, connect=1)


def exchange(handler, body=None, timeouts=QUICK, secrets=(), method="POST"):
    """Send a body to a handler and return what came back."""

    async def whole():
        app = web.Application(client_max_size=1 << 40)
        app.router.add_route("*", "/", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        transport = Transport(timeouts, secrets=secrets)
        try:
            return await transport.send(method, f"http://127.0.0.1:{runner.addresses[0][1]}/", {"X-Mine": "1"}, body)
        finally:
            await transport.close()
            await runner.cleanup()

    return asyncio.run(whole())


def test_the_body_goes_out_at_its_exact_length_with_our_headers():
    """The server sees the announced length, no chunks, and every header."""

    async def handler(request):
        body = await request.read()
        seen = {name.lower(): value for name, value in request.headers.items()}
        assert "transfer-encoding" not in seen
        return web.json_response([len(body), seen["content-length"], seen["x-mine"]])

    raw = exchange(handler, Body.of([b"x" * 1000, memoryview(b"y" * 234)]))
    assert (raw.status, raw.body, raw.error, raw.sent) == (200, b'[1234, "1234", "1"]', "", True)
    assert raw.seconds > 0


def test_an_answer_that_comes_early_is_kept():
    """A refusal that comes while megabytes are still to be sent is read, not lost."""

    async def handler(request):
        response = web.json_response({"error": {"message": "too large"}}, status=413)
        response.force_close()
        return response

    raw = exchange(handler, Body.of([b"x" * MEGABYTE] * 50))
    assert raw.status == 413
    assert b"too large" in raw.body


def test_silence_ends_an_attempt():
    """A server that says nothing is left after the idle time; it may have billed."""

    async def handler(request):
        await request.read()
        await asyncio.sleep(1)
        return web.Response()

    raw = exchange(handler, Body.of([b"x"]), Timeouts(5, 0.05, 1))
    assert (raw.status, raw.error, raw.sent) == (0, "silence for 0.05 s", True)


def test_a_server_that_does_not_read_ends_an_attempt():
    """A body that does not get through is given up, and cannot have been billed."""

    async def handler(request):
        await asyncio.sleep(1)
        return web.Response()

    raw = exchange(handler, Body.of([b"x" * MEGABYTE] * 60), Timeouts(5, 0.1, 1))
    assert (raw.status, raw.error, raw.sent) == (0, "no progress for 0.1 s while sending", False)


def test_an_attempt_ends_in_time_even_if_bytes_keep_coming():
    """The whole attempt has a limit, whatever drips; what came is kept."""

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.01)
        return response

    raw = exchange(handler, Body.of([b"x"]), Timeouts(0.2, 1, 1))
    assert raw.error == "out of time (0.2 s for the whole attempt)"
    assert raw.status == 200
    assert raw.body.startswith(b"x")


def test_a_redirect_is_not_followed():
    """A key is sent to nobody but the address that the user gave."""

    async def handler(request):
        raise web.HTTPFound("http://elsewhere.example/")

    raw = exchange(handler, Body.of([b"x"]))
    assert (raw.status, raw.headers["location"]) == (302, "http://elsewhere.example/")


def test_nobody_there_is_not_sent():
    """Without a connection nothing was asked."""

    async def whole():
        transport = Transport(QUICK)
        raw = await transport.send("POST", "http://127.0.0.1:9/", {}, Body.of([b"x"]))
        await transport.close()
        return raw

    raw = asyncio.run(whole())
    assert (raw.status, raw.sent) == (0, False)
    assert raw.error.startswith("no connection")


def test_secrets_are_removed_from_whatever_comes_back(monkeypatch):
    """A server that repeats the key does not get it into a record."""
    monkeypatch.setenv("A_KEY", "sk-very-secret")

    async def handler(request):
        return web.Response(text="bad key sk-very-secret", headers={"x-request-id": "sk-very-secret"}, status=401)

    raw = exchange(handler, secrets=("A_KEY", "NOT_SET"))
    assert "sk-very-secret" not in repr(raw)
    assert b"bad key [redacted]" in raw.body


def test_a_key_that_is_a_word_does_not_spoil_answers(monkeypatch):
    """A stand-in for a key, such as EMPTY, is no secret, and answers may hold it."""
    monkeypatch.setenv("A_KEY", "EMPTY")

    async def handler(request):
        return web.Response(text="The box is EMPTY.")

    assert exchange(handler, secrets=("A_KEY",)).body == b"The box is EMPTY."


def test_only_headers_worth_keeping_are_kept():
    """Rate limits and identifiers are recorded; cookies and the rest are not."""

    async def handler(request):
        headers = {"Retry-After": "3", "X-RateLimit-Remaining-Tokens": "12", "Set-Cookie": "a=b", "X-Other": "1"}
        return web.json_response({}, headers=headers)

    kept = set(exchange(handler, method="GET").headers)
    assert kept == {"retry-after", "x-ratelimit-remaining-tokens", "content-type", "date"}


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    """Requests go through the proxy that the environment names."""
    seen = []

    async def whole():
        async def proxy(reader, writer):
            seen.append((await reader.readline()).decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")
        transport = Transport(QUICK)
        raw = await transport.send("POST", "http://models.example/v1", {}, Body.of([b"x"]))
        await transport.close()
        server.close()
        return raw

    raw = asyncio.run(whole())
    assert (raw.status, raw.body) == (200, b"ok")
    assert seen == ["POST http://models.example/v1 HTTP/1.1\r\n"]


def test_certificates_that_cannot_be_read_are_an_error(tmp_path):
    """A wrong path is said at once, not at the first call."""
    with pytest.raises(ConfigError, match="cannot read the certificates"):
        Transport(QUICK, ca_file=str(tmp_path / "none.pem"))


@pytest.mark.parametrize(("kind", "words"), causes(), ids=lambda item: getattr(item, "__name__", ""))
def test_every_exception_of_the_wire_has_its_words(kind, words):
    """Each exception in the table is explained by its own line, not by that of its base."""
    error = kind.__new__(kind)
    error.args = ()
    error.__dict__.update(_os_error=OSError(), _conn_key=None, _certificate_error=None)
    first = next(w for k, w in causes() if issubclass(kind, k))
    assert first == words
    if kind in {MediaError, asyncio.TimeoutError, ValueError, OSError, aiohttp.ServerDisconnectedError}:
        assert explain(kind("x") if kind is not asyncio.TimeoutError else kind(), QUICK, 5).startswith(words)


def test_a_long_prompt_costs_little(server):
    """A prompt of 40 MB costs its own size in memory once more, and a fraction of a second."""
    size = 40 * MEGABYTE
    text = ('The quick brown fox "jumps"\n' * (size // 28 + 1))[:size]
    request = Request(Prompt.user(TextPart(text)))

    async def handler(request):
        async for _ in request.content.iter_any():
            pass
        return web.json_response({})

    provider = server.provider("openai-compatible", "tiny")
    wire = provider._wire(asyncio.run(provider.media.ready(request, provider.keys.account)))
    tree = provider.dialect.encode(request, provider.declared, wire)
    tracemalloc.start()
    made = assemble(tree, EscapedText())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    start = time.process_time()
    assemble(tree, EscapedText())
    escaping = time.process_time() - start
    assert made.length > size
    assert peak < 1.2 * made.length
    assert escaping < 0.5, f"escaping took {escaping:.3f} s of CPU time"
    assert exchange(handler, made, Timeouts(30, 10, 1)).status == 200


def test_the_environments_certificates_are_no_concern_of_plain_http(monkeypatch, server):
    """A broken bundle in the environment disturbs only https."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull)
    _, decoded = run(lambda: server.provider("openai-compatible", "tiny"), lambda p: ask(p, question()))
    assert str(decoded.completion).startswith("answer")


@contextlib.asynccontextmanager
async def slow_server():
    """Start a server that takes as many seconds as a header asks for; gives a wire, and the server's address."""

    async def handler(request):
        await asyncio.sleep(float(request.headers["X-Takes"]))
        return web.Response(text="in time")

    app = web.Application()
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    transport = Transport(Timeouts(30, 30, 5))
    try:
        yield transport, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await transport.close()
        await runner.cleanup()


def test_each_exchange_ends_at_its_own_limit():
    """Of exchanges side by side each ends when its own time is up, whichever began first; one in time answers."""

    async def whole():
        async with slow_server() as (transport, url):
            limits = ((20.0, "0.2"), (0.3, "20"), (0.1, "20"), (0.2, "20"))
            sending = [transport.send("POST", url, {"X-Takes": takes}, total=total) for total, takes in limits]
            raws = await asyncio.gather(*sending)
            return [*raws, await transport.send("POST", url, {"X-Takes": "20"}, total=0.05)]

    found = asyncio.run(whole())
    late = "out of time ({:g} s for the whole attempt)"
    assert [raw.error for raw in found] == ["", *(late.format(total) for total in (0.3, 0.1, 0.2, 0.05))]
    assert found[0].body == b"in time"
    assert all(total <= raw.seconds < total + 5 for total, raw in zip((0.3, 0.1, 0.2), found[1:], strict=False))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 does not tell how often a task was cancelled")
def test_whoever_is_cancelled_while_out_of_time_is_cancelled():
    """An exchange that somebody else ends at the moment when its time is up is ended, and its caller with it."""

    async def whole():
        async with slow_server() as (transport, url):
            sending = asyncio.ensure_future(transport.send("POST", url, {"X-Takes": "20"}, total=20.0))
            await asyncio.sleep(0.1)
            (attempt,) = transport._clock._ends
            attempt.end("out of time")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert not transport._clock._ends

    asyncio.run(whole())
