"""Pictures to be told by what they show: things of one kind and colour on a board in some place, and a coded label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from PIL import ImageDraw, ImageFont

from lm_eval_longctx.hay.film.actors import THINGS
from lm_eval_longctx.hay.film.backdrops import BACKDROPS, backdrop
from lm_eval_longctx.hay.film.paint import COLOURS, Colour
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from lm_eval_longctx.hay.film.source import Look

VERSION = "1"
"""Changes whenever the same seed would give other pictures."""

COLUMNS = ("picture", "thing", "colour", "count", "code")
MOST = 4
"""Things in one picture."""

_LETTERS = "ACEFHJKLMNPRTUVWXY"
"""Of codes: none that is easily taken for a digit or for another letter."""

_PALE = ("white", "yellow", "pink")
_BOARDS: dict[bool, Colour] = {False: (226, 222, 210), True: (74, 84, 100)}
"""A light board for dark colours, and a dark one for pale ones: every thing stands out."""

_CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))


@dataclass(frozen=True)
class Card:
    """What one picture shows.

    Attributes:
        thing: A key of ``THINGS``.
        colour: A key of ``COLOURS``.
        count: How many things.
        code: A letter and two digits.
    """

    thing: str
    colour: str
    count: int
    code: str

    @classmethod
    def of(cls, identity: str, number: int) -> Card:
        """Return the picture of a series with a number, from 0."""
        rng = Rng(f"{identity}|{number}")
        code = f"{rng.choice(_LETTERS)}{rng.between(10, 99)}"
        return cls(rng.choice(sorted(THINGS)), rng.choice(sorted(COLOURS)), rng.between(1, MOST), code)

    def row(self, number: int) -> tuple[str, ...]:
        """Return the table's row of the picture with a number, from 1."""
        return (str(number), self.thing, self.colour, str(self.count), self.code)

    def drawn(self, look: Look, rng: Rng) -> Image:
        """Draw the picture: a place, a board in front of it with the things in a row, and the label in a corner."""
        picture = backdrop(rng.choice(sorted(BACKDROPS)), rng.fork("place"), look.width, look.height)
        draw = ImageDraw.Draw(picture)
        width, height = look.width, look.height
        left, top, bottom = width * 6 // 100, height * 24 // 100, height * 76 // 100
        board = _BOARDS[self.colour in _PALE]
        draw.rounded_rectangle((left, top, width - left, bottom), radius=height // 30, fill=board)
        room = (width - 2 * left) // self.count
        size = min(room * 10 // 24, (bottom - top) * 7 // 10)
        foot = bottom - (bottom - top - size) // 3
        for place in range(self.count):
            middle = left + room * place + room // 2
            THINGS[self.thing](draw, middle, foot, size, COLOURS[self.colour])
        self._label(draw, look, rng.choice(_CORNERS))
        return picture

    def _label(self, draw: ImageDraw.ImageDraw, look: Look, corner: tuple[int, int]) -> None:
        size = look.height * 13 // 100
        wide, high = size * 27 // 10, size * 13 // 10
        gap = look.height // 40
        x = gap if corner[0] == 0 else look.width - wide - gap
        y = gap if corner[1] == 0 else look.height - high - gap
        draw.rectangle((x, y, x + wide, y + high), fill=(255, 255, 255), outline=(0, 0, 0), width=max(1, size // 14))
        draw.text((x + wide / 2, y + high / 2), self.code, font=_font(size), fill=(0, 0, 0), anchor="mm")


@lru_cache(maxsize=4)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


@dataclass(frozen=True)
class Cards:
    """Pictures without end, each of its own; implements ``Hay``.

    Attributes:
        identity: Names the series.
        look: Their size.
    """

    identity: str
    look: Look

    distinct = None
    parallel = True

    def pictures(self, start: int, stop: int) -> Iterator[Image]:
        """Draw some of them."""
        for number in range(start, stop):
            yield Card.of(self.identity, number).drawn(self.look, Rng(f"{self.identity}|drawn {number}"))
