"""Tiny films: a film of some seconds at 160x90 is drawn and coded in a moment."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.film.codec import DEFAULT
from lm_eval_longctx.hay.film.files import FramesSource, VideoSource
from lm_eval_longctx.hay.film.film import Film, GeneratedSource
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.source import Look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCES = {"film": GeneratedSource, "video": VideoSource, "frames": FramesSource}


@pytest.fixture
def look() -> Look:
    """A small picture, one a second."""
    return Look(160, 90, Fraction(1))


@pytest.fixture
def library(look: Look, tmp_path: Path) -> Library:
    """A library of a small drawn film."""
    return Library(Film("test", look), DEFAULT, tmp_path / "hay")


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    """What builders get, with our own sources of film."""
    return BuildContext(SOURCES.__getitem__, tmp_path / "cache")


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[..., Path]:
    """Make a film file of flat colours; ``times`` are the seconds at which each picture appears."""

    def make(name: str, times: list[float], size: tuple[int, int] = (64, 48), **settings: Any) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = size[0] & ~1, size[1] & ~1, "yuv420p"
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
            if settings.get("rotation"):
                stream.set_display_rotation(settings["rotation"])
            for number, seconds in enumerate(times):
                frame = av.VideoFrame.from_image(_flat(number, (stream.width, stream.height)))
                frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def add_sound() -> Callable[[Path], None]:
    """Give a film file a second of silence as its sound track."""

    def add(path: Path) -> None:
        silent = path.with_name(f"silent-{path.name}")
        path.rename(silent)
        with av.open(str(silent)) as source, av.open(str(path), "w") as output:
            pictures = output.add_stream_from_template(source.streams.video[0])
            voice = output.add_stream("aac", rate=16000, layout="mono")
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = pictures
                    output.mux(packet)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            output.mux(voice.encode(frame))
            output.mux(voice.encode(None))

    return add


def _flat(number: int, size: tuple[int, int]) -> Any:
    """A picture whose left half tells its number by its brightness, and whose right half is black."""
    from PIL import Image

    picture = Image.new("RGB", size)
    grey = 40 + 20 * (number % 10)
    picture.paste((grey, grey, grey), (0, 0, size[0] // 2, size[1]))
    return picture
