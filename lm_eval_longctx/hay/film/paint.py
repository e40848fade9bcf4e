"""Small painting helpers that all pictures share: colours, gradients, texture.

Everything is drawn with Pillow into 8-bit RGB. Sizes are in pixels, colours
are ``(red, green, blue)`` in 0 to 255. Randomness comes from an ``Rng`` or from
a hash, never from numpy's generators, whose streams may change.
"""

from __future__ import annotations

import colorsys
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from lm_eval_longctx.plan import Rng

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (214, 39, 40),
    "orange": (255, 140, 0),
    "yellow": (250, 215, 40),
    "green": (40, 150, 60),
    "blue": (40, 90, 200),
    "purple": (130, 60, 170),
    "pink": (245, 130, 180),
    "brown": (120, 75, 40),
    "black": (25, 25, 28),
    "white": (245, 245, 245),
}
"""Colours that a viewer can name, and that survive compression as themselves."""


def hue(rng: Rng, low: float = 0.0, high: float = 1.0, saturation: float = 0.55, value: float = 0.75) -> Colour:
    """Return a random colour with its hue (a fraction of the colour circle) between two bounds."""
    shift = 0.16 * rng.random() - 0.08
    parts = colorsys.hsv_to_rgb(low + (high - low) * rng.random(), saturation + shift, value + shift)
    return _rgb(parts)


def shade(colour: Colour, factor: float) -> Colour:
    """Return a colour made darker (factor below 1) or lighter (above 1)."""
    return _rgb(tuple(c * factor / 255 for c in colour))


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return a colour between two; ``share`` in [0, 1] is the second's part."""
    return _rgb(tuple((x + (y - x) * share) / 255 for x, y in zip(a, b, strict=False)))


def _rgb(parts: tuple[float, ...]) -> Colour:
    red, green, blue = (max(0, min(255, round(part * 255))) for part in parts)
    return red, green, blue


def gradient(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    """Return a picture that runs from one colour at the top to another at the bottom."""
    two = Image.new("RGB", (1, 2))
    two.putdata([top, bottom])
    return two.resize((width, height), Image.Resampling.BILINEAR, box=(0, 0.5, 1, 1.5))


@lru_cache(maxsize=8)
def _clouds(width: int, height: int, grain: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a soft random field, uint8, shape (height, width, 1), around 0 modulo 256, within +-12."""
    columns, rows = width // grain + 2, height // grain + 2
    raw = hashlib.shake_256(f"clouds {grain}".encode()).digest(columns * rows)
    small = Image.frombytes("L", (columns, rows), raw).resize((width, height), Image.Resampling.BICUBIC)
    field = np.asarray(small).astype(np.int16) * 24 // 255 - 12
    return field.astype(np.uint8)[:, :, None]


def texture(picture: Image.Image, rng: Rng, grain: int) -> Image.Image:
    """Return the picture with soft mottling, so that no surface is perfectly flat.

    Args:
        picture: RGB.
        rng: Places the mottling.
        grain: The size of its blots, in pixels.
    """
    pixels = np.clip(np.asarray(picture), 13, 242)  # room for +-12, so that the byte sum cannot wrap around
    height, width = pixels.shape[:2]
    field = _clouds(2 * width, 2 * height, grain)
    x, y = rng.below(width), rng.below(height)
    return Image.fromarray(pixels + field[y : y + height, x : x + width])
