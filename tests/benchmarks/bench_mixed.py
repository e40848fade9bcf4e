"""How long mixtures take to plan and to make, and how much memory, by length.

Run as ``python tests/benchmarks/bench_mixed.py [--tokens 128k 1M 10M] [--cache DIR]``. Needs the extra ``speech``. Each
length is a process of its own, so that its memory is its own: it plans two depths and makes their prompts, the first
with all pictures, clips and films to be made, the second with one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

SETTINGS = {"preset": "10M", "depths": [0.2, 0.7], "pool": "1m", "needles_in": ["image"]}


def main() -> None:
    """Print one line for each length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", nargs="+", default=["128k", "1M", "10M"])
    parser.add_argument("--cache", default=None, help="where pieces are kept between runs")
    parser.add_argument("--one", help="internal: one length")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LM_EVAL_LONGCTX_CACHE": args.cache or folder}
        for length in args.tokens:
            command = [sys.executable, __file__, "--one", length]
            ran = subprocess.run(command, capture_output=True, check=False, env=environment)
            if ran.returncode:
                sys.exit(ran.stderr.decode())
            print(f"{length}: " + ", ".join(f"{name} {value}" for name, value in json.loads(ran.stdout).items()))


def measure(length: str) -> dict[str, float]:
    """Plan and make two prompts."""
    from lm_eval_longctx.harness.planning import one_task

    task = one_task("longctx_mixed_niah", {**SETTINGS, "context_lengths": [length]})
    found: dict[str, float] = {}
    started = time.process_time()  # not the clock's: the machine may be busy with other work
    samples = task.test_docs()
    found["planned s"] = round(time.process_time() - started, 1)
    for name, sample in zip(("first s", "second s"), samples, strict=True):
        started = time.process_time()
        prompt = task.builder.render(sample)
        found[name] = round(time.process_time() - started, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {
        **found,
        "parts": sum(1 for _ in prompt.parts()),
        "text MB": prompt.text_bytes // 10**6,
        "peak MB": round(peak),
    }


if __name__ == "__main__":
    main()
