"""The haystack, coded once: packets in files of sixty pictures each.

A library is named by the digest of what it shows and how it is coded. It grows
as longer films are asked for, chunk by chunk; each file is written beside
and renamed, so that a killed process leaves whole files only and two processes
may build the same library.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.film.codec import Coded, Coder, coder
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lm_eval_longctx.hay.film.source import Hay

CHUNK = 60
_WORKERS = 3
_VERSION = 2


@dataclass(frozen=True)
class Chunk:
    """The packets of sixty pictures.

    Attributes:
        coded: How each picture was coded.
        data: All packets in order.
    """

    coded: list[Coded]
    data: bytes

    def packets(self) -> Iterator[tuple[Coded, bytes]]:
        """Yield how each picture was coded, and its packet, in order."""
        at = 0
        for coded in self.coded:
            yield coded, self.data[at : at + coded.size]
            at += coded.size

    def to_bytes(self) -> bytes:
        """Return the file's content: the number of pictures, a row of three numbers for each, the packets."""
        rows = [(c.quantiser, c.coded, c.size) for c in self.coded]
        return np.array([len(rows)], "<u4").tobytes() + np.array(rows, "<u4").tobytes() + self.data

    @classmethod
    def from_bytes(cls, raw: bytes) -> Chunk:
        """Read what ``to_bytes`` wrote; raise ``ValueError`` if something of it is missing."""
        count = int(np.frombuffer(raw, "<u4", 1)[0])
        rows = np.frombuffer(raw, "<u4", 3 * count, 4).reshape(count, 3).tolist()
        chunk = cls([Coded(*row) for row in rows], raw[4 + 12 * count :])
        if sum(coded.size for coded in chunk.coded) != len(chunk.data):
            raise ValueError("sizes and data do not fit")
        return chunk


class Library:
    """A haystack's packets on disk.

    Attributes:
        hay: Draws the pictures.
        codec: A key of ``CODERS``.
        digest: Names pictures and coding together.
        folder: Where the packets are.
    """

    def __init__(self, hay: Hay, codec: str, cache: Path) -> None:
        """Name the library; nothing is coded yet.

        Args:
            hay: What to code.
            codec: A key of ``CODERS``.
            cache: The folder that holds all libraries.
        """
        self.hay, self.codec = hay, codec
        look = hay.look
        facts = [_VERSION, hay.identity, look.width, look.height, str(look.fps), codec]
        self.digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        self.folder = cache / self.digest[:24]

    def coder(self) -> Coder:
        """Return a coder for this library's pictures."""
        look = self.hay.look
        return coder(self.codec, look.width, look.height, look.fps)

    def grow(self, pictures: int) -> None:
        """Code what is missing of the first ``pictures`` pictures; work of more than seconds shows a bar.

        Args:
            pictures: How many are needed; whole chunks are coded.

        Raises:
            MediaError: The folder cannot be written.
        """
        wanted = range(-(-pictures // CHUNK))
        missing = [n for n in wanted if not self._file(n).exists()]
        if not missing:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._code(missing)
        except OSError as error:
            raise MediaError(f"cannot write the film to {self.folder}: {error}") from error

    def chunk(self, number: int) -> Chunk:
        """Read one chunk; ``grow`` must have made them."""
        try:
            return Chunk.from_bytes(self._file(number).read_bytes())
        except ValueError as error:
            raise MediaError(f"{self._file(number)} is damaged; remove it, and it is made again") from error

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.packets"

    def _code(self, numbers: list[int]) -> None:
        def code(number: int) -> None:
            # A coder for each file: some number their packets, and the bytes would tell which thread made what before.
            self._write(number, self._make(number, self.coder()))

        workers = _WORKERS if self.hay.parallel else 1
        with ThreadPoolExecutor(workers) as pool, progress("coding the film", CHUNK * len(numbers), "pictures") as bar:
            for _ in pool.map(code, numbers):
                bar(CHUNK)

    def _make(self, number: int, own: Coder) -> Chunk:
        rng = Rng(f"{self.digest}|{number}")
        first = number * CHUNK
        drawn = self.hay.pictures(first, first + CHUNK)
        coded, packets = zip(*(own.hay(picture, first + i, rng) for i, picture in enumerate(drawn)), strict=True)
        return Chunk(list(coded), b"".join(packets))

    def _write(self, number: int, chunk: Chunk) -> None:
        write_whole(self._file(number), chunk.to_bytes())
