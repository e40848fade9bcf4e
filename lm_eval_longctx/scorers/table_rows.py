"""Long results in rows: how many are right, in the right order, and where the first error stands.

The headline, ``f1``, compares the rows as a bag: a row is right if all of its
cells are. ``in_order`` is the longest run of right rows in their order, others
left out, as a share of the longer table; ``until_error`` is the share of the
right table before its first error, as LongProc asks how far a procedure was
followed (arXiv 2501.05414).

A table may be given as lines with tabs, as a table of Markdown, with commas,
semicolons or wide spaces, as JSON, numbered or with bullets, with a heading of
the columns' names, in a code fence, with a sentence before or after it. Cells
may have an article, capitals, months in words, and numbers in words.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.numerals import with_digits
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.structured import structured
from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.answers.wrapping import is_lead, place_of, plain, without_asides
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, UNPARSED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = tuple[str, ...]

_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)|\Z)", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^\s*(?:\(?\d{1,4}[.):]\s+|[-*+•]\s+)")
_RULE = re.compile(r"^[\s|:+-]*-[\s|:+-]*$")
_DELIMITERS = tuple(map(re.compile, (r"\t+", r"\|", ";", ",", " {2,}", " [-\u2013\u2014] ")))
_TAB = re.compile(r"\\t|<\s*tab\s*>|\[\s*tab\s*\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\A\s*\[([^\[\]\n]*)\]\s*\Z")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAY_FIRST = re.compile(rf"^(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({'|'.join(_MONTHS)})[a-z]*\.?,? (\d{{4}})$")
_MONTH_FIRST = re.compile(rf"^({'|'.join(_MONTHS)})[a-z]*\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})$")
_BETWEEN = re.compile(r"\s*[,;>\t]\s*(?:and )?|\s+→\s+|\s+and\s+")
_PROSE = 5
"""Words that a line of one cell may have; more is a sentence around the table."""


class TableRowsScorer(Scorer):
    """Compares a table with the right one, row by row.

    Accepts lines with tabs, Markdown, commas, semicolons or wide spaces between cells, or JSON; numbered or not, fenced
    or not, with or without a heading.

    Reads from the sample: ``target`` (rows as lines, cells separated by tabs) and ``columns`` (the cells' names).
    """

    METRICS = (
        Metric("f1", "F1 of the rows, each right or wrong as a whole, in any order; 0 to 1"),
        Metric("in_order", "right rows in their order, as a share of the longer table; 0 to 1"),
        Metric("until_error", "share of the right table before its first error; 0 to 1"),
        Metric("exact", "1 if all rows are right, in order, and none is too many; else 0"),
        ABSTAINED,
    )
    READS = (
        Column("target", "the right table: a line a row, tabs between cells", required=True),
        Column("columns", "what the cells are called, to know a heading", "texts"),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless all rows of the target have the same number of cells."""
        target = sample.get("target")
        widths = {line.count("\t") for line in target.split("\n")} if isinstance(target, str) and target else set()
        if len(widths) != 1:
            raise ConfigError(f"the target must be lines with the same number of tabs, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric."""
        right = [_cells(line.split("\t")) for line in str(sample["target"]).split("\n")]
        given = read_rows(answer, len(right[0]), sample.get("columns") or ())
        shared = sum((Counter(right) & Counter(given)).values())
        same = sum(1 for _ in _agreeing(right, given))
        return {
            "f1": 2 * shared / (len(right) + len(given)),
            "in_order": common(right, given) / max(len(right), len(given)),
            "until_error": same / len(right),
            "exact": float(right == given),
            "abstained": float(not shared and _gone(answer)),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return how many rows were given, of how many, and the first that is wrong."""
        right = [_cells(line.split("\t")) for line in str(sample["target"]).split("\n")]
        given = read_rows(answer, len(right[0]), sample.get("columns") or ())
        same = sum(1 for _ in _agreeing(right, given))
        wrong = " | ".join(given[same]) if same < len(given) else ""
        kind = {"kind": sample["kind"]} if "kind" in sample else {}
        nothing = not given and not _gone(answer)
        return {
            "rows": len(right),
            "rows_given": len(given),
            "first_wrong": wrong[:200],
            UNPARSED: float(nothing),
            "why": "no rows are given" if nothing else "",
            **kind,
        }


class TableCellsScorer(Scorer):
    """Compares a table with the right one, cell by cell, where the first cell of each row is its number.

    Accepts what ``table_rows`` accepts; rows are found by their number, wherever they stand, and rows without one count
    in their order; of rows with one number the first counts.

    Reads from the sample: ``target`` (rows as lines, cells separated by tabs) and ``columns`` (the cells' names).
    """

    METRICS = (
        Metric("rows_right", "share of the rows all of whose cells are right; 0 to 1"),
        Metric("cells_right", "share of the cells that are right, numbers left out; 0 to 1"),
        Metric("until_error", "share of the rows before the first that is wrong or missing; 0 to 1"),
        Metric("exact", "1 if all rows are right and none is too many; else 0"),
        ABSTAINED,
    )
    READS = TableRowsScorer.READS

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless all rows of the target have as many cells, and a number of their own."""
        TableRowsScorer.validate(TableRowsScorer({}), sample)
        numbers = [line.partition("\t")[0] for line in str(sample["target"]).split("\n")]
        if "\t" not in str(sample["target"]) or not all(map(str.isdecimal, numbers)) or len({*numbers}) < len(numbers):
            raise ConfigError(f"each line of the target must begin with a number of its own and a tab, not {numbers!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric."""
        right, given, extra = _tables(sample, answer)
        same = [_same(row, given.get(number)) for number, row in right.items()]
        whole = [all(cells) for cells in same]
        cells = [cell for row in same for cell in row]
        return {
            "rows_right": sum(whole) / len(right),
            "cells_right": sum(cells) / len(cells),
            "until_error": (whole.index(False) if False in whole else len(whole)) / len(right),
            "exact": float(all(whole) and not extra),
            "abstained": float(not any(cells) and _gone(answer)),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return how many rows were given, the first wrong one, and the share of right cells in each column."""
        right, given, extra = _tables(sample, answer)
        same = [_same(row, given.get(number)) for number, row in right.items()]
        wrong = next((number for number, row in right.items() if given.get(number) != row), "")
        nothing = not given and not extra and not _gone(answer)
        columns = zip(list(sample.get("columns") or ())[1:], zip(*same, strict=True), strict=False)
        return {
            "rows": len(right),
            "rows_given": len(given) + extra,
            "first_wrong": f"{wrong}: {' | '.join(given.get(wrong, ('missing',)))}"[:200] if wrong else "",
            **{f"right_{name}": sum(cells) / len(right) for name, cells in columns},
            UNPARSED: float(nothing),
            "why": "no rows are given" if nothing else "",
        }


def _same(right: Row, given: Row | None) -> list[bool]:
    """Return which cells of a row are right; none is where there is no such row."""
    return [given is not None and given[place] == one for place, one in enumerate(right)]


def _tables(sample: Mapping[str, Any], answer: str) -> tuple[dict[str, Row], dict[str, Row], int]:
    """Return the right rows and the given ones by number, and how many were given beside these."""
    lines = [_cells(line.split("\t")) for line in str(sample["target"]).split("\n")]
    right, columns, width = {line[0]: line[1:] for line in lines}, sample.get("columns") or (), len(lines[0])
    rows = [row for row in read_rows(answer, width, columns) if len(row) == width and _number(row[0])]
    if not rows:
        bare = (row for row in read_rows(answer, width - 1, columns[1:]) if len(row) == width - 1)
        rows = [(str(place), *row) for place, row in enumerate(bare, 1)]
    given: dict[str, Row] = {}
    for row in rows:
        given.setdefault(_number(row[0]), row[1:])
    known = {number: row for number, row in given.items() if number in right}
    return right, known, len(rows) - len(known)


def _number(text: str) -> str:
    """Return the number that names a row: ``picture 7`` is ``7``; empty where there is none."""
    found = re.findall(r"\d+", text)
    return str(int(found[0])) if len(found) == 1 else ""


def _agreeing(right: Sequence[Row], given: Sequence[Row]) -> Any:
    """Yield the rows up to the first that differ."""
    for one, two in zip(right, given, strict=False):
        if one != two:
            return
        yield one


def common(one: Sequence[Row], two: Sequence[Row]) -> int:
    """Return the length of the longest common subsequence."""
    if not one or not two:
        return 0
    numbers = {row: n for n, row in enumerate(dict.fromkeys((*one, *two)))}
    against = np.array([numbers[row] for row in two])
    best = np.zeros(len(two) + 1, dtype=np.int64)
    for row in one:
        # Either a match extends what ends before it, or the best so far stays; the running maximum carries it on.
        best[1:] = np.maximum.accumulate(np.maximum(best[1:], np.where(against == numbers[row], best[:-1] + 1, 0)))
    return int(best[-1])


def read_rows(answer: str, width: int, columns: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a table in an answer.

    Args:
        answer: As the model wrote it, thoughts taken off.
        width: How many cells a row has.
        columns: What they are called.
    """
    text = without_thoughts(answer).text.replace("\r\n", "\n").strip()
    fenced = [match[1] for match in _FENCED.finditer(text)]
    rows = _from_json(text, columns)
    text = max(fenced, key=len) if fenced else without_asides(text)
    text = _TAB.sub("\t", _boxes_off(text))
    if rows is None:
        rows = _from_lines([line for line in text.split("\n") if line.strip() and not _RULE.match(line)], width)
    heading = _cells(columns)
    return [row for row in map(_cells, rows) if row != heading and any(row)]


def _boxes_off(text: str) -> str:
    """Return what stands in a box, between marks of an answer, or between the brackets of a list."""
    place = place_of(text)
    return place.text if place.how in {"boxed", "tag"} else _BRACKETS.sub(r"\1", text)


def _from_json(text: str, columns: Sequence[str]) -> list[Sequence[str]] | None:
    """Read a list of rows, or of mappings from column to cell; one such list may stand under any key."""
    found = structured(text).value
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    if not isinstance(found, list):
        return None
    return [_of_json(row, columns) for row in found]


def _of_json(row: Any, columns: Sequence[str]) -> Sequence[str]:
    if isinstance(row, dict):
        named = {str(key).lower(): str(value) for key, value in row.items()}
        ordered = [named[name.lower()] for name in columns if name.lower() in named]
        return ordered if len(ordered) == len(named) else list(named.values())
    return [str(cell) for cell in row] if isinstance(row, list) else [str(row)]


def _from_lines(lines: list[str], width: int) -> list[Sequence[str]]:
    """Read lines by the first delimiter that gives any line its width; what has one cell only is no row."""
    lines = [line if "|" in line or "\t" in line else _MARK.sub("", line) for line in lines]
    if width == 1:
        return _single(lines)
    lines = [line for line in lines if not is_lead(line)]
    for delimiter in _DELIMITERS:
        rows = _unnumbered([row for line in lines if len(row := _split(line, delimiter)) > 1], width)
        rows = [row for row in rows if len(row) == width or not any(len(cell.split()) > _PROSE for cell in row)]
        if any(len(row) == width for row in rows):
            return rows
    return []


def _unnumbered(rows: list[list[str]], width: int) -> list[Sequence[str]]:
    """Leave out a first column that only numbers the rows."""
    numbered = [row for row in rows if len(row) == width + 1 and row[0].strip(" .)").isdecimal()]
    if len(numbered) < max(1, len(rows) - 1):  # a heading has no number
        return list(rows)
    return [row[1:] if len(row) == width + 1 else row for row in rows]


def _split(line: str, delimiter: re.Pattern[str]) -> list[str]:
    bare = line.strip().strip("|") if delimiter.pattern == r"\|" else _MARK.sub("", line).strip()
    return delimiter.split(bare)


def _single(lines: list[str]) -> list[Sequence[str]]:
    """Read a column: a line a row, or all in one line with commas."""
    kept = [line.strip().strip("|").strip() for line in lines if not is_lead(line) and not line.startswith("#")]
    kept = [line for line in kept if len(line.split()) <= _PROSE or _is_list(line)] or kept
    if len(kept) == 1:
        kept = [_BRACKETS.sub(r"\1", kept[0].rpartition(": ")[2])]
    if len(kept) == 1 and len(parts := _BETWEEN.split(kept[0])) > 1:
        kept = parts
    kept = [_MARK.sub("", line) for line in kept]
    return [[line.rpartition("|")[2] if "|" in line else line] for line in kept if len(line.split()) <= _PROSE]


def _is_list(line: str) -> bool:
    """Whether a line names several things and says nothing else."""
    parts = _BETWEEN.split(line.rpartition(": ")[2])
    return len(parts) > 1 and all(len(part.split()) <= _PROSE for part in parts)


def _cells(cells: Sequence[str]) -> Row:
    return tuple(map(cell, cells))


def cell(text: str) -> str:
    """Return the one form in which equal cells are equal texts."""
    bare = normalise(plain(text)).strip(" .\"'`*_|,;")
    bare = re.sub(r"^(?:the|an?) (?=\w)", "", bare)
    if found := _DAY_FIRST.match(bare):
        return f"{found[3]}-{_MONTHS.index(found[2]) + 1:02d}-{int(found[1]):02d}"
    if found := _MONTH_FIRST.match(bare):
        return f"{found[3]}-{_MONTHS.index(found[1]) + 1:02d}-{int(found[2]):02d}"
    words = bare.split()
    return " ".join(with_digits(words)) if words else bare


def _gone(answer: str) -> bool:
    place = place_of(answer)
    return place.how == "null" or abstains(normalise(place.text))
