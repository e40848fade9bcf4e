"""Contact sheets of frames, and spectrograms with what is said: drawn with Pillow and numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lm_eval_longctx.preview.media import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from lm_eval_longctx.hay.speech.heard import Heard
    from lm_eval_longctx.preview.media import Sound

_PAPER, _INK, _FAINT, _NEEDLE = (255, 255, 255), (32, 32, 32), (200, 200, 200), (213, 94, 0)
"""The needle is vermilion of the set of Okabe and Ito: told from grey with any colour vision."""

_TYPE = 14
_GAP = 8
_OUTLINE = 5

_WIDTH, _HEIGHT = 1200, 320
_LEFT, _TRACK = 52, 22
_FLOOR_DB = 70.0
"""What is so much quieter than the loudest is white."""

_WINDOW = 0.025
"""Seconds that are looked at together: short enough for single sounds, long enough for their pitch."""

_HIGHEST = 8000.0
"""Hertz; speech has little above."""


@dataclass(frozen=True)
class Frame:
    """A picture of a contact sheet.

    Attributes:
        label: Its time, or its number.
        picture: As a model is shown it.
        needle: Whether the needle is on it.
    """

    label: str
    picture: Image.Image
    needle: bool = False


def contact_sheet(title: str, frames: Sequence[Frame], *, columns: int = 5, tile: int = 240) -> Image.Image:
    """Return frames side by side with their labels, those with a needle outlined.

    Args:
        title: Above them; one line.
        frames: In order; at least one.
        columns: Frames in a row at most.
        tile: Width of a frame, in pixels.
    """
    first = frames[0].picture
    height = max(1, round(tile * first.height / first.width))
    across, down = min(columns, len(frames)), -(-len(frames) // columns)
    cell = (tile + _GAP, height + 2 * _TYPE + _GAP)
    sheet = Image.new("RGB", (across * cell[0] + _GAP, down * cell[1] + 2 * _TYPE + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), _fitting(title, sheet.width - 2 * _GAP), _INK, _font())
    for number, frame in enumerate(frames):
        left, top = _GAP + number % columns * cell[0], 2 * _TYPE + _GAP + number // columns * cell[1]
        sheet.paste(frame.picture.convert("RGB").resize((tile, height), Image.Resampling.LANCZOS), (left, top))
        if frame.needle:
            edge = _OUTLINE // 2 + 1
            box = (left - edge, top - edge, left + tile + edge - 1, top + height + edge - 1)
            draw.rectangle(box, outline=_NEEDLE, width=_OUTLINE)
        label = f"{frame.label}  needle" if frame.needle else frame.label
        draw.text((left, top + height + 5), _fitting(label, tile), _NEEDLE if frame.needle else _INK, _font())
    return sheet


def spectrogram(
    title: str, sound: Sound, begins: float, needle: tuple[float, float], heard: Sequence[Heard] = ()
) -> Image.Image:
    """Return how loud each pitch is over some seconds, with the needle framed and the words below at their seconds.

    Args:
        title: Above it; one line.
        sound: The seconds.
        begins: When they begin in the recording.
        needle: Its start and end in the recording.
        heard: What is said, as far as it is known.
    """
    seconds = len(sound.samples) / sound.rate
    top, bottom = 2 * _TYPE + _GAP, 2 * _TYPE + _GAP + _HEIGHT
    sheet = Image.new("RGB", (_LEFT + _WIDTH + _GAP, bottom + _TRACK + 3 * _TRACK), _PAPER)
    shade = Image.fromarray(_loudness(sound)).resize((_WIDTH, _HEIGHT), Image.Resampling.BILINEAR)
    sheet.paste(shade.convert("RGB"), (_LEFT, top))
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), _fitting(title, sheet.width - 2 * _GAP), _INK, _font())

    def across(moment: float) -> float:
        return _LEFT + min(1.0, max(0.0, (moment - begins) / seconds)) * _WIDTH

    _draw_axes(draw, sound, begins, bottom)
    left, right = across(needle[0]), across(needle[1])
    draw.rectangle((left, top, max(right, left + 2), bottom), outline=_NEEDLE, width=3)
    for one in heard:
        marked = one.start < needle[1] and one.stop > needle[0]
        _draw_words(draw, one, (across(one.start), across(one.stop)), bottom + _TRACK, marked=marked)
    return sheet


def _loudness(sound: Sound) -> npt.NDArray[np.uint8]:
    """Return a grey picture, time to the right and pitch upwards: black is loudest."""
    size = max(16, int(_WINDOW * sound.rate))
    samples = np.pad(sound.samples, (0, max(0, size - len(sound.samples))))
    step = max(1, (len(samples) - size) // _WIDTH)
    starts = np.arange(0, len(samples) - size + 1, step)
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[starts] * np.hanning(size)
    power = np.abs(np.fft.rfft(windows, n=4 * size)) ** 2
    kept = power[:, : max(2, int(power.shape[1] * min(1.0, _HIGHEST / (sound.rate / 2))))]
    decibels = 10 * np.log10(kept.T[::-1] + 1e-12)
    shade = (decibels.max() - decibels) / _FLOOR_DB
    picture: npt.NDArray[np.uint8] = (255 * shade.clip(0, 1)).astype(np.uint8)
    return picture


def _draw_axes(draw: ImageDraw.ImageDraw, sound: Sound, begins: float, bottom: int) -> None:
    highest = min(_HIGHEST, sound.rate / 2)
    for kilohertz in range(0, int(highest / 1000) + 1, 2):
        y = bottom - kilohertz * 1000 / highest * _HEIGHT
        draw.line((_LEFT - 5, y, _LEFT, y), _INK)
        draw.text((_LEFT - 8, y), f"{kilohertz} kHz", _INK, _font(11), anchor="rm")
    seconds = len(sound.samples) / sound.rate
    every = next((step for step in (1, 2, 5, 10, 30, 60) if seconds / step <= 12), 300)  # noqa: PLR2004 - labels that fit
    first = int(-(-begins // every)) * every
    for moment in range(first, int(begins + seconds) + 1, every):
        x = _LEFT + (moment - begins) / seconds * _WIDTH
        draw.line((x, bottom, x, bottom + 5), _INK)
        draw.text((x, bottom + 6), clock(moment), _INK, _font(11), anchor="ma")


def _draw_words(draw: ImageDraw.ImageDraw, one: Heard, span: tuple[float, float], top: float, *, marked: bool) -> None:
    """Write the words of an utterance below its seconds, as many as fit into three lines."""
    left, right = span
    draw.line((left, top + 3, max(left + 1, right - 3), top + 3), _NEEDLE if marked else _FAINT, width=3)
    lines: list[str] = []
    words = one.text.split()
    while words and len(lines) < 3:  # noqa: PLR2004 - what the track has room for
        count = next((n for n in range(len(words), 1, -1) if _wide(" ".join(words[:n])) <= right - left), 1)
        last = len(lines) == 2 and count < len(words)  # noqa: PLR2004
        lines.append(" ".join(words[:count]) + (" ..." if last else ""))
        words = words[count:]
    for number, line in enumerate(lines):
        shown = _fitting(line, right - left, _TYPE - 1)
        draw.text((left, top + 7 + number * (_TYPE + 2)), shown, _NEEDLE if marked else _INK, _font(_TYPE - 1))


def _fitting(text: str, width: float, size: int = _TYPE) -> str:
    """Cut a text so that it is no wider than so many pixels."""
    if _wide(text, size) <= width:
        return text
    while text and _wide(text + "...", size) > width:
        text = text[:-1]
    return text + "..." if text else ""


def _wide(text: str, size: int = _TYPE - 1) -> float:
    return float(_font(size).getlength(text))


@lru_cache(maxsize=8)
def _font(size: int = _TYPE) -> Any:
    return ImageFont.load_default(size)
