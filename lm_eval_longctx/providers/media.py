"""How pictures, film and sound travel: made into frames or WAV where the model takes no other, uploaded where large."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from lm_eval_longctx.errors import MediaError, UnsupportedError
from lm_eval_longctx.files import default_cache_dir
from lm_eval_longctx.prompt import AudioPart, ImagePart, VideoPart
from lm_eval_longctx.providers.dialect import without_empty
from lm_eval_longctx.providers.frames import FramePolicy, MediaCache, as_wav, converted_kinds, frame_times, with_frames
from lm_eval_longctx.providers.media_store import MediaStore
from lm_eval_longctx.providers.segments import FileBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.base import Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.media_store import Uploader


_WAV_SAMPLE = 2
"""Bytes of one sample of one channel, as sound is converted."""


class Ready(NamedTuple):
    """A request as it will be sent.

    Attributes:
        request: With frames for film and our own settings filled in.
        handles: Names of uploaded media by content digest.
    """

    request: Request
    handles: Mapping[str, str]


@dataclass(frozen=True)
class Uploads:
    """A provider's way to take files.

    Attributes:
        uploader: Takes one file.
        wanted: Says which of a prompt's media are uploaded rather than sent inline.
    """

    uploader: Uploader
    wanted: Callable[[Prompt], list[MediaPart]]


def described(media: Sequence[MediaPart], video: str = "native", taken: tuple[str, ...] = ()) -> str:
    """Say in which form media are sent, for people.

    Args:
        media: Of one prompt.
        video: ``native`` or ``frames``: how film is sent.
        taken: Kinds of sound that are taken as they are; empty for all.
    """
    films = [part for part in media if isinstance(part, VideoPart)]
    pictures = sum(isinstance(part, ImagePart) for part in media)
    frames = sum(len(frame_times(film)) for film in films)
    words = [f"{pictures:,} pictures"] if pictures > 1 else ["1 picture"] * pictures
    if films:
        seconds = sum(film.seconds for film in films)
        words.append(
            f"{frames:,} pictures of a film" if video == "frames" else f"{seconds:,.0f} s of film ({frames:,} frames)"
        )
    for mime in sorted({part.mime for part in media if isinstance(part, AudioPart)}):
        seconds = sum(part.seconds for part in media if isinstance(part, AudioPart) and part.mime == mime)
        words.append(f"{seconds:,.0f} s of sound as {'audio/wav' if taken and mime not in taken else mime}")
    return ", ".join(words) or "text"


class MediaRoute:
    """The way of a provider's media.

    Attributes:
        video: ``native`` or ``frames``: how film is sent.
        cache: Frames and converted sound.
        uploads: How the provider takes files, if it does.
    """

    def __init__(self, endpoint: str, video: str, longest_side: int, audio_mimes: tuple[str, ...]) -> None:
        """Make nothing yet.

        Args:
            endpoint: The provider's address, to which uploaded files belong.
            video: ``native`` or ``frames``.
            longest_side: Of a frame, in pixels.
            audio_mimes: Kinds of sound that are taken; empty for all.
        """
        self.video = video
        self.cache = MediaCache(default_cache_dir() / "frames")
        self.uploads: Uploads | None = None
        self._frames = FramePolicy(longest_side)
        self._mimes = audio_mimes
        self._store = MediaStore(default_cache_dir() / "uploads.sqlite", endpoint)

    @property
    def policy(self) -> str:
        """How film is sent, for identities and results."""
        return self.video if self.video == "native" else f"{self.video} {self._frames.name}"

    def sent_as(self, kind: str) -> str:
        """Return the kind of content that a kind goes as: film may go as frames, which are pictures."""
        return "image" if kind == "video" and self.video == "frames" else kind

    def described(self, media: Sequence[MediaPart]) -> str:
        """Say in which form the media of a prompt are sent, for people."""
        return described(media, self.video, self._mimes)

    def notes(self, prompt: Prompt) -> tuple[str, ...]:
        """Say what a prompt's media are changed into on their way."""
        films = [part for part in prompt.media() if isinstance(part, VideoPart)]
        converted = converted_kinds(prompt, self._mimes)
        if not films or self.video != "frames":
            return converted
        silent = ", without its sound" if any(film.has_audio for film in films) else ""
        return (f"film sent as timestamped frames ({self._frames.name}){silent}", *converted)

    def check_sizes(self, prompt: Prompt, takes: WireCapabilities, model: str) -> None:
        """Raise ``UnsupportedError`` for media of more bytes than the model takes, by the way on which they go.

        What is not yet made counts as little as it can: film that goes as frames nothing, sound that is converted
        one channel. ``ready`` looks again at what was made.

        Args:
            prompt: What is to be sent.
            takes: What the model takes.
            model: Its name, for the message.
        """
        if not any(prompt.media()):
            return
        try:
            files = self.uploads.wanted(prompt) if self.uploads else []
            away = {part.digest for part in files}
            self._check_files(files, takes, model)
            inline = sum(self._length(part) for part in prompt.media() if part.digest not in away)
        except MediaError:
            return  # a file is gone: sending names it
        if inline and inline + prompt.text_bytes > takes.inline_bytes:
            raise UnsupportedError(
                f"{model} takes {takes.inline_bytes / 1e6:,.1f} MB in a request that carries media, this one makes "
                f"{(inline + prompt.text_bytes) / 1e6:,.1f} MB; lower the length, or leave out upload=never"
            )

    def _check_files(self, files: list[MediaPart], takes: WireCapabilities, model: str) -> None:
        for part in files:
            size = 0 if isinstance(part, VideoPart) and self.video == "frames" else FileBytes.of(part.path).size
            if takes.file_bytes is not None and size > takes.file_bytes:
                most = f"{takes.file_bytes / 1e6:,.0f} MB in a file"
                raise UnsupportedError(f"{model} takes {most}, this one has {size / 1e6:,.0f} MB; lower the length")

    def _length(self, part: MediaPart) -> int:
        """Return the bytes that a file makes in a request, at least."""
        if isinstance(part, VideoPart) and self.video == "frames":
            return 0
        if isinstance(part, AudioPart) and self._mimes and part.mime not in self._mimes:
            return 4 * int(_WAV_SAMPLE * part.sample_rate * part.seconds) // 3
        return FileBytes.of(part.path).length

    async def ready(
        self, request: Request, account: Callable[[], str], check: Callable[[Prompt], None] = lambda _: None
    ) -> Ready:
        """Make frames, convert sound, upload what is large.

        Args:
            request: About to be sent.
            account: Tells accounts apart: uploaded files belong to one.
            check: Looks at what was made before anything is uploaded.

        Raises:
            MediaError: A file cannot be decoded.
            UploadFailed: A file could not be uploaded.
        """
        prompt = without_empty(request.prompt)
        if not any(prompt.media()):
            return Ready(request if prompt is request.prompt else replace(request, prompt=prompt), {})
        if self.video == "frames" and any(isinstance(part, VideoPart) for part in prompt.media()):
            prompt = await asyncio.to_thread(with_frames, prompt, self._frames, self.cache)
        if converted_kinds(prompt, self._mimes):
            prompt = await asyncio.to_thread(as_wav, prompt, self._mimes, self.cache)
        check(prompt)
        files = self.uploads.wanted(prompt) if self.uploads else []
        handles = await self._store.ensure(files, account(), self.uploads.uploader) if self.uploads and files else {}
        return Ready(request if prompt is request.prompt else replace(request, prompt=prompt), handles)

    def forget(self, ready: Ready, account: str) -> None:
        """Drop the names of files that the provider no longer knows, so that asking again uploads again."""
        self._store.forget(ready.handles, account)
