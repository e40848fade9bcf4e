"""Opus by packets: 60 ms each, copied into Ogg with new times.

Each utterance is encoded by an encoder of its own, whose delay (104 samples at
16 kHz) is the file's pre-skip, so a packet's sound starts exactly where the
packet does. The decoder needs some tens of milliseconds to forget what came
before: utterances end in a pause, where that is inaudible.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lm_eval_longctx.hay.speech.codecs import Pcm

GRID = 960
VERSION = "opus-60ms-24k-voip"
EXACT = False

_BIT_RATE = 24_000
_OPTIONS = {"application": "voip", "frame_duration": "60"}
_PRE_SKIP = 104


def encode(pcm: Pcm) -> list[bytes]:
    """Encode whole blocks as packets; the encoder's own last, flushing packet is not needed."""
    import av

    encoder = _configured(av.CodecContext.create("libopus", "w"))
    packets: list[bytes] = []
    for start in range(0, len(pcm), GRID):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + GRID], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, encoder.time_base
        packets.extend(map(bytes, encoder.encode(frame)))
    packets.extend(map(bytes, encoder.encode(None)))
    # What flushing adds belongs to no piece: the next piece's packets follow at once.
    return packets[: len(pcm) // GRID]


def _configured(encoder: Any) -> Any:
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "s16"
    encoder.bit_rate, encoder.time_base, encoder.options = _BIT_RATE, Fraction(1, SAMPLE_RATE), _OPTIONS
    return encoder


def write(path: Path, pieces: Iterable[list[bytes]], tail: Pcm, total: int) -> None:
    """Write an Ogg Opus file; see ``codecs.Codec``.

    The tail becomes one or two packets, for the encoder's delay must be heard
    out too; the last page's time says where the recording ends.
    """
    import av
    import numpy as np

    with av.open(str(path), "w", format="ogg") as container:
        stream: Any = container.add_stream("libopus", rate=SAMPLE_RATE)
        _configured(stream.codec_context)
        container.start_encoding()
        at = 0
        for packets in pieces:
            for packet in packets:
                container.mux(_timed(packet, stream, at, GRID))
                at += GRID
        for packet in encode(np.pad(tail, (0, -(len(tail) + _PRE_SKIP) % GRID + _PRE_SKIP))):
            container.mux(_timed(packet, stream, at, min(GRID, total + _PRE_SKIP - at)))
            at += GRID


def _timed(data: bytes, stream: Any, at: int, samples: int) -> Any:
    import av

    packet = av.Packet(data)
    packet.stream, packet.time_base = stream, Fraction(1, SAMPLE_RATE)
    # The decoder drops the encoder's delay, so time zero lies that far into the first packet.
    packet.pts = packet.dts = at - _PRE_SKIP
    packet.duration = samples
    return packet
