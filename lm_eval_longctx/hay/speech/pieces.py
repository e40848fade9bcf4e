"""Pieces: utterances made ready to stand side by side, and encoded once.

A piece is 50 ms of background, the utterance at the common level with its ends
faded into the background, and a pause; its length is a whole number of the
codec's packets, so pieces can be put in any order without being touched again.
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.speech.codecs import Format, codec
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, SPEECH_LEVEL, levelled, to_pcm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lm_eval_longctx.hay.speech.codecs import Pcm
    from lm_eval_longctx.hay.speech.floor import Floor
    from lm_eval_longctx.hay.speech.source import Utterance
    from lm_eval_longctx.hay.speech.waveform import Waveform

VERSION = "piece-1"
LEAD = SAMPLE_RATE // 20
"""Samples of background before the utterance."""

_FADE = SAMPLE_RATE // 66
_PAUSE = (SAMPLE_RATE // 4, SAMPLE_RATE * 3 // 5)
_MEMORY = 96 << 20


def pause(digest: str) -> int:
    """Return the pause after an utterance: 0.25 to 0.6 s, always the same for the same utterance."""
    low, high = _PAUSE
    return low + int(hashlib.sha256(f"pause|{digest}".encode()).hexdigest()[:8], 16) % (high - low)


def packets_of(utterance: Utterance, grid: int) -> int:
    """Return how many packets an utterance takes, pause included."""
    return -(-(LEAD + utterance.samples + pause(utterance.digest)) // grid)


class PieceStore:
    """Encoded pieces, made on first use, kept on disk and (the last ones used) in memory."""

    def __init__(self, of: Format, floor: Floor, cache_dir: Path) -> None:
        """Choose codec and background."""
        self._codec = codec(of)
        self.grid = self._codec.GRID
        self._floor = floor
        named = f"{VERSION}|{self._codec.VERSION}|{floor.noise}|{floor.snr_db!r}|{SPEECH_LEVEL}"
        self.identity = hashlib.sha256(named.encode()).hexdigest()[:16]
        self._folder = cache_dir / "audio" / "pieces" / self.identity
        self._held: OrderedDict[str, list[bytes]] = OrderedDict()
        self._held_bytes = 0

    def utterance(
        self, utterance: Utterance, load: Callable[[Utterance], Waveform], gain_db: float = 0.0
    ) -> list[bytes]:
        """Return an utterance's packets.

        Args:
            utterance: Which.
            load: Gives its sound if it must be encoded.
            gain_db: How much louder than the common level, in dB.
        """
        key = f"{utterance.digest}{f'@{gain_db:+g}dB' if gain_db else ''}"
        return self._get(key, lambda: self._speech(utterance, load, gain_db))

    def background(self, packets: int) -> list[bytes]:
        """Return packets of nothing but background."""
        return self._get(f"background-{packets}", lambda: self._ready(packets * self.grid, f"background-{packets}"))

    def tail(self, samples: int) -> Pcm:
        """Return fewer samples than a packet of background, to end with."""
        return to_pcm(self._floor.under(max(samples, self.grid), "tail")[:samples])

    def _speech(self, utterance: Utterance, load: Callable[[Utterance], Waveform], gain_db: float) -> Waveform:
        wave = levelled(load(utterance), SPEECH_LEVEL + gain_db)
        fade = min(_FADE, len(wave) // 2)
        rise = np.linspace(0, 1, fade, dtype=np.float32)
        wave[:fade] *= rise
        wave[len(wave) - fade :] *= rise[::-1]
        ready = self._ready(packets_of(utterance, self.grid) * self.grid, utterance.digest)
        ready[LEAD : LEAD + len(wave)] += wave
        return ready

    def _ready(self, samples: int, key: str) -> Waveform:
        return self._floor.under(samples, key)

    def _get(self, key: str, make: Callable[[], Waveform]) -> list[bytes]:
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        name = hashlib.sha256(key.encode()).hexdigest()
        path = self._folder / name[:2] / name
        if not path.is_file():
            _write(path, self._codec.encode(to_pcm(make())))
        packets = _read(path)
        self._hold(key, packets)
        return packets

    def _hold(self, key: str, packets: list[bytes]) -> None:
        self._held[key] = packets
        self._held_bytes += sum(map(len, packets))
        while self._held_bytes > _MEMORY and len(self._held) > 1:
            self._held_bytes -= sum(map(len, self._held.popitem(last=False)[1]))


def _write(path: Path, packets: list[bytes]) -> None:
    """Write packets with their sizes in front."""
    sizes = struct.pack(f"<I{len(packets)}I", len(packets), *map(len, packets))
    write_whole(path, sizes + b"".join(packets))


def _read(path: Path) -> list[bytes]:
    data = path.read_bytes()
    (count,) = struct.unpack_from("<I", data)
    edges = np.cumsum([4 + 4 * count, *struct.unpack_from(f"<{count}I", data, 4)]).tolist()
    return [data[a:b] for a, b in pairwise(edges)]
