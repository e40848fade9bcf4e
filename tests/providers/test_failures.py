"""Providers' own words, read: what is a context that is too long, and what only looks like it."""

from __future__ import annotations

import json

import pytest

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.providers.base import Raw
from lm_eval_longctx.providers.failures import (
    read_broken,
    read_failure,
    read_refusal_to_answer,
    server_wait,
)
from lm_eval_longctx.providers.phrases import CONTEXT, TOKENS_PER_MINUTE

TOO_LONG = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
    "prompt is too long: 207791 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000",
    "The input token count (2845475) exceeds the maximum number of tokens allowed (1048576).",
    "This model's maximum context length is 1024 tokens. However, your prompt contains at least 1025 input tokens",
    "However, your prompt contains 40000 characters (more than 13312 characters). This model's maximum context length",
    "max_tokens must be at least 1, got 0.",
    "max_tokens=5000 cannot be greater than max_model_len=1024.",
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "Requested token count exceeds the model's maximum context length of 8192 tokens.",
    "the request exceeds the available context size, try increasing it",
)
NOT_TOO_LONG = (
    "At most 2 video(s) may be provided in one prompt.",
    "Too much media: 0 document pages + 102 images > 100",
    "The prompt has 20 video files but the model only supports up to 10",
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 31538.",
    "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 20000, Requested 12000. Try in 644ms",
    "max_logprobs: requested 30, the maximum is 20",
    "Request exceeds the maximum size",
)


def refused(status: int, error: object, **headers: str):
    return read_refusal_to_answer(Raw(status, headers, b""), read_failure(json.dumps(error).encode()))


@pytest.mark.parametrize("words", TOO_LONG)
def test_a_context_that_is_too_long_is_known_in_eleven_servers_words(words):
    """Each known wording of an overflow is an overflow and is never asked again."""
    decoded = refused(400, {"error": {"message": words, "code": 400}})
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.CONTEXT_EXCEEDED, "never")
    assert words[:40] in decoded.completion.detail


@pytest.mark.parametrize("words", NOT_TOO_LONG)
def test_other_limits_are_not_taken_for_an_overflow(words):
    """Limits of media, rates and log-probabilities are no overflow."""
    assert not CONTEXT.search(words)
    assert refused(400, {"error": {"message": words}}).completion.outcome is not Outcome.CONTEXT_EXCEEDED


def test_a_request_beyond_the_rate_itself_is_not_asked_again():
    """A request larger than the tokens per minute is permanent; one that has to wait is not."""
    too_large, wait = NOT_TOO_LONG[3:5]
    assert TOKENS_PER_MINUTE.search(too_large)
    assert refused(429, {"error": {"message": too_large, "code": "rate_limit_exceeded"}}).retry.kind == "never"
    assert refused(429, {"error": {"message": wait, "code": "rate_limit_exceeded"}}).retry.kind == "rate_limit"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "a"}}, "a"),
        ([{"error": {"message": "a", "status": "INVALID_ARGUMENT"}}], "a"),
        ({"type": "error", "error": {"type": "api_error", "message": "a"}}, "a"),
        ({"object": "error", "message": "a", "code": 400}, "a"),
        ({"error": "a"}, "a"),
        ({"detail": "a"}, "a"),
        ({"detail": [{"loc": ["body"], "msg": "a"}]}, "[{'loc': ['body'], 'msg': 'a'}]"),
    ],
)
def test_an_error_is_read_in_every_shape(body, message):
    """The words of an error are found wherever a server puts them."""
    assert read_failure(json.dumps(body).encode()).message == message


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"1", b"\xff\xfe", b"<html><b>502</b> Bad Gateway</html>", b'{"error":']
)
def test_an_error_that_is_no_json_is_read_too(body):
    """Whatever an error's body is, it is read without an exception."""
    decoded = read_refusal_to_answer(Raw(502, {}, body), read_failure(body))
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.TRANSPORT_FAILED, "transient")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Mon, 23 Nov 2026 10:01:00 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 60.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:01:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read(headers, wait):
    """A wait is read from any header that providers use, and nonsense is ignored."""
    assert server_wait(headers, read_failure(b"{}")) == wait


def test_a_wait_in_the_body_is_read():
    """Gemini's retryDelay is a wait."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"}
    assert refused(429, {"error": {"message": "x", "details": [detail]}}).retry.after == 12.5


def test_a_wire_that_broke_before_the_body_was_out_cost_nothing():
    """Only a request that went out whole may have been billed."""
    before = read_broken(Raw(0, error="no connection", sent=False))
    after = read_broken(Raw(0, error="the connection broke", sent=True))
    assert (before.completion.outcome, before.retry.billed) == (Outcome.TRANSPORT_FAILED, False)
    assert (after.completion.outcome, after.retry.billed) == (Outcome.POSSIBLY_BILLED, True)


def test_a_certificate_that_is_refused_stops_the_run():
    """No later call can succeed either."""
    assert read_broken(Raw(0, error="certificate refused: self-signed", sent=False)).retry.kind == "stop_run"
