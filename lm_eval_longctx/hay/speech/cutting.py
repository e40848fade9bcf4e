"""Cutting a recording where nobody speaks, so that each piece has whole words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, read_cached, write_cached
from lm_eval_longctx.prompt import AudioPart, file_digest

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from lm_eval_longctx.hay.speech.waveform import Waveform

VERSION = "1"
"""Raised when the same recording is meant to be cut elsewhere."""

SEGMENT = 30 * SAMPLE_RATE
"""Samples of the longest piece that a recogniser of short speech takes."""

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


@dataclass(frozen=True)
class Segmented:
    """A recording in pieces of 30 seconds at most; where it is cut is found once, and kept beside its sound.

    Attributes:
        sound: The recording at 16 kHz, as ``waveform.write_cached`` wrote it.
        digest: Names it.
        folder: Where pieces are written.
    """

    sound: Path
    digest: str
    folder: Path

    @cached_property
    def cuts(self) -> list[Cut]:
        """Where it is cut."""
        kept = self.sound.with_suffix(f".cuts-{SEGMENT}-{VERSION}.json")
        if not kept.is_file():
            write_whole(kept, json.dumps(at_pauses(read_cached(self.sound), SEGMENT)).encode())
        return [Cut(*row) for row in json.loads(kept.read_text(encoding="utf-8"))]

    @cached_property
    def edges(self) -> list[tuple[int, int]]:
        """The first sample of each piece, and that after its last."""
        import soundfile

        return list(pairwise([0, *(cut.at for cut in self.cuts), soundfile.info(str(self.sound)).frames]))

    def part(self, number: int) -> AudioPart:
        """Return a piece as 16 kHz FLAC; nothing but the piece is read."""
        first, last = self.edges[number]
        path = self.folder / self.digest[:2] / f"{self.digest}@{first}-{last}.flac"
        if not path.is_file():
            write_cached(path, read_cached(self.sound, first, last))
        return AudioPart(str(path), file_digest(path), "audio/flac", (last - first) / SAMPLE_RATE, SAMPLE_RATE)


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
