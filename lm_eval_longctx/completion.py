"""What came back: an answer that carries how it came to be.

A ``Completion`` is a ``str``, so that lm-eval can handle it as any answer, and
carries its outcome, usage and the provider's own words. Only complete answers,
answers cut by the output limit and refusals may reach a scorer; everything
else is "not measured", which is not the same as wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import Enum
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TOKENS = 1_000_000_000
"""More than any call can use: what is above it is a defect of the report."""

_SHOWN = 240
"""Characters of a reason that are shown beside a count."""


class Outcome(str, Enum):
    """How a call ended.

    Attributes:
        answered: Whether the text is the model's own and final answer.
        final: Whether asking again within the run would be useless.
        mendable: Whether the cause may lie in server or account rather than the question: a later run asks again.
    """

    COMPLETE = "complete"
    CUT_BY_OUTPUT_LIMIT = "cut_by_output_limit"
    REFUSED = "refused"
    BLOCKED = "blocked"
    CONTEXT_EXCEEDED = "context_exceeded"
    TRUNCATED_INPUT = "truncated_input"
    UNSUPPORTED = "unsupported"
    SPENT_ON_REASONING = "spent_on_reasoning"
    MALFORMED = "malformed"
    TRANSPORT_FAILED = "transport_failed"
    POSSIBLY_BILLED = "possibly_billed"
    SKIPPED_BUDGET = "skipped_budget"
    NO_ANSWER = "no_answer"
    NOT_ASKED = "not_asked"

    answered: bool
    final: bool
    mendable: bool


_MEANINGS = {
    Outcome.BLOCKED.value: "stopped by the provider's filter",
    Outcome.CONTEXT_EXCEEDED.value: "the prompt is longer than the server takes",
    Outcome.TRUNCATED_INPUT.value: "the server cut the prompt in silence",
    Outcome.UNSUPPORTED.value: "the server does not take the request",
    Outcome.SPENT_ON_REASONING.value: "hidden reasoning left no room for an answer",
    Outcome.MALFORMED.value: "what came is no answer",
    Outcome.TRANSPORT_FAILED.value: "did not get through",
    Outcome.POSSIBLY_BILLED.value: "the answer was lost, and may be billed",
    Outcome.SKIPPED_BUDGET.value: "beyond max_cost",
    Outcome.NO_ANSWER.value: "no text and no reason",
    Outcome.NOT_ASKED.value: "the adaptive sweep did not need it",
}

_ANSWERED = frozenset({Outcome.COMPLETE, Outcome.CUT_BY_OUTPUT_LIMIT, Outcome.REFUSED})
_FINAL = frozenset(
    {
        Outcome.BLOCKED,
        Outcome.CONTEXT_EXCEEDED,
        Outcome.TRUNCATED_INPUT,
        Outcome.UNSUPPORTED,
        Outcome.SPENT_ON_REASONING,
    }
)
_MENDABLE = frozenset({Outcome.CONTEXT_EXCEEDED, Outcome.TRUNCATED_INPUT, Outcome.UNSUPPORTED})
for _outcome in Outcome:  # plain attributes, since they are looked at a dozen times a call
    _outcome.answered = _outcome in _ANSWERED
    _outcome.final = _outcome in _ANSWERED or _outcome in _FINAL
    _outcome.mendable = _outcome in _MENDABLE


def whole(value: Any) -> int | None:
    """Return a number of tokens, however it is written; ``None`` for what cannot be one.

    Servers send numbers as texts and with a fraction of 0; those are plain.
    Anything negative, huge, broken or of another kind is unknown.
    """
    if type(value) is int:  # as nearly always
        return value if 0 <= value <= MOST_TOKENS else None
    if isinstance(value, str) and len(value) <= len(str(MOST_TOKENS)) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value) if value == int(value) else None


def _dollars(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and value >= 0 else None


@dataclass(frozen=True)
class Usage:
    """What a call used, as the provider billed it; ``None`` means that nobody said.

    Attributes:
        prompt_tokens: All input tokens, cached ones included.
        cached_tokens: Input tokens read from the provider's cache.
        cache_write_tokens: Input tokens written to it.
        output_tokens: Output tokens, reasoning included.
        reasoning_tokens: Output tokens that were spent on hidden reasoning.
        by_modality: Input tokens by ``text``, ``image``, ``audio``, ``video``.
        cost: In US dollars.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    by_modality: dict[str, int] = field(default_factory=dict)
    cost: float | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Usage:
        """Return usage that was stored as plain values; what cannot be is unknown.

        Versions before 1.0 stored what a server had reported, whatever it was.
        """
        kinds = stored.get("by_modality")
        parts = {kind: whole(n) for kind, n in kinds.items()} if isinstance(kinds, dict) else {}
        numbers = {f.name: whole(stored.get(f.name)) for f in fields(cls) if f.name not in {"by_modality", "cost"}}
        known = {kind: n for kind, n in parts.items() if n is not None}
        return cls(**numbers, by_modality=known, cost=_dollars(stored.get("cost")))

    def __add__(self, other: Usage) -> Usage:
        """Add field by field; unknown plus known is known."""
        keys = sorted({*self.by_modality, *other.by_modality})
        return Usage(
            _add(self.prompt_tokens, other.prompt_tokens),
            _add(self.cached_tokens, other.cached_tokens),
            _add(self.cache_write_tokens, other.cache_write_tokens),
            _add(self.output_tokens, other.output_tokens),
            _add(self.reasoning_tokens, other.reasoning_tokens),
            {kind: self.by_modality.get(kind, 0) + other.by_modality.get(kind, 0) for kind in keys},
            _add(self.cost, other.cost),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the known fields as plain values."""
        told = ((name, getattr(self, name)) for name in _USAGE)  # vars() would leave a dictionary with each
        return {name: value for name, value in told if value is not None and (value or name != "by_modality")}


_USAGE = tuple(f.name for f in fields(Usage))


def _add(a: float | None, b: float | None) -> Any:
    return b if a is None else a if b is None else a + b


class Completion(str):
    """An answer that is a ``str`` and carries its outcome.

    Attributes:
        outcome: How the call ended.
        usage: What it used.
        detail: The provider's own words where the outcome is not complete.
        seconds: Wall time of the call that gave the answer.
        attempts: How many times the request was sent.
        key: The ledger's key of the call; empty where there was none.
        notes: What was changed on the way (a prefix moved, frames for video).
        replayed: Whether the answer came from the ledger, not from the wire.
        counted_tokens: Prompt tokens by the provider's own counting before sending.
    """

    # A dictionary for each of a hundred thousand answers would be half of all that a run keeps.
    __slots__ = ("attempts", "counted_tokens", "detail", "key", "notes", "outcome", "replayed", "seconds", "usage")
    outcome: Outcome
    usage: Usage
    detail: str
    seconds: float
    attempts: int
    key: str
    notes: tuple[str, ...]
    replayed: bool
    counted_tokens: int | None

    def __new__(  # noqa: PLR0913, PLR0917, PYI034 - one argument per recorded fact; typing.Self is newer than 3.10
        cls,
        text: str = "",
        outcome: Outcome = Outcome.COMPLETE,
        usage: Usage | None = None,
        detail: str = "",
        seconds: float = 0.0,
        attempts: int = 1,
        key: str = "",
        notes: tuple[str, ...] = (),
        replayed: bool = False,  # noqa: FBT002 - stored fact
        counted_tokens: int | None = None,
    ) -> Completion:
        """Make a completion; see the class for the meaning of each argument."""
        self = super().__new__(cls, text)
        self.outcome, self.usage, self.detail = outcome, usage or Usage(), detail
        self.seconds, self.attempts, self.key = seconds, attempts, key
        self.notes, self.replayed, self.counted_tokens = notes, replayed, counted_tokens
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Let pickles (lm-eval's ``--use_cache``) keep everything."""
        return (
            str(self),
            self.outcome,
            self.usage,
            self.detail,
            self.seconds,
            self.attempts,
            self.key,
            self.notes,
            self.replayed,
            self.counted_tokens,
        )

    def __getstate__(self) -> None:
        """Keep nothing beside the arguments: they are everything."""

    def __setstate__(self, state: object) -> None:
        """Read what earlier versions kept beside the arguments, which say the same."""

    def changed(self, **changes: Any) -> Completion:
        """Return a copy with some attributes (or ``text``) changed."""
        known: dict[str, Any] = {
            "text": str(self),
            "outcome": self.outcome,
            "usage": self.usage,
            "detail": self.detail,
            "seconds": self.seconds,
            "attempts": self.attempts,
            "key": self.key,
            "notes": self.notes,
            "replayed": self.replayed,
            "counted_tokens": self.counted_tokens,
        }
        known.update(changes)
        return Completion(**known)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the text as plain values, for logs and results."""
        return {
            "outcome": self.outcome.value,
            "usage": self.usage.to_dict(),
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
            "attempts": self.attempts,
            "key": self.key,
            "notes": list(self.notes),
            "replayed": self.replayed,
            "counted_tokens": self.counted_tokens,
        }


def counted(kind: str, count: int, detail: str) -> str:
    """Return a line about failures of one kind, for people who have never met it.

    Args:
        kind: The outcome, or another word of ours.
        count: How many.
        detail: Why the first of them failed, as far as anybody said.
    """
    meaning = f" ({_MEANINGS[kind]})" if kind in _MEANINGS else ""
    return f"{count:>8,} {kind}{meaning}" + (f", the first: {shorten(detail, _SHOWN)}" if detail else "")


def same_reason(detail: str, stopped: str) -> bool:
    """Whether a call failed for the reason for which sending stopped, so that it is enough to tell one of the two."""
    return bool(detail and stopped) and (detail in stopped or stopped in detail)
