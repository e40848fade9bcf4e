"""A film from a library: the haystack's film, with some packets replaced in place.

A needle's packet is exactly as large as the one that it replaces, so a film
with another needle is a copy of the haystack's film in which a few thousand
bytes are written over: its length, its index and every other byte stay.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

import av
import numpy as np
from av.codec.context import Flags

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.files import whole
from lm_eval_longctx.hay.film.library import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from lm_eval_longctx.hay.film.library import Library
    from lm_eval_longctx.hay.film.overlay import Mark


SAMPLE_RATE = 16_000


class Soundtrack(Protocol):
    """What is heard; silent films have none."""

    @property
    def identity(self) -> str:
        """Names the sound: equal names, equal sound."""

    def second(self, number: int) -> npt.NDArray[np.int16]:
        """Return one second of it, mono, ``SAMPLE_RATE`` samples."""


def mux_film(library: Library, pictures: range, sound: Soundtrack | None, path: Path) -> None:
    """Write some of the haystack's pictures as an MP4 file.

    Args:
        library: Grown to as many pictures.
        pictures: Which.
        sound: The sound track, or ``None``.
        path: The file.
    """
    # The time scale is stated, as FFmpeg 9 chooses another one than FFmpeg 8.
    options = {"movflags": "faststart", "movie_timescale": "1000"}
    with av.open(str(path), "w", format="mp4", options=options) as output:
        output.flags |= av.container.Flags.bitexact.value
        packets = _timed(_stream(output, library), library, pictures)
        if sound is None:
            for _, packet in packets:
                output.mux_one(packet)
        else:
            _with_sound(output, packets, sound, float(len(pictures) / library.hay.look.fps))


def _with_sound(output: OutputContainer, packets: Iterator[tuple[float, Any]], sound: Soundtrack, end: float) -> None:
    """Write all packets in order of time; sound is coded as the pictures go by."""
    voice = output.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    voice.codec_context.flags |= Flags.bitexact  # else FFmpeg's version is in the first packet
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


def _timed(stream: VideoStream, library: Library, pictures: range) -> Iterator[tuple[float, Any]]:
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


def _packets(library: Library, pictures: range) -> Iterator[bytes]:
    for number in range(pictures.start // CHUNK, -(-pictures.stop // CHUNK)):
        for i, (_, packet) in enumerate(library.chunk(number).packets()):
            if number * CHUNK + i in pictures:
                yield packet


@dataclass(frozen=True)
class Cut:
    """Which film to write.

    Attributes:
        pictures: How many pictures it has.
        overlays: What is drawn on which picture, by its number in the film.
        sound: The sound track, or ``None``.
        first: The library's picture with which it begins.
    """

    pictures: int
    overlays: Mapping[int, Mark]
    sound: Soundtrack | None = None
    first: int = 0

    @property
    def shown(self) -> range:
        """The library's pictures that it has."""
        return range(self.first, self.first + self.pictures)


def write_film(library: Library, cut: Cut, path: Path) -> None:
    """Write a film file, whole or not at all.

    The library grows as needed, and the haystack's film of this length is
    written beside it once. Only pictures with an overlay are coded.

    Args:
        library: The haystack.
        cut: How long, and with which overlays.
        path: An ``.mp4`` file; replaced if it exists.

    Raises:
        MediaError: The file cannot be written, or an overlay does not fit.
    """
    library.grow(cut.shown.stop)
    try:
        hay, offsets = _haystack_film(library, cut)
        with whole(path) as film:
            shutil.copyfile(hay, film)
            if cut.overlays:
                _replace(library, cut, film, np.load(offsets))
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"cannot write the film {path}: {error}") from error


def _haystack_film(library: Library, cut: Cut) -> tuple[Path, Path]:
    """Return the film without overlays, and the file that says where in it each packet begins."""
    sound = f"-{cut.sound.identity[:16]}" if cut.sound else ""
    name = f"{f'{cut.first}+' if cut.first else ''}{cut.pictures}{sound}"
    hay, offsets = (library.folder / f"{name}.{suffix}" for suffix in ("mp4", "npy"))
    if not (hay.is_file() and offsets.is_file()):
        with whole(hay) as film:
            mux_film(library, cut.shown, cut.sound, film)
        with whole(offsets) as table:
            np.save(table, _offsets(hay))
    return hay, offsets


def _offsets(film: Path) -> list[int]:
    with av.open(str(film)) as container:
        return [packet.pos for packet in container.demux(video=0) if packet.size and packet.pos is not None]


def _replace(library: Library, cut: Cut, film: Path, offsets: Sequence[int]) -> None:
    """Write the needles' packets over those of the hay, after checking that these are where they should be."""
    coder = library.coder()
    with film.open("r+b") as file:
        for index, overlay in sorted(cut.overlays.items()):
            shown = cut.first + index
            coded, packet = list(library.chunk(shown // CHUNK).packets())[shown % CHUNK]
            (picture,) = library.hay.pictures(shown, shown + 1)
            hay, needle = (coder.boxed(p) for p in (packet, coder.needle(picture, overlay, shown, coded)))
            file.seek(offsets[index])
            if len(needle) != len(hay) or file.read(len(hay)) != hay:
                raise MediaError(f"{library.folder} is damaged (picture {index}); remove it, and it is made again")
            file.seek(offsets[index])
            file.write(needle)
