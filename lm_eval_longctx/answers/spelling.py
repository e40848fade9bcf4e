"""One spelling for what can be typed in many ways: case, blanks, dashes, quotes, digits of all scripts."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

_THIN_SPACE = re.compile("(?<=\\d)[\u00a0\u2007\u2009\u202f](?=\\d{3})")
_ARABIC_COMMA = re.compile("(?<=\\d)[\u066c\u060c](?=\\d{3})")
_LATEX_COMMA = re.compile(r"(?<=\d)(?:\{,\}|\\[,;: ])(?=\d{3})")
_RAISED = re.compile("(?<=[^\\W_])[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]+")
"""Raised digits after a word or a number are footnotes, not a part of it."""

_BLANKS = re.compile(r"[^\S\n]+")
_TRANSLATE = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2012\u2013\u2014\u2015", " - "),
        **dict.fromkeys("\u2018\u2019\u02bc\u2032`", "'"),
        **dict.fromkeys("\ufe0e\ufe0f\u20e3"),  # what makes an emoji of a digit
        "\u2116": "#",  # the numero sign is no "No"
        **dict.fromkeys("\u201c\u201d\u00ab\u00bb\u201e", '"'),
    }
)


@lru_cache(maxsize=1)
def _invisible() -> dict[int, None]:
    """Return the characters that only steer the layout (zero-width spaces and the like)."""
    return {code: None for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"}


def typed(text: str) -> str:
    """Return a text with one spelling of spaces, dashes, quotes and digits; case stays."""
    text = _LATEX_COMMA.sub(",", text).replace("`", "'")
    if not text.isascii():
        text = _ARABIC_COMMA.sub(",", _THIN_SPACE.sub(",", _RAISED.sub("", text))).translate(_TRANSLATE)
        text = unicodedata.normalize("NFKC", text).translate(_invisible())
        text = re.sub(r"[^\W\d_]?\d+", lambda m: _ascii(m[0]), text) if not text.isascii() else text
    return _BLANKS.sub(" ", text)


def _ascii(text: str) -> str:
    """Write the digits of any script in ASCII."""
    return text if text.isascii() else "".join(str(int(c)) if c.isdecimal() else c for c in text)


def normalise(text: str) -> str:
    """Return a text in lower case with one spelling of spaces, dashes, quotes and digits."""
    return unicodedata.normalize("NFKC", typed(text).casefold())
