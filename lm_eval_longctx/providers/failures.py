"""Reading failures: from a status and a provider's own words to an outcome and a decision.

The words come in many shapes; the decision is made from status, codes and
headers, and from the text only where a provider says it nowhere else (a
context that is too long).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.providers.base import Decoded, Retry
from lm_eval_longctx.providers.transport import certificate_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.providers.base import Raw

NOT_SENT = "not sent: "
"""How the error of a request begins that could not even be made; asking again would not make it."""

CONTEXT = re.compile(
    r"context[_ ]length[_ ]exceeded|maximum context length|model'?s (?:maximum )?context length|prompt is too long"
    r"|input length and .?max_tokens.? exceed context limit|input token count.{0,40}exceeds the maximum"
    r"|exceeds the (?:available )?context (?:size|window|length)|exceed_context_size|longer than the model"
    r"|max_tokens must be at least 1, got (?:0|-\d+)|cannot be greater than max_model_len"
    r"|reduce the length of the (?:input|prompt|messages)",
    re.IGNORECASE | re.DOTALL,
)
"""Says that a context is too long, in the words of eleven servers."""

PERMANENT_TPM = re.compile(
    r"request too large for .* tokens per min.*limit:? (\d+).*requested:? (\d+)", re.IGNORECASE | re.DOTALL
)
"""A single request that is larger than the account's tokens per minute: waiting never helps."""

_NO_QUOTA = frozenset(
    {"insufficient_quota", "billing_not_active", "billing_error", "access_terminated", "account_deactivated"}
)
_NO_KEY = frozenset({"API_KEY_INVALID", "invalid_api_key", "authentication_error", "permission_error"})
_BLOCKED = frozenset(
    {
        "bio_policy",
        "content_filter",
        "content_policy_violation",
        "cyber_policy",
        "invalid_prompt",
        "image_content_policy_violation",
        "misalignment_policy_violation",
    }
)
_LOST_FILE = re.compile(
    r"permission to access the file|file .{0,80}(?:not exist|not found|expired|no longer)|no such file object"
    r"|cache miss for .{0,40}data is not provided|cachedcontent not found",
    re.IGNORECASE | re.DOTALL,
)
_FILE_CODES = frozenset({"file_expired", "file_expired_error", "image_file_not_found"})

_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_LATE = frozenset({504, 524})
"""A gateway gave up waiting: the model behind it may have gone on, and been billed."""

_STOP_STATUS = frozenset({401, 402, 403, 404, 410})
_OK, _TOO_LARGE, _TOO_MANY, _OVERLOADED = 200, 413, 429, 529
_WORDS = 600
"""Characters of a provider's own words that are kept."""


@dataclass(frozen=True)
class Failure:
    """What a provider said about a failure.

    Attributes:
        message: In its own words.
        codes: All machine-readable codes, types and reasons.
        delay: Seconds that it asks to wait in the body (Gemini), or ``None``.
        quotas: Names of the quotas that were used up (Gemini).
    """

    message: str = ""
    codes: frozenset[str] = frozenset()
    delay: float | None = None
    quotas: tuple[str, ...] = ()


def read_failure(body: bytes) -> Failure:
    """Read a failure in any shape: OpenAI's, Anthropic's, Gemini's, FastAPI's, plain text, HTML."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Failure(_plain(body))
    return failure_of(value) or Failure(_plain(body))


def failure_of(value: Any) -> Failure | None:
    """Return the failure in a parsed answer, or ``None`` if there is none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error", value if value.get("object") == "error" else value.get("detail"))
    if isinstance(error, str):
        return Failure(error[:_WORDS], _codes(value))
    if isinstance(error, list):
        return Failure(str(error)[:_WORDS])
    if not isinstance(error, dict):
        return None
    details = (
        [d for d in error.get("details") or () if isinstance(d, dict)] if isinstance(error.get("details"), list) else []
    )
    codes = _codes(error).union(*(_codes(d) for d in details), _codes(error.get("details")))
    return Failure(str(error.get("message", error))[:_WORDS], codes, _delay(details), _quotas(details))


def _codes(error: Any) -> frozenset[str]:
    if not isinstance(error, dict):
        return frozenset()
    return frozenset(str(error[k]) for k in ("code", "type", "status", "reason", "error_code") if error.get(k))


def _delay(details: list[dict[str, Any]]) -> float | None:
    for detail in details:
        seconds = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay", "")))
        if seconds:
            return float(seconds[1])
    return None


def _quotas(details: list[dict[str, Any]]) -> tuple[str, ...]:
    found = (v for d in details for v in d.get("violations") or () if isinstance(v, dict))
    return tuple(str(v.get("quotaId", "")) for v in found)


def _plain(body: bytes) -> str:
    """The readable part of a page or a text."""
    text = re.sub(r"<[^>]*>", " ", body[:8000].decode(errors="replace"))
    return " ".join(text.split())[:_WORDS]


def server_wait(headers: Mapping[str, str], failure: Failure) -> float | None:
    """Return the seconds that the server asks to wait, or ``None``.

    Args:
        headers: The response's, in lower case. A date in ``retry-after`` is
            compared with the response's own ``date``.
        failure: What its body said.
    """
    wait = _number(headers.get("retry-after-ms"))
    if wait is not None:
        return wait / 1000
    wait = _number(headers.get("retry-after"))
    return wait if wait is not None else _until(headers, failure.delay)


def _until(headers: Mapping[str, str], otherwise: float | None) -> float | None:
    try:
        later, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
    except (KeyError, TypeError, ValueError):
        return otherwise
    return max(0.0, (later - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value >= 0 else None


def read_broken(raw: Raw) -> Decoded:
    """Read a call whose wire failed before or during the answer."""
    detail = raw.error or "the answer ended before its end"
    if raw.error.startswith(NOT_SENT):
        return Decoded(_failed(raw, Outcome.TRANSPORT_FAILED, detail), Retry("never"))
    if certificate_refused(raw):
        return Decoded(_failed(raw, Outcome.TRANSPORT_FAILED, detail), Retry("stop_run"))
    if not raw.sent:
        return Decoded(_failed(raw, Outcome.TRANSPORT_FAILED, detail), Retry("transient"))
    return Decoded(_failed(raw, Outcome.POSSIBLY_BILLED, detail), Retry("transient", billed=True))


def read_refusal_to_answer(raw: Raw, failure: Failure, *, status: int | None = None) -> Decoded:
    """Read an error that a server reported.

    Args:
        raw: What came back.
        failure: Its words.
        status: The status that counts, where the response's own says nothing
            (an error inside a 200).
    """
    code = raw.status if status is None else status
    outcome, kind = _judge(code, failure, raw.headers)
    detail = f"{code}: {failure.message}" if failure.message else f"{code}: (the server said nothing)"
    after = server_wait(raw.headers, failure) if kind in {"rate_limit", "transient"} else None
    begun = raw.headers.get("content-type", "").startswith("text/event-stream")  # the model had started to answer
    billed = outcome is Outcome.POSSIBLY_BILLED or (begun and kind != "never")
    return Decoded(_failed(raw, outcome, detail), Retry(kind, after, billed))


def _judge(status: int, failure: Failure, headers: Mapping[str, str]) -> tuple[Outcome, str]:  # noqa: PLR0911 - a table of cases
    """Decide what a failure means, most special case first."""
    if failure.codes & _NO_KEY or failure.codes & _NO_QUOTA or _no_quota_today(failure):
        return Outcome.TRANSPORT_FAILED, "stop_run"
    if failure.codes & _FILE_CODES or (status < _TOO_MANY and _LOST_FILE.search(failure.message)):
        return Outcome.TRANSPORT_FAILED, "transient"
    if PERMANENT_TPM.search(failure.message):
        return Outcome.TRANSPORT_FAILED, "never"
    if CONTEXT.search(failure.message) or "context_length_exceeded" in failure.codes:
        return Outcome.CONTEXT_EXCEEDED, "never"
    if failure.codes & _BLOCKED:
        return Outcome.BLOCKED, "never"
    if status in _STOP_STATUS:
        return Outcome.TRANSPORT_FAILED, "stop_run"
    if status in _TRANSIENT:
        return _passing(status, headers)
    if headers.get("x-should-retry") == "true":
        return Outcome.TRANSPORT_FAILED, "transient"
    return Outcome.UNSUPPORTED, "never"


def _passing(status: int, headers: Mapping[str, str]) -> tuple[Outcome, str]:
    if headers.get("x-should-retry") == "false":
        return Outcome.TRANSPORT_FAILED, "never"
    if status in _LATE:
        return Outcome.POSSIBLY_BILLED, "transient"
    return Outcome.TRANSPORT_FAILED, "rate_limit" if status in {_TOO_MANY, _OVERLOADED} else "transient"


def _no_quota_today(failure: Failure) -> bool:
    """Whether a quota of a whole day is used up (Gemini names it)."""
    return any("PerDay" in quota for quota in failure.quotas)


def _failed(raw: Raw, outcome: Outcome, detail: str) -> Completion:
    return Completion("", outcome, detail=" ".join(detail.split()), seconds=raw.seconds)


def failed_on_file(raw: Raw) -> bool:
    """Whether a call failed because an uploaded file or cache is gone."""
    if raw.status == _OK or not raw.body:
        return False
    failure = read_failure(raw.body)
    return bool(failure.codes & _FILE_CODES) or bool(raw.status < _TOO_MANY and _LOST_FILE.search(failure.message))
