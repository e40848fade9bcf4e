"""Ctrl-C while calls are in flight: first wait for what is paid, then give it up."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


T = TypeVar("T")


class Mailbox:
    """Brings results into the event loop in which it was made."""

    def __init__(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._arrived: list[tuple[Future[Any], asyncio.Future[Any]]] = []

    def expect(self, future: Future[T], waiter: asyncio.Future[T]) -> None:
        """Give the waiter what the future will hold; called in the event loop."""
        future.add_done_callback(lambda done: self._put(done, waiter))

    def _put(self, done: Future[Any], waiter: asyncio.Future[Any]) -> None:
        """Called in any thread; only the first of a batch wakes the loop."""
        with self._lock:
            wake = not self._arrived
            self._arrived.append((done, waiter))
        if wake and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        with self._lock:
            batch, self._arrived = self._arrived, []
        for done, waiter in batch:
            if waiter.done():  # whoever waited was cancelled
                continue
            error = done.exception()
            if error is None:
                waiter.set_result(done.result())
            else:
                waiter.set_exception(error)


_STOPPING = "stopping: waiting for calls in flight, which are paid; Ctrl-C again abandons them"
_ABANDONING = "abandoning calls in flight; the ledger counts them as possibly billed"
_STANDARD_ERROR = 2


class Interrupts:
    """Counts Ctrl-C instead of raising ``KeyboardInterrupt``; a context manager.

    An exception could strike at any moment, also while the first one is being
    dealt with. Where somebody else handles the signal already, or outside the
    main thread, nothing is changed.

    Attributes:
        count: How often it was pressed.
    """

    def __init__(self, drain: Callable[[], None], abandon: Callable[[], None]) -> None:
        """Keep what to do.

        Args:
            drain: At the first time.
            abandon: At every later time.
        """
        self.count = 0
        self._drain, self._abandon = drain, abandon
        self._mine = False

    def __enter__(self) -> Interrupts:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Begin to count."""
        in_main = threading.current_thread() is threading.main_thread()
        self._mine = in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._mine:
            signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, *_: object) -> None:
        """Let Python raise again."""
        if self._mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _pressed(self, *_: Any) -> None:
        self.count += 1
        words, act = (_STOPPING, self._drain) if self.count == 1 else (_ABANDONING, self._abandon)
        os.write(_STANDARD_ERROR, f"\nlm-eval-longctx: {words}\n".encode())  # print is not safe here
        act()
