"""The dialect of Anthropic's Messages API, version 2026-10-21: text and pictures in, text out.

Oversized pictures are an error and never shrunk in silence; the end of the hay
that prompts share is marked for the provider's cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import ImagePart, TextPart
from lm_eval_longctx.providers.acceptance import Reply
from lm_eval_longctx.providers.dialect import Dialect, base64_of, laid_out, laid_over, split_system
from lm_eval_longctx.providers.finish import marker, meaning
from lm_eval_longctx.providers.parsing import dig, table
from lm_eval_longctx.providers.segments import JsonString
from lm_eval_longctx.providers.usage import added

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import Part
    from lm_eval_longctx.providers.base import Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.parsing import Event

VERSION = "2026-10-21"
PATH = "/v1/messages"
COUNT_PATH = "/v1/messages/count_tokens"

_THOUGHTS = ("thinking", "redacted_thinking")
_STOP = {
    "end_turn": Outcome.COMPLETE,
    "stop_sequence": Outcome.COMPLETE,
    "max_tokens": Outcome.CUT_BY_OUTPUT_LIMIT,
    "refusal": Outcome.REFUSED,
    "model_context_window_exceeded": Outcome.CONTEXT_EXCEEDED,
}


def encode(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return the request's JSON tree.

    Args:
        request: The question.
        capabilities: What the model takes.
        wire: ``options`` knows ``marks`` (after how many parts a beginning
            ends that is stored in the cache) and ``cache_ttl`` (``5m`` or ``1h``).
    """
    settings = request.settings
    body: dict[str, Any] = {**counted(request, capabilities, wire), "max_tokens": wire.output_budget}
    stops = [stop for stop in settings.stop if stop.strip()]  # a stop text of white space only is refused
    if stops:
        body["stop_sequences"] = stops
    if settings.temperature is not None and capabilities.temperature:
        body["temperature"] = settings.temperature
    if wire.stream:
        body["stream"] = True
    return laid_over(body, wire.extra)


def counted(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return what the counting endpoint takes of a request: content and thinking."""
    system, turns = split_system(laid_out(request.prompt, prefill=capabilities.prefill))
    blocks = _Blocks(wire)
    body: dict[str, Any] = {"model": wire.model}
    if system:
        body["system"] = [blocks.make(part) for part in system]
    body["messages"] = [{"role": turn.role, "content": [blocks.make(part) for part in turn.parts]} for turn in turns]
    return {**body, **_thinking(request.settings.reasoning)}


def _thinking(effort: str | None) -> dict[str, Any]:
    if effort is None:
        return {}
    if effort == "off":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}


class _Blocks:
    """Makes content blocks in order and marks those where a beginning ends that is stored."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.made = wire, 0

    def make(self, part: Part) -> dict[str, Any]:
        """Return the block of the next part."""
        self.made += 1
        block = _block(part, self.wire)
        if self.made in self.wire.options.get("marks", ()):
            block["cache_control"] = {"type": "ephemeral", "ttl": self.wire.options["cache_ttl"]}
        return block


def _block(part: Part, wire: Wire) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": JsonString((part,))}
    if not isinstance(part, ImagePart):
        raise UnsupportedError("Anthropic takes text and pictures only")
    source: dict[str, Any] = {"type": "base64", "media_type": part.mime, "data": base64_of(part)}
    if part.digest in wire.handles:
        source = {"type": "file", "file_id": wire.handles[part.digest]}
    return {"type": "image", "source": source, "transformations": {"oversized_image": "error"}}


def fold(found: list[Event]) -> dict[str, Any]:
    """Make a message object of a stream's events."""
    message: dict[str, Any] = {"content": [], "stop_reason": None, "usage": {}}
    for event in found:
        data, kind = table(event.data), dig(event.data, "type")
        if kind == "message_start":
            message |= {**table(data.get("message")), "content": []}
        elif kind == "content_block_start":
            message["content"].append(dict(table(data.get("content_block"))))
        elif kind == "content_block_delta":
            _add(message["content"], table(data.get("delta")))
        elif kind == "message_delta":
            message |= table(data.get("delta"))
            message["usage"] = {**table(message.get("usage")), **table(data.get("usage"))}
    return message


def _add(content: list[dict[str, Any]], delta: dict[str, Any]) -> None:
    """Add a piece of text to the block that is open; some servers forget to open it."""
    piece = delta.get("text")
    if not isinstance(piece, str):
        return
    if not content:
        content.append({"type": "text", "text": ""})
    content[-1]["text"] = str(content[-1].get("text") or "") + piece


def read(response: dict[str, Any]) -> Reply:
    """Read a complete message object."""
    usage = usage_of(response.get("usage"))
    content = response.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    blocks = [table(block) for block in content] if isinstance(content, list) else []
    texts = [block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]
    thought = any(block.get("type") in _THOUGHTS for block in blocks)
    reason = marker(response.get("stop_reason"))
    outcome = _STOP.get(reason) or meaning(reason)
    shared: dict[str, Any] = {
        "usage": usage,
        "reasoned": thought or bool(usage and usage.reasoning_tokens),
        "model": str(response.get("model") or ""),
    }
    words = " ".join(str(w) for w in (f"stop_reason {reason}", *_why(response)) if w) if reason else ""
    answer = "" if outcome is Outcome.REFUSED else "".join(texts) if texts else None
    return Reply(answer, outcome, words, **shared)


def _why(response: dict[str, Any]) -> tuple[Any, ...]:
    return dig(response, "stop_details", "category"), dig(response, "stop_details", "explanation")


def usage_of(usage: Any) -> Usage | None:
    """Read Anthropic's usage: what it calls input leaves out what was read from or written to the cache."""
    if not isinstance(usage, dict):
        return None
    read_tokens, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    fresh = usage.get("input_tokens")
    return Usage(
        prompt_tokens=None if fresh is None else added(fresh, read_tokens, written),
        cached_tokens=read_tokens,
        cache_write_tokens=written,
        output_tokens=usage.get("output_tokens"),
        reasoning_tokens=dig(usage, "output_tokens_details", "thinking_tokens"),
    )


DIALECT = Dialect(encode, read, fold, PATH)
