"""How fast spoken haystacks are rendered, against the naive way; how fast long transcripts are scored.

Run as ``python tests/benchmarks/bench_audio.py [--hours 11 107] [--cache DIR]``. Needs the extra ``speech``. The
naive way decodes every utterance, joins all samples in memory and encodes them; it is run on ``--naive`` hours and its
rate is used for the ratio. Each measurement is a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = 150_000


def main() -> None:
    """Measure everything and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, nargs="+", default=[11.0, 107.0])
    parser.add_argument("--naive", type=float, default=0.25, help="hours that the naive way is run on")
    parser.add_argument("--cache", type=Path, default=None, help="where utterances are kept between runs")
    parser.add_argument("--one", help="internal: one measurement, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(**json.loads(args.one))))
        return
    with tempfile.TemporaryDirectory() as folder:
        cache = str(args.cache or folder)
        child(what="warm", hours=args.hours, cache=cache)  # speaking and first encoding are not what is measured
        for hours in args.hours:
            report(hours, args.naive, cache)
    scored = child(what="score")
    print(f"score {WORDS:,} words: {_times(scored)}, WER {scored['wer']:.4f}, {scored['mb']:.0f} MB")


def child(**task: object) -> dict[str, float]:
    """Measure in a process of its own."""
    ran = subprocess.run([sys.executable, __file__, "--one", json.dumps(task)], capture_output=True, check=False)
    if ran.returncode:
        sys.exit(ran.stderr.decode())
    return dict(json.loads(ran.stdout))


def report(hours: float, naive_hours: float, cache: str) -> None:
    """Print one duration: first depth, second depth, and the naive way."""
    first = child(what="render", hours=hours, depth=0.5, cache=cache)
    second = child(what="render", hours=hours, depth=0.25, cache=cache)
    naive = child(what="naive", hours=naive_hours, codec=first["codec"], cache=cache)
    rate = hours * 3600 / first["seconds"]
    encoding = hours / naive_hours * naive["cpu"]
    print(f"{hours:g} h of {first['codec']}, seconds by the clock (of the processor):")
    print(
        f"  first depth {_times(first)}, {rate:,.0f} x real time, {first['mb']:.0f} MB; second depth {_times(second)}"
    )
    print(
        f"  naive, on {naive_hours:g} h: {_times(naive)}, {naive['mb']:,.0f} MB; {encoding:,.0f} of processor for all"
    )
    print(f"  ratio {encoding / first['cpu']:,.0f}; a second depth is {second['cpu'] / encoding:.4f} of encoding")


def _times(found: dict[str, float]) -> str:
    return f"{found['seconds']:.1f} s ({found['cpu']:.1f})"


def measure(what: str, **task: object) -> dict[str, object]:
    """Do one thing, and return its seconds and this process's peak memory in MB."""
    found = {"warm": warm, "render": render, "naive": naive, "score": score}[what](**task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**found, "mb": peak / (1e6 if sys.platform == "darwin" else 1e3)}


class Clock:
    """Seconds by the clock and of the processor since it was made: a busy machine stretches the first only."""

    def __init__(self) -> None:
        """Start."""
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, object]:
        """Return both."""
        return {"seconds": time.perf_counter() - self._began[0], "cpu": time.process_time() - self._began[1]}


def builder(hours: float, depth: float, cache: str, codec: str = "auto"):
    """Return a needle builder over two minutes of speech."""
    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.speech.source_voices import VoicesSource
    from lm_eval_longctx.sweep import parse_sweep
    from lm_eval_longctx.tasks.audio_niah.builder import AudioNeedleBuilder

    metadata = {"version": 1, "context_lengths": [f"{hours}h"], "depths": [depth], "pool": "2m", "codec": codec}
    sweep = parse_sweep(
        {**metadata, "haystack": "voices"},
        task="bench",
        unit=AudioNeedleBuilder.UNIT,
        options=AudioNeedleBuilder.OPTIONS,
    )
    return AudioNeedleBuilder(sweep, BuildContext(lambda _: VoicesSource, cache_dir=Path(cache)))


def warm(hours: list[float], cache: str) -> dict[str, object]:
    """Speak the pool and the needles, and encode the pool in both codecs."""
    for codec in ("flac", "opus"):
        made = builder(0.2, 0.5, cache, codec)
        made.render(made.samples()[0])
    for length in hours:
        for depth in (0.25, 0.5):
            builder(length, depth, cache).samples()
    return {}


def render(hours: float, depth: float, cache: str) -> dict[str, object]:
    """Plan and write one file, from cached utterances (the needle of this sample is spoken first)."""
    made = builder(hours, depth, cache)
    (sample,) = made.samples()
    clock = Clock()
    part = next(made.render(sample).media())
    times = clock.read()
    Path(part.path).unlink()
    return {**times, "codec": sample["codec"]}


def naive(hours: float, codec: str, cache: str) -> dict[str, object]:
    """Decode every utterance, join everything in memory, encode it as one file."""
    import numpy as np
    import soundfile

    made = builder(hours, 0.5, cache, codec)
    pool = made._pool
    clock = Clock()
    waves: list[np.ndarray] = []
    while sum(map(len, waves)) < hours * 3600 * 16_000:
        waves.append(pool.load(pool.utterances[len(waves) % len(pool.utterances)]))
    joined = np.concatenate(waves)
    kind = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}[codec]
    with tempfile.NamedTemporaryFile(suffix=".x") as file:
        soundfile.write(file.name, joined, 16_000, format=kind[0], subtype=kind[1])
    return clock.read()


def score() -> dict[str, object]:
    """Score two transcripts of 150,000 words that differ in one word of twelve."""
    from lm_eval_longctx.scorers.transcript import TranscriptScorer

    source = random.Random(0)  # noqa: S311 - reproducible, not secret
    said = [f"word{source.randrange(8000)}" for _ in range(WORDS)]
    written = [w if i % 12 else f"word{source.randrange(8000)}" for i, w in enumerate(said) if i % 50]
    scorer = TranscriptScorer({"normalizer": "whisper-english"})
    sample, answer = {"target": " ".join(said)}, " ".join(written)
    clock = Clock()
    values = scorer.score(sample, answer)
    scorer.details(sample, answer)
    return {**clock.read(), "wer": values["wer"]}


if __name__ == "__main__":
    main()
