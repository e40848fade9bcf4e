"""How much hay makes a context exactly as long as asked, and where depths lie in it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.text.arrange import Hay, Layout, arrange
from lm_eval_longctx.hay.text.measure import count_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.text.corpus import Corpus

TOLERANCE = 16
"""Tokens by which a context may be shorter than asked."""

_ROUNDS = 4
_LOOK_BACK = 64


@dataclass(frozen=True)
class Frame:
    """The text around the hay.

    Attributes:
        header: Everything before it.
        footer: Everything after it, with the beginning of the answer.
    """

    header: str
    footer: str


@dataclass(frozen=True)
class Fitted:
    """A layout with what it came to.

    Attributes:
        layout: Where everything stands.
        tokens: Length of the whole prompt, exact.
        start: First byte of hay, unrolled.
        stop: The byte after its last.
    """

    layout: Layout
    tokens: int
    start: int
    stop: int


class Fitter:
    """Fits hay of one corpus into one frame."""

    def __init__(self, corpus: Corpus, frame: Frame) -> None:
        """Keep what stays the same between samples."""
        self._corpus = corpus
        self._frame = frame

    def fit(self, limit: int, start: int, needles: Sequence[str], depths: Sequence[float]) -> Fitted:
        """Find a context that is not longer than asked, and shorter by less than ``TOLERANCE``.

        Args:
            limit: Tokens of the whole prompt, at most.
            start: The hay's first unit.
            needles: Texts to place.
            depths: For each needle, the wanted fraction of hay before it.

        Raises:
            LengthError: Question and needles alone are too long.
        """
        search = _Search(self._corpus, self._frame, limit, needles, depths)
        layout = search.run(start)
        hay = Hay(self._corpus, layout)
        return Fitted(layout, search.tokens(layout), hay.start, hay.fill_stop)

    def realised_depth(self, layout: Layout, needle: int) -> float:
        """Return the exact fraction of the hay's tokens before a needle; 0 where there is no hay."""
        hay = Hay(self._corpus, layout)
        total = count_tokens(self._corpus, hay.spans(0, layout.units + 1))
        before = count_tokens(self._corpus, hay.spans(0, layout.positions[needle]))
        return round(before / total, 6) if total else 0.0


class _Search:
    """The search for one context."""

    def __init__(
        self, corpus: Corpus, frame: Frame, limit: int, needles: Sequence[str], depths: Sequence[float]
    ) -> None:
        self._corpus, self._frame, self._limit = corpus, frame, limit
        self._needles, self._depths = needles, depths
        self._counted: dict[Layout, int] = {}

    def run(self, start: int) -> Layout:
        """Place, count, and change the end of the hay until the length is right."""
        bare = count_tokens(self._corpus, [self._frame.header, *(f" {n}" for n in self._needles), self._frame.footer])
        if bare >= self._limit:
            raise self._too_short(bare)
        stop = self._corpus.advance(self._corpus.unit_start(start), self._limit - bare)
        layout = Layout(start, max(0, self._corpus.unit_at(stop) - start))
        for attempt in range(2 * _ROUNDS):
            # Moving a needle changes the length, and a new length moves the needles: the two could take turns for ever.
            layout = self._placed(layout) if attempt < _ROUNDS else layout  # else they are near enough
            if 0 <= self._gap(layout) < TOLERANCE:
                return layout
            layout = self._stretched(layout)
        # Never longer than asked, whatever the search found: a model's window may end there.
        while self._gap(layout) < 0 and layout.units:
            layout = self._kept(layout, layout.units - 1, 0)
        if self._gap(layout) < 0:
            raise self._too_short(bare)
        return layout

    def tokens(self, layout: Layout) -> int:
        """Return the exact length of a whole prompt."""
        if layout not in self._counted:
            pieces = arrange(self._corpus, layout, self._needles)
            self._counted[layout] = count_tokens(self._corpus, [self._frame.header, *pieces, self._frame.footer])
        return self._counted[layout]

    def _too_short(self, bare: int) -> LengthError:
        return LengthError(
            f"a context of {self._limit} tokens is too short: question and needles alone take {bare}; "
            f"ask for context_lengths well above {bare}"
        )

    def _gap(self, layout: Layout) -> int:
        return self._limit - self.tokens(layout)

    def _placed(self, layout: Layout) -> Layout:
        """Put each needle at the boundary between units that is nearest to its depth."""
        hay = Hay(self._corpus, layout)
        total = self._corpus.tokens_before(hay.fill_stop) - self._corpus.tokens_before(hay.start)
        return replace(layout, positions=tuple(self._position(hay, layout, depth, total) for depth in self._depths))

    def _position(self, hay: Hay, layout: Layout, depth: float, total: float) -> int:
        if depth in {0, 1}:
            return _end(layout) if depth else 0
        target = self._corpus.advance(hay.start, depth * total)
        unit = max(0, min(layout.units, self._corpus.unit_at(target) - layout.start))
        after = min(_end(layout), unit + 1)
        return unit if target - hay.byte(unit) <= hay.byte(after) - target else after

    def _stretched(self, layout: Layout) -> Layout:
        """Move the end of the hay to where the length is right, with the needles where they are."""
        stop = self._corpus.advance(self._corpus.unit_start(layout.start + layout.units), self._gap(layout))
        units = max(0, self._corpus.unit_at(stop) - layout.start)
        ending = _Ending(self._corpus, self._frame.footer, self._needles, max(0, min(units, layout.units) - _LOOK_BACK))
        room = self._gap(layout) + ending.tokens(layout)
        while units and ending.tokens(self._kept(layout, units, 0)) > room:
            units -= 1
        while ending.tokens(self._kept(layout, units + 1, 0)) <= room:
            units += 1
        return self._filled(self._kept(layout, units, 0), ending, room)

    def _kept(self, layout: Layout, units: int, fill: int) -> Layout:
        """Return a layout with another end; needles at depth 1 go with the end, others stay."""
        changed = replace(layout, units=units, fill=fill)
        kept = (
            _end(changed) if depth == 1 else min(position, _end(changed))
            for depth, position in zip(self._depths, layout.positions, strict=True)
        )
        return replace(changed, positions=tuple(kept))

    def _filled(self, layout: Layout, ending: _Ending, room: int) -> Layout:
        """Add the last words of the next unit where whole units leave a gap; its last letters where words are long."""
        if (gap := room - ending.tokens(layout)) < TOLERANCE:
            return layout
        unit = layout.start + layout.units
        text = self._corpus.read(self._corpus.unit_start(unit), self._corpus.unit_start(unit + 1))
        count, filled = self._corpus.tokenizer.count, layout
        for cuts in (_word_starts(text), range(len(text))):
            first = bisect_left(cuts, -gap, key=lambda cut: -count(text[cut:]))
            for cut in cuts[max(0, first - 1) :]:  # joined, it may be a token shorter or longer than alone
                filled = self._kept(layout, layout.units, len(text[cut:].encode()))
                if ending.tokens(filled) <= room:
                    break
            if 0 <= room - ending.tokens(filled) < TOLERANCE:
                return filled
        return filled


class _Ending:
    """The last part of a context: differences between two of them are those between the whole contexts."""

    def __init__(self, corpus: Corpus, footer: str, needles: Sequence[str], first: int) -> None:
        self._corpus, self._footer, self._needles, self._first = corpus, footer, needles, first
        self._counted: dict[Layout, int] = {}

    def tokens(self, layout: Layout) -> int:
        """Return the tokens from the first unit of the last part on."""
        if layout not in self._counted:
            late = [n for n, position in enumerate(layout.positions) if position >= self._first]
            positions = tuple(layout.positions[n] - self._first for n in late)
            part = replace(
                layout, start=layout.start + self._first, units=layout.units - self._first, positions=positions
            )
            pieces = arrange(self._corpus, part, [self._needles[n] for n in late])
            self._counted[layout] = count_tokens(self._corpus, [*pieces, self._footer])
        return self._counted[layout]


def _end(layout: Layout) -> int:
    """Return the position after all hay."""
    return layout.units + (1 if layout.fill else 0)


def _word_starts(text: str) -> list[int]:
    """Return where words begin, with the space before them."""
    return [i for i, letter in enumerate(text) if letter == " " and text[i + 1 : i + 2] not in {" ", ""}]
