"""A library's packets as a film file, with or without a sound track."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

import av

from lm_eval_longctx.hay.film.library import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from lm_eval_longctx.hay.film.library import Library

SAMPLE_RATE = 16_000


class Soundtrack(Protocol):
    """What is heard; silent films have none."""

    @property
    def identity(self) -> str:
        """Names the sound: equal names, equal sound."""

    def second(self, number: int) -> npt.NDArray[np.int16]:
        """Return one second of it, mono, ``SAMPLE_RATE`` samples."""


def mux_film(library: Library, pictures: int, sound: Soundtrack | None, path: Path) -> None:
    """Write the haystack's first pictures as an MP4 file.

    Args:
        library: Grown to as many pictures.
        pictures: How many.
        sound: The sound track, or ``None``.
        path: The file.
    """
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as output:
        output.flags |= av.container.Flags.bitexact.value
        packets = _timed(_stream(output, library), library, pictures)
        if sound is None:
            for _, packet in packets:
                output.mux_one(packet)
        else:
            _with_sound(output, packets, sound, float(pictures / library.hay.look.fps))


def _with_sound(output: OutputContainer, packets: Iterator[tuple[float, Any]], sound: Soundtrack, end: float) -> None:
    """Write all packets in order of time; sound is coded as the pictures go by."""
    voice = output.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    second = 0
    for seconds, packet in packets:
        while second < end and second <= seconds:
            output.mux(voice.encode(_frame(sound.second(second), second)))
            second += 1
        output.mux(packet)
    output.mux(voice.encode(None))


def _frame(samples: npt.NDArray[np.int16], second: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, second * SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
    return frame


def _timed(stream: VideoStream, library: Library, pictures: int) -> Iterator[tuple[float, Any]]:
    """Yield the seconds and the packet of each picture."""
    fps = library.hay.look.fps
    base = Fraction(1, fps.numerator)
    for index, data in enumerate(_packets(library, pictures)):
        packet = av.Packet(data)
        packet.stream, packet.time_base = stream, base
        packet.pts = packet.dts = index * fps.denominator
        packet.duration, packet.is_keyframe = fps.denominator, True
        yield float(index / fps), packet


def _stream(output: OutputContainer, library: Library) -> VideoStream:
    """Add a stream with the coder's settings, so that its header matches the packets."""
    coder = library.coder()
    options = coder.options(coder.QUANTISERS[0])
    stream = cast("VideoStream", output.add_stream(coder.NAME, rate=coder.fps, options=options))
    like, own = coder.context(coder.QUANTISERS[0]), stream.codec_context
    own.width, own.height, own.pix_fmt = like.width, like.height, like.pix_fmt
    own.time_base, own.framerate = like.time_base, like.framerate
    own.max_b_frames, own.flags = like.max_b_frames, like.flags
    return stream


def _packets(library: Library, pictures: int) -> Iterator[bytes]:
    for number in range(-(-pictures // CHUNK)):
        for i, (_, packet) in enumerate(library.chunk(number).packets()):
            if number * CHUNK + i < pictures:
                yield packet
