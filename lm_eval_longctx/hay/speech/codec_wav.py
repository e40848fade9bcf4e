"""Plain PCM, for providers that take nothing else; RF64 where WAV's 4 GB do not suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lm_eval_longctx.hay.speech.codecs import Pcm

GRID = 1152
VERSION = "pcm16"
EXACT = True

_WAV_LIMIT = (1 << 32) - 4096


def encode(pcm: Pcm) -> list[bytes]:
    """Cut samples into packets of little-endian PCM."""
    data = pcm.astype("<i2").tobytes()
    return [data[start : start + 2 * GRID] for start in range(0, len(data), 2 * GRID)]


def write(path: Path, pieces: Iterable[list[bytes]], tail: Pcm, total: int) -> None:
    """Write a WAV file; see ``codecs.Codec``."""
    import soundfile

    kind = "WAV" if 2 * total < _WAV_LIMIT else "RF64"
    with soundfile.SoundFile(str(path), "w", SAMPLE_RATE, 1, "PCM_16", format=kind) as file:
        for packets in pieces:
            file.buffer_write(b"".join(packets), dtype="int16")
        file.buffer_write(tail.astype("<i2").tobytes(), dtype="int16")
