"""A needle that is no text: a coloured shape."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.film.paint import COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.hay.film.needles import Pair
    from lm_eval_longctx.hay.film.overlay import Mark
    from lm_eval_longctx.plan import Rng

_FINE = 4
_RIM = 0.12
_TIMES = 3

Points = list[tuple[float, float]]
"""Corners in a square from -1 to 1."""


def _star() -> Points:
    corners = [(1.0 if i % 2 == 0 else 0.42, math.pi * i / 5) for i in range(10)]
    return [(r * math.sin(a), -r * math.cos(a)) for r, a in corners]


def _heart() -> Points:
    angles = [math.tau * i / 60 for i in range(60)]
    return [
        (
            math.sin(a) ** 3,
            -(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 17,
        )
        for a in angles
    ]


def _cross() -> Points:
    w = 0.34
    return [(-w, -1), (w, -1), (w, -w), (1, -w), (1, w), (w, w), (w, 1), (-w, 1), (-w, w), (-1, w), (-1, -w), (-w, -w)]


def _arrow() -> Points:
    return [(-1, -0.35), (0, -0.35), (0, -0.9), (1, 0), (0, 0.9), (0, 0.35), (-1, 0.35)]


def _crescent() -> Points:
    outer = [(math.cos(a), math.sin(a)) for a in (0.7 + (math.tau - 1.4) * i / 40 for i in range(41))]
    inner = [
        (0.45 + 0.72 * math.cos(a), 0.72 * math.sin(a)) for a in (1.1 + (math.tau - 2.2) * i / 30 for i in range(31))
    ]
    return outer + inner[::-1]


def _lightning() -> Points:
    return [(0.15, -1), (-0.8, 0.25), (-0.1, 0.25), (-0.4, 1), (0.8, -0.35), (0.1, -0.35), (0.6, -1)]


SHAPES: dict[str, Callable[[], Points]] = {
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "arrow": _arrow,
    "crescent": _crescent,
    "lightning bolt": _lightning,
}
"""All shapes by name; none occurs in the drawn films."""


@dataclass(frozen=True)
class Shape:
    """A filled shape with a white rim.

    Attributes:
        kind: A key of ``SHAPES``.
        colour: A key of ``COLOURS``.
        size: Height in pixels, rim included.
        contrast: Opacity, in (0, 1].
        x: Where it lies in the room that the picture leaves it: 0 is the left edge, 1 the right.
        y: 0 is the upper edge, 1 the lower.
    """

    kind: str
    colour: str
    size: int
    contrast: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def check(self, width: int, height: int) -> None:
        """Raise ``ConfigError`` if the shape is larger than a picture of that size."""
        if self.size > min(width, height):
            largest = 100 * min(width, height) / height / _TIMES
            what = f"a shape of {self.size} pixels is larger than a picture of {width}x{height}"
            raise ConfigError(f"{what}; use an overlay_size of at most {largest:.1f}")

    def on(self, picture: Image.Image) -> Image.Image:
        """Return a copy of the picture with the shape on it."""
        shown = picture.copy()
        patch, mask = self._stamp()
        place = (round((picture.width - self.size) * self.x), round((picture.height - self.size) * self.y))
        shown.paste(patch, place, mask)
        return shown

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for samples."""
        return asdict(self)

    def _stamp(self) -> tuple[Image.Image, Image.Image]:
        """Draw four times too large and shrink, so that edges are smooth."""
        side = self.size * _FINE
        colours, opacity = Image.new("RGB", (side, side), (255, 255, 255)), Image.new("L", (side, side))
        radius = side / 2 / (1 + _RIM)
        outline = [(side / 2 + x * radius, side / 2 + y * radius) for x, y in SHAPES[self.kind]()]
        closed, width = [*outline, *outline[:2]], round(radius * _RIM)
        pen = ImageDraw.Draw(colours)
        pen.polygon(outline, fill=COLOURS[self.colour])
        pen.line(closed, fill=(255, 255, 255), width=width, joint="curve")
        pen = ImageDraw.Draw(opacity)
        pen.polygon(outline, fill=255)
        pen.line(closed, fill=255, width=width, joint="curve")
        small = (self.size, self.size)
        mask = opacity.resize(small, Image.Resampling.BOX).point(lambda value: round(value * self.contrast))
        return colours.resize(small, Image.Resampling.BOX), mask


class Shapes:
    """Needles that are shapes: asked for by kind, answered by colour."""

    def pairs(self, rng: Rng, count: int) -> list[Pair]:
        """Return different kinds, each with a colour of its own choice."""
        if count >= len(SHAPES):
            raise ConfigError(f"at most {len(SHAPES) - 1} shapes can be hidden, not {count}; lower needles")
        return [(kind, rng.choice(list(COLOURS))) for kind in rng.sample(list(SHAPES), count)]

    def decoy(self, rng: Rng, pairs: Sequence[Pair]) -> Pair:
        """Return a kind that is not asked for, in a colour that is no answer."""
        asked, answers = {kind for kind, _ in pairs}, {colour for _, colour in pairs}
        kind = rng.choice([kind for kind in SHAPES if kind not in asked])
        return kind, rng.choice([colour for colour in COLOURS if colour not in answers])

    def mark(self, pair: Pair, pixels: int, contrast: float, rng: Rng) -> Mark:
        """Return the shape: three times as high as type would be."""
        kind, colour = pair
        return Shape(kind, colour, _TIMES * pixels, contrast, round(rng.random(), 3), round(rng.random(), 3))
