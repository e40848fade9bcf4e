"""Short writings from our own grammar: one for every request and seed.

A writing is a function of form, style, topic and a generator of random
numbers. Two writings for the same request share their form and their topic,
and hardly a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.mrcr.words import (
    CLOSERS,
    FORMS,
    GENERAL,
    OPENERS,
    POEM_LINES,
    RIDDLE_LINES,
    SLOTS,
    STEPS,
    STYLED,
    STYLES,
    TOPICS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.plan import Rng

VERSION = "1"
"""Raise this whenever a writing would come out differently."""

_SLOT = re.compile(r"\{(?:(a):)?(\w+)\}")
_RESERVED_OF = 8


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        form: One of ``FORMS``.
        style: One of ``STYLES``.
        topic: One of ``TOPICS``.
    """

    form: str
    style: str
    topic: str

    @property
    def piece(self) -> str:
        """What it asks for, without article: ``formal poem about owls``."""
        return f"{self.style} {self.form} about {self.topic}"

    @property
    def reserved(self) -> bool:
        """Whether hay never holds it: one request in eight is kept for what is asked about."""
        place = (FORMS.index(self.form) * len(STYLES) + STYLES.index(self.style)) * len(TOPICS) + TOPICS.index(
            self.topic
        )
        return place * 5 // len(TOPICS) % _RESERVED_OF == place % _RESERVED_OF

    def text(self) -> str:
        """Return the request as the user words it."""
        return f"Write {with_article(self.piece)}."


def with_article(phrase: str) -> str:
    """Put ``a`` or ``an`` before a phrase."""
    vowel = phrase[:1].lower() in "aeiou" or phrase.startswith("hour")
    return f"{'an' if vowel else 'a'} {phrase}"


def draw_request(rng: Rng, *, reserved: bool) -> Request:
    """Draw a request that hay may hold, or one that it never holds."""
    while True:
        request = Request(rng.choice(FORMS), rng.choice(STYLES), rng.choice(TOPICS))
        if request.reserved is reserved:
            return request


def write(request: Request, rng: Rng) -> str:
    """Write what a request asks for, some 80 to 130 words."""
    return _Writer(request, rng).text()


class _Writer:
    """Fills the sentences of one writing."""

    def __init__(self, request: Request, rng: Rng) -> None:
        self._request, self._rng = request, rng

    def text(self) -> str:
        form = self._request.form
        if form == "poem":
            return self._poem()
        if form == "riddle":
            return self._riddle()
        opener, closer = self._one(OPENERS[form]), self._one(CLOSERS[form])
        if form == "set of instructions":
            steps = [f"{i}. {line}" for i, line in enumerate(self._some(STEPS, 6), 1)]
            return "\n".join([opener, *self._styled(1), *steps, closer])
        body = self._prose(6)
        if form in {"letter", "news report"}:
            return "\n\n".join([opener, " ".join(body[:4]), " ".join(body[4:]), closer])
        return " ".join([opener, *body[:4]]) + "\n\n" + " ".join([*body[4:], closer])

    def _poem(self) -> str:
        lines = self._some(POEM_LINES, 12)
        stanzas = ["\n".join(lines[i : i + 4]).rstrip(",") + "." for i in (0, 4, 8)]
        return "\n\n".join([*stanzas, *self._styled(1)])

    def _riddle(self) -> str:
        return "\n".join(
            [*self._some(RIDDLE_LINES, 7), *self._styled(1), f"What am I? One of the {self._request.topic}."]
        )

    def _prose(self, general: int) -> list[str]:
        """Return general sentences with two in the style's own voice among them."""
        sentences = self._some(GENERAL, general)
        for sentence in self._styled(2):
            sentences.insert(self._rng.below(len(sentences) + 1), sentence)
        return sentences

    def _styled(self, count: int) -> list[str]:
        return self._some(STYLED[self._request.style], count)

    def _some(self, plans: Sequence[str], count: int) -> list[str]:
        return [self._fill(plan) for plan in self._rng.sample(plans, count)]

    def _one(self, plans: Sequence[str]) -> str:
        return self._fill(self._rng.choice(plans))

    def _fill(self, plan: str) -> str:
        filled = "".join(self._value(part) if isinstance(part, tuple) else part for part in _parts(plan))
        return filled[:1].upper() + filled[1:]

    def _value(self, slot: tuple[str, bool]) -> str:
        name, article = slot
        lower = name.lower()
        value = self._request.topic if lower == "topic" else self._rng.choice(SLOTS[lower])
        if name != lower:
            value = value.upper() if name.isupper() else value.capitalize()
        return with_article(value) if article else value


@lru_cache(maxsize=1024)
def _parts(plan: str) -> tuple[str | tuple[str, bool], ...]:
    """Split a plan into texts and slots (name, with article)."""
    parts: list[str | tuple[str, bool]] = []
    done = 0
    for match in _SLOT.finditer(plan):
        parts += [plan[done : match.start()], (match[2], bool(match[1]))]
        done = match.end()
    return (*parts, plan[done:])
