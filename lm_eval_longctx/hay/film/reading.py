"""Reading films: what is in a file, and the pictures at sampled moments."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.kinds import kind_of, missing_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

_SLACK = 1e-6
"""Seconds by which a time stamp may be rounded."""


@dataclass(frozen=True)
class FilmFacts:
    """What a film file says of itself.

    Attributes:
        seconds: How long it is shown.
        width: As shown, after rotation, in pixels.
        height: As shown, after rotation, in pixels.
        rate: Mean frames a second.
        sound: Whether there is a sound track.
    """

    seconds: float
    width: int
    height: int
    rate: float
    sound: bool = False


def film_facts(path: str | Path) -> FilmFacts:
    """Look into a film file.

    Raises:
        MediaError: The file is missing, empty, cannot be decoded, or has no pictures.
    """
    for frame, stream in _decoded(Path(path)):
        shown = upright(frame)
        seconds = _duration(stream, Path(path))
        sound = bool(stream.container.streams.audio)
        return FilmFacts(seconds, shown.width, shown.height, float(stream.average_rate or 0), sound)
    raise MediaError(f"{path} has no picture that can be decoded; give a film")


def sample_frames(path: str | Path, fps: float) -> Iterator[tuple[float, Image]]:
    """Yield the picture on screen at each of the moments 0, 1/fps, 2/fps, ...

    A frame stays on screen until the next one's time stamp, as players do, so
    variable frame rates need no care. Pictures are upright, whatever the
    rotation that the file asks for. One picture is in memory at a time.

    Args:
        path: Any film that FFmpeg can decode.
        fps: Moments a second.

    Yields:
        Seconds from the film's start, and an RGB picture.

    Raises:
        MediaError: As for ``film_facts``.
    """
    seen = False
    for seconds, frame in on_screen((frame for frame, _ in _decoded(Path(path))), fps):
        seen = True
        yield seconds, upright(frame)
    if not seen:
        raise MediaError(f"{path} has no picture that can be decoded; give a film")


def frames_at(path: str | Path, moments: list[float]) -> Iterator[tuple[float, Image]]:
    """Yield the pictures on screen at given moments, by seeking: quick for few of many.

    Args:
        path: Any film that FFmpeg can decode.
        moments: Seconds from the start, ascending.
    """
    import av
    import av.error

    with _open(Path(path)) as container:
        stream = container.streams.video[0]
        start = float((stream.start_time or 0) * stream.time_base)
        for moment in moments:
            try:
                # Seeking lands on the key frame before; what lies between is decoded and passed over.
                container.seek(int((moment + start + _SLACK) / stream.time_base), stream=stream)
                shown = None
                for frame in container.decode(stream):
                    if shown is not None and frame.time - start > moment + _SLACK:
                        break
                    shown = frame
            except av.error.FFmpegError as error:
                raise MediaError(f"{path} cannot be read at {moment:g} s ({error})") from error
            if shown is None:
                raise MediaError(f"{path} shows nothing at {moment:g} s; its length may be misstated")
            yield moment, upright(shown)


def on_screen(frames: Iterator[Any], fps: float) -> Iterator[tuple[float, Any]]:
    """Give the decoded frame that is on screen at each sampled moment.

    Times count from the first frame's, which need not be 0 in the file.
    """
    shown, count, start, end = None, 0, 0.0, 0.0
    for frame in frames:
        if shown is None:
            start = frame.time or 0.0
        while shown is not None and count / fps < frame.time - start - _SLACK:
            yield count / fps, shown
            count += 1
        shown, end = frame, frame.time - start + float(frame.duration or 1) * float(frame.time_base)
    while shown is not None and count / fps < end - _SLACK:
        yield count / fps, shown
        count += 1


def upright(frame: Any) -> Image:
    """Return a decoded frame as an RGB picture, turned as the file asks."""
    from PIL import Image

    picture: Image.Image = frame.to_image()
    turns = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
    turn = turns.get(round(frame.rotation) % 360)
    return picture if turn is None else picture.transpose(turn)


def _decoded(path: Path) -> Iterator[tuple[Any, Any]]:
    import av.error

    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        timed = untimed = 0
        try:
            for frame in container.decode(stream):
                timed, untimed = timed + (frame.time is not None), untimed + (frame.time is None)
                if frame.time is not None:
                    yield frame, stream
        except av.error.FFmpegError as error:
            raise MediaError(f"{path} breaks off or is damaged ({error}); repair or convert it") from error
        if untimed and not timed:  # a raw stream, as cameras write it
            raise MediaError(
                f"{path} is a raw stream: its pictures do not say when they are shown; put them into a film "
                f"(ffmpeg -r 25 -i {path.name} -c copy {path.stem}.mp4, with the camera's frames a second)"
            )


def _open(path: Path) -> Any:
    import av
    import av.error

    if not path.is_file():
        raise MediaError(f"{path} is not a file; give a film")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes)")
    if (kind := kind_of(path)) in {"a picture", "a recording"}:
        raise MediaError(f"{path} is {kind}, whatever its name; give a film")
    if missing := missing_bytes(path):
        raise MediaError(f"{path} breaks off: it lacks {missing:,} bytes of what it says it has; get the whole file")
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise MediaError(f"{path} is not a film that can be read ({error}); convert it to MP4") from error
    if container.format.name == "tty":  # how FFmpeg draws texts, by their names
        container.close()
        raise MediaError(f"{path} is not a film that can be read (it is a text); convert it to MP4")
    cover = av.stream.Disposition.attached_pic  # of a record, which is no film
    if all(stream.disposition & cover for stream in container.streams.video):
        kinds = ", ".join(stream.type for stream in container.streams.audio) or "nothing"
        container.close()
        raise MediaError(f"{path} has no pictures, only {kinds}")
    return container


def _duration(stream: Any, path: Path) -> float:
    """Return the stream's length, or the container's where the stream does not say."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if stream.container.duration:
        return float(Fraction(stream.container.duration, 1_000_000))
    raise MediaError(f"{path} does not say how long it is; convert it to MP4")
