"""From a sweep to its samples: stable names, private randomness, fair order.

A sample's name and its random generator depend on what the sample *is* (task,
version, seed, length, depth, index) and on nothing else, so adding a length or
a depth changes no other sample.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableSequence, Sequence

    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.units import Length

T = TypeVar("T")


def added(values: Iterable[float]) -> float:
    """Return a sum, added one after the other: what ``sum`` gives has other last bits from Python 3.12 on."""
    return reduce(add, values, 0.0)


class Rng:
    """A private random generator, named by a text.

    Built on two methods of Mersenne Twister only, ``getrandbits`` and
    ``random``, whose output is the same on every Python version and platform.
    Everything else is derived here, because the standard library changes how
    ``choice``, ``sample`` and ``shuffle`` consume random bits.
    """

    def __init__(self, identity: str) -> None:
        """Seed from the sha256 of a text.

        Args:
            identity: What the random numbers are for. Equal texts give equal
                numbers; different texts give unrelated ones.
        """
        self.identity = identity
        seed = int.from_bytes(hashlib.sha256(identity.encode()).digest(), "big")
        source = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._bits = source.getrandbits
        self.random = source.random

    def fork(self, label: str) -> Rng:
        """Return a generator for a part of the work, whatever this one has drawn."""
        return Rng(f"{self.identity}/{label}")

    def below(self, n: int) -> int:
        """Return a whole number in [0, n), each equally likely; ``n`` is at least 1."""
        bits = n.bit_length()
        while (value := self._bits(bits)) >= n:
            pass
        return value

    def between(self, low: int, high: int) -> int:
        """Return a whole number in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def choice(self, items: Sequence[T]) -> T:
        """Return one item of a sequence that is not empty."""
        return items[self.below(len(items))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Shuffle in place (Fisher and Yates)."""
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """Return ``k`` different positions' items in random order; ``k`` is at most ``len(items)``."""
        if k > len(items):
            msg = f"cannot draw {k} different items from {len(items)}"
            raise ValueError(msg)
        moved: dict[int, int] = {}
        drawn = []
        for i in range(k):  # Fisher and Yates on a sparse array: O(k), not O(len(items))
            j = i + self.below(len(items) - i)
            drawn.append(items[moved.get(j, j)])
            moved[j] = moved.get(i, i)
        return drawn


@dataclass(frozen=True)
class PlannedSample:
    """One sample of a sweep, before anything is built.

    Attributes:
        task: The task's name.
        version: The task's version; a new version is a new sample.
        seed: The sweep's seed.
        length: Asked length of context and question together.
        depth: Asked fraction of the hay before the needle, in [0, 1];
            ``None`` where the task has no depth.
        index: Which of the cell's samples, from 0.
        variant: Tells samples apart that share everything above.
    """

    task: str
    version: str
    seed: int
    length: Length
    depth: float | None
    index: int
    variant: str = ""

    @cached_property
    def identity(self) -> str:
        """Everything that the sample is, as one line."""
        depth = "-" if self.depth is None else repr(float(self.depth))
        length = f"{self.length.amount}{self.length.unit.value}"
        return "|".join((self.task, self.version, str(self.seed), length, depth, str(self.index), self.variant))

    @cached_property
    def id(self) -> str:
        """A short stable name: 16 hexadecimal digits."""
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]

    def rng(self, label: str = "") -> Rng:
        """Return this sample's own generator for some part of the work."""
        return Rng(f"{self.identity}#{label}")

    def hay_rng(self, label: str = "") -> Rng:
        """Return a generator shared by all lengths and depths of this index.

        Samples that share their hay share their longest prefix, which is what
        a provider's prefix cache is paid for.
        """
        return Rng(f"{self.task}|{self.version}|{self.seed}|{self.index}|{self.variant}#hay#{label}")


def expand(sweep: Sweep, *, variants: Sequence[str] = ("",)) -> Iterator[PlannedSample]:
    """Yield all samples of a sweep in stratified order.

    Any first ``N`` samples touch as many lengths as possible, then as many
    depths as possible: ``--limit N`` looks at the whole grid, coarsely.

    Args:
        sweep: The parsed specification.
        variants: Names of versions of each sample, such as kinds of question.
    """
    depths: tuple[float | None, ...] = sweep.depths or (None,)
    order = spread(len(depths))
    for index in range(sweep.samples_per_cell):
        for variant in variants:
            for turn in range(len(depths)):
                for row, length in enumerate(sweep.context_lengths):
                    depth = depths[order[(turn + row) % len(depths)]]
                    yield PlannedSample(sweep.task, sweep.version, sweep.seed, length, depth, index, variant)


def spread(n: int) -> list[int]:
    """Order 0..n-1 so that each prefix is spread over the whole range.

    The order of the bit-reversed counter (van der Corput's sequence in base 2).
    """
    bits = max(1, (n - 1).bit_length())
    reversed_counter = (int(format(i, f"0{bits}b")[::-1], 2) for i in range(1 << bits))
    return [i for i in reversed_counter if i < n]
