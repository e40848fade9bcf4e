"""Request bodies as lists of byte segments, with their exact length.

A body is JSON whose long strings are never built whole: text is JSON-escaped
once and shared by all requests that hold it, media are read from their files
and base64-encoded while they are sent. A dialect writes an ordinary tree of
dictionaries and puts a ``JsonString`` where a long string goes; ``assemble``
turns the tree into a ``Body``.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union
from weakref import WeakValueDictionary

import orjson
import pybase64

from lm_eval_longctx.errors import MediaError, UnsupportedError
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SLICE = 256 * 1024
"""Characters that are escaped in one go: large enough to be fast, small enough to waste nothing."""

SMALL = 4096
"""Bytes or characters up to which pieces are put together: a thousand frames' times are not a thousand writes."""

READ = 192 * 1024
"""Bytes of a file read in one go; divisible by 3, so that base64 needs no padding in between."""

CACHE_BYTES = 32 << 20
"""Bytes of escaped text that are kept for later requests."""

_MARK = secrets.token_hex(16)
_MARKED = f'"{_MARK}"'.encode()
"""Stands for a long string while the rest is written; made anew in each process, so that no text can hold it."""

Chunk = Union[bytes, memoryview]


@dataclass(frozen=True)
class FileBytes:
    """A stretch of a file, as it will be sent.

    Attributes:
        path: Where the file lies.
        size: Bytes of the stretch, when the body was made.
        encoded: Whether it is sent as base64.
        offset: Where the stretch begins.
    """

    path: str
    size: int
    encoded: bool = True
    offset: int = 0

    @classmethod
    def of(cls, path: str, *, encoded: bool = True) -> FileBytes:
        """Look up a whole file.

        Raises:
            MediaError: There is no such file.
        """
        try:
            return cls(path, Path(path).stat().st_size, encoded)
        except OSError as error:
            raise MediaError(f"cannot read the media file {path!r}: {error.strerror}; build the sample again") from None

    @property
    def length(self) -> int:
        """Bytes on the wire."""
        return 4 * -(-self.size // 3) if self.encoded else self.size

    def chunks(self) -> Iterator[Chunk]:
        """Yield the bytes as they go on the wire.

        Raises:
            MediaError: The file has become shorter since the body was made.
        """
        left = self.size
        with Path(self.path).open("rb") as file:
            file.seek(self.offset)
            while left and (chunk := file.read(min(left, READ))):
                left -= len(chunk)
                yield pybase64.b64encode(chunk) if self.encoded else chunk
        if left:
            raise MediaError(f"the media file {self.path!r} changed while it was being sent")


@dataclass(frozen=True)
class JsonString:
    """One JSON string made of several pieces.

    Attributes:
        items: Short literals, texts of a prompt, files (as base64).
    """

    items: tuple[str | TextPart | FileBytes, ...]

    def short(self) -> str | None:
        """Return the whole string if it is short, else ``None``."""
        texts = [item.text if isinstance(item, TextPart) else item for item in self.items]
        known = [text for text in texts if isinstance(text, str)]
        return "".join(known) if len(known) == len(texts) and sum(map(len, known)) <= SMALL else None


class Escaped:
    """A text as it stands in JSON, without its quotes; shared by all requests that hold it.

    Attributes:
        pieces: The bytes, in slices.
        length: Bytes in total.
    """

    __slots__ = ("__weakref__", "length", "pieces")

    def __init__(self, text: str) -> None:
        """Escape a text.

        Each slice is copied once, because orjson reserves sixteen times what
        it writes and keeps the reserve as long as its result lives.

        Raises:
            UnsupportedError: The text is not valid Unicode.
        """
        self.pieces = tuple(bytes(piece) for piece in _escaped(text))
        self.length = sum(map(len, self.pieces))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the bytes in slices."""
        yield from self.pieces


class Passing:
    """A text as it stands in JSON, of one request only: measured now, escaped again while it is sent.

    Attributes:
        length: Bytes in total.
    """

    __slots__ = ("_text", "length")

    def __init__(self, text: str) -> None:
        """Measure a text; nothing but the text itself is held.

        Raises:
            UnsupportedError: The text is not valid Unicode.
        """
        self._text = text
        self.length = sum(map(len, _escaped(text)))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the bytes in slices."""
        return map(bytes, _escaped(self._text))


def _escaped(text: str) -> Iterator[memoryview]:
    """Escape a text slice by slice; each slice is gone when the next is made, unless somebody keeps it."""
    try:
        for i in range(0, len(text), SLICE):
            yield memoryview(orjson.dumps(text[i : i + SLICE]))[1:-1]
    except orjson.JSONEncodeError as error:
        raise _not_unicode(error) from None


def _not_unicode(error: Exception) -> UnsupportedError:
    return UnsupportedError(f"the prompt is not valid Unicode and cannot be sent as JSON: {error}")


Segment = Union[bytes, memoryview, FileBytes, Escaped, Passing]
_STREAMED = (FileBytes, Escaped, Passing)


@dataclass(frozen=True)
class Body:
    """A request's body.

    Attributes:
        segments: In order.
        length: Bytes in total: the Content-Length.
    """

    segments: tuple[Segment, ...]
    length: int

    @classmethod
    def of(cls, segments: Iterable[Segment]) -> Body:
        """Make a body and add up its length."""
        kept = tuple(segments)
        return cls(kept, sum(s.length if isinstance(s, _STREAMED) else len(s) for s in kept))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the bytes in order, in pieces of less than two megabytes."""
        for segment in self.segments:
            if isinstance(segment, _STREAMED):
                yield from segment.chunks()
            else:
                yield segment


class EscapedText:
    """Escaped text by digest: whatever some request holds now, and a little of what was used last."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        """Keep at most ``limit`` bytes that no request holds."""
        self.limit = limit
        self.size = 0
        self._held: WeakValueDictionary[str, Escaped] = WeakValueDictionary()
        self._kept: OrderedDict[str, Escaped] = OrderedDict()

    def get(self, part: TextPart) -> Escaped | Passing:
        """Return the escaped text; only text that others share is looked for and kept."""
        if not part.shared:
            return Passing(part.text) if len(part.text) > SLICE else Escaped(part.text)
        found = self._held.get(part.digest)
        if found is None:
            found = self._held[part.digest] = Escaped(part.text)
        self._keep(part.digest, found)
        return found

    def _keep(self, digest: str, text: Escaped) -> None:
        if text.length > self.limit:
            return
        if digest not in self._kept:
            self.size += text.length
        self._kept[digest] = text
        self._kept.move_to_end(digest)
        while self.size > self.limit:
            self.size -= self._kept.popitem(last=False)[1].length


def assemble(tree: Any, texts: EscapedText) -> Body:
    """Turn a tree into a body.

    All but the long strings is written in one go; a mark stands where each of
    them belongs, and the bytes are cut apart there.

    Args:
        tree: Dictionaries, lists and plain values, with a ``JsonString``
            wherever a long string goes.
        texts: The cache of escaped text.

    Raises:
        UnsupportedError: A text is not valid Unicode.
    """
    long: list[JsonString] = []

    def stand_in(node: Any) -> str:
        if not isinstance(node, JsonString):
            raise TypeError(f"a {type(node).__name__} is no JSON")
        text = node.short()
        if text is None:
            long.append(node)
        return _MARK if text is None else text

    try:
        frame = orjson.dumps(tree, stand_in, orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError as error:
        raise _not_unicode(error) from None
    return Body.of((frame,)) if not long else Body.of(_joined(_spliced(frame.split(_MARKED), long, texts)))


def _spliced(frame: list[bytes], long: list[JsonString], texts: EscapedText) -> Iterator[Segment]:
    """Put the long strings back where their marks stood."""
    for around, string in zip(frame, [*long, None], strict=True):
        yield around
        if string is not None:
            yield from _string(string, texts)


def _joined(pieces: Iterable[Segment]) -> Iterator[Segment]:
    """Put small pieces together."""
    small = bytearray()
    for piece in pieces:
        if isinstance(piece, (FileBytes, Passing)) or (isinstance(piece, Escaped) and piece.length > SMALL):
            if small:
                yield bytes(small)
                small.clear()
            yield piece
        else:
            small += b"".join(piece.pieces) if isinstance(piece, Escaped) else piece
    if small:
        yield bytes(small)


def _string(string: JsonString, texts: EscapedText) -> Iterator[Segment]:
    yield b'"'
    for item in string.items:
        if isinstance(item, FileBytes):
            yield item
        elif isinstance(item, TextPart):
            yield texts.get(item)
        else:
            yield orjson.dumps(item)[1:-1]
    yield b'"'
