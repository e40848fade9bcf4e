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
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Pcm = npt.NDArray[np.int16]


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
        Format("wav", "codec_wav", ".wav", "audio/wav"),
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
