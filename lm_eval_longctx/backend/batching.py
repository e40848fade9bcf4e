"""Batches: about half the price, and answers within a day.

A run that waits for a batch may be closed; the next run of the same command
finds in the ledger which questions are in which batch and fetches their
answers instead of paying for them again. Prompts are rendered when they are
handed in, and again when their answers are read; none is kept meanwhile.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.backend.call import Caller
from lm_eval_longctx.backend.prepared import still
from lm_eval_longctx.backend.verdict import Verdict, in_batch, unaffordable, unrenderable, unsent
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import BatchRefusedError, LedgerError, LongctxError, ProviderError, UnsupportedError
from lm_eval_longctx.ledger.schema import FREE, UNKNOWN
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.providers.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.backend.budget import Reservation
    from lm_eval_longctx.backend.jobs import Job
    from lm_eval_longctx.backend.session import Session
    from lm_eval_longctx.ledger import Call
    from lm_eval_longctx.providers.base import Batches, Provider


@dataclass
class Entry:
    """One question, for however many jobs that ask it.

    Attributes:
        caller: What prepares it and reads its answer.
        positions: Of the jobs.
        call: Its description for the ledger; holds no prompt.
        size: Bytes of its text.
        worst: What it costs at most, in US dollars; ``None`` if nobody can say.
        attempt: Its number in the ledger, once it is in a batch.
        reservation: What was set aside; ``None`` if an earlier run did that.
        earlier: The final outcome of an earlier run, which stands unless something final comes back.
    """

    caller: Caller
    positions: list[int]
    call: Call | None = None
    size: int = 0
    worst: float | None = None
    attempt: int = 0
    reservation: Reservation | None = None
    earlier: Completion | None = None


@dataclass
class Batch:
    """One batch that is open.

    Attributes:
        token: Our name of it.
        name: The provider's; empty while nobody can tell whether it was taken.
        entries: The questions, by key.
    """

    token: str
    name: str
    entries: dict[str, Entry] = field(default_factory=dict)


class Rendered(Mapping[str, Request]):
    """The requests of a batch by key, each made when it is looked at."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        """Make nothing yet."""
        self._entries = entries

    def __getitem__(self, key: str) -> Request:
        """Render a prompt."""
        job = self._entries[key].caller.job
        return Request(job.render(), job.settings, job.repeat)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self._entries)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries)


logger = logging.getLogger(__name__)

_FIRST_POLL, _LONGEST_POLL = 5.0, 60.0
_PATIENCE = 20
"""Polls in a row that may fail before the run ends."""

_LOOKS = 3
"""How often the provider is asked for a batch whose hand-in was not confirmed: its list may lag behind."""

_NEVER = "the batch was never handed in"


def batches_of(provider: Provider) -> Batches:
    """Return a provider's batch mode.

    Raises:
        UnsupportedError: It has none that we speak.
    """
    found = provider.batches()
    if found is None:
        raise UnsupportedError(f"{provider.NAME} has no batch mode that we speak; leave batch=true out")
    return found


class BatchRun:
    """Answers the jobs of a run in batches."""

    def __init__(self, session: Session, jobs: Sequence[Job], finish: Callable[[int, Completion], None]) -> None:
        """Get ready.

        Args:
            session: What all calls of the run share.
            jobs: The questions.
            finish: Takes a job's position and its completion.
        """
        self.session, self.jobs, self._finish = session, jobs, finish
        self.batches = batches_of(session.provider)
        self.fresh: dict[str, Entry] = {}
        self.open: dict[str, Batch] = {}
        self.absent: set[str] = set()

    async def run(self) -> None:
        """Look everything up, hand in what is new, wait, fetch.

        Raises:
            LedgerError: The record cannot be written.
            ProviderError: The provider could not be asked, many times in a row.
        """
        for position, job in enumerate(self.jobs):
            if not self.session.ended:
                await self._sort(position, job)
        for entries in self._chunks():
            await self._hand_in(entries)
        await self._wait()

    async def _sort(self, position: int, job: Job) -> None:
        """Answer a job from the ledger, join it to the batch it is in, or keep it for a new batch."""
        caller, session = Caller(self.session, job), self.session
        try:
            prepared = await session.in_thread(caller.prepare)
        except LedgerError:
            raise
        except LongctxError as error:
            return self._finish(position, unrenderable(error, session.secrets))
        known, key = await caller.known(prepared), prepared.key
        if known is not None:
            return self._finish(position, known)
        for entries in (self.fresh, *(batch.entries for batch in self.open.values())):
            if key in entries:
                return entries[key].positions.append(position)
        earlier = prepared.earlier.completion if prepared.earlier else None
        if session.stopped:
            late = unsent(session.stopped, key)
            return self._finish(position, still(earlier, late.detail) if earlier is not None else late)
        ready = await caller.check_and_count(prepared)
        if isinstance(ready, Completion):
            return self._finish(position, ready)
        size, worst = ready.request.prompt.text_bytes, caller.worst(ready.request)
        entry = Entry(caller, [position], caller.call(ready), size, worst, earlier=earlier)
        if prepared.standing.waiting is None or not await self._join(key, entry, *prepared.standing.waiting):
            self.fresh[key] = entry
        return None

    async def _join(self, key: str, entry: Entry, attempt: int, token: str) -> bool:
        """Join a question to the batch of an earlier run that holds it; tell whether there is that batch."""
        batch = self.open.get(token)
        if batch is None and token not in self.absent:
            batch = await self._find(token)
        if batch is None:
            self.absent.add(token)
            self._give_up(attempt, _NEVER, FREE)
            return False
        self.open[token] = batch
        entry.attempt = attempt
        batch.entries[key] = entry
        return True

    async def _find(self, token: str) -> Batch | None:
        """Find a batch by its token, in the ledger or at the provider; ``None`` if it was certainly not taken."""
        session = self.session
        name = session.ledger.batch_name(token)
        for look in range(_LOOKS):
            if name is None:
                await session.sleep(min(_FIRST_POLL * look, session.limits.max_wait))
                name = await self.batches.find(session.ledger.hand_in(token))
        if name:
            await session.written(session.ledger.name_batch(token, name))
        return None if name is None else Batch(token, name)

    def _chunks(self) -> Iterator[dict[str, Entry]]:
        """Divide the new questions by what one batch, and the memory, can hold."""
        most = min(self.batches.most_bytes, self.session.limits.max_bytes_in_flight)
        chunk: dict[str, Entry] = {}
        size = 0
        for key, entry in self.fresh.items():
            if chunk and (size + entry.size > most or len(chunk) == self.batches.most_requests):
                yield chunk
                chunk, size = {}, 0
            chunk[key] = entry
            size += entry.size
        if chunk:
            yield chunk

    async def _hand_in(self, entries: dict[str, Entry]) -> None:
        """Record that questions are about to be handed in as a batch, and do it."""
        session, token = self.session, f"longctx-{uuid.uuid4().hex}"
        names = (session.provider.NAME, session.provider.model)
        await session.written(session.ledger.open_batch(token, *names))
        begun = {key: entry for key, entry in entries.items() if await self._begin(key, entry, token)}
        if not begun:
            return
        name = await self._submit(begun, token)
        if name is not None:
            self.open[token] = Batch(token, name, begun)
            session.tally.calls += len(begun)
        for key in begun:
            session.ledger.release(key)

    async def _begin(self, key: str, entry: Entry, token: str) -> bool:
        """Set money aside and record one question; tell whether it goes with the batch."""
        session = self.session
        if session.stopped or entry.call is None:
            return self._end(entry, unsent(session.stopped, key))
        reservation = session.budget.reserve_now(entry.worst)
        if reservation is None:
            return self._end(entry, unaffordable(session.budget.scaled(entry.worst), key, entry.call.counted))
        begun = await session.written(session.ledger.begin(entry.call, 1, entry.worst, token))
        if begun.attempt is None:
            reservation.give_back()
            if begun.short:
                return self._end(entry, unaffordable(entry.worst, key, entry.call.counted))
            held = unsent("it is being asked just now; run again later, or without batch=true", key)
            return self._end(entry, held if begun.answer is None else begun.answer)
        entry.attempt, entry.reservation = begun.attempt, reservation
        return True

    async def _submit(self, entries: dict[str, Entry], token: str) -> str | None:
        """Hand a batch in; ``None`` if the provider did not take it."""
        session = self.session
        try:
            name = await self.batches.submit(Rendered(entries), token)
        except LongctxError as error:
            # After anything but a plain no, the answer to the hand-in may have been lost.
            found = None if isinstance(error, BatchRefusedError) else await self._find(token)
            if found is not None:
                return found.name
            self._refused(entries, redact(f"the batch was not taken: {error}", session.secrets))
            return None
        await session.written(session.ledger.name_batch(token, name))
        return name

    async def _wait(self) -> None:
        """Look after all open batches until they are done or the run stops."""
        session, pause, failures = self.session, _FIRST_POLL, 0
        while self.open and not session.stopped:
            try:
                await self._poll()
                failures = 0
            except ProviderError as error:
                failures += 1
                if failures >= _PATIENCE:
                    raise
                logger.warning("a batch cannot be looked after just now: %s", redact(str(error), session.secrets))
            if self.open:
                await session.sleep(min(pause, session.limits.max_wait))
                pause = min(_LONGEST_POLL, pause * 1.5)
        for batch in self.open.values():
            for key, entry in batch.entries.items():
                self._end(entry, in_batch(key, batch.token))

    async def _poll(self) -> None:
        states = []
        for batch in list(self.open.values()):
            if not batch.name and not await self._look_again(batch):
                states.append(f"{len(batch.entries)} perhaps handed in")
                continue
            state = await self.batches.poll(batch.name)
            states.append(f"{state.finished if state.finished is not None else '?'} of {state.total or '?'}")
            if state.status == "failed":
                self._refused(batch.entries, f"the batch failed: {state.detail}")
            elif state.status == "done":
                await self._fetch(batch)
            if state.status != "running":
                del self.open[batch.token]
        self.session.progress.note = "batches: " + ", ".join(states)

    async def _look_again(self, batch: Batch) -> bool:
        """Look for a batch that may have been taken; if it certainly was not, hand its questions in now."""
        found = await self._find(batch.token)
        if found is not None:
            batch.name = found.name
            return bool(batch.name)
        del self.open[batch.token]
        for entry in batch.entries.values():
            self._release(entry, _NEVER)
        await self._hand_in(batch.entries)
        return False

    async def _fetch(self, batch: Batch) -> None:
        """Record and read all answers of a batch."""
        raws = await self.batches.results(batch.name, Rendered(batch.entries))
        for key, entry in batch.entries.items():
            raw, caller = raws.get(key), entry.caller
            if raw is None:
                self._give_up(entry.attempt, "the batch has no answer to this question", UNKNOWN)
                self._end(entry, Completion("", Outcome.POSSIBLY_BILLED, detail="not in the batch's results", key=key))
                continue
            prepared = await self.session.in_thread(caller.prepare)
            request = replace(prepared.request, counted=prepared.standing.counted)
            prepared = prepared._replace(request=request)
            verdict = await caller.record(prepared, entry.attempt, 1, raw, entry.reservation)
            self._end(entry, verdict.completion if isinstance(verdict, Verdict) else verdict)
            if caller.recorded is not None:
                await self.session.written(caller.recorded)

    def _refused(self, entries: Mapping[str, Entry], words: str) -> None:
        """End all questions of a batch that was never worked on: none was billed."""
        for key, entry in entries.items():
            self._release(entry, words)
            self._end(entry, Completion("", Outcome.TRANSPORT_FAILED, detail=words, key=key))

    def _release(self, entry: Entry, words: str) -> None:
        """Record that a question was not asked, and free the money that was set aside for it."""
        self._give_up(entry.attempt, words, FREE)
        if entry.reservation is not None:
            entry.reservation.give_back()

    def _give_up(self, attempt: int, words: str, billing: str) -> None:
        outcome = Outcome.TRANSPORT_FAILED if billing == FREE else Outcome.POSSIBLY_BILLED
        cost = 0.0 if billing == FREE else None
        self.session.ledger.decided(attempt, Completion("", outcome, detail=words), billing, cost)

    def _end(self, entry: Entry, completion: Completion) -> bool:
        """Give all jobs of a question their completion; returns False, for those who ask whether it goes on."""
        if entry.earlier is not None and not completion.outcome.final:
            completion = still(entry.earlier, completion.detail)
        first, *others = entry.positions
        self._finish(first, completion)
        for position in others:
            self._finish(position, completion.changed(replayed=True))
        return False
