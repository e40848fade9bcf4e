"""What the ledger writes: functions of a connection, each run inside a transaction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.ledger import budgets
from lm_eval_longctx.ledger.owners import Owner
from lm_eval_longctx.ledger.reading import final
from lm_eval_longctx.ledger.records import Begun, dump_completion, kept_headers, pack
from lm_eval_longctx.ledger.schema import UNKNOWN, clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from lm_eval_longctx.ledger.records import Call
    from lm_eval_longctx.providers.base import Raw

_EMPTY = "UPDATE attempt SET body=NULL, packed=0 WHERE id=? AND body IS NOT NULL"
_ANSWERED = ", ".join(f"'{outcome.value}'" for outcome in Outcome if outcome.answered)
_DELETE = "DELETE FROM attempt WHERE id=?"
_DELETE_FAILURE = f"{_DELETE} AND coalesce(outcome, '') NOT IN ({_ANSWERED})"
_DECIDE = "UPDATE attempt SET decided=?, outcome=?, final=?, completion=?, billing=?, cost=? WHERE id=?"
_LOST = "the process ended before the answer came"


def register(connection: sqlite3.Connection, *, owner: Owner) -> None:
    """Make a user of the ledger known to the others."""
    process = (owner.id, owner.host, owner.pid, owner.started, clock(connection))
    connection.execute(
        "INSERT INTO owner(id, host, pid, started, beat) VALUES(?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING", process
    )


def begin(  # noqa: PLR0913 - one argument for each recorded fact
    connection: sqlite3.Connection,
    *,
    call: Call,
    request: str,
    n: int,
    reserved: float | None,
    owner: Owner,
    batch: str | None = None,
    budget: str | None = None,
) -> Begun:
    """Claim a call and record an attempt, unless it is answered, claimed, in a batch already or beyond the budget."""
    now, lost = time.time(), 0
    new = _insert(connection, call, request, owner, now)
    if not new:
        known = final(connection, call.key, call.despite)
        if known is not None:
            return Begun(answer=known.completion)
        if not is_free(connection, call.key, owner) or _to_come(connection, call.key):
            return Begun()
        lost = _mark_lost(connection, call.key, owner)
    if budget is not None and not budgets.reserve(connection, budget, reserved):
        if new:
            connection.execute("DELETE FROM call WHERE key=?", (call.key,))
        return Begun(lost=lost, short=True, may_come_back=budgets.may_come_back(connection, budget))
    if not new:
        _claim(connection, call, owner)
    row = (call.key, owner.id, n, now, reserved, batch, budget)
    cursor = connection.execute(
        "INSERT INTO attempt(key, owner, n, sent, reserved, batch, budget) VALUES(?, ?, ?, ?, ?, ?, ?)", row
    )
    return Begun(attempt=cursor.lastrowid, lost=lost, sent=now)


def _to_come(connection: sqlite3.Connection, key: str) -> bool:
    """Tell whether an answer is to come, from a batch or from the background, that is or will be paid."""
    statement = """SELECT 1 FROM attempt WHERE key=? AND (batch IS NOT NULL OR handle IS NOT NULL)
        AND received IS NULL AND decided IS NULL"""
    return connection.execute(statement, (key,)).fetchone() is not None


def accepted(connection: sqlite3.Connection, *, attempt: int, name: str) -> None:
    """Record under which name the provider answers in the background."""
    connection.execute("UPDATE attempt SET handle=? WHERE id=?", (name, attempt))


def take_up(connection: sqlite3.Connection, *, key: str, attempt: int, owner: Owner) -> Begun:
    """Claim a call whose answer is made in the background, unless it has come or somebody alive waits for it."""
    to_come = "SELECT 1 FROM attempt WHERE id=? AND handle IS NOT NULL AND received IS NULL AND decided IS NULL"
    if not is_free(connection, key, owner) or connection.execute(to_come, (attempt,)).fetchone() is None:
        return Begun()
    connection.execute("UPDATE call SET owner=? WHERE key=?", (owner.id, key))
    return Begun(attempt=attempt)


def open_batch(connection: sqlite3.Connection, *, token: str, provider: str, model: str) -> None:
    """Record that a batch is about to be handed in."""
    row = (token, provider, model, time.time())
    connection.execute("INSERT INTO batch(token, provider, model, opened) VALUES(?, ?, ?, ?)", row)


def name_batch(connection: sqlite3.Connection, *, token: str, name: str) -> None:
    """Record the provider's name of a batch."""
    connection.execute("UPDATE batch SET name=? WHERE token=?", (name, token))


def _insert(connection: sqlite3.Connection, call: Call, request: str, owner: Owner, now: float) -> bool:
    """Record a call, unless it is known; tell whether it is new."""
    names = (call.key, call.provider, call.model, call.task, call.sample, call.repeat)
    cursor = connection.execute(
        """INSERT INTO call(key, provider, model, task, sample, repeat, tokens, counted, request, planned, owner)
        VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING""",
        (*names, call.tokens, call.counted, request, now, owner.id),
    )
    return cursor.rowcount == 1


def _claim(connection: sqlite3.Connection, call: Call, owner: Owner) -> None:
    connection.execute(
        "UPDATE call SET owner=?, counted=coalesce(?, counted) WHERE key=?", (owner.id, call.counted, call.key)
    )


def is_free(connection: sqlite3.Connection, key: str, owner: Owner) -> bool:
    """Tell whether nobody else alive claims the call."""
    row = connection.execute(
        """SELECT owner.id, host, pid, started, beat FROM call JOIN owner ON owner.id = call.owner WHERE key = ?""",
        (key,),
    ).fetchone()
    return row is None or row[0] == owner.id or not Owner(*row[:4]).is_alive(row[4], clock(connection))


def _mark_lost(connection: sqlite3.Connection, key: str, owner: Owner) -> int:
    """Decide attempts of ended processes that were sent and never answered: possibly billed."""
    completion = Completion("", Outcome.POSSIBLY_BILLED, detail=_LOST, key=key)
    budgets.give_up(connection, key, owner.id)
    cursor = connection.execute(
        """UPDATE attempt SET decided=?, outcome=?, final=0, completion=?, billing=?, error=?
        WHERE key=? AND received IS NULL AND decided IS NULL AND batch IS NULL AND owner<>?""",
        (time.time(), completion.outcome.value, dump_completion(completion), UNKNOWN, _LOST, key, owner.id),
    )
    return cursor.rowcount


def received(connection: sqlite3.Connection, *, attempt: int, raw: Raw, now: float) -> None:
    """Record a response as it came."""
    body, packed = pack(raw.body)
    headers = orjson.dumps(kept_headers(raw.headers)).decode()
    connection.execute(
        """UPDATE attempt SET received=?, status=?, headers=?, body=?, packed=?, seconds=?, error=?, reached=?
        WHERE id=?""",
        (now, raw.status, headers, body, packed, raw.seconds, raw.error, raw.sent, attempt),
    )


def decided(
    connection: sqlite3.Connection, *, attempt: int, completion: Completion, billing: str, cost: float | None
) -> None:
    """Record how an attempt ended; a final outcome also frees the call."""
    outcome = completion.outcome
    row = (time.time(), outcome.value, outcome.final, dump_completion(completion), billing, cost, attempt)
    if connection.execute(f"{_DECIDE} AND budget IS NULL", row).rowcount == 0:  # nearly all belong to no shared budget
        budgets.settle(connection, attempt, billing, cost)
        connection.execute(_DECIDE, row)
    if outcome.final:
        connection.execute("UPDATE call SET owner=NULL WHERE key=(SELECT key FROM attempt WHERE id=?)", (attempt,))


def empty(connection: sqlite3.Connection, *, attempt: int) -> None:
    """Drop the body of an attempt."""
    connection.execute(_EMPTY, (attempt,))


def release(connection: sqlite3.Connection, *, key: str, owner: str) -> None:
    """Give a claim back."""
    connection.execute("UPDATE call SET owner=NULL WHERE key=? AND owner=?", (key, owner))


def beat(connection: sqlite3.Connection, *, owner: str, claims: Collection[str]) -> None:
    """Give a sign of life while something is claimed."""
    if claims:
        connection.execute("UPDATE owner SET beat=? WHERE id=?", (clock(connection), owner))


def prune(
    connection: sqlite3.Connection, *, before: float | None, failures_only: bool, bodies_only: bool, owner: Owner
) -> int:
    """Remove attempts, or their bodies, of calls that nobody alive is asking."""
    rows = connection.execute(
        "SELECT id, key FROM attempt WHERE sent < ? AND (decided IS NOT NULL OR ? = 0)",
        (before if before is not None else time.time() + 1, int(bodies_only)),
    ).fetchall()
    free = {key: is_free(connection, key, owner) for key in {key for _, key in rows}}
    statement = _EMPTY if bodies_only else _DELETE_FAILURE if failures_only else _DELETE
    count = sum(connection.execute(statement, (attempt,)).rowcount for attempt, key in rows if free[key])
    connection.execute("DELETE FROM call WHERE owner IS NULL AND key NOT IN (SELECT key FROM attempt)")
    return count
