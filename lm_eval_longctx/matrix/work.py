"""Running one cell: lm-eval in a process of its own, whose results come back as bytes.

So a cell needs no folder that all machines see, a defect in one ends no
other, and whoever kills the one that waits for it, as Ray's worker, does not
leave it running: the process hears that its standard input has ended, waits
for the calls that are in flight, since they are paid, and ends too.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHILD = "lm_eval_longctx.matrix.child"
"""What runs in the process."""

_LOOK = 1.0
"""Seconds between looks whether somebody cancels a cell."""

_TAIL = 4000
"""Characters of what a cell has printed last that are kept where it fails."""


@dataclass(frozen=True)
class Work:
    """A cell as it is handed to a worker.

    Attributes:
        id: The cell's.
        config: What lm-eval's ``--config`` takes.
        environment: Variables beside those that the worker has.
    """

    id: str
    config: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a cell ended.

    Attributes:
        status: The exit status of lm-eval; below 0 the signal that killed it.
        files: What it wrote, by the name below its folder.
        told: The end of what it printed.
        seconds: How long it took.
        host: Where.
        begun: Whether it was begun at all.
    """

    status: int
    files: Mapping[str, bytes] = field(default_factory=dict)
    told: str = ""
    seconds: float = 0.0
    host: str = ""
    begun: bool = True

    @property
    def refused(self) -> str:
        """Why its model takes no more questions, from this cell or any other; empty if it does, or nobody knows."""
        return str(self._totals().get("stopped", ""))

    @property
    def unaffordable(self) -> str:
        """Why the budget did not let through what it had to ask; empty if it did, or nobody knows."""
        return str(self._totals().get("reasons", {}).get("skipped_budget", ""))

    def _totals(self) -> Mapping[str, Any]:
        """Return what its model says of the whole run; nothing without a result, or from a cut one or another's."""
        with suppress(StopIteration, ValueError, KeyError, TypeError):
            found = next(content for name, content in self.files.items() if Path(name).match("results_*.json"))
            totals: Mapping[str, Any] = json.loads(found)["config"]["longctx"]["totals"]
            return totals
        return {}


class Processes:
    """The processes of cells that run here, for whoever passes Ctrl-C on to them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._interrupted = False

    def interrupt(self) -> None:
        """Pass Ctrl-C on: the first lets answers in flight come, the next abandons them."""
        with self._lock:
            self._interrupted = True
            for process in self._running:
                process.send_signal(signal.SIGINT)

    @contextmanager
    def known(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Pass Ctrl-C on to a process within; also one that came while it was being started."""
        with self._lock:
            self._running.add(process)
            if self._interrupted:
                process.send_signal(signal.SIGINT)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; Ray's ``cancel`` is heard between two waits, not by one that the system does."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK)


def run_cell(work: Work, processes: Processes | None = None) -> Ended:
    """Run a cell to its end, here.

    Args:
        work: The cell.
        processes: Where its process is known meanwhile.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="longctx-cell-") as folder:
        config, out, log = Path(folder) / "config.yaml", Path(folder) / "out", Path(folder) / "log"
        config.write_text(json.dumps(work.config), encoding="utf-8")  # which is YAML too
        command = [sys.executable, "-m", _CHILD, "--config", str(config), "--output_path", str(out)]
        with log.open("wb") as printed:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                command,
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env={**os.environ, **work.environment},
                # Whoever kills a whole group, as Ray does with that of a lost worker, leaves it what it has paid for;
                # Ctrl-C comes from us, once, whether a terminal sent it to the group or somebody to us alone.
                start_new_session=True,
            )
            # Closes its standard input at the end, and not before: see this module.
            with process, (processes or Processes()).known(process):
                try:
                    status = _waited(process)
                except BaseException:
                    process.send_signal(signal.SIGTERM)
                    process.wait()
                    raise
        told = log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
        files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return Ended(status, files, told, time.monotonic() - began, platform.node())
