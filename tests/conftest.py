"""What all tests share: no network, shared data, and reproducible property tests."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import kept_index
import pytest
from warm import WarmStart

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, database=None, max_examples=50)
hypothesis.settings.register_profile("search", deadline=None, database=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

# Nothing may look for a newer file on a hub, in this process or in those that tests start.
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

# Keys are those that tests give: nobody's own is used, or changes what is sent.
for name in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[name]

# Tests start hundreds of processes, which else would compile all of our modules again, each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# All processors are at work already: threads that wait for each other in busy loops (Tesseract's, BLAS's) take time.
os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

# lm-eval's index of its own tasks and of ours is made once, and not by each process for itself.
AT_START = str(ROOT / "tests" / "support" / "at_start")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (AT_START, os.environ.get("PYTHONPATH"))))
kept_index.install()


def pytest_xdist_auto_num_workers() -> int:
    """Take half as many processes again as there are processors: at any time some wait for what they have started."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors + (processors + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the type checker: at the end, where it would stand, one processor works and the others wait."""
    items.sort(key=lambda item: item.path.name != "test_static.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, Any, Any]:
    """Let no test leave where our log goes: a run in this process shares lm-eval's log for good."""
    ours = logging.getLogger("lm_eval_longctx")
    handlers, level = list(ours.handlers), ours.level
    try:
        return (yield)
    finally:
        ours.handlers[:] = handlers
        ours.setLevel(level)


class NetworkBlockedError(RuntimeError):
    """A test reached for something beyond this machine."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


def _guarded(original: Callable[..., Any], host_of: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        host = host_of(*args)
        if isinstance(host, bytes):
            host = host.decode()
        if host is not None and not _is_loopback(str(host)):
            raise NetworkBlockedError(f"a test reached for {host}; only loopback is allowed")
        return original(*args, **kwargs)

    return call


def _host_of_address(sock: socket.socket, *args: Any) -> str | None:
    """Return the host of an address, the last argument of connect and sendto; none for local sockets."""
    return None if sock.family == getattr(socket, "AF_UNIX", None) else args[-1][0]


@pytest.fixture(autouse=True, scope="session")
def _only_loopback():
    """Block every way out of this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), _host_of_address))
        patch.setattr(socket, "getaddrinfo", _guarded(socket.getaddrinfo, lambda host, *_: host))
        patch.setattr(socket, "gethostbyname", _guarded(socket.gethostbyname, lambda host: host))
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep the developer's ledger and caches out: a recorded answer must not make a test pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("COLUMNS", raising=False)  # pytest-xdist says how wide its screen is
        yield


@pytest.fixture(autouse=True, scope="session")
def _kept_index(tmp_path_factory: pytest.TempPathFactory):
    """Tell all processes of this session where lm-eval's indexes are kept."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kept_index.PLACE, str(shared / "indexes"))
        yield


@pytest.fixture(scope="session")
def warm() -> Iterator[Path]:
    """A folder of commands that need not import lm-eval each time (tests/support/warm.py)."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder, WarmStart(Path(folder)) as started:
        yield started.commands


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real books, speech and film: in ``LM_EVAL_LONGCTX_TEST_DATA``, or ``../shared/data`` beside the checkout."""
    folder = Path(os.environ.get("LM_EVAL_LONGCTX_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set LM_EVAL_LONGCTX_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def book(shared_data: Path) -> Path:
    """A long novel in plain text."""
    path = shared_data / "books" / "les-miserables.txt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path
