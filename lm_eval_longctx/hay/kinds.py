"""What kind of medium a file is: told from its first bytes, whatever its name says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = 512
NEITHER = "neither film, recording nor picture"

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (rb"RIFF....WAVE|RF64....WAVE", "audio/wav"),
    (rb"RIFF....AVI ", "video/avi"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"fLaC", "audio/flac"),
    (rb"OggS.{20,60}(?:\x80theora|\x01video|fishead)", "video/ogg"),
    (rb"OggS", "audio/ogg"),
    (rb"FORM....AIF[FC]", "audio/aiff"),
    (rb"\.snd", "audio/basic"),
    (rb"caff", "audio/x-caf"),
    (rb"riff\x2e\x91\xcf\x11", "audio/x-w64"),
    (rb"NIST_1A", "audio/x-nist"),
    (rb"#!AMR", "audio/amr"),
    (rb"....ftyp(?:qt  )", "video/quicktime"),
    (rb"....ftyp(?:M4A |M4B )", "audio/mp4"),
    (rb"....ftyp3g", "video/3gpp"),
    (rb"....ftypavi[fs]", "image/avif"),
    (rb"....ftyp(?:hei|hev|mif1|msf1)", "image/heic"),
    (rb"....ftyp", "video/mp4"),
    (rb"....(?:moov|mdat|wide|pnot)", "video/quicktime"),
    (rb"\x1aE\xdf\xa3.{0,64}webm", "video/webm"),
    (rb"\x1aE\xdf\xa3", "video/x-matroska"),
    (rb"FLV\x01", "video/x-flv"),
    (rb"0&\xb2u\x8ef\xcf\x11", "video/wmv"),
    (rb"\x00\x00\x01[\xb3\xba]", "video/mpeg"),
    (rb"G.{187}G", "video/mp2t"),
    (rb"\x89PNG\r\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"BM.{12}[\x0c\x28\x38\x6c\x7c]\x00\x00\x00", "image/bmp"),
    (rb"II\*\x00|MM\x00\*", "image/tiff"),
    # The synchronising bits of MPEG audio: layers 3 and 2 (1 begins UTF-16 too), and AAC, whose layer is 0.
    (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
    (rb"ID3|\xff[\xe2\xe3\xf2-\xf5\xfa-\xfd]", "audio/mpeg"),
)
_KINDS = tuple((re.compile(beginning, re.DOTALL), mime) for beginning, mime in _BEGINNINGS)


def mime_of(path: Path) -> str | None:
    """Return the MIME type of a film, a recording or a picture, or ``None`` for anything else.

    A container that may hold both, such as MP4 without a brand of its own, is called a film.

    Args:
        path: A file that is there.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return next((mime for beginning, mime in _KINDS if beginning.match(head)), None)


def kind_of(path: Path) -> str:
    """Return what a file is, in words: a film, a recording, a picture, or neither."""
    words = {"video": "a film", "audio": "a recording", "image": "a picture"}
    return words.get((mime_of(path) or "").partition("/")[0], NEITHER)
