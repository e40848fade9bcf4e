"""Word lists of the chronicle's world, read from ``lists.txt``."""

from __future__ import annotations

from importlib import resources

FEW = tuple("two three four five six seven eight nine".split())
_FIRST = tuple("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split())
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_ONES = tuple(f"zero one {' '.join(FEW)} {_TEENS}".split())
_TENS = tuple("- - twenty thirty forty fifty sixty seventy eighty ninety".split())
_HUNDRED = 100
_THOUSAND = 1000


def number_words(n: int) -> str:
    """Spell a number from 0 to 999,999: ``three hundred and twelve``."""
    if n < len(_ONES):
        return _ONES[n]
    if n < _HUNDRED:
        tens, ones = divmod(n, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    if n < _THOUSAND:
        hundreds, rest = divmod(n, _HUNDRED)
        return f"{_ONES[hundreds]} hundred" + (f" and {number_words(rest)}" if rest else "")
    thousands, rest = divmod(n, _THOUSAND)
    joint = " and " if 0 < rest < _HUNDRED else " "
    return f"{number_words(thousands)} thousand" + (joint + number_words(rest) if rest else "")


def ordinal_digits(n: int) -> str:
    """Write 1 as ``1st``, 12 as ``12th``."""
    last = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{last}"


def ordinal_words(n: int) -> str:
    """Write 1 as ``first``, 21 as ``twenty-first``; from 100 on, in digits."""
    if n <= len(_FIRST):
        return _FIRST[n - 1]
    if n >= _HUNDRED:
        return ordinal_digits(n)
    if n < len(_ONES):
        return f"{_ONES[n]}th"
    tens, ones = divmod(n, 10)
    return f"{_TENS[tens]}-{_FIRST[ones - 1]}" if ones else f"{_TENS[tens][:-1]}ieth"


def _lists() -> dict[str, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("lists.txt").read_text(encoding="utf-8")
    lists = {}
    for section in text.split("\n@")[1:]:
        name, _, words = section.partition("\n")
        lists[name.strip()] = tuple(" ".join(word.split()) for word in words.split(","))
    return lists


_LISTS = _lists()

MONTHS = _LISTS["months"]
SEASONS = _LISTS["seasons"]
SORTS = _LISTS["sorts"]
TRADES = _LISTS["trades"]
OFFICES = _LISTS["offices"]
KNOWN = _LISTS["known"]
EPITHETS = _LISTS["epithets"]
WORKS = _LISTS["works"]
SPOTS = _LISTS["spots"]
TREASURES = _LISTS["treasures"]
SHIP_FIRST = _LISTS["ship_first"]
SHIP_SECOND = _LISTS["ship_second"]
CONTESTS = _LISTS["contests"]
PRIZES = _LISTS["prizes"]
CALAMITIES = _LISTS["calamities"]
MATTERS = _LISTS["matters"]
ILLNESSES = _LISTS["illnesses"]
CARGOES = _LISTS["cargoes"]
PURPOSES = _LISTS["purposes"]
TOPICS = _LISTS["topics"]
DISPUTES = _LISTS["disputes"]
CHARTER_NAMES = _LISTS["charter_names"]
BOOK_FORMS = _LISTS["book_forms"]
GOODS = {good: measure for good, _, measure in (pair.partition(" = ") for pair in _LISTS["goods"])}
"""Goods with the measure in which they are sold."""
