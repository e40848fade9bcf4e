"""What was sent, read again by tools that the product does not use: FFmpeg's own program decodes, Tesseract reads.

Sound is heard by ``other_ears``.

The oracle of ``tests/harness/test_what_was_sent.py`` knows nothing but the bodies that reached the local server.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import other_ears
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from lm_eval_longctx.testing.state import Asked, State

SECRET = re.compile(r"The (?:(\w+) )?secret word is [\"'“‘](\w+)[\"'”’]", re.IGNORECASE)
_RATE = 16_000
_WHITE, _LEAST = 235, 0.002


def programs() -> str:
    """Return the path of FFmpeg's program, or skip the test where one of the two is not installed."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="needs pip install imageio-ffmpeg").get_ffmpeg_exe()
    if shutil.which("tesseract") is None:
        pytest.skip("needs the program tesseract (apt-get install tesseract-ocr)")
    return str(ffmpeg)


def _run(command: list[str], data: bytes = b"") -> bytes:
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@dataclass
class Seen:
    """One medium, decoded.

    Attributes:
        kind: ``image``, ``audio`` or ``video``.
        pictures: How many pictures it holds.
        sizes: Their widths and heights, each once.
        seconds: Of sound.
        digest: Of the decoded sound.
        said: All that is heard in it.
        words: By picture, from 0, or by second: which ordinal has which secret word.
    """

    kind: str
    pictures: int = 0
    sizes: set[tuple[int, int]] = field(default_factory=set)
    seconds: float = 0.0
    digest: str = ""
    said: str = ""
    words: dict[float, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Oracle:
    """Answers from what reached the server, and remembers what that was.

    Attributes:
        ffmpeg: The program.
        state: Of the server.
        asked: The text of each question with the media that came with it, in order.
    """

    ffmpeg: str
    state: State
    asked: list[tuple[str, list[Seen]]] = field(default_factory=list)
    _seen: dict[tuple[str, str, bool], Seen] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: Asked) -> str:
        """Answer one request: the words on its pictures, the needle in its text, or a guess."""
        with self._lock:
            reads = "secret word" in asked.text  # reading takes a second a picture
            kinds = [(kind, digest, reads) for kind, _, digest in asked.pieces if kind != "text"]
            sent = {} if self._seen.keys() >= {*kinds} else dict(self._media())
            missing = [key for key in dict.fromkeys(kinds) if key not in self._seen]
            self._seen.update(
                zip(
                    missing, self._look([(kind, sent[digest]) for kind, digest, _ in missing], reads=reads), strict=True
                )
            )
            media = [self._seen[key] for key in kinds]
            self.asked.append((asked.text, media))
        if asked.text.startswith("Transcribe"):
            return " ".join(seen.said for seen in media)
        words = [word for seen in media for word in seen.words.values()]
        if words:
            return "\n".join(f"{key}: {word}" for key, word in words) if any(k for k, _ in words) else words[0][1]
        found = re.search(r"special magic (\S+) number is: (\d+)", asked.text)
        return found[2] if found else "Final Answer: (A)"

    def _media(self) -> Iterator[tuple[str, bytes]]:
        """Yield all media that came, in a body or as a file."""
        for file in self.state.files.values():
            yield hashlib.sha256(file["content"]).hexdigest(), bytes(file["content"])
        for request in list(self.state.requests):
            for text in _strings(request["body"]):
                content = _decoded(text)
                if content:
                    yield hashlib.sha256(content).hexdigest(), content

    def _look(self, media: Sequence[tuple[str, bytes]], *, reads: bool) -> list[Seen]:
        """Decode media, and read all pictures among them together: Tesseract takes long to begin."""
        decoded = [self._opened(kind, content) for kind, content in media]
        pictures = [picture for found in decoded if not isinstance(found, Seen) for picture in found]
        read = iter(_read(pictures) if reads else [None] * len(pictures))
        return [
            found if isinstance(found, Seen) else _pictures(kind, found, [next(read) for _ in found])
            for (kind, _), found in zip(media, decoded, strict=True)
        ]

    def _opened(self, kind: str, content: bytes) -> Seen | list[Image.Image]:
        """Return what is heard, or the pictures."""
        with tempfile.NamedTemporaryFile() as file:  # a film that is read from a pipe must begin with its index
            file.write(content)
            file.flush()
            command = [self.ffmpeg, "-v", "error", "-i", file.name]
            if kind == "audio":
                return _listen(other_ears.decode(file.name, content))
            return list(_portable(_run([*command, "-fps_mode", "passthrough", "-c:v", "ppm", "-f", "image2pipe", "-"])))


def _pictures(kind: str, pictures: list[Image.Image], read: list[tuple[str, str] | None]) -> Seen:
    words = {float(number): found for number, found in enumerate(read) if found}
    return Seen(kind, len(pictures), {picture.size for picture in pictures}, words=words)


def _listen(wave: np.ndarray) -> Seen:
    heard = other_ears.listen(wave)
    words = {second: (found[1] or "", other_ears.known(found[2])) for second, found in heard.find(other_ears.KEYWORD)}
    digest = hashlib.sha256(wave.tobytes()).hexdigest()
    return Seen("audio", seconds=len(wave) / _RATE, digest=digest, said=" ".join(heard.words), words=words)


def _strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _strings(value)


def _decoded(text: str) -> bytes:
    """Return what a text of base64 holds; nothing if it is none."""
    data = text.partition(";base64,")[2] if text.startswith("data:") else text
    if len(data) < 500 or " " in data[:500]:
        return b""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return b""


def _portable(stream: bytes) -> Iterator[Image.Image]:
    """Yield the pictures of a stream of portable pixmaps."""
    source = io.BytesIO(stream)
    while source.readline().strip() == b"P6":
        width, height = map(int, source.readline().split())
        source.readline()
        yield Image.frombytes("RGB", (width, height), source.read(3 * width * height))


def _read(pictures: Sequence[Image.Image]) -> list[tuple[str, str] | None]:
    """Return ordinal and word of a secret word on each picture; where nearly nothing is white there is no writing."""
    found: dict[int, tuple[str, str]] = {}
    greys = {number: picture.convert("L") for number, picture in enumerate(pictures)}
    lit = [n for n, grey in greys.items() if sum(grey.histogram()[_WHITE:]) >= _LEAST * grey.width * grey.height]
    for times, white in ((3, 0), (2, 200), (3, 200)):  # Tesseract wants large dark letters on a light page
        left = [number for number in lit if number not in found]
        for number, text in zip(left, _texts([_dark(greys[number], times, white) for number in left]), strict=True):
            if match := SECRET.search(" ".join(text.split())):
                found[number] = (match[1] or "").lower(), match[2].lower()
    return [found.get(number) for number in greys]


def _dark(grey: Image.Image, times: int, white: int) -> Image.Image:
    """Return a picture enlarged, with its light parts dark; from a shade on, or all of them."""
    large = grey.resize((times * grey.width, times * grey.height), Image.Resampling.BICUBIC)
    return large.point([0 if white and v > white else 255 if white else 255 - v for v in range(256)])


def _texts(pages: Sequence[Image.Image]) -> list[str]:
    """Return what Tesseract reads on each page."""
    if not pages:
        return []
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.png") for number in range(len(pages))]
        for file, page in zip(files, pages, strict=True):
            page.save(file, compress_level=1)
        listed = Path(folder, "pages.txt")
        listed.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
        texts = _run(["tesseract", str(listed), "-", "--psm", "6"]).decode().split("\f")
    return texts[: max(len(pages), len(texts) - 1)]  # some versions end the last page too
