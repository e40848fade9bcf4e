"""A budget that several runs share: what an attempt may cost is set aside in the transaction that records it.

So a process that dies at any moment leaves neither money that nobody counts
nor money that nobody gives back: what it had sent stays set aside until
somebody asks again, and is then counted as spent, since it may have been
billed. Amounts are whole billionths of a US dollar, rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.ledger.owners import Owner
from lm_eval_longctx.ledger.schema import BILLED, FREE, clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_NANO = 1_000_000_000

_HOLD = "UPDATE attempt SET decided=decided"
_RESERVED = "SELECT budget, reserved FROM attempt"
_LOST = "WHERE key=? AND budget IS NOT NULL AND received IS NULL AND decided IS NULL AND batch IS NULL AND owner<>?"
"""Attempts of others than an owner that were sent and never answered."""

_READ_WITHIN = 60.0
"""Seconds after which an answer that came is taken for one that cannot be read, for which nothing comes back."""


@dataclass(frozen=True)
class Funds:
    """What is left of a shared budget, in US dollars.

    Attributes:
        cap: All that may be spent.
        spent: What is gone, or may be.
        reserved: What calls in flight may cost at most.
    """

    cap: float
    spent: float
    reserved: float


def open_budget(connection: sqlite3.Connection, *, name: str, cap: float) -> Funds:
    """Make a budget or change its cap, and count anew from the attempts what is spent."""
    connection.execute(  # first, because it lets nobody else change the row until we are done
        """INSERT INTO budget(name, cap, spent, reserved, excess) VALUES(?, ?, 0, 0, 1.0)
        ON CONFLICT(name) DO UPDATE SET cap=excluded.cap""",
        (name, math.floor(cap * _NANO)),
    )
    known = connection.execute("SELECT reserved, decided, billing, cost FROM attempt WHERE budget=?", (name,))
    spent, held = _total(_parts(*row) for row in known)
    connection.execute("UPDATE budget SET spent=?, reserved=? WHERE name=?", (spent, held, name))
    return Funds(cap, spent / _NANO, held / _NANO)


def funds(connection: sqlite3.Connection, name: str) -> Funds | None:
    """Return what is left of a budget; ``None`` if there is none of that name."""
    row = connection.execute("SELECT cap, spent, reserved FROM budget WHERE name=?", (name,)).fetchone()
    return None if row is None else Funds(*(amount / _NANO for amount in row))


def reserve(connection: sqlite3.Connection, name: str, worst: float | None) -> bool:
    """Set the worst case of an attempt aside, which is nothing where calls are free; tell whether it fits."""
    amount = _nano(worst or 0.0)
    cursor = connection.execute(
        "UPDATE budget SET reserved=reserved+? WHERE name=? AND spent+(reserved+?)*excess<=cap", (amount, name, amount)
    )
    return cursor.rowcount == 1


def settle(connection: sqlite3.Connection, attempt: int, billing: str, cost: float | None) -> None:
    """Count what an attempt cost instead of what was set aside for it, or of what it was taken to have cost before."""
    # Holds the row until the end: two processes may read one answer at once, and on a server both would count it.
    connection.execute(f"{_HOLD} WHERE id=? AND budget IS NOT NULL", (attempt,))
    row = connection.execute(
        "SELECT budget, reserved, decided, billing, cost FROM attempt WHERE id=? AND budget IS NOT NULL", (attempt,)
    ).fetchone()
    if row is not None:
        name, worst, *_ = row
        before, after = _parts(*row[1:]), _parts(worst, 1.0, billing, cost)
        excess = cost / worst if cost and worst else 1.0
        _change(connection, name, after[0] - before[0], after[1] - before[1], excess)


def give_up(connection: sqlite3.Connection, key: str, but: str) -> None:
    """Count as spent what ended processes had set aside for a call, before its attempts are marked as lost."""
    connection.execute(f"{_HOLD} {_LOST}", (key, but))  # as in settle
    held = connection.execute(f"{_RESERVED} {_LOST}", (key, but)).fetchall()
    for name, worst in held:
        _change(connection, name, _nano(worst or 0.0), -_nano(worst or 0.0), 1.0)


def may_come_back(connection: sqlite3.Connection, name: str) -> bool:
    """Tell whether a living process has something set aside for answers that it waits for, or is about to read."""
    now = clock(connection)
    owners = connection.execute(
        """SELECT DISTINCT owner.id, host, pid, started, beat FROM attempt JOIN owner ON owner.id=attempt.owner
        WHERE budget=? AND budget IS NOT NULL AND decided IS NULL AND batch IS NULL
        AND (received IS NULL OR received>?)""",
        (name, now - _READ_WITHIN),
    ).fetchall()
    return any(Owner(*row[:4]).is_alive(row[4], now) for row in owners)


def _change(connection: sqlite3.Connection, name: str, spent: int, held: int, excess: float) -> None:
    connection.execute(
        """UPDATE budget SET spent=spent+?, reserved=reserved+?,
        excess=CASE WHEN excess<? THEN ? ELSE excess END WHERE name=?""",
        (spent, held, excess, excess, name),
    )


def _parts(worst: float | None, decided: float | None, billing: str | None, cost: float | None) -> tuple[int, int]:
    """Return what an attempt has spent, and what is still set aside for it."""
    if decided is None:
        return 0, _nano(worst or 0.0)
    if billing == FREE:
        return 0, 0
    known = billing == BILLED and cost is not None
    return _nano((cost if known else worst) or 0.0), 0


def _nano(amount: float) -> int:
    return math.ceil(amount * _NANO)


def _total(parts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    spent = held = 0
    for one, other in parts:
        spent, held = spent + one, held + other
    return spent, held
