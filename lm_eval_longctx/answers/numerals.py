"""Numbers spelt in English words become digits: *three hundred and twelve* is 312."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_SMALL = {word: n for n, word in enumerate(f"zero one two three four five six seven eight nine {_TEENS}".split())}
_TENS = {
    word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_NUMERALS = {**_SMALL, **_TENS, **_SCALES}
_LEAST_DIGITS = 4
"""This many single digits in a row are read one by one: *two three four five* is 2345."""

_MOST_WORDS = 60
"""Words that a number may have; a longer run is a loop, and would be a number of thousands of digits."""

_WORD = "|".join(sorted(_NUMERALS, key=len, reverse=True))
_RUN = re.compile(rf"(?<![\w-])(?:{_WORD})(?:(?:, | and |, and |[ -]|-and-)(?:{_WORD}))*(?![\w-])")

_APART = re.compile(r"(?<![\w.,'-])(?<!\d )\d(?:( |-)\d)(?:\1\d){2,}(?![\w'-]|[.,]\d| \d)")


def in_digits(text: str) -> str:
    """Return a normalised text with the numbers that several words, or single digits with blanks between, spell."""
    text = _APART.sub(lambda run: re.sub(r"\D", "", run[0]), text)
    return _RUN.sub(lambda run: _number(run[0]), text)


def _number(run: str) -> str:
    words = re.findall(r"[a-z]+", run)
    if not 1 < len(words) <= _MOST_WORDS:
        return run
    if len(words) >= _LEAST_DIGITS and all(_SMALL.get(word, 10) < 10 for word in words):
        return "".join(str(_SMALL[word]) for word in words)
    number, used = spelt(words)
    return str(number) if used == len(words) else run


def with_digits(words: list[str]) -> Iterator[str]:
    """Turn runs of spelt numbers among words into digits."""
    place = 0
    while place < len(words):
        number, length = spelt(words[place : place + _MOST_WORDS])
        yield str(number) if length else words[place]
        place += length or 1


def spelt(words: list[str]) -> tuple[int, int]:
    """Return the number that words begin with, and how many of them spell it; 0 words if none does."""
    total = group = used = 0
    for place, word in enumerate(words):
        if word == "and" and _joins(words, used, place):
            continue
        if word not in _NUMERALS or not _continues(words, used):
            break
        value = _NUMERALS[word]
        if word == "hundred":
            group = max(group, 1) * value
        elif word in _SCALES:
            total, group = total + max(group, 1) * value, 0
        else:
            group += value
        used = place + 1
    return total + group, used


def _joins(words: list[str], used: int, place: int) -> bool:
    """Whether *and* stands inside a number: after a scale and before a smaller numeral."""
    after = words[place + 1] if place + 1 < len(words) else ""
    return bool(used) and words[place - 1] in _SCALES and (after in _SMALL or after in _TENS)


def _continues(words: list[str], used: int) -> bool:
    """Whether a numeral goes on with the number before it: *forty two* does, *four two* does not."""
    if not used:
        return True
    before = words[used - 1]
    word = words[used] if words[used] != "and" else words[used + 1]
    if word in _SCALES:
        return before not in _SCALES or _SCALES[before] < _SCALES[word]
    return before in _SCALES or (before in _TENS and _SMALL.get(word, 0) in range(1, 10))
