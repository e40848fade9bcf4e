"""What the ledger reads: functions of a connection."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from lm_eval_longctx.completion import Usage
from lm_eval_longctx.errors import LedgerError, unknown_option
from lm_eval_longctx.ledger.address import is_shared
from lm_eval_longctx.ledger.records import Final, Standing, Summary, load_completion, unpack
from lm_eval_longctx.ledger.repair import UNREADABLE, damage
from lm_eval_longctx.ledger.schema import BILLED, UNKNOWN, rows
from lm_eval_longctx.providers.base import HandIn, Raw

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from lm_eval_longctx.completion import Completion

FILTERS = ("provider", "model", "task", "sample")
_STATE = """CASE WHEN outcome IS NOT NULL THEN outcome
    WHEN received IS NULL AND batch IS NOT NULL THEN 'in a batch'
    WHEN received IS NULL AND handle IS NOT NULL THEN 'made in the background'
    WHEN received IS NULL THEN 'sent, no answer yet' ELSE 'received, not read yet' END"""
_AT_ONCE = 500
_RAW = "status, headers, body, packed, seconds, error, reached"
_CALL = ("key", "provider", "model", "task", "sample", "repeat", "tokens", "counted", "request", "planned")
_ATTEMPT = (
    "n",
    "sent",
    "reserved",
    "received",
    "status",
    "headers",
    "seconds",
    "error",
    "decided",
    "cost",
    "billing",
    "batch",
)


class Reading:
    """Holds the reader's lock, and turns what SQLite raises into a ``LedgerError``."""

    def __init__(self, lock: threading.RLock, path: str) -> None:
        """Keep the lock of the connection, and the file's name for the message."""
        self._lock, self._path = lock, path

    def __enter__(self) -> None:
        """Wait for the connection."""
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the connection go."""
        self._lock.release()
        if error is None:
            return
        if isinstance(error, sqlite3.ProgrammingError):
            raise LedgerError("the ledger is closed; open it again") from error
        lasting = isinstance(error, sqlite3.OperationalError)
        if lasting or (is_shared(self._path) and isinstance(error, sqlite3.Error)):
            advice = "see to its server" if is_shared(self._path) else "restore it or name another file"
            raise LedgerError(f"the ledger {self._path} cannot be read ({error}); {advice}") from error
        if isinstance(error, (sqlite3.Error, *UNREADABLE)):
            raise damage(self._path, error) from error


def final(connection: sqlite3.Connection, key: str, despite: int = 0) -> Final | None:
    """Return how a call ended for good; what came up to an attempt may be left out."""
    row = connection.execute(
        "SELECT completion, id, decided FROM attempt WHERE key=? AND final=1 AND id>? ORDER BY decided DESC LIMIT 1",
        (key, despite),
    ).fetchone()
    return Final(load_completion(row[0]), *row[1:]) if row else None


def standing(connection: sqlite3.Connection, key: str, despite: int = 0) -> Standing:
    """Return all that is known about a call; verdicts up to an attempt may be left out."""
    known = connection.execute("SELECT counted FROM call WHERE key=?", (key,)).fetchone()
    if known is None:
        return Standing()
    found = final(connection, key, despite)
    if found is not None:
        return Standing(found)
    attempts = connection.execute(
        f"SELECT id, received, decided, batch, handle, {_RAW} FROM attempt WHERE key=? ORDER BY id",  # noqa: S608 - ours
        (key,),
    ).fetchall()
    undecided = tuple((row[0], _raw(*row[5:])) for row in attempts if row[1] is not None and row[2] is None)
    silent = [row for row in attempts if row[1] is None and row[2] is None]
    waiting = next(((row[0], row[3]) for row in silent if row[3] is not None), None)
    accepted = next(((row[0], row[4]) for row in silent if row[4] is not None), None)
    failures = sum(row[2] is not None for row in attempts)
    lost = sum(row[3] is None and row[4] is None for row in silent)
    return Standing(None, undecided, lost, failures, known[0], waiting, accepted)


def _raw(  # noqa: PLR0913, PLR0917 - a row
    status: int, headers: str, body: bytes | None, packed: bool, seconds: float, error: str, reached: bool
) -> Raw:
    return Raw(status, orjson.loads(headers), unpack(body or b"", bool(packed)), seconds, error, bool(reached))


def answers(connection: sqlite3.Connection, keys: Iterable[str]) -> dict[str, Completion]:
    """Return the final answers of many calls."""
    wanted, found = list(keys), {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        final_ones = connection.execute(
            f"SELECT key, completion FROM attempt WHERE final=1 AND key IN ({marks}) ORDER BY decided",  # noqa: S608
            some,
        )
        found.update({key: load_completion(stored) for key, stored in final_ones})
    return found


def answered_samples(
    connection: sqlite3.Connection, provider: str, model: str, but: Iterable[str]
) -> set[tuple[str, str, int]]:
    """Return (task, sample, repeat) of the calls to a model that ended for good, in other outcomes than some."""
    left_out = ("", *but)  # PostgreSQL knows no empty list
    found = connection.execute(
        f"""SELECT DISTINCT task, sample, repeat FROM call JOIN attempt USING(key)
        WHERE final=1 AND provider=? AND model=? AND outcome NOT IN ({",".join("?" * len(left_out))})""",  # noqa: S608
        (provider, model, *left_out),
    )
    return {(task, sample, repeat) for task, sample, repeat in found}


def batch_name(connection: sqlite3.Connection, token: str) -> str | None:
    """Return the provider's name of a batch, or ``None`` if its hand-in was not confirmed."""
    row = connection.execute("SELECT name FROM batch WHERE token=?", (token,)).fetchone()
    return None if row is None else row[0]


def hand_in(connection: sqlite3.Connection, token: str) -> HandIn:
    """Return what helps to find a batch at the provider."""
    row = connection.execute("SELECT opened FROM batch WHERE token=?", (token,)).fetchone()
    count = connection.execute("SELECT count(*) FROM attempt WHERE batch=?", (token,)).fetchone()[0]
    others = connection.execute("SELECT name FROM batch WHERE name IS NOT NULL AND token<>?", (token,))
    return HandIn(token, 0.0 if row is None else row[0], count, frozenset(name for (name,) in others))


def groups(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return (provider, model, task) of all calls, sorted."""
    return connection.execute("SELECT DISTINCT provider, model, task FROM call ORDER BY 1, 2, 3").fetchall()


def calls(connection: sqlite3.Connection, beginning: str) -> list[dict[str, Any]]:
    """Return the calls whose key begins so, without their attempts."""
    names = ("key", "provider", "model", "task", "sample", "repeat", "request")
    found = rows(
        connection,
        f"SELECT {', '.join(names)} FROM call WHERE key>=? AND key<? ORDER BY key",  # noqa: S608 - our own columns
        beginning,
        f"{beginning}\x7f",
    )
    return [{**call, "request": orjson.loads(call["request"] or b"{}")} for call in found]


def entries(connection: sqlite3.Connection, where: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every attempt with its call, in the order of sending."""
    condition, values = _condition(where)
    columns = ", ".join([*(f"call.{c}" for c in _CALL), *(f"attempt.{c}" for c in _ATTEMPT), f"{_STATE} AS state"])
    return rows(
        connection,
        f"SELECT {columns}, body, packed, completion FROM attempt JOIN call USING(key) "  # noqa: S608 - our own columns
        f"WHERE {condition} ORDER BY attempt.id",
        *values,
    )


def plain(row: Mapping[str, Any], *, bodies: bool) -> dict[str, Any]:
    """Turn a row into plain values."""
    entry = {name: row[name] for name in (*_CALL, "state", *_ATTEMPT)}
    for name in ("request", "headers"):
        entry[name] = orjson.loads(entry[name]) if entry[name] else None
    stored = orjson.loads(row["completion"]) if row["completion"] else {}
    entry.update(text=stored.get("text"), detail=stored.get("detail"), usage=stored.get("usage"))
    if bodies:
        entry["body"] = unpack(row["body"] or b"", bool(row["packed"])).decode("utf-8", "replace")
    return entry


def summary(connection: sqlite3.Connection, where: Mapping[str, str], size: int) -> Summary:
    """Add everything up."""
    condition, values = _condition(where)
    source = f"FROM attempt JOIN call USING(key) WHERE {condition}"
    calls, attempts, cost, unpriced = connection.execute(
        f"""SELECT count(DISTINCT key), count(*), coalesce(sum(cost), 0.0),
        count(CASE WHEN billing='{BILLED}' AND cost IS NULL THEN 1 END) {source}""",
        values,
    ).fetchone()
    answered = connection.execute(f"SELECT count(DISTINCT key) {source} AND final=1", values).fetchone()[0]
    outcomes = dict(connection.execute(f"SELECT {_STATE}, count(*) {source} GROUP BY 1 ORDER BY 1", values))
    unknown = f"(billing='{UNKNOWN}' OR billing IS NULL)"
    doubtful, at_most = connection.execute(
        f"SELECT count(*), coalesce(sum(reserved), 0.0) {source} AND {unknown}", values
    ).fetchone()
    usage = _usage(connection.execute(f"SELECT completion {source} AND billing='{BILLED}'", values))
    return Summary(calls, attempts, answered, outcomes, cost, doubtful, at_most, unpriced, usage, size)


def _usage(billed: Iterable[tuple[bytes]]) -> Usage:
    total = Usage()
    for (stored,) in billed:
        total = total + Usage.of(orjson.loads(stored)["usage"])
    return total


def _condition(where: Mapping[str, str]) -> tuple[str, list[str]]:
    for name in where:
        if name not in FILTERS:
            raise unknown_option("filter of the ledger", name, FILTERS)
    return " AND ".join(["1=1", *(f"call.{name}=?" for name in where)]), list(where.values())
