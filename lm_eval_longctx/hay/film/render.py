"""From a library and a plan to parts of a prompt: a film, or pictures with their times."""

from __future__ import annotations

import hashlib
import io
import json
import os
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, MediaError
from lm_eval_longctx.files import make_room, only_maker, used, write_whole
from lm_eval_longctx.hay.film.splice import Cut, write_film
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.prompt import ImagePart, TextPart, VideoPart, file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from lm_eval_longctx.hay.film.library import Library
    from lm_eval_longctx.hay.film.overlay import Mark
    from lm_eval_longctx.hay.film.source import Hay

_QUALITY = 88
_GIGABYTES = "LM_EVAL_LONGCTX_FILMS_GB"


def film_part(library: Library, cut: Cut, cache: Path) -> VideoPart:
    """Write a film, or find it written.

    Films are named by what is in them. When they take more than
    ``LM_EVAL_LONGCTX_FILMS_GB`` (20) together, those not used for longest are
    removed, but none that was used in the last hour: each can be made again in
    seconds.

    Args:
        library: The haystack.
        cut: How long, and with which overlays.
        cache: The folder for finished films.
    """
    path = cache / f"{_film_name(library, cut)}.mp4"
    facts = path.with_suffix(".json")
    if not (path.is_file() and facts.is_file()):
        with only_maker(path):
            if not (path.is_file() and facts.is_file()):
                write_film(library, cut, path)
                write_whole(facts, json.dumps({"sha256": file_digest(path)}).encode())
        make_room((film for film in cache.glob("[!.]*.mp4") if film != path), _room())
    used(path)
    digest = json.loads(facts.read_text(encoding="utf-8"))["sha256"]
    look = library.hay.look
    seconds = float(cut.pictures / look.fps)
    heard = cut.sound is not None
    return VideoPart(str(path), digest, "video/mp4", seconds, float(look.fps), look.width, look.height, heard)


def _film_name(library: Library, cut: Cut) -> str:
    shown = {str(index): overlay.to_dict() for index, overlay in sorted(cut.overlays.items())}
    sound = cut.sound.identity if cut.sound else ""
    where = [cut.first] if cut.first else []
    facts = json.dumps([library.digest, cut.pictures, shown, sound, *where], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:40]


def _room() -> float:
    """Return how many bytes all films together may take."""
    given = os.environ.get(_GIGABYTES, "20")
    try:
        return float(given) * 1e9
    except ValueError:
        raise ConfigError(f"{_GIGABYTES} must be a number of gigabytes, not {given!r}") from None


def frame_parts(
    hay: Hay, indices: Sequence[int], overlays: Mapping[int, Mark], cache: Path
) -> Iterator[TextPart | ImagePart]:
    """Yield a time stamp and a picture for each of some pictures of a film.

    Args:
        hay: The pictures.
        indices: Which ones, ascending.
        overlays: What is drawn on which.
        cache: The folder for pictures.
    """
    for index, part in zip(indices, picture_parts(hay, indices, overlays, cache), strict=True):
        seconds = int(index / hay.look.fps)
        yield TextPart(f"{seconds // 60:02d}:{seconds % 60:02d} ")
        yield part
        yield TextPart("\n")


def picture_parts(hay: Hay, indices: Sequence[int], overlays: Mapping[int, Mark], cache: Path) -> Iterator[ImagePart]:
    """Yield pictures as JPEG files, each written once.

    Args:
        hay: The pictures.
        indices: Which ones, ascending.
        overlays: What is drawn on which.
        cache: The folder for pictures.
    """
    folder = cache / hashlib.sha256(f"{hay.identity}|{hay.look}".encode()).hexdigest()[:24]
    paths = {index: folder / _picture_name(index, overlays.get(index)) for index in indices}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_pictures(hay, [index for index in indices if not paths[index].is_file()], overlays, paths)
    except OSError as error:
        raise MediaError(f"cannot write pictures to {folder}: {error}") from error
    for index in indices:
        path = paths[index]
        yield ImagePart(str(path), file_digest(path), "image/jpeg", hay.look.width, hay.look.height)


def _picture_name(index: int, overlay: Mark | None) -> str:
    if overlay is None:
        return f"{index:06d}.jpg"
    shown = json.dumps(overlay.to_dict(), sort_keys=True)
    return f"{index:06d}-{hashlib.sha256(shown.encode()).hexdigest()[:16]}.jpg"


def _write_pictures(hay: Hay, missing: list[int], overlays: Mapping[int, Mark], paths: Mapping[int, Path]) -> None:
    with progress("drawing pictures", len(missing), "pictures") as bar:
        for start, stop in _runs(missing):
            for index, picture in zip(range(start, stop), hay.pictures(start, stop), strict=True):
                overlay = overlays.get(index)
                write_whole(paths[index], _jpeg(picture if overlay is None else overlay.on(picture)))
                bar(1)


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Join neighbours: ``[1, 2, 3, 7]`` gives ``(1, 4)`` and ``(7, 8)``."""
    start = 0
    for i in range(1, len(indices) + 1):
        if i == len(indices) or indices[i] != indices[i - 1] + 1:
            yield indices[start], indices[i - 1] + 1
            start = i


def _jpeg(picture: Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
