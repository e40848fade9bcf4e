"""Needles in their surroundings for the page: few, of the samples that people will ask about first.

A prompt is made again from its recipe, and what lies around its needle is cut
out: some text, a frame, seconds of sound. That costs time and room, so only
some samples have it: one of each cell that is not perfect, the worst answered,
before any other, and nothing that would take long to make.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.preview import Recipes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.preview import Excerpt
    from lm_eval_longctx.report.answers import Answer, Place
    from lm_eval_longctx.results import Run

    Answers = Mapping[Place, Sequence[Answer]]
    Around = Mapping[tuple[str, str], list[dict[str, Any]]]

PREVIEWS = 60
"""Samples that have their needle's surroundings on the page, unless another number is asked for."""

_SECONDS = 20.0
"""After this time no further prompt is made again."""

_LONGEST = {"tokens": 300_000, "seconds": 900, "images": 200}
"""Prompts that are longer are not made again for a preview; of other units all are."""

_MOST_BYTES = 200_000
_MOST_EXCERPTS = 4
"""Of one sample."""


@dataclass(frozen=True)
class Previews:
    """What lies around the needles of some samples.

    Attributes:
        around: By task and sample.
        note: What was left out, and why; empty if nothing was.
    """

    around: Around
    note: str = ""


def make_previews(runs: Sequence[Run], answers: Sequence[Answers], most: int = PREVIEWS) -> Previews:
    """Make previews of the samples that people will ask about first.

    Args:
        runs: The runs of the page.
        answers: The answers of each, by cell.
        most: How many samples are previewed.
    """
    end = time.monotonic() + _SECONDS
    around: dict[tuple[str, str], list[dict[str, Any]]] = {}
    problems: dict[str, str] = {}
    recipes: dict[int, Recipes] = {}
    for index, answer in _chosen(runs, answers):
        run = runs[index]
        if len(around) >= most or time.monotonic() > end:
            break
        if run.samples_file is None or run.task in problems or (run.task, answer.id) in around:
            continue
        try:
            if index not in recipes:
                recipes[index] = Recipes(run.metadata, run.block["specification"], _system(run))
            found = _plain(recipes[index].excerpts(_sample(run.samples_file, answer.line)))
        except LongctxError as error:
            problems[run.task] = str(error)
        except (LookupError, TypeError, ValueError, OSError) as error:
            # Samples of other versions may lack what their builder reads now: no reason to have no report
            problems[run.task] = f"{type(error).__name__}: {error}"
        else:
            around |= {(run.task, answer.id): found} if found else {}
    return Previews(around, "; ".join(f"{task}: {reason}" for task, reason in problems.items()))


def _chosen(runs: Sequence[Run], answers: Sequence[Answers]) -> Iterator[tuple[int, Answer]]:
    """Yield each run's number with one sample a cell, the worst answered: cells that are not perfect come first."""
    perfect = []
    for index, (run, cells) in enumerate(zip(runs, answers, strict=True)):
        better = run.block["metrics"][0]["higher_is_better"]
        short = _short_places(run)
        for place, some in cells.items():
            scored = [one for one in some if one.score is not None]
            if not scored or place not in short:
                continue
            worst = (min if better else max)(scored, key=lambda one: one.score or 0.0)
            if worst.score == (1.0 if better else 0.0):
                perfect.append((index, worst))
            else:
                yield index, worst
    yield from perfect


def _short_places(run: Run) -> set[Place]:
    """Return the cells whose prompts can be made again quickly."""
    rows = run.block["cells"]
    return {(row["length"], row["depth"]) for row in rows if row["amount"] <= _LONGEST.get(row["unit"], row["amount"])}


def _system(run: Run) -> str:
    return str((run.block.get("sent") or {}).get("sys", ""))


def _sample(file: Path, number: int) -> Any:
    """Return the sample in a line of the log."""
    with file.open("rb") as lines:
        return json.loads(next(islice(lines, number - 1, None)))["doc"]


def _plain(excerpts: Iterator[Excerpt]) -> list[dict[str, Any]]:
    """Return excerpts as JSON can hold them, as many as there is room for."""
    kept: list[dict[str, Any]] = []
    room, left_out = _MOST_BYTES, 0
    for one in excerpts:
        if len(one.data) > room or len(kept) == _MOST_EXCERPTS:
            left_out += 1
            continue
        room -= len(one.data)
        kept.append({**asdict(one), "data": base64.b64encode(one.data).decode()})
    if left_out:
        kept.append(
            {"kind": "note", "caption": f"left out here: {left_out} more of what lies around this sample's needles"}
        )
    return kept
