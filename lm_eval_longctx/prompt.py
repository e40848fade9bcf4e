"""What a model is asked: ordered parts in turns, as plain frozen values.

Parts are named by the digest of their content, never by path, time or object
identity. Media stay in files: a part holds the path and the digest, so that a
prompt with ten hours of video is a few hundred bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
_SLICE = 1 << 16
"""Characters that are hashed in one go: their copy stays in the processor's cache, which takes 2 ms off each 4 MB."""


def file_digest(path: str | Path) -> str:
    """Return the sha256 of a file's bytes in hexadecimal, reading 1 MiB at a time."""
    sha = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


@dataclass(frozen=True)
class TextPart:
    """A piece of text.

    Attributes:
        text: The characters.
        shared: Whether other prompts of the same sweep are likely to hold the
            same text (hay, not question): a hint for caches, not content.
    """

    text: str
    shared: bool = field(default=False, compare=False)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the text as UTF-8, in hexadecimal; made slice by slice, since texts may have megabytes."""
        sha = hashlib.sha256()
        for start in range(0, len(self.text), _SLICE):
            sha.update(self.text[start : start + _SLICE].encode())
        return sha.hexdigest()


@dataclass(frozen=True)
class ImagePart:
    """A picture in a file.

    Attributes:
        path: Where it lies now; not part of its identity.
        digest: The sha256 of the file in hexadecimal.
        mime: Such as ``image/png``.
        width: In pixels.
        height: In pixels.
    """

    path: str = field(compare=False)
    digest: str
    mime: str
    width: int
    height: int


@dataclass(frozen=True)
class AudioPart:
    """A recording in a file.

    Attributes:
        path: Where it lies now; not part of its identity.
        digest: The sha256 of the file in hexadecimal.
        mime: Such as ``audio/flac`` or ``audio/ogg``.
        seconds: Duration.
        sample_rate: In hertz.
    """

    path: str = field(compare=False)
    digest: str
    mime: str
    seconds: float
    sample_rate: int


@dataclass(frozen=True)
class VideoPart:
    """A film in a file, with the sampling that the task asks for.

    Attributes:
        path: Where it lies now; not part of its identity.
        digest: The sha256 of the file in hexadecimal.
        mime: Such as ``video/mp4``.
        seconds: Duration.
        fps: Frames a second at which the model is to look at it.
        width: In pixels.
        height: In pixels.
        has_audio: Whether there is a sound track, for the model to hear.
        silent_too: Whether the question can be answered without it: where film
            goes as frames the sound is left out, and that is recorded. Not
            part of its identity.
    """

    path: str = field(compare=False)
    digest: str
    mime: str
    seconds: float
    fps: float
    width: int
    height: int
    has_audio: bool = False
    silent_too: bool = field(default=False, compare=False)


MediaPart = Union[ImagePart, AudioPart, VideoPart]
Part = Union[TextPart, ImagePart, AudioPart, VideoPart]


@dataclass(frozen=True)
class Turn:
    """What one side says.

    Attributes:
        role: ``"system"``, ``"user"`` or ``"assistant"``.
        parts: In the order in which they are read.
    """

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Prompt:
    """A whole request's content.

    Attributes:
        turns: In order. The last one is the user's, unless ``answer_prefix``
            is what the answer is to begin with.
        answer_prefix: Text that the answer continues; a provider without
            prefilling appends it to the last user turn (and records that).
    """

    turns: tuple[Turn, ...]
    answer_prefix: str = ""

    @classmethod
    def user(cls, *parts: Part, system: str = "", answer_prefix: str = "") -> Prompt:
        """Make a prompt of one user turn, with an optional system text before it."""
        first = (Turn("system", (TextPart(system),)),) if system else ()
        return cls((*first, Turn("user", tuple(parts))), answer_prefix)

    def with_system(self, instruction: str) -> Prompt:
        """Put an instruction before the prompt's own system text; an empty one changes nothing."""
        if not instruction:
            return self
        first, rest = self.turns[0], self.turns[1:]
        if first.role != "system":
            return Prompt((Turn("system", (TextPart(instruction),)), *self.turns), self.answer_prefix)
        joined = Turn("system", (TextPart(instruction + "\n\n"), *first.parts))
        return Prompt((joined, *rest), self.answer_prefix)

    def parts(self) -> Iterator[Part]:
        """Yield all parts of all turns in order."""
        for turn in self.turns:
            yield from turn.parts

    def media(self) -> Iterator[MediaPart]:
        """Yield all parts that are not text, in order."""
        return iter(self._media)

    @cached_property
    def _media(self) -> tuple[MediaPart, ...]:
        return tuple(part for part in self.parts() if not isinstance(part, TextPart))

    def text(self) -> str:
        """Join all text in order, leaving media out; for models that read text only."""
        return "".join(part.text for part in self.parts() if isinstance(part, TextPart)) + self.answer_prefix

    @cached_property
    def text_bytes(self) -> int:
        """How many bytes of UTF-8 all text parts take together."""
        return sum(_utf8_length(part.text) for part in self.parts() if isinstance(part, TextPart))

    @cached_property
    def digest(self) -> str:
        """The sha256 over roles, kinds and digests of all parts, in hexadecimal."""
        turns = [
            f"turn\0{turn.role}\0" + "".join([f"{_identity(part)}\0" for part in turn.parts]) for turn in self.turns
        ]
        return hashlib.sha256(f"{''.join(turns)}prefix\0{self.answer_prefix}".encode()).hexdigest()


def _identity(part: Part) -> str:
    """What tells a part from another: its content and, for film, how it is sampled."""
    kind = type(part).__name__
    if isinstance(part, VideoPart):
        return f"{kind}\0{part.digest}\0{part.fps!r}\0{part.has_audio}"
    return f"{kind}\0{part.digest}"


def _utf8_length(text: str) -> int:
    """Count UTF-8 bytes, without a copy for ASCII text."""
    return len(text) if text.isascii() else len(text.encode())
