"""Sheets for people: what they are to judge as CSV, in blinded order, and what they filled in.

A sheet has a line for each thing to judge, in random order, with a stable name
and without any word of who answered. People fill in the last column in any
program that opens CSV; several people fill in copies of the same sheet.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = "name"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets would take for a formula at the beginning of a cell."""

_MARK = "n-"
"""Stands before names: without it, spreadsheets would take 1234567890123456 and 12e4567890123456 for numbers."""

_WHOLE = re.compile(r"([0-9]+)[.,]0*")
_LONGEST = 1 << 30
"""Characters of a cell; csv's own limit is shorter than some answers."""


def write_sheet(path: str | Path, lines: Sequence[Mapping[str, str]], blank: str, seed: int = 0) -> Path:
    """Write a sheet.

    Args:
        path: Of the CSV file: UTF-8 with a mark, so that spreadsheets read it right.
        lines: What is to be judged; each has ``name`` and further columns, all the same.
        blank: The heading of the column to fill in.
        seed: Draws the order.

    Raises:
        ConfigError: The file is there already: people may have worked on it.
    """
    target = Path(path)
    if target.exists():
        raise ConfigError(f"{target} is there already, and may be filled in; give another name or move it away")
    drawn = list(lines)
    Rng(f"{seed}#sheet").shuffle(drawn)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*drawn[0], blank], lineterminator="\r\n")
    writer.writeheader()
    for line in drawn:
        cells = {key: _cell(value) for key, value in line.items()}
        writer.writerow({**cells, NAME: f"{_MARK}{line[NAME]}", blank: ""})
    write_whole(target, text.getvalue().encode("utf-8-sig"))
    return target


def _cell(value: str) -> str:
    """Return a cell that is read as text everywhere."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def read_sheet(path: str | Path, column: str, meanings: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what a person filled in, by name; lines that are left empty are left out.

    Read as spreadsheets leave them: columns in any order and more of them, decimals, marks of text, empty lines.

    Args:
        path: Of the sheet, as CSV with commas, semicolons or tabs.
        column: The heading of the column that was filled in.
        meanings: What may stand there, in lower case, and what it means.
        names: Those of the lines.

    Raises:
        ConfigError: It is not such a sheet, is of other runs, nothing or something else was filled in, or two lines of
            one name differ; the row is named, as spreadsheets count them.
    """
    found: dict[str, str] = {}
    known = set(names)
    for number, name, given in _filled(path, column):
        if name not in known:
            raise ConfigError(f"{path}, row {number}: {name!r} is none of these answers; the sheet is of other runs")
        if given not in meanings:
            raise ConfigError(f"{path}, row {number}: {given!r} is none of {', '.join(sorted(set(meanings)))}")
        if found.setdefault(name, meanings[given]) != meanings[given]:
            raise ConfigError(f"{path}, row {number}: the same line is filled in twice, and differently")
    if not found:
        raise ConfigError(f"{path}: nothing is filled in under {column}")
    return found


def _filled(path: str | Path, column: str) -> Iterator[tuple[int, str, str]]:
    """Yield the row, the name and what was filled in, of each line where something was."""
    rows = _rows(path)
    heads = [head.strip().casefold() for head in rows[0][1]] if rows else []
    if heads.count(NAME) != 1 or heads.count(column) != 1:
        raise ConfigError(f"{path} must have the columns {NAME} and {column}, each once; fill in a sheet made for it")
    name, given = heads.index(NAME), heads.index(column)
    for number, cells in rows[1:]:
        if any(cell.strip() for cell in cells[len(heads) :]):
            raise ConfigError(f"{path}, row {number}: more cells than headings; an answer may have been cut in two")
        padded = [*cells, *[""] * len(heads)]
        named = padded[name].strip().removeprefix("'").removeprefix(_MARK)
        if word := _word(padded[given]):
            yield number, named, word
        elif len(named.split()) > 1:  # with its line, a verdict would be gone without a word
            raise ConfigError(f"{path}, row {number}: no name of a line begins it; an answer may have been cut in two")


def _word(cell: str) -> str:
    """Return what a cell says: a spreadsheet's 1, 1.0, 1,00, '1 and ="1" are one thing."""
    text = unicodedata.normalize("NFKC", cell).strip()
    if text.startswith('="'):
        text = text[2:].removesuffix('"')
    text = text.removeprefix("'").strip().lower()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _rows(path: str | Path) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, with their numbers."""
    text = _text(path)
    begin = re.match(r"sep=(.)\r?\n", text)  # a line for Excel, which it does not count
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(
        io.StringIO(text[begin.end() if begin else 0 :], newline=""),
        delimiter=begin[1] if begin else _delimiter(text),
        strict=True,
    )
    found: list[tuple[int, list[str]]] = []
    try:
        found.extend((number, cells) for number, cells in enumerate(reader, 1) if any(cell.strip() for cell in cells))
    except csv.Error as error:
        last = found[-1][0] + 1 if found else 1
        raise ConfigError(f"{path}, row {last}: this is no CSV ({error})") from error
    return found


def _text(path: str | Path) -> str:
    """Return a file's text; what is neither UTF-8 nor UTF-16 is an old code page, which names and verdicts survive."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path} ({error})") from error
    for encoding in ("utf-16",) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and not data.startswith(b"PK\3\4"):
            return text
    raise ConfigError(f"{path} is no text; save the sheet as CSV")


def _delimiter(text: str) -> str:
    """Return what stands between cells: spreadsheets of many countries write semicolons."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)
