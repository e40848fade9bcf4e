"""Real cells: workers are killed and connections cut in the middle, and what the server billed is counted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from lm_eval_longctx.cli import matrix as command
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.matrix import Driver, Store, cells_of
from lm_eval_longctx.matrix.executors import OnRay
from lm_eval_longctx.matrix.specification import LOCAL, parse_matrix
from lm_eval_longctx.matrix.work import Work
from lm_eval_longctx.results import read_runs
from lm_eval_longctx.testing.server import KEY, LocalServer
from lm_eval_longctx.testing.state import Fault

CHILD = b"lm_eval_longctx.matrix.child"
SOON = 120.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves files to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def children(server: LocalServer) -> dict[int, int]:
    """Return the processes of the cells that ask this server, each with its parent's."""
    found = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            config = Path(words[words.index(b"--config") + 1].decode())
            if CHILD in words and server.url in config.read_text(encoding="utf-8"):
                after = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                found[int(folder.name)] = int(after[1])
    return found


def find_needle(asked) -> str:
    """Answer as a perfect reader of the prompt."""
    city = asked.text.split("What is the special magic ")[1].split(" number")[0]
    return asked.text.split(f"The special magic {city} number is: ")[1].split(".")[0]


def slowly(asked) -> Fault:
    """Let an answer take a second and more, so that there is a middle in which to kill."""
    return Fault("slow_drip", seconds=0.004)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    with LocalServer() as running:
        running.state.answer, running.state.chaos = find_needle, slowly
        yield running


def described(server: LocalServer, tmp_path: Path) -> dict[str, object]:
    """Return what a file of a matrix says: one task, one length, three depths."""
    args = {"base_url": server.base_url("openai-compatible"), "price_in": 1000.0, "price_out": 1000.0}
    names = {"tasks": ["longctx_text_niah"], "lengths": ["1k"], "seeds": [1]}
    models = [{"model": "openai-compatible/tiny", "args": {**args, "concurrency": 2}, "at_once": 2}]
    settings = {"metadata": {"depths": [0, 0.5, 1], "samples_per_cell": 1}, "budget": 100.0}
    return {**names, "models": models, **settings, "output": str(tmp_path / "out")}


def matrix(server: LocalServer, tmp_path: Path, **changes):
    return parse_matrix({**described(server, tmp_path), **changes}, "m")


def proven(server: LocalServer, found, cells, store: Store, ledger: str) -> None:
    """Every cell has ended well, nothing was billed twice, and ledger and budget say what the server billed."""
    assert {ended.status for ended in found.values()} == {0}, [ended.told[-600:] for ended in found.values()]
    assert all(store.has(cell) for cell in cells)
    bills = server.state.bills
    assert Counter(Counter(bill.digest for bill in bills).values()) == {1: 3 * len(cells)}
    with Ledger.open(ledger) as opened:
        total, funds = opened.summary(), opened.funds("m")
    assert (total.answered, total.possibly_billed) == (3 * len(cells), 0)
    assert total.cost == pytest.approx(sum(bill.prompt + bill.output for bill in bills) * 1000 / 1e6)
    assert funds.spent == pytest.approx(total.cost)
    assert funds.reserved == 0
    assert [len(run.block["scores"]["samples"]) for run in read_runs([store.folder])] == [3] * len(cells)


def test_a_ray_worker_and_a_connection_of_the_ledger_die_in_the_middle(server, tmp_path, postgres):
    """A killed Ray worker's cell ends on another, a cut ledger goes on, and each question was billed once."""
    pytest.importorskip("ray", reason="Ray is not installed (extra ray; it has no wheels for every Python)")
    url = postgres.database()
    plan = matrix(server, tmp_path, ledger=url)
    with Ledger.open(url) as ledger:
        ledger.use_budget("m", 100.0)

    def kill() -> None:
        os.kill(one_of(children(server).values()), signal.SIGKILL)
        postgres.cut(url)

    assert driven(OnRay(LOCAL, 2), plan, server, kill) == 1


@pytest.fixture
def heard():
    """Ctrl-C as at a terminal: in a shell's background it is ignored, and what is started there inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_loses_nothing_that_is_in_flight_on_ray(server, tmp_path):
    """The cluster is left once the cells have recorded what they had asked, and they ask nothing more."""
    pytest.importorskip("ray", reason="Ray is not installed (extra ray; it has no wheels for every Python)")
    plan = matrix(server, tmp_path, ledger=str(tmp_path / "ledger"), metadata={"depths": 11, "samples_per_cell": 1})
    with Ledger.open(plan.ledger_path) as ledger:
        ledger.use_budget("m", 100.0)
    executor = OnRay(LOCAL, 2)
    cell = one_of(cells_of(plan))
    ended = executor.submit(Work(cell.id, cell.config()))
    until = time.monotonic() + SOON
    while len(server.state.requests) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    executor.interrupt()
    command._close(executor)
    assert ended.done()
    assert 0 < len(server.state.bills) < 11
    with Ledger.open(plan.ledger_path) as opened:
        total, funds = opened.summary(), opened.funds("m")
    assert (total.answered, total.possibly_billed) == (len(server.state.bills), 0)
    assert (funds.reserved, not children(server)) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["{host}:{port}", "ray://{host}:{client}"])
def test_cells_run_on_a_cluster_of_the_users(server, tmp_path, postgres, monkeypatch, way):
    """A cluster that was started outside runs a matrix that names its address, directly or through Ray's client."""
    pytest.importorskip("ray", reason="Ray is not installed (extra ray; it has no wheels for every Python)")
    # Ray reads these once in a process, when it is imported: so the matrix runs in a process of its own.
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-token-that-nobody-else-has")
    written = tmp_path / "m.yaml"
    with users_cluster() as (host, port, client):
        address = way.format(host=host, port=port, client=client)
        settings = {**described(server, tmp_path), "ledger": postgres.database(), "ray": address}
        written.write_text(json.dumps(settings), encoding="utf-8")
        words = [sys.executable, "-m", "lm_eval_longctx", "matrix", str(written)]
        ended = subprocess.run(words, check=False, capture_output=True, text=True, timeout=2 * SOON)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert Counter(Counter(bill.digest for bill in server.state.bills).values()) == {1: 3}
    assert [len(run.block["scores"]["samples"]) for run in read_runs([tmp_path / "out"])] == [3]


@contextmanager
def users_cluster():
    """Start a cluster as a user does, and give its host, its port and its clients' port."""
    port, client = free_ports(2)
    given = f"start --head --block --num-cpus 2 --port {port} --ray-client-server-port {client}"
    words = [sys.executable, "-m", "ray.scripts.scripts", *given.split(), "--include-dashboard", "false"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as cluster:
        try:
            wait_for(port, client)
            yield "127.0.0.1", port, client
        finally:
            cluster.terminate()  # with --block all of it ends; "ray stop" would end clusters of others too


def wait_for(*ports: int) -> None:
    """Wait until all ports are open."""
    until = time.monotonic() + SOON
    for port in ports:
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)


def free_ports(many: int) -> list[int]:
    """Return ports on which nobody listens."""
    with ExitStack() as open_until_all_are_known:
        sockets = [open_until_all_are_known.enter_context(socket.create_server(("", 0))) for _ in range(many)]
        return [each.getsockname()[1] for each in sockets]


def one_of(numbers) -> int:
    return next(iter(numbers))


def driven(executor, plan, server: LocalServer, kill) -> int:
    """Run a matrix, kill once questions are in flight, prove what came of it; returns how many cells died."""
    cells, store, died = list(cells_of(plan)), Store(plan.output), []

    def in_the_middle() -> None:
        until = time.monotonic() + SOON
        while len(server.state.requests) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        kill()

    killer = threading.Thread(target=in_the_middle)
    try:
        killer.start()
        found = Driver(executor, store, lambda *tried: died.append(tried[-1])).run(cells)
    finally:
        killer.join()
        executor.close()
    proven(server, found, cells, store, plan.ledger_path)
    return sum(died)
