"""What is heard under and between the speech: room tone or background noise.

Every piece of a haystack begins and ends in the same 40 ms of noise, cut in the
middle, so that any piece may follow any other without a click; and the same
noise lies under hay and needle alike, so that neither silence nor hiss gives
the needle away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, SPEECH_LEVEL

if TYPE_CHECKING:
    import numpy.typing as npt

    from lm_eval_longctx.hay.speech.waveform import Waveform

NOISES = ("pink", "white", "hum")
ROOM_TONE_SNR = 45.0
"""Decibels between speech and room tone where nobody asks for noise."""

_LOOP = 60 * SAMPLE_RATE
_SEAM = SAMPLE_RATE // 50


@dataclass(frozen=True)
class Floor:
    """A background.

    Attributes:
        noise: ``pink`` (like wind or traffic), ``white`` (hiss), or ``hum``
            (mains hum with hiss).
        snr_db: How far below the speech it lies, in dB.
    """

    noise: str = "pink"
    snr_db: float = ROOM_TONE_SNR

    def under(self, samples: int, key: str) -> Waveform:
        """Return background for one piece.

        Args:
            samples: How long; at least 640.
            key: Names the piece: equal keys give equal noise.
        """
        loop = _noise(self.noise)
        start = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % (_LOOP - 1)
        piece = loop[(start + np.arange(samples)) % _LOOP]
        _seam(piece, loop)
        gain = 10 ** ((SPEECH_LEVEL - self.snr_db) / 20)
        return np.asarray(piece * gain, dtype=np.float32)


def _seam(piece: Waveform, loop: Waveform) -> None:
    """Blend a piece's ends into the second and first half of the same stretch of noise."""
    rise = np.sin(np.linspace(0, np.pi / 2, _SEAM, dtype=np.float32))
    stretch = loop[: 2 * _SEAM]
    # Equal power, not equal amplitude: sine and cosine keep the level of two noises that are not alike.
    piece[:_SEAM] = stretch[_SEAM:] * rise[::-1] + piece[:_SEAM] * rise
    piece[-_SEAM:] = stretch[:_SEAM] * rise + piece[-_SEAM:] * rise[::-1]


@lru_cache(maxsize=len(NOISES))
def _noise(kind: str) -> Waveform:
    """Return a minute of noise that loops, with a root mean square of 1."""
    white = steady_noise(_LOOP)
    spectrum = np.fft.rfft(white)
    hertz = np.fft.rfftfreq(_LOOP, 1 / SAMPLE_RATE)
    if kind == "pink":
        # Pink: amplitude falls as 1/sqrt(f); flat below 30 Hz, or rumble that nobody hears would set the level.
        spectrum *= 1 / np.sqrt(np.maximum(hertz, 30.0))
    noise = np.fft.irfft(spectrum, _LOOP)
    if kind == "hum":
        time = np.arange(_LOOP) / SAMPLE_RATE
        noise = 0.2 * noise / noise.std() + sum(np.sin(2 * np.pi * 50 * k * time) / k for k in (1, 2, 3, 5))
    return np.asarray(noise / noise.std(), dtype=np.float32)


def steady_noise(count: int) -> npt.NDArray[np.float64]:
    """Return numbers in [-1, 1) from a counter through a bit mixer (splitmix64): equal on every platform."""
    with np.errstate(over="ignore"):
        bits = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0)
