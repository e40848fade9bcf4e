"""Draws ``docs/audio-needle.png``: a rendered needle and the speech around it.

Run as ``python tests/support/draw_audio_needle.py``; needs the extras ``speech`` and ``report``.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile
from PIL import Image

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.speech.source_voices import VoicesSource
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.audio_niah.builder import AudioNeedleBuilder

mpl.use("Agg")

from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000
AROUND = 3.5
"""Seconds before and after the needle."""


def main() -> None:
    """Render a minute with a needle in its middle, and draw it."""
    metadata = {"version": 1, "context_lengths": ["1m"], "depths": [0.5], "haystack": "voices", "pool": "1m"}
    sweep = parse_sweep(metadata, task="drawing", unit=AudioNeedleBuilder.UNIT, options=AudioNeedleBuilder.OPTIONS)
    with tempfile.TemporaryDirectory() as cache:
        builder = AudioNeedleBuilder(sweep, BuildContext(lambda _: VoicesSource, cache_dir=Path(cache)))
        (sample,) = builder.samples()
        wave, _ = soundfile.read(next(builder.render(sample).media()).path)
    draw(wave, sample["needles"][0], ROOT / "docs" / "audio-needle.png")


def draw(wave: np.ndarray, needle: dict, out: Path) -> None:
    """Draw waveform and spectrogram from some seconds before a needle to some seconds after it."""
    begin, end = needle["start"] - AROUND, needle["end"] + AROUND
    cut = wave[round(begin * RATE) : round(end * RATE)]
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 4.4), height_ratios=[1, 2.4], sharex=True)
    above.plot(begin + np.arange(len(cut)) / RATE, cut, lw=0.3, color="#30507a")
    below.specgram(cut, NFFT=512, noverlap=384, Fs=RATE, xextent=(begin, end), vmin=-140, vmax=-40, cmap="magma")
    for axis in (above, below):
        axis.axvline(needle["start"], color="#1fb5b5")
        axis.axvline(needle["end"], color="#1fb5b5")
    above.set_title(f"“{needle['text']}” between two utterances of other speakers", fontsize=10)
    above.set_ylabel("amplitude")
    below.set_ylabel("hertz")
    below.set_xlabel("seconds")
    figure.tight_layout()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=80)
    Image.open(drawn).convert("RGB").quantize(64).save(out, optimize=True)


if __name__ == "__main__":
    main()
