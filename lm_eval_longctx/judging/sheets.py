"""Sheets for people: what they are to judge as CSV, in blinded order, and what they filled in.

A sheet has a line for each thing to judge, in random order, with a stable name
and without any word of who answered. People fill in the last column in any
program that opens CSV; several people fill in copies of the same sheet.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "name"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets would take for a formula at the beginning of a cell."""


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
    writer.writerows({**{key: _cell(value) for key, value in line.items()}, blank: ""} for line in drawn)
    write_whole(target, text.getvalue().encode("utf-8-sig"))
    return target


def _cell(value: str) -> str:
    """Return a cell that is read as text everywhere."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def read_sheet(path: str | Path, column: str, meanings: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what a person filled in, by name; lines that are left empty are left out.

    Args:
        path: Of the sheet, as CSV with commas, semicolons or tabs.
        column: The heading of the column that was filled in.
        meanings: What may stand there, in lower case, and what it means.
        names: Those of the lines.

    Raises:
        ConfigError: It is not such a sheet, is of other runs, or something else was filled in; the line is named.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path} ({error}); save the sheet as CSV in UTF-8") from error
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    if not {NAME, column} <= set(rows.fieldnames or ()):
        raise ConfigError(f"{path} lacks the columns {NAME} and {column}; fill in a sheet that --sheet wrote")
    found = {}
    known = set(names)
    for number, row in enumerate(rows, 2):
        word = (row[column] or "").strip().lower()
        if not word:
            continue
        if row[NAME] not in known:
            raise ConfigError(
                f"{path}, line {number}: {row[NAME]!r} is none of these answers; the sheet is of other runs"
            )
        if word not in meanings:
            raise ConfigError(f"{path}, line {number}: {word!r} is none of {', '.join(sorted(set(meanings)))}")
        found[row[NAME]] = meanings[word]
    return found


def _delimiter(text: str) -> str:
    """Return what stands between cells: spreadsheets of many countries write semicolons."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)
