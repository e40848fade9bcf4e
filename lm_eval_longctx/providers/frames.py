"""Film for models without eyes for film: timestamped pictures instead.

A frame is taken at 0, 1/fps, 2/fps, ... seconds. Before each one stands its
time as ``MM:SS`` (or ``HH:MM:SS``), because order alone does not tell a model
when something happened. Frames and native film are different settings: the
policy is part of a request's identity and recorded in each completion's notes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.files import all_written, make_room, only_maker, used, whole
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, Turn, VideoPart, file_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from av import VideoFrame
    from PIL.Image import Image

    from lm_eval_longctx.prompt import Part


_BLOCK = 1 << 18
_NAME = "sound.wav"


def converted_kinds(prompt: Prompt, taken: tuple[str, ...]) -> tuple[str, ...]:
    """Say which kinds of sound have to be converted, as a note; nothing where all are taken.

    Args:
        prompt: What is to be sent.
        taken: Kinds that are taken; empty for all.
    """
    kinds = sorted({part.mime for part in prompt.media() if isinstance(part, AudioPart)} - set(taken)) if taken else []
    return (f"{'+'.join(kinds)} sent as audio/wav",) if kinds else ()


def as_wav(prompt: Prompt, taken: tuple[str, ...], cache: MediaCache) -> Prompt:
    """Return the prompt with sound of kinds that are not taken as 16-bit WAV; blocks while it decodes."""
    turns = []
    for turn in prompt.turns:
        parts: list[Part] = [
            _converted(part, cache) if isinstance(part, AudioPart) and part.mime not in taken else part
            for part in turn.parts
        ]
        turns.append(Turn(turn.role, tuple(parts)))
    return Prompt(tuple(turns), prompt.answer_prefix)


def _converted(part: AudioPart, cache: MediaCache) -> AudioPart:
    path = cache.folder(f"{part.digest}-wav16", lambda empty: _convert(part, empty / _NAME)) / _NAME
    return replace(part, path=str(path), digest=file_digest(path), mime="audio/wav")


def _convert(part: AudioPart, path: Path) -> None:
    import soundfile

    try:
        with (
            soundfile.SoundFile(part.path) as source,
            all_written(path, 2 * source.frames * source.channels),
            soundfile.SoundFile(path, "w", source.samplerate, source.channels, "PCM_16", format="WAV") as target,
        ):
            for block in source.blocks(_BLOCK, dtype="int16"):
                target.write(block)
    except (soundfile.SoundFileError, OSError) as error:
        raise MediaError(f"cannot decode {part.path!r}: {error}") from None


LIMIT = 4 << 30
"""Bytes that are kept; what was used longest ago goes first."""


class MediaCache:
    """Folders of derived files, one for each source and policy; each is there whole or not at all."""

    def __init__(self, home: Path, limit: int = LIMIT) -> None:
        """Use a folder; nothing is made until it is needed."""
        self.home = home
        self.limit = limit

    def folder(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return the folder of this name.

        Args:
            name: Says what is in it.
            make: Fills an empty folder. It is called once, however many
                threads and processes ask at the same time.
        """
        folder = self.home / name
        if not folder.is_dir():
            with only_maker(folder):
                if not folder.is_dir():
                    with whole(folder) as beside:
                        beside.mkdir()
                        make(beside)
            make_room((f for f in self.home.iterdir() if f.is_dir() and f != folder), self.limit)
        used(folder)
        return folder


_HOUR = 3600


@dataclass(frozen=True)
class FramePolicy:
    """How film becomes pictures.

    Attributes:
        longest_side: Pixels; larger frames are made smaller, smaller ones stay.
        quality: Of the JPEG, 1 to 95.
    """

    longest_side: int = 768
    quality: int = 90

    @property
    def name(self) -> str:
        """The policy in one word, for identities and notes."""
        return f"jpeg{self.quality}-{self.longest_side}px"


def frame_times(part: VideoPart) -> list[float]:
    """Return the seconds at which a film is looked at: at least once, evenly, from 0."""
    return [i / part.fps for i in range(max(1, math.ceil(part.seconds * part.fps)))]


def with_frames(prompt: Prompt, policy: FramePolicy, cache: MediaCache) -> Prompt:
    """Return the prompt with every film replaced by timestamped pictures; blocks while it decodes."""
    turns = []
    for turn in prompt.turns:
        parts: list[Part] = []
        for part in turn.parts:
            parts += _pictures(part, policy, cache) if isinstance(part, VideoPart) else [part]
        turns.append(Turn(turn.role, tuple(parts)))
    return Prompt(tuple(turns), prompt.answer_prefix)


def _pictures(part: VideoPart, policy: FramePolicy, cache: MediaCache) -> list[Part]:
    made: list[Part] = []
    for seconds, picture in zip(frame_times(part), frames_of(part, policy, cache), strict=True):
        made += [TextPart(f"[{stamp(seconds)}]"), picture]
    return made


def stamp(seconds: float) -> str:
    """Spell a time as ``MM:SS``, with hours where there are any and tenths where they matter."""
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths // 10, _HOUR)
    text = f"{rest // 60:02d}:{rest % 60:02d}" + (f".{tenths % 10}" if tenths % 10 else "")
    return f"{hours:02d}:{text}" if hours else text


def frames_of(part: VideoPart, policy: FramePolicy, cache: MediaCache) -> list[ImagePart]:
    """Return a film's frames as pictures in the cache, decoding it only once.

    Raises:
        MediaError: The film cannot be decoded, or ends before its time.
    """
    times = frame_times(part)
    name = f"{part.digest}-{part.fps:g}fps-{len(times)}-{policy.name}"
    folder = cache.folder(name, lambda empty: _decode(part, policy, times, empty))
    return [_picture(folder / _name(i)) for i in range(len(times))]


def _name(index: int) -> str:
    return f"{index:06d}.jpg"


def _decode(part: VideoPart, policy: FramePolicy, times: list[float], folder: Path) -> None:
    written = 0
    for frame in _at(part, times):
        _save(frame, policy, folder / _name(written))
        written += 1
    if written < len(times):
        raise MediaError(f"{part.path!r} ends after {written} of {len(times)} frames; build the sample again")


def _at(part: VideoPart, times: list[float]) -> Iterator[VideoFrame]:
    """Yield the frame that is on screen at each time."""
    import av

    try:
        with av.open(part.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            wanted, shown = 0, None
            for frame in container.decode(stream):
                while wanted < len(times) and shown is not None and (frame.time or 0.0) > times[wanted] + 1e-6:
                    yield shown
                    wanted += 1
                shown = frame
            while shown is not None and wanted < len(times):
                yield shown
                wanted += 1
    except (av.FFmpegError, IndexError, OSError) as error:
        raise MediaError(f"cannot decode {part.path!r}: {error}") from None


def _save(frame: VideoFrame, policy: FramePolicy, path: Path) -> None:
    picture: Image = frame.to_image()  # type: ignore[no-untyped-call]
    scale = policy.longest_side / max(picture.size)
    if scale < 1:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    picture.save(path, "JPEG", quality=policy.quality)


def _picture(path: Path) -> ImagePart:
    from PIL import Image as Images

    with Images.open(path) as picture:
        width, height = picture.size
    return ImagePart(str(path), file_digest(path), "image/jpeg", width, height)
