"""The backend: jobs in, completions out, in the same order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.batching import BatchRun, batches_of
from lm_eval_longctx.backend.budget import Budget
from lm_eval_longctx.backend.call import Caller
from lm_eval_longctx.backend.cuts import Cuts
from lm_eval_longctx.backend.gate import Gate
from lm_eval_longctx.backend.interrupts import Interrupts
from lm_eval_longctx.backend.jobs import Limits
from lm_eval_longctx.backend.lengths import probably_too_long
from lm_eval_longctx.backend.limiter import shared_limiter
from lm_eval_longctx.backend.order import Queue
from lm_eval_longctx.backend.prepared import AskedElsewhere
from lm_eval_longctx.backend.prices import unknown_price
from lm_eval_longctx.backend.progress import Progress
from lm_eval_longctx.backend.rules import Stop
from lm_eval_longctx.backend.session import Session
from lm_eval_longctx.backend.tally import Tally
from lm_eval_longctx.backend.verdict import unsent
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import BudgetError, LedgerError, UnsupportedError
from lm_eval_longctx.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.backend.gate import Admission
    from lm_eval_longctx.backend.jobs import Job
    from lm_eval_longctx.backend.prices import Prices
    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.providers.base import Provider

logger = logging.getLogger(__name__)

_MIXED = 2
"""A prompt of more kinds of content is a mixture, whose task says which kinds it has."""

_NEW_OBJECTS = 20_000
"""How many more objects there are, while a run lasts, before Python looks for garbage among them."""

_THRESHOLDS: list[tuple[int, int, int]] = []
"""What held before each run that goes on: the last of those side by side brings back what held before the first."""

_POLL = (0.05, 2.0)
"""Seconds between looks at a call that another process is asking: first and longest."""


class Backend:
    """Sends jobs to one provider; may run several times.

    Attributes:
        budget: The money; two backends that run one after the other may have the same.
        beside: Who must be there too before anything is sent: what this one answers is of no use without it.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        ledger: Ledger | None,
        limits: Limits | None = None,
        prices: Prices | None = None,
        progress: bool = True,
        batch: bool = False,
    ) -> None:
        """Get ready; nothing is sent.

        Args:
            provider: What is asked.
            ledger: Where all is recorded; ``None`` keeps a record in memory only.
            limits: Concurrency, rates, cost, retries.
            prices: See ``prices_for``; ``None`` if nobody knows them.
            progress: Whether to show a bar.
            batch: Whether to hand everything in as the provider's batches.

        Raises:
            BudgetError: There is a cap, and the price is not known.
            UnsupportedError: The provider has no batch mode.
        """
        if batch:
            batches_of(provider)
        self.batch = batch
        self.provider, self.limits, self.prices = provider, limits or Limits(), prices
        if self.limits.max_cost is not None and prices is None:
            words = unknown_price(provider.describe())
            raise BudgetError(f"max_cost needs a price, and that of {provider.NAME}/{provider.model} is {words}")
        self.ledger = ledger or Ledger.temporary()
        self.budget = Budget(self.limits.max_cost)
        self.beside: Provider | None = None
        self._tally = Tally()
        self._cuts = Cuts()
        mendable = (outcome.value for outcome in Outcome if provider.mendable(outcome))
        self.asked_again = frozenset({*self.limits.retry, *mendable})
        self._shown = progress
        account = (provider.NAME, provider.model, str(provider.describe().get("endpoint", "")))
        self._limiter = shared_limiter(account, self.limits.requests_per_minute, self.limits.tokens_per_minute)

    def run(self, jobs: Sequence[Job]) -> list[Completion]:
        """Answer all jobs.

        Returns:
            One completion for each job, in the same order. A call that failed
            is a completion with its outcome.

        Raises:
            UnsupportedError: The model does not take a modality that some job
                needs; nothing was sent.
            MissingExtraError: The embedded model would take it if a part were
                installed; nothing was sent.
            LedgerError: The record cannot be written; what had arrived is in it.
            KeyboardInterrupt: The user stopped the run; what was in flight was
                waited for and recorded.
            SystemExit: Another program did, by SIGTERM or SIGHUP; likewise.
        """
        jobs = list(jobs)
        if not jobs:
            return []
        limits = self.limits
        if limits.shared_budget is not None and limits.max_cost is not None and self.ledger.budget is None:
            self.ledger.use_budget(limits.shared_budget, limits.max_cost)
        return _Run(self, jobs).result()

    def totals(self) -> dict[str, Any]:
        """Return usage, cost, calls, retries, failures and drift of all runs, as plain values."""
        cap = self.limits.max_cost
        return {
            **self._tally.to_dict(),
            "prices": self.prices.describe() if self.prices else None,
            "input": self._cuts.to_dict(),
            "max_cost": cap,
            **({"reserved_or_spent": round(self.budget.spent, 9)} if cap is not None else {}),
        }

    def close(self) -> None:
        """Close the ledger; the provider is closed after each run."""
        self.ledger.close()

    def session(self, total: int, admit: Callable[[], None]) -> Session:
        """Make what the calls of one run share; within that run's event loop."""
        places = self.limits.concurrency or self.provider.concurrency
        return Session(
            self.provider,
            self.ledger,
            self.limits,
            self.prices,
            self.budget,
            self._limiter,
            Gate(places, self.limits.max_bytes_in_flight),
            self._tally,
            Progress(total, self._tally, shown=self._shown, doing=lambda: self.provider.doing),
            admit,
            self._cuts,
            self.asked_again,
            self.beside,
        )


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage less often: a call makes hundreds of objects and no cycles, and looking is 5 % of its time."""
    before = gc.get_threshold()
    _THRESHOLDS.append(before)
    if before[0]:
        gc.set_threshold(max(before[0], _NEW_OBJECTS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*_THRESHOLDS.pop())


class _Run:
    """One run in an event loop and a thread of its own, so that it works in notebooks and Ctrl-C can drain it."""

    def __init__(self, backend: Backend, jobs: list[Job]) -> None:
        self.backend, self.jobs = backend, jobs
        self.completions: list[Completion | None] = [None] * len(jobs)
        self.failure: BaseException | None = None
        self._outcome: concurrent.futures.Future[list[Completion]] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[list[Completion]] | None = None
        self._session: Session | None = None
        self._interrupts: Interrupts
        self._queue: Queue
        self._workers: list[asyncio.Task[None]] = []
        self._entrance, self._returned = asyncio.Lock(), asyncio.Event()

    def result(self) -> list[Completion]:
        """Run to the end; the first Ctrl-C or its like drains, the second abandons what is in flight."""
        thread = threading.Thread(target=self._thread, name="backend", daemon=True)
        patience = self.backend.limits.max_drain
        stop, abandon = self._in_loop(self._stop), self._in_loop(self._abandon)
        with _seldom_collecting(), Interrupts(stop, abandon, patience) as interrupts:
            self._interrupts = interrupts
            thread.start()
            try:
                found = self._wait()
            except BaseException:
                if interrupts.count:
                    interrupts.leave()
                raise
            finally:
                self._in_loop(self._stop)()
                thread.join()
        if interrupts.count:
            interrupts.leave()
        return found

    def _wait(self) -> list[Completion]:
        while True:  # a wait without end could not be interrupted on every platform
            try:
                return self._outcome.result(timeout=1.0)
            except concurrent.futures.TimeoutError:
                if self._outcome.done():
                    raise

    def _stop(self) -> None:
        if self._session is not None:
            self._session.stop(Stop.PERSON, self._interrupts.name)

    def _abandon(self) -> None:
        if self._main is not None:
            self._main.cancel()

    def _in_loop(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return a function that has work done in the event loop, from any other thread."""

        def hand_over() -> None:
            if self._loop is not None and not self._outcome.done():
                with suppress(RuntimeError):  # the loop has closed just now
                    self._loop.call_soon_threadsafe(work)

        return hand_over

    def _thread(self) -> None:
        try:
            self._outcome.set_result(asyncio.run(self._work()))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._outcome.set_exception(error)

    async def _work(self) -> list[Completion]:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        backend, began = self.backend, time.monotonic()
        self._session = session = backend.session(len(self.jobs), self._refuse_unsupported)
        bar = asyncio.ensure_future(session.progress.refresh())
        try:
            self._refuse_unsupported()
            if backend.batch:
                await BatchRun(session, self.jobs, self._finish).run()
            else:
                await self._dispatch(session)
            await self._review(session)
        finally:
            self._leave_the_rest(session)
            bar.cancel()
            session.progress.close()
            session.tally.seconds += time.monotonic() - began
            await session.close()
            bad = session.tally.unanswered or session.tally.uncounted
            logger.log(logging.WARNING if bad else logging.INFO, session.tally.words())
            self.backend.ledger.settle()
        if self.failure is not None:
            raise self.failure
        return [found for found in self.completions if found is not None]

    async def _review(self, session: Session) -> None:
        """Judge by all bills and lengths together whose input was cut or too long, now that the last one is known."""
        cut = await session.in_thread(partial(session.cuts.review, self.completions))
        for completion, decided in cut.values():
            await session.written(session.ledger.decided(decided[0], completion, *decided[1:]))
        for position, answer in enumerate(self.completions):
            if answer is not None and answer.outcome.answered and answer.key in cut:
                self.completions[position] = changed = cut[answer.key][0]
                session.tally.changed(answer, changed)
        for position, beyond in probably_too_long(self.jobs, self.completions).items():
            refused, self.completions[position] = self.completions[position], beyond
            if refused is not None:
                session.tally.changed(refused, beyond)

    def _leave_the_rest(self, session: Session) -> None:
        """Give jobs that were not reached their completion, so that the totals are about all jobs."""
        for position, found in enumerate(self.completions):
            if found is None:
                self._finish(position, unsent(session.stopped or "the run ended with an error"))

    def _refuse_unsupported(self) -> None:
        """Raise before anything is paid if the model does not take what some job holds."""
        provider = self.backend.provider
        declares = any(option.name == "modalities" for option in provider.OPTIONS)
        for task, kinds in dict.fromkeys((job.task, job.modalities) for job in self.jobs):
            if refused := provider.refused(kinds):
                name, taken = f"{provider.NAME}/{provider.model}", provider.capabilities.modalities
                declare = f", or say modalities={'+'.join((*taken, *refused))} if the model takes more"
                left = [f'"{kind}"' for kind in kinds if kind not in refused]
                mix = (
                    ""
                    if len(kinds) <= _MIXED
                    else f"; --metadata '{{\"modalities\": [{', '.join(left)}]}}' mixes what it takes"
                )
                raise UnsupportedError(
                    f"{name} takes {', '.join(taken)}, and {task} holds {', '.join(refused)}; "
                    f"choose another model or leave the task out{declare if declares else ''}{mix}"
                )

    async def _dispatch(self, session: Session) -> None:
        """Have workers answer the jobs in order, as many at once as the gate lets in."""
        capabilities = session.provider.capabilities
        self._queue = Queue(self.jobs, prefix_cache=bool(capabilities.prefix_cache), minimum=capabilities.cache_minimum)
        for _ in range(min(len(self.jobs), session.gate.most)):
            self._hire(session)
        try:
            while working := [worker for worker in self._workers if not worker.done()]:
                await asyncio.wait(working)  # and then for those that were hired meanwhile
            await session.flush()
        except asyncio.CancelledError:
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
            raise

    def _hire(self, session: Session) -> None:
        self._workers.append(asyncio.ensure_future(self._worker(session)))

    async def _worker(self, session: Session) -> None:
        """Answer one job after another, until nothing is left."""
        while not session.ended:
            async with (
                self._entrance
            ):  # one worker at a time takes a job and waits until it fits, so that all keep order
                position = await self._next(session)
                if position is None:
                    return
                passage = await session.gate.enter(self.jobs[position].size)
            if not await self._one(session, position, passage):
                await asyncio.sleep(0)  # a ledger full of answers must not keep signals and the bar waiting

    async def _next(self, session: Session) -> int | None:
        """Take a job, or wait for one while a group's leader is on its way; ``None`` if nothing is left."""
        while not session.ended:
            position = self._queue.take()
            if position is not None or not self._queue.led:
                return position
            self._returned.clear()
            await self._returned.wait()
        return None

    async def _one(self, session: Session, position: int, passage: Admission) -> bool:
        """Answer one job; whatever goes wrong with it, the others are finished; tells if the provider saw it."""
        sent = False
        try:
            leads = self._queue.leads(position)
            completion, sent = await self._answer(session, self.jobs[position], passage, leads=leads)
            self._finish(position, completion)
        except Exception as error:  # noqa: BLE001 - kept, and raised when all is drained
            self.failure = self.failure or error
            if isinstance(error, LedgerError):
                session.stop(Stop.LEDGER, str(error))
            else:
                session.stop(Stop.DEFECT, f"{type(error).__name__}: {error}")
        finally:
            passage.leave()
            self._queue.done(position, sent=sent)
            self._returned.set()
        return sent

    def _finish(self, position: int, completion: Completion) -> None:
        self.completions[position] = completion
        if self._session is not None:
            self._session.tally.finished(completion)
            self._session.progress.advance()

    async def _answer(self, session: Session, job: Job, passage: Admission, *, leads: bool) -> tuple[Completion, bool]:
        """Return the completion, and whether the provider saw the question."""
        while True:
            caller = Caller(session, job, passage, leads=leads)
            try:
                return await caller.run(), caller.sent
            except AskedElsewhere as held:
                passage.leave()
                self._hire(session)  # for the jobs behind this one, while this worker waits
                await self._turn(session, held.key)
                await passage.enter()

    async def _turn(self, session: Session, key: str) -> None:
        """Wait until whoever asks the same has its answer, or has ended."""
        if key in session.asking:
            await asyncio.wait([session.turn(key)])
            return
        pause, longest = _POLL
        while not session.stopped and not await session.in_thread(lambda: session.ledger.is_free(key)):
            await session.sleep(pause)
            pause = min(longest, pause * 2)
