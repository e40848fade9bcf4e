"""Looking into media: frames around a moment, seconds of sound, and times as people read them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.film.reading import frames_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from PIL.Image import Image

    from lm_eval_longctx.preview.marks import MediaMark
    from lm_eval_longctx.prompt import AudioPart, VideoPart

_SLACK = 1e-3
"""Seconds by which times in a film may be rounded."""


@dataclass(frozen=True)
class Sound:
    """One channel of sound.

    Attributes:
        samples: Between -1 and 1.
        rate: Samples a second.
    """

    samples: npt.NDArray[np.float32]
    rate: int


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Write a time as ``1:02:03``, ``2:03``, or with tenths as ``2:03.4``."""
    whole = round(seconds, 1) if tenths else round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:04.1f}" if tenths else f"{int(rest):02d}"
    return f"{hours}:{minutes:02d}:{shown}" if hours else f"{minutes}:{shown}"


def opened(path: str) -> Image:
    """Open a picture.

    Raises:
        MediaError: It is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            picture: Image.Image = file.convert("RGB")
            return picture
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(f"{path} cannot be read as a picture ({error})") from error


def holds(part: VideoPart, mark: MediaMark, seconds: float) -> bool:
    """Whether the frame at a moment of a film shows what a mark is about."""
    return mark.start - 1 / part.fps + _SLACK < seconds < max(mark.stop, mark.start + _SLACK) - _SLACK / 2


def frames_around(part: VideoPart, mark: MediaMark, beside: int) -> Iterator[tuple[float, Image]]:
    """Yield the frames of a film as a model looks at them, from some before a mark to some after it.

    Args:
        part: The film, with the frames a second at which it is looked at.
        mark: The needle.
        beside: How many frames before and after it.
    """
    step, last = 1 / part.fps, max(0, round(part.seconds * part.fps) - 1)
    first = int((mark.start + _SLACK) / step)
    stop = max(first, int((mark.stop - _SLACK) / step))
    numbers = range(max(0, first - beside), min(last, stop + beside) + 1)
    yield from frames_at(part.path, [number * step for number in numbers])


def sound_between(part: AudioPart | VideoPart, start: float, stop: float) -> Sound:
    """Return some seconds of a recording's or a film's sound, all channels in one; only these are decoded.

    Raises:
        MediaError: The file cannot be read, or has no sound there.
    """
    import av
    import av.error
    from av.audio.resampler import AudioResampler

    pieces: list[Any] = []
    try:
        with av.open(part.path) as container:
            stream = container.streams.audio[0]
            rate, base = int(stream.rate), stream.time_base or 1
            container.seek(int(max(0.0, start - 1) / base), stream=stream)
            mono = AudioResampler("flt", "mono", rate)
            at = None
            for frame in container.decode(stream):
                at = float(frame.time or 0.0) if at is None else at
                pieces += [made.to_ndarray()[0] for made in mono.resample(frame)]
                if float(frame.time or 0.0) > stop:
                    break
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise MediaError(f"the sound of {part.path} cannot be read ({error})") from error
    if at is None:
        raise MediaError(f"{part.path} has no sound at {start:g} s; its length may be misstated")
    low = max(0, round((start - at) * rate))
    return Sound(np.concatenate(pieces)[low : low + round((stop - start) * rate)].astype(np.float32), rate)


def mp3(sound: Sound) -> bytes:
    """Return sound as a small file that every browser plays."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, sound.samples, sound.rate, format="MP3")
    return buffer.getvalue()


def write_wav(sound: Sound, path: Path) -> None:
    """Write sound as a file that everything plays, without loss."""
    import soundfile

    soundfile.write(str(path), sound.samples, sound.rate, subtype="PCM_16")
