"""A day's sound track: bells, horns, whistles and drums over a quiet hum."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.hay.day.script import VERSION, Day
from lm_eval_longctx.hay.film.splice import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy.typing as npt

    Waveform = npt.NDArray[np.float64]

_LOUD = 20_000
_QUIET = 300


class DaySound:
    """What is heard in a day; implements ``Soundtrack``.

    Attributes:
        identity: Names the sound.
    """

    def __init__(self, day: Day) -> None:
        """Note what is heard in which second."""
        self.identity = hashlib.sha256(f"day sound {VERSION}|{day.name}|{day.seconds}".encode()).hexdigest()[:32]
        self._at = {second: heard.sound for heard in day.heard for second in heard.times}

    def second(self, number: int) -> npt.NDArray[np.int16]:
        """Return one second, mono, 16 kHz."""
        t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        wave = _QUIET * (np.sin(2 * np.pi * 110 * t) + 0.5 * np.sin(2 * np.pi * 165 * t))
        if number in self._at:
            wave = wave + _LOUD * _sound(self._at[number])
        return wave.astype(np.int16)


@lru_cache(maxsize=4)
def _sound(name: str) -> Waveform:
    """Return a sound of one second, float, within +-1."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    wave = _WAVES[name](t) * np.minimum(1, 20 * np.minimum(t, 1 - t))
    return np.asarray(wave / np.abs(wave).max())


def _bell(t: Waveform) -> Waveform:
    partials = np.array([[523, 1.0, 3], [1046, 0.6, 5], [1570, 0.4, 7], [2240, 0.25, 9]])
    pitch, loud, decay = partials.T[:, :, None]
    return np.asarray((loud * np.exp(-decay * t) * np.sin(2 * np.pi * pitch * t)).sum(axis=0))


def _horn(t: Waveform) -> Waveform:
    harmonics = np.arange(1, 9)[:, None]
    return np.asarray((np.sin(2 * np.pi * 233 * harmonics * t) / harmonics).sum(axis=0))


def _whistle(t: Waveform) -> Waveform:
    return np.asarray(np.sin(2 * np.pi * (2000 * t + 8 * np.sin(2 * np.pi * 25 * t))))


def _drum(t: Waveform) -> Waveform:
    return np.asarray(np.exp(-12 * t) * np.sin(2 * np.pi * (70 * t + 12 * (1 - np.exp(-20 * t)))))


_WAVES = {"bell": _bell, "horn": _horn, "whistle": _whistle, "drum": _drum}
