"""How a shape of the catalogue looks on each of the four wires, whole and as a stream.

A shape says either what the server says (text, marker, usage), which every
wire writes in its own way, or it holds a recorded body of one wire.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.testing.formats.base import event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MARKERS = {
    "chat": {"end": "stop", "limit": "length"},
    "messages": {"end": "end_turn", "limit": "max_tokens"},
    "gemini": {"end": "STOP", "limit": "MAX_TOKENS"},
    "responses": {"end": "completed", "limit": "incomplete"},
}
"""What each wire calls a normal end, and the output limit."""

_COUNTS: dict[str, dict[str, tuple[str, ...]]] = {
    "chat": {
        "prompt": ("prompt_tokens",),
        "output": ("completion_tokens",),
        "cached": ("prompt_tokens_details", "cached_tokens"),
        "reasoning": ("completion_tokens_details", "reasoning_tokens"),
    },
    "responses": {
        "prompt": ("input_tokens",),
        "output": ("output_tokens",),
        "cached": ("input_tokens_details", "cached_tokens"),
        "reasoning": ("output_tokens_details", "reasoning_tokens"),
    },
    "messages": {"prompt": ("input_tokens",), "output": ("output_tokens",)},
    "gemini": {
        "prompt": ("promptTokenCount",),
        "output": ("candidatesTokenCount",),
        "cached": ("cachedContentTokenCount",),
    },
}
"""Where each wire puts its numbers."""

_NO_REPORT: Mapping[str, Any] = {"null": None, "list": [], "text": "none", "empty": {}}


def body_of(wire: str, row: Mapping[str, Any]) -> Any:
    """Return what goes out: a JSON value, or bytes.

    Args:
        wire: ``chat``, ``responses``, ``messages`` or ``gemini``.
        row: Of the catalogue.
    """
    if "says_text" in row:
        return _BODIES[wire](row)
    body = row["body"]
    if isinstance(body, dict) and set(body) == {"base64"}:
        return base64.b64decode(body["base64"])
    if isinstance(body, dict) and set(body) == {"latin1"}:
        return body["latin1"].encode("latin-1")
    return body.encode() if isinstance(body, str) else body


def as_stream(wire: str, body: Any) -> bytes | None:
    """Return an answer as that wire's events; ``None`` where it is none that could be sent so."""
    return _STREAMS[wire](body) if isinstance(body, dict) else None


def _marker(wire: str, row: Mapping[str, Any]) -> Any:
    return _MARKERS[wire].get(row["finish"], row["finish"])


def _usage(wire: str, row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the report of usage under its name, or no report."""
    usage = row["usage"]
    if "shape" in usage:
        return {} if usage["shape"] == "missing" else {where: _NO_REPORT[usage["shape"]]}
    report: dict[str, Any] = {}
    for name, value in usage.items():
        *outer, last = _COUNTS[wire][name]
        place = report
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = value
    return {where: report}


def _chat(row: Mapping[str, Any]) -> dict[str, Any]:
    thought = {"reasoning_content": "hm"} if row.get("thought") else {}
    message = {"role": "assistant", "content": row["says_text"], **thought}
    choice = {"index": 0, "message": message, "finish_reason": _marker("chat", row)}
    return {"id": "c1", "object": "chat.completion", "choices": [choice], **_usage("chat", row, "usage")}


def _messages(row: Mapping[str, Any]) -> dict[str, Any]:
    thought = [{"type": "thinking", "thinking": "hm"}] if row.get("thought") else []
    said = [] if row["says_text"] is None else [{"type": "text", "text": row["says_text"]}]
    head = {"id": "m1", "type": "message", "role": "assistant", "content": [*thought, *said]}
    return {**head, "stop_reason": _marker("messages", row), **_usage("messages", row, "usage")}


def _gemini(row: Mapping[str, Any]) -> dict[str, Any]:
    thought = [{"text": "hm", "thought": True}] if row.get("thought") else []
    said = [] if row["says_text"] is None else [{"text": row["says_text"]}]
    candidate = {"content": {"role": "model", "parts": [*thought, *said]}, "finishReason": _marker("gemini", row)}
    report = _usage("gemini", row, "usageMetadata")
    if row.get("thought") and isinstance(report.get("usageMetadata"), dict):
        report["usageMetadata"]["thoughtsTokenCount"] = 1
    return {"candidates": [candidate], **report}


def _responses(row: Mapping[str, Any]) -> dict[str, Any]:
    status = _marker("responses", row)
    thought = [{"type": "reasoning", "summary": []}] if row.get("thought") else []
    text = [] if row["says_text"] is None else [{"type": "output_text", "text": row["says_text"]}]
    why = {"incomplete_details": {"reason": "max_output_tokens"}} if status == "incomplete" else {}
    output = [*thought, {"type": "message", "role": "assistant", "content": text}]
    head = {"id": "r1", "object": "response", "status": status, "output": output}
    return {**head, **why, **_usage("responses", row, "usage")}


def _chat_stream(body: dict[str, Any]) -> bytes | None:
    choice = body["choices"][0] if isinstance(body.get("choices"), list) and body["choices"] else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        return None
    head = {name: value for name, value in body.items() if name not in {"choices", "usage"}}
    rest = {name: value for name, value in choice.items() if name not in {"message", "finish_reason"}}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": choice["message"], "finish_reason": None}]},
        {**head, "choices": [{**rest, "delta": {}, "finish_reason": choice.get("finish_reason")}]},
    ]
    usage = [{"choices": [], "usage": body["usage"]}] if "usage" in body else []
    return b"".join(map(event, (*chunks, *usage))) + b"data: [DONE]\n\n"


def _messages_stream(body: dict[str, Any]) -> bytes | None:
    content = body.get("content")
    if not isinstance(content, list):
        return None
    usage = body.get("usage")
    at_start = {k: v for k, v in usage.items() if k != "output_tokens"} if isinstance(usage, dict) else usage
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**body, "content": [], "stop_reason": None, "usage": at_start}}
    ]
    for index, block in enumerate(content):
        opened = {**block, "text": ""} if block["type"] == "text" else block
        events += [{"type": "content_block_start", "index": index, "content_block": opened}]
        if block["type"] == "text":
            delta = {"type": "text_delta", "text": block["text"]}
            events += [{"type": "content_block_delta", "index": index, "delta": delta}]
        events += [{"type": "content_block_stop", "index": index}]
    end = {"type": "message_delta", "delta": {"stop_reason": body.get("stop_reason")}}
    spoken = {"output_tokens": usage["output_tokens"]} if isinstance(usage, dict) and "output_tokens" in usage else {}
    events += [{**end, "usage": spoken}, {"type": "message_stop"}]
    return b"".join(event(data, str(data["type"])) for data in events)


def _gemini_stream(body: dict[str, Any]) -> bytes | None:
    return event(body) if "candidates" in body or "promptFeedback" in body else None


def _responses_stream(body: dict[str, Any]) -> bytes | None:
    if "output" not in body:
        return None
    kind = f"response.{body.get('status') or 'completed'}"
    created = {"type": "response.created", "response": {**body, "status": "in_progress", "output": [], "error": None}}
    return event(created, "response.created") + event({"type": kind, "response": body}, kind)


_BODIES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "chat": _chat,
    "messages": _messages,
    "gemini": _gemini,
    "responses": _responses,
}
_STREAMS: Mapping[str, Callable[[dict[str, Any]], bytes | None]] = {
    "chat": _chat_stream,
    "messages": _messages_stream,
    "gemini": _gemini_stream,
    "responses": _responses_stream,
}


def as_bytes(body: Any) -> bytes:
    """Return a body as it goes over the wire; JSON as Python writes it, halves of characters included."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()
