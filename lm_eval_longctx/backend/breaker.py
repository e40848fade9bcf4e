"""A circuit breaker: a server that is down is not asked thousands of times.

While calls come through, it is closed and does nothing. After failures in a
row it opens: one question asks now and then, as a probe, and the others wait.
The first answer closes it, and all go on. If nothing comes through for long,
the run stops, to be resumed when the server is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from textwrap import shorten
from typing import TYPE_CHECKING

from lm_eval_longctx.backend.rules import Stop
from lm_eval_longctx.completion import Outcome

if TYPE_CHECKING:
    from lm_eval_longctx.backend.session import Session
    from lm_eval_longctx.backend.verdict import Verdict

logger = logging.getLogger(__name__)

IN_A_ROW = 10
"""Calls that fail one after the other before the server counts as down: more than one question is tried by itself."""

LONGEST = 60.0
"""Seconds between two probes at most; the first waits one, and each twice as long as the one before."""

_LOST = frozenset({Outcome.TRANSPORT_FAILED, Outcome.POSSIBLY_BILLED})
_WORDS = 200


class Breaker:
    """Watches how the calls of a run end, and holds back those to come while none gets through.

    Attributes:
        failures: Calls in a row that the server did not answer.
    """

    def __init__(self, session: Session) -> None:
        """Begin closed."""
        self._session = session
        self.failures = 0
        self._since: float | None = None
        self._probing = False
        self._probes, self._planned = 0, 0.0
        self._words = ""
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def open(self) -> bool:
        """Whether questions wait."""
        return self._since is not None

    def heard(self, verdict: Verdict) -> None:
        """Learn how a call ended: what the server answers, refusals among it, shows that it is there."""
        if verdict.completion.outcome.final:
            self._close()
        elif verdict.completion.outcome in _LOST and verdict.retry.kind == "transient":
            self.failures += 1
            self._words = shorten(verdict.completion.detail, _WORDS)
            if self.failures >= IN_A_ROW and not self.open:
                self._open()

    def wake(self) -> None:
        """Let those that wait look again."""
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    def probed(self) -> None:
        """Let another question be the probe."""
        self._probing = False
        self.wake()

    async def enter(self) -> bool:
        """Wait while it is open, but for one call at a time: that is the probe; tell whether this one is it."""
        while self.open and not self._session.stopped:
            if not self._probing and not self._gives_up():
                self._probing = True
                await self._pause()
                return True
            if not self._session.stopped:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn
        return False

    async def _pause(self) -> None:
        """Wait before a probe; what is planned counts even where ``max_wait`` makes every wait vanish."""
        wait = min(LONGEST, 2.0**self._probes)
        self._probes += 1
        self._planned += wait
        await self._session.sleep(min(wait, self._session.limits.max_wait))

    def _gives_up(self) -> bool:
        """Stop the run if the outage has lasted for too long."""
        most, since = self._session.limits.max_outage, self._since or 0.0
        lasted = time.monotonic() - since
        if lasted < most and self._planned < most:
            return False
        self._session.stop(Stop.OUTAGE, f"{self.failures:,} calls, for {lasted:,.0f} seconds by now ({self._words})")
        return True

    def _open(self) -> None:
        self._since = time.monotonic()
        self._session.progress.note = "the server is down, one question probes"
        logger.warning(
            "the server has answered none of the last %d calls (%s): one question asks now and then, the others wait; "
            "the run stops if that lasts for %g seconds (max_outage)",
            self.failures,
            self._words,
            self._session.limits.max_outage,
        )

    def _close(self) -> None:
        self.failures = 0
        if self.open:
            logger.warning("the server answers again; all questions go on")
            self._since, self._probes, self._planned = None, 0, 0.0
            self._session.progress.note = ""
            self.wake()
