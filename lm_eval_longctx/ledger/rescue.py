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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.files import default_cache_dir, whole
from lm_eval_longctx.ledger import budgets
from lm_eval_longctx.ledger.address import is_shared, shown
from lm_eval_longctx.ledger.schema import connect, put, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lm_eval_longctx.ledger.records import Begun
    from lm_eval_longctx.ledger.writer import Promise, Transact

    About = Callable[[int], Iterable[tuple[str, dict[str, Any]]]]

logger = logging.getLogger(__name__)


def places(path: str) -> list[Path]:
    """Return where a ledger's records may have been rescued to, the best place first."""
    named = shown(path) if is_shared(path) else os.path.realpath(path)
    name = f"lm-eval-longctx-rescued-{hashlib.sha256(named.encode()).hexdigest()[:16]}.sqlite3"
    beside = () if is_shared(path) else (Path(path).parent,)
    folders = (*beside, default_cache_dir(), Path.home(), Path(tempfile.gettempdir()))
    return list(dict.fromkeys(folder.absolute() / name for folder in folders))


def save(path: str, about: About, kept: Iterable[Callable[[sqlite3.Connection], Any]]) -> Path:
    """Write what was kept, with the records that it belongs to, wherever there is room.

    Args:
        path: The ledger's file.
        about: Returns the rows of an attempt and of its call, as far as they are known, each with its table.
        kept: What was to be written, in order; each names its attempt.

    Returns:
        The file.

    Raises:
        LedgerError: There is no room anywhere.
    """
    works = list(kept)
    named = (getattr(work, "keywords", {}).get("attempt") for work in works)
    found = [row for attempt in sorted({attempt for attempt in named if attempt is not None}) for row in about(attempt)]
    for place in places(path):
        new = not place.exists()
        try:
            _write(place, found, works)
        except (LedgerError, OSError, sqlite3.Error):
            if new:
                _remove(place)
        else:
            return place
    raise LedgerError(
        f"{len(found) // 2:,} answers could be written nowhere, neither to {path} nor elsewhere; free a disk"
    )


class InFlight:
    """What a server knows of the calls in flight, kept here for when it is gone: their answers are rescued with it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._rows: dict[int, list[tuple[str, dict[str, Any]]]] = {}

    def begun(self, given: dict[str, Any], owner: str, promise: Promise[Begun]) -> None:
        """Keep an attempt that was recorded just now.

        Args:
            given: What ``statements.begin`` got.
            owner: Whose attempt it is.
            promise: What came of it.
        """
        begun = None if promise.exception() is not None else promise.result()
        if begun is None or begun.attempt is None:
            return
        call, attempt = given["call"], {name: given[name] for name in ("n", "reserved", "batch")}
        attempt.update(id=begun.attempt, key=call.key, owner=owner, sent=begun.sent)
        names = ("key", "provider", "model", "task", "sample", "repeat", "tokens", "counted")
        asked = {**{name: getattr(call, name) for name in names}, "request": given["request"], "planned": begun.sent}
        self._rows[begun.attempt] = [("attempt", attempt), ("call", asked)]

    def ended(self, attempt: int) -> None:
        """Forget an attempt whose end is recorded."""
        self._rows.pop(attempt, None)

    def about(self, attempt: int) -> list[tuple[str, dict[str, Any]]]:
        """Return the rows of an attempt and of its call, each with its table."""
        return self._rows.get(attempt, [])


def in_file(reader: sqlite3.Connection, attempt: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of an attempt and of its call, each with its table, from a ledger's file."""
    for table, column in (("attempt", "id"), ("call", "key")):
        wanted = "?" if table == "attempt" else "(SELECT key FROM attempt WHERE id=?)"
        for row in rows(reader, f"SELECT * FROM {table} WHERE {column}={wanted}", attempt):  # noqa: S608 - ours
            yield table, row


def _write(place: Path, found: list[tuple[str, dict[str, Any]]], works: list[Any]) -> None:
    connection = connect(str(place))
    try:
        place.chmod(0o600)
        connection.execute("BEGIN IMMEDIATE")
        for table, row in found:
            put(connection, table, row)
        for work in works:
            work(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def bring_back(path: str, transact: Transact) -> None:
    """Take in what was rescued from a ledger when it could not be written; all or nothing of each file."""
    for place in places(path):
        if place.is_file() and not place.is_symlink() and _is_mine(place) and str(place) != path:
            try:
                count = _take_in(place, transact)
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


def _take_in(place: Path, transact: Transact) -> int:
    with contextlib.closing(connect(str(place))) as rescued:
        known = rows(rescued, "SELECT * FROM attempt ORDER BY id")
        return sum(transact([partial(_merge, rescued=rescued, row=row) for row in known]))


def _merge(connection: sqlite3.Connection, rescued: sqlite3.Connection, row: dict[str, Any]) -> bool:
    """Complete an attempt by what was rescued of it, or add it where the ledger does not know it."""
    query = "SELECT id, decided, budget FROM attempt WHERE key=? AND sent=? AND n=?"
    known = connection.execute(query, (row["key"], row["sent"], row["n"])).fetchone()
    if known is not None and known[1] is not None:
        return False
    if known is not None and row["decided"] is not None:
        budgets.settle(connection, known[0], row["billing"], row["cost"])
    (call,) = rows(rescued, "SELECT * FROM call WHERE key=?", row["key"])
    if connection.execute("SELECT 1 FROM call WHERE key=?", (row["key"],)).fetchone() is None:
        put(connection, "call", call)
    numbered = {**row, "id": known[0]} if known else {name: row[name] for name in row if name != "id"}
    put(connection, "attempt", numbered)
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
