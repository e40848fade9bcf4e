"""How long loss by position takes on the embedded language model, and how much memory: is it linear in length?

    python tests/benchmarks/bench_nll.py [code:stdlib | books:/path/to/book.txt | chronicle] [--lengths 10k 100k 1M 10M]

A document is measured at positions from 256 tokens to each length, each twice
the last, as the task ``longctx_text_nll`` does. Each length is a process of
its own. *corpus* is reading and tokenising the text, in an empty cache; it is
once a text, not once a run. *at once* reads the document from its beginning to
its end and tells all positions. The named alternative, *windowed*, is what a
model needs that tells only how likely a text is after another: each window
with its whole prefix, so that everything before it is read again. Seconds are
of the processor, so that others on the machine change little. *peak* is
the highest resident set of the whole process (Linux), the corpus included. A text
that is shorter than a length is measured as far as it goes: 10M tokens are
some 45 MB of code, more than Python's own library has, so that 10M is asked for.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bench_text import peak_resident  # noqa: E402
from text_kit import builder_for  # noqa: E402

from lm_eval_longctx.providers.cascade.language import log_likelihoods  # noqa: E402
from lm_eval_longctx.tasks.likelihood.builder import LikelihoodBuilder  # noqa: E402
from lm_eval_longctx.units import parse_length  # noqa: E402

LENGTHS = ["10k", "100k", "1M"]
FIRST = 256
SECONDS, BYTES = {"1M": 300.0, "10M": 3600.0}, {"1M": 1e9}
"""What each length may take."""


def positions(length: str) -> list[str]:
    """Return the positions up to a length, each twice the last, the length itself as the last."""
    last = int(parse_length(length).amount)
    return [*(str(FIRST << step) for step in range(math.ceil(math.log2(last / FIRST)))), str(last)]


def timed(action) -> tuple[float, list[float]]:
    """Return seconds of the processor and what came of it."""
    start = time.process_time()
    found = action()
    return time.process_time() - start, found


def at_once(builder, samples) -> list[float]:
    """Return the nats of each window from one reading of the document."""
    parts = builder.render(samples[-1]).parts()
    return log_likelihoods((part.text for part in parts), [_window(sample) for sample in samples])


def windowed(builder, samples) -> list[float]:
    """Return the nats of each window from a reading of its own prefix."""
    return [at_once(builder, [sample])[0] for sample in samples]


def _window(sample) -> tuple[int, int]:
    return sample["prefix_bytes"], sample["prefix_bytes"] + sample["window_bytes"]


def measure_one(haystack: str, length: str) -> dict[str, float]:
    """Measure one length in this process."""
    with tempfile.TemporaryDirectory() as folder:
        builder = builder_for(Path(folder), haystack, LikelihoodBuilder, depths=None, context_lengths=positions(length))
        corpus, samples = timed(lambda: list(builder.samples()))
        seconds, nats = timed(lambda: at_once(builder, samples))
        peak = peak_resident()
        again, same = timed(lambda: windowed(builder, samples))
    return {
        "tokens": samples[-1]["realised_length"],
        "bytes": _window(samples[-1])[1],
        "positions": len(samples),
        "corpus": corpus,
        "at once": seconds,
        "windowed": again,
        "peak": peak,
        "apart": max(abs(one - other) for one, other in zip(nats, same, strict=True)),
    }


def main() -> int:
    """Measure every length in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("haystack", nargs="?", default="code:stdlib")
    parser.add_argument("--lengths", nargs="+", default=LENGTHS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure_one(given.haystack, given.one)))
        return 0
    missed = []
    print(
        f"{given.haystack}\n{'length':>7} {'tokens':>9} {'MB':>6} {'positions':>9} {'corpus':>9} {'at once':>10}",
        end="",
    )
    print(f" {'a million':>10} {'windowed':>10} {'ratio':>6} {'peak':>8}  nats apart")
    for length in given.lengths:
        command = [sys.executable, __file__, given.haystack, "--one", length]
        row = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        print(
            f"{length:>7} {row['tokens']:>9} {row['bytes'] / 1e6:>6.2f} {row['positions']:>9} {row['corpus']:>7.2f} s "
            f"{row['at once']:>8.2f} s {row['at once'] / row['tokens'] * 1e6:>8.2f} s {row['windowed']:>8.2f} s "
            f"{row['windowed'] / row['at once']:>5.1f}x {row['peak'] / 1e6:>5.0f} MB  {row['apart']:.2g}",
            flush=True,
        )
        if row["corpus"] + row["at once"] > SECONDS.get(length, math.inf):
            missed.append(f"{length} took {row['corpus'] + row['at once']:.0f} s")
        if row["peak"] > BYTES.get(length, math.inf):
            missed.append(f"{length} took {row['peak'] / 1e6:.0f} MB")
    print("\n" + ("missed: " + "; ".join(missed) if missed else "all targets are met"))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
