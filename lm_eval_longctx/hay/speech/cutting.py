"""Cutting a recording where nobody speaks, so that each piece has whole words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy.typing as npt

    from lm_eval_longctx.hay.speech.waveform import Waveform

VERSION = "1"
"""Raised when the same recording is meant to be cut elsewhere."""

_FRAME = SAMPLE_RATE // 50
_PAUSE = 10
"""Frames that must be quiet together: a fifth of a second."""

_SEARCHED = 1 / 3
"""Share of the longest piece before its end in which the quietest moment is looked for."""

_LEAST = 1 / 6
"""Share of the longest piece that the last one has at least: a second of sound alone is often misheard."""

_ACTIVE = 1e-3
"""Frames with this share of the loudest one's power, or more, are speech."""

_NOTHING = 1e-12
"""Power of digital silence, so that it has a level."""


class Cut(NamedTuple):
    """Where a recording is cut.

    Attributes:
        at: The first sample of what comes after.
        level: How loud the fifth of a second around it is, in dB above the recording's speech: far below 0 in a pause.
    """

    at: int
    level: float


def at_pauses(wave: Waveform, longest: int) -> list[Cut]:
    """Return where to cut a recording into pieces, each in the quietest moment near the end of the longest piece.

    Args:
        wave: The recording, mono, 16 kHz.
        longest: Samples of the longest piece; a second or more.
    """
    power = _power(wave)
    if len(power) < _PAUSE:
        return []
    around = np.convolve(power, np.ones(_PAUSE), "valid") / _PAUSE
    speech = float(power[power >= _ACTIVE * power.max()].mean())
    found: list[Cut] = []
    at = 0
    while len(wave) - at > longest:
        last = at + min(longest, len(wave) - at - round(_LEAST * longest))
        first = at + round((1 - _SEARCHED) * longest)
        middle = _quietest(around, first, last)
        window = around[middle // _FRAME - _PAUSE // 2]
        at = middle
        found.append(Cut(at, round(10 * float(np.log10(max(window, _NOTHING) / max(speech, _NOTHING))), 1)))
    return found


def _power(wave: Waveform) -> npt.NDArray[np.float64]:
    """Return the mean power of each 20 ms; a recording of hours is not copied."""
    count = len(wave) // _FRAME
    frames = wave[: count * _FRAME].reshape(count, _FRAME)
    power: npt.NDArray[np.float64] = np.einsum("ij,ij->i", frames, frames).astype(np.float64) / _FRAME
    return power


def _quietest(around: npt.NDArray[np.float64], first: int, last: int) -> int:
    """Return the middle of the quietest window between two samples."""
    half = _PAUSE // 2
    low = max(0, -(-first // _FRAME) - half)
    high = min(len(around), last // _FRAME - half + 1)
    return (low + int(np.argmin(around[low:high])) + half) * _FRAME
