"""What a model takes: built-in table < live probe < the user's own word.

The table (``models``) is data with a date. A model is found by its exact name
or by a dated snapshot of it, never by a part of its name.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.providers.base import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

MODALITIES = ("text", "image", "audio", "video")
SWITCHES = ("temperature", "seed", "stop", "prefill", "reasoning")
"""What a user may declare with ``accepts`` and ``refuses``."""

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SNAPSHOT = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|\d{3}|preview|latest)")

ROOM = {"none": 0, "off": 0, "minimal": 1024, "low": 4096, "medium": 16384, "high": 32768, "xhigh": 65536, "max": 65536}
"""Output tokens that are allowed for hidden reasoning by effort, where the user does not say."""

DEFAULT_ROOM = 16384


@dataclass(frozen=True)
class PictureTokens:
    """What a picture costs in tokens, by its maker's arithmetic.

    Attributes:
        fixed: By level of resolution, whatever the size (``default``, ``low``, ``medium``, ``high``).
        pixels: Pixels that make a token.
        patch: The side in pixels of a square that makes a token.
        most: Larger pictures are shrunk until they cost no more; 0 if that is not known.
    """

    fixed: Mapping[str, int] = field(default_factory=dict)
    pixels: int = 0
    patch: int = 0
    most: int = 0

    def of(self, width: int, height: int, level: str = "default") -> int | None:
        """Return a picture's tokens, ``None`` if nobody says."""
        if self.fixed:
            return self.fixed.get(level)
        if self.patch:
            tokens = math.ceil(width / self.patch) * math.ceil(height / self.patch)
        elif self.pixels:
            tokens = math.ceil(width * height / self.pixels)
        else:
            return None
        return min(tokens, self.most) if self.most else tokens


@dataclass(frozen=True)
class WireCapabilities(Capabilities):
    """What a model takes, with what only the wire needs to know.

    Attributes:
        thinks: Whether hidden reasoning takes place unless it is switched off.
        max_images: Pictures (and frames) in one prompt, or ``None`` if unknown.
        max_videos: Films in one prompt, or ``None`` if unknown.
        max_sound: Seconds of all sound in one prompt, or ``None`` if unknown.
        sides: Pixels that a picture's longer side may have where a prompt holds more than so many pictures, the last
            that applies: ``((0, 8000), (20, 2000))``. Empty if unknown.
        native_video: Whether film is taken as film; otherwise it goes as frames.
        picture_tokens: What a picture costs.
        frame_tokens: Tokens of a video frame by resolution (``default``,
            ``low``, ``medium``, ``high``); empty if unknown.
        frames_a_picture: How many frames of a film cost as much as one picture, where ``frame_tokens`` is empty;
            0 if unknown.
        audio_tokens: Tokens of a second of sound, or ``None`` if unknown.
        level: The resolution at which pictures and film are looked at.
        image_mimes: Kinds of pictures that are taken.
        audio_mimes: Kinds of sound that are taken.
        video_mimes: Kinds of film that are taken; empty for all.
        inline_bytes: Bytes of a whole request that may carry media inline.
        file_bytes: Bytes of one uploaded file, or ``None`` if unknown.
        api: Which of a provider's interfaces the model is asked through.
        said_by: Where the limits of media are said, and when that was read.
    """

    thinks: bool = False
    max_images: int | None = None
    max_videos: int | None = None
    max_sound: float | None = None
    sides: tuple[tuple[int, int], ...] = ()
    native_video: bool = False
    picture_tokens: PictureTokens = PictureTokens()
    frame_tokens: Mapping[str, int] = field(default_factory=dict)
    frames_a_picture: int = 0
    audio_tokens: float | None = None
    level: str = "default"
    image_mimes: tuple[str, ...] = ("image/jpeg", "image/png", "image/gif", "image/webp")
    audio_mimes: tuple[str, ...] = ()
    video_mimes: tuple[str, ...] = ()
    inline_bytes: int = 20 << 20
    file_bytes: int | None = None
    api: str = ""
    said_by: str = ""

    def frame_cost(self, size: tuple[int, int], *, as_film: bool) -> float | None:
        """Return the tokens of one frame, ``None`` if nobody says.

        Args:
            size: Width and height in pixels.
            as_film: Whether it is in a film, and the model takes film; otherwise it is a picture.
        """
        picture = self.picture_tokens.of(*size, self.level)
        if not (as_film and self.native_video):
            return picture
        if self.frame_tokens:
            return self.frame_tokens.get(self.level)
        return picture / self.frames_a_picture if picture and self.frames_a_picture else None


def look_up(table: Mapping[str, WireCapabilities], model: str, default: WireCapabilities) -> WireCapabilities:
    """Find a model by its name or by the name that a dated snapshot belongs to.

    Args:
        table: By name.
        model: As the user wrote it.
        default: What is assumed of a model that the table does not know.
    """
    for name in sorted(table, key=len, reverse=True):
        if model == name or (model.startswith(name) and _SNAPSHOT.fullmatch(model[len(name) :])):
            return table[name]
    return replace(default, source="assumed")


def override(capabilities: WireCapabilities, args: Mapping[str, Any]) -> WireCapabilities:
    """Lay the user's own word over what is known.

    Args:
        capabilities: From the table or a probe.
        args: ``context_window``, ``max_output``, ``modalities``, ``accepts``,
            ``refuses``, ``max_images``, ``max_sound``, as read; what is ``None`` is left alone.
    """
    numbers = ("context_window", "max_output", "max_images", "max_sound")
    changes = {name: args[name] for name in numbers if args[name] is not None}
    if args["modalities"] is not None:
        changes["modalities"] = tuple(kind for kind in MODALITIES if kind in args["modalities"])
        changes["native_video"] = capabilities.native_video or capabilities.source == "assumed"
    for name, wanted in (("accepts", True), ("refuses", False)):
        for switch in args[name] or ():
            changes[switch] = (_EFFORTS if wanted else ()) if switch == "reasoning" else wanted
            changes |= {"thinks": False} if switch == "reasoning" and not wanted else {}
    return replace(capabilities, **changes, source="user") if changes else capabilities


def probed(capabilities: WireCapabilities, **found: Any) -> WireCapabilities:
    """Lay what the server itself says over the table; unknown things (``None``) change nothing."""
    known = {name: value for name, value in found.items() if value is not None}
    return replace(capabilities, **known, source="probe") if known else capabilities


def reasoning_room(capabilities: WireCapabilities, effort: str | None, asked: int, answer: int) -> int:
    """Return the output tokens to allow for hidden reasoning.

    Args:
        capabilities: The model's.
        effort: As asked, or ``None`` for the model's default.
        asked: What the user allows; 0 to leave it to us.
        answer: The answer's own budget, which must fit beside it.
    """
    thinking = capabilities.thinks if effort is None else effort not in {"none", "off"}
    if asked or not thinking:
        return asked
    room = DEFAULT_ROOM if effort is None else ROOM.get(effort, DEFAULT_ROOM)
    return room if capabilities.max_output is None else max(0, min(room, capabilities.max_output - answer))
