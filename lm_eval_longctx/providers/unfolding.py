"""What an answer may weigh, and the receiving of it: compressed or not, never more than that is held.

A server that never ends its answer, or whose few kilobytes unfold to
gigabytes, would fill the memory of whoever waits for a few tokens. What an
answer may weigh follows from what was asked, with a wide margin; the beginning
is kept, and the rest is not read.
"""

from __future__ import annotations

import zlib

MOST = 1 << 30
"""Bytes of any response: more than a ledger could keep."""

ENDLESS = "the answer does not end"
"""How the error of an answer begins that weighs more than what was asked can."""

_LEAST = 4 << 20
_PER_TOKEN = 2 << 10
"""Bytes of an event with one token, with a wide margin."""

_ECHOES = 4
"""How many times a response may repeat the prompt: some servers repeat instructions in every event."""

_FOLDED = frozenset({"gzip", "x-gzip", "deflate"})
ACCEPTED = "gzip, deflate"
"""What we ask for: what can be unfolded piece by piece."""


def room_for(output_tokens: int, prompt_bytes: int) -> int:
    """Return how many bytes an answer may weigh.

    Args:
        output_tokens: The most that was asked for.
        prompt_bytes: Of the prompt's text.
    """
    return min(MOST // 2, _LEAST + _PER_TOKEN * output_tokens + _ECHOES * prompt_bytes)


class Received:
    """The bytes of a response as far as they came, unfolded.

    Attributes:
        body: What was received.
        full: Whether no more is taken.
    """

    def __init__(self, most: int = MOST, encoding: str = "") -> None:
        """Take at most so many bytes.

        Args:
            most: Bytes that are kept.
            encoding: The response's ``content-encoding``.
        """
        self.body = bytearray()
        self.full = False
        self._most = most
        self._unfolder = _Unfolder() if encoding.strip().lower() in _FOLDED else None

    def add(self, chunk: bytes) -> None:
        """Take a piece.

        Raises:
            ValueError: It cannot be unfolded.
        """
        room = self._most - len(self.body)
        data = chunk[: room + 1] if self._unfolder is None else self._unfolder.add(chunk, room + 1)
        self.body += data[:room]
        self.full = len(data) > room

    def end(self) -> None:
        """Take the end of the response.

        Raises:
            ValueError: What came folded has no end.
        """
        if self._unfolder is not None and not self._unfolder.whole:
            raise ValueError("cannot be unfolded (it has no end)")

    def overflow(self) -> str:
        """Say that there was more."""
        return f"{ENDLESS}: more than {self._most:,} bytes came, and what was asked cannot fill them; the rest was left"


class _Unfolder:
    """Unfolds gzip and both kinds of deflate, a limited number of bytes at a time."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self._stream.eof or not self._begun

    def add(self, chunk: bytes, most: int) -> bytes:
        """Return what a piece unfolds to, or the first ``most`` bytes of it."""
        found = b""
        while chunk and len(found) < most:
            if self._stream.eof:  # gzip may hold several streams, one after another
                self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
            found += self._one(chunk, most - len(found))
            chunk = self._stream.unused_data
        return found

    def _one(self, chunk: bytes, most: int) -> bytes:
        try:
            found = self._stream.decompress(chunk, most)
        except zlib.error as error:
            if self._begun:
                raise ValueError(f"cannot be unfolded ({error})") from None
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)  # deflate without its frame, as some servers send it
            found = self._raw(chunk, most)
        self._begun = True
        return found

    def _raw(self, chunk: bytes, most: int) -> bytes:
        try:
            return self._stream.decompress(chunk, most)
        except zlib.error as error:
            raise ValueError(f"cannot be unfolded ({error})") from None
