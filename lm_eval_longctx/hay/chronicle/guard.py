"""A memory of fixed size that never lets a sentence through twice."""

from __future__ import annotations

import hashlib

_BITS = 26
_MASK = (1 << _BITS) - 1


class Guard:
    """A Bloom filter of 8 MiB over sentences.

    It may take a new sentence for an old one (one in a million after 500,000
    sentences), which costs another wording; it never takes an old one for a
    new one. After ``CAPACITY`` sentences, some 100 million tokens, it starts
    afresh.
    """

    CAPACITY = 1 << 22

    __slots__ = ("_bits", "_seen")

    def __init__(self) -> None:
        """Start empty."""
        self._bits = bytearray(1 << (_BITS - 3))
        self._seen = 0

    def fresh(self, sentence: str) -> bool:
        """Tell whether a sentence is new, and remember it."""
        code = int.from_bytes(hashlib.blake2b(sentence.encode(), digest_size=13).digest(), "little")
        bits = self._bits
        new = False
        for _ in range(4):
            place = code & _MASK
            flag = 1 << (place & 7)
            if not bits[place >> 3] & flag:
                bits[place >> 3] |= flag
                new = True
            code >>= _BITS
        self._count(new)
        return new

    def _count(self, new: bool) -> None:
        self._seen += new
        if self._seen >= self.CAPACITY:
            self._bits = bytearray(len(self._bits))
            self._seen = 0
