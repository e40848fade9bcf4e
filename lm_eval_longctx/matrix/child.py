"""The process of one cell: lm-eval, for as long as whoever started it lives.

``python -m lm_eval_longctx.matrix.child``, with the arguments of ``lm-eval
run`` and a standard input that stays open until the end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from lm_eval_longctx.harness.command_line import run_lm_eval


def main() -> int:
    """Run lm-eval with this process's arguments and return its exit status."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    return run_lm_eval(sys.argv[1:])


def _end_with_parent() -> None:
    """End as after SIGTERM once standard input ends: what is in flight is waited for, since it is paid."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
