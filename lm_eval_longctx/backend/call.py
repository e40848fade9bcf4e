"""One call from its sample to its completion: rendered, looked up, sent, recorded, asked again where that helps."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lm_eval_longctx.backend.cuts import reading
from lm_eval_longctx.backend.jobs import FORMERLY, named
from lm_eval_longctx.backend.prepared import AskedElsewhere, BeyondBudgetError, Prepared, still
from lm_eval_longctx.backend.rules import Stop
from lm_eval_longctx.backend.session import retry_wait
from lm_eval_longctx.backend.verdict import (
    Verdict,
    in_batch,
    prompt_bound,
    to_come,
    unaffordable,
    unreadable,
    unrenderable,
    unsent,
    verdict_on,
    worst_case,
)
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import AnswerPendingError, LedgerError, LongctxError, disk_fault
from lm_eval_longctx.hay.progress import GivenUpError, unless
from lm_eval_longctx.ledger import Call
from lm_eval_longctx.ledger.schema import FREE, UNKNOWN
from lm_eval_longctx.providers.base import Raw, Request
from lm_eval_longctx.providers.redact import clean_completion, redact, without_secrets

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lm_eval_longctx.backend.budget import Reservation
    from lm_eval_longctx.backend.gate import Admission
    from lm_eval_longctx.backend.jobs import Job
    from lm_eval_longctx.backend.session import Session
    from lm_eval_longctx.ledger.writer import Promise

logger = logging.getLogger(__name__)

MONEY_PAUSE, LONGEST_MONEY_PAUSE = 0.1, 5.0
"""Seconds between looks whether other runs have given back money that they had set aside: first and longest."""


class Caller:
    """Answers one job; made anew for each try.

    Attributes:
        sent: Whether the provider saw anything of it.
        recorded: Done when the last outcome is on the disk.
    """

    def __init__(self, session: Session, job: Job, passage: Admission | None = None, *, leads: bool = False) -> None:
        """Get ready.

        Args:
            session: What all calls of a run share.
            job: The question.
            passage: The job's room in memory, if it is counted.
            leads: Whether others that share its beginning wait for it.
        """
        self.session, self.job, self.passage, self.leads = session, job, passage, leads
        self.sent = False
        self.recorded: Promise[None] | None = None
        self._attempted, self._number, self._name = 0, 0, ""

    async def run(self) -> Completion:
        """Return the completion.

        Raises:
            AskedElsewhere: Somebody else is asking the same; try again later.
            LedgerError: The record cannot be written; nothing more may be sent.
        """
        try:
            prepared = await self.session.prepared(self.job, self._prepare_unless_ended)
        except GivenUpError:
            return unsent(self.session.stopped)
        except LedgerError:
            raise
        except LongctxError as error:
            return unrenderable(error, self.session.secrets)
        if self.passage is not None:
            self.passage.resize(prepared.request.prompt.text_bytes)
        known = await self.known(prepared)
        if known is not None:
            return known
        if prepared.standing.waiting is not None:
            return in_batch(prepared.key, prepared.standing.waiting[1])
        if prepared.key in self.session.asking:
            raise AskedElsewhere(prepared.key)
        if prepared.earlier is None:
            return await self._alone(prepared)
        return await self._once_more(prepared, prepared.earlier.completion)

    async def _once_more(self, prepared: Prepared, earlier: Completion) -> Completion:
        """Ask what an earlier run ended with a failure, which stands unless something final comes back."""
        try:
            completion = await self._alone(prepared)
            detail = completion.detail
            if completion.outcome.final:
                return completion
        except LedgerError:
            raise
        except LongctxError as error:  # the provider cannot start, and perhaps nothing but this needs it
            if disk_fault(error) is not None:  # which is no fact of this question
                raise
            detail = redact(str(error), self.session.secrets)
        return still(earlier, detail)

    def _prepare_unless_ended(self) -> Prepared:
        """Prepare, unless somebody ends the run meanwhile: a film of an hour takes minutes, and nobody waits for it."""
        with unless(lambda: self.session.ended):
            return self.prepare()

    def prepare(self) -> Prepared:
        """Render, name, look up and check; in a worker thread."""
        job, provider = self.job, self.session.provider
        request = Request(job.render(), job.settings, job.repeat, job.scored, leads=self.leads, accepted=self._accepted)
        key, identity, former = named(job, request, provider, self.session.ledger)
        standing, earlier = self.session.ledger.look_up(key), None
        if standing.final is not None and not self.session.settles(standing.final):
            earlier = standing.final
            standing = self.session.ledger.look_up(key, despite=earlier.attempt)
        checked = self.session.started and standing.answer is None
        if checked:
            provider.check(request)
        return Prepared(request, key, identity, standing, checked, earlier, former)

    async def known(self, prepared: Prepared) -> Completion | None:
        """Return the answer that the ledger has, or can be read from a response in it: that is paid."""
        if prepared.standing.answer is not None:  # may be an empty text, so its truth says nothing
            answer = await self._compared(prepared.standing.answer, prepared, 0, None)
            return answer.changed(notes=(*answer.notes, FORMERLY)) if prepared.former else answer
        session, counted, final = self.session, prepared.standing.counted, None
        for number, raw in prepared.standing.undecided:
            verdict = verdict_on(session.provider, session.prices, raw, replace(prepared.request, counted=counted))
            if verdict is None:
                return unreadable(prepared.key)
            completion = await self._compared(self._stamped(verdict, prepared, 1, counted), prepared, number, verdict)
            await session.written(session.ledger.decided(number, completion, verdict.billing, verdict.cost))
            session.tally.reread += 1
            final = completion.changed(replayed=True) if completion.outcome.final else final
        return final

    async def _alone(self, prepared: Prepared) -> Completion:
        """Ask while nobody else in this process asks the same."""
        session, key = self.session, prepared.key
        session.asking[key] = None
        freed = False
        try:
            completion = await self._ask(prepared)
            freed = completion.outcome.final  # recording it gives the claim back
            return completion
        finally:
            session.asked(key, self.recorded if freed else session.ledger.release(key))

    async def _ask(self, prepared: Prepared) -> Completion:
        """Fetch what an earlier run was promised, or send."""
        session = self.session
        if session.stopped:
            return unsent(session.stopped, prepared.key)
        ready = await self.check_and_count(prepared)
        if isinstance(ready, Completion):
            return ready
        if ready.standing.accepted is None:
            return await self._keep_asking(ready)
        found = await self._fetched(ready, *ready.standing.accepted)
        if not isinstance(found, Verdict):
            return found
        again = await self._again(found, 1, found.lost, ready.key)
        return await self._keep_asking(ready, found.completion, lost=found.lost) if again else found.completion

    async def _keep_asking(self, prepared: Prepared, last: Completion | None = None, *, lost: int = 0) -> Completion:
        """Send until there is an answer, or asking again makes no sense."""
        session, n = self.session, 0
        while True:
            n += 1
            probes = session.breaker.open and await session.breaker.enter()
            try:
                verdict = await self._paid(prepared, n)
                if isinstance(verdict, Verdict):
                    session.breaker.heard(verdict)
            finally:
                if probes:
                    session.breaker.probed()
            if not isinstance(verdict, Verdict):
                return last if last is not None and not verdict.attempts else verdict
            last, lost = verdict.completion, lost + verdict.lost
            if not await self._again(verdict, n, lost, prepared.key):
                return last

    async def _paid(self, prepared: Prepared, n: int) -> Verdict | Completion:
        """Send once, within the run's own cap and the budget that several runs share."""
        session, worst = self.session, self.worst(prepared.request)
        waited, pause, counted = 0.0, MONEY_PAUSE, prepared.request.counted
        while True:
            reservation = await session.budget.reserve(worst, self.job.task)
            if reservation is None:
                return unaffordable(session.budget.scaled(worst), prepared.key, counted)
            try:
                with reservation:
                    return await self._attempt(prepared, n, reservation)
            except BeyondBudgetError as beyond:
                if not beyond.may_come_back or waited >= session.limits.max_wait:
                    return unaffordable(session.budget.scaled(worst), prepared.key, counted)
            if session.stopped:
                return unsent(session.stopped, prepared.key, counted)
            await session.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_MONEY_PAUSE)

    async def _fetched(self, prepared: Prepared, number: int, name: str) -> Verdict | Completion:
        """Bring back the answer that an earlier run was promised: it is paid, so that asking again comes after it."""
        session = self.session
        if (await session.written(session.ledger.take_up(prepared.key, number))).held:
            raise AskedElsewhere(prepared.key)  # whoever asked is still waiting for it, or somebody else fetches it
        try:
            async with session.gate.request():
                raw = await self._shown(session.provider.fetch(name, prepared.request))
        except AnswerPendingError as error:
            return to_come(redact(str(error), session.secrets), prepared.key, prepared.request.counted)
        return await self.record(prepared, number, 1, raw, None)

    async def check_and_count(self, prepared: Prepared) -> Prepared | Completion:
        """Let the provider, once started, check and count the request; a completion says what is wrong with it."""
        session = self.session
        await session.ready()
        try:
            if not prepared.checked:
                await session.in_thread(partial(session.provider.check, prepared.request))
        except LongctxError as error:
            return unrenderable(error, session.secrets)
        counted = await self._count(prepared)
        return prepared if counted is None else prepared._replace(request=replace(prepared.request, counted=counted))

    async def _count(self, prepared: Prepared) -> int | None:
        """Ask the provider how long the prompt is, where it counts and has not counted before."""
        provider, known = self.session.provider, prepared.standing.counted
        if known is not None or not provider.capabilities.counts_tokens:
            return known
        try:
            return await provider.count(prepared.request.prompt)
        except LongctxError as error:
            self.session.tally.not_counted(redact(str(error), self.session.secrets))
            return None

    def worst(self, request: Request) -> float | None:
        """Return what an attempt costs at most, in US dollars; ``None`` if nobody can say."""
        return worst_case(self.session.provider, self.session.prices, request, self.job.tokens)

    async def _attempt(self, prepared: Prepared, n: int, reservation: Reservation) -> Verdict | Completion:
        """Send once, with a record before and after.

        Returns:
            The verdict; or the completion, where the run has stopped, somebody
            else has got the answer meanwhile, or the response cannot be read.
        """
        session, counted = self.session, prepared.request.counted
        async with session.gate.turn():
            if not await session.pace(counted or self.job.tokens):
                reservation.give_back()
                return unsent(session.stopped, prepared.key, counted)
            begun = await session.written(session.ledger.begin(self.call(prepared), n, reservation.worst or None))
            if begun.attempt is None:
                reservation.give_back()
                if begun.short:
                    raise BeyondBudgetError(may_come_back=begun.may_come_back)
                if begun.answer is None:
                    raise AskedElsewhere(prepared.key)
                return begun.answer
            session.tally.lost_before += begun.lost
            try:
                raw = await self._send(prepared.request, begun.attempt, n)
            except AnswerPendingError as error:
                reservation.settle(reservation.worst)
                session.tally.doubted(reservation.worst)
                return to_come(redact(str(error), session.secrets), prepared.key, counted)
        if raw is None:
            reservation.give_back()
            return unsent(session.stopped, prepared.key, counted)
        return await self.record(prepared, begun.attempt, n, raw, reservation)

    async def record(
        self, prepared: Prepared, number: int, n: int, raw: Raw, reservation: Reservation | None
    ) -> Verdict | Completion:
        """Record a response, read it and settle its cost; a completion alone says that it cannot be read."""
        session, counted = self.session, prepared.request.counted
        raw = without_secrets(raw, session.secrets)
        await session.written(session.ledger.received(number, raw))
        if session.ledger.trouble is not None:
            session.stop(Stop.LEDGER, str(session.ledger.trouble))
        session.limiter.learn(raw.headers, session.now(), session.limits.max_wait)
        verdict = verdict_on(session.provider, session.prices, raw, prepared.request)
        if verdict is None:
            return unreadable(prepared.key)
        worst = reservation.worst if reservation is not None else self.worst(prepared.request)
        if reservation is not None:
            session.settle(reservation, verdict.at_most(worst), heard=verdict.billing != FREE)
            if session.prices is not None:
                bound = prompt_bound(prepared.request, self.job.tokens)
                session.budget.learn(verdict.completion.usage.prompt_tokens, bound)
        stamped = self._stamped(verdict, prepared, n, counted)
        if str(stamped) != str(verdict.completion):  # a secret in pieces, which nobody finds in the response itself
            session.ledger.empty(number)
        verdict = verdict._replace(completion=await self._compared(stamped, prepared, number, verdict))
        session.tally.attempted(verdict, worst)
        self.recorded = session.ledger.decided(number, verdict.completion, verdict.billing, verdict.cost)
        return verdict  # its bytes are on the disk, so nobody needs to wait for what was made of them

    async def _compared(
        self, answer: Completion, prepared: Prepared, number: int, verdict: Verdict | None
    ) -> Completion:
        """Compare an answer's bill with our own count of the prompt, where the provider has not counted it."""
        session, task = self.session, self.job.task
        if not session.cuts.judges(prepared.request, answer, task, new=verdict is not None):
            return answer
        found = await session.in_thread(partial(reading, session.provider, prepared.request, answer, task))
        return session.cuts.judge(found, answer, number, verdict)

    def call(self, prepared: Prepared) -> Call:
        """Describe a call for the ledger."""
        job, provider = self.job, self.session.provider
        names = (provider.NAME, provider.model, job.task, job.sample, job.repeat)
        despite = prepared.earlier.attempt if prepared.earlier else 0
        return Call(prepared.key, *names, job.tokens, prepared.request.counted, prepared.identity, despite)

    async def _send(self, request: Request, number: int, n: int) -> Raw | None:
        """Wait for a place on the wire and send; ``None`` if the run stopped before."""
        session, on_wire = self.session, False
        self._attempted, self._name = number, ""
        try:
            async with session.gate.request() as self._number:
                if not session.stopped:
                    on_wire = self.sent = True
                    session.tally.calls += 1
                    session.tally.retries += n > 1
                    return await self._exchange(request)
        except BaseException as error:  # the user's second Ctrl-C, or a defect
            if not self._name:
                self._give_up(number, f"abandoned: {type(error).__name__}", on_wire=on_wire)
            raise
        self._give_up(number, f"not sent: {session.stopped}", on_wire=False)
        return None

    async def _accepted(self, name: str) -> None:
        """Record by which name the answer can be fetched: from now on it is not lost, whatever happens to us."""
        await self.session.written(self.session.ledger.accepted(self._attempted, name))
        self._name = name

    async def _shown(self, exchange: Awaitable[Raw]) -> Raw:
        """Show that a call is open while its answer is awaited."""
        self.session.progress.opened(self.job)
        try:
            return await exchange
        finally:
            self.session.progress.ended(self.job)

    async def _exchange(self, request: Request) -> Raw:
        limit, sending = self.session.limits.timeout, self.session.provider.send(request)
        try:
            return await self._shown(sending if limit is None else asyncio.wait_for(sending, limit))
        except asyncio.TimeoutError:
            words = f"no answer within {limit:g} s" if limit else "no answer in time"
            if self._name:
                raise AnswerPendingError(words) from None
            return Raw(0, error=words)

    def _give_up(self, number: int, words: str, *, on_wire: bool) -> None:
        """Record an attempt that nobody will hear of again: it may have been billed if it was on the wire."""
        outcome, billing = (Outcome.POSSIBLY_BILLED, UNKNOWN) if on_wire else (Outcome.TRANSPORT_FAILED, FREE)
        self.session.ledger.decided(number, Completion("", outcome, detail=words), billing, None if on_wire else 0.0)

    def _stamped(self, verdict: Verdict, prepared: Prepared, n: int, counted: int | None) -> Completion:
        whole = verdict.completion.changed(attempts=n, key=prepared.key, counted_tokens=counted)
        return clean_completion(whole, self.session.secrets)

    async def _again(self, verdict: Verdict, n: int, lost: int, key: str) -> bool:
        """Decide whether to ask again, and wait before it."""
        session, retry = self.session, verdict.retry
        if verdict.completion.outcome.answered:
            session.gate.widen()
        if verdict.completion.outcome.final:
            return False
        if retry.kind == "stop_run":
            session.stop(Stop.ACCOUNT, verdict.completion.detail)
        if retry.kind in {"never", "stop_run"} or n >= session.limits.max_attempts or lost > session.limits.max_lost:
            return False
        if retry.kind == "rate_limit":
            session.gate.narrow(self._number)
            session.limiter.pause(min(retry.after or 0.0, session.limits.max_wait), session.now())
        await session.sleep(retry_wait(key, n, retry.after, session.limits.max_wait))
        return not session.stopped
