"""A conversation without end, and where in it the rounds that are asked about stand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.text.measure import Span, count_tokens
from lm_eval_longctx.hay.text.splitting import PIECES
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.tasks.mrcr.needle import VERSION, Request, draw_request, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.hay.text.measure import Piece

SOURCE = "rounds"
TOLERANCE = 16
"""Tokens by which a prompt may be shorter than asked."""

_ROUND = re.compile(r"User: (.*?)\n\nAssistant: (.*?)\n\n(?=User: |\Z)", re.DOTALL)
_TOKENS_A_ROUND = 200
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
    """

    spec: str
    digest: str
    seed: int
    kind: str = PIECES
    endless: bool = True

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


@dataclass(frozen=True)
class Conversation:
    """A stretch of the endless conversation with rounds put between.

    Attributes:
        start: First round of hay, as a unit of the corpus.
        units: How many rounds of hay.
        positions: For each round put between, how many rounds of hay stand before it; ascending.
        filler: Words of a last round that brings the length close to what was asked; 0 for none.
    """

    start: int
    units: int
    positions: tuple[int, ...]
    filler: int = 0

    def pieces(self, corpus: Corpus, needles: Sequence[str]) -> list[Piece]:
        """Return hay and needles in order; each piece ends with an empty line."""
        pieces: list[Piece] = []
        done = 0
        for needle, position in zip(needles, self.positions, strict=True):
            pieces += [*self._hay(corpus, done, position), needle]
            done = position
        pieces += self._hay(corpus, done, self.units)
        return [*pieces, filler_round(self.filler)] if self.filler else pieces

    def _hay(self, corpus: Corpus, first: int, last: int) -> list[Piece]:
        span = Span(corpus.unit_start(self.start + first), corpus.unit_start(self.start + last))
        return [span] if span.stop > span.start else []


def filler_round(words: int) -> str:
    """Return a round about the weather with so many words."""
    rng = Rng("weather")
    said = [rng.choice(("rain", "wind", "sun", "fog", "hail", "frost", "thunder", "drizzle")) for _ in range(words)]
    return f"{_FILLER}{' '.join(said).capitalize()}.\n\n"


@dataclass(frozen=True)
class Fitting:
    """Finds how many rounds make a prompt as long as asked.

    Attributes:
        corpus: The hay.
        header: What stands before the conversation.
        footer: What stands after it, with the beginning of the answer.
        needles: The rounds to put between, in order.
        depths: Where, as fractions of the hay's tokens before them; ascending.
    """

    corpus: Corpus
    header: str
    footer: str
    needles: tuple[str, ...]
    depths: tuple[float, ...]

    def tokens(self, conversation: Conversation) -> int:
        """Return the exact length of the whole prompt."""
        pieces = conversation.pieces(self.corpus, self.needles)
        return count_tokens(self.corpus, [self.header, *pieces, self.footer])

    def bare(self) -> int:
        """Return the length without any hay."""
        return self.tokens(Conversation(0, 0, (0,) * len(self.needles)))

    def fit(self, start: int, limit: int) -> Conversation:
        """Return the longest conversation that is not longer than asked, and shorter by less than ``TOLERANCE``.

        ``limit`` must be at least ``bare()``.
        """
        begin = self.corpus.unit_start(start)
        units = max(0, self.corpus.unit_at(self.corpus.advance(begin, limit - self.bare())) - start)
        while units and (over := self.tokens(self._placed(start, units)) - limit) > 0:
            units = max(0, units - max(1, over // _TOKENS_A_ROUND))
        while self.tokens(self._placed(start, units + 1)) <= limit:
            units += 1
        return self._filled(self._placed(start, units), limit)

    def _placed(self, start: int, units: int) -> Conversation:
        """Put each needle between the two rounds that are nearest to its depth."""
        begin, end = self.corpus.unit_start(start), self.corpus.unit_start(start + units)
        total = self.corpus.tokens_before(end) - self.corpus.tokens_before(begin)
        positions = [self._position(start, units, begin, depth * total) for depth in self.depths]
        return Conversation(start, units, tuple(positions))

    def _position(self, start: int, units: int, begin: int, before: float) -> int:
        target = self.corpus.advance(begin, before)
        low = min(units, max(0, self.corpus.unit_at(target) - start))
        high = min(units, low + 1)
        gaps = [abs(self.corpus.unit_start(start + place) - target) for place in (low, high)]
        return low if gaps[0] <= gaps[1] else high

    def _filled(self, conversation: Conversation, limit: int) -> Conversation:
        """Add a round about the weather where whole rounds leave a gap."""
        if limit - self.tokens(conversation) < TOLERANCE:
            return conversation
        low, high = 0, 2 * _TOKENS_A_ROUND
        while low < high:
            middle = (low + high + 1) // 2
            longer = self._with_filler(conversation, middle)
            low, high = (middle, high) if self.tokens(longer) <= limit else (low, middle - 1)
        return self._with_filler(conversation, low)

    def _with_filler(self, conversation: Conversation, words: int) -> Conversation:
        return Conversation(conversation.start, conversation.units, conversation.positions, words)

    def realised_depth(self, conversation: Conversation, needle: int) -> float:
        """Return the fraction of the hay's tokens before a needle; 0 where there is no hay."""
        corpus, start = self.corpus, conversation.start
        ends = (0, conversation.positions[needle], conversation.units)
        first, place, last = (corpus.tokens_before(corpus.unit_start(start + unit)) for unit in ends)
        return round((place - first) / (last - first), 6) if last > first else 0.0


def needle_rounds(request: Request, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the rounds that ask the same and are answered differently."""
    return tuple(round_text(request.text(), text) for text in texts)
