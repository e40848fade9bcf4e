"""The workloads of ``python -m tests.benchmarks``: each measures us, a peer and what limits both, once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEYS = {"OPENAI_API_KEY": "benchmark-key", "OPENAI_COMPATIBLE_API_KEY": "benchmark-key"}
PEER = "local-chat-completions"


@dataclass(frozen=True)
class Figure:
    """One figure of a workload, as it was measured once.

    Attributes:
        name: What is measured, with its unit.
        ours: Our figure.
        peer: The peer's; ``None`` without one.
        limit: What no client could beat; ``None`` where nobody measures it.
        most: What our figure may be at most; ``None`` if only the ratio counts.
        ratio: What ours over the peer's may be at most, or has to be at least; ``None`` if only the figure counts.
        more: Whether more is better.
    """

    name: str
    ours: float
    peer: float | None = None
    limit: float | None = None
    most: float | None = None
    ratio: float | None = None
    more: bool = False


@dataclass(frozen=True)
class Workload:
    """Something to measure.

    Attributes:
        name: For ``--only``.
        what: In words.
        peer: Who is compared with; empty without one.
        limit: What limits everybody, in words; empty if that is not measured.
        once: Measures once; is told whether to be quick about it.
        slow: Whether ``--quick`` leaves it out.
        apart: Whether it runs only when it is named.
        rounds: How often it is measured.
        picture: The file in ``docs`` that ``--write`` draws; empty for none.
    """

    name: str
    what: str
    peer: str
    limit: str
    once: Callable[..., list[Figure]]
    slow: bool = False
    apart: bool = False
    rounds: int = 3
    picture: str = ""


def told(command: list[str], **environment: str) -> Any:
    """Run a benchmark in a process of its own and return the JSON of its last line."""
    done = subprocess.run(
        command, capture_output=True, text=True, env={**as_users(), **environment}, cwd=ROOT, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def as_users() -> dict[str, str]:
    """Return this process's environment as users have it: Python keeps what it has compiled."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def usage(command: list[str], **environment: str) -> resource.struct_rusage:
    """Return what a command and its children use."""
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(  # waited for below, which alone tells what it used
            command, stdout=said, stderr=subprocess.STDOUT, env={**as_users(), **environment}, cwd=ROOT
        )
        _, status, used = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
        if started.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}:\n{said.read().decode(errors='replace')[-5000:]}")
    return used


def processor(command: list[str], **environment: str) -> float:
    """Return the seconds of processor time that a command and its children take."""
    used = usage(command, **environment)
    return used.ru_utime + used.ru_stime


def again(command: list[str]) -> float:
    """Return the processor time of a command that has run before: all of it is compiled, and caches are warm."""
    processor(command)
    return processor(command)


@contextmanager
def server() -> Iterator[str]:
    """Run the server of ``bench_backend`` in a process of its own; gives its address."""
    command = [sys.executable, str(HERE / "bench_backend.py"), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            yield json.loads(started.stdout.readline())["url"]
        finally:
            started.kill()


def small(_: bool) -> list[Figure]:
    """Small calls on a server that answers at once."""
    from bench_backend import in_process

    case = "1000 of 400 bytes, 64 at once, thinks 0 s"
    with server() as url:
        mine, theirs = in_process("ours", url, case), in_process("theirs", url, case)
        floor = told([sys.executable, str(HERE / "bench_floor.py"), f"{url}/think/0/v1/chat/completions"])
    ms = [1000 * found["cpu"] / found["count"] for found in (mine, theirs, floor)]
    rate = [found["count"] / found["seconds"] for found in (mine, theirs, floor)]
    return [
        Figure("processor time of a call (ms)", *ms, ratio=1.2),
        Figure("calls a second", *rate, ratio=1.0, more=True),
    ]


def large(_: bool) -> list[Figure]:
    """Large prompts."""
    from bench_backend import in_process

    case = "64 prompts of 4 MB, 8 at once"
    with server() as url:
        mine, theirs = in_process("ours", url, case), in_process("theirs", url, case)
    both = (mine, theirs)
    return [
        Figure("prompts a second", *(found["count"] / found["seconds"] for found in both), ratio=2.8, more=True),
        Figure("memory (MB)", *(found["memory"] for found in both), ratio=0.08),
        Figure("processor time of a megabyte (ms)", *(1000 * f["cpu"] / f["megabytes"] for f in both), ratio=0.33),
    ]


def texts(quick: bool) -> list[Figure]:
    """Text contexts: the first of a new process, and three of a length."""
    import bench_ruler

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        bench_ruler.prepare(folder)
        lengths = {"4k": None, "32k": 1 / 400, **({} if quick else {"128k": 1 / 6000})}
        for length in lengths:  # what is read and tokenised once, for all runs
            bench_ruler.in_process(folder, "cold", length, 3, 600)
        first = [bench_ruler.in_process(folder, what, "4k", 1, 600) for what in ("cold", "ruler, cold")]
        found = [Figure("the first of 4k, in a new process (s)", *(one["seconds"] for one in first if one))]
        for length, ratio in lengths.items():
            mine = bench_ruler.in_process(folder, "ours", length, 3, 600)
            theirs = None if length == "128k" else bench_ruler.in_process(folder, "ruler", length, 3, 600)
            peer = theirs or bench_ruler.extrapolated(folder, length, 3)
            assert mine is not None
            name = f"three of {length} (s{'' if theirs else '; the peer by one of its passes'})"
            found.append(Figure(name, mine["seconds"], peer["seconds"], ratio=ratio))
    return found


def start(_: bool) -> list[Figure]:
    """Commands that send nothing, the second time they run."""
    ours, theirs = [sys.executable, "-m", "lm_eval_longctx"], [sys.executable, "-m", "lm_eval"]
    nothing = again([sys.executable, "-c", "pass"])
    listed = again([*theirs, "ls", "tasks"])
    helped = again([*theirs, "--help"])
    return [
        Figure("plan of a text task (s)", again([*ours, "plan", "-t", "longctx_text_niah"]), None, nothing, 1.0),
        Figure("tasks (s)", again([*ours, "tasks"]), listed, nothing, 1.0),
        Figure("--help (s)", again([*ours, "--help"]), helped, nothing, 0.1),
    ]


def plan_all(_: bool) -> list[Figure]:
    """The plan of all tasks with nothing in the cache."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "lm_eval_longctx", "plan", "-t", "longctx_*"]
        spent = processor(command, LM_EVAL_LONGCTX_CACHE=cache)
    return [Figure("plan 'longctx_*', cold (s)", spent, most=10.0)]


def report(quick: bool) -> list[Figure]:
    """``report`` over very many samples, with its figures."""
    import bench_report

    with tempfile.TemporaryDirectory() as made:
        bench_report.make(Path(made), 5000 if quick else 100_000)
        floor = told([sys.executable, str(HERE / "bench_report.py"), "--floor", made])
        began = time.perf_counter()
        used = usage([sys.executable, "-m", "lm_eval_longctx", "report", made])
        waited = time.perf_counter() - began
    return [
        Figure("seconds by the clock", waited, most=5.0),
        Figure("processor time (s)", used.ru_utime + used.ru_stime, None, floor["processor"]),
        Figure("peak memory (MB)", used.ru_maxrss * 1024 / 1e6, most=1000.0),
    ]


def soak(quick: bool, picture: Path | None = None) -> list[Figure]:
    """Many calls, one in ten with a fault."""
    size = ["--small", "1000", "--large", "10"] if quick else []
    drawn = ["--plot", str(picture)] if picture else []
    found = told([sys.executable, str(HERE / "bench_soak.py"), "--json", *size, *drawn])
    return [
        Figure("answers lost", found["lost"], most=0.0),
        Figure("answers paid twice", found["twice"], most=0.0),
        Figure("disagreements of ledger, server's book and answers", float(len(found["wrong"])), most=0.0),
        Figure("memory's growth (MB)", found["grown"], most=found["explained"]),
        Figure("processor time of a call (ms)", 1000 * found["cpu"] / found["calls"]),
    ]


def tests(_: bool) -> list[Figure]:
    """The whole test suite on two cores."""
    began = time.perf_counter()
    spent = processor([sys.executable, "-m", "pytest", "-q"])
    return [
        Figure("minutes by the clock", (time.perf_counter() - began) / 60, most=8.0),
        Figure("processor time (min)", spent / 60),
    ]


WORKLOADS = (
    Workload(
        "small",
        "small questions, an instant server, 64 at once",
        PEER,
        "aiohttp and rows in SQLite, nothing else",
        small,
    ),
    Workload("large", "64 prompts of 4 MB, 8 at once", PEER, "", large, slow=True),
    Workload(
        "text", "text contexts with one needle, from a warm cache", "RULER's generator", "", texts, slow=True, rounds=1
    ),
    Workload("start", "commands that send nothing", "lm-eval's own", "python -c pass", start),
    Workload("plan-all", "the plan of all tasks", "", "", plan_all, slow=True),
    Workload("report", "a report over 100,000 samples", "", "orjson reads the samples, zlib packs them", report),
    Workload(
        "soak",
        "20,000 small and 200 large calls, 64 at once, 10 % of them with faults",
        "",
        "",
        soak,
        rounds=1,
        picture="speed-soak.svg",
    ),
    Workload("tests", "the tests on two cores", "", "", tests, apart=True, rounds=1),
)


def chosen(names: list[str], *, quick: bool) -> list[Workload]:
    """Return the workloads to measure.

    Raises:
        SystemExit: There is none of a name.
    """
    known = {workload.name: workload for workload in WORKLOADS}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"there is no workload {unknown[0]!r}; there are {', '.join(known)}")
    if names:
        return [known[name] for name in names]
    return [workload for workload in WORKLOADS if not workload.apart and not (quick and workload.slow)]


def once(workload: Workload, *, quick: bool, docs: Path | None = None) -> list[Figure]:
    """Measure a workload once, with the keys that a local server takes; draw its picture where there are docs."""
    os.environ.update(KEYS)
    drawn = {"picture": docs / workload.picture} if docs and workload.picture else {}
    return workload.once(quick, **drawn)
