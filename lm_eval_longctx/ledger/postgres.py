"""A ledger on a PostgreSQL server, which several machines may use at once.

What the ledger says to SQLite it says here too: a connection has the same few
methods, takes the same statements and raises errors of the same names, so
that tables, statements and whoever handles their failures exist once. A
server adds three things. Whoever may claim a call holds a lock on its name
meanwhile. A connection that breaks is made anew and the transaction done
again, unless the server says that it was committed. And one clock, the
server's, tells who is alive.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from lm_eval_longctx.errors import LedgerError, MissingExtraError
from lm_eval_longctx.ledger.address import shown
from lm_eval_longctx.ledger.schema import PATIENCE, STEPS, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

SCHEMA = "lm_eval_longctx"
"""The database's schema that holds the tables, so that they stand beside those of others."""

_TYPES = {
    "INTEGER PRIMARY KEY": "BIGSERIAL PRIMARY KEY",
    "TEXT": 'TEXT COLLATE "C"',  # sorted as SQLite sorts
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
}
_TYPE = re.compile("|".join(_TYPES))
_NUMBERED = "INSERT INTO attempt("
_AGAIN = ("08", "40", "57P")
"""How codes begin after which the same transaction may succeed: no connection, a deadlock, a restart."""

_PAUSE = (0.05, 2.0)
_FIRST = 0x4C4C4358
"""The lock of whoever makes the tables: the same mark that the header of a SQLite ledger has."""


class Found:
    """What a statement gave; see ``sqlite3.Cursor``."""

    def __init__(self, cursor: Any) -> None:
        """Keep the driver's cursor."""
        self._cursor = cursor
        self.fetchone, self.fetchall = cursor.fetchone, cursor.fetchall
        self.rowcount, self.description = cursor.rowcount, cursor.description

    def __iter__(self) -> Any:
        """Go through the rows."""
        return iter(self._cursor)

    @property
    def lastrowid(self) -> int:
        """The number of the attempt that was recorded."""
        number: int = self.fetchone()[0]
        return number


class Connection:
    """One connection to the server, with what the ledger uses of ``sqlite3.Connection``.

    Attributes:
        offset: Seconds that the server's clock is ahead of this machine's.
        in_transaction: Whether one was begun and not ended.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        """Connect.

        Args:
            url: Of the database.
            patience: Seconds for which a server that is gone is waited for.
        """
        self._engine, self._patience = _engine(url), patience
        self._held: Any = None
        self._raw: Any = None
        self._closed = self.in_transaction = False
        self.offset = 0.0
        self._connect()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Found:
        """Run a statement; outside a transaction it is run again where the connection breaks."""
        return self._lasting(lambda: self._run(statement, values), alone=not self.in_transaction)

    def _lasting(self, work: Callable[[], T], *, alone: bool) -> T:
        until, pause = time.monotonic() + self._patience, _PAUSE[0]
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if not alone or not _may_succeed(error) or time.monotonic() > until:
                    raise
            time.sleep(pause)
            pause = min(_PAUSE[1], 2 * pause)

    def _run(self, statement: str, values: Sequence[Any]) -> Found:
        if self._closed:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        with _translating():
            if self._raw is None or self._raw.closed:
                self._connect()
            # SQLite takes a truth value for a number, and a text may hold a zero byte there
            plain = [_plain(value) for value in values]
            return Found(self._raw.execute(_translated(statement), plain))

    def _connect(self) -> None:
        with _translating():
            self._held = self._engine.raw_connection()  # whose end is the connection's
            self._raw = self._held.driver_connection
            self._raw.execute(f"SET search_path TO {SCHEMA}")
            before = time.time()
            (server,) = self._raw.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            self.offset = server - (before + time.time()) / 2

    def transact(self, works: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """Do pieces of work in one transaction, once, however often the connection breaks meanwhile."""
        state: list[Any] = []  # the number of the transaction once it is about to be committed, and its results
        return self._lasting(lambda: self._once(works, state), alone=True)

    def _once(self, works: Sequence[Callable[[Any], Any]], state: list[Any]) -> list[Any]:
        if state and self._committed(state[0]):
            return list(state[1])
        state.clear()
        try:
            self._run("BEGIN", ())
            self.in_transaction = True
            number = self._lock(works)
            results = [work(self) for work in works]
            state[:] = number, results
            self._run("COMMIT", ())
        except BaseException:
            with suppress(sqlite3.Error):
                if self._raw is not None and not self._raw.closed:
                    self._run("ROLLBACK", ())
                    state.clear()  # it can be asked no more, and was not committed
            raise
        finally:
            self.in_transaction = False
        return results

    def _lock(self, works: Sequence[Callable[[Any], Any]]) -> int:
        """Lock the names of the calls that are to be claimed, in one order for all; return the transaction's number."""
        found = [getattr(work, "keywords", {}) for work in works]
        named = (given["call"].key if "call" in given else given.get("key") for given in found)
        keys: set[str] = {key for key in named if key is not None}
        locks = sorted(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True) for key in keys)
        row = self._run(
            "SELECT txid_current(), count(pg_advisory_xact_lock(name)) FROM unnest(?::bigint[]) AS name", [locks]
        ).fetchone()
        number: int = row[0]
        return number

    def _committed(self, number: int) -> bool:
        """Ask the server how a transaction ended whose end did not reach us."""
        while True:
            (status,) = self._run("SELECT txid_status(?)", (number,)).fetchone()
            if status != "in progress":
                return bool(status == "committed")
            time.sleep(_PAUSE[0])

    def size(self) -> int:
        """Return the bytes that the tables take."""
        names = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
        where = f"JOIN pg_namespace n ON n.oid=c.relnamespace WHERE n.nspname='{SCHEMA}' AND c.relkind='r'"
        size: int = self.execute(f"{names} {where}").fetchone()[0]
        return size

    def close(self) -> None:
        """Close for good."""
        self._closed = True
        if self._raw is not None:
            self._raw.close()
        self._engine.dispose()


class _translating:  # noqa: N801 - used like a function
    """Gives the driver's errors SQLite's names: both have those of Python's database interface (PEP 249)."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise an error of the driver under its other name."""
        from psycopg import Error
        from sqlalchemy.exc import DBAPIError

        if isinstance(error, DBAPIError):
            error = error.orig
        if isinstance(error, Error):
            names = [cls.__name__ for cls in type(error).__mro__]
            named = next(getattr(sqlite3, name) for name in names if hasattr(sqlite3, name))
            raise named(" ".join(str(error).split())) from error


def _may_succeed(error: sqlite3.OperationalError) -> bool:
    code = getattr(error.__cause__, "sqlstate", None) or "08000"  # a connection that breaks has none
    return str(code).startswith(_AGAIN)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


@lru_cache(maxsize=512)
def _translated(statement: str) -> str:
    spelt = statement.replace("%", "%%").replace("?", "%s")
    return f"{spelt} RETURNING id" if statement.startswith(_NUMBERED) else spelt


def _engine(url: str) -> Any:
    try:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
        from sqlalchemy.pool import NullPool
    except ImportError as error:
        raise MissingExtraError("a ledger on PostgreSQL", "postgres") from error
    spelt = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)
    try:
        # Each use of a ledger keeps its two connections for as long as it lasts, and makes them anew by itself.
        options = {"autocommit": True, "connect_timeout": 10}
        return create_engine(spelt, poolclass=NullPool, pool_reset_on_return=None, connect_args=options)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise LedgerError(
            f"ledger={shown(url)} cannot be read ({error}); write postgresql://USER@HOST/DATABASE"
        ) from error
    except ImportError as error:
        raise MissingExtraError("a ledger on PostgreSQL", "postgres") from error


def connect(url: str, *, create: bool = True) -> Connection:
    """Open the ledger in a database, and make its tables where there are none.

    Args:
        url: ``postgresql://USER@HOST/DATABASE``; a password belongs into ``PGPASSWORD`` or ``~/.pgpass``.
        create: Whether to make a new ledger where there is none.

    Raises:
        LedgerError: The server cannot be used, holds no ledger, or one of a newer version.
    """
    connection: Connection | None = None
    try:
        connection = Connection(url)
        connection.transact([lambda c: _set_up(c, url, create=create)])
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise LedgerError(
            f"cannot use {shown(url)} as the ledger ({error}); see to its server, or name another with ledger="
        ) from error
    except LedgerError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _set_up(connection: Connection, url: str, *, create: bool) -> None:
    """Make the tables, or bring older ones up to date; of several processes that try at once, one does."""
    connection.execute("SELECT pg_advisory_xact_lock(?)", (_FIRST,))
    known = connection.execute("SELECT to_regclass(?)::text", (f"{SCHEMA}.version",)).fetchone()[0]
    if known is None and not create:
        raise LedgerError(f"there is no ledger at {shown(url)}; name another with --ledger")
    if known is None:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute("CREATE TABLE version(number BIGINT NOT NULL)")
        connection.execute("INSERT INTO version VALUES(0)")
    version = connection.execute("SELECT number FROM version").fetchone()[0]
    if version > VERSION:
        raise LedgerError(f"{shown(url)} was written by a newer lm-eval-longctx; upgrade, or name another with ledger=")
    for statement in _pending(version):
        connection.execute(statement)
    connection.execute("UPDATE version SET number=?", (VERSION,))


def _pending(version: int) -> Iterable[str]:
    """Return what brings tables up to date, in PostgreSQL's words."""
    for step in range(version, VERSION):
        yield from (_TYPE.sub(lambda found: _TYPES[found[0]], statement) for statement in STEPS[step])
