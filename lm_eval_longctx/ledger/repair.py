"""A damaged ledger: how much of it can be read, and a new file with all of that.

A disk that failed, a copy that broke off or an editor may leave a file that
SQLite reads in part. Each record is looked at by itself: what is whole is
saved, an answer whose reading is lost but whose response is there is read
again for nothing, and only what is really gone is asked again.
"""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.files import whole
from lm_eval_longctx.ledger.records import load_completion, unpack
from lm_eval_longctx.ledger.schema import connect, put, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = dict[str, Any]

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, zlib.error)
"""What reading a damaged record raises, beside SQLite's own errors."""

_UNREACHED = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises where its pages, or the names of its columns, are broken."""

_AT_ONCE = 200
_READING = ("decided", "outcome", "final", "completion", "cost", "billing")
_NEEDED = {"id", "key", "sent", "n", *_READING, "received", "headers", "body", "packed"}
_COMING = ("received", "status", "headers", "body", "packed", "seconds", "error", "reached")


@dataclass
class Salvage:
    """What can be read of a ledger.

    Attributes:
        attempts: Records that can be saved.
        answers: How many of them are final.
        again: Answers among them that are read again from their response, for nothing.
        lost: Records that cannot be saved.
    """

    attempts: int = 0
    answers: int = 0
    again: int = 0
    lost: int = 0
    rows: list[Row] = field(default_factory=list, repr=False)

    @property
    def damaged(self) -> bool:
        """Whether anything is wrong at all."""
        return bool(self.lost or self.again)

    def words(self) -> str:
        """Say how much can be saved."""
        total = self.attempts + self.lost
        again = f", {self.again:,} of them read again for nothing" if self.again else ""
        return f"{self.attempts:,} of {total:,} records can be saved, {self.answers:,} answers among them{again}"


def damage(path: str, error: Exception) -> LedgerError:
    """Make the error for a ledger that cannot be read: what is wrong, how much can be saved, and how."""
    try:
        found = examine(path).words()
    except (LedgerError, OSError, *_UNREACHED):
        found = "nothing of it can be read"
    told = LedgerError(
        f"the ledger {path} is damaged ({error}): {found}; lm-eval-longctx ledger repair --ledger {path} tells more "
        "and saves it, or name another file with ledger=PATH"
    )
    told.__cause__ = error
    return told


def examine(path: str) -> Salvage:
    """Look at every record.

    Raises:
        LedgerError: SQLite cannot even open the file.
    """
    with closing(_opened(path)) as connection:
        return _salvage(connection)


def repair(path: str) -> tuple[Salvage, Path]:
    """Write all that can be read into a new file in the ledger's place, and keep the old one beside it.

    Returns:
        What was saved, and where the old file is now.
    """
    with closing(_opened(path)) as connection:
        found = _salvage(connection)
        with whole(Path(f"{path}.repaired")) as beside, closing(connect(str(beside))) as new:
            _fill(new, connection, found.rows)
            new.execute("PRAGMA journal_mode=DELETE")  # all in one file, which is renamed
    old = _free_name(Path(f"{path}.damaged"))
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            Path(path + suffix).rename(f"{old}{suffix}")
    Path(f"{path}.repaired").rename(path)
    return found, old


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path if number == 1 else path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return free


def _opened(path: str) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=rw", uri=True)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except _UNREACHED as error:
        if connection is not None:
            connection.close()
        raise LedgerError(
            f"nothing of {path} can be read ({error}): restore a copy, or move it away to begin anew"
        ) from error
    connection.text_factory = _text
    return connection


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")


def _salvage(connection: sqlite3.Connection) -> Salvage:
    found = Salvage()
    for row in _every(connection, "attempt", "id"):
        mended = None if row is None else _mended(row)
        if mended is None:
            found.lost += 1
            continue
        found.rows.append(mended)
        found.attempts += 1
        read_again = row is not None and row.get("decided") is not None and mended["decided"] is None
        found.again += read_again
        found.answers += bool(mended.get("final")) or read_again
    return found


def _every(connection: sqlite3.Connection, table: str, number: str) -> Iterator[Row | None]:
    """Yield every row of a table by its number; ``None`` for one that is there and cannot be read."""
    try:
        last = connection.execute(f"SELECT max({number}) FROM {table}").fetchone()[0] or 0  # noqa: S608 - our own names
    except _UNREACHED:
        last = _counted(connection, table)
    for first in range(1, last + 1, _AT_ONCE):
        try:
            yield from _between(connection, table, number, first, first + _AT_ONCE - 1)
        except _UNREACHED:
            for one in range(first, min(first + _AT_ONCE, last + 1)):
                try:
                    yield from _between(connection, table, number, one, one)
                except _UNREACHED:
                    yield None


def _counted(connection: sqlite3.Connection, table: str) -> int:
    """Return how many rows a table has at most, where its end cannot be read: an index may know."""
    with suppress(*_UNREACHED):
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names
    return 0


def _between(connection: sqlite3.Connection, table: str, number: str, first: int, last: int) -> list[Row]:
    return rows(connection, f"SELECT * FROM {table} WHERE {number} BETWEEN ? AND ?", first, last)  # noqa: S608 - ours


def _mended(row: Row) -> Row | None:
    """Return a record as far as it can be used; ``None`` if it cannot."""
    if not row.keys() >= _NEEDED:
        return None
    if not isinstance(row["key"], str) or not isinstance(row["sent"], float) or not isinstance(row["n"], int):
        return None
    if row["received"] is not None and not _is_read(lambda: unpack(row["body"] or b"", bool(row["packed"]))):
        row = {**row, "body": None, "packed": 0, **({} if row["decided"] else dict.fromkeys(_COMING))}
    if row["headers"] is not None and not _is_read(lambda: dict(orjson.loads(row["headers"]))):
        row = {**row, "headers": "{}"}
    if row["decided"] is None or _is_read(lambda: load_completion(row["completion"])):
        return row
    return {**row, **dict.fromkeys(_READING)} if row["body"] else None


def _is_read(read: Any) -> bool:
    try:
        read()
    except UNREADABLE:
        return False
    return True


def _fill(new: sqlite3.Connection, old: sqlite3.Connection, saved: list[Row]) -> None:
    """Write what was saved, with the calls that it belongs to."""
    new.execute("BEGIN IMMEDIATE")
    calls = {row["key"]: row for row in _every(old, "call", "rowid") if row is not None and "key" in row}
    for key in dict.fromkeys(row["key"] for row in saved):
        put(new, "call", _call(calls.get(key), key))
    for row in saved:
        put(new, "attempt", row)
    with suppress(*_UNREACHED):
        for row in _between(old, "batch", "rowid", 1, 1 << 60):
            put(new, "batch", row)
    new.execute("COMMIT")


def _call(row: Row | None, key: str) -> Row:
    """Return the record of a call; where it is gone its key alone, which is what answers are found by."""
    unknown = dict.fromkeys(("provider", "model", "task", "sample"), "")
    stub = {"key": key, **unknown, "repeat": 0, "tokens": 0, "counted": None, "request": "{}", "planned": 0.0}
    if row is None:
        return {**stub, "owner": None}
    kept = {name: row.get(name) for name in stub if isinstance(row.get(name), type(stub[name]))}
    counted = row.get("counted")
    whole_request = _is_read(lambda: orjson.loads(row["request"]))
    return {
        **stub,
        **kept,
        "counted": counted if isinstance(counted, int) else None,
        "owner": None,
        **({} if whole_request else {"request": "{}"}),
    }
