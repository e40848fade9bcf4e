"""What planning each preset of each task costs in processor time, each in a process of its own with empty caches.

``python tests/benchmarks/bench_plan.py [TASK ...]`` prints a line a preset, the dearest first; the issue asks for less
than five seconds. Bytecode is on disk, as it is for users. Presets of public tasks need their data and are told apart.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase

from lm_eval_longctx.harness.listing import listed_tasks

LIMIT = 5.0
"""Seconds of processor time."""

KILLED = 60
"""Seconds after which a plan is given up."""


def presets(chosen: list[str]) -> list[tuple[str, str]]:
    """Return every preset of every task, or of those that were named (patterns, too)."""
    tasks = (task for task in listed_tasks() if task.kind == "task")
    wanted = [task for task in tasks if any(fnmatchcase(task.name, name) for name in chosen or ["*"])]
    return [(task.name, preset) for task in wanted for preset in task.metadata.get("presets") or ("default",)]


def planned(tasks: str, metadata: dict[str, str], bytecode: str) -> tuple[float, str]:
    """Return the processor time of one plan, and how it ended if it could not be made."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "lm_eval_longctx", "plan", "--tasks", tasks]
        done = subprocess.run(
            [*command, "--metadata", json.dumps(metadata)],
            env={**kept, "PYTHONPYCACHEPREFIX": bytecode, "LM_EVAL_LONGCTX_CACHE": cache, "HF_HUB_OFFLINE": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (KILLED, KILLED)),
            capture_output=True,
            text=True,
            check=False,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1] if done.returncode else ""
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended


def main() -> None:
    """Measure all and print them."""
    found = []
    with tempfile.TemporaryDirectory() as bytecode:
        warm = set[str]()
        for task, preset in presets(sys.argv[1:]):
            if task not in warm:  # what it imports is compiled
                planned(task, {"preset": preset}, bytecode)
                warm.add(task)
            seconds, ended = planned(task, {"preset": preset}, bytecode)
            if seconds > LIMIT:  # it may have imported what no preset before it did, and compiled it
                seconds, ended = planned(task, {"preset": preset}, bytecode)
            found.append((seconds, task, preset, ended))
            print(f"  {seconds:5.2f} s  {task} {preset}  {ended[:200]}", file=sys.stderr, flush=True)
    print("| task | preset | s |\n| --- | --- | --- |")
    for seconds, task, preset, ended in sorted(found, reverse=True):
        print(f"| {task} | {preset} | {seconds:.1f}{' (needs data)' * bool(ended)}{' !' * (seconds > LIMIT)} |")


if __name__ == "__main__":
    main()
