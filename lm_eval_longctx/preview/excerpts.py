"""The surroundings of each needle, small enough to lay into a page: text, frames, seconds of sound."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.preview import media
from lm_eval_longctx.preview.marks import MediaMark, TextMark, media_marks, text_marks
from lm_eval_longctx.prompt import AudioPart, ImagePart, TextPart, VideoPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from lm_eval_longctx.prompt import Part, Prompt
    from lm_eval_longctx.sample import Sample

JPEG, MP3 = "image/jpeg", "audio/mpeg"

AROUND = 2.0
"""Seconds of sound before and after a needle."""

_LONGEST = 30.0
"""Seconds of sound that an excerpt has at most."""

_QUALITY = 80


@dataclass(frozen=True)
class Excerpt:
    """A piece of a prompt around a needle, or beside one.

    Attributes:
        kind: ``text``, ``image`` or ``audio``.
        caption: What this is, and where in the prompt.
        needle: Whether the needle itself is in it; a frame beside it only shows what surrounds it.
        before: Text before the needle.
        text: The needle's text; of media what they hold, as far as that is known.
        after: Text after the needle.
        data: A JPEG file, or an MP3 file.
        mime: ``image/jpeg`` or ``audio/mpeg``; empty for text.
        seconds: Of sound: where the needle begins and ends in ``data``.
    """

    kind: str
    caption: str
    needle: bool = True
    before: str = ""
    text: str = ""
    after: str = ""
    data: bytes = b""
    mime: str = ""
    seconds: tuple[float, float] = (0.0, 0.0)


def excerpts(
    prompt: Prompt, sample: Sample, passages: Sequence[str] = (), *, context: int = 400, width: int = 320
) -> Iterator[Excerpt]:
    """Yield the surroundings of each needle in a prompt; nothing where nobody knows of one.

    Args:
        prompt: The prompt.
        sample: What it was made from.
        passages: As ``Builder.passages`` gives them.
        context: Characters of text before and after a needle.
        width: Of pictures, in pixels.

    Raises:
        MediaError: A file of the prompt cannot be read.
    """
    yield from text_excerpts(prompt, sample, passages, context)
    parts = list(prompt.parts())
    for mark in media_marks(prompt, sample):
        yield from _of_medium(parts, mark, width)


def text_excerpts(prompt: Prompt, sample: Sample, passages: Sequence[str], context: int) -> Iterator[Excerpt]:
    """Yield what surrounds the needles in a prompt's text; see ``excerpts``."""
    yield from (_of_text(prompt, mark, context) for mark in text_marks(prompt, sample, passages))


def _of_text(prompt: Prompt, mark: TextMark, context: int) -> Excerpt:
    total = sum(len(part.text) for part in prompt.parts() if isinstance(part, TextPart))
    caption = f"characters {mark.start + 1:,} to {mark.stop:,} of {total:,}"
    start, stop = max(0, mark.start - context), min(total, mark.stop + context)
    before, text, after = (
        text_between(prompt, low, high)
        for low, high in ((start, mark.start), (mark.start, mark.stop), (mark.stop, stop))
    )
    return Excerpt("text", caption, before=before, text=text, after=after)


def text_between(prompt: Prompt, start: int, stop: int) -> str:
    """Return a range of characters of a prompt's text, without joining all of it."""
    pieces, at = [], 0
    for part in prompt.parts():
        if isinstance(part, TextPart):
            pieces.append(part.text[max(0, start - at) : max(0, stop - at)])
            at += len(part.text)
    return "".join(pieces)


def _of_medium(parts: Sequence[Part], mark: MediaMark, width: int) -> Iterator[Excerpt]:
    part = parts[mark.part]
    if isinstance(part, AudioPart):
        yield _of_sound(part, mark)
    elif isinstance(part, VideoPart):
        for seconds, picture in media.frames_around(part, mark, beside=1):
            at = f"{media.clock(seconds)} of {media.clock(part.seconds)}"
            yield _of_picture(picture, at, mark, width, needle=media.holds(part, mark, seconds))
        if part.has_audio:
            yield _of_sound(part, mark)
    elif isinstance(part, ImagePart):
        pictures = [number for number, one in enumerate(parts) if isinstance(one, ImagePart)]
        caption = f"picture {pictures.index(mark.part) + 1} of {len(pictures)}"
        yield _of_picture(media.opened(part.path), caption, mark, width, needle=True)


def _of_picture(picture: Image, caption: str, mark: MediaMark, width: int, *, needle: bool) -> Excerpt:
    small = picture.convert("RGB")
    small.thumbnail((width, width * 4))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return Excerpt("image", caption, needle, text=mark.label if needle else "", data=buffer.getvalue(), mime=JPEG)


def _of_sound(part: AudioPart | VideoPart, mark: MediaMark) -> Excerpt:
    start = max(0.0, mark.start - AROUND)
    stop = min(part.seconds, max(mark.stop, mark.start) + AROUND, start + _LONGEST)
    data = media.mp3(media.sound_between(part, start, stop))
    caption = f"{media.clock(start, tenths=True)} to {media.clock(stop, tenths=True)} of {media.clock(part.seconds)}"
    within = (mark.start - start, min(mark.stop, stop) - start)
    return Excerpt("audio", caption, text=mark.label, data=data, mime=MP3, seconds=within)
