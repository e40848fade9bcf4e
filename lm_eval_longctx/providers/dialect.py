"""What the four dialects share: how a prompt becomes turns, and how a response is taken apart.

A dialect is a value: three pure functions and a path, one ``DIALECT`` in each
module of a wire; nothing here or there touches the network, keeps state or
decides about retries twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import TextPart, Turn
from lm_eval_longctx.providers.acceptance import Expected, Reply, accept, in_tier
from lm_eval_longctx.providers.base import Decoded, Retry
from lm_eval_longctx.providers.failures import (
    failure_of,
    read_broken,
    read_failure,
    read_refusal_to_answer,
)
from lm_eval_longctx.providers.parsing import dig, parsed
from lm_eval_longctx.providers.segments import FileBytes, JsonString
from lm_eval_longctx.providers.tiers import served_tier
from lm_eval_longctx.providers.unfolding import ENDLESS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.base import Raw, Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.parsing import Event

PREFIX_NOTE = "answer prefix moved to the end of the question"

_OK = range(200, 300)
STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "RESOURCE_EXHAUSTED": 429,
    "INVALID_ARGUMENT": 400,
    "overloaded_error": 529,
    "server_error": 500,
    "api_error": 500,
    "UNAVAILABLE": 503,
    "timeout_error": 504,
    "DEADLINE_EXCEEDED": 504,
}
"""The status that an error inside a 200 would have had, by its type."""

_ENDS = ("message_stop", "response.completed")
"""The last events of streams that have one."""

_BAD_INPUT = ("invalid_", "image_", "unsupported_", "empty_")
"""How the codes begin that blame the request."""


class Wire(NamedTuple):
    """How this provider is set up; part of no prompt.

    Attributes:
        model: The model's name on the wire.
        stream: Whether the answer is asked for piece by piece.
        output_budget: Output tokens to ask for, hidden reasoning included.
        extra: The user's own fields, laid over ours.
        handles: Names of uploaded media, by content digest.
        cached: Name of an explicit cache that holds the first ``cached_parts`` parts.
        cached_parts: How many leading parts the explicit cache holds.
        options: The dialect's own switches.
    """

    model: str
    stream: bool = False
    output_budget: int = 256
    extra: Mapping[str, Any] = {}
    handles: Mapping[str, str] = {}
    cached: str = ""
    cached_parts: int = 0
    options: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Dialect:
    """How a wire is spoken.

    Attributes:
        encode: Returns a request's JSON tree.
        read: Reads a complete response object.
        fold: Makes such an object of a stream's events.
        path: What follows the address (Gemini's names the version and the model first).
        stream_path: The same where the answer is asked for piece by piece; empty if nothing differs.
    """

    encode: Callable[[Request, WireCapabilities, Wire], dict[str, Any]]
    read: Callable[[dict[str, Any]], Reply]
    fold: Callable[[list[Event]], dict[str, Any]]
    path: str
    stream_path: str = ""

    def path_of(self, wire: Wire) -> str:
        """Return where a request goes."""
        return (self.stream_path if wire.stream else "") or self.path

    def pinned(self, fields: Mapping[str, Any]) -> Dialect:
        """Return the same dialect with fields in every request, which a user's own fields replace."""
        return replace(self, encode=lambda *asked: {**fields, **self.encode(*asked)})


def laid_out(prompt: Prompt, *, prefill: bool) -> tuple[Turn, ...]:
    """Return the turns to send: the answer's prefix as the model's own turn, or at the end of the question."""
    if not prompt.answer_prefix:
        return prompt.turns
    if prefill:
        return (*prompt.turns, Turn("assistant", (TextPart(prompt.answer_prefix),)))
    last = prompt.turns[-1]
    return (*prompt.turns[:-1], replace(last, parts=(*last.parts, TextPart("\n" + prompt.answer_prefix))))


def without_empty(prompt: Prompt) -> Prompt:
    """Leave out empty texts, which some providers refuse, and turns that hold nothing else."""
    if all(turn.parts and TextPart("") not in turn.parts for turn in prompt.turns):
        return prompt
    turns = (replace(turn, parts=tuple(p for p in turn.parts if p != TextPart(""))) for turn in prompt.turns)
    return replace(prompt, turns=tuple(turn for turn in turns if turn.parts))


def split_system(turns: tuple[Turn, ...]) -> tuple[tuple[TextPart, ...], tuple[Turn, ...]]:
    """Take the system's texts from the front.

    Raises:
        UnsupportedError: A system turn holds media or stands later on.
    """
    front = 0
    while front < len(turns) and turns[front].role == "system":
        front += 1
    texts = [part for turn in turns[:front] for part in turn.parts]
    if any(turn.role == "system" for turn in turns[front:]) or not all(isinstance(part, TextPart) for part in texts):
        raise UnsupportedError("this provider takes system instructions as text before everything else only")
    return tuple(part for part in texts if isinstance(part, TextPart)), turns[front:]


def data_url(part: MediaPart) -> JsonString:
    """Return a media file as a ``data:`` URL."""
    return JsonString((f"data:{part.mime};base64,", FileBytes.of(part.path)))


def base64_of(part: MediaPart) -> JsonString:
    """Return a media file as base64."""
    return JsonString((FileBytes.of(part.path),))


def marked(part: dict[str, Any], number: int, wire: Wire) -> dict[str, Any]:
    """Mark a part, as OpenAI has it, if a beginning ends with it that is to be stored in the prompt cache."""
    if number not in wire.options.get("marks", ()):
        return part
    return {**part, "prompt_cache_breakpoint": {"mode": "explicit"}}


def decode(
    raw: Raw,
    request: Request | None,
    expected: Expected,
    dialect: Dialect,
) -> Decoded:
    """Read a response: the same bytes always give the same completion.

    Args:
        raw: What came back.
        request: The question, where it is at hand.
        expected: What should have been billed.
        dialect: What it is written in.
    """
    if raw.status == 0:
        return read_broken(raw)
    if raw.status not in _OK:
        return read_refusal_to_answer(raw, read_failure(raw.body))
    body = parsed(raw)
    value = body.value if body.events is None else _folded(body.events, dialect)
    failure = failure_of(value)
    if failure is not None:
        return read_refusal_to_answer(raw, failure, status=_status_inside(failure.codes))
    if not isinstance(value, dict):
        return _unreadable(raw)
    reply = dialect.read(value)
    reply = reply._replace(ended=not raw.error and _ended(body.events), notes=(*body.notes, *reply.notes))
    return in_tier(accept(reply, raw, request, expected), served_tier(value), expected)


def _folded(found: list[Event], dialect: Dialect) -> Any:
    """Make a response of a stream, or return the failure that came in it."""
    broken = next((event.data for event in found if failure_of(event.data) is not None), None)
    return dialect.fold(found) if broken is None else broken


def _ended(found: list[Event] | None) -> bool:
    """Whether a response says that it is whole apart from its finish marker: by its form, or by a stream's own end."""
    return found is None or (any(map(_end, found)) and any(_reports(event.data) for event in found))


def _end(event: Event) -> bool:
    return event.data is None or dig(event.data, "type") in _ENDS


def _reports(chunk: Any) -> bool:
    """Whether a chunk holds the usage of the answer, which is known at its end only."""
    spoken = ("completion_tokens", "output_tokens", "candidatesTokenCount")
    usage = dig(chunk, "usage") or dig(chunk, "usageMetadata") or dig(chunk, "response", "usage")
    return any(dig(usage, name) is not None for name in spoken)


def _status_inside(codes: frozenset[str]) -> int:
    """Find the status that an error inside a 200 would have had."""
    numbers = [int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)]
    named = [STATUS_OF_TYPE[code] for code in codes if code in STATUS_OF_TYPE]
    input_is_bad = [400 for code in codes if code.startswith(_BAD_INPUT)]
    return next(iter(sorted(numbers) or sorted(named) or input_is_bad), 500)


def _unreadable(raw: Raw) -> Decoded:
    """A 200 that is no response: cut off, or a page of something in between."""
    if raw.error.startswith(ENDLESS):
        return Decoded(
            Completion("", Outcome.MALFORMED, detail=raw.error, seconds=raw.seconds), Retry("never", billed=True)
        )
    start = raw.body.lstrip()[:1]
    if raw.error or start in {b"{", b"["} or not start:
        detail = raw.error or "the answer is cut off and cannot be read"
        found = Completion("", Outcome.POSSIBLY_BILLED, detail=detail, seconds=raw.seconds)
        return Decoded(found, Retry("transient", billed=True))
    words = f"not an answer of this API, but: {read_failure(raw.body).message}"
    return Decoded(Completion("", Outcome.MALFORMED, detail=words, seconds=raw.seconds), Retry("transient"))


def laid_over(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a user's fields over ours, one level of nesting deep."""
    merged = dict(body)
    for key, value in extra.items():
        ours = merged.get(key)
        merged[key] = {**ours, **value} if isinstance(ours, dict) and isinstance(value, dict) else value
    return merged
