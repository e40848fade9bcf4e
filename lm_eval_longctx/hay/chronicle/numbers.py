"""Numbers as the chronicle spells them."""

from __future__ import annotations

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
