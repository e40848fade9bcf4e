"""Starts a real vLLM on the processor, for tests that are asked for with ``-m vllm``.

It needs an environment of its own, whose Python ``LM_EVAL_LONGCTX_VLLM_PYTHON``
names; see ``tests/providers/test_vllm.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 300
SCRIPT = str(Path(__file__).resolve().parent / "tiny_llama.py")
ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "2",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}


def python() -> str:
    """Find a Python that has vLLM, or skip with the reason."""
    named = os.environ.get("LM_EVAL_LONGCTX_VLLM_PYTHON", sys.executable)
    probe = [named, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('vllm') is None)"]
    if not Path(named).exists() or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip(f"{named} has no vLLM; set LM_EVAL_LONGCTX_VLLM_PYTHON (see tests/providers/test_vllm.py)")
    return named


def make(folder: Path, *kind: str) -> None:
    """Make a tiny model; ``begins`` as kind puts a mark before every text."""
    command = [python(), SCRIPT, "make", str(folder), *kind]
    subprocess.run(command, check=True, env={**os.environ, **ENVIRONMENT}, capture_output=True)


@contextmanager
def serving(folder: Path, window: int) -> Iterator[str]:
    """Serve a model, and give the interface's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    log = folder.parent / "server.log"
    with log.open("w") as written:
        server = subprocess.Popen(
            [python(), SCRIPT, "serve", str(folder), port, str(window)],
            env={**os.environ, **ENVIRONMENT},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield _answering(f"http://127.0.0.1:{port}/v1", server, log)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def _answering(address: str, server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/models", timeout=2).close()  # noqa: S310 - our own server
        except (urllib.error.URLError, OSError):
            time.sleep(1)
        else:
            return address
    pytest.fail(f"vLLM did not start: {log.read_text(errors='replace')[-2000:]}")
