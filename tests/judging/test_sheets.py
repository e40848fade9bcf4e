"""Sheets come back as spreadsheets leave them: read as they were meant, or refused with the number of the row."""

from __future__ import annotations

import csv
import io

import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.judging.ratings import COLUMN as RATING
from lm_eval_longctx.judging.ratings import MEANINGS as RATINGS
from lm_eval_longctx.judging.record import COLUMN, MEANINGS
from lm_eval_longctx.judging.sheets import read_sheet, write_sheet

NAMES = ["abc", "1234567890123456", "12e4567890123456"]
MEANT = {"abc": "1", "1234567890123456": "tie", "12e4567890123456": "2"}
TEXT = 'He said "yes",\r\nand; then\tno.'


def table(**changes: str) -> list[list[str]]:
    """Return a sheet's cells, filled in."""
    filled = {**MEANT, **changes}
    return [
        ["name", "question", "answer 1", "answer 2", COLUMN],
        *([f"n-{name}", "What, then?", TEXT, "=1+1", value] for name, value in filled.items()),
    ]


def written(rows: list[list[str]], delimiter: str = ",", end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[call-overload]
    return text.getvalue()


def turned(rows: list[list[str]]) -> list[list[str]]:
    """Return the columns in another order."""
    return [row[::-1] for row in rows]


HABITS = {
    "as it was": written(table()).encode("utf-8-sig"),
    "semicolons": written(table(), ";").encode("utf-8-sig"),
    "tabs, in UTF-16": written(table(), "\t").encode("utf-16"),
    "UTF-16, the other end first": b"\xfe\xff" + written(table(), "\t").encode("utf-16-be"),
    "an old code page": written([*table(), ["", "Où?", "ça", "été", ""]], ";").encode("cp1252"),
    "no mark, bare line feeds": written(table(), end="\n").encode(),
    "line ends of old": written(table(), end="\r").encode(),
    "everything in quotes": written(table(), quoting=csv.QUOTE_ALL).encode(),
    "another order of columns": written(turned(table())).encode(),
    "a column of the rater's own": written([[*row, "note, of mine"] for row in table()]).encode(),
    "columns taken out": written([[row[0], row[-1]] for row in table()]).encode(),
    "headings in capitals, with blanks": written([["Name", "", "", "", " Verdict "], *table()[1:]]).encode(),
    "empty lines, and cells at the end": written([[*row, "", ""] for row in [*table(), [], [""] * 5]]).encode(),
    "a line for Excel": b"sep=;\r\n" + written(table(), ";").encode(),
    "decimals": written(table(abc="1.0", **{"12e4567890123456": "2,00"}), ";").encode(),
    "numbers as text": written(table(abc="'1", **{"12e4567890123456": '="2"'})).encode(),
    "wide digits and blanks": written(table(abc=" １ ", **{"1234567890123456": "TIE "})).encode(),
    "names without the mark, as earlier versions wrote them": written(table()).replace("n-", "").encode(),
    "a line of somebody who judged nothing": written([*table(), ["n-zzz", "", "", "", ""]]).encode(),
    "the same line twice": written([*table(), table()[1]]).encode(),
    "cells at the end that are not there": written([*table(), ["n-abc"]]).encode(),
    "an answer as long as a book": written([*table(), ["n-abc", "", "x" * 200_000, "", ""]]).encode(),
}


@pytest.mark.parametrize("habit", HABITS)
def test_what_spreadsheets_do_to_a_sheet_changes_no_verdict(tmp_path, habit) -> None:
    """Separators, marks, encodings, orders, further columns and ways to write a number are the spreadsheet's affair."""
    path = tmp_path / "sheet.csv"
    path.write_bytes(HABITS[habit])
    assert read_sheet(path, COLUMN, MEANINGS, NAMES) == MEANT


REFUSED = {
    "another verdict": (written(table(abc="3")), "row 2: '3' is none of"),
    "a date": (written(table(abc="01. Jan")), "row 2: '01. jan' is none of"),
    "a half": (written(table(abc="1,5"), ";"), "row 2: '1,5' is none of"),
    "a row after empty ones": (written([table()[0], [], [], *table(abc="x")[1:]]), "row 4: 'x'"),
    "a row after quoted line breaks": (written(table(**{"12e4567890123456": "x"})), "row 4: 'x'"),
    "a name that became a number": (
        written([table()[0], ["1.23457E+15", "", "", "", "1"]]),
        "row 2: '1.23457E\\+15' is none of these answers",
    ),
    "other runs": (written([*table(), ["n-zzz", "", "", "", "1"]]), "row 5: 'zzz' is none of these answers"),
    "the same line twice, differently": (written([*table(), *table(abc="2")[1:2]]), "row 5: .* filled in twice"),
    "a verdict without a name": (written([*table(), ["", "", "", "", "1"]]), "row 5: '' is none"),
    "an answer cut in two": (written([*table(), ["n-abc", "a", "b", "c", "", "1"]]), "row 5: more cells"),
    "an answer whose lines became rows": (
        written([*table(), ["n-abc", "What?", "one line"], ["and another", "2"]]),
        "row 6: no name of a line",
    ),
    "a quote without an end": (written(table()) + 'n-abc,"and so on\r\nn-zzz,,,,1\r\n', "row 5: this is no CSV"),
    "two columns of one name": (written([[*row, row[-1]] for row in table()]), "each once"),
    "no column": (written([row[:-1] for row in table()]), "must have the columns name and verdict"),
    "nothing filled in": (
        written([table()[0], *([*row[:-1], ""] for row in table()[1:])]),
        "nothing is filled in under verdict",
    ),
    "an empty file": ("", "must have the columns"),
    "a workbook": ("PK\3\4 and so on", "is no text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_row(tmp_path, case) -> None:
    """No verdict is guessed, dropped or counted twice; the row is the one that a spreadsheet shows."""
    text, why = REFUSED[case]
    path = tmp_path / "sheet.csv"
    path.write_bytes(text.encode())
    with pytest.raises(ConfigError, match=why):
        read_sheet(path, COLUMN, MEANINGS, NAMES)


@pytest.mark.parametrize(("given", "meant"), [("4", "4"), ("4,0", "4"), ("6.00", "6"), ("0", "0")])
def test_ratings_are_whole_numbers_however_they_are_written(tmp_path, given, meant) -> None:
    """A spreadsheet's decimals of a whole rating are that rating."""
    path = tmp_path / "sheet.csv"
    path.write_text(f"name;rating\nn-abc;{given}\n")
    assert read_sheet(path, RATING, RATINGS, ["abc"]) == {"abc": meant}


@pytest.mark.parametrize("given", ["4,5", "7", "-1", "04.05.2026", "4/6", "four"])
def test_other_ratings_are_refused(tmp_path, given) -> None:
    """Halves, dates, words and numbers above 6 are no rating."""
    path = tmp_path / "sheet.csv"
    path.write_text(f"name;rating\nn-abc;{given}\n")
    with pytest.raises(ConfigError, match="row 2"):
        read_sheet(path, RATING, RATINGS, ["abc"])


def test_a_sheet_that_was_written_is_read(tmp_path) -> None:
    """Names are texts in every spreadsheet, also those that look like numbers."""
    path = write_sheet(tmp_path / "sheet.csv", [{"name": name, "answer 1": TEXT} for name in NAMES], COLUMN)
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert not any(row[0][0].isdigit() for row in rows)
    assert {row[1].replace("\r\n", "\n") for row in rows[1:]} == {TEXT.replace("\r\n", "\n")}
    path.write_text(written([rows[0], *([*row[:-1], "1"] for row in rows[1:])]))
    assert read_sheet(path, COLUMN, MEANINGS, NAMES) == dict.fromkeys(NAMES, "1")
