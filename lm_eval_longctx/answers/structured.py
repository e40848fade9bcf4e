"""JSON in an answer: alone, in a fence, on lines of its own, or after a polite sentence."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any, NamedTuple

_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*\n(.*?)^[ \t]*(?:```|~~~)", re.MULTILINE | re.DOTALL)
_MARKS = "*_~`\"'\u201c\u201d\u00ab\u00bb \n\t"
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*$", re.MULTILINE)
_OPENS = re.compile(r"(?:^[ \t]*|: )[{\[](?=\s*[{\[\"])", re.MULTILINE)
_MOST_STARTS = 20
"""Places at which JSON may begin; a loop of brackets has more."""

MISSING = object()
"""Stands for no JSON, for ``null`` is a value."""


class Structured(NamedTuple):
    """JSON in an answer.

    Attributes:
        value: What it says, numbers as they were written; ``MISSING`` where there is none.
        rest: What stands after it.
    """

    value: Any
    rest: str = ""


@lru_cache(maxsize=8)
def structured(text: str) -> Structured:
    """Return what a text holds as JSON: the whole of it, else what stands apart from the prose, in a fence or not.

    Objects on lines of their own are one list.

    Args:
        text: An answer, thoughts taken off.
    """
    if (whole := _parsed(_FENCE_LINE.sub("", text))) is not MISSING:
        return Structured(whole)
    for block in reversed(list(_FENCED.finditer(text))):
        if (found := _parsed(block[1])) is not MISSING:
            return Structured(found, text[block.end() :])
    return _among_prose(text)


def _parsed(text: str) -> Any:
    """Return a text's value, or the objects of its lines as one list."""
    bare = text.strip(_MARKS)
    if bare[:1] not in {"{", "["} or bare[-1:] not in {"}", "]"}:
        return MISSING
    if (whole := _loaded(bare)) is not MISSING:
        return whole
    rows = (_loaded(line.strip().rstrip(",")) for line in bare.split("\n") if line.strip())
    found = list(takewhile(lambda row: isinstance(row, dict), rows)) if "\n" in bare else []
    return found if len(found) == sum(1 for line in bare.split("\n") if line.strip()) else MISSING


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):  # a loop of brackets is no JSON
        return MISSING


def _among_prose(text: str) -> Structured:
    """Return what stands between a bracket that begins a line, or follows a colon, and the last one that closes."""
    end = max(text.rfind("}"), text.rfind("]")) + 1
    for start in islice((mark.end() - 1 for mark in _OPENS.finditer(text, 0, end)), _MOST_STARTS):
        if (found := _parsed(text[start:end])) is not MISSING:
            return Structured(found, text[end:])
    return Structured(MISSING)
