"""What kind of medium a file is: told from its first bytes, whatever its name says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

_HEAD = 512
_UNKNOWN = 0x7FFF0000
"""What writers state who cannot know: programs that write into a pipe."""

_FEW = 64

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


def readable(paths: Iterable[Path]) -> list[Path]:
    """Return what was found in somebody's folder: all of it files.

    Raises:
        CorpusError: One is a link to nothing, a pipe or a device: leaving it out would change the hay without a word,
            and reading it may never end.
    """
    found = list(paths)
    for path in found:
        if not path.is_file() and not path.is_dir():
            what = "a link to what is not there" if path.is_symlink() else "no file that can be read to its end"
            raise CorpusError(f"{path} is {what}; take it out of the folder")
    return found


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


def missing_bytes(path: Path) -> int:
    """Return how many bytes a file lacks of what its container states, or 0 where it does not say.

    Some writers are a few bytes off; so few count as none.
    """
    size, mime = path.stat().st_size, mime_of(path) or ""
    with path.open("rb") as file:
        if mime in {"audio/wav", "video/avi"}:
            end = _end_of_riff(file.read(8))
        elif mime in {"video/webm", "video/x-matroska"}:
            end = _end_of_matroska(file.read(_HEAD))
        elif mime in {"video/mp4", "video/quicktime", "video/3gpp", "audio/mp4"}:
            end = _end_of_boxes(file, size)
        else:
            end = 0
    return end - size if end > size + _FEW else 0


def _end_of_riff(head: bytes) -> int:
    stated = int.from_bytes(head[4:8], "little")
    return 0 if stated >= _UNKNOWN else 8 + stated


def _end_of_matroska(head: bytes) -> int:
    """Read where the segment, which is all but the first element, ends; those that were streamed do not say."""
    at = head.find(b"\x18S\x80g") + 4
    if not 4 < at < len(head) - 8:  # noqa: PLR2004 - the mark's own length, and what its size may take
        return 0
    width = 9 - head[at].bit_length()
    stated = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    return 0 if stated == (1 << 7 * width) - 1 else at + width + stated


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Go from box to box of an MP4 file; the last one may go on to wherever the file ends."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or (at + length > size and head[4:8] not in {b"mdat", b"moov", b"moof"}):  # noqa: PLR2004 - a head
            return size  # the rest of the file, or something that is no box behind the last one
        at += length
    return at
