"""Anthropic's Messages, version 2026-10-21."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.testing.formats.base import FINISH, Failed, Format, event, pieces_of
from lm_eval_longctx.testing.state import Asked
from lm_eval_longctx.testing.strict import Refused, image_piece, items, mapping, one_of, text, text_piece, unpack, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.state import Bill, Fault

_TOP = frozenset(
    """model max_tokens messages cache_control container diagnostics inference_geo metadata output_config service_tier
    speed stop_sequences stream system thinking tool_choice tools""".split()
)
_MIMES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOP_OF = {
    "cut": "max_tokens",
    "spent_on_reasoning": "max_tokens",
    "refused": "refusal",
    "window_ran_out": "model_context_window_exceeded",
    "unknown_finish": "brand_new",
}
_MARKS, _LOOKBACK = 4, 20


class Messages(Format):
    """The Messages API."""

    def authorized(self, headers: Mapping[str, str]) -> Failed | None:
        """Look at ``Authorization`` and ``anthropic-version``."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            return self.error(401, "authentication_error: no credentials were provided")
        if key not in self.state.keys:
            return self.error(401, f"invalid bearer token: {key}")
        if "anthropic-version" not in headers:
            return self.error(400, "anthropic-version: header is required")
        return None

    def read(self, body: Any, headers: Mapping[str, str], model: str) -> Asked:
        """Understand a request to answer or to count."""
        counting = model == "count"
        tree = mapping(body, "request")
        known(tree, _TOP)
        if headers.get("anthropic-version", "") >= "2026":
            _thinking(tree)
        reader = _Reader(self.state.files)
        reader.blocks(tree.get("system", []), "system")
        for i, message in enumerate(items(tree.get("messages"), "messages")):
            known(mapping(message, "messages"), frozenset({"role", "content"}), f"messages.{i}.")
            one_of(message.get("role"), ("user", "assistant"), f"messages.{i}.role")
            reader.blocks(message.get("content"), f"messages.{i}.content")
        if tree["messages"][-1]["role"] == "assistant":
            raise Refused("This model does not support assistant message prefill.")
        for stop in tree.get("stop_sequences", []):
            if not text(stop, "stop_sequences").strip():
                raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
        budget = 1 if counting else whole(tree.get("max_tokens"), "max_tokens", 0)
        name = text(tree.get("model"), "model")
        return Asked(
            name,
            tuple(reader.pieces),
            budget,
            stream=bool(tree.get("stream")),
            marks=tuple(reader.marks),
            lookback=_LOOKBACK,
        )

    def error(self, status: int, message: str, code: str = "", where: str = "") -> Failed:
        """Return ``{"type": "error", "error": {type, message}}``."""
        del code, where
        error = {"type": _TYPES.get(status, "api_error"), "message": message}
        return Failed(status, {"type": "error", "error": error, "request_id": "req_1"})

    def fault(self, fault: Fault, asked: Asked | None) -> Failed | None:
        """Return a fault's error."""
        if fault.kind == "overflow" and asked is not None:
            return self.overflow(sum(asked.tokens().values()), self.state.window or 0, asked)
        if fault.kind not in _ERRORS:
            return None
        status, message = _ERRORS[fault.kind]
        failed = self.error(429 if fault.kind == "error_in_200" else status, message)
        return Failed(status, failed.body, fault.headers)

    def overflow(self, tokens: int, window: int, asked: Asked) -> Failed:
        """Return Anthropic's words."""
        if tokens <= window:
            words = f"input length and `max_tokens` exceed context limit: {tokens} + {asked.max_output} > {window}"
            return self.error(400, words)
        return self.error(400, f"prompt is too long: {tokens} tokens > {window} maximum")

    def answer(self, asked: Asked, text: str, bill: Bill, kind: str) -> dict[str, Any]:
        """Return a message."""
        message: dict[str, Any] = {
            "id": f"msg_{bill.digest}",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": _content(text, kind, bill),
            "stop_reason": _STOP_OF.get(kind, "end_turn"),
            "stop_sequence": None,
            "usage": {**_usage(bill), "service_tier": self.state.tier or "standard"},
        }
        if kind in {"refused", "blocked"}:
            details = {
                "type": "refusal",
                "category": "frontier_llm",
                "explanation": "This looks like training a model.",
            }
            message |= {"stop_reason": "refusal", "stop_details": details}
        if kind == "no_usage":
            del message["usage"]
        return message

    def chunks(self, answer: dict[str, Any]) -> list[bytes]:
        """Return the events of a stream."""
        usage = answer.get("usage") or {}
        started = {**answer, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        early = [event({"type": "message_start", "message": started}, "message_start")]
        for i, block in enumerate(answer["content"]):
            early += _block_events(i, block)
        delta = {k: answer[k] for k in ("stop_reason", "stop_sequence", "stop_details") if k in answer}
        last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage.get("output_tokens", 0)}}
        return [*early, FINISH, event(last, "message_delta"), event({"type": "message_stop"}, "message_stop")]


_ERRORS = {
    "rate_limit": (429, "This request would exceed your organization's rate limit."),
    "quota": (402, "Your credit balance is too low to access the API."),
    "server_error": (500, "Internal server error"),
    "unavailable": (503, "Service unavailable"),
    "overloaded": (529, "Overloaded"),
    "gateway_timeout": (504, "Request timed out"),
    "unauthorized": (401, "invalid bearer token"),
    "forbidden": (403, "Your API key does not have permission to use the specified resource."),
    "no_such_model": (404, "model: x"),
    "bad_request": (400, "messages: invalid"),
    "too_large_early": (413, "Request exceeds the maximum size"),
    "overflow": (400, ""),
    "lost_file": (404, "File not found: file_abc"),
    "error_in_200": (200, "This request would exceed your organization's rate limit."),
}


class _Reader:
    """Reads content blocks in order and finds the cache marks."""

    def __init__(self, files: dict[str, dict[str, Any]]) -> None:
        self.files = files
        self.pieces: list[tuple[str, int, str]] = []
        self.marks: list[int] = []

    def blocks(self, content: Any, where: str) -> None:
        if isinstance(content, str):
            self.pieces.append(text_piece(content))
            return
        for i, block in enumerate(items(content, where, 0)):
            self.pieces.append(self._block(mapping(block, where), f"{where}.{i}."))
            if "cache_control" in block:
                self._mark(mapping(block["cache_control"], "cache_control"))

    def _mark(self, control: dict[str, Any]) -> None:
        known(control, frozenset({"type", "ttl"}), "cache_control.")
        one_of(control.get("type"), ("ephemeral",), "cache_control.type")
        one_of(control.get("ttl", "5m"), ("5m", "1h"), "cache_control.ttl")
        self.marks.append(len(self.pieces))
        if len(self.marks) > _MARKS:
            raise Refused("A maximum of 4 blocks with cache_control may be provided.")

    def _block(self, block: dict[str, Any], where: str) -> tuple[str, int, str]:
        kind = one_of(block.get("type"), ("text", "image"), f"{where}type")
        if kind == "text":
            known(block, frozenset({"type", "text", "cache_control", "citations"}), where)
            if not text(block.get("text"), f"{where}text"):
                raise Refused(f"{where}text: text content blocks must be non-empty")
            return text_piece(block["text"])
        known(block, frozenset({"type", "source", "cache_control", "transformations"}), where)
        known(
            mapping(block.get("transformations", {}), where), frozenset({"oversized_image"}), f"{where}transformations."
        )
        source = mapping(block.get("source"), f"{where}source")
        if source.get("type") == "file":
            file = self.files.get(text(source.get("file_id"), "file_id"))
            if file is None:
                raise Refused(f"File not found: {source['file_id']}", 404)
            return image_piece(file["content"], where)
        known(source, frozenset({"type", "media_type", "data"}), f"{where}source.")
        one_of(source.get("media_type"), _MIMES, f"{where}source.media_type")
        return image_piece(unpack(source.get("data"), f"{where}source.data"), where)


def _thinking(tree: dict[str, Any]) -> None:
    thinking = mapping(tree.get("thinking", {"type": "adaptive"}), "thinking")
    one_of(thinking.get("type"), ("adaptive", "enabled", "disabled", "between_tools"), "thinking.type")
    config = mapping(tree.get("output_config", {}), "output_config")
    known(config, frozenset({"effort", "format"}), "output_config.")
    one_of(config.get("effort", "high"), ("low", "medium", "high", "xhigh", "max"), "output_config.effort")


def known(tree: dict[str, Any], names: frozenset[str], where: str = "") -> None:
    """Refuse fields that the interface does not have; sampling settings are among them."""
    for name in tree:
        if name not in names:
            raise Refused(f"{where}{name}: Extra inputs are not permitted")


def _content(text: str, kind: str, bill: Bill) -> list[dict[str, Any]]:
    thought = [{"type": "thinking", "thinking": "", "signature": "c2ln"}] if bill.reasoning else []
    if kind == "spent_on_reasoning":
        return thought or [{"type": "thinking", "thinking": "", "signature": "c2ln"}]
    if kind in {"empty", "null_content", "refused", "blocked"}:
        return []
    return [*thought, {"type": "text", "text": text}]


def _usage(bill: Bill) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "input_tokens": bill.prompt - bill.cached - bill.written,
        "cache_read_input_tokens": bill.cached,
        "cache_creation_input_tokens": bill.written,
        "output_tokens": bill.output,
    }
    return {**usage, "output_tokens_details": {"thinking_tokens": bill.reasoning}} if bill.reasoning else usage


def _block_events(index: int, block: dict[str, Any]) -> list[bytes]:
    name = "text" if block["type"] == "text" else "thinking"
    start = {"type": "content_block_start", "index": index, "content_block": {**block, name: ""}}
    events = [event(start, "content_block_start")]
    for piece in pieces_of(block.get(name, "")):
        delta = {"type": f"{name}_delta", name: piece}
        fields = {"type": "content_block_delta", "index": index, "delta": delta}
        events.append(event(fields, "content_block_delta"))
    return [*events, event({"type": "content_block_stop", "index": index}, "content_block_stop")]
