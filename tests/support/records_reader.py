"""Reads records from their text alone, by other code than wrote them: regular expressions over lines.

Knows the lists of names and the words of each kind; knows no plan, no form and no seed.
"""

from __future__ import annotations

import re
from datetime import date

from lm_eval_longctx.hay.records.words import BOATS, FAMILIES, GIVEN, GOODS, ITEMS, LISTS, PLACES, STATES

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DIGITS = {word: n for n, word in enumerate("two three four five six seven eight nine".split(), start=2)}


def _any(names) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


WARE = re.compile(rf"\b(\w+) (?:{_any(set(GOODS.values()))}) of ({_any(GOODS)})\b", re.IGNORECASE)
PERSON = re.compile(rf"\b(?:{_any(GIVEN)}) (?:{_any(FAMILIES)})\b")
ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
LONG = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)})\w* (\d{{4}})\b", re.IGNORECASE)
KINDS = {
    "delivery": re.compile(r"deliver|brought in|unloaded", re.IGNORECASE),
    "sale": re.compile(r"\bsold\b|\bsale\b|buyer", re.IGNORECASE),
    "loan": re.compile(r"\blent\b|\bloan\b", re.IGNORECASE),
    "loss": re.compile(r"\blost\b|\bloss\b|missing", re.IGNORECASE),
    "order": re.compile(r"\border", re.IGNORECASE),
}
EDITS = {
    "head": re.compile(r"\bhead\b", re.IGNORECASE),
    "strike": re.compile(r"\b(?:struck|strike|took)\b", re.IGNORECASE),
    "enter": re.compile(r"\b(?:entered|enter|put)\b", re.IGNORECASE),
}


def _one(names, line: str) -> str:
    found = {name for name in names if re.search(rf"\b{re.escape(name)}\b", line, re.IGNORECASE)}
    longest = {name for name in found if not any(name != other and name in other for other in found)}
    assert len(longest) == 1, (longest, line)
    return longest.pop()


def _day(line: str) -> date:
    if found := ISO.search(line):
        return date(*map(int, found.groups()))
    day, month, year = LONG.search(line).groups()
    return date(int(year), MONTHS.index(month.lower()) + 1, int(day))


def read_record(line: str) -> tuple:
    """Return (date, kind, who, what, where, amount, state) of a line."""
    day, (who,) = _day(line), set(PERSON.findall(line))
    if ware := WARE.search(line):
        rest = line.replace(ware[0], "")
        (kind,) = (name for name, pattern in KINDS.items() if pattern.search(rest))
        amount = int(ware[1]) if ware[1].isdecimal() else DIGITS[ware[1].lower()]
        return day, kind, who, ware[2].lower(), _one(PLACES, rest), amount, ""
    if any(name in line for name in LISTS):
        kind = next(name for name, pattern in EDITS.items() if pattern.search(line))
        return day, kind, who, _one(BOATS, line), _one(LISTS, line), 0, ""
    body = line.replace(_one(ITEMS, line), "")
    return day, "state", who, _one(ITEMS, line), "", 0, _one(STATES, body)


def read_records(text: str) -> list[tuple]:
    """Return the records of a text; lines about the weather record nothing."""
    return [read_record(line) for line in text.splitlines() if line.strip() and not line.startswith("Weather:")]
