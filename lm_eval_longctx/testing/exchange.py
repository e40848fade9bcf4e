"""One request on the local server, from its first byte to its last."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from lm_eval_longctx.testing.formats.base import FINISH, Failed
from lm_eval_longctx.testing.state import UNBILLED, Asked
from lm_eval_longctx.testing.strict import Refused

if TYPE_CHECKING:
    from lm_eval_longctx.testing.formats.base import Format
    from lm_eval_longctx.testing.state import Bill, Fault, State

_PAGE = b"<html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"
_KEPT_BODY = 1 << 16
_ANTHROPIC_LIMIT = 32_000_000
_PATIENCE = 60_000
_IN_ANSWER = frozenset(
    {
        "empty",
        "null_content",
        "blocked",
        "refused",
        "cut",
        "spent_on_reasoning",
        "unknown_finish",
        "no_usage",
        "window_ran_out",
    }
)


class Stopped(Exception):  # noqa: N818 - what a server says, not an error of ours
    """A request that ends before it is understood.

    Attributes:
        failed: What goes out.
    """

    def __init__(self, failed: Failed) -> None:
        """Keep what goes out."""
        super().__init__(failed.status)
        self.failed = failed


class Exchange:
    """Answers the requests of one format."""

    def __init__(self, form: Format, state: State) -> None:
        """Speak a format for a server."""
        self.form, self.state = form, state

    async def gemini(self, request: web.Request) -> web.StreamResponse:
        """Answer what has its verb in the address."""
        verb = request.match_info["verb"]
        if verb == "countTokens":
            return await self.count(request)
        if verb in {"generateContent", "streamGenerateContent"}:
            return await self.answer(request)
        return _json(self.form.error(404, f"unknown method {verb}"))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a question, or do what was told to go wrong."""
        with _Flight(self.state):
            early = self._before_body()
            if early is not None:
                return early
            try:
                asked = await self._asked(request)
            except (Refused, Stopped) as no:
                return self._no(no)
            return await self._asked_for(request, asked)

    def _no(self, no: Refused | Stopped) -> web.Response:
        return _json(no.failed if isinstance(no, Stopped) else self.form.refused(no))

    def _before_body(self) -> web.StreamResponse | None:
        faults = self.state.faults
        if not faults or faults[0].kind != "too_large_early":
            return None
        failed = self.form.fault(faults.popleft(), None)
        response = _json(failed or Failed(413, {}))
        response.force_close()  # aiohttp then reads on for a while and drops it, as gateways do
        return response

    async def _asked(self, request: web.Request) -> Asked:
        """Read and understand a request.

        Raises:
            Refused: The real server would not take it.
        """
        body = await request.read()
        record(self.state, request, body)
        if request.headers.get("Content-Length") != str(len(body)):
            raise Refused("Content-Length is missing or wrong", 411)
        if request.content_type != "application/json":
            raise Refused("Content-Type must be application/json", 415)
        headers = {name.lower(): value for name, value in request.headers.items()}
        failed = self.form.authorized(headers)
        if failed is not None:
            raise Stopped(failed)
        if "anthropic-version" in headers and len(body) > _ANTHROPIC_LIMIT:
            raise Refused("Request exceeds the maximum size", 413)
        try:
            tree = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(f"could not parse the JSON body of your request: {error}") from None
        model = "count" if request.path.endswith("count_tokens") else request.match_info.get("model", "")
        asked = self.state.counted(self.form.read(tree, headers, model))
        return replace(asked, stream=True) if request.match_info.get("verb") == "streamGenerateContent" else asked

    async def _asked_for(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        fault = self.state.next_fault(asked)
        kind = fault.kind if fault else ""
        if kind in UNBILLED and fault is not None:
            return self._unbilled(fault, asked)
        asked, failed, kind = self._fitted(asked, kind)
        if failed is not None:
            return _json(failed, self.state.headers)
        bill = self.state.bill(_thinned(asked, kind), fault)
        if kind == "gateway_timeout" and fault is not None:
            return _json(self.form.fault(fault, asked) or Failed(504, {}))
        text = self._billed_answer(asked, bill, kind)
        if kind in {"reset", "hang"}:
            return await self._silent(request, kind)
        answer = self.form.answer(asked, text, bill, kind if kind in _IN_ANSWER else "")
        if asked.background:
            return self._later(answer, bill)
        send = self._stream if asked.stream else self._whole
        return await send(request, answer, fault, bill)

    def _unbilled(self, fault: Fault, asked: Asked) -> web.Response:
        if fault.kind == "html":
            return web.Response(body=_PAGE, content_type="text/html")
        if fault.kind == "recorded":
            return web.Response(status=fault.status, headers=fault.headers, body=fault.body)
        failed = self.form.fault(fault, asked) or self.form.error(
            400, f"a fault that this format does not have: {fault.kind}"
        )
        return _json(failed, self.state.headers)

    def _fitted(self, asked: Asked, kind: str) -> tuple[Asked, Failed | None, str]:
        """Fit a request into the window: refuse it, cut it, or shrink its output budget."""
        window, tokens = self.state.window, sum(asked.tokens().values())
        if window is None or tokens + asked.max_output <= window:
            return asked, None, kind
        if self.state.when_full == "reject" or (self.state.when_full == "shrink" and tokens >= window):
            return asked, self.form.overflow(tokens, window, asked), kind
        if self.state.when_full == "shrink":
            return replace(asked, max_output=window - tokens), None, "window_ran_out"
        return asked, None, "cut_input"

    def _billed_answer(self, asked: Asked, bill: Bill, kind: str) -> str:
        """Make the answer's text, and write its tokens on the bill."""
        text = self.state.answer(asked)
        if kind == "cut_input":
            room = (self.state.window or bill.prompt // 2) - asked.max_output
            bill.tokens = {"text": max(1, room)}
            bill.cached = min(bill.cached, bill.prompt)
        bill.reasoning = self.state.reasoning or (64 if kind == "spent_on_reasoning" else 0)
        spoken = 0 if kind in {"spent_on_reasoning", "blocked"} else max(1, len(text.encode()) // 4)
        bill.output = asked.max_output if kind in {"cut", "window_ran_out"} else bill.reasoning + spoken
        return text

    async def _hung_up(self, request: web.Request) -> None:
        """Wait until the client goes away; its transport tells nobody."""
        for _ in range(_PATIENCE):
            if request.transport is None or request.transport.is_closing():
                return
            await asyncio.sleep(0.01)

    async def _silent(self, request: web.Request, kind: str) -> web.StreamResponse:
        if kind == "hang":
            await self._hung_up(request)
        return cut_off(request)

    def _later(self, answer: dict[str, Any], bill: Bill) -> web.Response:
        """Keep an answer until it is fetched."""
        self.state.later[answer["id"]] = {"answer": answer, "bill": bill, "polls": self.state.polls_until_ready}
        return web.json_response({**answer, "status": "queued", "output": [], "usage": None})

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Give out an answer that was made in the background; a fault of the fetching hits it."""
        kept = self.state.later.get(request.match_info["id"])
        if kept is None:
            return _json(self.form.error(404, f"Response with id {request.match_info['id']!r} not found."))
        fault = self.state.poll_faults.popleft() if self.state.poll_faults else None
        if fault is not None:
            return cut_off(request) if fault.kind == "reset" else self._unbilled(fault, Asked("", (), 0))
        kept["polls"] -= 1
        if kept["polls"] >= 0:
            return web.json_response({**kept["answer"], "status": "in_progress", "output": [], "usage": None})
        kept["bill"].delivered = True
        return web.json_response(kept["answer"])

    async def _whole(
        self, request: web.Request, answer: dict[str, Any], fault: Fault | None, bill: Bill
    ) -> web.StreamResponse:
        body, kind = orjson.dumps(answer), fault.kind if fault else ""
        if kind == "truncated_json":
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        response = web.StreamResponse(headers={**self.state.headers, "Content-Type": "application/json"})
        response.content_length = len(body)
        await response.prepare(request)
        if kind in {"reset_mid_body", "sse_cut"}:
            await response.write(body[: len(body) // 2])
            return cut_off(request, response)
        await _write(response, body, fault)
        await response.write_eof()
        bill.delivered = True
        return response

    async def _stream(
        self, request: web.Request, answer: dict[str, Any], fault: Fault | None, bill: Bill
    ) -> web.StreamResponse:
        kind = fault.kind if fault else ""
        response = web.StreamResponse(headers={**self.state.headers, "Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for chunk in self.form.chunks(answer):
            if chunk == FINISH:
                stop = await self._before_finish(request, response, kind)
                if stop is not None:
                    return stop
            else:
                await _write(response, chunk, fault)
        await response.write_eof()
        bill.delivered = True
        return response

    async def _before_finish(
        self, request: web.Request, response: web.StreamResponse, kind: str
    ) -> web.StreamResponse | None:
        """Stop a stream before its finish marker, if that was asked for."""
        if kind in {"sse_cut", "reset_mid_body", "truncated_json"}:
            return cut_off(request, response)
        if kind == "sse_error":
            failed = self.form.error(529, "Overloaded")
            await response.write(f"event: error\ndata: {json.dumps(failed.body)}\n\n".encode())
        if kind in {"sse_clean_end", "sse_error"}:
            await response.write_eof()
            return response
        return None

    async def count(self, request: web.Request) -> web.StreamResponse:
        """Count a request's tokens."""
        try:
            tokens = sum((await self._asked(request)).tokens().values())
        except (Refused, Stopped) as no:
            return self._no(no)
        if request.path.endswith("countTokens"):
            return web.json_response({"totalTokens": tokens})
        return web.json_response({"input_tokens": tokens, "object": "response.input_tokens"})

    async def tokenize(self, request: web.Request) -> web.StreamResponse:
        """Count as vLLM does."""
        try:
            asked = await self._asked(request)
        except (Refused, Stopped) as no:
            return self._no(no)
        return web.json_response(
            {"count": sum(asked.tokens().values()), "max_model_len": self.state.window, "tokens": []}
        )


def record(state: State, request: web.Request, body: bytes) -> None:
    """Keep what was asked; of large bodies, the size only."""
    kept = orjson.loads(body) if len(body) <= _KEPT_BODY and body[:1] == b"{" else None
    headers = {name.lower(): value for name, value in request.headers.items()}
    fields = {"method": request.method, "path": request.path_qs, "headers": headers, "body": kept, "bytes": len(body)}
    with state.lock:
        state.requests.append(fields)


class _Flight:
    """Counts requests that are under way."""

    def __init__(self, state: State) -> None:
        self.state = state

    def __enter__(self) -> None:
        with self.state.lock:
            self.state.in_flight += 1
            self.state.most_in_flight = max(self.state.most_in_flight, self.state.in_flight)

    def __exit__(self, *_: object) -> None:
        with self.state.lock:
            self.state.in_flight -= 1


def _thinned(asked: Asked, kind: str) -> Asked:
    """Bill a film for 32 frames at most."""
    if kind != "thin_media":
        return asked
    pieces = tuple((k, min(n, 32 * 2) if k == "video" else n, content) for k, n, content in asked.pieces)
    return replace(asked, pieces=pieces)


async def _write(response: web.StreamResponse, data: bytes, fault: Fault | None) -> None:
    """Write at once, or byte by byte if that was asked for."""
    if fault is None or fault.kind != "slow_drip":
        await response.write(data)
        return
    for i in range(len(data)):
        await response.write(data[i : i + 1])
        await asyncio.sleep(fault.seconds)


def _json(failed: Failed, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(failed.body, status=failed.status, headers={**(headers or {}), **failed.headers})


def cut_off(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Break the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()
