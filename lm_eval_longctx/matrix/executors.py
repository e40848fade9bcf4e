"""Where cells run: in processes of this machine, or on a Ray cluster; both are asked in one way."""

from __future__ import annotations

import logging
import os
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from lm_eval_longctx.errors import ConfigError, MissingExtraError
from lm_eval_longctx.matrix.specification import LOCAL
from lm_eval_longctx.matrix.work import Ended, Processes, Work, run_cell

if TYPE_CHECKING:
    from lm_eval_longctx.matrix.specification import Matrix

_PATIENCE = 10.0
"""Seconds for a cluster's port to open: Ray itself tries for minutes where nobody listens."""

_LOOK = 1.0
"""Seconds between looks whether all cells of a cluster have ended."""

_ENTRY = (
    "a cluster that asks for a token takes it only from who sets RAY_AUTH_MODE=token, from RAY_AUTH_TOKEN or "
    "~/.ray/auth_token"
)


class Executor(Protocol):
    """Runs cells."""

    def submit(self, work: Work) -> Future[Ended]:
        """Have a cell run; the future fails if the worker dies."""

    def interrupt(self) -> None:
        """Begin nothing more, and pass Ctrl-C on to what runs."""

    def close(self) -> None:
        """Let the workers go."""


class Here:
    """Processes of this machine."""

    def __init__(self, workers: int) -> None:
        """Allow so many at once."""
        self._processes = Processes()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="cell")

    def submit(self, work: Work) -> Future[Ended]:
        """Have a cell run."""
        return self._threads.submit(run_cell, work, self._processes)

    def interrupt(self) -> None:
        """Begin nothing more, and pass Ctrl-C on to what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._processes.interrupt()

    def close(self) -> None:
        """Wait for what runs; nothing more begins."""
        self._threads.shutdown(cancel_futures=True)


class OnRay:
    """Tasks of a Ray cluster: each takes one processor of it, wherever that is."""

    def __init__(self, address: str, workers: int) -> None:
        """Connect, or start a cluster on this machine.

        Args:
            address: ``local``, or as ``ray.init`` takes it.
            workers: Processors of a cluster that is started.

        Raises:
            MissingExtraError: Ray is not installed.
            ConfigError: The cluster cannot be reached, or does not let us in.
        """
        # Ray would change which GPUs a task without any sees; cells ask servers, and see what their worker sees.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("a matrix on Ray", "ray") from error
        # A cluster of our own listens on this machine only: whoever reaches Ray's ports may run anything.
        own = {"num_cpus": workers, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        new: dict[str, Any] = own if address == LOCAL else {}
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **new)
        except (OSError, OverflowError, ValueError, RuntimeError, ray.exceptions.AuthenticationError) as error:
            raise ConfigError(
                f"ray: {address} cannot be reached ({error}); {_ENTRY}; ray: local starts a cluster here"
            ) from error
        self._ray = ray
        self._open: set[Any] = set()
        self._stopping = self._abandoned = False
        self._run = ray.remote(num_cpus=1, max_retries=0)(run_cell)  # whoever asks decides who tries again

    def submit(self, work: Work) -> Future[Ended]:
        """Have a cell run."""
        cell = self._run.remote(work)
        self._open.add(cell)
        future: Future[Ended] = cell.future()
        future.add_done_callback(lambda _: self._open.discard(cell))
        return future

    def interrupt(self) -> None:
        """Begin nothing more, and have what runs end after what is in flight; the second time nobody waits for it."""
        self._abandoned = bool(self._open) and self._stopping
        self._stopping = True
        for cell in list(self._open):
            self._ray.cancel(cell)

    def close(self) -> None:
        """Wait for what runs, and leave the cluster; one that was started for us ends."""
        # Ray kills what its workers have started once their owner leaves, with answers in flight that are paid.
        while self._open and not self._abandoned:
            cells = list(self._open)
            self._ray.wait(cells, num_returns=len(cells), timeout=_LOOK)
        self._ray.shutdown()


def _knock(address: str) -> None:
    """Open and close a connection to the port that an address names, if it names one."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()


def executor_of(matrix: Matrix) -> Executor:
    """Return where a matrix's cells run."""
    return Here(matrix.workers) if matrix.ray is None else OnRay(matrix.ray, matrix.workers)
