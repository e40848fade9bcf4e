"""The dialect of Gemini's generateContent: text, pictures, sound and film in, text out.

Film is pinned: static processing, the frame rate and the layers that the task
asks for. Without pins a model may look at a film as it pleases, and two runs
compare nothing. An answer that could be continued is not continued, because
every hop is billed for the whole prompt again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.prompt import TextPart, VideoPart
from lm_eval_longctx.providers.acceptance import Reply
from lm_eval_longctx.providers.base import Retry
from lm_eval_longctx.providers.dialect import Dialect, base64_of, laid_out, laid_over, split_system
from lm_eval_longctx.providers.finish import marker, meaning
from lm_eval_longctx.providers.parsing import dig, table
from lm_eval_longctx.providers.segments import JsonString
from lm_eval_longctx.providers.usage import added

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import MediaPart, Part, Turn
    from lm_eval_longctx.providers.base import Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.parsing import Event

_STOPS = 5
"""How many stop texts are taken."""

_FINISH = {
    "STOP": Outcome.COMPLETE,
    "MAX_TOKENS": Outcome.CUT_BY_OUTPUT_LIMIT,
    "CONTINUATION": Outcome.CUT_BY_OUTPUT_LIMIT,
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "ESCALATION",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
        ),
        Outcome.BLOCKED,
    ),
}
_ACCOUNT = "PUP_LIMITED_DISABLED"


def encode(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return the request's JSON tree.

    Args:
        request: The question.
        capabilities: What the model takes.
        wire: ``options`` knows ``media_resolution`` and ``media_processing``.
    """
    body = contents(request, capabilities, wire)
    body["generationConfig"] = _config(request, capabilities, wire)
    if wire.cached:
        body["cachedContent"] = wire.cached
    return laid_over(body, wire.extra)


def contents(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return the content alone, without what an explicit cache already holds."""
    system, turns = split_system(laid_out(request.prompt, prefill=capabilities.prefill))
    left = wire.cached_parts - len(system)
    body: dict[str, Any] = {
        "contents": [c for c in (_content(t, wire, left if i == 0 else 0) for i, t in enumerate(turns)) if c]
    }
    if system and not wire.cached:
        body["systemInstruction"] = _system(system, wire)
    return body


def cache_body(request: Request, wire: Wire, parts: int, ttl: int) -> dict[str, Any]:
    """Return the body that makes an explicit cache of a prompt's first parts.

    Args:
        request: The question.
        wire: As for ``encode``.
        parts: How many leading parts; they lie in the system text and the first turn.
        ttl: Seconds for which it is kept.
    """
    system, turns = split_system(request.prompt.turns)
    held = [_part(part, wire) for part in turns[0].parts[: parts - len(system)]]
    body: dict[str, Any] = {
        "model": f"models/{wire.model}",
        "contents": [{"role": "user", "parts": held}],
        "ttl": f"{ttl}s",
    }
    return {**body, "systemInstruction": _system(system, wire)} if system else body


def _system(texts: tuple[TextPart, ...], wire: Wire) -> dict[str, Any]:
    return {"role": "user", "parts": [_part(part, wire) for part in texts]}


def _config(request: Request, capabilities: WireCapabilities, wire: Wire) -> dict[str, Any]:
    settings = request.settings
    config: dict[str, Any] = {"maxOutputTokens": wire.output_budget}
    if settings.stop and capabilities.stop:
        config["stopSequences"] = list(settings.stop[:_STOPS])
    if settings.seed is not None and capabilities.seed:
        config["seed"] = settings.seed
    if settings.temperature is not None and capabilities.temperature:
        config["temperature"] = settings.temperature
    if settings.reasoning is not None:
        config["thinkingConfig"] = {"thinkingLevel": settings.reasoning.upper()}
    if wire.options.get("media_resolution") and any(request.prompt.media()):
        config["mediaResolution"] = f"MEDIA_RESOLUTION_{str(wire.options['media_resolution']).upper()}"
    return config


def _content(turn: Turn, wire: Wire, skipped: int) -> dict[str, Any] | None:
    parts = [_part(part, wire) for part in turn.parts[max(0, skipped) :]]
    return {"role": "model" if turn.role == "assistant" else "user", "parts": parts} if parts else None


def _part(part: Part, wire: Wire) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": JsonString((part,))}
    made = _media(part, wire)
    return {**made, **_pins(part, wire)} if isinstance(part, VideoPart) else made


def _media(part: MediaPart, wire: Wire) -> dict[str, Any]:
    if part.digest in wire.handles:
        return {"fileData": {"mimeType": part.mime, "fileUri": wire.handles[part.digest]}}
    return {"inlineData": {"mimeType": part.mime, "data": base64_of(part)}}


def _pins(part: VideoPart, wire: Wire) -> dict[str, Any]:
    """Say how the film is to be looked at."""
    if wire.options.get("media_processing", "static") != "static":
        return {"videoMetadata": {"fps": part.fps}}
    layers = ["FRAMES", "AUDIO"] if part.has_audio else ["FRAMES"]
    return {"videoMetadata": {"fps": part.fps, "contentLayers": layers}, "mediaProcessing": "STATIC"}


def fold(found: list[Event]) -> dict[str, Any]:
    """Make a response object of a stream's chunks."""
    response: dict[str, Any] = {}
    parts: list[Any] = []
    for event in found:
        chunk = table(event.data)
        candidate, known = table(dig(chunk, "candidates", 0)), table(dig(response, "candidates", 0))
        more = dig(candidate, "content", "parts")
        parts += more if isinstance(more, list) else []
        response |= chunk
        if known or candidate:
            response["candidates"] = [{**known, **candidate, "content": {"parts": parts}}]
    return response


def read(response: dict[str, Any]) -> Reply:
    """Read a complete response object."""
    usage = usage_of(response.get("usageMetadata"))
    shared: dict[str, Any] = {
        "usage": usage,
        "reasoned": bool(usage and usage.reasoning_tokens),
        "model": str(response.get("modelVersion") or "").removeprefix("models/"),
        "all_modalities": bool(dig(response, "usageMetadata", "promptTokensDetails")),
    }
    candidate = dig(response, "candidates", 0)
    if not isinstance(candidate, dict):
        return _blocked(response, shared)
    reason = marker(candidate.get("finishReason"))
    words = ": ".join(str(w) for w in (f"finishReason {reason}" if reason else "", candidate.get("finishMessage")) if w)
    if reason == _ACCOUNT:
        return Reply(None, Outcome.TRANSPORT_FAILED, words, retry=Retry("stop_run"), **shared)
    if reason == "CONTINUATION":
        words += ": the answer could be continued, for the price of the whole prompt again; it was not"
    return Reply(_text(candidate), _FINISH.get(reason) or meaning(reason), words, **shared)


def _blocked(response: dict[str, Any], shared: dict[str, Any]) -> Reply:
    reason = dig(response, "promptFeedback", "blockReason")
    if reason:
        why = dig(response, "promptFeedback", "blockReasonMessage")
        return Reply(None, Outcome.BLOCKED, f"blockReason {reason}{f': {why}' if why else ''}", **shared)
    return Reply(None, None, "the answer holds no candidates" if response else "", **shared)


def _text(candidate: dict[str, Any]) -> str | None:
    found = dig(candidate, "content", "parts")
    parts = [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought")]
    return "".join(texts) if texts else None


def usage_of(usage: Any) -> Usage | None:
    """Read Gemini's usage: prompt tokens include cached ones, thoughts come beside the answer's tokens."""
    if not isinstance(usage, dict):
        return None
    thoughts = usage.get("thoughtsTokenCount")
    return Usage(
        prompt_tokens=usage.get("promptTokenCount"),
        cached_tokens=usage.get("cachedContentTokenCount"),
        output_tokens=added(usage.get("candidatesTokenCount") or 0, thoughts),
        reasoning_tokens=thoughts,
        by_modality=_by_modality(usage.get("promptTokensDetails")),
    )


def _by_modality(details: Any) -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    for detail in details if isinstance(details, list) else ():
        kind = str(dig(detail, "modality")).lower()
        kinds[kind] = added(kinds.get(kind), dig(detail, "tokenCount") or 0)
    return kinds


DIALECT = Dialect(encode, read, fold, ":generateContent", ":streamGenerateContent?alt=sse")
