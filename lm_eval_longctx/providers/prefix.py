"""The beginnings that prompts share, and where to tell a provider to keep one.

Where a cache has to be told (Anthropic, OpenAI's newer models), storing costs
more than reading fresh, and what was stored is found again exactly at a mark
and nowhere else. So a mark pays only where another prompt has the same
beginning, cut at the same place. Hay is cut at the same places in every
prompt, and what was sent before is remembered here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.providers.rough import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.prompt import Prompt

MOST_MARKS = 4
"""Marks that Anthropic and OpenAI take in one request."""

_START = 4096
_WORTH = 2
"""How many times more must be shared than is stored already, before more is stored."""


class Boundary(NamedTuple):
    """A place where a prompt can be cut.

    Attributes:
        parts: How many parts lie before it.
        size: Characters of text before it.
        name: Names everything before it.
    """

    parts: int
    size: int
    name: str


def boundaries(prompt: Prompt, minimum: int = 0) -> Iterator[Boundary]:
    """Yield the places between the parts of a prompt, from the first that has enough before it.

    Args:
        prompt: Any.
        minimum: Tokens that have to lie before a place; media do not count.
    """
    sha, size, number = hashlib.sha256(), 0, 0
    last = sum(len(turn.parts) for turn in prompt.turns)
    for turn in prompt.turns:
        for part in turn.parts:
            number += 1
            sha.update(f"{turn.role}\0{type(part).__name__}\0{part.digest}\0".encode())
            size += len(part.text) if isinstance(part, TextPart) else 0
            if size >= minimum * BYTES_PER_TOKEN and number < last:
                yield Boundary(number, size, sha.hexdigest())


class Prefixes:
    """Remembers the beginnings that were sent in one run."""

    def __init__(self) -> None:
        """Nothing was sent yet."""
        self._first: dict[str, str] = {}
        self._stored: set[str] = set()

    def marks(
        self, prompt: Prompt, minimum: int, *, most: int = MOST_MARKS, leads: bool = False
    ) -> tuple[Boundary, ...]:
        """Return where to mark a prompt that is about to be sent, shortest beginning first.

        What is stored already is marked, so that it is read. More is stored if
        another prompt had more than twice as much in common, or if the prompt
        goes ahead of others with the same beginning.

        Args:
            prompt: About to be sent.
            minimum: Tokens that a beginning needs before it is stored.
            most: Marks at most.
            leads: Whether others that share its beginning wait for it.
        """
        places = list(boundaries(prompt, minimum))
        shared = [place for place in places if self._first.setdefault(place.name, prompt.digest) != prompt.digest]
        shared = places if leads else shared
        known = [place for place in places if place.name in self._stored][-most:]
        if shared and (not known or shared[-1].size > _WORTH * known[-1].size):
            known = sorted({*known[-1:], *spread(shared, most - bool(known))}, key=lambda place: place.size)
        self._stored.update(place.name for place in known)
        return tuple(known)


def spread(places: Sequence[Boundary], most: int) -> list[Boundary]:
    """Choose places at even distances, the last among them."""
    if not places:
        return []
    whole = places[-1].size
    wanted = (whole * i / most for i in range(1, most + 1))
    found = [[p for p in places if p.size <= size] for size in wanted]
    return list(dict.fromkeys(below[-1] for below in found if below))


def start_name(prompt: Prompt, minimum: int = 0) -> str:
    """Name the first characters of a prompt, by which a provider can route what belongs together; empty if short."""
    if prompt.text_bytes < minimum * BYTES_PER_TOKEN:
        return ""
    sha, left = hashlib.sha256(), _START
    for part in prompt.parts():
        if not left:
            break
        text = part.text[:left] if isinstance(part, TextPart) else part.digest
        sha.update(text.encode(errors="replace"))
        left -= min(left, len(text))
    return sha.hexdigest()
