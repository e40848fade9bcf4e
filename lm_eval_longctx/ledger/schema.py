"""The ledger's tables, and opening the file that holds them."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from lm_eval_longctx.errors import LedgerError

APPLICATION = 0x4C4C4358  # "LLCX", in the file's header
VERSION = 4
PATIENCE = 60
"""Seconds to wait for another process that writes."""

_TABLES = (
    """CREATE TABLE call(
        key TEXT PRIMARY KEY, provider TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL, sample TEXT NOT NULL,
        repeat INTEGER NOT NULL, tokens INTEGER NOT NULL, counted INTEGER, request TEXT NOT NULL,
        planned REAL NOT NULL, owner TEXT)""",
    """CREATE TABLE attempt(
        id INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES call(key), owner TEXT NOT NULL, n INTEGER NOT NULL,
        sent REAL NOT NULL, reserved REAL,
        received REAL, status INTEGER, headers TEXT, body BLOB, packed INTEGER, seconds REAL, error TEXT,
        reached INTEGER,
        decided REAL, outcome TEXT, final INTEGER, completion BLOB, cost REAL, billing TEXT)""",
    "CREATE INDEX attempt_key ON attempt(key)",
    "CREATE INDEX call_sample ON call(sample)",
    """CREATE TABLE owner(
        id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL, beat REAL NOT NULL)""",
)

_BATCHES = (
    "ALTER TABLE attempt ADD COLUMN batch TEXT",
    """CREATE TABLE batch(
        token TEXT PRIMARY KEY, provider TEXT NOT NULL, model TEXT NOT NULL, opened REAL NOT NULL, name TEXT)""",
)
_HANDLES = ("ALTER TABLE attempt ADD COLUMN handle TEXT",)
_BUDGETS = (
    "ALTER TABLE attempt ADD COLUMN budget TEXT",
    "CREATE INDEX attempt_held ON attempt(budget) WHERE budget IS NOT NULL AND decided IS NULL",
    """CREATE TABLE budget(
        name TEXT PRIMARY KEY, cap INTEGER NOT NULL, spent INTEGER NOT NULL, reserved INTEGER NOT NULL,
        excess REAL NOT NULL)""",
)
STEPS = {0: _TABLES, 1: _BATCHES, 2: _HANDLES, 3: _BUDGETS}
"""What makes the next version of each version; 0 is an empty file."""

_NAMED_BY = {"call": "key", "attempt": "id", "batch": "token"}
"""The column by which a row of a table is found."""

# Why an attempt costs what it costs.
FREE, BILLED, UNKNOWN = "free", "billed", "unknown"


def connect(path: str, *, create: bool = True) -> sqlite3.Connection:
    """Open a ledger's file and check that it is one.

    Args:
        path: The file, or ``:memory:``.
        create: Whether to make a new ledger where there is no file.

    Raises:
        LedgerError: The file is missing, unreadable, broken, of another
            program, or of a newer version of this one.
    """
    connection: sqlite3.Connection | None = None
    try:
        _prepare(path, create=create)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        _set_up(connection, path)
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last: SQLite quotes what is broken
        if connection is not None:
            connection.close()
        raise LedgerError(f"cannot use {path} as the ledger ({error}); name another file with ledger=PATH") from error
    except LedgerError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _prepare(path: str, *, create: bool) -> None:
    if path == ":memory:":
        return
    if create:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    elif not Path(path).is_file():
        raise LedgerError(f"there is no ledger at {path}; name the file with --ledger PATH")


def _set_up(connection: sqlite3.Connection, path: str) -> None:
    version = _version(connection, path)  # before anything is changed: the file may be somebody else's
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")  # what is committed survives a power failure
    if version < VERSION:
        _upgrade(connection, path)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to a write-ahead log; SQLite does not wait by itself while others do the same."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _version(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of the file's tables; 0 for an empty file."""
    # Tables first: another process makes them and sets the marks in one transaction, perhaps just now.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION and version > VERSION:
        raise LedgerError(
            f"{path} was written by a newer lm-eval-longctx; upgrade, or name another file with ledger=PATH"
        )
    if application == APPLICATION:
        return version
    if tables or application:
        raise LedgerError(f"{path} belongs to another program; name another file with ledger=PATH")
    return 0


def _upgrade(connection: sqlite3.Connection, path: str) -> None:
    """Make the tables, or bring older ones up to date; of several processes that try at once, one does."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(_version(connection, path), VERSION):
            for statement in STEPS[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def clock(connection: sqlite3.Connection) -> float:
    """Return the time by which users of a ledger tell who is alive: its server's, where machines share one."""
    return time.time() + float(getattr(connection, "offset", 0.0))


def rows(connection: sqlite3.Connection, query: str, *values: Any) -> list[dict[str, Any]]:
    """Return the rows of a query by the names of their columns."""
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def put(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Write a row of a table as ``rows`` read it, perhaps from another ledger; one without its number gets one."""
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    changed = ", ".join(f"{name}=excluded.{name}" for name in row)
    connection.execute(
        f"INSERT INTO {table}({names}) VALUES({marks}) ON CONFLICT({_NAMED_BY[table]}) DO UPDATE SET {changed}",
        list(row.values()),
    )
