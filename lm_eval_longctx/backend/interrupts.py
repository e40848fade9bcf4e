"""Ctrl-C, SIGTERM and SIGHUP while calls are in flight: first wait for what is paid, then give it up."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from lm_eval_longctx.ledger.writer import Promise


T = TypeVar("T")


class Mailbox:
    """Brings results into the event loop in which it was made."""

    def __init__(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[tuple[Callable[[Any], None], Future[Any] | Promise[Any]]] = deque()
        self._woken = False

    def expect(self, future: Future[T] | Promise[T], then: Callable[[Future[T] | Promise[T]], None]) -> None:
        """Have a function called in the event loop with the future, once it is done."""
        future.add_done_callback(partial(self._put, then))

    def _put(self, then: Callable[[Any], None], done: Future[Any] | Promise[Any]) -> None:
        """Called in any thread; only the first of a batch wakes the loop."""
        self._arrived.append((then, done))
        if not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        self._woken = False  # before looking: what arrives from now on wakes the loop again, if only to find nothing
        while self._arrived:
            then, done = self._arrived.popleft()
            then(done)


def hand_over(waiter: asyncio.Future[T], done: Future[T] | Promise[T]) -> None:
    """Give a waiter what a future holds, unless whoever waited was cancelled."""
    if waiter.done():
        return
    error = done.exception()
    if error is None:
        waiter.set_result(done.result())
    else:
        waiter.set_exception(error)


_STOPPING = "waiting for calls in flight, which are paid{}; the same signal again abandons them"
_ABANDONING = "abandoning calls in flight; the ledger counts them as possibly billed"
_STANDARD_ERROR = 2

SIGNALS = {
    number: default
    for name, default in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    )
    if (number := getattr(signal, name, None)) is not None
}
"""What ends a run in good order (Ctrl-C, a time limit, a closed terminal), with what Python does by itself."""


class Interrupts:
    """Counts Ctrl-C and its kin instead of ending at once; a context manager.

    An exception could strike at any moment, also while the first one is being
    dealt with. Where somebody else handles a signal already (``nohup``), or
    outside the main thread, nothing is changed.

    Attributes:
        count: How many signals came.
        first: The first of them.
    """

    def __init__(self, drain: Callable[[], None], abandon: Callable[[], None], patience: float) -> None:
        """Keep what to do.

        Args:
            drain: At the first signal.
            abandon: At every later one, and some time after one that nobody waits beside.
            patience: Seconds between the two; schedulers kill soon after they ask.
        """
        self.count, self.first = 0, signal.SIGINT
        self._drain, self._abandon = drain, abandon
        self._limit = threading.Timer(patience, self._out_of_time)
        self._limit.daemon = True
        self._mine: list[signal.Signals] = []

    @property
    def name(self) -> str:
        """Who ended the run, in words."""
        return "the user" if self.first == signal.SIGINT else self.first.name

    def __enter__(self) -> Interrupts:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Begin to count."""
        if threading.current_thread() is threading.main_thread():
            self._mine = [number for number, default in SIGNALS.items() if signal.getsignal(number) is default]
        for number in self._mine:
            signal.signal(number, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        """Let Python act again."""
        self._limit.cancel()
        for number in self._mine:
            signal.signal(number, SIGNALS[number])

    def leave(self) -> NoReturn:
        """End as the first signal would have, with its exit status, but in good order."""
        if self.first == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + self.first) from None

    def _came(self, number: int, *_: Any) -> None:
        self.count += 1
        if self.count > 1:
            self._say(_ABANDONING)
            self._abandon()
            return
        self.first = signal.Signals(number)
        limited = self.first != signal.SIGINT
        self._say(_STOPPING.format(f", {self._limit.interval:g} seconds at most" if limited else ""))
        self._drain()
        if limited:
            self._limit.start()

    def _out_of_time(self) -> None:
        self._say(_ABANDONING)
        self._abandon()

    def _say(self, words: str) -> None:
        with suppress(OSError):  # the terminal is gone; and print is not safe here
            os.write(_STANDARD_ERROR, f"\nlm-eval-longctx: stopped by {self.name}: {words}\n".encode())
