"""What a model takes: built-in table < live probe < the user's own word.

The table (``models``) is data with a date. A model is found by its exact name
or by a dated snapshot of it, never by a part of its name.
"""

from __future__ import annotations

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
class WireCapabilities(Capabilities):
    """What a model takes, with what only the wire needs to know.

    Attributes:
        thinks: Whether hidden reasoning takes place unless it is switched off.
        max_images: Pictures (and frames) in one prompt, or ``None`` if unknown.
        max_videos: Films in one prompt, or ``None`` if unknown.
        native_video: Whether film is taken as film; otherwise it goes as frames.
        frame_tokens: Tokens of a video frame by resolution (``default``,
            ``low``, ``medium``, ``high``); empty if unknown.
        audio_tokens: Tokens of a second of sound, or ``None`` if unknown.
        image_mimes: Kinds of pictures that are taken.
        audio_mimes: Kinds of sound that are taken.
        video_mimes: Kinds of film that are taken; empty for all.
        inline_bytes: Bytes of a whole request that may carry media inline.
        file_bytes: Bytes of one uploaded file, or ``None`` if unknown.
        api: Which of a provider's interfaces the model is asked through.
    """

    thinks: bool = False
    max_images: int | None = None
    max_videos: int | None = None
    native_video: bool = False
    frame_tokens: Mapping[str, int] = field(default_factory=dict)
    audio_tokens: int | None = None
    image_mimes: tuple[str, ...] = ("image/jpeg", "image/png", "image/gif", "image/webp")
    audio_mimes: tuple[str, ...] = ()
    video_mimes: tuple[str, ...] = ()
    inline_bytes: int = 20 << 20
    file_bytes: int | None = None
    api: str = ""


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
            ``refuses``, ``max_images``, as read; what is ``None`` is left alone.
    """
    changes = {name: args[name] for name in ("context_window", "max_output", "max_images") if args[name] is not None}
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
