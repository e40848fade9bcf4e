"""Draw the contact sheet of docs/video-needle.md: a needle in its film, ladders, shapes, a day.

    python tests/support/draw_video_sheet.py: writes docs/video-needle.jpg

The pictures are decoded from finished films, not drawn directly.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from lm_eval_longctx.hay.day.film import DayFilm
from lm_eval_longctx.hay.day.script import write_day
from lm_eval_longctx.hay.film.codec import DEFAULT
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.reading import frames_at
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut, write_film
from lm_eval_longctx.tasks.image_niah.needle import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.hay.film.overlay import Mark
    from lm_eval_longctx.hay.film.source import Hay

LOOK = Look(640, 360, Fraction(1))
COLUMNS, SMALL, GAP = 6, (320, 180), 4
TARGET = Path(__file__).resolve().parents[2] / "docs" / "video-needle.jpg"


def _shown(hay: Hay, marks: Mapping[int, Mark], moments: list[int]) -> list[Image.Image]:
    """Write a film and return its pictures at some moments."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library(hay, DEFAULT, Path(folder) / "hay")
        write_film(library, Cut(max(moments) + 1, marks), Path(folder) / "film.mp4")
        return [picture for _, picture in frames_at(Path(folder) / "film.mp4", [float(m) for m in moments])]


def main() -> None:
    """Draw the sheet."""
    needle = Overlay('The secret word is "otter"', 25, 1.0, 0.3, 0.7)
    film = Film("sheet", LOOK)
    ladder = {
        4 * i: Overlay('The secret word is "otter"', s, c, 0.4, 0.5)
        for i, (s, c) in enumerate(((11, 1.0), (14, 1.0), (18, 1.0), (25, 0.3), (25, 0.6), (36, 1.0)))
    }
    kinds = ("star", "heart", "cross", "arrow", "crescent", "lightning bolt")
    colours = ("red", "yellow", "blue", "green", "purple", "orange")
    shapes = {
        5 * i + 40: Shape(k, c, 75, 1.0, 0.2 + 0.1 * i, 0.6)
        for i, (k, c) in enumerate(zip(kinds, colours, strict=True))
    }
    rows = [
        _shown(film, {}, [0, 4, 9, 13, 17, 22]),
        _shown(film, {32: needle}, [29, 30, 31, 32, 33, 34]),
        _shown(film, ladder, sorted(ladder)),
        _shown(film, shapes, sorted(shapes)),
        _shown(DayFilm(write_day("sheet", 180), LOOK), {}, [1, 7, 10, 16, 24, 33]),
    ]
    _save(rows)


def _save(rows: list[list[Image.Image]]) -> None:
    width, height = SMALL
    sheet = Image.new("RGB", (COLUMNS * (width + GAP) + GAP, len(rows) * (height + GAP) + GAP), (255, 255, 255))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            small = picture.resize(SMALL, Image.Resampling.LANCZOS)
            sheet.paste(small, (GAP + x * (width + GAP), GAP + y * (height + GAP)))
    sheet.save(TARGET, quality=66, optimize=True)


if __name__ == "__main__":
    main()
