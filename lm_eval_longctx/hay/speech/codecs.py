"""Files of any length, put together from packets that were encoded once.

A *packet* is a codec's own unit: a FLAC frame of 1,152 samples, 60 ms of Opus,
a block of PCM. An utterance is encoded once, padded to whole packets; a
haystack is then a list of packets with new numbers, so that another depth
costs no encoding at all, and ten hours are never in memory.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.files import all_written
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Pcm = npt.NDArray[np.int16]


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
    with (
        all_written(path, 2 * total),
        soundfile.SoundFile(str(path), "w", SAMPLE_RATE, 1, "PCM_16", format=kind) as file,
    ):
        for packets in pieces:
            file.buffer_write(b"".join(packets), dtype="int16")
        file.buffer_write(tail.astype("<i2").tobytes(), dtype="int16")


class Codec(Protocol):
    """How packets are made and put into a file; one module each.

    Attributes:
        GRID: Samples in a packet, at 16 kHz.
        VERSION: Raised when the same samples would give other bytes.
        EXACT: Whether decoding gives back the very samples.
    """

    GRID: int
    VERSION: str
    EXACT: bool

    def encode(self, pcm: Pcm) -> list[bytes]:
        """Encode samples, shape (k x GRID,), as k packets that may stand between any others."""

    def write(self, path: Path, pieces: Iterable[list[bytes]], tail: Pcm, total: int) -> None:
        """Write a whole file.

        Args:
            path: Where to.
            pieces: Lists of packets, in order.
            tail: Fewer than GRID samples that follow the last packet.
            total: All samples, the tail included.
        """


@dataclass(frozen=True)
class Format:
    """A kind of file that haystacks can be written as.

    Attributes:
        name: What users write.
        module: Where its codec is.
        suffix: Of the file.
        mime: For providers.
    """

    name: str
    module: str
    suffix: str
    mime: str


FORMATS = {
    f.name: f
    for f in (
        Format("flac", "codec_flac", ".flac", "audio/flac"),
        Format("opus", "codec_opus", ".ogg", "audio/ogg"),
        Format("wav", "codecs", ".wav", "audio/wav"),
    )
}
CHOICES = ("auto", *FORMATS)
LONGEST_FLAC = 10 * 3600 * SAMPLE_RATE
"""Longer files are Opus when the codec is ``auto``: 11 h are 0.7 GB of FLAC and 0.1 GB of Opus."""


def choose(name: str, samples: int) -> Format:
    """Return the format of a file: the named one, or by duration for ``auto``.

    Raises:
        UnknownOptionError: There is no such codec.
    """
    if name == "auto":
        name = "flac" if samples <= LONGEST_FLAC else "opus"
    if name not in FORMATS:
        raise unknown_option("codec", name, CHOICES)
    return FORMATS[name]


def codec(of: Format) -> Codec:
    """Return the codec of a format (imported now, not before)."""
    found: Codec = importlib.import_module(f"lm_eval_longctx.hay.speech.{of.module}")
    return found
