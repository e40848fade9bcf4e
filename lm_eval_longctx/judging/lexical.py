"""``lexical``: a judge without a model, which compares words.

It stands in where there is no model to ask: tests, examples, and a first look
that costs nothing. It never passes for more: results bear its name. Of two
answers it prefers the one whose words overlap more with what is known to be
right; a claim is supported if the passages hold nearly all of its words.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.answers.texts import answer_words
from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.judging.wording import (
    ANSWER_A,
    ANSWER_B,
    CLAIM,
    KNOWN,
    PASSAGES,
    QUESTION,
    VERSION,
    sections,
)
from lm_eval_longctx.providers.base import Capabilities, Decoded, Provider, Raw
from lm_eval_longctx.providers.rough import rough_tokens
from lm_eval_longctx.settings import Option, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.providers.base import Request

_TIE = 0.02
"""Overlaps nearer than this are a tie."""

_ENOUGH = 0.8
"""Share of a claim's own words that the passages must hold."""

_SMALL = frozenset(
    "of in on at to by for from with and or is was were are be been has had have it its he she they his her their this "
    "that these those as which who whom what when where not no did do does than then there so".split()
)


class LexicalJudge(Provider):
    """Compares words; see the module."""

    NAME: ClassVar[str] = "lexical"
    OPTIONS: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, model: str = "words", **args: Any) -> None:
        """Take no settings."""
        super().__init__(model or "words")
        read_settings(self.OPTIONS, args, f"argument of {self.NAME}")

    @property
    def capabilities(self) -> Capabilities:
        """Text of any length."""
        return Capabilities(counts_tokens=True)

    def describe(self) -> dict[str, Any]:
        """Say that it runs here, for nothing."""
        return {**super().describe(), "embedded": True}

    def identity(self, request: Request) -> dict[str, Any]:
        """Name the judge's version and the prompt."""
        return {"provider": self.NAME, "version": VERSION, "prompt": request.prompt.digest, "repeat": request.repeat}

    async def send(self, request: Request) -> Raw:
        """Judge at once."""
        tokens = sum(rough_tokens(request.prompt).values())
        return Raw(200, body=json.dumps({"text": judged(request.prompt.text()), "tokens": tokens}).encode())

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read the verdict that ``send`` made."""
        del request
        reply = json.loads(raw.body)
        usage = Usage(prompt_tokens=reply["tokens"], output_tokens=4, cost=0.0)
        return Decoded(Completion(reply["text"], Outcome.COMPLETE, usage))


def judged(prompt: str) -> str:
    """Return the verdict on a judge's prompt, as a model would write it."""
    found = sections(prompt)
    if CLAIM in found:
        held = support(found[CLAIM], found[QUESTION], found.get(PASSAGES, ""))
        return "Verdict: supported" if held >= _ENOUGH else "Verdict: not supported"
    known = found.get(KNOWN, "").splitlines()
    a, b = (overlap(found[head], known) for head in (ANSWER_A, ANSWER_B))
    return f"Verdict: {'tie' if abs(a - b) < _TIE else 'A' if a > b else 'B'}"


def overlap(answer: str, known: Sequence[str]) -> float:
    """Return how much of the best known line an answer says, with a little off for what it says besides."""
    words = Counter(_content(answer))
    best = 0.0
    for line in known:
        wanted = Counter(_content(line))
        shared = sum((words & wanted).values())
        if shared:
            recall, precision = shared / sum(wanted.values()), shared / sum(words.values())
            best = max(best, recall * (0.9 + 0.1 * precision))
    return best


def support(claim: str, question: str, passages: str) -> float:
    """Return the share of a claim's content words that stand in one passage with at least half of the question's.

    Words of the question are not the claim's own.
    """
    asked = set(_content(question))
    said = [word for word in _content(claim) if word not in asked] or _content(claim)
    held = [set(_content(passage)) for passage in passages.split("\n\n")]
    about = [some for some in held if len(asked & some) >= len(asked) / 2]
    return max((sum(word in some for word in said) / len(said) for some in about), default=0.0) if said else 0.0


def _content(text: str) -> list[str]:
    return [word for word in answer_words(text) if word not in _SMALL]
