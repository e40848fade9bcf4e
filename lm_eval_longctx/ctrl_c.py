"""Ctrl-C: what is said of it, what programs are told, and that none is lost.

Python raises ``KeyboardInterrupt`` wherever the main thread stands. Within
code that nobody called, such as what tidies up after an import, it is printed
as *ignored*, and the program goes on as if nobody had pressed anything: while
our libraries are imported, that is true of one Ctrl-C in five.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from typing import Any

INTERRUPTED = 128 + 2
"""The exit status of what Ctrl-C ended, as shells say it."""

GOES_ON = "ended by Ctrl-C; the same command goes on, and pays nothing twice"
"""What is said of a run that somebody ended."""

_SOON = 0.01
"""Seconds after which a lost one comes again."""

_MARK = "_lm_eval_longctx"


def lose_no_ctrl_c() -> None:
    """Have a Ctrl-C that Python would ignore come again, at once, where it ends the program; safe to repeat."""
    before = sys.unraisablehook
    if hasattr(before, _MARK):
        return

    def hook(ignored: Any) -> None:
        # At the end of the process there is nothing left to end, and each again would spoil more of the tidying up.
        if issubclass(ignored.exc_type, KeyboardInterrupt) and threading.main_thread().is_alive():
            again = threading.Timer(_SOON, _interrupt)  # from here it would be raised in here, and ignored
            again.daemon = True
            again.start()
        else:
            before(ignored)

    setattr(hook, _MARK, True)
    sys.unraisablehook = hook


def _interrupt() -> None:
    """Do as the terminal does, also where the main thread waits for the system."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
