"""The samples of a report, compressed: one block a cell, which the browser opens when somebody looks.

A block is gzip in base64, so that nothing an answer holds can be markup or a
script, and a page of a hundred thousand samples stays small and quick to open.
"""

from __future__ import annotations

import base64
import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.answers import LONGEST, as_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.report.answers import Answer, Place
    from lm_eval_longctx.results import Run

MOST_CHARACTERS = 60_000_000
"""Characters of all texts together, before they are compressed: the more samples, the less is kept of a long text."""

MOST_SAMPLES = 200_000
"""Samples on one page."""

_SHORTEST = 300
_LEAST = 20
"""Samples of a cell that are kept, however many cells there are."""

_LEVEL = 1
"""Of compression: level 4 takes 1.8 times as long and saves a twelfth, level 6 2.2 times and an eighth."""


@dataclass(frozen=True)
class Bounds:
    """How much of the samples a page holds.

    Attributes:
        longest: Characters of a text.
        most: Samples of a cell; how many more there are is said.
    """

    longest: int = LONGEST
    most: int = MOST_SAMPLES

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Bounds:
        """Return what keeps the page of these runs within its size."""
        samples = sum(run.block["summary"]["n"] for run in runs if run.samples_file) or 1
        cells = sum(len(run.block["cells"]) for run in runs) or 1
        longest = min(LONGEST, max(_SHORTEST, MOST_CHARACTERS // samples))
        return cls(longest, MOST_SAMPLES if samples <= MOST_SAMPLES else max(_LEAST, MOST_SAMPLES // cells))


def pack(plain: bytes) -> str:
    """Return bytes as gzip in base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(plain, _LEVEL, mtime=0)).decode("ascii")


def sample_blocks(
    answers: Mapping[Place, Sequence[Answer]],
    about: Mapping[Place, Mapping[str, Any]],
    bounds: Bounds,
    around: Mapping[tuple[str, str], int],
) -> dict[Place, str]:
    """Return a block for each cell of a run that is told about.

    Args:
        answers: The run's answers by cell; none where nobody kept them.
        about: What is told of each cell beside its samples.
        bounds: How much is kept.
        around: The number of the block in which a needle's surroundings are, by task and sample.
    """
    wholes = [_whole(told, answers.get(place, ()), bounds.most, around) for place, told in about.items()]
    with ThreadPoolExecutor() as threads:  # zlib works without Python's lock
        return dict(zip(about, threads.map(pack, wholes), strict=True))


def _whole(
    told: Mapping[str, Any], answers: Sequence[Answer], most: int, around: Mapping[tuple[str, str], int]
) -> bytes:
    """Return a cell as JSON: what is told of it, its samples, and how many are left out."""
    head = as_json({**told, "left_out": max(0, len(answers) - most)})
    samples = (_with_previews(one, around.get((told["task"], one.id))) for one in answers[:most])
    return head[:-1] + b',"samples":[' + b",".join(samples) + b"]}"


def _with_previews(answer: Answer, block: int | None) -> bytes:
    return answer.plain if block is None else answer.plain[:-1] + b',"around":%d}' % block
