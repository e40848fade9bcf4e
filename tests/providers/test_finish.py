"""Every finish state of every provider, models that answer in another's place, and answers made in the background."""

from __future__ import annotations

import asyncio
import json

import pytest

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Raw, Request, Settings
from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider
from lm_eval_longctx.testing.contract import ask, question, run
from lm_eval_longctx.testing.server import provider_classes

GEMINI = {
    "STOP": Outcome.COMPLETE,
    "MAX_TOKENS": Outcome.CUT_BY_OUTPUT_LIMIT,
    "CONTINUATION": Outcome.CUT_BY_OUTPUT_LIMIT,
    "SAFETY": Outcome.BLOCKED,
    "RECITATION": Outcome.BLOCKED,
    "LANGUAGE": Outcome.BLOCKED,
    "BLOCKLIST": Outcome.BLOCKED,
    "PROHIBITED_CONTENT": Outcome.BLOCKED,
    "SPII": Outcome.BLOCKED,
    "ESCALATION": Outcome.BLOCKED,
    "MODEL_ARMOR": Outcome.BLOCKED,
    "IMAGE_SAFETY": Outcome.BLOCKED,
    "IMAGE_PROHIBITED_CONTENT": Outcome.BLOCKED,
    "IMAGE_RECITATION": Outcome.BLOCKED,
    "IMAGE_OTHER": Outcome.BLOCKED,
    "OTHER": Outcome.MALFORMED,
    "MALFORMED_FUNCTION_CALL": Outcome.MALFORMED,
    "MALFORMED_RESPONSE": Outcome.MALFORMED,
    "UNEXPECTED_TOOL_CALL": Outcome.MALFORMED,
    "TOO_MANY_TOOL_CALLS": Outcome.MALFORMED,
    "MISSING_THOUGHT_SIGNATURE": Outcome.MALFORMED,
    "NO_IMAGE": Outcome.MALFORMED,
    "FINISH_REASON_UNSPECIFIED": Outcome.MALFORMED,
    "PUP_LIMITED_DISABLED": Outcome.TRANSPORT_FAILED,
}
ANTHROPIC = {
    "end_turn": Outcome.COMPLETE,
    "stop_sequence": Outcome.COMPLETE,
    "max_tokens": Outcome.CUT_BY_OUTPUT_LIMIT,
    "refusal": Outcome.REFUSED,
    "model_context_window_exceeded": Outcome.CONTEXT_EXCEEDED,
    "pause_turn": Outcome.MALFORMED,
    "tool_use": Outcome.MALFORMED,
}
CHAT = {
    "stop": Outcome.COMPLETE,
    "length": Outcome.CUT_BY_OUTPUT_LIMIT,
    "content_filter": Outcome.BLOCKED,
    "tool_calls": Outcome.MALFORMED,
    "function_call": Outcome.MALFORMED,
    "error": Outcome.MALFORMED,
}
INCOMPLETE = {
    "max_output_tokens": Outcome.CUT_BY_OUTPUT_LIMIT,
    "content_filter": Outcome.BLOCKED,
    "max_messages": Outcome.MALFORMED,
    "steered": Outcome.MALFORMED,
}


def provider(name: str, model: str = "m", **args):
    return provider_classes()[name](model, **{"base_url": "http://127.0.0.1:1/v1", **args})


def decoded(name: str, body: dict, request: Request | None = None, **args):
    raw = Raw(200, {"content-type": "application/json"}, json.dumps(body).encode())
    return provider(name, **args).decode(raw, request)


def gemini_body(reason: str) -> dict:
    content = {"role": "model", "parts": [{"text": "thinking", "thought": True}, {"text": "yes"}]}
    candidate = {"content": content, "finishReason": reason, "finishMessage": "in its words"}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1}}


def chat_body(reason: str | None, **message) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": "yes", **message}, "finish_reason": reason}
    return {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}


def messages_body(reason: str) -> dict:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]
    return {"model": "m", "content": content, "stop_reason": reason, "usage": {"input_tokens": 5, "output_tokens": 1}}


def responses_body(status: str, reason: str | None = None, phase: str | None = None) -> dict:
    said = [
        {"type": "message", "phase": "commentary", "content": [{"type": "output_text", "text": "Let me see. "}]},
        {"type": "message", "phase": phase, "content": [{"type": "output_text", "text": "yes"}]},
    ]
    details = {"reason": reason} if reason else None
    usage = {"input_tokens": 5, "output_tokens": 1}
    return {
        "model": "m",
        "status": status,
        "incomplete_details": details,
        "output": said,
        "usage": usage,
        "error": None,
    }


def check(found, outcome: Outcome, reason: str) -> None:
    completion = found.completion
    assert completion.outcome is outcome
    assert str(completion) == ("yes" if outcome in {Outcome.COMPLETE, Outcome.CUT_BY_OUTPUT_LIMIT} else "")
    if outcome is not Outcome.COMPLETE:
        assert reason in completion.detail


@pytest.mark.parametrize(("reason", "outcome"), GEMINI.items())
def test_geminis_finish_reasons(reason, outcome):
    """Each of Gemini's finish reasons has its outcome, with Gemini's words; thoughts are no answer."""
    found = decoded("gemini", gemini_body(reason))
    check(found, outcome, reason)
    if outcome is not Outcome.COMPLETE:
        assert "in its words" in found.completion.detail


def test_a_continuation_is_not_followed():
    """An answer that could go on for the price of the whole prompt again says so."""
    assert "it was not" in decoded("gemini", gemini_body("CONTINUATION")).completion.detail


def test_a_disabled_account_stops_the_run():
    """Gemini's word for a disabled account ends the run."""
    assert decoded("gemini", gemini_body("PUP_LIMITED_DISABLED")).retry.kind == "stop_run"


@pytest.mark.parametrize(("reason", "outcome"), ANTHROPIC.items())
def test_anthropics_stop_reasons(reason, outcome):
    """Each of Anthropic's stop reasons has its outcome; thinking is no answer."""
    check(decoded("anthropic", messages_body(reason)), outcome, reason)


@pytest.mark.parametrize(("reason", "outcome"), CHAT.items())
def test_finish_reasons_of_chat_completions(reason, outcome):
    """Each finish reason of Chat Completions has its outcome."""
    check(decoded("openai-compatible", chat_body(reason)), outcome, reason)


def test_a_refusal_of_chat_completions_is_a_refusal_whatever_its_finish_reason():
    """A refusal's words are kept, and are not the answer."""
    found = decoded("openai-compatible", chat_body("stop", content=None, refusal="I cannot."))
    assert (found.completion.outcome, str(found.completion), found.completion.detail) == (
        Outcome.REFUSED,
        "",
        "I cannot.",
    )


@pytest.mark.parametrize(("reason", "outcome"), INCOMPLETE.items())
def test_incomplete_responses(reason, outcome):
    """Each reason for an incomplete response has its outcome."""
    check(decoded("openai", responses_body("incomplete", reason)), outcome, reason)


def test_commentary_is_no_answer():
    """Only the final messages of a response are the answer."""
    check(decoded("openai", responses_body("completed", phase="final_answer")), Outcome.COMPLETE, "")


@pytest.mark.parametrize(
    ("error", "outcome", "retry"),
    [
        ({"code": "server_error", "message": "oops"}, Outcome.TRANSPORT_FAILED, "transient"),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, Outcome.TRANSPORT_FAILED, "rate_limit"),
        ({"code": "invalid_prompt", "message": "policy"}, Outcome.BLOCKED, "never"),
        ({"code": "image_too_large", "message": "huge"}, Outcome.UNSUPPORTED, "never"),
    ],
)
def test_failed_responses(error, outcome, retry):
    """A response that failed inside a 200 is read by its code."""
    found = decoded("openai", {**responses_body("failed"), "error": error})
    assert (found.completion.outcome, found.retry.kind) == (outcome, retry)
    assert error["message"] in found.completion.detail


@pytest.mark.parametrize(("answered", "notes"), [("m-2026-09-01", ()), ("other", ("m was asked, and other answered",))])
def test_another_models_answer_is_noted(answered, notes):
    """A dated snapshot is the model itself; another name is recorded."""
    found = decoded("openai-compatible", {**chat_body("stop"), "model": answered})
    assert found.completion.outcome is Outcome.COMPLETE
    assert found.completion.notes == notes


def test_a_router_that_asks_another_model_gives_no_answer():
    """OpenRouter's answers are those of the model that was asked, or none; its variants are that model."""
    router = OpenAICompatibleProvider("meta/llama:free", base_url="https://openrouter.ai/api/v1")
    for model, outcome in (("meta/llama", Outcome.COMPLETE), ("other/model", Outcome.MALFORMED)):
        raw = Raw(200, {}, json.dumps({**chat_body("stop"), "model": model}).encode())
        assert router.decode(raw).completion.outcome is outcome


@pytest.mark.parametrize("tail", [b"", b"\n", b'data: {"cut', b"data: [DONE]\n\n"])
def test_a_stream_is_an_answer_once_its_finish_marker_came(tail):
    """What follows the finish marker, or fails to, changes nothing; before it there is no answer."""
    chunks = [
        {"model": "m", "choices": [{"delta": {"content": "ye"}, "finish_reason": None}]},
        {"model": "m", "choices": [{"delta": {"content": "s"}, "finish_reason": None}]},
        {"model": "m", "choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    lines = [b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks]
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    whole = provider("openai-compatible").decode(Raw(200, headers, b"".join(lines) + tail, error="broke off"))
    assert (whole.completion.outcome, str(whole.completion)) == (Outcome.COMPLETE, "yes")
    cut = provider("openai-compatible").decode(Raw(200, headers, b"".join(lines[:2]) + tail))
    assert (cut.completion.outcome, str(cut.completion)) == (Outcome.POSSIBLY_BILLED, "")


def background(server, polls: int):
    made = server.provider("openai", "gpt-6.1-terra", background=True)
    made.poll_seconds = 0.001
    server.state.polls_until_ready = polls
    return made


def test_a_background_answer_is_fetched_when_it_is_ready(server):
    """A call in the background is polled until its answer is there."""
    _, found = run(lambda: background(server, 3), lambda p: ask(p, question()))
    assert found.completion.outcome is Outcome.COMPLETE
    assert len(server.state.bills) == 1
    assert server.state.requests[-1]["body"]["store"] is True


def test_a_connection_that_breaks_while_waiting_loses_nothing(server):
    """A break during the waiting is survived: the answer is fetched, and paid once."""
    made = background(server, 2)

    async def work(p):
        raw = await p.send(Request(Prompt.user(TextPart("first")), Settings(max_output_tokens=16)))
        assert raw.status == 200
        server.state.faults.clear()
        sending = p.send(Request(Prompt.user(TextPart("second")), Settings(max_output_tokens=16)))
        return p.decode(await _with_break(server, sending))

    found = run(lambda: made, work)
    assert found.completion.outcome is Outcome.COMPLETE
    assert len(server.state.bills) == 2


async def _with_break(server, sending):
    """Let the connection break once the answer is being made."""
    task = asyncio.ensure_future(sending)
    for _ in range(10_000):
        if len(server.state.later) == 2:
            break
        await asyncio.sleep(0.001)
    server.state.fail_polls("reset")
    return await task
