"""The dialect of OpenAI's Responses API: text and pictures in, text out.

Truncation is switched off by name, nothing is stored at the provider unless a
call runs in the background, and pictures carry their detail level.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import ImagePart, TextPart
from lm_eval_longctx.providers.acceptance import Reply
from lm_eval_longctx.providers.base import Retry
from lm_eval_longctx.providers.dialect import Dialect, data_url, laid_out, laid_over, marked, split_system
from lm_eval_longctx.providers.finish import marker, meaning
from lm_eval_longctx.providers.parsing import dig, table
from lm_eval_longctx.providers.segments import JsonString

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.prompt import Part, Turn
    from lm_eval_longctx.providers.base import Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.parsing import Event

PATH = "/responses"
COUNT_PATH = "/responses/input_tokens"
DETAIL = "high"
LEAST_OUTPUT = 16

_CUT = {"max_output_tokens": Outcome.CUT_BY_OUTPUT_LIMIT, "content_filter": Outcome.BLOCKED}
_STOPPED = frozenset({"cancelled", "expired"})
"""Ends of an answer that had perhaps begun: nobody says what of it is billed."""

_LAST = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


def encode(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return the request's JSON tree.

    Args:
        request: The question.
        capabilities: What the model takes.
        wire: ``options`` knows ``detail``, ``cache_key``, ``background`` and
            ``marks``: after how many parts a beginning ends that is stored in
            the cache; where they are given, nothing else is stored.
    """
    settings = request.settings
    background = bool(wire.options.get("background"))
    body: dict[str, Any] = {
        **counted(request, wire),
        "max_output_tokens": wire.output_budget,
        "truncation": "disabled",
        "store": background,
    }
    if settings.reasoning is not None:
        body["reasoning"] = {"effort": settings.reasoning}
    if settings.temperature is not None and capabilities.temperature:
        body["temperature"] = settings.temperature
    if wire.options.get("cache_key"):
        body["prompt_cache_key"] = wire.options["cache_key"]
    if "marks" in wire.options:
        body["prompt_cache_options"] = {"mode": "explicit"}
    body |= {"background": True} if background else {}
    body |= {"stream": True} if wire.stream else {}
    return laid_over(body, wire.extra)


def counted(request: Request, wire: Wire) -> dict[str, Any]:
    """Return what the counting endpoint takes of a request: its content."""
    system, turns = split_system(laid_out(request.prompt, prefill=False))
    numbers = count(len(system) + 1)
    body: dict[str, Any] = {"model": wire.model, "input": [_message(turn, wire, numbers) for turn in turns]}
    return {**body, "instructions": JsonString(system)} if system else body


def _message(turn: Turn, wire: Wire, numbers: Iterator[int]) -> dict[str, Any]:
    parts = [(part, next(numbers)) for part in turn.parts]
    if turn.role == "assistant":
        if not all(isinstance(part, TextPart) for part in turn.parts):
            raise UnsupportedError("OpenAI takes earlier answers as text only")
        return {"role": "assistant", "content": JsonString(tuple(p for p in turn.parts if isinstance(p, TextPart)))}
    return {"role": turn.role, "content": [marked(_part(part, wire), number, wire) for part, number in parts]}


def _part(part: Part, wire: Wire) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": JsonString((part,))}
    if not isinstance(part, ImagePart):
        raise UnsupportedError("OpenAI's Responses API takes text and pictures only")
    where: dict[str, Any] = {"image_url": data_url(part)}
    if part.digest in wire.handles:
        where = {"file_id": wire.handles[part.digest]}
    return {"type": "input_image", **where, "detail": wire.options.get("detail", DETAIL)}


def fold(found: list[Event]) -> dict[str, Any]:
    """Return the response object of a stream's last event, or an unfinished one."""
    for event in reversed(found):
        kind = dig(event.data, "type")
        if kind == "error":
            return {"error": {name: dig(event.data, name) for name in ("code", "message", "param")}}
        if kind in _LAST and isinstance(dig(event.data, "response"), dict):
            return dict(event.data["response"])
    return {"status": "in_progress"}


def read(response: dict[str, Any]) -> Reply:
    """Read a complete response object."""
    usage = usage_of(response.get("usage"))
    refusal = _parts(response, "refusal", "refusal")
    model = str(response.get("model") or "")
    shared: dict[str, Any] = {"usage": usage, "reasoned": _reasoned(response, usage), "model": model}
    status = marker(response.get("status"))
    if status in _STOPPED:
        doubt = Retry("transient", billed=True)
        return Reply(None, Outcome.POSSIBLY_BILLED, f"status {status}", retry=doubt, **shared)
    text = _parts(response, "output_text", "text")
    answer = "".join(text) if text else None
    if status not in {"completed", "incomplete"}:
        words = "" if status in {"", "in_progress", "queued"} else f"status {status}"
        return Reply(None if status else answer, None, words, **shared)
    if refusal:
        return Reply("", Outcome.REFUSED, "".join(refusal), **shared)
    if status == "completed":
        return Reply(answer, Outcome.COMPLETE, **shared)
    reason = marker(dig(response, "incomplete_details", "reason"))
    return Reply(answer, _CUT.get(reason) or _of_incomplete(reason), f"incomplete: {reason}", **shared)


def _of_incomplete(reason: str) -> Outcome | None:
    """Return what another reason means; none of them says that an incomplete answer is complete."""
    found = meaning(reason)
    return None if found is Outcome.COMPLETE else found


def _items(value: Any) -> list[dict[str, Any]]:
    return [table(item) for item in value] if isinstance(value, list) else []


def _reasoned(response: dict[str, Any], usage: Usage | None) -> bool:
    thought = any(item.get("type") == "reasoning" for item in _items(response.get("output")))
    return thought or bool(usage and usage.reasoning_tokens)


def _parts(response: dict[str, Any], kind: str, field: str) -> list[str]:
    """Collect a kind of content of the final messages; commentary is not the answer."""
    items = _items(response.get("output"))
    messages = [item for item in items if item.get("type") == "message" and item.get("phase") != "commentary"]
    parts = [part for message in messages for part in _items(message.get("content"))]
    return [part[field] for part in parts if part.get("type") == kind and isinstance(part.get(field), str)]


def usage_of(usage: Any) -> Usage | None:
    """Read the usage; input includes cached tokens, output includes reasoning."""
    if not isinstance(usage, dict):
        return None
    return Usage(
        prompt_tokens=usage.get("input_tokens"),
        cached_tokens=dig(usage, "input_tokens_details", "cached_tokens"),
        cache_write_tokens=dig(usage, "input_tokens_details", "cache_write_tokens"),
        output_tokens=usage.get("output_tokens"),
        reasoning_tokens=dig(usage, "output_tokens_details", "reasoning_tokens"),
    )


DIALECT = Dialect(encode, read, fold, PATH)
