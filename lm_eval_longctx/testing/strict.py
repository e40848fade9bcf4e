"""Strict reading of requests: what the real servers refuse, in words like theirs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
from typing import Any

from lm_eval_longctx.testing.state import BYTES_PER_TOKEN

IMAGE_TOKENS = 258
AUDIO_TOKENS = 32
"""A second."""

FRAME_TOKENS = 70

_WEB_SAFE = str.maketrans("-_", "+/")


class Refused(Exception):  # noqa: N818 - what a server says, not an error of ours
    """A request that a real server would refuse.

    Attributes:
        status: The HTTP status.
        code: The provider's own code or type.
        where: The parameter.
    """

    def __init__(self, message: str, status: int = 400, code: str = "", where: str = "") -> None:
        """Keep what will be said."""
        super().__init__(message)
        self.status, self.code, self.where = status, code, where


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Return a JSON object, or refuse."""
    if not isinstance(value, dict):
        raise Refused(f"{where}: expected an object", where=where)
    return value


def items(value: Any, where: str, least: int = 1) -> list[Any]:
    """Return a JSON array of at least ``least`` items, or refuse."""
    if not isinstance(value, list) or len(value) < least:
        raise Refused(f"{where}: expected an array of {least} or more items", where=where)
    return value


def text(value: Any, where: str) -> str:
    """Return a JSON string, or refuse."""
    if not isinstance(value, str):
        raise Refused(f"{where}: expected a string", where=where)
    return value


def whole(value: Any, where: str, least: int = 1) -> int:
    """Return a whole number of at least ``least``, or refuse."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Refused(f"{where}: expected a whole number, {least} or more", where=where)
    return value


def one_of(value: Any, choices: tuple[str, ...], where: str) -> str:
    """Return one of several words, or refuse."""
    if value not in choices:
        raise Refused(f"{where}: expected one of {', '.join(choices)}, got {value!r}", where=where)
    return str(value)


def text_piece(content: str) -> tuple[str, int, str]:
    """Return a piece of text with its tokens."""
    return "text", -(-len(content.encode()) // BYTES_PER_TOKEN), content


def unpack(data: Any, where: str, *, web_safe: bool = False) -> bytes:
    """Decode base64 strictly, or refuse; Gemini takes the web-safe alphabet too."""
    letters = text(data, where).translate(_WEB_SAFE) if web_safe else text(data, where)
    try:
        return base64.b64decode(letters, validate=True)
    except binascii.Error:
        raise Refused(f"{where}: invalid base64 data", code="invalid_base64", where=where) from None


def data_url(url: Any, where: str) -> tuple[str, bytes]:
    """Take a ``data:`` URL apart, or refuse."""
    head, comma, data = text(url, where).partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise Refused(f"{where}: expected a data URL", code="invalid_image_url", where=where)
    return head[5:-7], unpack(data, where)


def image_piece(content: bytes, where: str) -> tuple[str, int, str]:
    """Return a picture with its tokens; refuse what is none."""
    if not content.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF")):
        raise Refused(f"{where}: the data are no image", code="invalid_image", where=where)
    return "image", IMAGE_TOKENS, _digest(content)


def sound_piece(content: bytes, where: str) -> tuple[str, int, str]:
    """Return a recording with its tokens."""
    return "audio", math.ceil(AUDIO_TOKENS * seconds(content, where)), _digest(content)


def film_piece(content: bytes, fps: float, where: str, frame: int = FRAME_TOKENS) -> tuple[str, int, str]:
    """Return a film with the tokens of its frames."""
    return "video", frame * math.ceil(round(seconds(content, where) * fps, 3)), _digest(content)


def seconds(content: bytes, where: str) -> float:
    """Return how long a recording or film is; refuse what cannot be opened."""
    import av

    try:
        with av.open(io.BytesIO(content)) as container:
            return float(container.duration or 0) / 1e6
    except (av.FFmpegError, OSError):
        raise Refused(f"{where}: could not open the media stream", where=where) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
