"""Graphs to ask about, and what is asked of them: layers, parents and chains.

The right answer always comes from the edges (``solve``), never from how a
graph was made; a graph whose answer is too short or too long is made anew.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from lm_eval_longctx.plan import Rng

Edge = tuple[str, str]

LAYER, PARENTS, CHAIN = "layer", "parents", "chain"
VARIANTS = ("layer/1", "layer/2", "layer/3", "layer/4", "parents/1", "chain/2", "chain/4", "chain/8")
"""Kinds of question, with the number of steps that each asks for."""

_SECOND_PARENT = 0.35
_MOST = {LAYER: 8, PARENTS: 8, CHAIN: 1}
_FEWEST = {LAYER: 2, PARENTS: 2, CHAIN: 1}
"""How many names an answer may have."""


class Graph(NamedTuple):
    """A graph with the node that is asked about."""

    edges: list[Edge]
    start: str


@dataclass(frozen=True)
class Question:
    """What is asked of a graph.

    Attributes:
        kind: ``layer``, ``parents`` or ``chain``.
        steps: How many.
    """

    kind: str
    steps: int

    @classmethod
    def of(cls, variant: str) -> Question:
        """Return the question of a variant, such as ``layer/2``."""
        kind, _, steps = variant.partition("/")
        return cls(kind, int(steps))

    def graph(self, rng: Rng, names: Iterator[str], *, empty: bool = False) -> Graph:
        """Make a graph in which the question has an answer of a few names.

        Args:
            rng: Decides.
            names: Gives the nodes' names.
            empty: Whether the right answer is that there is none.
        """
        while True:
            # Where there is to be no such layer, the graph ends in the one before it.
            graph = _MAKERS[self.kind](rng, names, self.steps - 2 if empty else self.steps)
            if empty and self.kind == PARENTS:
                graph = Graph([edge for edge in graph.edges if edge[1] != graph.start], graph.start)
            found = len(self.solve(graph.edges, graph.start) or ())
            if found == 0 if empty else _FEWEST[self.kind] <= found <= _MOST[self.kind]:
                return graph

    def solve(self, edges: Collection[Edge], start: str) -> frozenset[str] | None:
        """Return the right answer by the edges; ``None`` where a walk cannot go on or has a choice."""
        if self.kind == PARENTS:
            return frozenset(a for a, b in edges if b == start)
        if self.kind == CHAIN:
            return _walked(edges, start, self.steps)
        return _layers(edges, start, self.steps)[-1]

    def needed(self, edges: Sequence[Edge], start: str) -> list[Edge]:
        """Return the edges that must be read to know the answer, in their order."""
        if self.kind == PARENTS:
            return [edge for edge in edges if edge[1] == start]
        if self.kind == CHAIN:
            on_the_way = {name for steps in range(self.steps) for name in _walked(edges, start, steps) or ()}
        else:
            on_the_way = {name for layer in _layers(edges, start, self.steps)[:-1] for name in layer}
        return [edge for edge in edges if edge[0] in on_the_way]

    def vital(self, edges: Sequence[Edge], start: str) -> list[Edge]:
        """Return the edges without any one of which the answer is another."""
        answer = self.solve(edges, start)
        needed = self.needed(edges, start)
        return [one for one in needed if self.solve([edge for edge in edges if edge != one], start) != answer]


def _out(edges: Collection[Edge]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for a, b in edges:
        found[a].add(b)
    return found


def _layers(edges: Collection[Edge], start: str, depth: int) -> list[frozenset[str]]:
    """Return the layers of a breadth-first search, from that of the start on."""
    out, seen, layers = _out(edges), {start}, [frozenset((start,))]
    for _ in range(depth):
        layers.append(frozenset(b for a in layers[-1] for b in out.get(a, ())) - seen)
        seen |= layers[-1]
    return layers


def _walked(edges: Collection[Edge], start: str, steps: int) -> frozenset[str] | None:
    out, here = _out(edges), start
    for _ in range(steps):
        if len(following := out.get(here, set())) != 1:
            return None
        (here,) = following
    return frozenset((here,))


def _layered(rng: Rng, names: Iterator[str], depth: int) -> Graph:
    """Make layers around a start, and one more; edges within and back, and some from outside."""
    layers = [[next(names)]]
    for number in range(depth + 1):
        size = rng.between(2, 6 if number + 1 == depth else 4)
        layers.append([next(names) for _ in range(size)])
    edges: dict[Edge, None] = {}
    for above, below in pairwise(layers):
        for node in below:
            edges[rng.choice(above), node] = None
            if rng.random() < _SECOND_PARENT:
                edges[rng.choice(above), node] = None
    for number, layer in enumerate(layers[1:], 1):
        for node in layer:
            if rng.random() < _SECOND_PARENT:
                edges[node, rng.choice(layers[rng.below(number + 1)])] = None
    _from_outside(rng, names, edges, [node for layer in layers for node in layer])
    return Graph([edge for edge in edges if edge[0] != edge[1]], layers[0][0])


def _around(rng: Rng, names: Iterator[str], steps: int) -> Graph:
    """Make a node with some that lead to it and some to which it leads, and a few edges among these."""
    del steps  # parents are one step away
    start = next(names)
    above = [next(names) for _ in range(rng.between(2, 7))]
    below = [next(names) for _ in range(rng.between(2, 3))]
    edges: dict[Edge, None] = {(node, start): None for node in above}
    edges.update({(start, node): None for node in below})
    for node in (*above, *below):
        edges[node, rng.choice((*below, *above))] = None
    _from_outside(rng, names, edges, above + below)
    return Graph([edge for edge in edges if edge[0] != edge[1]], start)


def _chained(rng: Rng, names: Iterator[str], steps: int) -> Graph:
    """Make a chain that goes on after the last step; further edges only lead to it."""
    chain = [next(names) for _ in range(steps + 3)]
    edges: dict[Edge, None] = dict.fromkeys(pairwise(chain))
    _from_outside(rng, names, edges, chain)
    return Graph(list(edges), chain[0])


def _from_outside(rng: Rng, names: Iterator[str], edges: dict[Edge, None], nodes: Sequence[str]) -> None:
    """Add nodes that lead to some of the others and to each other; nothing leads to them from inside."""
    outside = [next(names) for _ in range(3 + len(nodes) // 4)]
    for number, node in enumerate(outside):
        edges[node, rng.choice(nodes)] = None
        edges[node, rng.choice(outside[:number] or nodes)] = None


_MAKERS: dict[str, Callable[[Rng, Iterator[str], int], Graph]] = {LAYER: _layered, PARENTS: _around, CHAIN: _chained}
