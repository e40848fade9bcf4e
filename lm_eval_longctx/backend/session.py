"""What all calls of one run share."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lm_eval_longctx.backend.breaker import Breaker
from lm_eval_longctx.backend.interrupts import Mailbox, hand_over
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.providers.redact import secrets as find_secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from lm_eval_longctx.backend.budget import Budget, Reservation
    from lm_eval_longctx.backend.cuts import Cuts
    from lm_eval_longctx.backend.gate import Gate
    from lm_eval_longctx.backend.jobs import Job, Limits
    from lm_eval_longctx.backend.limiter import Limiter
    from lm_eval_longctx.backend.prices import Prices
    from lm_eval_longctx.backend.progress import Progress
    from lm_eval_longctx.backend.rules import Stop
    from lm_eval_longctx.backend.tally import Tally
    from lm_eval_longctx.ledger import Ledger
    from lm_eval_longctx.ledger.records import Final
    from lm_eval_longctx.ledger.writer import Promise
    from lm_eval_longctx.providers.base import Provider


FIRST = 1.0
LONGEST_BACKOFF = 60.0


def retry_wait(key: str, attempt: int, asked: float | None, most: float) -> float:
    """Return the seconds to wait after a failed attempt.

    The server's own wish wins; a tenth is added so that many clients do not
    come back at the same moment. Without a wish the wait doubles from one
    second to a minute, by half more or less. The jitter is drawn from the
    call's own name, so that a run can be repeated.

    Args:
        key: The call's key.
        attempt: Which attempt failed, from 1.
        asked: Seconds that the server asked for, if it did.
        most: Longest wait in seconds.
    """
    jitter = Rng(f"{key}#wait#{attempt}").random()
    if asked is not None:
        return min(most, max(0.0, asked) * (1.0 + 0.1 * jitter))
    backoff = min(LONGEST_BACKOFF, FIRST * 2.0 ** min(attempt - 1, 16))
    return min(most, backoff * (0.5 + jitter))


logger = logging.getLogger(__name__)

T = TypeVar("T")

_SMALL = 64 * 1024
"""Bytes up to which a prompt may be made in the event loop."""

_QUICK = 0.001
"""Seconds of processor time below which handing a prompt to a thread costs more than making it."""

_BLOCKING = 0.01
"""Seconds by the clock, for some of which another thread may be the cause, that end its making in the event loop."""


_LARGE = 1 << 20
"""Bytes of a text from which on one thread makes them all: of each thread that made some, the C library keeps several
megabytes that no other thread can have, and Python's lock lets one of them work at a time anyway."""


def _renderers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 2)), thread_name_prefix="render")


@dataclass
class Session:
    """One run's shared things; made and used in the run's event loop.

    Attributes:
        provider: What is asked.
        ledger: Where everything is recorded.
        limits: Within which all happens.
        prices: What tokens cost, if known.
        budget: The hard cap.
        limiter: Requests and tokens per minute.
        gate: Requests and bytes in flight.
        tally: Sums.
        progress: The bar.
        admit: Raises if the model, as it is known once the provider has
            started, cannot take what is to come.
        asked_again: Outcomes of earlier runs that do not settle a question.
        beside: See ``Backend.beside``.
        began: When the run began, in seconds since the epoch.
        asking: Calls that are being asked, by key, until their completion is recorded; see ``turn``.
        stopped: Why nothing more is sent; empty while sending goes on.
        ended: Whether the jobs that are left are not even looked up.
        failure: Why a record could not be written, if so.
        breaker: What holds questions back while the server is down.
        secrets: What must never be written anywhere.
    """

    provider: Provider
    ledger: Ledger
    limits: Limits
    prices: Prices | None
    budget: Budget
    limiter: Limiter
    gate: Gate
    tally: Tally
    progress: Progress
    admit: Callable[[], None]
    cuts: Cuts
    asked_again: frozenset[str] = frozenset()
    beside: Provider | None = None
    began: float = field(default_factory=time.time)
    asking: dict[str, asyncio.Future[None] | None] = field(default_factory=dict)
    stopped: str = ""
    ended: bool = False
    failure: BaseException | None = None
    secrets: tuple[str, ...] = field(default_factory=find_secrets)
    breaker: Breaker = field(init=False)
    _mail: Mailbox = field(default_factory=Mailbox)
    _starting: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _threads: ThreadPoolExecutor = field(default_factory=_renderers)
    _writer: ThreadPoolExecutor = field(
        default_factory=partial(ThreadPoolExecutor, 1, thread_name_prefix="render-text")
    )
    _quick: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with a server that is taken to be there."""
        self.breaker = Breaker(self)

    @property
    def started(self) -> bool:
        """Whether the provider has started."""
        return self._starting is not None and self._starting.done()

    async def ready(self) -> None:
        """Start the provider, once: a run whose answers are all in the ledger needs neither key nor server."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        await (self._starting if self._starting.done() else asyncio.shield(self._starting))

    async def _start(self) -> None:
        if self.beside is not None:
            await self._meet(self.beside)
        await self.provider.start()
        self.admit()

    async def _meet(self, other: Provider) -> None:
        try:
            await other.start()
        finally:
            await other.close()

    def settles(self, final: Final) -> bool:
        """Tell whether a final outcome settles a question, or is of an earlier run and such that it is asked again."""
        return final.decided >= self.began or final.completion.outcome.value not in self.asked_again

    def now(self) -> float:
        """Return seconds on a clock that only moves forward."""
        return time.monotonic()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do something slow beside the event loop."""
        return await self.written(self._threads.submit(work))

    async def prepared(self, job: Job, work: Callable[[], T]) -> T:
        """Make a job's prompt, beside the event loop unless the task's last one was too quick to be worth a thread."""
        if self._quick.get(job.task) and job.size <= _SMALL and job.modalities == ("text",):
            return self._timed(job.task, work, time.perf_counter, _BLOCKING)
        threads = self._writer if job.size >= _LARGE and job.modalities == ("text",) else self._threads
        return await self.written(threads.submit(partial(self._timed, job.task, work, time.thread_time, _QUICK)))

    def _timed(self, task: str, work: Callable[[], T], clock: Callable[[], float], limit: float) -> T:
        began = clock()
        try:
            return work()
        finally:
            self._quick[task] = clock() - began < limit

    async def written(self, future: Future[T] | Promise[T]) -> T:
        """Wait for a record to be on the disk; it is written even if we are cancelled meanwhile."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._mail.expect(future, partial(hand_over, waiter))
        return await waiter

    def turn(self, key: str) -> asyncio.Future[None]:
        """Return what is done once a question that is being asked may be asked by others."""
        done = self.asking[key]
        if done is None:
            done = self.asking[key] = asyncio.get_running_loop().create_future()
        return done

    def asked(self, key: str, record: Promise[None] | None) -> None:
        """Let others ask the same once the record of how it ended is on the disk."""
        if record is None:
            self._forget(key)
        else:
            self._mail.expect(record, partial(self._forget, key))

    def _forget(self, key: str, record: Future[None] | Promise[None] | None = None) -> None:
        done = self.asking.pop(key)
        if record is not None:
            self.failure = self.failure or record.exception()
        if done is not None and not done.done():
            done.set_result(None)

    async def flush(self) -> None:
        """Wait for all records.

        Raises:
            LedgerError: One of them could not be written.
        """
        while self.asking:
            await asyncio.wait([self.turn(key) for key in self.asking])
        if self.failure is not None:
            raise self.failure

    def stop(self, why: Stop, details: str) -> None:
        """Send nothing more; what is in flight goes on.

        Args:
            why: The kind of reason; it decides whether what is left is still
                looked up, since the ledger may have its answer.
            details: For the completions of what is not sent.
        """
        self.stopped = self.stopped or why.text(details)
        self.ended = self.ended or why.value.ended
        self.tally.stopped = self.stopped
        self._stop.set()
        self.breaker.wake()

    async def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the moment when the run stops."""
        if seconds > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)

    def settle(self, reservation: Reservation, cost: float, *, heard: bool) -> None:
        """Replace what was set aside for a call by what it cost; see ``Reservation.settle``."""
        worst = reservation.worst
        reservation.settle(cost, heard=heard)
        if self.budget.capped and cost > worst:
            logger.warning(
                "a call cost %.6f USD, more than its worst case of %.6f USD; from now on more is set aside",
                cost,
                worst,
            )

    async def pace(self, tokens: int) -> bool:
        """Wait until the limiter lets a call with so many prompt tokens go; tell whether it may."""
        while self.limits.max_wait > 0 and not self.stopped:
            delay = self.limiter.wait(tokens, self.now())
            if delay <= 0:
                break
            await self.sleep(min(delay, self.limits.max_wait))
        return not self.stopped

    async def close(self) -> None:
        """Let the provider and the threads end."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
            await self.provider.close()
        for threads in (self._threads, self._writer):
            threads.shutdown(wait=False, cancel_futures=True)
