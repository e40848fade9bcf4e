"""Where a text may be cut so that both sides keep their tokens.

A place is safe if no token of the vocabulary reaches across it: merging never
makes a token that is not in the vocabulary, so neither side can know of the
other. Three sorts of places are looked at, the ones that pre-tokenizers divide
at (a space between words, the start of a line, a mark after a CJK character),
and those of them are kept that the vocabulary confirms.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SPACING = 128
"""Least number of characters between two safe places that are remembered."""

_CJK = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_MARKS = "\u3002\uff01\uff1f\u3001\uff0c"
_INSIDE_SPACE = re.compile(r"[^\s](?= )")
_INSIDE_LINE = re.compile(r"(?<=\n)[^\s]")
_INSIDE_MARK = re.compile(f"[{_CJK}][{_MARKS}]")
_MANY_LETTERS = 20


def safe_places(vocabulary: Iterable[bytes]) -> re.Pattern[str] | None:
    """Return a pattern that matches nothing at safe places; ``None`` if there are none.

    Args:
        vocabulary: What each token spells.
    """
    before_space: set[str] = set()
    after_newline: set[str] = set()
    marks_apart = True
    for token in vocabulary:
        if len(token) > 1 and not token.isalnum():
            text = token.decode(errors="replace")
            before_space.update(_INSIDE_SPACE.findall(text))
            after_newline.update(_INSIDE_LINE.findall(text))
            marks_apart = marks_apart and not _INSIDE_MARK.search(text)
    parts = []
    if sum(map(str.isalpha, before_space)) < _MANY_LETTERS:  # else its tokens are several words long
        parts.append(rf"(?<=[^\s{_listed(before_space)}])(?= [^\s])")
    if sum(map(str.isalpha, after_newline)) < _MANY_LETTERS:
        parts.append(rf"(?<=\n)(?=[^\s{_listed(after_newline)}])")
    if marks_apart:
        parts.append(f"(?<=[{_CJK}])(?=[{_MARKS}])")
    return re.compile("|".join(parts)) if parts else None


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
