"""Which utterance comes when: whole packets, decided before any sound is touched."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.speech.pieces import LEAD
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.plan import Rng


@dataclass(frozen=True)
class Insert:
    """Something to be put between utterances.

    Attributes:
        packets: How long its piece is.
        depth: Asked fraction of the hay before it, in [0, 1].
    """

    packets: int
    depth: float


@dataclass(frozen=True)
class Placed:
    """Where an insert came to be.

    Attributes:
        after: How many of the hay's utterances come before it.
        start: First sample of its speech in the file.
        depth: Realised fraction of the hay before it.
    """

    after: int
    start: int
    depth: float


@dataclass(frozen=True)
class Timeline:
    """A file before it is written.

    Attributes:
        hay: Indices of the pool's utterances, in order.
        placed: One for each insert, in the order of the inserts.
        filler: Packets of background at the end: less than the shortest utterance.
        tail: Samples after the last whole packet.
        total: All samples of the file.
        repeats: How often some utterance is heard again, at most; 0 where nothing is heard twice.
    """

    hay: tuple[int, ...]
    placed: tuple[Placed, ...]
    filler: int
    tail: int
    total: int
    repeats: int


def lay(
    packets: Sequence[int], samples: int, grid: int, inserts: Sequence[Insert], rng: Rng, *, shuffled: bool = True
) -> Timeline:
    """Lay out a file of an exact duration.

    Args:
        packets: How long each of the pool's utterances is.
        samples: The file's duration.
        grid: Samples in a packet.
        inserts: What to put between utterances.
        rng: Decides the order; shared by all lengths and depths of a sample
            index, so that they share their beginning.
        shuffled: Whether utterances are drawn in random order (each once
            before any comes twice); otherwise they follow each other as in
            the pool, from a random one on.

    Raises:
        LengthError: The inserts and one utterance do not fit.
    """
    room = samples // grid - sum(insert.packets for insert in inserts)
    if room < min(packets):
        need = (sum(i.packets for i in inserts) + min(packets)) * grid / SAMPLE_RATE
        raise LengthError(
            f"{samples / SAMPLE_RATE:g} s is too short: needles and one utterance need {need:.1f} s; ask for more"
        )
    hay, used = _fill(packets, room, rng, shuffled=shuffled)
    edges = [0, *accumulate(packets[i] for i in hay)]
    placed = _place(inserts, edges, grid)
    repeats = max(Counter(hay).values(), default=1) - 1  # what fills the end may have been heard before
    return Timeline(tuple(hay), placed, room - used, samples % grid, samples, repeats)


def _fill(packets: Sequence[int], room: int, rng: Rng, *, shuffled: bool) -> tuple[list[int], int]:
    """Draw utterances until the next one does not fit; then the longest that still fit."""
    hay: list[int] = []
    used = 0
    first = rng.below(len(packets))
    while True:
        order = [(first + i) % len(packets) for i in range(len(packets))]
        if shuffled:
            rng.shuffle(order)
        for index in order:
            if used + packets[index] > room:
                return _finish(hay, used, packets, room)
            hay.append(index)
            used += packets[index]


def _finish(hay: list[int], used: int, packets: Sequence[int], room: int) -> tuple[list[int], int]:
    """Fill what is left with the longest utterances that fit."""
    by_length = sorted(range(len(packets)), key=lambda i: (packets[i], i))
    lengths = [packets[i] for i in by_length]
    while (fits := bisect_left(lengths, room - used + 1)) > 0:
        hay.append(by_length[fits - 1])
        used += lengths[fits - 1]
    return hay, used


def _place(inserts: Sequence[Insert], edges: Sequence[int], grid: int) -> tuple[Placed, ...]:
    """Put each insert on the boundary nearest to its depth."""
    after = [_nearest(edges, insert.depth * edges[-1]) for insert in inserts]
    order = sorted(range(len(inserts)), key=lambda i: (after[i], i))
    placed: dict[int, Placed] = {}
    before = 0
    for i in order:
        start = (edges[after[i]] + before) * grid + LEAD
        placed[i] = Placed(after[i], start, edges[after[i]] / edges[-1])
        before += inserts[i].packets
    return tuple(placed[i] for i in range(len(inserts)))


def _nearest(edges: Sequence[int], wanted: float) -> int:
    right = min(bisect_left(edges, wanted), len(edges) - 1)
    left = max(0, right - 1)
    return left if wanted - edges[left] <= edges[right] - wanted else right
