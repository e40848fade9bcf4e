"""Reading failures: from a status and a provider's own words to an outcome and a decision.

Three things are told apart: the state of the account, which stops the run; a
fact of the question, which ends it alone; and a fault of a server, which
passes. Status, codes and headers say which; the words of ``phrases`` do where
they do not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.providers import phrases
from lm_eval_longctx.providers.base import Decoded, Raw, Retry
from lm_eval_longctx.providers.parsing import loads, parsed, table
from lm_eval_longctx.providers.transport import ARRIVED, certificate_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_SENT = "not sent: "
"""How the error of a request begins that could not even be made; asking again would not make it."""

NOT_TAKEN = f"{NOT_SENT}unsupported: "
"""How the error of a request begins that was made, and that the model does not take."""

_NO_QUOTA = frozenset(
    {
        "insufficient_quota",
        "billing_not_active",
        "billing_error",
        "access_terminated",
        "account_deactivated",
        "exceeded_current_quota_error",
        "insufficient_user_quota",
        "Arrearage",
    }
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
_FILE_CODES = frozenset({"file_expired", "file_expired_error", "image_file_not_found"})

_BAD_REQUEST = frozenset({400, 422})
_LATE = frozenset({504, 524})
"""A gateway gave up waiting: the model behind it may have gone on, and been billed."""

_STOP_STATUS = frozenset({401, 402, 403, 404, 410})
_MOVED = range(300, 400)
_TRANSIENT = frozenset({408, 409, 425, 429, 499})
_LASTING = frozenset({501, 505})
"""Errors of a server that will be the same next time."""

_CONTEXT_STATUS = frozenset({400, 413, 422, 500})
_OK, _FORBIDDEN, _TOO_LARGE, _TOO_MANY, _BROKEN, _OVERLOADED = 200, 403, 413, 429, 500, 529
_WORDS = 600
"""Characters of a provider's own words that are kept."""

_MESSAGES = ("message", "msg", "Message", "error_msg", "errorMessage", "error_message", "status_msg", "faultstring")
_CODES = ("code", "type", "status", "reason", "error_code", "error_type", "status_code", "__type")
_WHERE = ("error", "errors", "detail", "fault", "base_resp")
"""Where a server puts its error."""

_ANSWERS = ("choices", "candidates", "content", "output")
"""What a response with an answer has."""

_FINE = frozenset({"", "0", "ok", "success", "none", "null", "false", "200"})


@dataclass(frozen=True)
class Failure:
    """What a provider said about a failure.

    Attributes:
        message: In its own words.
        codes: All machine-readable codes, types and reasons.
        delay: Seconds that it asks to wait in the body (Gemini), or ``None``.
        quotas: Names of the quotas that were used up (Gemini).
        page: Whether it is no error of an API, but a page, or nothing: something in between said it.
    """

    message: str = ""
    codes: frozenset[str] = frozenset()
    delay: float | None = None
    quotas: tuple[str, ...] = ()
    page: bool = False


def read_failure(body: bytes) -> Failure:
    """Read a failure in any shape: OpenAI's, Anthropic's, Gemini's, FastAPI's, plain text, HTML."""
    value = loads(body)
    found = parsed(Raw(0, body=body)).events or () if value is None else ()
    inside = (failure_of(event.data, refused=True) for event in found)  # an error sent as an event
    failure = failure_of(value, refused=True) if value is not None else next((f for f in inside if f), None)
    return failure or Failure(_plain(body), page=not isinstance(value, dict))


def failure_of(value: Any, *, refused: bool = False) -> Failure | None:
    """Return the failure in a parsed answer, or ``None`` if there is none.

    Args:
        value: The JSON.
        refused: Whether the status says that there is one, wherever it stands.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    answered = not refused and any(_says(value.get(name)) for name in _ANSWERS)
    places = _WHERE[:1] if answered else _WHERE  # beside an answer, the rest are remarks
    named = next((value[name] for name in places if _says(value.get(name)) and value[name] is not True), None)
    error = value if named is None and _is_error(value, refused=refused) else named
    if isinstance(error, list) and len(error) == 1 and isinstance(error[0], dict) and "loc" not in error[0]:
        error = error[0]
    if error is None:
        return None
    if not isinstance(error, dict):
        return Failure(_text(_without_input(error))[:_WORDS], _codes(value))
    found = error.get("details")
    details = [d for d in found if isinstance(d, dict)] if isinstance(found, list) else []
    codes = _codes(error).union(*map(_codes, details), _codes(found), _codes(error.get("innererror")))
    words = " ".join(filter(None, (_message(error) or _text(error), _behind(error))))[: 2 * _WORDS]
    return Failure(words, codes, _delay(details), _quotas(details))


def _without_input(error: Any) -> Any:
    """Leave out the prompt, which FastAPI repeats: its words say nothing about the failure."""
    if not isinstance(error, list):
        return error
    return [{k: v for k, v in item.items() if k != "input"} if isinstance(item, dict) else item for item in error]


def _says(value: Any) -> bool:
    """Whether the place of an error holds one: some servers leave an empty one beside an answer."""
    if isinstance(value, dict):
        return any(_says(v) if not isinstance(v, dict | list) else bool(v) for v in value.values())
    if isinstance(value, list):
        return bool(value)
    return value is not None and str(value).strip().lower() not in _FINE


def _is_error(value: dict[str, Any], *, refused: bool) -> bool:
    """Whether a whole response is an error: it says so, or has words and a code where an answer should be."""
    if any(_says(value.get(name)) for name in _ANSWERS) or not _message(value):
        return False
    named = value.get("object") == "error" or value.get("type") == "error" or value.get("success") is False
    return refused or named or value.get("error") is True or _says(value.get("code"))


def _message(error: dict[str, Any]) -> str:
    return next((error[name] for name in _MESSAGES if isinstance(error.get(name), str) and error[name]), "")


def _behind(error: dict[str, Any]) -> str:
    """Return what the server behind a router said (OpenRouter), and why a prompt was flagged."""
    told = table(error.get("metadata"))
    return " ".join(_text(told[name])[:_WORDS] for name in ("raw", "reasons") if _says(told.get(name)))


def _text(value: Any) -> str:
    try:
        return value if isinstance(value, str) else str(value)
    except (RecursionError, ValueError):  # nested without an end, or a number of thousands of digits
        return "(an error that cannot be shown)"


def _codes(error: Any) -> frozenset[str]:
    found = [table(error).get(name) for name in _CODES]
    return frozenset(_text(code)[:_WORDS] for code in found if isinstance(code, str | int) and code)


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
    """Count from the server's own clock, or from ours if it does not tell its time."""
    now = headers.get("date") or headers.get(ARRIVED, "")
    try:
        later, sooner = parsedate_to_datetime(headers["retry-after"]), parsedate_to_datetime(now)
        return max(0.0, (later - sooner).total_seconds())
    except (KeyError, TypeError, ValueError, OverflowError):
        return otherwise


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def read_broken(raw: Raw) -> Decoded:
    """Read a call whose wire failed before or during the answer."""
    detail = raw.error or "the answer ended before its end"
    if raw.error.startswith(NOT_TAKEN):
        return Decoded(_failed(raw, Outcome.UNSUPPORTED, detail), Retry("never"))
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
    ruling = _ruled(code, failure, raw.headers)
    said = " ".join(filter(None, (_elsewhere(raw), failure.message[:_WORDS]))) or "(the server said nothing)"
    detail = f"{code}: {said}"
    after = server_wait(raw.headers, failure) if ruling.kind in {"rate_limit", "transient"} else None
    begun = raw.headers.get("content-type", "").startswith("text/event-stream")  # the model had started to answer
    billed = ruling.outcome is Outcome.POSSIBLY_BILLED or (begun and raw.status == _OK and ruling.kind != "never")
    return Decoded(_failed(raw, ruling.outcome, ruling.words + detail), Retry(ruling.kind, after, billed))


def _elsewhere(raw: Raw) -> str:
    """Say where a server sends us that says nothing else."""
    where = raw.headers.get("location", "")
    return f"(the server sends us on to {where}: give that address)" if where else ""


class Ruling(NamedTuple):
    """What a failure means."""

    outcome: Outcome
    kind: str
    words: str = ""


_ENDS_RUN = Ruling(Outcome.TRANSPORT_FAILED, "stop_run")
_LATER = Ruling(Outcome.TRANSPORT_FAILED, "rate_limit")
_AGAIN = Ruling(Outcome.TRANSPORT_FAILED, "transient")
_NOT_NOW = Ruling(Outcome.TRANSPORT_FAILED, "never")


def _ruled(status: int, failure: Failure, headers: Mapping[str, str]) -> Ruling:
    """Decide what a failure means: account, question, or server; most special case first."""
    said = " ".join((failure.message, *sorted(failure.codes)))
    ruling = _by_account(status, failure, said, headers) or _by_question(status, failure, said)
    return ruling or _by_server(status, said, headers)


def _by_account(status: int, failure: Failure, said: str, headers: Mapping[str, str]) -> Ruling | None:
    """Find what no question of this run can get past."""
    if failure.codes & (_NO_KEY | _NO_QUOTA):
        return _ENDS_RUN
    if any("PerDay" in quota for quota in failure.quotas) or (status == _TOO_MANY and _nothing_allowed(said, headers)):
        return _ENDS_RUN
    refused = 400 <= status <= _BROKEN and not failure.page  # noqa: PLR2004 - a refusal, or what passes for an error
    if refused and (phrases.ACCOUNT.search(said) or (status != _TOO_MANY and phrases.KEY.search(said))):
        return _ENDS_RUN
    return _ENDS_RUN if refused and status < _TOO_LARGE and phrases.NO_MODEL.search(said) else None


def _nothing_allowed(said: str, headers: Mapping[str, str]) -> bool:
    limits = (headers.get(f"x-ratelimit-limit-{kind}") for kind in ("requests", "tokens"))
    return bool(phrases.NO_QUOTA.search(said)) or "0" in limits


def _by_question(status: int, failure: Failure, said: str) -> Ruling | None:  # noqa: PLR0911 - a table of cases
    """Find what is a fact of this question: others may pass."""
    if failure.codes & _FILE_CODES or (status < _TOO_MANY and phrases.LOST_FILE.search(said)):
        return _AGAIN
    if phrases.TOKENS_PER_MINUTE.search(said):
        return _NOT_NOW
    if failure.page and status == _FORBIDDEN:  # a firewall, which says nothing about the question
        return _AGAIN
    if status != _TOO_MANY and phrases.CONTEXT.search(said):
        return Ruling(Outcome.CONTEXT_EXCEEDED, "never")
    if failure.codes & _BLOCKED or (status not in {401, 402, _TOO_MANY} and phrases.FLAGGED.search(said)):
        return Ruling(Outcome.BLOCKED, "never")
    if status in _CONTEXT_STATUS and phrases.TOO_LONG.search(said) and not phrases.OTHER_LIMIT.search(said):
        return Ruling(Outcome.CONTEXT_EXCEEDED, "never", "probably too long: ")
    return _AGAIN if status < _TOO_LARGE and phrases.OTHER_FIELD.search(said) else None


def _by_server(status: int, said: str, headers: Mapping[str, str]) -> Ruling:
    """Find whether a server would answer later."""
    if 400 <= status <= _BROKEN and status not in _TRANSIENT and phrases.CROWDED.search(said):  # noqa: PLR2004
        return _LATER
    if status in _STOP_STATUS or status in _MOVED:
        return _ENDS_RUN
    if status in _TRANSIENT or (status >= _BROKEN and status not in _LASTING):
        return _passing(status, headers)
    return _AGAIN if headers.get("x-should-retry") == "true" else Ruling(Outcome.UNSUPPORTED, "never")


def _passing(status: int, headers: Mapping[str, str]) -> Ruling:
    if headers.get("x-should-retry") == "false":
        return _NOT_NOW
    if status in _LATE:
        return Ruling(Outcome.POSSIBLY_BILLED, "transient")
    return _LATER if status in {_TOO_MANY, _OVERLOADED} else _AGAIN


def _failed(raw: Raw, outcome: Outcome, detail: str) -> Completion:
    return Completion("", outcome, detail=" ".join(detail.split()), seconds=raw.seconds)


def failed_on_file(raw: Raw) -> bool:
    """Whether a call failed because an uploaded file or cache is gone."""
    if raw.status == _OK or not raw.body:
        return False
    failure = read_failure(raw.body)
    return bool(failure.codes & _FILE_CODES) or bool(
        raw.status < _TOO_MANY and phrases.LOST_FILE.search(failure.message)
    )


def refuses_temperature(raw: Raw) -> bool:
    """Whether a server refused a request because the model takes no temperature, or not this one."""
    refused = raw.status in _BAD_REQUEST and bool(raw.body)
    return refused and bool(phrases.TEMPERATURE.search(read_failure(raw.body).message))


def wants_other_field(raw: Raw) -> bool:
    """Whether a server refused a request only because it wants the output limit under its newer name."""
    refused = 400 <= raw.status < _TOO_LARGE  # noqa: PLR2004 - the client's errors
    return refused and bool(phrases.OTHER_FIELD.search(read_failure(raw.body).message))
