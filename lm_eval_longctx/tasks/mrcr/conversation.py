"""A conversation without end, and the rounds that are asked about."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.text.splitting import PIECES
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.tasks.mrcr.needle import VERSION, Request, draw_request, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = "rounds"
_ROUND = re.compile(r"User: (.*?)\n\nAssistant: (.*?)\n\n(?=User: |\Z)", re.DOTALL)
TOKENS_A_ROUND = 200
_FILLER = "User: Say something about the weather.\n\nAssistant: "


def round_text(asked: str, answered: str) -> str:
    """Return one round as it stands in the prompt."""
    return f"User: {asked}\n\nAssistant: {answered}\n\n"


def rounds_of(text: str) -> list[tuple[str, str]]:
    """Split a piece of conversation into (request, answer)."""
    return _ROUND.findall(text)


@dataclass
class RoundsSource:
    """Rounds of requests that are not asked about, without end; a source for ``Corpus``.

    Attributes:
        spec: As users spell it.
        digest: Of what the text is a function of.
        seed: Another seed is another conversation.
        kind: Nothing may stand within a round.
        endless: It never ends.
        even: A megabyte of it is much like the next.
    """

    spec: str
    digest: str
    seed: int
    kind: str = PIECES
    endless: bool = True
    even: bool = True

    @classmethod
    def seeded(cls, seed: int) -> RoundsSource:
        """Return the conversation of a seed."""
        identity = f"{SOURCE}|{VERSION}|{seed}"
        return cls(f"{SOURCE}:{seed}" if seed else SOURCE, hashlib.sha256(identity.encode()).hexdigest(), seed)

    def texts(self) -> Iterator[str]:
        """Yield a round at a time."""
        rng = Rng(f"{SOURCE}|{VERSION}|{self.seed}")
        while True:
            request = draw_request(rng, reserved=False)
            yield round_text(request.text(), write(request, rng))


def filler_round(words: int) -> str:
    """Return a round about the weather with so many words."""
    rng = Rng("weather")
    said = [rng.choice(("rain", "wind", "sun", "fog", "hail", "frost", "thunder", "drizzle")) for _ in range(words)]
    return f"{_FILLER}{' '.join(said).capitalize()}.\n\n"


def needle_rounds(request: Request, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the rounds that ask the same and are answered differently."""
    return tuple(round_text(request.text(), text) for text in texts)
