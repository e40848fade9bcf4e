"""What the ledger keeps, as plain values."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.providers.base import Raw

PACK_FROM = 4096
"""Bodies of at least so many bytes are compressed."""

_NEVER_KEPT = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "api-key", "x-api-key"})
_NEVER_KEPT |= {"x-goog-api-key"}


class Call(NamedTuple):
    """A question that is about to be asked.

    Attributes:
        key: The digest of the complete request.
        provider: The provider's name.
        model: The model's name there.
        task: The task that asks.
        sample: The sample's id.
        repeat: Which deliberate repetition, from 0.
        tokens: Prompt tokens that the plan expects; 0 if unknown.
        counted: Prompt tokens by the provider's own counting, if it counted.
        request: All that decides the answer, as plain values; no secrets.
        despite: The attempt whose verdict, and all before it, are not to count: it is asked again.
    """

    key: str
    provider: str
    model: str
    task: str = ""
    sample: str = ""
    repeat: int = 0
    tokens: int = 0
    counted: int | None = None
    request: Mapping[str, Any] = {}
    despite: int = 0


@dataclass(frozen=True)
class Final:
    """How a call ended for good.

    Attributes:
        completion: The answer, or the failure that asking again within a run would not change.
        attempt: The number of the attempt that gave it.
        decided: When, in seconds since the epoch.
    """

    completion: Completion
    attempt: int
    decided: float


@dataclass(frozen=True)
class Standing:
    """What the ledger knows about a call.

    Attributes:
        final: How the call ended for good, if it did.
        undecided: Responses that arrived and were not read yet: each with the
            number of its attempt.
        lost: Attempts that were sent and of which nothing came back, ever.
        failures: Attempts that ended in a failure worth asking again.
        counted: Prompt tokens by the provider's own counting, if it counted.
        waiting: An attempt that was handed in with a batch and has not come
            back: its number, and the batch's token.
        accepted: An attempt that a provider has taken to answer in the
            background, and whose answer has not come back: its number, and the
            provider's name of it.
    """

    final: Final | None = None
    undecided: tuple[tuple[int, Raw], ...] = ()
    lost: int = 0
    failures: int = 0
    counted: int | None = None
    waiting: tuple[int, str] | None = None
    accepted: tuple[int, str] | None = None

    @property
    def answer(self) -> Completion | None:
        """The answer, or the failure that is final."""
        return None if self.final is None else self.final.completion


class Begun(NamedTuple):
    """What came of the wish to send.

    Attributes:
        attempt: The number of the attempt that may now be sent, or ``None``.
        answer: The answer that another process has recorded meanwhile.
        lost: Attempts of processes that ended, found and marked just now.
        sent: When the attempt was recorded, in seconds since the epoch.
        short: Whether it does not fit into the budget that several runs share.
        may_come_back: Whether it might fit later, because calls of a living process hold some of that.
    """

    attempt: int | None = None
    answer: Completion | None = None
    lost: int = 0
    sent: float = 0.0
    short: bool = False
    may_come_back: bool = False

    @property
    def held(self) -> bool:
        """Whether the same is being asked just now, by another live process or in a batch."""
        return self.attempt is None and self.answer is None and not self.short


@dataclass(frozen=True)
class Summary:
    """The ledger in numbers.

    Attributes:
        calls: Different requests.
        attempts: How many times something was sent.
        answered: Requests that have their final answer.
        outcomes: Attempts by how they ended, or how far they came.
        cost: US dollars that providers billed, as far as known.
        possibly_billed: Attempts of which nobody knows whether they were billed.
        possibly_billed_cost: What those cost at most, in US dollars.
        unpriced: Billed attempts without a known price.
        usage: Tokens of all billed attempts together.
        bytes: Size of the file.
    """

    calls: int = 0
    attempts: int = 0
    answered: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    cost: float = 0.0
    possibly_billed: int = 0
    possibly_billed_cost: float = 0.0
    unpriced: int = 0
    usage: Usage = field(default_factory=Usage)
    bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "outcomes": dict(self.outcomes), "usage": self.usage.to_dict()}


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(values: Mapping[str, Any]) -> str:
    """Write plain values as the one JSON that names them."""
    try:
        return _CANONICAL.encode(values)
    except (TypeError, ValueError) as error:
        raise LedgerError(f"a request cannot be named by its content ({error}); give plain JSON values") from error


def plain_json(values: Mapping[str, Any]) -> str:
    """Write plain values that need no canonical form."""
    try:
        return orjson.dumps(values).decode()
    except TypeError:  # half a surrogate pair, a key that is no text, or nothing plain
        return canonical(values)


def dump_completion(completion: Completion) -> bytes:
    """Write a completion as JSON."""
    fields = {**completion.to_dict(), "text": str(completion), "seconds": completion.seconds}
    try:
        return orjson.dumps(fields)
    except TypeError:  # half a surrogate pair, which UTF-8 cannot hold
        return orjson.dumps(_clean(fields))


def load_completion(stored: bytes) -> Completion:
    """Read a completion as the ledger wrote it, marked as replayed."""
    fields = orjson.loads(stored)
    return Completion(
        fields["text"],
        Outcome(fields["outcome"]),
        Usage.of(fields["usage"]),
        fields["detail"],
        fields["seconds"],
        fields["attempts"],
        fields["key"],
        tuple(fields["notes"]),
        replayed=True,
        counted_tokens=fields["counted_tokens"],
    )


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Replace halves of surrogate pairs by question marks."""
    texts = {name: _whole(value) for name, value in fields.items() if isinstance(value, str)}
    return {**fields, **texts, "notes": [_whole(note) for note in fields["notes"]]}


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with lower-case names, without those that hold secrets by their nature."""
    return {lower: str(value) for name, value in headers.items() if (lower := name.lower()) not in _NEVER_KEPT}


def pack(body: bytes) -> tuple[bytes, bool]:
    """Compress a body where that pays; returns the bytes and whether they are compressed."""
    if len(body) < PACK_FROM:
        return body, False
    packed = zlib.compress(body, 3)
    return (packed, True) if len(packed) < len(body) else (body, False)


def unpack(body: bytes, packed: bool) -> bytes:
    """Undo ``pack``."""
    return zlib.decompress(body) if packed else body
