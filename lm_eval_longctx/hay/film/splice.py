"""A film from a library: the haystack's film, with some packets replaced in place.

A needle's packet is exactly as large as the one that it replaces, so a film
with another needle is a copy of the haystack's film in which a few thousand
bytes are written over: its length, its index and every other byte stay.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.files import whole
from lm_eval_longctx.hay.film.library import CHUNK
from lm_eval_longctx.hay.film.mux import mux_film

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.hay.film.library import Library
    from lm_eval_longctx.hay.film.mux import Soundtrack
    from lm_eval_longctx.hay.film.overlay import Mark


@dataclass(frozen=True)
class Cut:
    """Which film to write.

    Attributes:
        pictures: How many pictures it has, from the library's first one.
        overlays: What is drawn on which picture, by its number.
        sound: The sound track, or ``None``.
    """

    pictures: int
    overlays: Mapping[int, Mark]
    sound: Soundtrack | None = None


def write_film(library: Library, cut: Cut, path: Path) -> None:
    """Write a film file, whole or not at all.

    The library grows as needed, and the haystack's film of this length is
    written beside it once. Only pictures with an overlay are coded.

    Args:
        library: The haystack.
        cut: How long, and with which overlays.
        path: An ``.mp4`` file; replaced if it exists.

    Raises:
        MediaError: The file cannot be written, or an overlay does not fit.
    """
    library.grow(cut.pictures)
    try:
        hay, offsets = _haystack_film(library, cut)
        with whole(path) as film:
            shutil.copyfile(hay, film)
            if cut.overlays:
                _replace(library, cut, film, np.load(offsets))
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"cannot write the film {path}: {error}") from error


def _haystack_film(library: Library, cut: Cut) -> tuple[Path, Path]:
    """Return the film without overlays, and the file that says where in it each packet begins."""
    sound = f"-{cut.sound.identity[:16]}" if cut.sound else ""
    hay, offsets = (library.folder / f"{cut.pictures}{sound}.{suffix}" for suffix in ("mp4", "npy"))
    if not (hay.is_file() and offsets.is_file()):
        with whole(hay) as film:
            mux_film(library, cut.pictures, cut.sound, film)
        with whole(offsets) as table:
            np.save(table, _offsets(hay))
    return hay, offsets


def _offsets(film: Path) -> list[int]:
    with av.open(str(film)) as container:
        return [packet.pos for packet in container.demux(video=0) if packet.size and packet.pos is not None]


def _replace(library: Library, cut: Cut, film: Path, offsets: Sequence[int]) -> None:
    """Write the needles' packets over those of the hay, after checking that these are where they should be."""
    coder = library.coder()
    with film.open("r+b") as file:
        for index, overlay in sorted(cut.overlays.items()):
            coded, packet = list(library.chunk(index // CHUNK).packets())[index % CHUNK]
            (picture,) = library.hay.pictures(index, index + 1)
            hay, needle = (coder.boxed(p) for p in (packet, coder.needle(picture, overlay, index, coded)))
            file.seek(offsets[index])
            if len(needle) != len(hay) or file.read(len(hay)) != hay:
                raise MediaError(f"{library.folder} is damaged (picture {index}); remove it, and it is made again")
            file.seek(offsets[index])
            file.write(needle)
