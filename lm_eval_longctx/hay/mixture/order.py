"""Which kind of piece comes when: interleaved in even shares, with notes at their depths and the asked neighbours.

Everything here is about kinds and their sizes in tokens; no page is read and
nothing is drawn.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lm_eval_longctx.plan import Rng

REACH = 1
"""So many pieces before and after a needle are what lies around it."""

AROUND = ("any", "same", "other")
"""What may be asked to lie around a needle, beside the name of a kind."""


class Interleaved:
    """Kinds of pieces in even shares of tokens, without end.

    Pieces are drawn among the kinds that are not ahead of the others. A larger
    budget gives the same beginning, but for what fills the smaller one up.
    """

    def __init__(self, rng: Rng, sizes: Mapping[str, int]) -> None:
        """Draw nothing yet.

        Args:
            rng: Decides; shared by all lengths and depths of a sample index.
            sizes: What a piece of each kind takes.
        """
        self._rng, self._sizes = rng, sizes
        self._kinds: list[str] = []
        self._totals, self._used = [0], dict.fromkeys(sizes, 0)

    def within(self, budget: int) -> list[str]:
        """Return kinds of pieces that together do not take more than a budget of tokens."""
        while self._totals[-1] <= budget:
            self._draw()
        count = bisect_right(self._totals, budget) - 1
        return [*self._kinds[:count], *_filling(self._sizes, budget - self._totals[count])]

    def _draw(self) -> None:
        total = self._totals[-1]
        kind = self._rng.choice([kind for kind, used in self._used.items() if used * len(self._used) <= total])
        self._kinds.append(kind)
        self._used[kind] += self._sizes[kind]
        self._totals.append(total + self._sizes[kind])


def _filling(sizes: Mapping[str, int], room: int) -> list[str]:
    """Return the largest pieces that still fit, text left out: a page is cut to what is left at last."""
    order: list[str] = []
    for kind, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        if kind != "text":
            order += [kind] * (room // size)
            room %= size
    return order


def boundaries(order: Sequence[str], sizes: Mapping[str, int], depths: Iterable[float]) -> list[int]:
    """Return, for each depth in tokens of the hay, how many pieces come before the boundary that is nearest to it."""
    edges = [0, *accumulate(sizes[kind] for kind in order)]
    return [_nearest_edge(edges, depth * edges[-1]) for depth in depths]


def _nearest_edge(edges: Sequence[int], wanted: float) -> int:
    """Return which of some ascending edges is nearest; of two that are equally near the later one."""
    later = min(bisect_left(edges, wanted), len(edges) - 1)
    return later if later == 0 or edges[later] - wanted <= wanted - edges[later - 1] else later - 1


def wanted_around(around: str, needle: str, kinds: Collection[str]) -> frozenset[str]:
    """Return the kinds that may lie around a needle; all of them for ``any``.

    Args:
        around: A kind, or one of ``AROUND``.
        needle: The needle's own kind.
        kinds: All that is mixed.
    """
    chosen = {"any": set(kinds), "same": {needle}, "other": set(kinds) - {needle}}
    return frozenset(chosen.get(around, {around}))


def surrounded(order: Sequence[str], at: int, wanted: Collection[str]) -> list[str]:
    """Return the order with the wanted kinds directly before and after a boundary, exchanged with the nearest ones.

    Args:
        order: Kinds of pieces.
        at: How many of them come before the boundary.
        wanted: What may stand within ``REACH`` of it.

    Raises:
        LengthError: There are too few of the wanted kinds.
    """
    changed = list(order)
    near = range(max(0, at - REACH), min(len(order), at + REACH))
    for place in sorted(near, key=lambda i: abs(i - at + 0.5)):
        if changed[place] not in wanted:
            other = _nearest(changed, at, place, wanted)
            changed[place], changed[other] = changed[other], changed[place]
    return changed


def _nearest(order: Sequence[str], at: int, place: int, wanted: Collection[str]) -> int:
    """Return the nearest piece of a wanted kind beyond the neighbours of a boundary.

    It is from the same side of the boundary if there is one: then the depth stays what it was.
    """
    found = [
        ((other < at) != (place < at), abs(other - at), other)
        for other, kind in enumerate(order)
        if kind in wanted and not at - REACH <= other < at + REACH
    ]
    if not found:
        what = " or ".join(sorted(wanted)) or "nothing"
        raise LengthError(f"there are too few items of {what} to surround a needle with; ask for a longer one")
    return min(found)[2]
