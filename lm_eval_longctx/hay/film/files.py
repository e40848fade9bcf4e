"""The hay sources ``video:<file or folder>`` and ``frames:<folder>``: the user's own."""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.files import only_maker, whole
from lm_eval_longctx.hay.film.reading import film_facts, sample_frames
from lm_eval_longctx.hay.film.source import FilmSource, Hay, Look
from lm_eval_longctx.hay.kinds import NEITHER, kind_of, readable
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.prompt import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lm_eval_longctx.hay.base import BuildContext

FILMS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".ogv",
    ".wmv",
    ".flv",
    ".3gp",
)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class VideoSource(FilmSource):
    """Films of the user's: one file, or all in a folder by name."""

    def hay(self, name: str, look: Look) -> Hay:
        """Return all films, one after the other, again and again."""
        del name
        films = _found(self.argument, self.context, "video", FILMS)
        return FilmFiles(films, look, self.context.cache_dir / "video" / "fitted")


class FramesSource(FilmSource):
    """Pictures of the user's: all in a folder by name."""

    def hay(self, name: str, look: Look) -> Hay:
        """Return all pictures, one after the other, again and again."""
        del name
        return PictureFiles(_found(self.argument, self.context, "frames", PICTURES), look)


def _found(argument: str, context: BuildContext, kind: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files that an argument names, in order of name; hidden ones are left out."""
    if not argument:
        raise CorpusError(f"haystack {kind} needs a path, such as {kind}:/data/{kind}")
    path = context.path(argument)
    if not path.exists():
        raise CorpusError(f"{path} does not exist; give a file or a folder after {kind}:")
    if path.is_file():
        return [path]
    files = readable(sorted(p for p in path.rglob("*") if not p.is_dir() and not p.name.startswith(".")))
    wanted = {"video": "a film", "frames": "a picture"}[kind]
    for file in files:
        is_a = kind_of(file)
        # What only its name calls a film may be one that is broken: reading it tells what is wrong with it.
        if is_a != wanted and (is_a != NEITHER or file.suffix.lower() not in suffixes):
            raise MediaError(f"{file} is {is_a}; {kind}: takes nothing but {wanted[2:]}s: move it elsewhere")
    if not files:
        raise CorpusError(f"the folder {path} is empty; {kind}: needs files ({', '.join(suffixes)})")
    return files


class _Files:
    """What both kinds share: a name by content, and grain.

    The same film shown twice would be coded to the same bytes twice, and a
    needle would be the one place where copies differ: found by comparing, not
    by looking. Grain of one step in 255, different for every picture, prevents
    that and is not visible.
    """

    def __init__(self, files: list[Path], look: Look) -> None:
        self.files, self.look = files, look

    @cached_property
    def identity(self) -> str:
        """The sha256 over all files' contents, in order."""
        digests = "\n".join(_digest(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in self.files)
        return hashlib.sha256(f"{type(self).__name__} 1\n{digests}".encode()).hexdigest()[:32]

    def grained(self, picture: Image.Image, index: int) -> Image.Image:
        # Room for a step up or down, since bytes wrap: 255 and one more would be black.
        pixels = np.clip(np.asarray(picture.convert("RGB")), 1, 254)
        height, width = pixels.shape[:2]
        # A digest, not a random generator: the same on every version of numpy.
        offset = int.from_bytes(hashlib.sha256(f"grain {index}".encode()).digest()[:4], "big")
        grain = np.resize(np.roll(_grain(), offset % 65_521), (height, width, 1))
        return Image.fromarray(pixels + grain)


def fitted(picture: Image.Image, look: Look) -> Image.Image:
    """Return the picture at the look's size, with black bars where its shape differs."""
    size = (look.width, look.height)
    if picture.size == size:
        return picture
    scale = min(size[0] / picture.width, size[1] / picture.height)
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    shown = Image.new("RGB", size)
    small = picture.convert("RGB").resize(inner, Image.Resampling.BILINEAR, reducing_gap=2.0)
    shown.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return shown


@lru_cache(maxsize=1)
def _grain() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return noise of -1, 0 and +1 modulo 256, shape (65521,): a prime, so that rows do not line up."""
    raw = np.frombuffer(hashlib.shake_256(b"grain").digest(65_521), np.uint8)
    return (raw % 3 + 255).astype(np.uint8)


@lru_cache(maxsize=1024)
def _digest(path: str, size: int, changed: int) -> str:
    """Return a file's sha256; read again only if its size or time changes."""
    del size, changed
    return file_digest(path)


class PictureFiles(_Files):
    """Picture files as hay; implements ``Hay``."""

    parallel = True

    @property
    def distinct(self) -> int:
        """The number of files."""
        return len(self.files)

    def verify(self, stop: int) -> None:
        """Open each file that is shown before ``stop``; see ``FoundHay``."""
        for path in self.files[:stop]:
            _readable(path, path.stat().st_mtime_ns)

    def pictures(self, start: int, stop: int) -> Iterator[Image.Image]:
        """Open one file a picture."""
        for index in range(start, stop):
            path = self.files[index % len(self.files)]
            yield self.grained(fitted(_open(path), self.look), index)


@lru_cache(maxsize=1 << 16)
def _readable(path: Path, changed: int) -> None:
    """Raise ``MediaError`` for a picture that cannot be read; looked at once, until it changes."""
    del changed
    _open(path)


def _open(path: Path) -> Image.Image:
    from PIL import ImageOps

    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise MediaError(f"{path} cannot be read as a picture ({error}); remove or convert it") from error


class FilmFiles(_Files):
    """Film files as hay; implements ``Hay``.

    Each file gives the pictures on screen at 0, 1/fps, 2/fps, ... of its own
    time, whatever its own frame rate, constant or not. Films are decoded once:
    their pictures are kept, fitted, in the cache folder, however often they
    are shown.
    """

    parallel = True

    def __init__(self, files: list[Path], look: Look, cache: Path) -> None:
        """Keep the settings; nothing is decoded yet.

        Args:
            files: In the order in which they are shown.
            look: How they are wanted.
            cache: The folder for fitted pictures.
        """
        super().__init__(files, look)
        self._cache = cache

    @cached_property
    def counts(self) -> list[int]:
        """How many pictures each file gives."""
        return [picture_count(path, self.look) for path in self.files]

    @cached_property
    def distinct(self) -> int:
        """How many pictures all files give together."""
        return sum(self.counts)

    def verify(self, stop: int) -> None:
        """Decode what is shown before ``stop``, which is kept; see ``FoundHay``."""
        self._decode(min(stop, self.distinct))

    def pictures(self, start: int, stop: int) -> Iterator[Image.Image]:
        """Yield a stretch; what of it was never decoded is decoded first."""
        self._decode(min(stop, self.distinct))
        for index in range(start, stop):
            yield self.grained(_open(self._fitted(index % self.distinct)), index)

    def _fitted(self, number: int) -> Path:
        return self._folder / f"{number:06d}.jpg"

    @cached_property
    def _folder(self) -> Path:
        return self._cache / hashlib.sha256(f"{self.identity}|{self.look}".encode()).hexdigest()[:24]

    def _decode(self, count: int) -> None:
        """Write the first ``count`` fitted pictures that are missing."""
        first = 0
        for path, own in zip(self.files, self.counts, strict=True):
            wanted = range(first, min(first + own, count))
            if self._missing(wanted):
                with only_maker(self._folder):
                    self._write(path, wanted, own)
            first += own

    def _missing(self, numbers: range) -> bool:
        return any(not self._fitted(number).is_file() for number in numbers)

    def _write(self, path: Path, numbers: range, own: int) -> None:
        if not self._missing(numbers):  # another decoded them while this one waited
            return
        with progress(f"decoding {path.name}", len(numbers), "pictures") as bar:
            for number, picture in zip(numbers, whole_film(path, self.look, own), strict=False):
                if not self._fitted(number).is_file():
                    with whole(self._fitted(number)) as beside:
                        fitted(picture, self.look).save(beside, "JPEG", quality=95, subsampling=0)
                bar(1)


def picture_count(path: Path, look: Look) -> int:
    """Return how many whole sampling intervals a film lasts.

    Raises:
        MediaError: It cannot be read, or does not last a single one.
    """
    seconds, interval = film_facts(path).seconds, 1 / look.fps
    if seconds < interval - 1e-6:
        msg = f"{path} lasts {seconds:g} s, less than one sampling interval of {float(interval):g} s"
        raise MediaError(f"{msg}; use longer films or a higher fps")
    return look.pictures(seconds)


def whole_film(path: Path, look: Look, count: int) -> Iterator[Image.Image]:
    """Yield exactly ``count`` pictures of a film from its start; the last one may stay for one interval more.

    Raises:
        MediaError: The film ends earlier than it says.
    """
    given, picture = 0, None
    for _, picture in islice(sample_frames(path, float(look.fps)), count):
        given += 1
        yield picture
    if picture is None or given < count - 1:
        raise MediaError(f"{path} ends after {given} pictures although it says it has {count}; repair or convert it")
    yield from [picture] * (count - given)
