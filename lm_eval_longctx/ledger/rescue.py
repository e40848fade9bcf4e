"""Where records go that the ledger's own file cannot take: the disk is full, or the file was deleted in mid-run.

What could not be written goes into a small ledger elsewhere, with the records
that it belongs to; whoever opens the ledger next takes it in. A file that was
deleted is still whole for the process that holds it open, and is written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.files import default_cache_dir, whole
from lm_eval_longctx.ledger.schema import connect, put, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)


def places(path: str) -> list[Path]:
    """Return where a ledger's records may have been rescued to, the best place first."""
    name = f"lm-eval-longctx-rescued-{hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]}.sqlite3"
    folders = (Path(path).parent, default_cache_dir(), Path.home(), Path(tempfile.gettempdir()))
    return list(dict.fromkeys(folder.absolute() / name for folder in folders))


def save(path: str, reader: sqlite3.Connection, kept: Iterable[Callable[[sqlite3.Connection], Any]]) -> Path:
    """Write what was kept, with the records that it belongs to, wherever there is room.

    Args:
        path: The ledger's file.
        reader: A connection to it.
        kept: What was to be written, in order; each names its attempt.

    Returns:
        The file.

    Raises:
        LedgerError: There is no room anywhere.
    """
    works = list(kept)
    about = (getattr(work, "keywords", {}).get("attempt") for work in works)
    attempts = sorted({attempt for attempt in about if attempt is not None})
    for place in places(path):
        new = not place.exists()
        try:
            _write(place, reader, attempts, works)
        except (LedgerError, OSError, sqlite3.Error):
            if new:
                _remove(place)
        else:
            return place
    raise LedgerError(
        f"{len(attempts):,} answers could be written nowhere, neither to {path} nor elsewhere; free a disk"
    )


def _write(place: Path, reader: sqlite3.Connection, attempts: list[int], works: list[Any]) -> None:
    connection = connect(str(place))
    try:
        place.chmod(0o600)
        connection.execute("BEGIN IMMEDIATE")
        for attempt in attempts:
            for table, column in (("attempt", "id"), ("call", "key")):
                wanted = "?" if table == "attempt" else "(SELECT key FROM attempt WHERE id=?)"
                for row in rows(reader, f"SELECT * FROM {table} WHERE {column}={wanted}", attempt):  # noqa: S608 - ours
                    put(connection, table, row)
        for work in works:
            work(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def bring_back(path: str, connection: sqlite3.Connection) -> None:
    """Take in what was rescued from a ledger when it could not be written; all or nothing of each file."""
    for place in places(path):
        if place.is_file() and not place.is_symlink() and _is_mine(place) and str(place) != path:
            try:
                count = _take_in(place, connection)
            except sqlite3.Error as error:
                raise LedgerError(
                    f"{place} holds records of {path} that cannot be brought back ({error}), and would be paid again; "
                    "free the disk, or move the file away"
                ) from error
            _remove(place)
            logger.warning("%d records that could not be written to %s before were brought back", count, path)


def _remove(place: Path) -> None:
    for leftover in (place, Path(f"{place}-wal"), Path(f"{place}-shm")):
        with contextlib.suppress(OSError):
            leftover.unlink(missing_ok=True)


def _is_mine(place: Path) -> bool:
    return not hasattr(os, "getuid") or place.stat().st_uid == os.getuid()


def _take_in(place: Path, connection: sqlite3.Connection) -> int:
    rescued = connect(str(place))
    try:
        connection.execute("BEGIN IMMEDIATE")
        count = sum(_merge(connection, rescued, row) for row in rows(rescued, "SELECT * FROM attempt ORDER BY id"))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        rescued.close()
    return count


def _merge(connection: sqlite3.Connection, rescued: sqlite3.Connection, row: dict[str, Any]) -> bool:
    """Complete an attempt by what was rescued of it, or add it where the ledger does not know it."""
    query = "SELECT id, decided FROM attempt WHERE key=? AND sent=? AND n=?"
    known = connection.execute(query, (row["key"], row["sent"], row["n"])).fetchone()
    if known is not None and known[1] is not None:
        return False
    (call,) = rows(rescued, "SELECT * FROM call WHERE key=?", row["key"])
    if connection.execute("SELECT 1 FROM call WHERE key=?", (row["key"],)).fetchone() is None:
        put(connection, "call", call)
    put(connection, "attempt", {**row, "id": known[0] if known else None})
    connection.execute("UPDATE call SET owner=NULL WHERE key=?", (row["key"],))
    return True


def restore(path: str, reader: sqlite3.Connection) -> Path:
    """Write a ledger anew whose file was deleted while it was open: in its place if that is free.

    Returns:
        The file.

    Raises:
        LedgerError: There is no room anywhere.
    """
    for place in [*([] if Path(path).exists() else [Path(path)]), *places(path)]:
        with contextlib.suppress(OSError, sqlite3.Error):
            with whole(place) as beside:
                copy = sqlite3.connect(beside)
                try:
                    reader.backup(copy)
                finally:
                    copy.close()
            return place
    raise LedgerError(f"the ledger {path} was deleted in mid-run, and there is no room to write it anew; free a disk")
