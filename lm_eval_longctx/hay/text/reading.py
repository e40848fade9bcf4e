"""Reading plain text files: UTF-8 only, a megabyte at a time, Gutenberg's own words left out."""

from __future__ import annotations

import codecs
import hashlib
import mmap
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE = 1 << 20
_PATIENCE = 4 * PIECE

_BEGINS = re.compile(rb"^\*\*\* ?START OF TH[^\n]*\n", re.MULTILINE)
_ENDS = re.compile(rb"^(?:\*\*\* ?END OF TH|End of (?:the |this )?Project Gutenberg)[^\n]*", re.MULTILINE)
_PRODUCED = re.compile(rb"\s*(?:Produced by|E-text prepared by)[^\n]*(?:\n(?!\r?\n)[^\n]*)*")


@dataclass(frozen=True)
class Document:
    """A text in a file.

    Attributes:
        path: The file.
        start: Its first byte.
        stop: The byte after its last.
    """

    path: Path
    start: int
    stop: int

    @classmethod
    def whole(cls, path: Path) -> Document:
        """Take all of a file but a byte order mark."""
        with path.open("rb") as file:
            marked = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        return cls(path, len(codecs.BOM_UTF8) if marked else 0, path.stat().st_size)

    @classmethod
    def book(cls, path: Path) -> Document:
        """Take a file without Project Gutenberg's header and licence, if it has them."""
        whole = cls.whole(path)
        if whole.start == whole.stop:
            return whole
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            begins = _BEGINS.search(data)
            if begins is None:
                return whole
            produced = _PRODUCED.match(data, begins.end())
            start = produced.end() if produced else begins.end()
            ends = _ENDS.search(data, start)
            return cls(path, start, ends.start() if ends else whole.stop)

    def digest(self) -> str:
        """Return the sha256 of the bytes in hexadecimal."""
        sha = hashlib.sha256()
        for block in self._blocks():
            sha.update(block)
        return sha.hexdigest()

    def is_utf8(self) -> bool:
        """Whether the bytes are UTF-8."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for block in self._blocks():
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True

    def pieces(self) -> Iterator[str]:
        r"""Yield the text in pieces of whole paragraphs, ended by an empty line.

        Windows' line ends become ``\n``; blank space at both ends is left out.

        Raises:
            CorpusError: The file is not UTF-8.
        """
        waiting = ""
        for text in self._decoded():
            waiting = (waiting + text) if waiting else text.lstrip()
            if len(waiting) > PIECE // 2 and (cut := _last_paragraph_end(waiting.rstrip())):
                yield waiting[:cut]
                waiting = waiting[cut:]
        if waiting := waiting.rstrip():
            yield waiting + "\n\n"

    def _blocks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            left = self.stop - self.start
            while left > 0 and (block := file.read(min(PIECE, left))):
                left -= len(block)
                yield block

    def _decoded(self) -> Iterator[str]:
        r"""Decode block by block; a ``\r`` at a block's end waits for what follows it."""
        decoder, place, held = codecs.getincrementaldecoder("utf-8")(), self.start, ""
        for block in self._blocks():
            pending = len(decoder.getstate()[0])
            try:
                text = held + decoder.decode(block, final=place + len(block) >= self.stop)
            except UnicodeDecodeError as error:
                raise self._not_utf8(place - pending + error.start, error) from error
            place += len(block)
            held = "\r" if text.endswith("\r") and place < self.stop else ""
            yield text[: len(text) - len(held)].replace("\r\n", "\n").replace("\r", "\n")

    def _not_utf8(self, byte: int, error: UnicodeDecodeError) -> CorpusError:
        return CorpusError(
            f"{self.path} is not UTF-8 (byte {byte} is 0x{error.object[error.start]:02x}); "
            "convert it, for example with: iconv -f latin1 -t utf-8"
        )


def _last_paragraph_end(text: str) -> int:
    """Return where the last whole paragraph ends, 0 if there is none; a line or word will do in text without any."""
    marks = ("\n\n",) if len(text) < _PATIENCE else ("\n\n", "\n", " ")
    for mark in marks:
        if (found := text.rfind(mark)) > 0:
            return found + len(mark) if mark != " " else found
    return 0
