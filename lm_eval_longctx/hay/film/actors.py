"""Who and what is in a picture: people as figures, things, animals, vehicles.

Each painter takes a pen, the point where the thing stands (the middle of its
foot line), its height in pixels and its main colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.film.paint import Colour, mix, shade

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageDraw import ImageDraw

_DARK: Colour = (35, 32, 38)
_LIGHT: Colour = (240, 238, 230)
_METAL: Colour = (150, 155, 165)
_SKINS: tuple[Colour, ...] = ((245, 210, 180), (224, 172, 125), (170, 115, 75), (105, 70, 50))

POSES = ("standing", "walking", "waving", "sitting", "jumping")


@dataclass(frozen=True)
class Figure:
    """What a person looks like.

    Attributes:
        shirt: The colour that viewers tell people apart by.
        trousers: The colour of the legs.
        hair: The colour of the hair.
        skin: Which of four tones, 0 to 3.
        hat: The colour of a hat, or ``None``.
    """

    shirt: Colour
    trousers: Colour = (50, 55, 80)
    hair: Colour = (50, 35, 25)
    skin: int = 0
    hat: Colour | None = None


def person(
    draw: ImageDraw, feet: tuple[int, int], size: int, look: Figure, pose: str = "standing", phase: float = 0.0
) -> None:
    """Draw a person.

    Args:
        draw: The pen.
        feet: The point between the feet, in pixels.
        size: Height in pixels.
        look: Clothes, hair and skin.
        pose: One of ``POSES``.
        phase: Where in its movement, in radians.
    """
    x, y = feet
    lift = round(size * 0.12 * abs(math.sin(phase))) if pose == "jumping" else 0
    drop = size // 5 if pose == "sitting" else 0
    y, hip = y - lift, y - lift - size * 45 // 100 + drop
    _legs(draw, (x, hip), (y, size), look, pose, phase)
    shoulder, half = hip - size * 30 // 100, size // 9
    skin = _SKINS[look.skin]
    _arms(draw, (x, shoulder), (half, size), (look.shirt, skin), pose, phase)
    draw.rounded_rectangle((x - half, shoulder, x + half, hip), radius=max(1, size // 25), fill=look.shirt)
    _head(draw, (x, shoulder), size // 10, look, skin)


def _legs(
    draw: ImageDraw, hip: tuple[int, int], ground: tuple[int, int], look: Figure, pose: str, phase: float
) -> None:
    (x, top), (y, size) = hip, ground
    width = max(2, size // 12)
    stride = {"walking": round(size * 0.14 * math.sin(phase)), "jumping": size // 9}.get(pose, size // 20)
    for sign in (-1, 1):
        if pose == "sitting":
            draw.line(
                (x + sign * width // 2, top, x + size // 5, top, x + size // 5, y), fill=look.trousers, width=width
            )
        else:
            draw.line(
                (x + sign * width // 2, top, x + sign * (stride + width // 2), y), fill=look.trousers, width=width
            )


def _arms(
    draw: ImageDraw,
    shoulder: tuple[int, int],
    sizes: tuple[int, int],
    colours: tuple[Colour, Colour],
    pose: str,
    phase: float,
) -> None:
    (x, y), (half, size) = shoulder, sizes
    swing = round(size * 0.1 * math.sin(phase)) if pose == "walking" else size // 30
    for sign in (-1, 1):
        raised = pose == "jumping" or (pose == "waving" and sign == 1)
        bend = round(size * 0.06 * math.sin(3 * phase))
        hand = (
            (x + sign * (half + size // 8) + bend, y - size // 5)
            if raised
            else (x + sign * (half + swing), y + size * 28 // 100)
        )
        draw.line((x + sign * half, y + size // 30, *hand), fill=shade(colours[0], 0.8), width=max(2, size // 18))
        r = max(1, size // 32)
        draw.ellipse((hand[0] - r, hand[1] - r, hand[0] + r, hand[1] + r), fill=colours[1])


def _head(draw: ImageDraw, neck: tuple[int, int], r: int, look: Figure, skin: Colour) -> None:
    x, y = neck[0], neck[1] - r
    draw.ellipse((x - r, y - r - r // 4, x + r, y + r), fill=look.hair)
    draw.ellipse((x - r * 5 // 6, y - r // 2, x + r * 5 // 6, y + r), fill=skin)
    for eye in (-1, 1):
        draw.ellipse((x + eye * r // 3 - r // 9, y, x + eye * r // 3 + r // 9, y + r // 4), fill=_DARK)
    draw.arc((x - r // 3, y + r // 4, x + r // 3, y + r * 3 // 4), 10, 170, fill=_DARK, width=max(1, r // 8))
    if look.hat is not None:
        draw.rectangle((x - r * 4 // 3, y - r * 3 // 4, x + r * 4 // 3, y - r // 2), fill=look.hat)
        draw.rectangle((x - r * 5 // 6, y - r * 8 // 5, x + r * 5 // 6, y - r // 2), fill=look.hat)


def _car(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.rounded_rectangle((x - s, y - s * 6 // 10, x + s, y - s // 8), radius=s // 8, fill=c)
    draw.polygon(
        [
            (x - s * 6 // 10, y - s * 6 // 10),
            (x - s * 4 // 10, y - s),
            (x + s * 4 // 10, y - s),
            (x + s * 7 // 10, y - s * 6 // 10),
        ],
        fill=c,
    )
    draw.polygon(
        [
            (x - s // 2, y - s * 6 // 10),
            (x - s // 3, y - s * 9 // 10),
            (x + s // 3, y - s * 9 // 10),
            (x + s // 2, y - s * 6 // 10),
        ],
        fill=(190, 220, 240),
    )
    _wheels(draw, x, y, s, s * 6 // 10)


def _wheels(draw: ImageDraw, x: int, y: int, s: int, offset: int) -> None:
    for dx in (-offset, offset):
        r = s // 5
        draw.ellipse((x + dx - r, y - 2 * r, x + dx + r, y), fill=_DARK)
        draw.ellipse((x + dx - r // 2, y - r * 3 // 2, x + dx + r // 2, y - r // 2), fill=_METAL)


def _bus(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.rounded_rectangle((x - s, y - s, x + s, y - s // 8), radius=s // 12, fill=c)
    for i in range(-4, 4):
        draw.rectangle(
            (x + i * s // 4 + s // 30, y - s * 85 // 100, x + (i + 1) * s // 4 - s // 30, y - s // 2),
            fill=(200, 225, 240),
        )
    _wheels(draw, x, y, s, s * 6 // 10)


def _bicycle(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    r, line = s * 3 // 10, max(2, s // 16)
    for dx in (-s // 2, s // 2):
        draw.ellipse((x + dx - r, y - 2 * r, x + dx + r, y), outline=_DARK, width=line)
    frame = [
        (x - s // 2, y - r),
        (x, y - r),
        (x + s * 35 // 100, y - s * 8 // 10),
        (x - s // 5, y - s * 8 // 10),
        (x - s // 2, y - r),
    ]
    draw.line(frame, fill=c, width=line)
    draw.line((x + s // 2, y - r, x + s * 35 // 100, y - s * 8 // 10, x + s * 3 // 10, y - s), fill=c, width=line)
    draw.line((x - s * 3 // 10, y - s * 9 // 10, x - s // 10, y - s * 9 // 10), fill=_DARK, width=line)


def _boat(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.polygon(
        [(x - s * 7 // 10, y - s // 4), (x + s * 7 // 10, y - s // 4), (x + s // 2, y), (x - s // 2, y)],
        fill=shade(c, 0.7),
    )
    draw.rectangle((x - s // 40, y - s, x + s // 40, y - s // 4), fill=_DARK)
    draw.polygon([(x + s // 20, y - s), (x + s // 20, y - s * 3 // 10), (x + s * 6 // 10, y - s * 3 // 10)], fill=c)


def _ball(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.ellipse((x - s // 2, y - s, x + s // 2, y), fill=c)
    draw.arc((x - s // 2, y - s * 13 // 10, x + s // 2, y - s * 3 // 10), 20, 160, fill=_LIGHT, width=max(1, s // 14))


def _umbrella(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.rectangle((x - s // 40, y - s * 8 // 10, x + s // 40, y), fill=_DARK)
    draw.pieslice((x - s * 6 // 10, y - s, x + s * 6 // 10, y - s // 10), 180, 360, fill=c)
    for i in range(-3, 3):
        left = x + i * s // 5
        draw.pieslice((left, y - s * 62 // 100, left + s // 5, y - s * 48 // 100), 180, 360, fill=shade(c, 0.7))


def _cup(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.ellipse(
        (x + s // 5, y - s * 8 // 10, x + s * 6 // 10, y - s * 3 // 10), outline=shade(c, 0.8), width=max(2, s // 10)
    )
    draw.polygon(
        [(x - s * 4 // 10, y - s), (x + s * 4 // 10, y - s), (x + s * 3 // 10, y), (x - s * 3 // 10, y)], fill=c
    )
    draw.ellipse((x - s * 4 // 10, y - s * 11 // 10, x + s * 4 // 10, y - s * 9 // 10), fill=(90, 55, 35))


def _book(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.rectangle((x - s * 4 // 10, y - s, x + s * 4 // 10, y), fill=c)
    draw.rectangle((x + s * 32 // 100, y - s * 95 // 100, x + s * 4 // 10, y - s // 20), fill=_LIGHT)
    draw.rectangle((x - s // 4, y - s * 8 // 10, x + s // 5, y - s * 65 // 100), fill=mix(c, _LIGHT, 0.7))


def _lamp(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.rectangle((x - s // 24, y - s * 6 // 10, x + s // 24, y), fill=_METAL)
    draw.ellipse((x - s // 4, y - s // 10, x + s // 4, y), fill=_METAL)
    draw.polygon(
        [(x - s // 5, y - s), (x + s // 5, y - s), (x + s * 4 // 10, y - s // 2), (x - s * 4 // 10, y - s // 2)], fill=c
    )


def _chair(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    for left, top in ((-4, 10), (3, 5)):
        draw.rectangle((x + left * s // 10, y - top * s // 10, x + (left + 1) * s // 10, y), fill=shade(c, 0.75))
    draw.rectangle((x - s * 4 // 10, y - s * 55 // 100, x + s * 4 // 10, y - s * 42 // 100), fill=c)
    draw.rectangle((x - s * 4 // 10, y - s, x - s * 25 // 100, y - s // 2), fill=c)


def _dog(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.ellipse((x - s * 7 // 10, y - s * 75 // 100, x + s // 2, y - s // 4), fill=c)
    for dx in (-5, -3, 1, 3):
        draw.rectangle((x + dx * s // 10, y - s * 4 // 10, x + dx * s // 10 + s // 10, y), fill=shade(c, 0.85))
    draw.ellipse((x + s * 3 // 10, y - s, x + s * 8 // 10, y - s // 2), fill=c)
    draw.ellipse((x + s * 3 // 10, y - s * 95 // 100, x + s * 45 // 100, y - s // 2), fill=shade(c, 0.6))
    draw.ellipse((x + s * 73 // 100, y - s * 8 // 10, x + s * 83 // 100, y - s * 7 // 10), fill=_DARK)
    draw.line((x - s * 6 // 10, y - s * 6 // 10, x - s * 9 // 10, y - s * 9 // 10), fill=c, width=max(2, s // 12))


def _cat(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.ellipse((x - s * 4 // 10, y - s * 6 // 10, x + s * 3 // 10, y), fill=c)
    draw.ellipse((x - s // 10, y - s, x + s * 4 // 10, y - s // 2), fill=c)
    for left in (-6, 24):
        draw.polygon(
            [
                (x + left * s // 100, y - s * 85 // 100),
                (x + (left + 8) * s // 100, y - s * 115 // 100),
                (x + (left + 18) * s // 100, y - s * 9 // 10),
            ],
            fill=c,
        )
    draw.arc((x - s * 9 // 10, y - s * 6 // 10, x - s * 2 // 10, y), 90, 250, fill=c, width=max(2, s // 10))
    for left in (2, 22):
        draw.ellipse(
            (x + left * s // 100, y - s * 8 // 10, x + (left + 8) * s // 100, y - s * 7 // 10), fill=(160, 200, 80)
        )


def _kite(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.polygon([(x, y - s), (x + s * 4 // 10, y - s * 6 // 10), (x, y), (x - s * 4 // 10, y - s * 6 // 10)], fill=c)
    draw.line((x, y - s, x, y), fill=_LIGHT, width=max(1, s // 30))
    draw.line((x - s * 4 // 10, y - s * 6 // 10, x + s * 4 // 10, y - s * 6 // 10), fill=_LIGHT, width=max(1, s // 30))


def _balloon(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.line((x, y - s * 4 // 10, x + s // 20, y), fill=_DARK, width=max(1, s // 40))
    draw.ellipse((x - s // 4, y - s, x + s // 4, y - s * 35 // 100), fill=c)
    draw.ellipse((x - s // 7, y - s * 9 // 10, x - s // 20, y - s * 7 // 10), fill=mix(c, _LIGHT, 0.6))


def _suitcase(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.arc((x - s // 5, y - s, x + s // 5, y - s // 2), 180, 360, fill=_DARK, width=max(2, s // 14))
    draw.rounded_rectangle((x - s * 6 // 10, y - s * 75 // 100, x + s * 6 // 10, y), radius=s // 10, fill=c)
    for dx in (-3, 3):
        draw.rectangle(
            (x + dx * s // 10 - s // 25, y - s * 75 // 100, x + dx * s // 10 + s // 25, y), fill=shade(c, 0.6)
        )


def _guitar(draw: ImageDraw, x: int, y: int, s: int, c: Colour) -> None:
    draw.rectangle((x - s // 28, y - s, x + s // 28, y - s * 4 // 10), fill=(90, 60, 40))
    draw.ellipse((x - s // 5, y - s * 6 // 10, x + s // 5, y - s // 4), fill=c)
    draw.ellipse((x - s // 4, y - s * 4 // 10, x + s // 4, y), fill=c)
    draw.ellipse((x - s // 12, y - s * 4 // 10, x + s // 12, y - s // 4), fill=_DARK)


THINGS: dict[str, Callable[[ImageDraw, int, int, int, Colour], None]] = {
    "ball": _ball,
    "balloon": _balloon,
    "bicycle": _bicycle,
    "boat": _boat,
    "book": _book,
    "bus": _bus,
    "car": _car,
    "cat": _cat,
    "chair": _chair,
    "cup": _cup,
    "dog": _dog,
    "guitar": _guitar,
    "kite": _kite,
    "lamp": _lamp,
    "suitcase": _suitcase,
    "umbrella": _umbrella,
}
"""All things by name; each is drawn ``(pen, x, foot line, size, colour)``."""
