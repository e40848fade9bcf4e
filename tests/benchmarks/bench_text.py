"""How long it takes, and how much memory, to build a text context from a cached corpus.

    python tests/benchmarks/bench_text.py [books:/path/to/book.txt | chronicle | code:stdlib] [--no-10M]

Prints, for each length: seconds for a sample (needle, placement, exact length)
and for the prompt (the slices), of processor time of one thread, and the peak memory of making the prompt as a
multiple of its UTF-8 size, once by ``tracemalloc`` (what Python allocates, the
finished prompt included) and once by the growth of the process's resident set
(which also holds the pages of the corpus that were touched). Reading and
tokenising the corpus happens before and is timed apart.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from text_kit import builder_for  # noqa: E402

from lm_eval_longctx.tasks.text_niah.builder import MultiNeedleBuilder, NeedleBuilder  # noqa: E402

LENGTHS = ["4k", "32k", "128k", "1M", "10M"]
KINDS = {"one needle": NeedleBuilder, "100 needles": MultiNeedleBuilder}
REPEATS = 5
TARGETS = {"1M": 0.1, "10M": 1.0}
MEMORY_TARGET = 3.0


def resident() -> int:
    """Return the resident set of this process in bytes (Linux); 0 where that cannot be told."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * 4096


def peak_resident() -> int:
    """Return the highest resident set so far in bytes (Linux); 0 where that cannot be told."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def reset_highest() -> None:
    """Let the highest resident set begin again from now (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def best(action) -> float:
    """Return the processor seconds of the fastest of a few runs; other work on the machine does not change them."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure_one(folder: str, haystack: str, length: str, kind: str) -> dict[str, float]:
    """Measure one length in this process, with the corpus in the cache."""
    builder = builder_for(Path(folder), haystack, KINDS[kind], context_lengths=[length], depths=[0.5])
    plan = next(iter(builder.plans()))
    sample = builder.sample(plan)
    gc.collect()
    reset_highest()
    before = resident()
    size = builder.render(sample).text_bytes
    grown = peak_resident() - before
    tracemalloc.start()
    prompt = builder.render(sample)
    allocated = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del prompt
    return {
        "sample": best(lambda: builder.sample(plan)),
        "render": best(lambda: builder.render(sample)),
        "bytes": size,
        "tokens": sample["realised_length"],
        "allocated": allocated / size,
        "resident": max(0, grown) / size,
    }


def prepare(folder: str, haystack: str, lengths: list[str]) -> None:
    """Read and tokenise as much of the corpus as the longest context needs, and say how long that took."""
    start = time.perf_counter()
    builder = builder_for(Path(folder), haystack, context_lengths=[lengths[-1]], depths=[0.5])
    builder.samples()
    store = builder.corpus.store
    print(f"{haystack}: {store.size / 1e6:.1f} MB read and tokenised in {time.perf_counter() - start:.1f} s\n")


def main() -> int:
    """Measure every length in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("haystack", nargs="?", default="chronicle")
    parser.add_argument("--no-10M", action="store_true", dest="short")
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "LENGTH", "KIND"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure_one(given.one[0], given.haystack, *given.one[1:])))
        return 0
    lengths = LENGTHS[:-1] if given.short else LENGTHS
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder, given.haystack, lengths)
        print(f"{'':12} {'length':>6} {'tokens':>9} {'MB':>6} {'sample':>9} {'prompt':>9} {'allocated':>10} resident")
        for kind in KINDS:
            for length in lengths:
                command = [sys.executable, __file__, given.haystack, "--one", folder, length, kind]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                row = json.loads(done.stdout)
                print(
                    f"{kind:12} {length:>6} {row['tokens']:>9} {row['bytes'] / 1e6:>6.2f} {row['sample']:>7.4f} s "
                    f"{row['render']:>7.4f} s {row['allocated']:>8.2f} x {row['resident']:>7.2f} x"
                )
                if row["sample"] + row["render"] > TARGETS.get(length, 1e9):
                    missed.append(f"{kind} at {length} took {row['sample'] + row['render']:.3f} s")
                if length in TARGETS and row["allocated"] > MEMORY_TARGET:
                    missed.append(f"{kind} at {length} allocated {row['allocated']:.2f} times its text")
    print("\n" + ("missed: " + "; ".join(missed) if missed else "all targets are met"))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
