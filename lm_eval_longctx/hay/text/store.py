"""A corpus's text on disk: UTF-8 in segments, with the places where units begin.

Segments are written once, beside, and renamed; two processes that write the
same one write the same bytes. A finished text is never touched again, an
endless one grows by whole segments.
"""

from __future__ import annotations

import json
import mmap
from bisect import bisect_left, bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.files import whole
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.hay.text.splitting import blocks_of
from lm_eval_longctx.hay.text.tokenizers import CONTINUATION

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from lm_eval_longctx.hay.text.sources import TextSource

FIRST_SEGMENT = 1 << 18
LARGEST_SEGMENT = 1 << 22
ROLLED_OUT = 1 << 18
"""A shorter text is written out several times, so that long contexts of it have few joints."""


@dataclass(frozen=True)
class Segment:
    """One piece of the text.

    Attributes:
        folder: Where it lies.
        text: Its UTF-8 bytes.
        units: Where units begin, in bytes of the whole text; shape (units,).
        base: Where it begins in the whole text, in bytes.
        first_unit: The number of its first unit.
    """

    folder: Path
    text: mmap.mmap
    units: npt.NDArray[np.int64]
    base: int
    first_unit: int

    @property
    def end(self) -> int:
        """Where it ends in the whole text, in bytes."""
        return self.base + len(self.text)


def segment_limit(number: int) -> int:
    """Return how many bytes a segment holds at least before it is closed: small ones first."""
    return int(min(FIRST_SEGMENT << number, LARGEST_SEGMENT))


class TextStore:
    """The text of one source on disk; grows as far as it is asked for.

    Attributes:
        folder: Where it lies.
        segments: What has been read so far, in order.
        period_bytes: Length of the source's text before it repeats; ``None``
            while that is not known, and for endless sources.
        period_units: Units before it repeats; ``None`` as above.
    """

    def __init__(self, folder: Path, source: TextSource) -> None:
        """Open what is there; write the whole text now unless it is endless."""
        self.folder = folder
        self.segments: list[Segment] = []
        self.period_bytes: int | None = None
        self.period_units: int | None = None
        self._source = source
        self._writer: Iterator[None] | None = None
        self._matches: dict[tuple[str, int], list[str]] = {}
        self._load()
        if not source.endless and self.period_bytes is None:
            self._write_all()

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return self.segments[-1].end if self.segments else 0

    @property
    def units(self) -> int:
        """Units on disk so far."""
        last = self.segments[-1] if self.segments else None
        return last.first_unit + len(last.units) if last else 0

    def grow(self) -> bool:
        """Add a segment if the text is endless; say whether one was added."""
        if not self._source.endless:
            return False
        if self._writer is None:
            self._writer = self._write()
        next(self._writer)
        return True

    def close(self) -> None:
        """Let an endless text begin again where it ends so far, in this process alone: see ``hay.estimating``."""
        self.period_bytes, self.period_units = self.size, self.units

    def _write_all(self) -> None:
        with progress(f"reading {self._source.spec}", None, "B") as bar:
            for _ in self._write():
                bar(len(self.segments[-1].text))
        if not self.size:
            raise CorpusError(f"the haystack {self._source.spec} holds no text; give another")
        facts = {"period_bytes": self.period_bytes, "period_units": self.period_units, "bytes": self.size}
        write_atomically(self.folder / "complete.json", json.dumps(facts).encode())

    def _write(self) -> Iterator[None]:
        """Write segment after segment; those that exist already are passed over."""
        draft = _Draft()
        for text, ends in self._rolled():
            done = 0
            while done < len(ends):
                limit = segment_limit(draft.number)
                done = draft.add(text, ends, done, limit)
                if len(draft.text) >= limit:
                    if self._save(draft):
                        yield
                    draft = draft.following()
        if draft.text:
            self._save(draft)

    def _rolled(self) -> Iterator[tuple[bytes, list[int]]]:
        """Yield the source's texts with their units' ends, again and again until they are long enough to slice."""
        size = units = 0
        short: list[tuple[bytes, list[int]]] = []
        for text, ends in blocks_of(self._source.texts(), self._source.kind):
            if size < ROLLED_OUT:
                short.append((text, ends))
            size, units = size + len(text), units + len(ends)
            yield text, ends
        self.period_bytes, self.period_units = size, units
        for _ in range(-(-ROLLED_OUT // size) - 1 if size else 0):
            yield from short

    def _save(self, draft: _Draft) -> bool:
        """Put a segment in its place; return whether it is new to us."""
        if draft.number < len(self.segments):
            return False
        target = self.folder / f"{draft.number:05d}"
        if not target.is_dir():
            _write_folder(target, draft)
        self._append(target)
        return True

    def _append(self, target: Path) -> None:
        self.segments.append(_read_folder(target, self.size, self.units))

    def _load(self) -> None:
        while (target := self.folder / f"{len(self.segments):05d}").is_dir():
            self._append(target)
        complete = self.folder / "complete.json"
        if complete.is_file():
            facts: dict[str, Any] = json.loads(complete.read_bytes())
            self.period_bytes, self.period_units = facts["period_bytes"], facts["period_units"]

    def segment_at(self, byte: int) -> Segment:
        """Return the segment that holds a byte."""
        return self.segments[bisect_right(self.segments, byte, key=lambda segment: segment.base) - 1]

    def unit_start(self, unit: int) -> int:
        """Return the byte at which a unit begins; at ``units``, where the text ends so far."""
        if unit >= self.units:
            return self.size
        segment = self.segments[bisect_right(self.segments, unit, key=lambda segment: segment.first_unit) - 1]
        return int(segment.units[unit - segment.first_unit])

    def unit_starts(self) -> npt.NDArray[np.int64]:
        """Return the bytes at which all units begin so far, and where the last one ends."""
        return np.concatenate([*(segment.units for segment in self.segments), [self.size]])

    def unit_at(self, byte: int) -> int:
        """Return the number of the unit that holds a byte; ``units`` at the end."""
        if byte >= self.size:
            return self.units
        segment = self.segment_at(byte)
        return segment.first_unit + int(np.searchsorted(segment.units, byte, side="right")) - 1

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes of a range without copying them, segment by segment."""
        while start < stop:
            segment = self.segment_at(start)
            end = min(stop, segment.end)
            yield memoryview(segment.text)[start - segment.base : end - segment.base]
            start = end

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of a range."""
        return b"".join(self.views(start, stop))

    def snap(self, byte: int) -> int:
        """Return the place of a whole character at or before a byte."""
        byte = max(0, min(byte, self.size))
        while byte < self.size and self.read(byte, byte + 1)[0] & 0xC0 == CONTINUATION:
            byte -= 1
        return byte

    def matches(self, name: str, pattern: re.Pattern[bytes], start: int, stop: int) -> set[str]:
        """Return all texts that match a pattern in the segments that a range touches.

        Args:
            name: Names the pattern in the cache.
            pattern: Matches within units.
            start: First byte of the range.
            stop: The byte after its last.
        """
        found: set[str] = set()
        for segment in self.segments:
            if segment.base < stop and start < segment.end:
                found.update(self._matches_in(segment, name, pattern))
        return found

    def _matches_in(self, segment: Segment, name: str, pattern: re.Pattern[bytes]) -> list[str]:
        if (name, segment.base) not in self._matches:
            self._matches[name, segment.base] = _matches_in(segment, name, pattern)
        return self._matches[name, segment.base]


class _Draft:
    """A segment that is being written."""

    def __init__(self, number: int = 0, base: int = 0) -> None:
        self.number, self.base = number, base
        self.text = bytearray()
        self.units: list[int] = []

    def add(self, text: bytes, ends: Sequence[int], done: int, limit: int) -> int:
        """Add the units of a text up to the one that reaches a limit.

        Args:
            text: UTF-8.
            ends: Where its units end.
            done: How many of them stand already somewhere.
            limit: Bytes of this segment from which on it is closed; it is not yet.

        Returns:
            How many units of the text stand somewhere now.
        """
        if len(ends) == 1:  # as generated text comes
            self.units.append(self.base + len(self.text))
            self.text += text
            return 1
        start = ends[done - 1] if done else 0
        last = min(bisect_left(ends, start + limit - len(self.text), done) + 1, len(ends))
        shift = self.base + len(self.text) - start
        self.units.append(start + shift)
        self.units += [end + shift for end in ends[done : last - 1]]
        self.text += text[start : ends[last - 1]]
        return last

    def following(self) -> _Draft:
        """Return the empty segment after this one."""
        return _Draft(self.number + 1, self.base + len(self.text))


def _write_folder(target: Path, draft: _Draft) -> None:
    try:
        with whole(target) as beside:
            beside.mkdir()
            (beside / "text").write_bytes(draft.text)
            np.save(beside / "units.npy", np.array(draft.units, dtype=np.int64))
    except OSError as error:
        raise unwritable(target.parent, error) from error


def unwritable(folder: Path, error: OSError) -> CorpusError:
    """Make the error for a cache folder that cannot be written."""
    return CorpusError(
        f"cannot keep the corpus in {folder} ({error.strerror or error}); "
        "set LM_EVAL_LONGCTX_CACHE to a folder that can be written"
    )


def _read_folder(folder: Path, base: int, first_unit: int) -> Segment:
    with (folder / "text").open("rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return Segment(folder, text, np.load(folder / "units.npy", mmap_mode="r").view(np.ndarray), base, first_unit)


def _matches_in(segment: Segment, name: str, pattern: re.Pattern[bytes]) -> list[str]:
    path = segment.folder / f"{name}.json"
    if path.is_file():
        return list(json.loads(path.read_bytes()))
    found = sorted({match[0].decode() for match in pattern.finditer(segment.text)})
    write_atomically(path, json.dumps(found).encode())
    return found


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it.

    Raises:
        CorpusError: The folder cannot be written.
    """
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside its place, which is renamed when all went well and removed when not.

    Raises:
        CorpusError: The folder cannot be written.
    """
    try:
        with whole(path) as beside, beside.open("wb") as file:
            yield file
    except OSError as error:
        raise unwritable(path.parent, error) from error
