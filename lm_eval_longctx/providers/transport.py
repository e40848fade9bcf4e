"""The wire: one thin HTTP client on aiohttp.

It sends a body of segments with its exact length and brings back a ``Raw``,
whatever happens: an answer that comes while the body is still going out (413,
429) is kept, a body that breaks off is kept as far as it came, and nothing is
ever sent twice. Why aiohttp and no SDK: clients of the httpx family lose early
answers, and SDKs send again on their own (each time at full price).
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import time
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from lm_eval_longctx.errors import ConfigError, MediaError
from lm_eval_longctx.providers.base import Raw
from lm_eval_longctx.providers.redact import secrets, without_secrets
from lm_eval_longctx.providers.unfolding import ACCEPTED, MOST, Received

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from lm_eval_longctx.providers.segments import Body, Chunk


def proxy_for(url: str) -> str | None:
    """Return the proxy that ``HTTP_PROXY`` and ``HTTPS_PROXY`` name for a URL, unless ``NO_PROXY`` excepts its host."""
    parts = urlsplit(url)
    found = getproxies().get(parts.scheme)
    return None if not found or proxy_bypass(parts.hostname or "") else found


def trust(url: str, ca_file: str = "") -> ssl.SSLContext | bool:
    """Trust what HTTP libraries trust: the system's certificates, and the user's own.

    Raises:
        ConfigError: The certificates cannot be read.
    """
    bundle = ca_file or os.environ.get("REQUESTS_CA_BUNDLE", "")
    return trusting(bundle) if bundle and url.startswith("https:") else True


@lru_cache(maxsize=4)
def trusting(bundle: str) -> ssl.SSLContext:
    """Trust the system's certificates and those in a file.

    Raises:
        ConfigError: The certificates cannot be read.
    """
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot read the certificates in {bundle!r}: {error}") from None
    return context


KEPT_HEADERS = (
    "content-type",
    "date",
    "location",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
    "cf-ray",
)
"""Response headers that go into the record, beside all about rate limits and uploads."""

ARRIVED = "longctx-arrived"
"""When an answer came by our own clock: recorded where a server names a time to ask again, and not its own."""

KEPT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-goog-upload-", "ratelimit-")

_CERTIFICATE = "certificate refused"

_WHOLE = 64 * 1024
"""Bytes up to which a body goes out in one write: the socket takes it at once, so that nobody has to watch it."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes:
        total: For one attempt, from connecting to the last byte.
        idle: Without any progress, in either direction.
        connect: For a connection.
    """

    total: float = 1800.0
    idle: float = 600.0
    connect: float = 10.0


class Transport:
    """Sends requests; holds the connections of one event loop at a time."""

    def __init__(self, timeouts: Timeouts, *, ca_file: str = "", secrets: Iterable[str] = ()) -> None:
        """Connect nothing yet.

        Args:
            timeouts: How long to wait.
            ca_file: A bundle of certificates to trust beside ``SSL_CERT_FILE``.
            secrets: Names of environment variables whose values must never
                appear in what comes back.

        Raises:
            ConfigError: The certificates cannot be read.
        """
        if ca_file:
            trusting(ca_file)
        self.timeouts = timeouts
        self.ca_file = ca_file
        self.secrets = tuple(secrets)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ways: dict[str, _Way] = {}
        self._clock: _Clock

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None = None,
        *,
        total: float | None = None,
        most: int = MOST,
    ) -> Raw:
        """Send once and return what came back; a failed wire is a ``Raw`` with ``error``.

        Args:
            method: Such as ``POST``.
            url: Without secrets.
            headers: All of them, the key included.
            body: What to send.
            total: Another limit for the whole attempt, in seconds.
            most: Bytes that are kept of what comes back; what is beyond them is not read.
        """
        attempt = _Attempt(self.timeouts, total or self.timeouts.total, body, most)
        await self._exchange(attempt, method, url, headers)
        return without_secrets(attempt.raw(), secrets(self.secrets) if self.secrets else ())

    async def _exchange(self, attempt: _Attempt, method: str, url: str, headers: Mapping[str, str]) -> None:
        """Fill the attempt in; what goes wrong on the wire ends up in it."""
        session = self._connected()
        self._clock.start(attempt)
        try:
            way = self._way(url)
            async with session.request(
                method,
                url,
                headers=attempt.headers(headers),
                data=attempt.data(),
                allow_redirects=False,
                proxy=way.proxy,
                ssl=way.trust,
            ) as response:
                attempt.begin(response)
                while chunk := await response.content.readany():
                    attempt.received.add(chunk)
                    if attempt.received.full:
                        attempt.error = attempt.received.overflow()
                        response.close()
                        return
                attempt.received.end()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError, MediaError) as error:
            attempt.fail(error)
        except asyncio.CancelledError:
            if not attempt.late or attempt.cancelled_by_others():
                raise
            attempt.error = attempt.late
        finally:
            self._clock.stop(attempt)
            attempt.stop_watch()

    def _way(self, url: str) -> _Way:
        """Look up once how a server is reached."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._ways:
            self._ways[origin] = _Way(proxy_for(url), trust(url, self.ca_file))
        return self._ways[origin]

    def _connected(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15)
            limits = self.timeouts
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.idle),
                read_bufsize=1 << 18,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # which holds all that a piece unfolds to
            )
            self._loop, self._ways, self._clock = loop, {}, _Clock(loop)
        return self._session


class _Way(NamedTuple):
    """How a server is reached."""

    proxy: str | None
    trust: ssl.SSLContext | bool


class _Clock:
    """Ends exchanges that are out of time, by one timer for all: one for each costs more than the rest of our wire."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: dict[_Attempt, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, attempt: _Attempt) -> None:
        """Watch an exchange."""
        self._ends[attempt] = end = self._loop.time() + attempt.total
        if self._timer is None or end < self._timer.when():
            self._wake_at(end)

    def stop(self, attempt: _Attempt) -> None:
        """Leave an exchange that has ended alone."""
        del self._ends[attempt]

    def _wake_at(self, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(end, self._look)

    def _look(self) -> None:
        self._timer, now = None, self._loop.time()
        for attempt, end in self._ends.items():
            if end <= now:
                attempt.end(explain(asyncio.TimeoutError(), attempt.timeouts, attempt.total))
        if later := [end for end in self._ends.values() if end > now]:
            self._wake_at(min(later))


class _Attempt:
    """One request under way; a small body is sent whole, and a large one is drawn from piece by piece."""

    def __init__(self, timeouts: Timeouts, total: float, body: Body | None, most: int) -> None:
        self.timeouts, self.total = timeouts, total
        self.most = most
        self.body = body
        self.whole = body is None or body.length <= _WHOLE
        self.start = time.perf_counter()
        self.sent = False
        self.status = 0
        self.response_headers: dict[str, str] = {}
        self.received = Received(most)
        self.error = self.late = ""
        self._watch: asyncio.TimerHandle | None = None
        self._moved = 0.0
        self._loop: asyncio.AbstractEventLoop
        self._task = asyncio.current_task()
        self._cancelled = self._cancellations()

    def headers(self, given: Mapping[str, str]) -> dict[str, str]:
        """Add the exact length, and how an answer may be folded."""
        length = {} if self.body is None else {"Content-Length": str(self.body.length)}
        return {"Accept-Encoding": ACCEPTED, **given, **length}

    def data(self) -> bytes | AsyncIterator[Chunk] | None:
        """Return the body's bytes for aiohttp to send, or to draw from."""
        if self.body is None:
            return None
        if not self.whole:
            return self._chunks(self.body)
        data = b"".join(self.body.chunks())
        self.sent = True
        return data

    async def _chunks(self, body: Body) -> AsyncIterator[Chunk]:
        self._loop = asyncio.get_running_loop()
        for chunk in body.chunks():
            self._moved = self._loop.time()
            if self._watch is None:
                self._look()
            yield chunk
        self.stop_watch()
        self.sent = True

    def _look(self) -> None:
        """Watch the sending side: aiohttp watches the receiving side only."""
        end = self._moved + self.timeouts.idle
        if self._loop.time() < end:
            self._watch = self._loop.call_at(end, self._look)
        else:
            self.end(f"no progress for {self.timeouts.idle:g} s while sending")

    def end(self, words: str) -> None:
        """Break the exchange off where it waits, and say why."""
        if not self.late and self._task is not None:
            self.late = words
            self._task.cancel()

    def cancelled_by_others(self) -> bool:
        """Take our own wish back that the task end; tell whether somebody else wants that too."""
        if sys.version_info >= (3, 11) and self._task is not None:
            self._task.uncancel()
        return self._cancellations() > self._cancelled

    def _cancellations(self) -> int:
        if sys.version_info >= (3, 11) and self._task is not None:
            return self._task.cancelling()
        return 0

    def stop_watch(self) -> None:
        """Stop the clock of the sending side."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def begin(self, response: aiohttp.ClientResponse) -> None:
        """Note status and headers as soon as they are there."""
        self.stop_watch()
        self.status = response.status
        self.received = Received(self.most, response.headers.get("Content-Encoding", ""))
        self.response_headers = {kept: value for name, value in response.headers.items() if (kept := _kept(name))}
        if "retry-after" in self.response_headers and not self.response_headers.get("date"):
            self.response_headers[ARRIVED] = formatdate(usegmt=True)

    def fail(self, error: BaseException) -> None:
        """Note what went wrong; a small body was sent unless there was no connection to send it through."""
        self.error = explain(error, self.timeouts, self.total)
        self.sent = self.sent and not isinstance(error, _before_sending())

    def raw(self) -> Raw:
        """Return what came back so far."""
        seconds = time.perf_counter() - self.start
        sent = self.sent or self.body is None or self.status == 200  # noqa: PLR2004 - an answer proves it
        return Raw(self.status, self.response_headers, bytes(self.received.body), seconds, self.error, sent)


@lru_cache(maxsize=256)
def _kept(name: str) -> str:
    """Return the name under which a response header is recorded; empty for one that is not."""
    lower = name.lower()
    return lower if lower in KEPT_HEADERS or lower.startswith(KEPT_PREFIXES) else ""


@lru_cache(maxsize=1)
def causes() -> tuple[tuple[type[BaseException], str], ...]:
    """Say what each exception of the wire means, most special first; what only plans never imports aiohttp for it."""
    return (
        (aiohttp.ClientConnectorCertificateError, _CERTIFICATE),
        (aiohttp.ClientConnectorSSLError, "no encrypted connection"),
        (aiohttp.ClientHttpProxyError, "the proxy refused"),
        (aiohttp.ClientProxyConnectionError, "no connection to the proxy"),
        (aiohttp.ConnectionTimeoutError, "no connection in time"),
        (aiohttp.ClientConnectorError, "no connection"),
        (aiohttp.SocketTimeoutError, "silence"),
        (aiohttp.ServerDisconnectedError, "the server closed the connection"),
        (aiohttp.ClientPayloadError, "the answer broke off"),
        (aiohttp.InvalidURL, "not a URL"),
        (aiohttp.ClientOSError, "the connection broke"),
        (MediaError, "media"),
        (aiohttp.ClientError, "the exchange failed"),
        (asyncio.TimeoutError, "out of time"),
        (OSError, "the connection broke"),
        (ValueError, "the exchange failed"),
    )


@lru_cache(maxsize=1)
def _before_sending() -> tuple[type[BaseException], ...]:
    """Return what happens before the first byte of a body is sent."""
    return (
        aiohttp.ClientConnectorError,
        aiohttp.ClientHttpProxyError,
        aiohttp.ConnectionTimeoutError,
        MediaError,
        ValueError,
    )


def explain(error: BaseException, timeouts: Timeouts, total: float) -> str:
    """Say in one line what went wrong on the wire."""
    cause = next(words for kind, words in causes() if isinstance(error, kind))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"{cause} ({timeouts.connect:g} s)"
    if isinstance(error, aiohttp.SocketTimeoutError):
        return f"{cause} for {timeouts.idle:g} s"
    if isinstance(error, asyncio.TimeoutError):
        return f"{cause} ({total:g} s for the whole attempt)"
    text = " ".join(str(error).split())
    return f"{cause}: {text}" if text else f"{cause} ({type(error).__name__})"


def certificate_refused(raw: Raw) -> bool:
    """Whether no call can succeed because the server's certificate is not trusted."""
    return raw.error.startswith(_CERTIFICATE)
