"""OpenAI's Chat Completions, with what vLLM adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.testing.formats.base import FINISH, event, pieces_of
from lm_eval_longctx.testing.formats.openai import (
    OpenAI,
    chat_usage,
    ends_beginning,
    kept_beginnings,
    known,
    no_sampling,
)
from lm_eval_longctx.testing.state import Asked
from lm_eval_longctx.testing.strict import (
    Refused,
    data_url,
    film_piece,
    image_piece,
    items,
    mapping,
    one_of,
    sound_piece,
    text,
    text_piece,
    unpack,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.state import Bill

_TOP = frozenset(
    """model messages audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens metadata modalities
    moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options reasoning_effort
    response_format safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools
    top_logprobs top_p user verbosity
    add_generation_prompt continue_final_message media_io_kwargs chat_template_kwargs top_k min_p
    provider transforms""".split()
)
_FINISH_OF = {
    "cut": "length",
    "spent_on_reasoning": "length",
    "window_ran_out": "length",
    "blocked": "content_filter",
    "unknown_finish": "brand_new",
}
FRAME_TOKENS = 2
"""Of a film, as the small model of the facts makes them."""

DEFAULT_FRAMES = 32
"""Frames that are used of a film unless the request says otherwise."""


class Chat(OpenAI):
    """Chat Completions."""

    KEY_NEEDED = False

    def read(self, body: Any, headers: Mapping[str, str], model: str) -> Asked:
        """Understand a request."""
        del headers, model
        tree = mapping(body, "request")
        known(tree, _TOP)
        no_sampling(tree)
        frames = mapping(tree.get("media_io_kwargs", {}), "media_io_kwargs").get("video", {})
        pieces: list[tuple[str, int, str]] = []
        marks: list[int] = []
        for message in items(tree.get("messages"), "messages"):
            known(mapping(message, "messages"), frozenset({"role", "content", "name"}), "messages")
            one_of(message.get("role"), ("system", "developer", "user", "assistant"), "messages.role")
            for piece, marked in _content(message.get("content"), frames):
                pieces.append(piece)
                marks += [len(pieces)] if marked else []
        budget = tree.get("max_completion_tokens", tree.get("max_tokens", 16))
        stops = tree.get("stop", [])
        if isinstance(stops, list) and len(stops) > 4:  # noqa: PLR2004 - the real limit
            raise Refused("Invalid 'stop': array too long.", code="array_above_max_length", where="stop")
        name = text(tree.get("model"), "model")
        return Asked(
            name,
            tuple(pieces),
            whole(budget, "max_tokens"),
            stream=bool(tree.get("stream")),
            marks=kept_beginnings(tree, name, marks, len(pieces)),
            tier=tree.get("service_tier") or "",
        )

    def answer(self, asked: Asked, text: str, bill: Bill, kind: str) -> dict[str, Any]:
        """Return a chat.completion."""
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if kind in {"null_content", "spent_on_reasoning", "blocked", "refused"}:
            message["content"] = None
        if kind == "refused":
            message["refusal"] = "I cannot help with that."
        if kind == "spent_on_reasoning":
            message["reasoning_content"] = "hm"
        choice = {"index": 0, "message": message, "finish_reason": _FINISH_OF.get(kind, "stop"), "logprobs": None}
        media = {k: n for k, n in bill.tokens.items() if k != "text"}
        response = {
            "id": f"chatcmpl-{bill.digest}",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": asked.model,
            "choices": [] if kind == "empty" else [choice],
            "service_tier": self.state.tier or asked.tier or "default",
            "usage": chat_usage(bill, media),
        }
        if kind == "no_usage":
            del response["usage"]
        return response

    def chunks(self, answer: dict[str, Any]) -> list[bytes]:
        """Return the chunks of a stream: pieces, then the finish, then the usage."""
        head = {**{k: answer[k] for k in ("id", "created", "model")}, "object": "chat.completion.chunk"}
        early, last = [], []
        for choice in answer["choices"]:
            message = choice["message"]
            fields = {k: message[k] for k in ("content", "refusal", "reasoning_content") if message.get(k)}
            for name, value in fields.items():
                early += [_chunk(head, {name: piece}, None) for piece in pieces_of(value)]
            last.append(_chunk(head, {}, choice["finish_reason"]))
        if "usage" in answer:
            last.append(event({**head, "choices": [], "usage": answer["usage"]}))
        return [*early, FINISH, *last, b"data: [DONE]\n\n"]


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None) -> bytes:
    return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None})


def _content(content: Any, frames: dict[str, Any]) -> list[tuple[tuple[str, int, str], bool]]:
    """Return the pieces of a message, and whether each ends a beginning that is to be kept."""
    if isinstance(content, str):
        return [(text_piece(content), False)]
    parts = [mapping(part, "content") for part in items(content, "messages.content")]
    return [(_part(part, frames), ends_beginning(part)) for part in parts]


def _part(part: dict[str, Any], frames: dict[str, Any]) -> tuple[str, int, str]:
    kind = one_of(part.get("type"), ("text", "image_url", "input_audio", "video_url"), "content.type")
    known(part, frozenset({"type", kind, "uuid", "prompt_cache_breakpoint"}), "content")
    if kind == "text":
        return text_piece(text(part.get("text"), "content.text"))
    data = mapping(part.get(kind), kind)
    if kind == "input_audio":
        known(data, frozenset({"data", "format"}), kind)
        text(data.get("format"), "format")
        return sound_piece(unpack(data.get("data"), "input_audio.data"), kind)
    known(data, frozenset({"url", "detail"}), kind)
    _, content = data_url(data.get("url"), f"{kind}.url")
    return image_piece(content, kind) if kind == "image_url" else _film(content, frames)


def _film(content: bytes, frames: dict[str, Any]) -> tuple[str, int, str]:
    """Use 32 frames at most unless all are asked for, and say nothing, as vLLM does."""
    kind, tokens, digest = film_piece(content, float(frames.get("fps", 2.0)), "video_url", FRAME_TOKENS)
    return (kind, tokens if frames.get("num_frames") == -1 else min(tokens, DEFAULT_FRAMES * FRAME_TOKENS), digest)
