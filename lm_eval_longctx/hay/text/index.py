"""How many tokens a corpus holds up to its safe places, kept on disk.

The whole text is tokenised once, in pieces of a megabyte that begin and end at
safe places (see ``anchors``). One array of shape (2, places) a segment keeps
``[bytes, tokens]`` at every remembered place.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.errors import CorpusError, TokenizerError
from lm_eval_longctx.hay.text.store import write_atomically
from lm_eval_longctx.hay.text.tokenizers import byte_places

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from lm_eval_longctx.hay.text.store import TextStore
    from lm_eval_longctx.hay.text.tokenizers import Tokenizer

    Places = npt.NDArray[np.int64]
    from collections.abc import Iterable


SPACING = 128
"""Least number of characters between two safe places that are remembered."""

_CJK = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_MARKS = "\u3002\uff01\uff1f\u3001\uff0c"
_INSIDE_SPACE = re.compile(r"(?<=\S) ")
_INSIDE_LINE = re.compile(r"\n(\S)")
_INSIDE_MARK = re.compile(f"[{_CJK}][{_MARKS}]")
_MANY_LETTERS = 20


def safe_places(vocabulary: Iterable[bytes]) -> re.Pattern[str] | None:
    """Return a pattern that matches nothing at safe places; ``None`` if there are none.

    Args:
        vocabulary: What each token spells.
    """
    # All tokens as one text: a tab between two of them is space and no line end, so that nothing is found across it
    text = b"\t".join(vocabulary).decode(errors="replace")
    before_space = {text[match.start() - 1] for match in _INSIDE_SPACE.finditer(text)}
    after_newline = set(_INSIDE_LINE.findall(text))
    parts = []
    if sum(map(str.isalpha, before_space)) < _MANY_LETTERS:  # else its tokens are several words long
        parts.append(rf"(?<=[^\s{_listed(before_space)}])(?= [^\s])")
    if sum(map(str.isalpha, after_newline)) < _MANY_LETTERS:
        parts.append(rf"(?<=\n)(?=[^\s{_listed(after_newline)}])")
    if not _INSIDE_MARK.search(text):
        parts.append(f"(?<=[{_CJK}])(?=[{_MARKS}])")
    return re.compile("|".join(parts)) if parts else None


@lru_cache(maxsize=8)
def safe_places_of(tokenizer: Tokenizer) -> re.Pattern[str] | None:
    """Look through a tokenizer's vocabulary once, however many corpora it counts."""
    return safe_places(tokenizer.vocabulary())


def _listed(found: set[str]) -> str:
    """Write characters as the inside of a class; a broken one may be part of any beyond ASCII."""
    plain = "".join(map(re.escape, sorted(found)))
    return plain + ("\u0080-\U0010ffff" if "\ufffd" in found else "")


def find_places(pattern: re.Pattern[str], text: str, start: int, stop: int) -> list[int]:
    """Return safe places in ``text[start:stop]``, at least ``SPACING`` characters apart, as indexes."""
    places, position = [], start
    while (match := pattern.search(text, position, stop)) is not None:
        places.append(match.start())
        position = match.start() + SPACING
    return places


MARGIN = 64
"""Bytes of real neighbourhood that a safe place needs on both sides."""

PIECE = 1 << 20
LARGEST_PIECE = 1 << 23

Place = tuple[int, int]
"""A safe place: (bytes before it, tokens before it)."""


class TokenIndex:
    """Token counts of a stored text under one tokenizer."""

    def __init__(self, folder: Path, store: TextStore, tokenizer: Tokenizer) -> None:
        """Open what has been counted before."""
        self._folder = folder
        self._store = store
        self._tokenizer = tokenizer
        self._parts: list[Places] = []
        while (path := self._path(len(self._parts))).is_file():
            self._parts.append(np.load(path, mmap_mode="r").view(np.ndarray))

    @property
    def last(self) -> Place:
        """The last safe place known."""
        return (int(self._parts[-1][0, -1]), int(self._parts[-1][1, -1])) if self._parts else (0, 0)

    @property
    def segments(self) -> int:
        """How many segments of the text are counted."""
        return len(self._parts)

    def extend(self) -> None:
        """Count the next segment, which the store must hold."""
        number = len(self._parts)
        path = self._path(number)
        if not path.is_file():
            buffer = io.BytesIO()
            np.save(buffer, self._counted(number))
            write_atomically(path, buffer.getvalue())
        self._parts.append(np.load(path, mmap_mode="r").view(np.ndarray))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.npy"

    def _counted(self, number: int) -> Places:
        """Tokenise a segment from the last safe place before it to the last one in it."""
        byte, tokens = self.last
        bytes_, counts = [byte], [tokens]
        stop, piece = self._store.segments[number].end - MARGIN, PIECE
        while byte < stop:
            places, before = self._count_piece(byte, min(byte + piece, stop))
            if not places:
                if byte + piece >= stop:
                    break
                piece = self._larger(piece, byte)
                continue
            bytes_ += places
            counts += [tokens + count for count in before]
            byte, tokens, piece = bytes_[-1], counts[-1], PIECE
        return np.array([bytes_, counts], dtype=np.int64)

    def _larger(self, piece: int, byte: int) -> int:
        if piece >= LARGEST_PIECE:
            raise CorpusError(
                f"the haystack has {piece >> 20} MB without a space or line end after byte {byte}; is it text?"
            )
        return piece * 2

    def _count_piece(self, start: int, stop: int) -> tuple[list[int], list[int]]:
        """Return the safe places in a range after its start, and how many tokens begin between the start and each."""
        low, stop = self._store.snap(start - MARGIN), self._store.snap(stop)
        head = self._store.read(low, start).decode()
        text = head + self._store.read(start, self._store.snap(stop + MARGIN)).decode()
        within = len(self._store.read(start, stop).decode()) + len(head)
        places = [p for p in find_places(self._safe(), text, len(head), within + 1) if p > len(head)]
        if not places:
            return [], []
        bytes_ = [int(byte) for byte in byte_places(text, np.array(places, dtype=np.int64))]
        starts = self._tokenizer.starts(text)
        before = np.searchsorted(starts, [start - low, *bytes_])
        return [low + byte for byte in bytes_], [int(count - before[0]) for count in before[1:]]

    def _safe(self) -> re.Pattern[str]:
        pattern = safe_places_of(self._tokenizer)
        if pattern is None:
            raise TokenizerError(
                f"the tokenizer {self._tokenizer.name} has tokens across every word, line and mark, "
                "so text cannot be cut without changing its length; use another, such as o200k_base"
            )
        return pattern

    def after(self, byte: int) -> Place | None:
        """Return the first safe place at or after a byte, if it is known."""
        number = bisect_left(self._parts, byte, key=lambda part: int(part[0, -1]))
        if number == len(self._parts):
            return None
        part = self._parts[number]
        column = int(np.searchsorted(part[0], byte))
        return int(part[0, column]), int(part[1, column])

    def before(self, byte: int) -> Place:
        """Return the last safe place at or before a byte."""
        return self._last_up_to(byte, row=0)

    def at_tokens(self, tokens: int) -> Place:
        """Return the last safe place with at most so many tokens before it."""
        return self._last_up_to(tokens, row=1)

    def _last_up_to(self, value: int, row: int) -> Place:
        number = bisect_right(self._parts, value, key=lambda part: int(part[row, 0])) - 1
        if number < 0:
            return 0, 0
        part = self._parts[number]
        column = int(np.searchsorted(part[row], value, side="right")) - 1
        return int(part[0, column]), int(part[1, column])
