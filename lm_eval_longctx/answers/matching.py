"""Whether a value stands in an answer: strict about the value, lenient about typography.

A value *stands alone*: the number 12 is not found in 3129, nor in 12.5, 12th
or 555-12; the word ``otter`` is not found in ``otters`` or ``sea-otter``. What
is forgiven is how things are written: upper and lower case, thousands
separators (``3,129``, ``3 129``, ``3'129``, ``3.129``), decimals that are all
zeros, full-width digits, markdown, kinds of dashes and quotes, a UUID without
its dashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from lm_eval_longctx.answers.spelling import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffff\U00020000-\U0003ffff"
"""Scripts written without spaces between words: a value may touch their letters."""

ALNUM = rf"[^\W_{_SPACELESS}]"
"""A letter or digit that a value or a letter of an option may not touch."""

_PLAIN_ALNUM = r"[^\W_]"
_VALUES = 4096
"""So many values are remembered in their one form: a run's scores ask for the same ones again and again."""

_UUID = re.compile(rf"(?<!{ALNUM})[0-9a-f]{{8}}(?:-?[0-9a-f]{{4}}){{3}}-?[0-9a-f]{{12}}(?!{ALNUM})")
_CHUNK = re.compile(r"\d+(?:[.,' _]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:([.,' _])\d{3})(?:\1\d{3})*")
_TRIPLES = re.compile(r"\d{3}(?: \d{3})+")
_WHOLE = re.compile(r"(\d+|\d{1,3}(?:([,' _.])\d{3})(?:\2\d{3})*)[.,]0{1,2}")


class Kind(str, Enum):
    """What a value is, which decides how it is looked for."""

    NUMBER = "number"
    UUID = "uuid"
    TEXT = "text"


@dataclass(frozen=True)
class Mention:
    """A place in a normalised answer where a value stands.

    Attributes:
        start: Index of its first character.
        end: Index after its last character.
        value: The value in its canonical form.
    """

    start: int
    end: int
    value: str


def alnum_in(text: str) -> str:
    """Return ``ALNUM`` for a pattern made for one text: where all is ASCII, without scripts that take long to compile."""
    return _PLAIN_ALNUM if text.isascii() else ALNUM


@lru_cache(maxsize=_VALUES)
def kind_of(value: str) -> Kind:
    """Tell numbers and UUIDs from everything else."""
    plain = normalise(value).strip()
    if _UUID.fullmatch(plain):
        return Kind.UUID
    return Kind.NUMBER if plain.isdecimal() or _GROUPED.fullmatch(plain) else Kind.TEXT


@lru_cache(maxsize=_VALUES)
def canonical(value: str) -> str:
    """Return the one form in which equal values are equal texts."""
    plain, kind = normalise(value).strip(), kind_of(value)
    if kind is Kind.NUMBER:
        return _digits(re.sub(r"\D", "", plain))
    return plain.replace("-", "") if kind is Kind.UUID else re.sub(r"[\s-]+", " ", plain)


def _digits(text: str) -> str:
    """Write the digits of any script in ASCII."""
    return text if text.isascii() else "".join(str(int(c)) for c in text)


@lru_cache(maxsize=4)
def numbers(text: str) -> tuple[Mention, ...]:
    """Return all whole numbers that stand alone in a normalised text, in order."""
    found = []
    for match in _CHUNK.finditer(text):
        if _alone(text, *match.span()):
            found += [Mention(*match.span(), _digits(n)) for n in _readings(match[0])]
    return tuple(found)


@lru_cache(maxsize=4)
def uuids(text: str) -> tuple[Mention, ...]:
    """Return all UUIDs that stand alone in a normalised text, in order."""
    return tuple(Mention(*m.span(), m[0].replace("-", "")) for m in _UUID.finditer(text))


def mentions(values: Iterable[str], text: str) -> list[Mention]:
    """Return all places in a normalised text where one of some values stands, in order.

    Longer values win where two overlap (``new york`` over ``york``).
    """
    wanted = {canonical(value): kind_of(value) for value in values}
    found = [m for m in numbers(text) if wanted.get(m.value) is Kind.NUMBER]
    found += [m for m in uuids(text) if wanted.get(m.value) is Kind.UUID]
    found += _text_mentions([value for value, kind in wanted.items() if kind is Kind.TEXT], text)
    return sorted(found, key=lambda m: (m.start, m.end))


def _text_mentions(values: list[str], text: str) -> list[Mention]:
    values = [value for value in values if all(word in text for word in value.split(" "))]
    if not values:  # as for most values in most texts: making a pattern takes longer than looking
        return []
    spelt = (r"[\s-]+".join(map(re.escape, value.split(" "))) for value in sorted(values, key=len, reverse=True))
    alnum = alnum_in(text)
    before = rf"(?<!{alnum})(?<!{alnum}[-_'])"
    after = rf"(?!{alnum})(?![-_]{alnum})(?!'(?!s\b){alnum})"
    pattern = re.compile(f"{before}(?:{'|'.join(spelt)}){after}")
    return [Mention(*m.span(), re.sub(r"[\s-]+", " ", m[0])) for m in pattern.finditer(text)]


def _alone(text: str, start: int, end: int) -> bool:
    """Whether digits are neither glued to letters nor a part of a longer figure."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if re.search(rf"{ALNUM}\Z", before) or re.match(ALNUM, after):
        return False
    if re.search(r"(?:^|[^\w.])\.\Z", before) or re.search(r"\d[-]\Z", before) or re.match(r"[-]\d", after):
        return False
    joined = re.search(rf"{ALNUM}-\Z", before) and re.match(rf"-{ALNUM}", after)
    return not joined and not _negative(text, start)


def _negative(text: str, start: int) -> bool:
    """Whether a minus sign, and not a bullet or a hyphen, stands before a figure."""
    before = text[max(0, start - 2) : start]
    return before.endswith("-") and not before[:-1][-1:].isalnum()


def _readings(chunk: str) -> list[str]:
    """Return the whole numbers that digits with single separators between them can mean."""
    if chunk.isdecimal():
        return [chunk]
    if _GROUPED.fullmatch(chunk):
        both = chunk.split(" ") if _TRIPLES.fullmatch(chunk) else []
        return [re.sub(r"\D", "", chunk), *both]
    if " " in chunk:
        return [number for part in chunk.split(" ") for number in _readings(part)]
    if whole := _WHOLE.fullmatch(chunk):
        return [re.sub(r"\D", "", whole[1])]
    if re.search(r"[,'_]", chunk):
        return [number for part in re.split(r"[,'_]", chunk) for number in _readings(part)]
    return []
