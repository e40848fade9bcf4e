"""What OpenAI's two interfaces share: keys, errors, strictness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.testing.formats.base import Failed, Format
from lm_eval_longctx.testing.strict import Refused, mapping, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.state import Asked, Bill, Fault

THINKING = ("gpt-6", "gpt-5", "o3")
"""Families that refuse sampling settings."""

_MARKS = 4
"""Beginnings that are kept of one request."""


class OpenAI(Format):
    """Keys and errors as OpenAI has them."""

    KEY_NEEDED = True

    def authorized(self, headers: Mapping[str, str]) -> Failed | None:
        """Look at ``Authorization``."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if not key and not self.KEY_NEEDED:
            return None
        if scheme != "Bearer" or not key:
            return self.error(401, "You didn't provide an API key.", "missing_api_key")
        return (
            None
            if key in self.state.keys
            else self.error(401, f"Incorrect API key provided: {key}.", "invalid_api_key")
        )

    def error(self, status: int, message: str, code: str = "", where: str = "") -> Failed:
        """Return ``{"error": {message, type, param, code}}``."""
        kind = "server_error" if status >= 500 else "requests" if status == 429 else "invalid_request_error"  # noqa: PLR2004
        error = {"message": message, "type": kind, "param": where or None, "code": code or None}
        return Failed(status, {"error": error})

    def fault(self, fault: Fault, asked: Asked | None) -> Failed | None:
        """Return a fault's error."""
        if fault.kind == "overflow" and asked is not None:
            return self.overflow(sum(asked.tokens().values()), self.state.window or 0, asked)
        if fault.kind not in _ERRORS:
            return None
        status, code, message = _ERRORS[fault.kind]
        failed = self.error(status, message, code)
        if fault.kind == "error_in_200":
            failed = Failed(200, {"error": {"message": message, "code": 502}})
        return Failed(failed.status, failed.body, fault.headers)

    def overflow(self, tokens: int, window: int, asked: Asked) -> Failed:
        """Return OpenAI's words."""
        words = (
            f"This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} "
            f"tokens and you asked for {asked.max_output}. Please reduce the length of the messages."
        )
        return self.error(400, words, "context_length_exceeded", "messages")


_ERRORS = {
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached for requests. Please try again in 1s."),
    "quota": (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "too_large_for_tpm": (
        429,
        "rate_limit_exceeded",
        "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 31538.",
    ),
    "server_error": (500, "server_error", "The server had an error while processing your request."),
    "unavailable": (503, "", "The engine is currently overloaded, please try again later."),
    "overloaded": (529, "", "The service is overloaded."),
    "gateway_timeout": (504, "", "upstream request timeout"),
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided."),
    "forbidden": (403, "", "Country, region, or territory not supported."),
    "no_such_model": (404, "model_not_found", "The model `x` does not exist or you do not have access to it."),
    "bad_request": (400, "invalid_value", "Invalid value."),
    "too_large_early": (413, "", "Maximum content size limit exceeded."),
    "overflow": (400, "context_length_exceeded", ""),
    "lost_file": (404, "image_file_not_found", "The file was not found."),
    "error_in_200": (200, "", "The model behind this gateway failed."),
}


def known(tree: dict[str, Any], names: frozenset[str], where: str = "") -> None:
    """Refuse parameters that the interface does not have."""
    for name in tree:
        if name not in names:
            path = f"{where}.{name}" if where else name
            raise Refused(f"Unknown parameter: '{path}'.", code="unknown_parameter", where=path)


def no_sampling(tree: dict[str, Any]) -> None:
    """Refuse sampling settings for models that think."""
    if not str(tree.get("model", "")).startswith(THINKING):
        return
    for name in ("temperature", "top_p", "top_logprobs", "stop", "seed", "max_tokens"):
        if name in tree:
            words = f"Unsupported parameter: '{name}' is not supported with this model."
            raise Refused(words, code="unsupported_parameter", where=name)


def chat_usage(bill: Bill, media: dict[str, int]) -> dict[str, Any]:
    """Return a chat completion's usage."""
    details: dict[str, Any] = {"cached_tokens": bill.cached, "cache_write_tokens": bill.written}
    if media:
        details["multimodal_tokens"] = media
    return {
        "prompt_tokens": bill.prompt,
        "completion_tokens": bill.output,
        "total_tokens": bill.prompt + bill.output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": bill.reasoning},
    }


def ends_beginning(part: dict[str, Any]) -> bool:
    """Whether a part is marked as the end of a beginning that is to be kept."""
    mark = part.get("prompt_cache_breakpoint")
    if mark is not None:
        known(mapping(mark, "prompt_cache_breakpoint"), frozenset({"mode", "ttl"}), "prompt_cache_breakpoint")
        one_of(mark.get("mode"), ("explicit",), "prompt_cache_breakpoint.mode")
    return mark is not None


def kept_beginnings(tree: dict[str, Any], model: str, marks: list[int], whole: int) -> tuple[int, ...] | None:
    """Return where beginnings are kept: older models find any; newer ones keep the whole too, unless told not to."""
    options = mapping(tree.get("prompt_cache_options", {}), "prompt_cache_options")
    mode = one_of(options.get("mode", "implicit"), ("implicit", "explicit"), "prompt_cache_options.mode")
    if not model.startswith("gpt-6"):
        if options or marks:
            raise Refused("prompt_cache_options is not supported with this model.", where="prompt_cache_options")
        return None
    return tuple(marks[-_MARKS:]) if mode == "explicit" else (*marks[1 - _MARKS :], whole)
