"""What planning each preset of each task costs in processor time, each in a process of its own with empty caches.

``python tests/benchmarks/bench_plan.py [TASK ...]`` prints a line a preset, the dearest last; the issue asks for less
than five seconds. Presets of public tasks need their data and are told apart.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile

from lm_eval_longctx.harness.listing import listed_tasks

LIMIT = 5.0
"""Seconds of processor time."""


def presets(chosen: list[str]) -> list[tuple[str, str]]:
    """Return every preset of every task, or of those that were named."""
    tasks = (task for task in listed_tasks() if task.kind == "task" and (not chosen or task.name in chosen))
    return [(task.name, preset) for task in tasks for preset in task.metadata.get("presets") or ("default",)]


def planned(task: str, preset: str) -> tuple[float, bool]:
    """Return the processor time of one plan, and whether it could be made."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "lm_eval_longctx", "plan", "--tasks", task]
        done = subprocess.run(
            [*command, "--metadata", json.dumps({"preset": preset})],
            env={**os.environ, "LM_EVAL_LONGCTX_CACHE": cache, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            check=False,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode == 0


def main() -> None:
    """Measure all and print them."""
    found = []
    for task, preset in presets(sys.argv[1:]):
        seconds, made = planned(task, preset)
        found.append((seconds, task, preset, made))
        print(f"  {seconds:5.1f} s  {task} {preset}{'' if made else '  (needs data)'}", file=sys.stderr, flush=True)
    for seconds, task, preset, made in sorted(found):
        mark = " !" if seconds > LIMIT else ""
        print(f"{seconds:6.2f} s  {task} {preset}{'' if made else '  (needs data)'}{mark}")


if __name__ == "__main__":
    main()
