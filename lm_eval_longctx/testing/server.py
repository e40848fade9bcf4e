"""A local server that speaks five wire formats, refuses what they refuse, bills, and fails on demand.

::

    with LocalServer() as server:
        server.state.window = 8192
        server.state.fail("rate_limit", headers={"Retry-After": "0"})
        provider = server.provider("openai", "gpt-6.1-terra")
        ...
        assert server.state.bills[0].delivered

It runs in a thread of its own. In another process it is
``python -m lm_eval_longctx.testing.server --port 8123``; what it saw can then be
read from ``/_longctx/state``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lm_eval_longctx.testing.batches import add_batches
from lm_eval_longctx.testing.exchange import Exchange
from lm_eval_longctx.testing.files import add_files
from lm_eval_longctx.testing.formats.chat import Chat
from lm_eval_longctx.testing.formats.gemini import Gemini
from lm_eval_longctx.testing.formats.messages import Messages
from lm_eval_longctx.testing.formats.responses import Responses
from lm_eval_longctx.testing.formats.transcriptions import Transcribing
from lm_eval_longctx.testing.message_batches import add_message_batches
from lm_eval_longctx.testing.state import State

if TYPE_CHECKING:
    from types import TracebackType

    from lm_eval_longctx.providers.hosted import HostedProvider

KEY = "test-key"
"""The key that the server knows."""

KEY_VARIABLES = ("GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_COMPATIBLE_API_KEY")

_HUGE = 1 << 40


class LocalServer:
    """The server in a thread; a context manager.

    Attributes:
        state: What it knows, and where it is told what to do.
        url: Its address, without a path.
    """

    def __init__(self, state: State | None = None, port: int = 0) -> None:
        """Prepare; ``port`` 0 takes a free one."""
        self.state = state or State()
        self.port = port
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-server", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> LocalServer:  # noqa: PYI034 - Self is of 3.11
        """Start."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, dropping what is still going on."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> None:
        self._runner = web.AppRunner(application(self.state), access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def base_url(self, provider: str) -> str:
        """Return the address to give to a provider."""
        return self.url + ("/v1" if provider in {"openai", "openai-compatible", "transcriptions"} else "")

    def provider(self, name: str, model: str, **args: Any) -> HostedProvider:
        """Return one of our providers, pointed at this server; the key has to be in the environment.

        Args:
            name: ``gemini``, ``openai``, ``anthropic``, ``openai-compatible`` or ``transcriptions``.
            model: The model's name.
            **args: The provider's other arguments.
        """
        return provider_classes()[name](model, **{"base_url": self.base_url(name), "connect_timeout": 60, **args})


def provider_classes() -> dict[str, type[HostedProvider]]:
    """Return the hosted providers by name."""
    from lm_eval_longctx.providers.anthropic import AnthropicProvider
    from lm_eval_longctx.providers.gemini import GeminiProvider
    from lm_eval_longctx.providers.openai import OpenAIProvider
    from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider
    from lm_eval_longctx.providers.transcriptions import TranscriptionsProvider

    classes: tuple[type[HostedProvider], ...] = (
        GeminiProvider,
        OpenAIProvider,
        AnthropicProvider,
        OpenAICompatibleProvider,
        TranscriptionsProvider,
    )
    return {cls.NAME: cls for cls in classes}


def application(state: State) -> web.Application:
    """Return the server as an aiohttp application."""
    app = web.Application(client_max_size=_HUGE)
    gemini, messages = Gemini(state), Messages(state)
    chat, responses = Chat(state), Responses(state)
    post = app.router.add_post
    post("/v1/chat/completions", Exchange(chat, state).answer)
    post("/v1/responses", Exchange(responses, state).answer)
    app.router.add_get("/v1/responses/{id}", Exchange(responses, state).fetch)
    post("/v1/responses/input_tokens", Exchange(responses, state).count)
    post("/v1/audio/transcriptions", Transcribing(state).answer)
    post("/v1/messages", Exchange(messages, state).answer)
    post("/v1/messages/count_tokens", Exchange(messages, state).count)
    post("/tokenize", Exchange(chat, state).tokenize)
    add_batches(app, state, gemini, {"/v1/responses": responses, "/v1/chat/completions": chat})
    add_message_batches(app, state, messages)
    post(r"/{version:v1|v1beta}/models/{model}:{verb}", Exchange(gemini, state).gemini)
    app.router.add_get("/_longctx/state", _report(state))
    add_files(app, state, gemini, chat)
    return app


def _report(state: State) -> Any:
    async def report(request: web.Request) -> web.Response:
        del request
        return web.json_response(state.to_dict())

    return report


def main() -> None:
    """Serve until killed; print the address as one line of JSON first."""
    parser = argparse.ArgumentParser(prog="python -m lm_eval_longctx.testing.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--window", type=int, help="tokens of input and output together")
    parser.add_argument("--chaos", type=float, default=0.0, help="probability that a call fails")
    parser.add_argument("--faults", default="rate_limit+server_error+unavailable+reset_mid_body+truncated_json")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    args = parser.parse_args()
    state = State(window=args.window)
    if args.chaos:
        state.fail_at_random(args.chaos, tuple(args.faults.split("+")), args.seed)
    with LocalServer(state, args.port) as server:
        print(json.dumps({"url": server.url}), flush=True)  # noqa: T201 - a command line
        threading.Event().wait()


if __name__ == "__main__":
    main()
