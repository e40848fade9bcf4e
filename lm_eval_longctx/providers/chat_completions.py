"""The dialect of OpenAI's Chat Completions: OpenAI's audio models, vLLM, SGLang, llama.cpp, Ollama, OpenRouter.

Text-only turns go as plain strings, which every server takes. Film goes to
vLLM as a file (with the frame rate pinned in ``media_io_kwargs``) or as a
sequence of frames; both are pinned to all frames, because vLLM otherwise uses
the first 32 and says nothing.
"""

from __future__ import annotations

from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome, Usage, whole
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, TextPart, VideoPart
from lm_eval_longctx.providers.acceptance import Reply
from lm_eval_longctx.providers.dialect import Dialect, base64_of, data_url, laid_out, laid_over, marked
from lm_eval_longctx.providers.finish import marker, meaning
from lm_eval_longctx.providers.parsing import dig, table
from lm_eval_longctx.providers.segments import JsonString
from lm_eval_longctx.providers.usage import added

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.prompt import Part, Prompt, Turn
    from lm_eval_longctx.providers.base import Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.parsing import Event

PATH = "/chat/completions"

_FINISH = {
    "stop": Outcome.COMPLETE,
    "length": Outcome.CUT_BY_OUTPUT_LIMIT,
    "content_filter": Outcome.BLOCKED,
}
_FORMATS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}
_TEXTS, _THOUGHTS = (None, "text", "output_text"), ("thinking", "reasoning", "thought")
"""Kinds of a message's parts; tuples, because a server may send anything as a kind."""

_SPOKEN = ("content", "refusal", "reasoning_content", "reasoning")
_KEPT = ("id", "model", "provider", "service_tier", "usage")
_TOKEN_KINDS = {"text_tokens": "text", "image_tokens": "image", "audio_tokens": "audio", "video_tokens": "video"}


def encode(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return the request's JSON tree.

    Args:
        request: The question.
        capabilities: What the model takes.
        wire: ``options`` knows ``budget_field`` (the name of the output
            limit), ``system_role``, ``detail`` (of images), ``continue_prefix``
            (vLLM continues the last turn), ``cache_key`` and ``marks`` (as for
            the Responses API).
    """
    prefill, numbers = capabilities.prefill and bool(request.prompt.answer_prefix), count(1)
    body: dict[str, Any] = {
        "model": wire.model,
        "messages": [_message(turn, wire, numbers) for turn in laid_out(request.prompt, prefill=prefill)],
        str(wire.options.get("budget_field", "max_tokens")): wire.output_budget,
        **_sampling(request, capabilities),
        **video_pinned(request.prompt),
    }
    if prefill and wire.options.get("continue_prefix", True):
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    if wire.options.get("cache_key"):
        body["prompt_cache_key"] = wire.options["cache_key"]
    if "marks" in wire.options:
        body["prompt_cache_options"] = {"mode": "explicit"}
    if wire.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return laid_over(body, wire.extra)


def _sampling(request: Request, capabilities: WireCapabilities) -> dict[str, Any]:
    settings = request.settings
    sent: dict[str, Any] = {}
    if settings.temperature is not None and capabilities.temperature:
        sent["temperature"] = settings.temperature
    if settings.seed is not None and capabilities.seed:
        sent["seed"] = settings.seed
    if settings.stop and capabilities.stop:
        sent["stop"] = list(settings.stop[:4])
    if settings.reasoning is not None:
        sent["reasoning_effort"] = settings.reasoning
    return sent


def _message(turn: Turn, wire: Wire, numbers: Iterator[int]) -> dict[str, Any]:
    parts = [(part, next(numbers)) for part in turn.parts]
    role = str(wire.options.get("system_role", "system")) if turn.role == "system" else turn.role
    plain = tuple(part for part, n in parts if isinstance(part, TextPart) and n not in wire.options.get("marks", ()))
    if len(plain) == len(parts):
        return {"role": role, "content": JsonString(plain)}
    return {"role": role, "content": [marked(_part(part, wire), number, wire) for part, number in parts]}


def _part(part: Part, wire: Wire) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": JsonString((part,))}
    if isinstance(part, ImagePart):
        detail = wire.options.get("detail")
        return {"type": "image_url", "image_url": {"url": data_url(part), **({"detail": detail} if detail else {})}}
    if isinstance(part, AudioPart):
        kind = _FORMATS.get(part.mime, part.mime.rpartition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": base64_of(part), "format": kind}}
    return {"type": "video_url", "video_url": {"url": data_url(part)}}


def video_pinned(prompt: Prompt) -> dict[str, Any]:
    """Pin the frame rate of all films, which vLLM takes once for a request.

    Raises:
        UnsupportedError: The films are to be looked at at different rates.
    """
    rates = sorted({part.fps for part in prompt.media() if isinstance(part, VideoPart)})
    if not rates:
        return {}
    if len(rates) > 1:
        raise UnsupportedError(
            f"films at several frame rates ({rates}) in one prompt; this server takes one rate for all"
        )
    return {"media_io_kwargs": {"video": {"fps": rates[0], "num_frames": -1}}}


def fold(found: list[Event]) -> dict[str, Any]:
    """Make a response object of a stream's chunks."""
    message: dict[str, Any] = {"content": None}
    response: dict[str, Any] = {"choices": [{"message": message, "finish_reason": None}]}
    chunks = [table(event.data) for event in found]
    for chunk in chunks:
        response |= {name: chunk[name] for name in _KEPT if chunk.get(name)}
        usage = dig(chunk, "choices", 0, "usage") or dig(chunk, "x_groq", "usage")  # Moonshot, Groq
        response |= {"usage": usage} if usage and not chunk.get("usage") else {}
        finish = dig(chunk, "choices", 0, "finish_reason")
        if finish:
            response["choices"][0]["finish_reason"] = finish
    for name in _SPOKEN:
        pieces = [piece for piece in (_piece(chunk, name) for chunk in chunks) if isinstance(piece, str)]
        if pieces:
            message[name] = _joined(pieces, deltas=any(dig(c, "choices", 0, "delta", name) for c in chunks))
    whole = "usage" in response and not any(dig(event.data, "choices") for event in found)
    return {**response, "choices": []} if whole else response


def _piece(chunk: dict[str, Any], name: str) -> Any:
    """Return what a chunk adds; servers say ``message`` for ``delta``, send parts, or older ones plain text."""
    choice = table(dig(chunk, "choices", 0))
    said = table(choice.get("delta")) or table(choice.get("message"))
    if name == "reasoning":
        return said.get(name) or _thought(said.get("content"))
    if name == "content" and said.get(name) is None:
        return choice.get("text")
    return text_of(said.get(name))


def _joined(pieces: list[str], *, deltas: bool) -> str:
    """Join pieces; under ``message`` some servers repeat all that was said so far."""
    grown = all(later.startswith(sooner) for sooner, later in pairwise(pieces))
    return pieces[-1] if not deltas and grown and len(pieces) > 1 else "".join(pieces)


def text_of(content: Any) -> str | None:
    """Return the text of a message's content: a text, or parts of which thoughts and the like are none."""
    if isinstance(content, str | int | float) and not isinstance(content, bool):
        return str(content)
    parts = content if isinstance(content, list) else [content]
    texts = [part if isinstance(part, str) else _text_of_part(part) for part in parts]
    said = [text for text in texts if isinstance(text, str)]
    return "".join(said) if said else None


def _text_of_part(part: Any) -> Any:
    if dig(part, "type") not in _TEXTS:
        return None
    text = dig(part, "text")
    return dig(text, "value") if isinstance(text, dict) else text


def _thought(content: Any) -> str | None:
    """Say that there were thoughts among a message's parts; their words do not matter."""
    parts = content if isinstance(content, list) else ()
    return "..." if any(dig(part, "type") in _THOUGHTS for part in parts) else None


def read(response: dict[str, Any]) -> Reply:
    """Read a complete response object."""
    choice = dig(response, "choices", 0)
    usage = usage_of(response.get("usage"))
    if not isinstance(choice, dict):
        return Reply(None, None, "the answer holds no choices", usage)
    message = table(choice.get("message")) or table(choice.get("delta"))
    finish = marker(choice.get("finish_reason"))
    content, thoughts = message.get("content"), [message.get(name) for name in ("reasoning_content", "reasoning")]
    shared: dict[str, Any] = {
        "usage": usage,
        "reasoned": any((*thoughts, _thought(content), usage and usage.reasoning_tokens)),
        "all_modalities": isinstance(dig(response, "usage", "prompt_tokens_details", "multimodal_tokens"), dict),
        "model": str(response.get("model") or ""),
    }
    if message.get("refusal"):
        return Reply("", Outcome.REFUSED, str(message["refusal"]), **shared)
    words = f"finish_reason {finish}" if finish else ""
    if choice.get("error"):  # OpenRouter: the model behind it failed half-way
        return Reply(None, None, f"{words} {choice['error']}".strip(), **shared)
    text = text_of(choice.get("text") if content is None else content)
    return Reply(text, _FINISH.get(finish) or meaning(finish), words, **shared)


def usage_of(usage: Any) -> Usage | None:
    """Read OpenAI's usage; the prompt's tokens include cached ones, the answer's include reasoning."""
    if not isinstance(usage, dict):
        return None
    details = table(usage.get("prompt_tokens_details"))
    fresh, cached = usage.get("prompt_tokens"), details.get("cached_tokens")
    spoken, thought = usage.get("completion_tokens"), dig(usage, "completion_tokens_details", "reasoning_tokens")
    prompt = _prompt(usage, fresh, cached) if cached else fresh
    return Usage(
        prompt_tokens=prompt,
        cached_tokens=cached,
        cache_write_tokens=details.get("cache_write_tokens"),
        output_tokens=_output(usage, spoken, thought) if thought else spoken,
        reasoning_tokens=thought,
        by_modality=_by_modality(prompt, details) if details else {},
    )


def _prompt(usage: dict[str, Any], fresh: Any, cached: Any) -> Any:
    """Return the prompt's tokens; some servers count cached ones beside them, which the total shows."""
    both = added(fresh, cached)
    beside = whole(cached) and whole(usage.get("total_tokens")) == added(both, usage.get("completion_tokens"))
    return both if beside else fresh


def _output(usage: dict[str, Any], spoken: Any, thought: Any) -> Any:
    """Return the answer's tokens; xAI counts reasoning beside them, which its total shows."""
    both = added(spoken, thought)
    beside = whole(thought) and whole(usage.get("total_tokens")) == added(usage.get("prompt_tokens"), both)
    return both if beside else spoken


def _by_modality(prompt_tokens: Any, details: dict[str, Any]) -> dict[str, Any]:
    media = details.get("multimodal_tokens")
    if not isinstance(media, dict):
        return {kind: details[name] for name, kind in _TOKEN_KINDS.items() if details.get(name)}
    prompt, shown = whole(prompt_tokens), whole(added(*media.values()))
    return media if prompt is None or shown is None else {"text": prompt - shown, **media}


DIALECT = Dialect(encode, read, fold, PATH)
