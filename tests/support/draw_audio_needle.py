"""Draws ``docs/audio-needle.png``: a rendered needle and the speech around it.

Run as ``python tests/support/draw_audio_needle.py``; needs the extras ``speech`` and ``report``.
"""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import vl_convert
from PIL import Image
from scipy import signal

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.speech.source_voices import VoicesSource
from lm_eval_longctx.report.palette import colour
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.audio_niah.builder import AudioNeedleBuilder

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000
AROUND = 3.5
"""Seconds before and after the needle."""

STEP = 80
"""Values of sound of which the loudest is drawn."""


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
    x = {"type": "quantitative", "title": "seconds", "scale": {"domain": [begin, end], "nice": False}}
    marks = {"data": {"values": [{"at": needle["start"]}, {"at": needle["end"]}]}}
    marks |= {"mark": {"type": "rule", "color": "#1fb5b5", "strokeWidth": 1.5}, "encoding": {"x": {**x, "field": "at"}}}
    loud = np.abs(cut[: len(cut) // STEP * STEP]).reshape(-1, STEP).max(axis=1)
    levels = [{"at": begin + index * STEP / RATE, "high": float(v), "low": -float(v)} for index, v in enumerate(loud)]
    high = {"field": "high", "type": "quantitative", "title": "amplitude"}
    shape = {"encoding": {"x": {**x, "field": "at", "title": None}, "y": high, "y2": {"field": "low"}}}
    place = {"x": begin, "x2": end, "y": 0, "y2": RATE / 2, "url": spectrogram(cut)}
    y = {"field": "y", "type": "quantitative", "title": "hertz", "scale": {"nice": False}}
    seen = {"x": {**x, "field": "x"}, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}, "url": {"field": "url"}}
    picture = {"data": {"values": [place]}, "mark": {"type": "image", "aspect": False}, "encoding": seen}
    panels = [
        {
            "height": 70,
            "layer": [{"data": {"values": levels}, "mark": {"type": "area", "color": "#30507a"}, **shape}, marks],
        },
        {"height": 170, "layer": [picture, marks]},
    ]
    spec = {
        "title": {"text": f"“{needle['text']}” between two utterances of other speakers", "fontSize": 12},
        "vconcat": [{"width": 600, **panel} for panel in panels],
        "config": {"font": "Liberation Sans", "view": {"stroke": None}},
    }
    png = vl_convert.svg_to_png(vl_convert.vegalite_to_svg(spec))
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64).save(out, optimize=True)


def spectrogram(wave: np.ndarray) -> str:
    """Return a picture of which frequencies are loud when, as a data URL."""
    _, _, power = signal.spectrogram(wave, RATE, nperseg=512, noverlap=384)
    loud = np.clip((10 * np.log10(power + 1e-14) + 140) / 100, 0, 1)[::-1]
    palette = np.array([colour(step / 255) for step in range(256)], dtype=np.uint8)
    drawn = io.BytesIO()
    Image.fromarray(palette[(loud * 255).astype(np.uint8)]).save(drawn, "PNG")
    return f"data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode()}"


if __name__ == "__main__":
    main()
