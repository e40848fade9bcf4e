"""OpenAI's older Completions, for one thing that the newer wires lack: the log-probabilities of a prompt.

A server that echoes the prompt with them (vLLM, SGLang) tells the likelihood of
a whole document, at every position, with one request. Where each token stands
is found from the tokens' own words: some servers tell no offsets, and others
offsets that count a token before the text, or characters that are cut between
two tokens.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
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

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_BYTES_A_MARK = 4
"""Bytes that one mark of replacement stands for, at most."""

_BLANKS = re.compile(r"\s*")

_SOME = 8
"""Tokens by which the end of a text is known."""


def encode(request: Request, model: str) -> dict[str, Any]:
    """Return the request's JSON tree: the prompt echoed, and one token more, which such servers insist on."""
    prompt = JsonString(tuple(request.prompt.parts()))  # type: ignore[arg-type]  # a provider refuses media before
    return {"model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}


def as_chat(raw: Raw, request: Request) -> Raw | Decoded:
    """Return an echo as the chat completion that it stands for, with ``{"nats": [...]}`` as text; or why it is none."""
    try:
        body = orjson.loads(raw.body)
        echoed = body["choices"][0]["logprobs"]
        found = _nats(request, echoed["tokens"], echoed["token_logprobs"])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError) as error:
        detail = f"the server echoes no log-probabilities of the prompt ({error!r})"
        return Decoded(Completion("", Outcome.UNSUPPORTED, detail=detail, seconds=raw.seconds))
    except _NotTheText as error:
        return Decoded(Completion("", error.outcome, detail=str(error), seconds=raw.seconds))
    message = {"role": "assistant", "content": json.dumps(found)}
    told = {**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    if isinstance(dig(body, "usage"), dict):  # the one token that nobody wanted is no answer that was cut
        told["usage"] = {**body["usage"], "completion_tokens": None}
    return replace(raw, body=orjson.dumps(told))


def notes_of(completion: Completion) -> tuple[str, ...]:
    """Say what is inexact in a likelihood."""
    across = json.loads(completion)["across"] if completion.outcome is Outcome.COMPLETE else 0
    return (f"{across} ends of windows are within a token, which is counted where it begins",) if across else ()


class _NotTheText(Exception):  # noqa: N818 - no fault of a program
    """What was echoed is not the prompt."""

    def __init__(self, words: str, outcome: Outcome) -> None:
        super().__init__(words)
        self.outcome = outcome


def _nats(request: Request, tokens: Sequence[str], logs: Sequence[float | None]) -> dict[str, Any]:
    """Return the negative log-likelihood of each range, and how many ends are within a token.

    The first token of all has nothing before it, and so no number.
    """
    text, ranges = request.prompt.text(), list(request.scored)
    if not text.isascii():  # ranges are in bytes, and tokens in characters
        data = text.encode()
        ranges = [(len(data[:start].decode()), len(data[:stop].decode())) for start, stop in ranges]
    spans = laid_out(text, tokens)
    told = [0.0 if log is None and not number else log for number, log in enumerate(logs[: len(spans)])]
    if len(told) < len(spans) or None in told:
        raise ValueError("tokens without a number")
    begins = [low for low, _ in spans]
    first = {place: bisect_left(begins, place) for pair in ranges for place in pair}
    across = sum(1 for place, number in first.items() if number and spans[number - 1][1] > place)
    return {"nats": [-math.fsum(told[first[low] : first[high]]) for low, high in ranges], "across": across}  # type: ignore[arg-type]  # none is None


def laid_out(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return the first character of each of a text's tokens, and the one after its last.

    A token before the text (a mark of its beginning) takes no room, and so does
    one that holds a piece of a character: the last piece has it whole, or,
    where a server writes a mark of replacement for each, the next token that
    is readable shows how many there were. Blanks that a server leaves off a
    token belong to it.

    Args:
        text: The prompt.
        tokens: As the server spells them, with one more that it had to make; what is after the prompt is left out.
    """
    spans: list[tuple[int, int]] = []
    at = blurred = 0
    for number, token in enumerate(tokens):
        if at == len(text):
            break
        if _REPLACED in token:
            spans.append((at, at))
            blurred += len(token.replace(_REPLACED, "?").encode())
            continue
        start = _next_place(text, at, token, blurred)
        if start is None and number == len(tokens) - 1:
            break  # the one that it had to make
        if start is None and number:
            raise _not_the_text(text, at, tokens)
        spans.append((0, 0) if start is None else (start if blurred else at, start + len(token)))
        at, blurred = spans[-1][1], 0
    if at < len(text) and not len(text[at:].encode()) <= _BYTES_A_MARK * blurred:
        raise _NotTheText(f"of {len(text):,} characters the server read {at:,}", Outcome.TRUNCATED_INPUT)
    return spans


def _next_place(text: str, at: int, token: str, blurred: int) -> int | None:
    """Return where a token stands that follows a place, or follows so many bytes and more of unreadable tokens."""
    hidden = 0
    while at < len(text) and (hidden < blurred or (blurred and not text.startswith(token, at))):
        hidden, at = hidden + len(text[at].encode()), at + 1
        if hidden > _BYTES_A_MARK * blurred:
            return None
    blanks = _BLANKS.match(text, at)
    found = text.find(token, at, blanks.end() + len(token)) if blanks else -1
    return None if found < 0 else found


def _not_the_text(text: str, at: int, tokens: Sequence[str]) -> _NotTheText:
    """Say what was echoed in the place of a text: its end only, or another one."""
    if at == 0 and "".join(tokens[1:-1][:_SOME]) in text:
        return _NotTheText("the server read the end of the prompt only", Outcome.TRUNCATED_INPUT)
    words = f"the server echoes another text from character {at:,} on, {text[at : at + 20]!r}"
    return _NotTheText(words, Outcome.UNSUPPORTED)
