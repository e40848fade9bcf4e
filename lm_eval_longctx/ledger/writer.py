"""One thread that writes: whatever waits is committed together, with one flush of the disk."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lm_eval_longctx.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Transact = Callable[[Sequence[Callable[[sqlite3.Connection], Any]]], list[Any]]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = tuple["Callable[[sqlite3.Connection], Any]", "Promise[Any]", bool]

_MOST_AT_ONCE = 256


class Promise(Generic[T]):
    """What a piece of work gave, once it is on the disk; may be used from any thread.

    It is what the ledger needs of ``concurrent.futures.Future``, which makes a
    lock and a condition of its own for each result: more work than the record.
    Nothing is locked here. A list gives each of its items to one taker only,
    and whoever adds a function looks afterwards whether it came too late.
    """

    __slots__ = ("_done", "_error", "_result", "_then")

    def __init__(self) -> None:
        """Know nothing yet."""
        self._done = False
        self._error: BaseException | None = None
        self._result: Any = None
        self._then: list[Callable[[Promise[T]], object]] = []

    def add_done_callback(self, then: Callable[[Promise[T]], object]) -> None:
        """Have a function called with this promise once it is settled, in the thread that does it; or at once."""
        self._then.append(then)
        if self._done:
            self._tell()

    def exception(self) -> BaseException | None:
        """Wait, and return why the work failed, if it did."""
        if not self._done:
            settled = threading.Event()
            self.add_done_callback(lambda _: settled.set())
            settled.wait()
        return self._error

    def result(self) -> T:
        """Wait, and return what the work gave, or raise why it failed."""
        error = self.exception()
        if error is not None:
            raise error
        found: T = self._result
        return found

    def settle(self, result: T | None, error: BaseException | None = None) -> None:
        """Say what the work gave, or why it failed; once."""
        self._result, self._error = result, error
        self._done = True  # only now, since whoever sees it reads the other two
        self._tell()

    def _tell(self) -> None:
        """Call each function that was added, in order and once, whichever thread comes first."""
        while self._then:
            try:
                then = self._then.pop(0)
            except IndexError:  # the other thread took it
                return
            try:
                then(self)
            except Exception:  # the thread that settles writes the records of all others
                logger.exception("whoever waited for a record could not be told of it")


class Writer:
    """Runs pieces of work on a connection, each batch in one transaction.

    A flush costs milliseconds however much it flushes, so that many calls at
    once are recorded as fast as one.

    Attributes:
        failure: Why nothing can be written any more, once that is so: a full
            disk, a file that is gone. Whoever sees it sends nothing more.
        kept: What arrived meanwhile, in order, to be written elsewhere or later.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        idle: Callable[[sqlite3.Connection], None],
        explain: Callable[[Exception], LedgerError],
        missing: Callable[[], LedgerError | None],
        transact: Transact | None = None,
        every: float = 15.0,
    ) -> None:
        """Start the thread.

        Args:
            connection: Used by this thread only, from now on.
            idle: Called in a transaction of its own, about every ``every`` seconds.
            explain: Makes the error that users see.
            missing: Says if the file is no longer where it was: looked at before each batch.
            transact: Does pieces of work in one transaction; SQLite's way unless given.
            every: Seconds.
        """
        self._connection, self._idle, self._explain, self._every = connection, idle, explain, every
        self._missing, self._transact = missing, transact or partial(transact_in_file, connection)
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._closed = False
        self.failure: LedgerError | None = None
        self.kept: list[Callable[[sqlite3.Connection], Any]] = []
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T], *, keep: bool = False) -> Promise[T]:
        """Have work done; the result is there when it is on the disk.

        Args:
            work: What is done in a transaction.
            keep: Whether it records what has arrived and must not be lost: if
                it cannot be written it is kept in memory, and the promise's
                result is ``None``. Otherwise the promise fails with ``LedgerError``.
        """
        if self._closed:
            raise LedgerError("the ledger is closed; open it again")
        promise: Promise[T] = Promise()
        self._queue.put((work, promise, keep))
        return promise

    def close(self) -> None:
        """Do what waits, stop the thread and close the connection; calling it again does nothing."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()
            self._connection.close()

    def _run(self) -> None:
        due = time.monotonic() + self._every
        stopping = False
        while not stopping:
            batch, stopping = self._collect(max(0.0, due - time.monotonic()))
            if batch:
                self._write(batch)
            if time.monotonic() >= due:
                self._write([(self._idle, Promise(), False)])
                due = time.monotonic() + self._every

    def _collect(self, patience: float) -> tuple[list[Work], bool]:
        """Wait for work, then take all that is there; also tell whether this was the last."""
        batch: list[Work] = []
        try:
            item = self._queue.get(timeout=patience)
            while item is not None:
                batch.append(item)
                if len(batch) == _MOST_AT_ONCE:
                    return batch, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _write(self, wanted: list[Work]) -> None:
        """Do work in one transaction; if that fails, piece by piece, so that one failure is nobody else's."""
        failure = self.look()
        if failure is not None:
            for item in wanted:
                self._put_by(item, failure)
            return
        try:
            results = self._transact([work for work, *_ in wanted])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            if len(wanted) > 1:
                for item in wanted:
                    self._write([item])
            else:
                self._fail(wanted[0], error)
            return
        for (_, promise, _), result in zip(wanted, results, strict=True):
            promise.settle(result)

    def look(self) -> LedgerError | None:
        """Return why nothing can be written, after a look whether the file is still there."""
        self.failure = self.failure or self._missing()
        return self.failure

    def _fail(self, item: Work, error: Exception) -> None:
        failure = error if isinstance(error, LedgerError) else self._explain(error)
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            # a full disk, a broken file: it will happen again; all else concerns this record only
            self.failure = failure
            self._put_by(item, failure)
        else:
            item[1].settle(None, failure)

    def _put_by(self, item: Work, failure: LedgerError) -> None:
        """Keep in memory what must not be lost, and refuse all else."""
        work, promise, keep = item
        if keep:
            self.kept.append(work)
        promise.settle(None, None if keep else failure)

    def recover(self) -> bool:
        """Try once more to write what was kept; tell whether it is on the disk now. Only after all that was submitted.

        Call it from one thread, while nobody submits.
        """
        self.submit(lambda _: None, keep=True).result()  # all that was submitted before is done or kept now
        try:
            self._transact(self.kept)
        except sqlite3.Error:
            return False
        self.kept, self.failure = [], None
        return True


def transact_in_file(connection: sqlite3.Connection, works: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
    """Do pieces of work in one transaction of a SQLite file."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [work(connection) for work in works]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results
