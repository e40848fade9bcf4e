"""Pictures to packets: each picture is a closed group of its own.

At one picture a second, prediction from the picture before saves little, and
it would tie neighbours together. With every picture coded for itself a needle
changes one packet and nothing else: all other pictures stay the haystack's bit
for bit, any moment can be read without what comes before it, and packets can
be made in any order on any number of threads.

Packets say nothing about what is on their pictures: a needle's picture is
softened, a little and everywhere but in the overlay, until it takes no more
bytes than the hay's picture did, and is then filled up to exactly the same
size with stuffing that decoders skip. Hay is filled up too, by a random share.
So the sizes in a file are exactly those of the haystack, and quantisers and
stuffing are like its own.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, cast

import av
import numpy as np
from av.codec.context import Flags
from PIL.ImageFilter import GaussianBlur

from lm_eval_longctx.errors import ConfigError, MediaError, unknown_option

if TYPE_CHECKING:
    from PIL.Image import Image

    from lm_eval_longctx.hay.film.overlay import Mark
    from lm_eval_longctx.plan import Rng

_START = re.compile(rb"\x00?\x00\x00\x01")
_LEAST = 1024
_SHARE = 0.1
"""The largest share of a packet that is stuffing."""

_RARELY = 4
"""One picture of hay in so many is coded coarser than the others: softening does not always suffice."""

_SOFTEST = 2.0
"""The radius in pixels (of a picture 360 high) by which a needle's picture is softened at most."""

_STEPS = 7
_BLOCK = 32


@dataclass(frozen=True)
class Coded:
    """How a picture of hay was coded.

    Attributes:
        quantiser: With which quantiser.
        coded: How many bytes it takes, without stuffing.
        size: How many bytes its packet has.
    """

    quantiser: int
    coded: int
    size: int


class Coder(ABC):
    """Codes single pictures at a chosen quantiser.

    Not for several threads at once: make one for each.

    Attributes:
        NAME: FFmpeg's name of the encoder.
        QUANTISERS: What pictures are coded with; all but the first one rarely.
        COARSEST: The largest quantiser that there is.
        width: In pixels, even.
        height: In pixels, even.
        fps: Pictures a second.
    """

    NAME: ClassVar[str]
    QUANTISERS: ClassVar[tuple[int, ...]]
    COARSEST: ClassVar[int]

    def __init__(self, width: int, height: int, fps: Fraction) -> None:
        """Keep the settings; encoders open on first use."""
        self.width, self.height, self.fps = width, height, fps
        self._encoders: dict[int, tuple[av.VideoCodecContext, int]] = {}

    @abstractmethod
    def options(self, quantiser: int) -> dict[str, str]:
        """Return the encoder's own options."""

    @abstractmethod
    def stuffed(self, packet: bytes, size: int) -> bytes:
        """Return the packet filled up to exactly ``size`` bytes; ``fits`` says whether it can be."""

    def boxed(self, packet: bytes) -> bytes:
        """Return the packet as it lies in an MP4 file."""
        return packet

    def fits(self, packet: bytes, size: int) -> bool:
        """Return whether the packet can be filled up to exactly ``size`` bytes."""
        return len(packet) == size or len(packet) + self.SMALLEST <= size

    SMALLEST: ClassVar[int]
    """How many bytes of stuffing there are at least, where there are any."""

    def code(self, picture: Image, index: int, quantiser: int) -> bytes:
        """Return the packet of one picture, without stuffing.

        Args:
            picture: RGB, of this coder's size.
            index: The picture's number in the film; the packet carries its time.
            quantiser: Larger is coarser and smaller.
        """
        encoder, last = self._encoders.get(quantiser, (None, index))
        if encoder is None or index <= last:  # encoders take rising times only
            self._spare(quantiser)
            encoder = self._opened(quantiser)
        self._encoders[quantiser] = encoder, index
        frame = self.frame(picture, index)
        frame.pts, frame.time_base = index * self.fps.denominator, encoder.time_base
        (packet,) = encoder.encode(frame)
        return bytes(packet)

    def frame(self, picture: Image, index: int) -> av.VideoFrame:
        """Return a picture as encoders take it; ``index`` is its number in the film."""
        del index
        return av.VideoFrame.from_image(picture).reformat(format="yuv420p")  # type: ignore[no-untyped-call, no-any-return]

    def _spare(self, wanted: int) -> None:
        """Keep the encoder that is used most, and no other but the wanted one: some take 25 MB each."""
        for quantiser in self._encoders.keys() - {self.QUANTISERS[0], wanted}:
            del self._encoders[quantiser]

    def hay(self, picture: Image, index: int, rng: Rng) -> tuple[Coded, bytes]:
        """Return how a picture of hay was coded, and its packet with a random share of stuffing."""
        # Needles are sometimes coded coarser to fit, so hay is too; else quantiser and size would tell where they are.
        quantiser = self.QUANTISERS[0] if rng.below(_RARELY) else rng.choice(self.QUANTISERS)
        packet = self.code(picture, index, quantiser)
        size = max(self.floor, len(packet) + self.SMALLEST + round(_SHARE * rng.random() * len(packet)))
        return Coded(quantiser, len(packet), size), self.stuffed(packet, size)

    def needle(self, picture: Image, mark: Mark, index: int, hay: Coded) -> bytes:
        """Return a packet that is exactly as large as the one that it replaces.

        Args:
            picture: The hay's picture.
            mark: What is laid over it.
            index: The picture's number in the film.
            hay: How that picture was coded.

        Raises:
            MediaError: Even the coarsest quantiser makes it larger.
        """
        allowed = hay.coded if hay.size > self.floor else hay.size - self.SMALLEST
        packet = self._softened(picture, mark, index, hay.quantiser, allowed)
        if packet is None:  # a picture of too little detail
            packet = self._coarser(mark.on(picture), index, hay, allowed)
        if packet is None:
            what = f"the overlay at picture {index} does not fit into {hay.size} bytes"
            raise MediaError(f"{what}; make it smaller or the film larger")
        return self.stuffed(packet, hay.size)

    def _coarser(self, picture: Image, index: int, hay: Coded, allowed: int) -> bytes | None:
        """Return the finest packet within the allowed bytes; if that is not a usual quantiser, the finest that fits."""
        fitting = None
        for quantiser in range(hay.quantiser + 1, self.COARSEST + 1):
            packet = self.code(picture, index, quantiser)
            if len(packet) <= allowed:
                return packet
            if fitting is None and self.fits(packet, hay.size):
                fitting = packet
            if fitting is not None and quantiser >= self.QUANTISERS[-1]:
                break
        return fitting

    def _softened(self, picture: Image, mark: Mark, index: int, quantiser: int, allowed: int) -> bytes | None:
        """Return the sharpest packet that does not take more than the allowed bytes, or ``None``."""
        best, low, high = None, 0.0, _SOFTEST * self.height / 360
        for radius in (0.0, high):
            best = self.code(mark.on(picture.filter(GaussianBlur(radius))), index, quantiser)
            if len(best) <= allowed:
                break
        else:
            return None
        for _ in range(_STEPS if radius else 0):
            radius = (low + high) / 2
            packet = self.code(mark.on(picture.filter(GaussianBlur(radius))), index, quantiser)
            if len(packet) <= allowed:
                best, high = packet, radius
            else:
                low = radius
        return best

    @property
    def floor(self) -> int:
        """The smallest packet: enough for an overlay on a black picture."""
        return max(_LEAST, self.width * self.height // 48)

    def context(self, quantiser: int) -> av.VideoCodecContext:
        """Return an encoder that is set up but not open yet."""
        encoder = cast("av.VideoCodecContext", av.CodecContext.create(self.NAME, "w"))
        encoder.width, encoder.height, encoder.pix_fmt = self.width, self.height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, self.fps.numerator), self.fps
        encoder.max_b_frames, encoder.thread_count = 0, 1
        # Bit-exact: FFmpeg's version stays out of the bytes, and one thread cuts pictures in one way only.
        encoder.flags |= Flags.global_header | Flags.bitexact
        encoder.options = self.options(quantiser)
        return encoder

    def _opened(self, quantiser: int) -> av.VideoCodecContext:
        return self.context(quantiser)


class Vp9(Coder):
    """VP9 by libvpx (BSD): the default, as browsers play it, in MP4 too, and FFmpeg decodes it with code of its own."""

    NAME = "libvpx-vp9"
    QUANTISERS = (36, 37, 38, 40, 41, 43, 45, 47)
    COARSEST = 63
    SMALLEST = 1

    def options(self, quantiser: int) -> dict[str, str]:
        """Fix the quantiser; make every picture a key picture; neither look ahead nor fit the effort to the time."""
        fixed = {key: str(quantiser) for key in ("qmin", "qmax", "crf")}
        return {**fixed, "b": "0", "g": "0", "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}

    def frame(self, picture: Image, index: int) -> av.VideoFrame:
        """Shift the brightness of each block of 32x32 pixels by two steps in 255 at most, other ones each time.

        These packets hold no time: what is shown twice would be the same bytes twice, and a needle the one place where
        copies differ. Grain of single pixels, as films of users' files have it, does not outlast this codec.
        """
        pixels = super().frame(picture, index).to_ndarray()
        down, across = -(-self.height // _BLOCK), -(-self.width // _BLOCK)
        raw = np.frombuffer(hashlib.shake_256(f"blocks {index}".encode()).digest(down * across), np.uint8)
        # Modulo 256, from -2 to 2; brightness lies within 16 and 235, so that nothing wraps.
        shifts = (raw % 5 + 254).astype(np.uint8).reshape(down, across)
        pixels[: self.height] += shifts.repeat(_BLOCK, 0).repeat(_BLOCK, 1)[: self.height, : self.width]
        return av.VideoFrame.from_ndarray(pixels, format="yuv420p")

    def stuffed(self, packet: bytes, size: int) -> bytes:
        """Append zeros: the format's own padding, in which its last tile may end."""
        return packet + bytes(size - len(packet))


class Mpeg4(Coder):
    """MPEG-4 Part 2: FFmpeg's own encoder, three times as fast; browsers do not play it."""

    NAME = "mpeg4"
    QUANTISERS = (8, 9, 10, 11, 12, 13, 14, 16)
    COARSEST = 31
    SMALLEST = 5

    def options(self, quantiser: int) -> dict[str, str]:
        """Fix the quantiser; predict coefficients inside the picture (a fifth smaller)."""
        return {"qmin": str(quantiser), "qmax": str(quantiser), "flags": "+qscale+aic", "g": "0"}

    def stuffed(self, packet: bytes, size: int) -> bytes:
        """Put user data, which decoders skip, between the group's header and its picture."""
        room = size - len(packet)
        if room == 0:
            return packet
        # B6 begins a coded picture (VOP), B2 user data.
        picture = packet.index(b"\x00\x00\x01\xb6")
        return packet[:picture] + b"\x00\x00\x01\xb2" + b"\xff" * (room - 4) + packet[picture:]


class H264(Coder):
    """H.264 by x264 (GPL, inside PyAV's wheel): only where asked for."""

    NAME = "libx264"
    QUANTISERS = (29, 30, 31, 32, 33, 34, 35, 36)
    COARSEST = 51
    SMALLEST = 6

    def options(self, quantiser: int) -> dict[str, str]:
        """Fix the quantiser; write the same parameter sets whatever it is."""
        # Stitchable: else x264 fits its parameter sets to the quantiser, and packets could not change places.
        params = "stitchable=1:keyint=1:aud=1:threads=1:sliced-threads=0"
        return {"preset": "ultrafast", "tune": "zerolatency", "qp": str(quantiser), "g": "1", "x264-params": params}

    def stuffed(self, packet: bytes, size: int) -> bytes:
        """Append a unit of filler data, which decoders skip."""
        room = size - len(packet)
        return packet if room == 0 else packet + b"\x00\x00\x00\x01\x0c" + b"\xff" * (room - 6) + b"\x80"

    def boxed(self, packet: bytes) -> bytes:
        """Give each unit its length in place of a start code."""
        units = [unit for unit in _START.split(packet) if unit]
        return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)

    def _opened(self, quantiser: int) -> av.VideoCodecContext:
        """Encode one black picture first: x264 signs its first packet with its settings."""
        encoder = super()._opened(quantiser)
        black = av.VideoFrame(self.width, self.height, "yuv420p")
        black.pts = -1
        encoder.encode(black)
        return encoder


CODERS: dict[str, type[Coder]] = {"vp9": Vp9, "h264": H264, "mpeg4": Mpeg4}
"""By the name that users write."""

DEFAULT = "vp9"
"""The coder of films for which nobody asks for another."""


def coder(name: str, width: int, height: int, fps: Fraction) -> Coder:
    """Return a coder by name.

    Args:
        name: A key of ``CODERS``.
        width: In pixels; even.
        height: In pixels; even.
        fps: Pictures a second.

    Raises:
        ConfigError: The size is odd or the codec unknown.
    """
    if name not in CODERS:
        raise unknown_option("codec", name, CODERS)
    if width % 2 or height % 2:
        raise ConfigError(
            f"a film of {width}x{height} cannot be coded: both numbers must be even; use {width & ~1}x{height & ~1}"
        )
    return CODERS[name](width, height, fps)
