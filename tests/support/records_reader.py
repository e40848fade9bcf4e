"""Reads records from their text alone, by other code than wrote them: regular expressions over lines.

Knows the lists of names and the words of each kind; knows no plan, no form and no seed.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from itertools import pairwise

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


def read_record(line: str, day: date | int | None = None) -> tuple:
    """Return (date, kind, who, what, where, amount, state) of a line; where the day is known, people have one name."""
    if day is None:
        day, (who,) = _day(line), set(PERSON.findall(line))
    else:
        who = line.split(maxsplit=1)[0]
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


WORDS = {"deliveries": "delivery", "sales": "sale", "loans": "loan", "losses": "loss", "orders": "order"}
MEANT = re.compile(
    r"(?P<kind>deliveries|sales|loans|losses|orders|entries about goods)(?: of (?P<what>[a-z ]+?))?"
    r"(?: by (?P<who>[A-Z]\w+(?: [A-Z]\w+)?))?(?: at or for (?P<where>the [a-z ]+?))?"
    r"(?=,| are| before| add|\?)"
)
DAY = r"(\d+ [A-Z]\w+ \d+|day \d+)"


def day_of(text: str) -> date | int:
    """Return a day as records have it: a date, or a number where days are numbered."""
    if text.startswith("day "):
        return int(text[4:])
    day, month, year = text.split()
    return date(int(year), MONTHS.index(month[:3].lower()) + 1, int(day))


def solve(question: str, records: list[tuple]) -> str:
    """Answer a question about records by reading it, knowing none of the code that asked it."""
    if window := re.search(rf"Only entries from {DAY} to {DAY} count", question):
        first, last = day_of(window[1]), day_of(window[2])
        records = [record for record in records if first <= record[0] <= last]
    if item := re.search(r"the condition of (the [a-z ]+) change\?", question):
        states = [record[6] for record in records if record[1] == "state" and record[3] == item[1]]
        return str(sum(a != b for a, b in pairwise(states)))
    meant = MEANT.search(question).groupdict()
    kind = WORDS.get(meant["kind"])
    taken = [
        record
        for record in records
        if record[1] in ({kind} if kind else set(WORDS.values()))
        and all(meant[name] in (None, record[at]) for name, at in (("who", 2), ("what", 3), ("where", 4)))
    ]
    return _answer(question, taken)


def _answer(question: str, records: list[tuple]) -> str:
    """Answer a question about the records that are meant."""
    if "How many" in question:
        return str(len(records))
    if "add up to" in question:
        return str(sum(record[5] for record in records))
    if day := re.search(rf"before {DAY} or after it", question):
        sides = Counter(record[0] < day_of(day[1]) for record in records if record[0] != day_of(day[1]))
        assert sides[True] != sides[False]
        return "before" if sides[True] > sides[False] else "after"
    if pair := re.search(r", ([\w ]+) or ([\w ]+)\?", question):
        counts = [sum(name in record for record in records) for name in pair.groups()]
        assert counts[0] != counts[1]
        return pair[1 + (counts[1] > counts[0])]
    if three := re.search(r"Which of ([\w ]+), ([\w ]+) and ([\w ]+?) is named", question):
        counts = sorted((sum(name in record for record in records), name) for name in three.groups())
        counts = counts[::-1] if "the most" in question else counts
        assert counts[0][0] != counts[1][0]
        return counts[0][1]
    at = {"person": 2, "kind of goods": 3, "place": 4}[re.search(r"Which ([a-z ]+) is named", question)[1]]
    counts = Counter(record[at] for record in records).most_common()
    counts = counts if "the most" in question else counts[::-1]
    assert counts[0][1] != counts[1][1]
    return counts[0][0]
