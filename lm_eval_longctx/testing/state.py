"""What the local server knows: what was asked, what it bills, what is to go wrong."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAULTS = {
    "rate_limit": "429",
    "quota": "the account's quota is used up",
    "too_large_for_tpm": "429 that no waiting will change (OpenAI)",
    "server_error": "500",
    "unavailable": "503",
    "overloaded": "529",
    "gateway_timeout": "504",
    "unauthorized": "401",
    "forbidden": "403",
    "no_such_model": "404",
    "bad_request": "400",
    "too_large_early": "413 while the body is still being sent, then the connection is closed",
    "reset": "the connection breaks before the answer; the request is billed",
    "reset_mid_body": "the connection breaks in the middle of the answer",
    "hang": "silence",
    "slow_drip": "the answer comes byte by byte",
    "truncated_json": "the answer ends in the middle, as if it were complete",
    "html": "200 with a page instead of an answer",
    "error_in_200": "200 with an error in it (OpenRouter)",
    "empty": "no choices, no candidates, no content",
    "null_content": "an answer without text",
    "blocked": "a filter",
    "refused": "a refusal",
    "cut": "the output limit was reached",
    "spent_on_reasoning": "hidden reasoning used up the output limit",
    "unknown_finish": "a finish marker that nobody knows",
    "no_usage": "no usage is reported",
    "overflow": "the context is too long, in the provider's own words",
    "window_ran_out": "the window ended while the answer was being made",
    "cut_input": "the input is cut in silence",
    "thin_media": "at most 32 frames of a film are used, in silence",
    "lost_file": "an uploaded file is gone",
    "recorded": "a response as it stands: status, headers and body",
    "sse_cut": "the stream breaks off",
    "sse_clean_end": "the stream ends as if it were complete, without a finish marker",
    "sse_error": "an error event in the stream",
}
"""Everything that the server can be told to do wrong."""

UNBILLED = frozenset(
    {
        "rate_limit",
        "quota",
        "too_large_for_tpm",
        "server_error",
        "unavailable",
        "overloaded",
        "unauthorized",
        "forbidden",
        "no_such_model",
        "bad_request",
        "too_large_early",
        "overflow",
        "lost_file",
        "html",
        "error_in_200",
        "recorded",
    }
)
"""Faults after which nothing is billed."""

_BLOCK = 4096
_MINIMUM = 1024
BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: One of ``FAULTS``.
        headers: Further response headers, such as ``{"Retry-After": "1"}``.
        delay: Gemini's ``RetryInfo.retryDelay`` in seconds, or ``None``.
        seconds: Between two bytes of a slow answer, or of silence.
        status: Of a recorded response.
        body: Of a recorded response.
    """

    kind: str
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float | None = None
    seconds: float = 0.005
    status: int = 200
    body: bytes = b""

    def __post_init__(self) -> None:
        """Refuse a kind that nobody knows."""
        if self.kind not in FAULTS:
            raise unknown_option("fault", self.kind, FAULTS)


@dataclass(frozen=True)
class Asked:
    """A request as the server understood it.

    Attributes:
        model: The model's name.
        pieces: The content in order: (modality, tokens, digest or text).
        max_output: Output tokens that were asked for.
        stream: Whether the answer is to come piece by piece.
        marks: For prefix caches that are told: after how many pieces a
            beginning is to be kept; ``None`` caches implicitly.
        lookback: How many pieces before a mark a kept beginning is looked for.
        held: Tokens that an explicit cache holds already.
        background: Whether the answer is to be fetched later.
        tier: The service tier that was asked for; empty for the usual one.
    """

    model: str
    pieces: tuple[tuple[str, int, str], ...]
    max_output: int
    stream: bool = False
    marks: tuple[int, ...] | None = None
    lookback: int = 0
    held: int = 0
    background: bool = False
    tier: str = ""

    @property
    def text(self) -> str:
        """All text in order."""
        return "".join(content for kind, _, content in self.pieces if kind == "text")

    def tokens(self) -> dict[str, int]:
        """Return the input tokens by modality."""
        found: dict[str, int] = {"text": 0}
        for kind, tokens, _ in self.pieces:
            found[kind] = found.get(kind, 0) + tokens
        return found

    def digest(self) -> str:
        """Name the content, in hexadecimal."""
        sha = hashlib.sha256(self.model.encode())
        for kind, _, content in self.pieces:
            sha.update(f"\0{kind}\0".encode() + content.encode())
        return sha.hexdigest()[:24]


@dataclass
class Bill:
    """What one call costs.

    Attributes:
        digest: Names the content that was asked about.
        model: The model's name.
        tokens: Input tokens by modality.
        cached: Input tokens that were read from a cache.
        written: Input tokens that were written to one.
        output: Output tokens, reasoning included.
        reasoning: Of those, hidden reasoning.
        delivered: Whether the whole answer went out.
        fault: What went wrong, if anything.
    """

    digest: str
    model: str
    tokens: dict[str, int]
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0
    delivered: bool = False
    fault: str = ""

    @property
    def prompt(self) -> int:
        """All input tokens."""
        return sum(self.tokens.values())


def default_answer(asked: Asked) -> str:
    """Answer with a text that depends on everything that was asked."""
    return f"answer {asked.digest()[:12]}"


@dataclass
class State:
    """Everything that the server knows; safe to look at from another thread.

    Attributes:
        window: Tokens of input and output together, or ``None`` for no limit.
        when_full: ``reject``, ``cut`` (silently cut the input) or ``shrink``
            (silently shrink the output budget).
        answer: What the model says.
        keys: The keys that are known.
        headers: Further headers of every answer.
        reasoning: Hidden reasoning tokens of every answer.
        tier: The service tier that serves, whatever was asked for; empty for what was asked for.
        tokens: Counts a text; ``None`` takes four bytes for a token.
    """

    window: int | None = None
    when_full: str = "reject"
    answer: Callable[[Asked], str] = default_answer
    keys: frozenset[str] = frozenset({"test-key"})
    headers: dict[str, str] = field(default_factory=dict)
    reasoning: int = 0
    tier: str = ""
    tokens: Callable[[str], int] | None = None
    faults: deque[Fault] = field(default_factory=deque)
    poll_faults: deque[Fault] = field(default_factory=deque)
    chaos: Callable[[Asked], Fault | None] | None = None
    bills: list[Bill] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    caches: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    later: dict[str, dict[str, Any]] = field(default_factory=dict)
    in_flight: int = 0
    most_in_flight: int = 0
    polls_until_ready: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _prefixes: set[bytes] = field(default_factory=set)

    def fail(self, kind: str, times: int = 1, **details: Any) -> None:
        """Let the next calls fail.

        Args:
            kind: One of ``FAULTS``.
            times: How many calls.
            **details: Other fields of ``Fault``.
        """
        with self.lock:
            self.faults.extend(Fault(kind, **details) for _ in range(times))

    def fail_polls(self, kind: str, times: int = 1, **details: Any) -> None:
        """Let the next looks at an answer that is made in the background fail; see ``fail``."""
        with self.lock:
            self.poll_faults.extend(Fault(kind, **details) for _ in range(times))

    def fail_at_random(self, probability: float, kinds: tuple[str, ...], seed: int = 0) -> None:
        """Let each call fail with some probability; which ones depends on the seed and the call alone.

        Args:
            probability: In [0, 1].
            kinds: Faults, each equally likely.
            seed: A whole number.
        """
        seen: dict[str, int] = {}

        def draw(asked: Asked) -> Fault | None:
            digest = asked.digest()
            seen[digest] = seen.get(digest, 0) + 1
            rng = Rng(f"chaos|{seed}|{digest}|{seen[digest]}")
            return Fault(rng.choice(kinds)) if rng.random() < probability else None

        self.chaos = draw

    def counted(self, asked: Asked) -> Asked:
        """Count a request's text as this server counts."""
        if self.tokens is None:
            return asked
        pieces = [(kind, self.tokens(text) if kind == "text" else n, text) for kind, n, text in asked.pieces]
        return replace(asked, pieces=tuple(pieces))

    def next_fault(self, asked: Asked | None) -> Fault | None:
        """Return what is to go wrong now."""
        with self.lock:
            if self.faults:
                return self.faults.popleft()
            return self.chaos(asked) if self.chaos is not None and asked is not None else None

    def bill(self, asked: Asked, fault: Fault | None) -> Bill:
        """Write a bill: input, what of it was cached, an answer's tokens."""
        kind = fault.kind if fault else ""
        with self.lock:
            cached, written = self._cache(asked)
            bill = Bill(asked.digest(), asked.model, asked.tokens(), cached, written, fault=kind)
            self.bills.append(bill)
        return bill

    def _cache(self, asked: Asked) -> tuple[int, int]:
        """Find the longest known prefix and remember this one."""
        if asked.held:
            return asked.held, 0
        if asked.marks is not None:
            return self._told_cache(asked, asked.marks)
        best = at = 0
        chain = hashlib.sha256(asked.model.encode())
        for tokens, unit in _units(asked.pieces):
            chain.update(unit)
            at += tokens
            if chain.digest() in self._prefixes:
                best = at
            self._prefixes.add(chain.digest())
        return (best if best >= _MINIMUM else 0), 0

    def _told_cache(self, asked: Asked, marks: tuple[int, ...]) -> tuple[int, int]:
        """Keep a beginning at each mark; find one again at a mark, or a few pieces before it, and nowhere else."""
        chain, at = hashlib.sha256(f"told {asked.model}".encode()), 0
        places = [(b"", 0)]
        for kind, tokens, content in asked.pieces[: max(marks, default=0)]:
            chain.update(f"{kind}\0{hashlib.sha256(content.encode()).hexdigest()}\0".encode())
            at += tokens
            places.append((chain.digest(), at))
        worthy = [mark for mark in marks if places[mark][1] >= _MINIMUM]
        seen = {i for mark in worthy for i in range(max(1, mark - asked.lookback), mark + 1)}
        best = max((places[i][1] for i in seen if places[i][0] in self._prefixes), default=0)
        self._prefixes.update(places[mark][0] for mark in worthy)
        return best, max((places[mark][1] for mark in worthy), default=best) - best

    def to_dict(self) -> dict[str, Any]:
        """Return what happened as plain values, for another process."""
        with self.lock:
            return {
                "bills": [vars(bill) for bill in self.bills],
                "in_flight": self.in_flight,
                "most_in_flight": self.most_in_flight,
                "requests": len(self.requests),
            }


def _units(pieces: tuple[tuple[str, int, str], ...]) -> list[tuple[int, bytes]]:
    """Cut content into what a prefix cache works with: blocks of text, whole media."""
    units: list[tuple[int, bytes]] = []
    for kind, tokens, content in pieces:
        if kind != "text":
            units.append((tokens, f"{kind}\0{content}".encode()))
            continue
        data = content.encode()
        units += [
            (-(-len(data[i : i + _BLOCK]) // BYTES_PER_TOKEN), data[i : i + _BLOCK])
            for i in range(0, len(data), _BLOCK)
        ]
    return units
