"""Recordings whose words are tones, and an ear that reads them: what is heard follows from the sound alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
_WORD, _LOWEST, _STEP = 0.5, 200, 20


def word(number: int) -> str:
    """Return the word that a tone means: letters only, so that normalizers leave it alone."""
    return "w" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:03d}")


def tones(numbers: list[int], pauses: list[float]) -> np.ndarray:
    """Return tones of half a second, each followed by a pause of its own in seconds."""
    at = np.arange(int(_WORD * RATE)) / RATE
    made = []
    for number, pause in zip(numbers, pauses, strict=True):
        made += [0.3 * np.sin(2 * np.pi * (_LOWEST + _STEP * number) * at), np.zeros(int(pause * RATE))]
    wave = np.concatenate(made)
    return (wave + 1e-3 * np.random.default_rng(0).standard_normal(len(wave))).astype(np.float32)


def heard(path: str | Path) -> list[int]:
    """Return the tones of a recording in order; a part of one counts as one."""
    wave, rate = soundfile.read(str(path), dtype="float32")
    frame = rate // 100
    frames = wave[: len(wave) // frame * frame].reshape(-1, frame)
    loud = (np.square(frames).mean(axis=1) > 1e-3).astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud, [0]))))
    found = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        stretch = wave[first * frame : last * frame]
        peak = np.argmax(np.abs(np.fft.rfft(stretch, 4 * rate))) / 4
        found.append(round((peak - _LOWEST) / _STEP))
    return found


def recording(folder: Path, name: str, numbers: list[int], pauses: list[float]) -> Path:
    """Write a recording (WAV: no piece of it is the same file) with its transcript beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}.wav", tones(numbers, pauses), RATE)
    (folder / f"{name}.txt").write_text(" ".join(map(word, numbers)))
    return folder / f"{name}.wav"
