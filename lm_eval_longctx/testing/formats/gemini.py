"""Gemini's generateContent, as strict as the real one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.testing.formats.base import FINISH, Failed, Format, event, pieces_of
from lm_eval_longctx.testing.state import Asked
from lm_eval_longctx.testing.strict import (
    Refused,
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

    from lm_eval_longctx.testing.state import Bill, Fault

_TOP = ("contents", "systemInstruction", "generationConfig", "cachedContent", "safetySettings", "tools", "toolConfig")
_TOP_MORE = ("model", "serviceTier", "labels", "store", "continuationToken")
_CONFIG = (
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "responseLogprobs",
    "logprobs",
    "seed",
    "responseMimeType",
    "responseSchema",
    "mediaResolution",
    "thinkingConfig",
    "presencePenalty",
    "frequencyPenalty",
    "responseModalities",
)
_PART = (
    "text",
    "inlineData",
    "fileData",
    "videoMetadata",
    "mediaProcessing",
    "mediaResolution",
    "audioMetadata",
    "thought",
)
_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
_RESOLUTIONS = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH")
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINISH_OF = {
    "cut": "MAX_TOKENS",
    "spent_on_reasoning": "MAX_TOKENS",
    "refused": "SAFETY",
    "unknown_finish": "BRAND_NEW",
}
_MOST_FPS = 24
_SNAKE = re.compile(r"_([a-z])")


class Gemini(Format):
    """The Gemini API."""

    def authorized(self, headers: Mapping[str, str]) -> Failed | None:
        """Look at ``x-goog-api-key``."""
        key = headers.get("x-goog-api-key")
        if key is None:
            return self.error(403, "Method doesn't allow unregistered callers. Please use API Key.")
        if key in self.state.keys:
            return None
        failed = self.error(400, "API key not valid. Please pass a valid API key.")
        reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        failed.body["error"]["details"] = [reason]
        return failed

    def read(self, body: Any, headers: Mapping[str, str], model: str) -> Asked:
        """Understand a generateContent or countTokens request."""
        del headers
        tree = mapping(camel(body), "request")
        if "generateContentRequest" in tree:
            known(tree, ("generateContentRequest",), "request")
            tree = mapping(tree["generateContentRequest"], "generate_content_request")
            if tree.get("model") != f"models/{model}":
                raise Refused("model: must be the model that is counted for")
        known(tree, (*_TOP, *_TOP_MORE), "request")
        config = mapping(tree.get("generationConfig", {}), "generation_config")
        known(config, _CONFIG, "generation_config")
        _check_config(config)
        pieces = self._system(tree) + self._contents(tree)
        held = self._held(tree, model)
        tier = one_of(tree.get("serviceTier", "standard"), ("standard", "flex", "priority"), "serviceTier")
        budget, cached = config.get("maxOutputTokens", 8192), sum(piece[1] for piece in held)
        return Asked(model, tuple(held + pieces), budget, held=cached, tier=tier)

    def _system(self, tree: dict[str, Any]) -> list[tuple[str, int, str]]:
        system = mapping(tree.get("systemInstruction", {"parts": []}), "system_instruction")
        return [text_piece(text(mapping(p, "part").get("text"), "text")) for p in system.get("parts", [])]

    def _contents(self, tree: dict[str, Any]) -> list[tuple[str, int, str]]:
        pieces = []
        for content in items(tree.get("contents"), "contents"):
            known(mapping(content, "contents"), ("role", "parts"), "contents")
            one_of(content.get("role", "user"), ("user", "model"), "role")
            for part in items(content.get("parts"), "parts"):
                pieces += self._part(mapping(part, "parts"))
        if tree["contents"][-1].get("role") == "model":
            raise Refused(
                "Please ensure that the last content has the role user: prefill is not supported by this model."
            )
        return pieces

    def _part(self, part: dict[str, Any]) -> list[tuple[str, int, str]]:
        known(part, _PART, "contents.parts")
        kinds = [k for k in ("text", "inlineData", "fileData") if k in part]
        if len(kinds) != 1:
            raise Refused("contents.parts: required oneof field 'data' must have one initialized field")
        if "text" in part:
            return [text_piece(text(part["text"], "text"))]
        if "mediaProcessing" in part:
            one_of(part["mediaProcessing"], ("STATIC", "AGENTIC"), "media_processing")
        mime, content = self._inline(part) if "inlineData" in part else self._file(part)
        return _media(mime, content, mapping(part.get("videoMetadata", {}), "video_metadata"))

    def _inline(self, part: dict[str, Any]) -> tuple[str, bytes]:
        blob = mapping(part["inlineData"], "inline_data")
        known(blob, ("mimeType", "data", "displayName"), "inline_data")
        return text(blob.get("mimeType"), "mime_type"), unpack(blob.get("data"), "inline_data.data", web_safe=True)

    def _file(self, part: dict[str, Any]) -> tuple[str, bytes]:
        data = mapping(part["fileData"], "file_data")
        known(data, ("mimeType", "fileUri", "displayName"), "file_data")
        uri = text(data.get("fileUri"), "file_uri")
        for file in self.state.files.values():
            if file["uri"] == uri and file["state"] == "ACTIVE":
                return file["mimeType"], file["content"]
        name = uri.rpartition("/")[2]
        raise Refused(f"You do not have permission to access the File {name} or it may not exist.", 403)

    def _held(self, tree: dict[str, Any], model: str) -> list[tuple[str, int, str]]:
        name = tree.get("cachedContent")
        if name is None:
            return []
        cache = self.state.caches.get(name)
        if cache is None:
            raise Refused("CachedContent not found (or permission denied)", 403)
        if cache["model"] != f"models/{model}" or "systemInstruction" in tree:
            raise Refused("CachedContent can not be used with GenerateContent request setting system_instruction")
        return list(cache["pieces"])

    def error(self, status: int, message: str, code: str = "", where: str = "") -> Failed:
        """Return ``{"error": {code, message, status}}``."""
        del code, where
        return Failed(status, {"error": {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}})

    def fault(self, fault: Fault, asked: Asked | None) -> Failed | None:
        """Return a fault's error."""
        status, message = _ERRORS.get(fault.kind, (0, ""))
        if not status:
            return None
        failed = self.error(status, message)
        if fault.kind == "overflow" and asked is not None:
            return self.overflow(sum(asked.tokens().values()), self.state.window or 0, asked)
        details = failed.body["error"].setdefault("details", [])
        if fault.delay is not None:
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{fault.delay:g}s"})
        if fault.kind == "quota":
            violation = {"quotaMetric": "requests", "quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
            details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]})
        return Failed(status, failed.body, fault.headers)

    def overflow(self, tokens: int, window: int, asked: Asked) -> Failed:
        """Return Gemini's words."""
        del asked
        words = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window})."
        return self.error(400, words)

    def answer(self, asked: Asked, text: str, bill: Bill, kind: str) -> dict[str, Any]:
        """Return a GenerateContentResponse."""
        response: dict[str, Any] = {
            "candidates": [_candidate(text, kind)],
            "usageMetadata": {**_usage(bill), "serviceTier": self.state.tier or asked.tier},
            "modelVersion": asked.model,
            "responseId": f"resp-{bill.digest}",
        }
        if kind == "empty":
            del response["candidates"]
        if kind == "blocked":
            del response["candidates"]
            response["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
        if kind == "no_usage":
            del response["usageMetadata"]
        return response

    def chunks(self, answer: dict[str, Any]) -> list[bytes]:
        """Return one chunk a piece of text; only the last one holds the finish reason."""
        candidate = (answer.get("candidates") or [{}])[0]
        parts = (candidate.get("content") or {}).get("parts") or []
        early = [
            event({"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}, "index": 0}]})
            for part in parts
            for piece in pieces_of(part["text"])
        ]
        last = (
            {**answer, "candidates": [{**candidate, "content": {"role": "model", "parts": []}}]}
            if candidate
            else answer
        )
        return [*early, FINISH, event(last)]


_ERRORS = {
    "rate_limit": (429, "You exceeded your current quota for requests per minute."),
    "quota": (429, "You exceeded your current quota, please check your plan and billing details."),
    "server_error": (500, "An internal error has occurred. Please retry."),
    "unavailable": (503, "The model is overloaded. Please try again later."),
    "overloaded": (529, "The service is overloaded."),
    "gateway_timeout": (504, "The request timed out. Please try again."),
    "unauthorized": (401, "Request had invalid authentication credentials."),
    "forbidden": (403, "The caller does not have permission."),
    "no_such_model": (404, "models/x is not found for API version v1."),
    "bad_request": (400, "Request contains an invalid argument."),
    "too_large_early": (413, "Request payload size exceeds the limit."),
    "overflow": (400, ""),
    "lost_file": (403, "You do not have permission to access the File abc or it may not exist."),
    "error_in_200": (200, "The model behind this gateway failed."),
}


def _check_config(config: dict[str, Any]) -> None:
    if "maxOutputTokens" in config:
        whole(config["maxOutputTokens"], "max_output_tokens")
    if len(config.get("stopSequences", ())) > 5:  # noqa: PLR2004 - the real limit
        raise Refused("stop_sequences: at most 5")
    thinking = mapping(config.get("thinkingConfig", {}), "thinking_config")
    known(thinking, ("thinkingLevel", "thinkingBudget", "includeThoughts"), "thinking_config")
    if "thinkingLevel" in thinking:
        one_of(thinking["thinkingLevel"], _LEVELS, "thinking_level")
    if "mediaResolution" in config:
        one_of(config["mediaResolution"], _RESOLUTIONS, "media_resolution")


def _media(mime: str, content: bytes, pins: dict[str, Any]) -> list[tuple[str, int, str]]:
    known(pins, ("fps", "startOffset", "endOffset", "contentLayers"), "video_metadata")
    kind = mime.partition("/")[0]
    if kind == "image":
        return [image_piece(content, "inline_data")]
    if kind == "audio":
        return [sound_piece(content, "inline_data")]
    if kind != "video":
        raise Refused(f"Unsupported MIME type: {mime}")
    fps, layers = pins.get("fps", 1.0), pins.get("contentLayers", ["FRAMES", "AUDIO"])
    if not isinstance(fps, (int, float)) or not 0 < fps <= _MOST_FPS:
        raise Refused("fps: must be in (0.0, 24.0]")
    film = [film_piece(content, float(fps), "inline_data")] if "FRAMES" in layers else []
    return [*film, *([sound_piece(content, "inline_data")] if "AUDIO" in layers else [])]


def known(tree: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    """Refuse fields that the interface does not have."""
    for name in tree:
        if name not in names:
            raise Refused(f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field.")


def camel(tree: Any) -> Any:
    """Spell field names in camelCase, as the real server takes both spellings."""
    if isinstance(tree, list):
        return [camel(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    return {_SNAKE.sub(lambda m: m[1].upper(), name): camel(value) for name, value in tree.items()}


def _candidate(text: str, kind: str) -> dict[str, Any]:
    parts = [] if kind in {"refused", "spent_on_reasoning", "null_content"} else [{"text": text}]
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if kind == "null_content":
        del candidate["content"]
    candidate["finishReason"] = _FINISH_OF.get(kind, "STOP")
    return candidate


def _usage(bill: Bill) -> dict[str, Any]:
    details = [{"modality": kind.upper(), "tokenCount": n} for kind, n in bill.tokens.items() if n]
    usage: dict[str, Any] = {
        "promptTokenCount": bill.prompt,
        "candidatesTokenCount": bill.output - bill.reasoning,
        "totalTokenCount": bill.prompt + bill.output,
        "promptTokensDetails": details,
    }
    if bill.cached:
        usage["cachedContentTokenCount"] = bill.cached
    if bill.reasoning:
        usage["thoughtsTokenCount"] = bill.reasoning
    return usage
