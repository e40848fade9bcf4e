"""What is printed fits the screen, is coloured where that is wanted, and commands nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNLIMITED = 1 << 20
_NARROWEST = 20
_INDENT = 4
_LABEL = re.compile(r" *[^ ]+( [^ ]+)* {2,}(?=[^ ])| {9,}(?=[^ ])")
"""A label with a gap behind it, or the gap alone on lines that go on below: what is broken goes on under the text."""


def width() -> int:
    """Return how many columns there are: the terminal's, ``COLUMNS`` if it is set, no end in a file or a pipe."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return max(_NARROWEST, shutil.get_terminal_size().columns)
    return _UNLIMITED


def wants_colour(stream: TextIO | None = None) -> bool:
    """Whether to colour: on a terminal, unless ``NO_COLOR`` is set; ``FORCE_COLOR`` insists."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream or sys.stdout).isatty()


def fitted(lines: Iterable[str], columns: int | None = None) -> str:
    """Return lines of prose, those that are too long broken between words and set in under their text.

    Args:
        lines: Each without its end.
        columns: Of the screen; as it is, unless given.
    """
    most = width() if columns is None else columns
    return "\n".join(part for line in lines for part in _broken(line, most))


def _broken(line: str, most: int) -> list[str]:
    if len(line) <= most:
        return [line]
    labelled = _LABEL.match(line)
    indent = labelled.end() if labelled else len(line) - len(line.lstrip()) + _INDENT
    indent = indent if indent <= most // 2 else _INDENT
    return textwrap.wrap(
        line, most, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    )


def harmless(text: str) -> str:
    """Return text in which nothing commands a terminal or turns the direction of reading."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
