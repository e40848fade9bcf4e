"""How fast film is drawn, coded and changed, and in how much memory.

    python tests/benchmarks/bench_video.py                 # one hour: about half a minute
    python tests/benchmarks/bench_video.py --hours 10.5    # the report's length: some minutes
    python tests/benchmarks/bench_video.py --check         # and decode both films and compare every picture

Everything is measured in one process and one run: drawing and coding the
haystack, then films with a needle at new depths, made from the coded haystack.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from lm_eval_longctx.hay.film.codec import CODERS, DEFAULT
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut, write_film

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPTHS = (0.1, 0.5, 0.9)


def main() -> None:
    """Measure and print."""
    given = _arguments()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        _measure(Path(folder), given)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, help="length of the film (1)")
    parser.add_argument("--resolution", default="640x360")
    parser.add_argument("--codec", default=DEFAULT, choices=tuple(CODERS))
    parser.add_argument("--check", action="store_true", help="decode and compare every picture")
    parser.add_argument("--folder", default=None, help="where to put the films (the system's temporary folder)")
    return parser.parse_args()


def _measure(folder: Path, given: argparse.Namespace) -> None:
    look = Look.parse(given.resolution, 1.0)
    pictures = look.pictures(given.hours * 3600)
    library = Library(Film("benchmark", look), given.codec, folder / "hay")
    start, worked = time.perf_counter(), time.process_time()
    library.grow(pictures)
    coding, worked = time.perf_counter() - start, time.process_time() - worked
    depths = [_depth(library, pictures, depth, folder) for depth in DEPTHS]
    slowest = max(depths)
    size = (folder / "0.1.mp4").stat().st_size
    print(f"film                {given.hours:g} h, {pictures} pictures, {given.resolution}, {given.codec}")
    print(f"draw and code       {coding:.1f} s, {pictures / coding:.0f} pictures/s")
    print(f"processor time      {worked / given.hours:.1f} s an hour of film")
    times = f"{coding / slowest:.0f} times faster than coding"
    print(f"a new depth         {slowest:.2f} s (slowest of {len(DEPTHS)}), {times}")
    print(f"file                {size / 1e6:.0f} MB, {size / pictures / 1e3:.1f} kB a picture")
    print(f"peak memory         {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if given.check:
        print(f"pictures that differ between depths 0.1 and 0.9: {_differing(folder)}")


def _depth(library: Library, pictures: int, depth: float, folder: Path) -> float:
    needle = Overlay('The secret word is "otter"', library.hay.look.height * 7 // 100, 1.0, 0.4, 0.6)
    start = time.perf_counter()
    write_film(library, Cut(pictures, {round(depth * (pictures - 1)): needle}), folder / f"{depth}.mp4")
    return time.perf_counter() - start


def _differing(folder: Path) -> list[int]:
    pairs = zip(_greys(folder / "0.1.mp4"), _greys(folder / "0.9.mp4"), strict=True)
    return [number for number, (a, b) in enumerate(pairs) if not np.array_equal(a, b)]


def _greys(path: Path) -> Iterator[np.ndarray]:
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if Fraction(frame.pts) * frame.time_base != number:
                raise SystemExit(f"picture {number} of {path} is shown at {frame.time} s")
            yield frame.to_ndarray()


if __name__ == "__main__":
    main()
