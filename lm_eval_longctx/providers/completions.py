"""OpenAI's older Completions, for one thing that the newer wires lack: the log-probabilities of a prompt.

A server that echoes the prompt with them (vLLM, SGLang) tells the likelihood of
a whole document, at every position, with one request.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.providers.base import Decoded
from lm_eval_longctx.providers.parsing import dig
from lm_eval_longctx.providers.segments import JsonString

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.providers.base import Raw, Request

PATH = "/completions"
BYTES_A_BYTE = 64
"""Bytes of an answer for each byte of the prompt, at most: each token comes with its text, offset and number."""


def encode(request: Request, model: str) -> dict[str, Any]:
    """Return the request's JSON tree: the prompt echoed, and one token more, which such servers insist on."""
    prompt = JsonString(tuple(request.prompt.parts()))  # type: ignore[arg-type]  # a provider refuses media before
    return {"model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}


def as_chat(raw: Raw, request: Request) -> Raw | Decoded:
    """Return an echo as the chat completion that it stands for, with ``{"nats": [...]}`` as text; or why it is none."""
    try:
        body = orjson.loads(raw.body)
        echoed = body["choices"][0]["logprobs"]
        nats = _nats(request, echoed["text_offset"], echoed["token_logprobs"], echoed["tokens"])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError) as error:
        detail = f"the server echoes no log-probabilities of the prompt ({error!r})"
        return Decoded(Completion("", Outcome.UNSUPPORTED, detail=detail, seconds=raw.seconds))
    if isinstance(nats, str):
        return Decoded(Completion("", Outcome.TRUNCATED_INPUT, detail=nats, seconds=raw.seconds))
    message = {"role": "assistant", "content": json.dumps({"nats": nats})}
    told = {**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    if isinstance(dig(body, "usage"), dict):  # the one token that nobody wanted is no answer that was cut
        told["usage"] = {**body["usage"], "completion_tokens": None}
    return replace(raw, body=orjson.dumps(told))


def _nats(request: Request, offsets: Sequence[int], logs: Sequence[float | None], tokens: Sequence[str]) -> Any:
    """Return the negative log-likelihood of each range; words where the prompt did not come back whole."""
    text = request.prompt.text()
    if not text.isascii():  # ranges are in bytes, and offsets in characters
        data = text.encode()
        ranges = [tuple(len(data[:place].decode()) for place in pair) for pair in request.scored]
    else:
        ranges = list(request.scored)
    read = [(at, log) for at, log in zip(offsets, logs, strict=True) if at < len(text)]
    end = max((at + len(token) for at, token in zip(offsets, tokens, strict=True) if at < len(text)), default=0)
    if end < len(text) or offsets[0] != 0:
        return f"of {len(text):,} characters the server read {end - offsets[0]:,}"
    # The first token of all has nothing before it, and so no number.
    return [-math.fsum(log for at, log in read if start <= at < stop and log is not None) for start, stop in ranges]
