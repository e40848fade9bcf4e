"""The ledger: planned, sent, received, decided, each step on the disk before the next depends on it.

The interface is narrow on purpose (look up, begin, received, decided, release,
and three ways to read it all), so that a shared database takes the place of
the file where several machines write.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.ledger import budgets, reading, rescue, statements
from lm_eval_longctx.ledger.address import is_shared, ledger_path, shown
from lm_eval_longctx.ledger.owners import this_process
from lm_eval_longctx.ledger.records import canonical, plain_json
from lm_eval_longctx.ledger.repair import damage
from lm_eval_longctx.ledger.schema import connect
from lm_eval_longctx.ledger.trouble import explained, file_at, replaced
from lm_eval_longctx.ledger.writer import Writer, transact_in_file
from lm_eval_longctx.providers.redact import redact, secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.ledger.budgets import Funds
    from lm_eval_longctx.ledger.records import Begun, Call, Standing, Summary
    from lm_eval_longctx.ledger.writer import Promise
    from lm_eval_longctx.providers.base import HandIn, Raw

MEMORY = ":memory:"


class Ledger:
    """The record of every call: a SQLite file that several processes may share, or a server for several machines.

    Writing methods return a promise that is done when the record is on the
    disk; they may be called from any thread. A file must lie on a local disk.

    Attributes:
        path: The file, ``:memory:``, or the server's address without a password.
        budget: The name of the budget that counts what is begun from now on, if several runs share one.
    """

    def __init__(self, path: str, connection: Any, reader: Any) -> None:
        """Use ``open`` or ``temporary`` instead."""
        self.path = path
        self.budget: str | None = None
        self._reader, self._lock = reader, threading.RLock()
        self._owner, self._secrets = this_process(), secrets()
        self._claims: set[str] = set()
        beat = partial(statements.beat, owner=self._owner.id, claims=self._claims)
        self._file = file_at(path)
        explain, missing = partial(explained, path), partial(replaced, path, self._file)
        self._writer = Writer(connection, beat, explain, missing, getattr(connection, "transact", None))
        self._in_flight = rescue.InFlight() if is_shared(path) else None
        self._registered = self._settled = False
        self._finish = weakref.finalize(self, _close, self._writer, reader)

    @classmethod
    def open(cls, path: Path | str, *, create: bool = True) -> Ledger:
        """Open a ledger, or make one.

        Args:
            path: The file; folders above it are made. Or ``postgresql://USER@HOST/DATABASE``.
            create: Whether to make a new ledger where there is no file.

        Raises:
            LedgerError: The file is missing, unreadable, broken, of another
                program, or of a newer version of this one.
        """
        name = ledger_path(path)
        if is_shared(name):
            return cls._on_server(name, create=create)
        try:
            connection = connect(name, create=create)
        except LedgerError as error:
            cause = error.__cause__
            if type(cause) is sqlite3.DatabaseError and "malformed" in str(cause):
                raise damage(name, cause) from cause
            raise
        try:
            rescue.bring_back(name, partial(transact_in_file, connection))
        except BaseException:
            connection.close()
            raise
        return cls(name, connection, connect(name))

    @classmethod
    def _on_server(cls, url: str, *, create: bool) -> Ledger:
        from lm_eval_longctx.ledger import postgres

        connection = postgres.connect(url, create=create)
        try:
            rescue.bring_back(url, connection.transact)
            return cls(shown(url), connection, postgres.Connection(url))
        except BaseException:
            connection.close()
            raise

    @classmethod
    def temporary(cls) -> Ledger:
        """Make a ledger in memory, for runs that keep no record."""
        connection = connect(MEMORY)
        return cls(MEMORY, connection, connection)

    @staticmethod
    def key(identity: Mapping[str, Any]) -> str:
        """Return the sha256 of plain values, written as canonical JSON, in hexadecimal.

        Raises:
            LedgerError: A value has no unambiguous JSON.
        """
        return hashlib.sha256(canonical(identity).encode()).hexdigest()

    def __enter__(self) -> Ledger:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Return itself; closed on exit."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self.close()

    def close(self) -> None:
        """Finish what waits to be written and close the file; calling it again does nothing."""
        try:
            if self._finish.alive and not self._settled:
                self.settle()
        finally:
            self._finish()

    @property
    def trouble(self) -> LedgerError | None:
        """Why nothing can be recorded any more, if so: nothing more may be sent then, and what arrives is kept."""
        return self._writer.failure

    def settle(self) -> None:
        """Put what arrived while nothing could be recorded where it is found again; call it when nothing is in flight.

        Raises:
            LedgerError: There was trouble; says what it was, where the records are, and what to do.
        """
        trouble = self._writer.look()
        if trouble is None:
            return
        self._settled = True
        gone, count = file_at(self.path) != self._file, len(self._writer.kept)
        if self._writer.recover() and not gone:
            place = f"all {count:,} records that arrived meanwhile are in it now"
        else:
            with self._reading():
                found = self._rescued(gone=gone)
            place = f"everything that had arrived is in {found}, which the next run takes in by itself"
            if found == self.path:
                place = f"everything that had arrived was written to {found} again"
        raise LedgerError(f"{trouble}; {place}: run the same command again, and nothing is paid twice") from trouble

    def _rescued(self, *, gone: bool) -> str:
        if gone:
            return str(rescue.restore(self.path, self._reader))
        about = self._in_flight.about if self._in_flight is not None else partial(rescue.in_file, self._reader)
        place = rescue.save(self.path, about, self._writer.kept)
        self._writer.kept = []
        return str(place)

    def look_up(self, key: str, despite: int = 0) -> Standing:
        """Return what is known about a call, but for verdicts up to an attempt. Costs some 50 microseconds."""
        with self._reading():
            return reading.standing(self._reader, key, despite)

    def answers(self, keys: Iterable[str]) -> dict[str, Completion]:
        """Return the final answers that are there, of many calls at once."""
        with self._reading():
            return reading.answers(self._reader, keys)

    def begin(self, call: Call, n: int, reserved: float | None = None, batch: str | None = None) -> Promise[Begun]:
        """Claim a call and record that it is about to be sent.

        Args:
            call: The question.
            n: Which attempt of this run, from 1.
            reserved: What the attempt costs at most, in US dollars, if known.
            batch: The token of the batch that it will be handed in with, if so:
                it is then waited for across processes instead of counting as
                lost when this one ends.

        Returns:
            A promise with the attempt's number; or with the answer that is
            there already; or with neither, while another live process asks or
            a batch holds it.
        """
        if self.trouble is not None:
            raise self.trouble
        self._register()
        request = redact(plain_json(call.request), self._secrets)
        self._claims.add(call.key)
        work = partial(statements.begin, call=call, request=request, n=n, reserved=reserved, batch=batch)
        promise = self._writer.submit(partial(work, owner=self._owner, budget=self.budget))
        promise.add_done_callback(partial(self._claimed, call.key))
        if self._in_flight is not None:
            promise.add_done_callback(partial(self._in_flight.begun, work.keywords, self._owner.id))
        return promise

    def take_up(self, key: str, attempt: int) -> Promise[Begun]:
        """Claim a call that an earlier run left to be answered in the background.

        Args:
            key: The call's.
            attempt: Whose answer is to be fetched, by ``Standing.accepted``.

        Returns:
            A promise with the attempt's number if it may be fetched; without, if another live process does or did.
        """
        self._register()
        self._claims.add(key)
        promise = self._writer.submit(partial(statements.take_up, key=key, attempt=attempt, owner=self._owner))
        promise.add_done_callback(partial(self._claimed, key))
        return promise

    def _register(self) -> None:
        """Make this use of the ledger known to the others, once."""
        if not self._registered:
            self._registered = True
            self._writer.submit(partial(statements.register, owner=self._owner))

    def _claimed(self, key: str, promise: Promise[Begun]) -> None:
        if promise.exception() is not None or promise.result().attempt is None:
            self._claims.discard(key)

    def open_batch(self, token: str, provider: str, model: str) -> Promise[None]:
        """Record that a batch is about to be handed in.

        Args:
            token: A name of ours, by which the provider can be asked for it.
            provider: The provider's name.
            model: The model's name there.
        """
        return self._writer.submit(partial(statements.open_batch, token=token, provider=provider, model=model))

    def name_batch(self, token: str, name: str) -> Promise[None]:
        """Record the provider's own name of a batch, once it has taken it."""
        return self._writer.submit(partial(statements.name_batch, token=token, name=name), keep=True)

    def batch_name(self, token: str) -> str | None:
        """Return the provider's name of a batch, or ``None`` if nobody knows whether it was taken."""
        with self._reading():
            return reading.batch_name(self._reader, token)

    def hand_in(self, token: str) -> HandIn:
        """Return what is known of a batch whose hand-in was not confirmed, to find it by."""
        with self._reading():
            return reading.hand_in(self._reader, token)

    def accepted(self, attempt: int, name: str) -> Promise[None]:
        """Record under which name a provider answers an attempt in the background: whoever comes later can fetch it."""
        return self._writer.submit(partial(statements.accepted, attempt=attempt, name=name), keep=True)

    def received(self, attempt: int, raw: Raw) -> Promise[None]:
        """Record a response as it came, before anybody reads it."""
        return self._writer.submit(partial(statements.received, attempt=attempt, raw=raw, now=time.time()), keep=True)

    def decided(self, attempt: int, completion: Completion, billing: str, cost: float | None = None) -> Promise[None]:
        """Record how an attempt ended; a final outcome also gives the claim back.

        Args:
            attempt: Its number.
            completion: The answer or the typed failure.
            billing: ``free``, ``billed`` or ``unknown`` (nobody can say whether it was billed).
            cost: In US dollars, where billed and known.
        """
        if completion.outcome.final:
            self._claims.discard(completion.key)
        work = partial(statements.decided, attempt=attempt, completion=completion, billing=billing, cost=cost)
        promise = self._writer.submit(work, keep=True)
        if self._in_flight is not None:
            promise.add_done_callback(partial(self._ended, self._in_flight, attempt))
        return promise

    def _ended(self, in_flight: rescue.InFlight, attempt: int, _: Promise[None]) -> None:
        if self._writer.failure is None:  # else it was not recorded, and is rescued
            in_flight.ended(attempt)

    def empty(self, attempt: int) -> Promise[None]:
        """Drop the raw response of an attempt; what was made of it stays."""
        return self._writer.submit(partial(statements.empty, attempt=attempt), keep=True)

    def release(self, key: str) -> Promise[None]:
        """Give a claim back, so that another process may ask."""
        self._claims.discard(key)
        return self._writer.submit(partial(statements.release, key=key, owner=self._owner.id), keep=True)

    def is_free(self, key: str) -> bool:
        """Tell whether no other live process is asking this just now."""
        with self._reading():
            return statements.is_free(self._reader, key, self._owner)

    def summary(self, where: Mapping[str, str] | None = None) -> Summary:
        """Return the ledger in numbers.

        Args:
            where: What to look at: may name ``provider``, ``model``, ``task`` and ``sample``.
        """
        with self._reading():
            return reading.summary(self._reader, where or {}, self._size())

    def _size(self) -> int:
        if is_shared(self.path):
            return int(self._reader.size())
        return sum(file.stat().st_size for file in (Path(self.path), Path(f"{self.path}-wal")) if file.is_file())

    def use_budget(self, name: str, cap: float) -> Funds:
        """Count what is begun from now on against a budget that several runs share.

        Args:
            name: Of the budget; it is made where there is none.
            cap: In US dollars, for all that any run has sent or will send under this name.

        Returns:
            What is left of it.
        """
        self.budget = name
        return self._writer.submit(partial(budgets.open_budget, name=name, cap=cap)).result()

    def funds(self, name: str) -> Funds | None:
        """Return what is left of a shared budget; ``None`` if there is none of that name."""
        with self._reading():
            return budgets.funds(self._reader, name)

    def groups(self) -> list[tuple[str, str, str]]:
        """Return (provider, model, task) of all calls, sorted."""
        with self._reading():
            return reading.groups(self._reader)

    def calls(self, beginning: str) -> list[dict[str, Any]]:
        """Return the calls whose key begins so: key, provider, model, task, sample, repeat and request."""
        with self._reading():
            return reading.calls(self._reader, beginning)

    def entries(self, where: Mapping[str, str] | None = None, *, bodies: bool = False) -> Iterator[dict[str, Any]]:
        """Yield every attempt with its call as plain values, in the order of sending.

        Args:
            where: What to look at: may name ``provider``, ``model``, ``task`` and ``sample``.
            bodies: Whether to add the raw response, as text.
        """
        with self._reading():
            rows = reading.entries(self._reader, where or {})
        for row in rows:
            yield reading.plain(row, bodies=bodies)

    def answered_samples(self, provider: str, model: str, but: Iterable[str] = ()) -> set[tuple[str, str, int]]:
        """Return (task, sample, repeat) of calls to a model that a plan need not pay again.

        Args:
            provider: Its name.
            model: Its name there.
            but: Outcomes that are asked again.
        """
        with self._reading():
            return reading.answered_samples(self._reader, provider, model, but)

    def prune(self, *, before: float | None = None, failures_only: bool = False, bodies_only: bool = False) -> int:
        """Remove records and give the disk space back.

        Args:
            before: Only what was sent before this time, in seconds since the epoch.
            failures_only: Keep every answer.
            bodies_only: Keep the records, drop the raw responses of decided attempts.

        Returns:
            How many attempts were removed or emptied.
        """
        choose = partial(statements.prune, before=before, failures_only=failures_only, bodies_only=bodies_only)
        count = self._writer.submit(partial(choose, owner=self._owner)).result()
        if not is_shared(self.path):  # a server does that by itself
            with self._reading():
                self._reader.execute("VACUUM")
        return count

    def _reading(self) -> reading.Reading:
        return reading.Reading(self._lock, self.path)


def _close(writer: Writer, reader: Any) -> None:
    writer.close()
    reader.close()
