"""Makes one figure of each kind, from sweeps with known answers, and the pictures that they are compared with.

Run as ``python tests/support/made_figures.py`` after a change of how figures look; then look at what changed.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from made_sweeps import TARGET, block, write_results
from PIL import Image

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.report.figures import drawn, figures
from lm_eval_longctx.results import read_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.report.figures import Figure
    from lm_eval_longctx.results import Run

GOLDEN = Path(__file__).resolve().parents[1] / "report" / "golden"
SMALLER = 0.5
"""Pixels a point in the kept pictures."""

COLOURS = 32
MODELS = {"lab/small-instruct": 0.3, "lab/large-instruct": 0.6, "other/long-context-preview": 1.2}
"""Names, and how far they get in 100,000 tokens."""


def answering(reach: float) -> Callable[[PlannedSample], Completion]:
    """Make a model that forgets the middle, refuses now and then, and takes no more than three times its reach."""

    def answer(sample: PlannedSample) -> Completion:
        luck = random.Random(f"{sample.length.label} {sample.depth} {sample.index} {reach}").random()  # noqa: S311
        amount, tokens = sample.length.amount, int(sample.length.amount)
        usage = Usage(prompt_tokens=tokens, output_tokens=5, cost=reach * tokens / 1e6)
        if amount > reach * 300_000:
            return Completion("", Outcome.CONTEXT_EXCEEDED, detail="too long")
        if luck > 0.95:
            return Completion("I cannot help with that.", Outcome.REFUSED, usage)
        middle = 1 - abs((sample.depth or 0.0) - 0.5) * 1.6
        found = luck > middle * amount / (reach * 150_000)
        return Completion(f"It is {TARGET}." if found else "I do not know.", usage=usage, seconds=0.5)

    return answer


def text_runs(folder: Path) -> list[Run]:
    """Return three models on one task of text, with unscored cells and cells that were not run."""
    lengths = ["1k", "4k", "16k", "64k", "128k"]
    for name, reach in MODELS.items():
        made = block(answering(reach), context_lengths=lengths, depths=5, samples_per_cell=3)
        if reach > 1:
            del made["cells"][-1]
        write_results(folder / name, {"longctx_text_niah": made}, model=name)
    return read_runs([folder])


def loss_runs(folder: Path) -> list[Run]:
    """Return two models with a loss by position."""
    for name, offset in (("lab/small", 2.2), ("lab/large", 1.6)):
        made = block(lambda _: Completion(TARGET), context_lengths=["1k", "4k", "16k", "64k"], depths=1)
        places = [row["amount"] for row in made["lengths"]]
        bend = [0.0, 0.0, 0.0, -0.12]
        made["curve"] = [
            {
                "length": row["length"],
                "position": at - 256,
                "end": at,
                "mean": 6 * at**-0.3 + offset + more,
                "cumulative": 8 * at**-0.3 + offset + more / 2,
                "bits_per_byte": 1.0,
                "repeated": min(1.0, at / 131072),
                "tokens": 512,
                "documents": 8,
            }
            for row, at, more in zip(made["lengths"], places, bend, strict=True)
        ]
        for row, point in zip(made["lengths"], made["curve"], strict=True):
            row["interval"] = {"low": point["cumulative"] - 0.1, "high": point["cumulative"] + 0.1, "level": 0.95}
        ends = {"low": 0.0, "high": 0.0, "level": 0.95, "method": "t"}
        values = {"scale": 8.0, "exponent": -0.3, "offset": offset}
        law: dict[str, Any] = {key: {"value": value, **ends} for key, value in values.items()}
        made["power_law"] = {
            **law,
            "leaves_at": "64k",
            "documents": 8,
            "positions": 4,
            "r2": 1.0,
            "aic": 0.0,
            "aic_plain": 1.0,
            "aic_log_linear": 1.0,
        }
        write_results(folder / name, {"longctx_text_nll": made}, model=name)
    return read_runs([folder])


def film_runs(folder: Path) -> list[Run]:
    """Return two models that were shown films as several numbers of frames."""
    for name, best in (("lab/small", 0.5), ("lab/large", 0.9)):
        made = block(lambda _: Completion(TARGET), context_lengths=["1k"], depths=1)
        base = {"outcomes": {"complete": 8}, "scored": 8, "n": 8, "interval": None}
        shares = {"0": 0.25, "1": 0.3, "16": 0.6, "150": 0.8, "all": 1.0}
        made["variants"] = [
            {**base, "variant": f"kind={kind},frames={count}", "metrics": {"exact": {"value": best * share, "n": 8}}}
            for count, share in shares.items()
            for kind in ("count", "order")
        ]
        write_results(folder / name, {"longctx_video_qa": made}, model=name)
    return read_runs([folder])


def sound_runs(folder: Path) -> list[Run]:
    """Return two models that transcribed recordings of eight minutes."""
    for name, worse in (("lab/small", 0.05), ("lab/large", 0.01)):
        made = block(lambda _: Completion(TARGET), context_lengths=["1k"], depths=1)
        made["specification"]["unit"] = "seconds"
        write_results(folder / name, {"longctx_audio_asr": made}, model=name)
        file = folder / name / "samples_longctx_audio_asr_2026-01-01T00.jsonl"
        wrong = [min(1.0, 0.05 + worse * minute**2) for minute in range(8)]
        sample = {"id": "0" * 16, "context_label": "1k", "depth": 0.5, "words_by_minute": [140] * 8}
        line = {"doc": sample, "reading": [{"wer_by_minute": wrong}], "resps": [["x"]]}
        file.write_text(f"{json.dumps(line)}\n", encoding="utf-8")
    return read_runs([folder])


def every(folder: Path) -> dict[str, Figure]:
    """Return a figure of each kind, by kind; the heatmap is that of the model with most kinds of cells."""
    of_text = figures(text_runs(folder / "text"), published=True)
    others = [*loss_runs(folder / "loss"), *film_runs(folder / "film"), *sound_runs(folder / "sound")]
    found = {one.kind: one for one in [*figures(others), *of_text] if one.kind != "heatmap"}
    maps = [one for one in of_text if one.kind == "heatmap"]
    return {**found, "heatmap": max(maps, key=lambda one: len({row["state"] for row in one.data["cells"]}))}


CASES = tuple(
    (kind, look)
    for kind, looks in {
        "heatmap": ("light", "dark", "paper"),
        "lengths": ("light", "dark", "paper"),
        **dict.fromkeys(
            ("effective", "position", "minutes", "frames", "loss", "cost", "outcomes", "differences"), ("light",)
        ),
    }.items()
    for look in looks
)
"""Which kinds are kept in which looks."""


def small(figure: Figure, look: str) -> Image.Image:
    """Draw a figure small and in grey, as it is kept."""
    import vl_convert

    svg = drawn(figure, "svg", look).decode()
    return Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=SMALLER))).convert("L")


def differing(first: Image.Image, second: Image.Image) -> float:
    """Return which share of two pictures differs visibly; 1 for other sizes."""
    if first.size != second.size:
        return 1.0
    apart = np.abs(np.asarray(first, dtype=int) - np.asarray(second, dtype=int))
    return float((apart > 48).mean())


def main() -> None:
    """Draw all pictures anew."""
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = every(Path(folder))
    for kind, look in CASES:
        small(made[kind], look).quantize(COLOURS).save(GOLDEN / f"{kind}-{look}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
