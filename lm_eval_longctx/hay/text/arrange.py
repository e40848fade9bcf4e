"""Putting hay and needles in order: which bytes, and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.text.measure import Piece, Span
from lm_eval_longctx.hay.text.splitting import LINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.hay.text.corpus import Corpus

_BLANK = " \t\n"


@dataclass(frozen=True)
class Layout:
    """Where a context's hay lies and where its needles stand.

    Attributes:
        start: First unit of hay, unrolled.
        units: How many whole units of hay.
        fill: Bytes from the end of the unit after them: the last words of a
            sentence, which bring the length close to what was asked.
        positions: For each needle, the number of units before it; ``units + 1``
            is the place after the fill.
    """

    start: int
    units: int
    fill: int = 0
    positions: tuple[int, ...] = ()


class Hay:
    """The byte ranges of a layout in a corpus."""

    def __init__(self, corpus: Corpus, layout: Layout) -> None:
        """Look up where the hay begins and ends."""
        self._corpus = corpus
        self._layout = layout
        self.start = first_byte(corpus, layout.start)
        self.whole = max(self.start, corpus.unit_start(layout.start + layout.units))
        self.fill_stop = corpus.unit_start(layout.start + layout.units + 1) if layout.fill else self.whole
        self.fill_start = self.fill_stop - layout.fill

    def spans(self, low: int, high: int) -> Iterator[Span]:
        """Yield the ranges between two positions (see ``Layout.positions``)."""
        first, last = self.byte(low), self.byte(min(high, self._layout.units))
        if last > first and low <= self._layout.units:
            yield Span(first, last)
        if low <= self._layout.units < high and self.fill_stop > self.fill_start:
            yield Span(self.fill_start, self.fill_stop)

    def byte(self, position: int) -> int:
        """Return the unrolled byte at a position."""
        if position > self._layout.units:
            return self.fill_stop
        return max(self.start, self._corpus.unit_start(self._layout.start + position))


def first_byte(corpus: Corpus, unit: int) -> int:
    """Return where a unit's first word begins: a hay does not begin with blank space."""
    start, stop = corpus.unit_start(unit), corpus.unit_start(unit + 1)
    text = corpus.read(start, stop)
    return start + len(text) - len(text.lstrip(_BLANK)) if text.strip() else start


def arrange(corpus: Corpus, layout: Layout, needles: Sequence[str]) -> list[Piece]:
    """Return hay and needles in reading order.

    Args:
        corpus: The hay.
        layout: Where everything stands.
        needles: The needles' texts, one for each position.
    """
    hay, end = Hay(corpus, layout), layout.units + 1
    pieces: list[Piece] = []
    done = 0
    for number in sorted(range(len(needles)), key=lambda n: (layout.positions[n], n)):
        position = layout.positions[number]
        pieces += hay.spans(done, position)
        following = next(hay.spans(position, end), None)
        pieces.append(_spaced(corpus, needles[number], pieces[-1] if pieces else None, following))
        done = max(done, position)
    rest = list(hay.spans(done, end))
    return [*pieces, *rest[:-1], *(_without_blank_end(corpus, span) for span in rest[-1:])]


def _spaced(corpus: Corpus, needle: str, before: Piece | None, following: Span | None) -> str:
    """Set a needle off from its neighbours as they are set off from each other."""
    left = _ending(corpus, before)
    lead = " " if left and left[-1] not in _BLANK else ""
    if lead and corpus.source.kind == LINES:
        lead = "\n"  # the needle before it stands at the end of the last line
    if following is None:
        return lead + needle
    if left.endswith("\n\n"):
        return needle + "\n\n"
    if left.endswith("\n") or (not left and corpus.source.kind == LINES):
        return needle + "\n"
    return lead + needle + ("" if _byte(corpus, following.start) in _BLANK else " ")


def _byte(corpus: Corpus, place: int) -> str:
    """Return one byte of a corpus as a character: only ASCII is told apart."""
    return chr(next(corpus.views(place, place + 1))[0])


def _ending(corpus: Corpus, before: Piece | None) -> str:
    """Return the last two characters before a needle, as far as they are ASCII; nothing at the beginning."""
    if before is None:
        return ""
    if isinstance(before, str):
        return before[-2:]
    return "".join(_byte(corpus, place) for place in range(max(before.start, before.stop - 2), before.stop))


def _without_blank_end(corpus: Corpus, span: Span) -> Span:
    """Leave out the line ends after the last word."""
    stop = span.stop
    while stop - 1 > span.start and _byte(corpus, stop - 1) in _BLANK:
        stop -= 1
    return Span(span.start, stop)
