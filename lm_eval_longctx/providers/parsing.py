"""From a response's bytes to values, however they are written; nothing here raises.

Servers send bytes that are no UTF-8, halves of surrogate pairs, numbers that
JSON does not know, marks at the beginning, and event streams under any name
and with any line ends. An answer is to be read in spite of that; what had to
be mended is said in a note.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.providers.base import Raw

REPLACED = "bytes that are not UTF-8 were replaced in the answer"

_BOM = b"\xef\xbb\xbf"
_STREAM = re.compile(rb"^(?:(?:data|event|error|id|retry):|: ?\w)", re.MULTILINE)
"""A line of an event stream; llama.cpp has sent ``error:`` too, and routers keep a line awake with comments."""

_LOOKED_AT = 4096
_END = b"[DONE]"


@dataclass(frozen=True)
class Event:
    """One server-sent event.

    Attributes:
        name: Its name; empty if it has none.
        data: Its parsed data, or ``None`` for the end marker.
    """

    name: str
    data: Any


class Parsed(NamedTuple):
    """A response's body, read.

    Attributes:
        value: The JSON value; ``None`` where there is none.
        events: The events of a stream; ``None`` where the body is no stream.
        notes: What had to be mended.
    """

    value: Any = None
    events: list[Event] | None = None
    notes: tuple[str, ...] = ()


def parsed(raw: Raw) -> Parsed:
    """Read a body by what it is, not by what its headers call it."""
    body, kind = raw.body.removeprefix(_BOM), raw.headers.get("content-type", "")
    notes = () if _is_text(body) else (REPLACED,)
    start = body.lstrip()[:1]
    if start not in {b"{", b"[", b"<"} and _STREAM.search(body[:_LOOKED_AT]):
        return Parsed(events=events(body), notes=notes)
    value = loads(body)
    if value is None and start == b"{":  # one object a line
        chunks = events(body)
        value = [event.data for event in chunks] if len(chunks) > 1 or "stream" in kind else None
    if isinstance(value, list) and value:  # a stream as one array, as Gemini sends it
        return Parsed(events=[Event("", chunk) for chunk in value], notes=notes)
    return Parsed(value, notes=notes)


def _is_text(body: bytes) -> bool:
    """Whether all bytes mean something, in UTF-8 or in the Unicode that a body is written in."""
    if body.isascii() or json.detect_encoding(body[:4]) != "utf-8":
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def loads(body: bytes) -> Any:
    """Read JSON in any Unicode, with odd numbers, bytes and halves of characters; ``None`` where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode(json.detect_encoding(body), errors="replace"))
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, or nested without an end
        return None


def events(body: bytes) -> list[Event]:
    """Take a stream apart; what is incomplete at its end is left out."""
    found: list[Event] = []
    for block in _blocks(body):
        read = _read(block)
        found += (event for event in read if event is not None)
        if None in read:
            break
    return found


def _blocks(body: bytes) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the data of each block, line by line, with the name of its event."""
    name, data = "", list[tuple[str, bytes]]()
    for line in (*body.removeprefix(_BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""):
        field, _, rest = line.partition(b":")
        if field == b"event":
            name = rest.strip().decode(errors="replace")
        elif field in {b"data", b"error"}:
            data.append((name, rest.strip()))
        elif line.startswith(b"{"):
            data.append((name, line.strip()))
        elif not line.strip():
            if data:
                yield data
            name, data = "", []


def _read(data: list[tuple[str, bytes]]) -> list[Event | None]:
    """Read one block: one event, or one a line where a server forgets the empty lines; ``None`` for a broken one."""
    lines = [(name, line) for name, line in data if line]
    if len(lines) > 1:
        whole = loads(b"\n".join(line for _, line in lines))
        if whole is not None:
            return [Event(lines[-1][0], whole)]
    read: list[Event | None] = []
    for name, line in lines:
        value = None if line == _END else loads(line)
        read.append(Event(name, value) if value is not None or line == _END else None)
        if read[-1] is None:
            break
    return read


def mended(text: str) -> str:
    """Join halves of surrogate pairs that came in two pieces, and replace a half that is alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def dig(value: Any, *path: str | int) -> Any:
    """Follow keys and indexes into a parsed answer; ``None`` where the way ends."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        elif isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def table(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one where something else came."""
    return value if isinstance(value, dict) else {}
