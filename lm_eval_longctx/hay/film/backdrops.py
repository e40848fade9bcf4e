"""Places to film: each draws one wide picture that a camera can pan across."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from lm_eval_longctx.hay.film.paint import Colour, gradient, hue, mix, shade, texture
from lm_eval_longctx.plan import added

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.plan import Rng

_FINEST = 180
"""The height in pixels from which on every place can be drawn."""

_GRAINS = (6, 11, 18, 28)
"""How many blots of mottling fit into a picture's height; few, because each size is kept."""

_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((90, 150, 225), (205, 228, 245)),  # noon
    ((60, 90, 160), (250, 190, 140)),  # dawn
    ((50, 40, 95), (240, 120, 90)),  # dusk
    ((120, 135, 150), (200, 205, 210)),  # overcast
    ((12, 16, 45), (50, 60, 105)),  # night
)


def _sky(rng: Rng, width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw, Colour]:
    """Return a sky with a sun or moon, a pen for it, and the colour of its light."""
    top, bottom = rng.choice(_SKIES)
    picture = gradient(width, height, top, bottom)
    draw = ImageDraw.Draw(picture)
    radius = height * (5 + rng.below(6)) // 100
    x, y = rng.below(width), rng.below(height // 3)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mix(bottom, (255, 250, 220), 0.7))
    for _ in range(rng.below(6)):
        _cloud(draw, rng, rng.below(width), rng.below(height // 3), height // 14, mix(bottom, (255, 255, 255), 0.5))
    return picture, draw, bottom


def _cloud(draw: ImageDraw.ImageDraw, rng: Rng, x: int, y: int, size: int, colour: Colour) -> None:
    for i in range(4):
        r = size // 2 + rng.below(size)
        draw.ellipse((x + i * size - r, y - r // 2, x + i * size + r, y + r // 2), fill=colour)


def _ridge(rng: Rng, width: int, base: int, rise: int, steps: int) -> list[tuple[int, int]]:
    """Return the outline of a rolling ridge, closed far below the picture."""
    phases = [6.28 * rng.random() for _ in range(3)]
    points = []
    for i in range(steps + 1):
        u = i / steps
        wave = added(math.sin(6.28 * (k + 1.3) * u * 1.7 + p) / (k + 1) for k, p in enumerate(phases))
        points.append((round(u * width), round(base - rise * (0.5 + wave / 3.6))))
    return [*points, (width, 9999), (0, 9999)]


def _trees(draw: ImageDraw.ImageDraw, rng: Rng, width: int, ground: int, size: int, count: int) -> None:
    for _ in range(count):
        x, s = rng.below(width), size // 2 + rng.below(size)
        y = ground + rng.below(max(1, size))
        leaf = hue(rng, 0.2, 0.42, 0.6, 0.3 + 0.35 * rng.random())
        draw.rectangle((x - s // 12, y - s // 2, x + s // 12, y), fill=(80, 55, 35))
        if rng.below(2):
            draw.polygon([(x, y - 2 * s), (x - s // 2, y - s // 3), (x + s // 2, y - s // 3)], fill=leaf)
        else:
            draw.ellipse((x - s // 2, y - 3 * s // 2, x + s // 2, y - s // 3), fill=leaf)


def hills(rng: Rng, width: int, height: int) -> Image.Image:
    """Rolling green hills with trees."""
    picture, draw, light = _sky(rng, width, height)
    tone = hue(rng, 0.18, 0.4, 0.5, 0.6)
    for layer in range(3):
        base = height * (55 + 15 * layer) // 100
        draw.polygon(_ridge(rng, width, base, height // 5, 40), fill=mix(light, tone, 0.4 + 0.3 * layer))
        _trees(draw, rng, width, base + height // 30, height * (layer + 1) // 16, 5 + rng.below(6))
    return picture


def mountains(rng: Rng, width: int, height: int) -> Image.Image:
    """Sharp peaks with snow above a lake."""
    picture, draw, light = _sky(rng, width, height)
    rock = hue(rng, 0.55, 0.75, 0.3, 0.45)
    for _ in range(9 + rng.below(5)):
        x, y, half = rng.below(width), height // 8 + rng.below(height // 3), height // 4 + rng.below(height // 3)
        foot = height * 7 // 10
        draw.polygon([(x, y), (x - half, foot), (x + half, foot)], fill=mix(light, rock, 0.5 + 0.5 * rng.random()))
        cap = (foot - y) // 4
        draw.polygon(
            [(x, y), (x - half // 4, y + cap), (x, y + cap * 2 // 3), (x + half // 4, y + cap)], fill=(240, 244, 250)
        )
    draw.rectangle((0, height * 7 // 10, width, height), fill=mix(light, hue(rng, 0.5, 0.65, 0.5, 0.6), 0.6))
    return picture


def _block(draw: ImageDraw.ImageDraw, rng: Rng, box: tuple[int, int, int, int], lit: Colour) -> None:
    """Draw a building with rows of windows, some of them lit."""
    left, top, right, bottom = box
    wall = hue(rng, 0, 1, 0.25, 0.35 + 0.45 * rng.random())
    draw.rectangle(box, fill=wall)
    step = max(10, (right - left) // (2 + rng.below(4)))
    for x in range(left + step // 4, right - step // 2, step):
        for y in range(top + step // 3, bottom - step, step):
            draw.rectangle((x, y, x + step // 2, y + step * 2 // 3), fill=lit if rng.below(3) else shade(wall, 0.6))


def city(rng: Rng, width: int, height: int) -> Image.Image:
    """A street of tall buildings."""
    picture, draw, light = _sky(rng, width, height)
    x, ground = -rng.below(60), height * 78 // 100
    while x < width:
        w = height // 6 + rng.below(height // 3)
        _block(draw, rng, (x, height // 10 + rng.below(height // 2), x + w, ground), mix(light, (255, 240, 170), 0.5))
        x += w + rng.below(height // 20)
    draw.rectangle((0, ground, width, height), fill=(78, 80, 86))
    draw.rectangle((0, ground, width, ground + height // 30), fill=(150, 148, 142))
    for x in range(rng.below(90), width, height // 4):
        draw.rectangle((x, height * 90 // 100, x + height // 9, height * 91 // 100), fill=(235, 225, 170))
    return picture


def night(rng: Rng, width: int, height: int) -> Image.Image:
    """Dark houses with lit windows under lamps."""
    picture = gradient(width, height, (8, 10, 30), (30, 28, 55))
    draw = ImageDraw.Draw(picture)
    x, ground = -rng.below(60), height * 8 // 10
    while x < width:
        w = height // 4 + rng.below(height // 3)
        _block(draw, rng, (x, height // 4 + rng.below(height // 3), x + w, ground), hue(rng, 0.08, 0.16, 0.5, 0.9))
        x += w + rng.below(height // 6)
    draw.rectangle((0, ground, width, height), fill=(28, 28, 36))
    for x in range(rng.below(150), width, height // 2):
        draw.rectangle((x, height // 2, x + height // 90, ground), fill=(60, 60, 66))
        draw.ellipse(
            (x - height // 22, height // 2 - height // 22, x + height // 20, height // 2 + height // 20),
            fill=(255, 225, 150),
        )
    return picture


def sea(rng: Rng, width: int, height: int) -> Image.Image:
    """Water to the horizon, islands, a beach."""
    picture, draw, light = _sky(rng, width, height)
    horizon, water = height * (40 + rng.below(15)) // 100, hue(rng, 0.48, 0.62, 0.6, 0.6)
    draw.rectangle((0, horizon, width, height), fill=water)
    for _ in range(1 + rng.below(3)):
        x, w = rng.below(width), height // 5 + rng.below(height // 2)
        draw.pieslice((x - w, horizon - w // 3, x + w, horizon + w // 3), 180, 360, fill=mix(light, (70, 80, 60), 0.6))
    for _ in range(70):
        x, y = rng.below(width), horizon + rng.below(height - horizon)
        draw.line((x, y, x + height // 12, y), fill=mix(water, (255, 255, 255), 0.4), width=max(1, height // 180))
    draw.polygon(_ridge(rng, width, height * 97 // 100, height // 8, 20), fill=(224, 204, 150))
    return picture


def forest(rng: Rng, width: int, height: int) -> Image.Image:
    """Trunks, far and near, on a mossy floor."""
    haze = hue(rng, 0.2, 0.45, 0.35, 0.7)
    picture = gradient(width, height, shade(haze, 1.1), shade(haze, 0.6))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 7 // 10, width, height), fill=shade(haze, 0.45))
    for layer in range(3):
        bark = mix(haze, hue(rng, 0.05, 0.12, 0.5, 0.3), 0.4 + 0.3 * layer)
        for _ in range(12 - 3 * layer):
            x, w = rng.below(width), height * (layer + 1) // 60 + rng.below(height // 40)
            draw.rectangle((x, 0, x + w, height * (70 + 8 * layer) // 100), fill=bark)
    _trees(draw, rng, width, height * 8 // 10, height // 8, 12)
    return picture


def desert(rng: Rng, width: int, height: int) -> Image.Image:
    """Dunes and cacti."""
    picture, draw, light = _sky(rng, width, height)
    sand = hue(rng, 0.07, 0.13, 0.5, 0.85)
    for layer in range(3):
        ridge = _ridge(rng, width, height * (60 + 15 * layer) // 100, height // 6, 30)
        draw.polygon(ridge, fill=mix(light, sand, 0.5 + 0.25 * layer))
    for _ in range(5 + rng.below(6)):
        x, y, s = rng.below(width), height * (65 + rng.below(30)) // 100, height // 10 + rng.below(height // 8)
        for box in (
            (x, y - s, x + s // 6, y),
            (x - s // 4, y - s // 2, x, y - s // 3),
            (x - s // 4, y - s, x - s // 8, y - s // 2),
        ):
            draw.rectangle(box, fill=(60, 120, 70))
    return picture


def meadow(rng: Rng, width: int, height: int) -> Image.Image:
    """A flower garden behind a fence."""
    picture, draw, _ = _sky(rng, width, height)
    draw.rectangle((0, height // 2, width, height), fill=hue(rng, 0.22, 0.38, 0.55, 0.55))
    for x in range(0, width, height // 9):
        draw.rectangle((x, height * 40 // 100, x + height // 30, height * 56 // 100), fill=(236, 230, 215))
    draw.rectangle((0, height * 45 // 100, width, height * 47 // 100), fill=(226, 220, 205))
    petals = [hue(rng, 0, 1, 0.7, 0.9) for _ in range(4)]
    for _ in range(160):
        x, y = rng.below(width), height * 55 // 100 + rng.below(height * 45 // 100)
        r = max(2, (y - height // 3) // 40)
        draw.line((x, y, x, y + 3 * r), fill=(40, 110, 50), width=max(1, r // 2))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=rng.choice(petals))
    return picture


def fields(rng: Rng, width: int, height: int) -> Image.Image:
    """Rows of crops that run to a point on the horizon."""
    picture, draw, _ = _sky(rng, width, height)
    horizon, centre = height * (30 + rng.below(20)) // 100, rng.below(width)
    crops = [hue(rng, 0.08, 0.38, 0.6, 0.5 + 0.3 * rng.random()) for _ in range(3)]
    draw.rectangle((0, horizon, width, height), fill=crops[0])
    spacing = height // 5 + rng.below(height // 4)
    for i, x in enumerate(range(-3 * width, 4 * width, spacing)):
        draw.polygon([(centre, horizon), (x, height), (x + spacing // 2, height)], fill=crops[1 + i % 2])
    _trees(draw, rng, width, horizon, height // 16, 10)
    return picture


def room(rng: Rng, width: int, height: int) -> Image.Image:
    """A living room: striped wall, windows, pictures, furniture."""
    wall = hue(rng, 0, 1, 0.3, 0.8)
    picture = Image.new("RGB", (width, height), wall)
    draw = ImageDraw.Draw(picture)
    stripe = height // 12 + rng.below(height // 8)
    for x in range(0, width, 2 * stripe):
        draw.rectangle((x, 0, x + stripe, height), fill=shade(wall, 0.93))
    draw.rectangle((0, height * 75 // 100, width, height), fill=hue(rng, 0.05, 0.12, 0.5, 0.5))
    for x in range(rng.below(height // 2), width, height * 2 // 3):
        w, h = height // 5 + rng.below(height // 6), height // 5 + rng.below(height // 6)
        draw.rectangle((x, height // 8, x + w, height // 8 + h), fill=(95, 65, 40))
        inner = gradient(w - 2 * (h // 12), h - 2 * (h // 12), hue(rng), hue(rng))
        picture.paste(inner, (x + h // 12, height // 8 + h // 12))
        low = height * (50 + rng.below(12)) // 100
        draw.rectangle((x - w // 4, low, x + w, height * 85 // 100), fill=hue(rng, 0, 1, 0.5, 0.5))
        draw.rectangle((x - w // 4, low + height // 8, x + w, low + height // 7), fill=shade(wall, 0.4))
    return picture


def kitchen(rng: Rng, width: int, height: int) -> Image.Image:
    """Tiles, shelves with jars and pans, a worktop."""
    tile = hue(rng, 0, 1, 0.2, 0.85)
    picture = Image.new("RGB", (width, height), tile)
    draw = ImageDraw.Draw(picture)
    for x in range(0, width, height // 8):
        draw.line((x, 0, x, height), fill=shade(tile, 0.85), width=max(1, height // 180))
    for y in range(0, height, height // 8):
        draw.line((0, y, width, y), fill=shade(tile, 0.85), width=max(1, height // 180))
    for row in (30, 55):
        y = height * row // 100
        draw.rectangle((0, y, width, y + height // 40), fill=(120, 85, 55))
        x = rng.below(40)
        while x < width:
            w, h = height // 20 + rng.below(height // 12), height // 12 + rng.below(height // 9)
            draw.rounded_rectangle((x, y - h, x + w, y), radius=w // 4, fill=hue(rng, 0, 1, 0.6, 0.7))
            x += w + rng.below(height // 8)
    draw.rectangle((0, height * 75 // 100, width, height), fill=hue(rng, 0, 1, 0.25, 0.45))
    draw.rectangle((0, height * 73 // 100, width, height * 77 // 100), fill=(215, 210, 200))
    return picture


def market(rng: Rng, width: int, height: int) -> Image.Image:
    """Stalls with striped roofs and crates of fruit."""
    picture, draw, _ = _sky(rng, width, height)
    draw.rectangle((0, height * 6 // 10, width, height), fill=hue(rng, 0.06, 0.14, 0.2, 0.65))
    x = -rng.below(height // 3)
    while x < width:
        w, cloth = height // 2 + rng.below(height // 3), hue(rng, 0, 1, 0.7, 0.8)
        for i in range(8):
            part = (x + i * w // 8, height * 28 // 100, x + (i + 1) * w // 8, height * 42 // 100)
            draw.rectangle(part, fill=cloth if i % 2 else (240, 238, 230))
        draw.rectangle((x + w // 16, height * 62 // 100, x + w * 15 // 16, height * 80 // 100), fill=(130, 90, 55))
        for i in range(7):
            r, fruit = height // 34, hue(rng, 0, 0.4, 0.8, 0.85)
            for k in range(3):
                cx, cy = x + w // 8 + i * w // 9, height * 61 // 100 - k * r
                draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=fruit)
        x += w + rng.below(height // 4)
    return picture


def station(rng: Rng, width: int, height: int) -> Image.Image:
    """A platform with pillars and a train."""
    picture = gradient(width, height, hue(rng, 0, 1, 0.15, 0.55), hue(rng, 0, 1, 0.1, 0.85))
    draw = ImageDraw.Draw(picture)
    body, y = hue(rng, 0, 1, 0.65, 0.65), height * 35 // 100
    draw.rectangle((rng.below(width // 3), y, width - rng.below(width // 3), height * 7 // 10), fill=body)
    for x in range(rng.below(80), width, height // 4):
        draw.rectangle((x, y + height // 16, x + height // 6, y + height // 5), fill=(200, 225, 240))
    draw.rectangle((0, height * 6 // 10, width, height * 63 // 100), fill=shade(body, 0.5))
    draw.rectangle((0, height * 72 // 100, width, height), fill=(165, 160, 150))
    draw.rectangle((0, height * 74 // 100, width, height * 76 // 100), fill=(245, 215, 60))
    for x in range(rng.below(200), width, height * 6 // 10):
        draw.rectangle((x, 0, x + height // 18, height * 9 // 10), fill=shade(body, 0.35))
    return picture


def mural(rng: Rng, width: int, height: int) -> Image.Image:
    """Large overlapping shapes, as painted on a wall."""
    picture = gradient(width, height, hue(rng), hue(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(26 + rng.below(20)):
        x, y, r = rng.below(width), rng.below(height), height // 16 + rng.below(height // 4)
        kind = rng.below(3)
        if kind == 0:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=hue(rng, 0, 1, 0.6, 0.7))
        else:
            draw.regular_polygon((x, y, r), 3 + rng.below(4), rotation=rng.below(90), fill=hue(rng, 0, 1, 0.6, 0.7))
    return picture


BACKDROPS: dict[str, Callable[[Rng, int, int], Image.Image]] = {
    f.__name__: f
    for f in (hills, mountains, city, night, sea, forest, desert, meadow, fields, room, kitchen, market, station, mural)
}
"""All places by name."""


def backdrop(kind: str, rng: Rng, width: int, height: int) -> Image.Image:
    """Draw a place with texture.

    Args:
        kind: A key of ``BACKDROPS``.
        rng: Decides the layout.
        width: In pixels.
        height: In pixels.
    """
    times = -(-_FINEST // height)  # details vanish in small pictures: draw those larger and shrink them
    picture = BACKDROPS[kind](rng.fork(kind), width * times, height * times)
    if times > 1:
        picture = picture.resize((width, height), Image.Resampling.BOX)
    return texture(picture, rng.fork("texture"), max(8, height // rng.choice(_GRAINS)))
