"""Requests and tokens per minute, shared by all calls with one provider and key; learns from headers."""

from __future__ import annotations

import re
import threading
import weakref
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINUTE = 60.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_FAMILIES = {
    "requests": ("x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}"),
    "tokens": ("x-ratelimit-{}-tokens", "anthropic-ratelimit-input-tokens-{}", "anthropic-ratelimit-tokens-{}"),
}
_HEADERS = tuple(
    (unit, *(family.format(word) for word in ("limit", "remaining", "reset")))
    for unit, families in _FAMILIES.items()
    for family in families
)
"""What is limited, and the headers that tell the limit, what is left, and when it is full again."""


@dataclass
class Bucket:
    """Something that is refilled steadily.

    Attributes:
        rate: Units that flow back in a second; ``None`` while nobody knows.
        level: Units that are there now; below 0 when a large call ran ahead.
        full: Units that it holds.
        at: When ``level`` was right, in seconds on the caller's clock.
        fixed: Whether the user set it, so that headers do not.
    """

    rate: float | None = None
    level: float = 0.0
    full: float = 0.0
    at: float = 0.0
    fixed: bool = False

    def set_limit(self, per_minute: float, now: float) -> None:
        """Learn how much a minute brings."""
        if self.rate is None:
            self.level, self.at = per_minute, now
        self.rate, self.full = per_minute / _MINUTE, per_minute

    def refill(self, now: float) -> None:
        """Let flow in what time has brought."""
        if self.rate is not None:
            self.level = min(self.full, self.level + self.rate * max(0.0, now - self.at))
        self.at = now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until so much is there; a call larger than the bucket needs it full."""
        self.refill(now)
        if self.rate is None:
            return 0.0
        missing = min(amount, self.full) - self.level
        return max(0.0, missing / self.rate)


class Limiter:
    """Tells when the next call may go; the caller sleeps."""

    def __init__(self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None) -> None:
        """Start with the user's limits, if any."""
        self._buckets = {"requests": Bucket(), "tokens": Bucket()}
        self._pause = 0.0
        self._limited = False  # until anybody, the user or the server, names a limit or asks for a pause
        self._lock = threading.Lock()
        for name, limit in (("requests", requests_per_minute), ("tokens", tokens_per_minute)):
            if limit is not None:
                self._buckets[name].set_limit(limit, 0.0)
                self._buckets[name].fixed = self._limited = True

    def wait(self, tokens: int, now: float) -> float:
        """Take a place if one is free, else return the seconds until it is worth asking again.

        Args:
            tokens: Prompt tokens of the call.
            now: Seconds on a clock that only moves forward.

        Returns:
            0 if the call may go now; it has then been counted.
        """
        if not self._limited:
            return 0.0
        with self._lock:
            amounts = {"requests": 1.0, "tokens": float(tokens)}
            waits = [self._buckets[name].wait(amount, now) for name, amount in amounts.items()]
            delay = max(*waits, self._pause - now)
            if delay <= 0:
                for name, amount in amounts.items():
                    self._buckets[name].level -= amount
                return 0.0
            return delay

    def pause(self, seconds: float, now: float) -> None:
        """Let nobody go for a while: the server asked for it."""
        with self._lock:
            self._limited = True
            self._pause = max(self._pause, now + seconds)

    def learn(self, headers: Mapping[str, str], now: float, most: float) -> None:
        """Read the limits and what is left of them from a response.

        Args:
            headers: With lower-case names.
            now: Seconds on a clock that only moves forward.
            most: Longest pause in seconds, whatever the headers say.
        """
        if any("ratelimit" in name for name in headers):
            with self._lock:
                self._limited = True
                for unit, *names in _HEADERS:
                    self._learn(self._buckets[unit], [headers.get(name) for name in names], now, most)

    def _learn(self, bucket: Bucket, told: list[str | None], now: float, most: float) -> None:
        limit, left = _number(told[0]), _number(told[1])
        if limit is not None and limit >= 1 and not bucket.fixed:
            bucket.set_limit(limit, now)
        if left is not None and bucket.rate is not None:
            bucket.refill(now)
            bucket.level = min(bucket.level, left)
        if left == 0:
            self._pause = max(self._pause, now + min(seconds_until(told[2]) or 0.0, most))


_SHARED: weakref.WeakValueDictionary[tuple[Any, ...], Limiter] = weakref.WeakValueDictionary()


def shared_limiter(account: tuple[Any, ...], requests: int | None, tokens: int | None) -> Limiter:
    """Return the limiter of an account and model: the same one for all who use it in this process."""
    limiter = _SHARED.get((account, requests, tokens))
    if limiter is None:
        limiter = _SHARED[(account, requests, tokens)] = Limiter(requests, tokens)
    return limiter


def seconds_until(text: str | None) -> float | None:
    """Read a reset header: ``6m0s``, ``644ms``, ``12`` (seconds) or a time in RFC 3339."""
    if not text:
        return None
    number = _number(text)
    if number is not None:
        return number
    parts = _DURATION.findall(text)
    if parts and "".join(a + b for a, b in parts) == text.strip():
        return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
    return _until_time(text)


def _until_time(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    now = datetime.now(timezone.utc)
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - now.timestamp())


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
