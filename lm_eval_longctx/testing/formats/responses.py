"""OpenAI's Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.testing.formats.base import FINISH, event, pieces_of
from lm_eval_longctx.testing.formats.openai import OpenAI, ends_beginning, kept_beginnings, known, no_sampling
from lm_eval_longctx.testing.state import Asked
from lm_eval_longctx.testing.strict import (
    Refused,
    data_url,
    image_piece,
    items,
    mapping,
    one_of,
    text,
    text_piece,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.state import Bill

_TOP = frozenset(
    """access_programs background background_options context_management conversation image include input instructions
    max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt
    prompt_cache_key prompt_cache_options reasoning safety_identifier service_tier store stream stream_options
    temperature text tool_choice tools top_logprobs top_p truncation user""".split()
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_LEAST_OUTPUT = 16
_ENDS = ("completed", "incomplete", "failed", "cancelled")


class Responses(OpenAI):
    """The Responses API."""

    def read(self, body: Any, headers: Mapping[str, str], model: str) -> Asked:
        """Understand a request to answer or to count."""
        del headers, model
        tree = mapping(body, "request")
        known(tree, _TOP)
        no_sampling(tree)
        one_of(tree.get("truncation", "disabled"), ("auto", "disabled"), "truncation")
        one_of(mapping(tree.get("reasoning", {}), "reasoning").get("effort", "medium"), _EFFORTS, "reasoning.effort")
        pieces = [text_piece(text(tree["instructions"], "instructions"))] if "instructions" in tree else []
        marks: list[int] = []
        for item in self._input(tree.get("input")):
            for piece, marked in self._message(mapping(item, "input")):
                pieces.append(piece)
                marks += [len(pieces)] if marked else []
        name = text(tree.get("model"), "model")
        kept = kept_beginnings(tree, name, marks, len(pieces))
        budget = whole(tree.get("max_output_tokens", 4096), "max_output_tokens", _LEAST_OUTPUT)
        background = bool(tree.get("background"))
        if background and tree.get("store") is False:
            raise Refused("Background responses must be stored.", where="background")
        return Asked(
            name,
            tuple(pieces),
            budget,
            stream=bool(tree.get("stream")),
            marks=kept,
            background=background,
            tier=tree.get("service_tier") or "",
        )

    def _input(self, value: Any) -> list[Any]:
        return [{"role": "user", "content": value}] if isinstance(value, str) else items(value, "input")

    def _message(self, item: dict[str, Any]) -> list[tuple[tuple[str, int, str], bool]]:
        """Return the pieces of a message, and whether each ends a beginning that is to be kept."""
        known(item, frozenset({"type", "role", "content", "status", "phase"}), "input")
        role = one_of(item.get("role"), ("user", "system", "developer", "assistant"), "input.role")
        if isinstance(item.get("content"), str):
            return [(text_piece(item["content"]), False)]
        if role == "assistant":
            raise Refused("Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.")
        parts = [mapping(part, "content") for part in items(item.get("content"), "input.content")]
        return [(self._part(part), ends_beginning(part)) for part in parts]

    def _part(self, part: dict[str, Any]) -> tuple[str, int, str]:
        kind = one_of(part.get("type"), ("input_text", "input_image", "input_file"), "content.type")
        if kind == "input_text":
            known(part, frozenset({"type", "text", "prompt_cache_breakpoint"}), "content")
            return text_piece(text(part.get("text"), "text"))
        known(part, frozenset({"type", "detail", "file_id", "image_url", "prompt_cache_breakpoint"}), "content")
        one_of(part.get("detail"), ("low", "high", "auto", "original"), "detail")
        if "file_id" in part:
            file = self.state.files.get(text(part["file_id"], "file_id"))
            if file is None:
                raise Refused(f"File not found: {part['file_id']}", 404, "image_file_not_found")
            return image_piece(file["content"], "input_image")
        return image_piece(data_url(part.get("image_url"), "image_url")[1], "input_image")

    def answer(self, asked: Asked, text: str, bill: Bill, kind: str) -> dict[str, Any]:
        """Return a response object."""
        response: dict[str, Any] = {
            "id": f"resp_{bill.digest}",
            "object": "response",
            "created_at": 1_790_000_000,
            "status": "completed",
            "model": asked.model,
            "output": _output(text, kind),
            "error": None,
            "incomplete_details": None,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "service_tier": self.state.tier or asked.tier or "default",
            "usage": _usage(bill),
        }
        reason = {
            "cut": "max_output_tokens",
            "spent_on_reasoning": "max_output_tokens",
            "blocked": "content_filter",
        }.get(kind)
        if reason:
            response |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
        if kind == "unknown_finish":
            response["status"] = "brand_new"
        if kind == "no_usage":
            del response["usage"]
        return response

    def chunks(self, answer: dict[str, Any]) -> list[bytes]:
        """Return the events of a stream."""
        started = {**answer, "status": "in_progress", "output": [], "usage": None}
        events = [event({"type": "response.created", "sequence_number": 0, "response": started}, "response.created")]
        for item in answer["output"]:
            for part in item.get("content") or ():
                events += [_delta(item["id"], piece) for piece in pieces_of(part.get("text", ""))]
        kind = f"response.{answer['status'] if answer['status'] in _ENDS else 'completed'}"
        return [*events, FINISH, event({"type": kind, "sequence_number": 9, "response": answer}, kind)]


def _delta(item: str, piece: str) -> bytes:
    kind = "response.output_text.delta"
    fields = {"item_id": item, "output_index": 0, "content_index": 0, "sequence_number": 1, "logprobs": []}
    return event({"type": kind, "delta": piece, **fields}, kind)


def _output(text: str, kind: str) -> list[dict[str, Any]]:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": []}
    if kind == "empty":
        return []
    if kind in {"spent_on_reasoning", "null_content", "blocked"}:
        return [reasoning]
    content: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if kind == "refused":
        content = {"type": "refusal", "refusal": "I cannot help with that."}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [content]}
    return [reasoning, message]


def _usage(bill: Bill) -> dict[str, Any]:
    return {
        "input_tokens": bill.prompt,
        "input_tokens_details": {"cached_tokens": bill.cached, "cache_write_tokens": bill.written},
        "output_tokens": bill.output,
        "output_tokens_details": {"reasoning_tokens": bill.reasoning},
        "total_tokens": bill.prompt + bill.output,
    }
