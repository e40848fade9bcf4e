"""Cutting text into units: what a needle may stand between and never inside.

A unit of prose is a sentence, a unit of code a line. Units join to exactly the
text they came from: line ends belong to the unit before them, other spaces to
the unit after them. That is where tokenizers divide, too.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SENTENCES = "sentences"
LINES = "lines"
PIECES = "pieces"

LONGEST = 2000
"""Characters after which a unit is cut at a space, or anywhere if there is none."""

_MANY = 1 << 10
"""Bytes of a text from which on it is quicker to look for all line ends at once."""

_CLOSERS = "\"')\\]\u2019\u201d\u00bb"
_ENDS = re.compile(
    r"\n(?:[ \t]*\n)+"  # a paragraph's end
    r"|\n(?=[ \t]{2,}[A-Z0-9\"\u201c])"  # an indented line: a list, a table of contents, verse
    rf"|[.!?\u2026\u061f\u06d4\u0964\u0965\u1362\u104b]+[{_CLOSERS}]*(?:\n+|(?=[ \t\u00a0]))"
    "|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09\u2019]*\n*"
)
_LINE = re.compile(r"\n+")
_WORD_BEFORE = re.compile(r"([^\s\"'(\[\u2018\u201c]+)\.\n*\Z")
_TITLES = frozenset(
    (
        "mr mrs ms dr st mme mlle mm messrs prof gen col capt lt sgt rev hon jr sr vs etc cf no vol ch fig "
        "e.g i.e viz al"
    ).split()
)
_LOOK_BACK = 24


def units_of(texts: Iterable[str], kind: str) -> Iterator[str]:
    """Yield the units of texts that end where a unit ends; see ``unit_ends``."""
    for text in texts:
        start = 0
        for end in unit_ends(text, kind):
            yield text[start:end]
            start = end


def blocks_of(texts: Iterable[str], kind: str) -> Iterator[tuple[bytes, list[int]]]:
    """Yield texts as UTF-8, each with the bytes at which its units end; see ``unit_ends``."""
    for text in texts:
        data = text.encode()
        ends = _short_line_ends(data) if kind == LINES and len(data) >= _MANY else []
        ends = ends or list(unit_ends(text, kind))
        if ends and ends[-1] != len(data):  # a character takes several bytes
            ends = list(accumulate(len(text[start:end].encode()) for start, end in pairwise((0, *ends))))
        if ends:
            yield data, ends


def _short_line_ends(data: bytes) -> list[int]:
    """Return where lines end in UTF-8, all at once; nothing if there is one so long that it may have to be cut."""
    feeds = np.frombuffer(data, np.uint8) == ord("\n")
    ends = np.append(np.flatnonzero(feeds[:-1] & ~feeds[1:]) + 1, len(data))
    return ends.tolist() if np.diff(ends, prepend=0).max() <= LONGEST else []


def unit_ends(text: str, kind: str) -> Iterator[int]:
    """Yield where units end, as indexes into the text, ascending; the last is the text's length.

    Args:
        text: Anything; empty text has no units.
        kind: ``SENTENCES``, ``LINES``, or ``PIECES``: the text is one unit.
    """
    if kind == PIECES:
        yield from [len(text)] if text else []
        return
    start = 0
    for end in _natural_ends(text, kind):
        yield from _pieces(text, start, end)
        start = end


def _natural_ends(text: str, kind: str) -> Iterator[int]:
    for match in (_ENDS if kind == SENTENCES else _LINE).finditer(text):
        if match.end() < len(text) and (kind == LINES or _ends_sentence(text, match)):
            yield match.end()
    if text:
        yield len(text)


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Tell a sentence's end from an abbreviation, an initial or an ellipsis within a sentence."""
    first = match[0][0]
    if first in "\n\u3002\uff01\uff1f" or match[0].count("\n") > 1:
        return True
    following = text[match.end() : match.end() + _LOOK_BACK].lstrip()
    if following[:1].islower():
        return False
    word = _WORD_BEFORE.search(text[max(0, match.start() - _LOOK_BACK) : match.end()])
    return word is None or not _is_abbreviation(word[1])


def _is_abbreviation(word: str) -> bool:
    return (len(word) == 1 and word.isupper() and word != "I") or word.lower() in _TITLES


def _pieces(text: str, start: int, end: int) -> Iterator[int]:
    """Cut what is too long to be a sentence; needles may then stand within it."""
    while end - start > LONGEST:
        start = _cut(text, start, start + LONGEST)
        yield start
    yield end


def _cut(text: str, start: int, latest: int) -> int:
    space = text.rfind(" ", start + LONGEST // 2, latest)
    if space > 0:
        return space
    while latest > start + 1 and _joins(text[latest]):
        latest -= 1
    return latest


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before it (marks, joiners, variation selectors)."""
    return unicodedata.category(character) in {"Mn", "Mc", "Me"} or character in "\u200c\u200d"
