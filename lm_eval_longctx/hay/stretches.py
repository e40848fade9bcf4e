"""Which stretch of a source a sample reads: another one than its neighbours' while there is enough.

Samples of a cell are meant to differ in their hay, or ten of them would say
hardly more than one. Where a stretch begins follows from the sample's index,
its own length and the source, never from how many samples or which other
lengths there are: adding some changes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Stretch:
    """A part of a source.

    Attributes:
        start: Where it begins, in what the source is measured in.
        overlap: Share of it that stretches with a lower index hold too, 0 to 1.
    """

    start: float
    overlap: float


@lru_cache(maxsize=4096)
def stretch(index: int, size: float | None, length: float) -> Stretch:
    """Return the stretch of an index.

    A source that ends is cut into as many slots as it holds whole stretches;
    they are taken far from each other first. When all are taken, further
    rounds begin within the slots, and overlap.

    Args:
        index: Which of a cell's samples, from 0.
        size: How much there is before it begins again; ``None`` if it never ends.
        length: How much the sample reads, in the same measure.
    """
    if size is None:
        return Stretch(index * length, 0.0)
    slots = max(1, int(size // length)) if length else 1
    if index < slots:
        return Stretch(_spread(index, slots) * size / slots, 0.0)
    if length >= size:
        return Stretch(_start(index, slots, size), 1.0)
    start = _start(index, slots, size)
    return Stretch(start, _covered(start, length, [_start(i, slots, size) for i in range(index)], size))


def _start(index: int, slots: int, size: float) -> float:
    turn, slot = divmod(index, slots)
    return (_spread(slot, slots) + _halved(turn)) % slots * size / slots


def _spread(index: int, slots: int) -> int:
    """Return the number at a place of 0 to ``slots - 1``, ordered so that each beginning is spread over all."""
    bits = max(1, (slots - 1).bit_length())
    seen = -1
    for counter in range(1 << bits):
        number = int(format(counter, f"0{bits}b")[::-1], 2)
        seen += number < slots
        if seen == index:
            return number
    raise ValueError(f"{index} is not below {slots}")


def _halved(turn: int) -> float:
    """Return 0, 1/2, 1/4, 3/4, 1/8, ...: each turn in the widest gap of those before it."""
    return int(format(turn, "b")[::-1], 2) / (1 << turn.bit_length())


def _covered(start: float, length: float, others: list[float], size: float) -> float:
    """Return the share of a stretch on a circle that other stretches of its length cover."""
    marks: list[tuple[float, float]] = []
    for other in others:
        low = (other - start) % size
        marks += [(low, min(low + length, length))] if low < length else []
        marks += [(0.0, low + length - size)] if low + length > size else []
    covered = reached = 0.0
    for low, high in sorted(marks):
        covered += max(0.0, min(high, length) - max(low, reached))
        reached = max(reached, min(high, length))
    return round(covered / length, 6)
