"""The hay source ``film``: an endless film of changing places, people and things.

The film is a function of a name and of time. It is made of reels of one
minute; a reel is cut into shots of a few seconds; in each shot a camera
pans across one place while people and things move. Any moment can be drawn
without drawing what comes before it.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ImageDraw

from lm_eval_longctx.hay.film.actors import POSES, THINGS, Figure, person
from lm_eval_longctx.hay.film.backdrops import BACKDROPS, backdrop
from lm_eval_longctx.hay.film.paint import COLOURS, Colour
from lm_eval_longctx.hay.film.source import FilmSource, Hay, Look
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

VERSION = 1
"""Raised when the same name may give other pictures."""

REEL = 60
_SHORTEST, _LONGEST = 2, 6
_WIDE, _TALL = 1.6, 1.2  # how much larger than a frame a place is
_PLACES = tuple(BACKDROPS)
_THINGS = tuple(THINGS)
_COLOURS = tuple(COLOURS.values())


@dataclass(frozen=True)
class Actor:
    """Somebody or something that moves through a shot.

    Attributes:
        kind: ``"person"`` or a key of ``THINGS``.
        colour: Of the shirt or of the thing.
        look: Number from which a person's other traits follow.
        pose: A person's pose.
        start: Where it stands at first, as fractions of the frame, from the top left.
        speed: Fractions of the frame a second.
        size: Fraction of the frame's height.
    """

    kind: str
    colour: Colour
    look: int
    pose: str
    start: tuple[float, float]
    speed: tuple[float, float]
    size: float


@dataclass(frozen=True)
class Shot:
    """A stretch of film between two cuts.

    Attributes:
        start: Seconds from the film's start.
        seconds: How long it lasts.
        place: A key of ``BACKDROPS``.
        pan: Where the camera is at the start and at the end, as fractions of
            the room that the place leaves it: ``(x0, y0, x1, y1)``.
        actors: In drawing order, farthest first.
        name: Seeds what the place looks like.
    """

    start: int
    seconds: int
    place: str
    pan: tuple[float, float, float, float]
    actors: tuple[Actor, ...]
    name: str


class GeneratedSource(FilmSource):
    """The source ``film``; an argument (``film:holiday``) names another film."""

    def hay(self, name: str, look: Look) -> Hay:
        """Return the film of a sample."""
        return Film(f"{self.argument}|{name}", look)


class Film:
    """An endless film, named by a text; implements ``Hay``.

    Attributes:
        name: Films of different names have nothing in common.
        look: Size and pictures a second.
        identity: Names the pictures.
    """

    distinct: int | None = None
    parallel = True

    def __init__(self, name: str, look: Look) -> None:
        """Keep the settings; nothing is drawn yet."""
        self.name, self.look = name, look
        self.identity = hashlib.sha256(f"film {VERSION}|{name}".encode()).hexdigest()[:32]

    def shots(self, reel: int) -> list[Shot]:
        """Return the shots of one minute of film, in order."""
        rng = Rng(f"film {VERSION}|{self.name}|{reel}")
        cuts = [0]
        while cuts[-1] + _LONGEST + _SHORTEST <= REEL:
            cuts.append(cuts[-1] + rng.between(_SHORTEST, _LONGEST))
        first = REEL * reel
        return [
            _shot(rng.fork(f"shot {i}"), first + begin, end - begin)
            for i, (begin, end) in enumerate(zip(cuts, [*cuts[1:], REEL], strict=False))
        ]

    def pictures(self, start: int, stop: int) -> Iterator[Image]:
        """Draw the pictures ``start`` to ``stop - 1``, counted from the film's start, in order."""
        shot, place, shots, reel = None, None, [], -1
        for index in range(start, stop):
            seconds = float(index / self.look.fps)
            if int(seconds // REEL) != reel:
                reel = int(seconds // REEL)
                shots = self.shots(reel)
            current = next(s for s in shots if seconds < s.start + s.seconds)
            if current is not shot or place is None:
                shot, place = current, self._place(current)
            yield self._picture(shot, place, seconds - shot.start)

    def _place(self, shot: Shot) -> Image:
        return backdrop(shot.place, Rng(shot.name), round(self.look.width * _WIDE), round(self.look.height * _TALL))

    def _picture(self, shot: Shot, place: Image, seconds: float) -> Image:
        x0, y0, x1, y1 = shot.pan
        share = seconds / shot.seconds
        left = round((x0 + (x1 - x0) * share) * (place.width - self.look.width))
        top = round((y0 + (y1 - y0) * share) * (place.height - self.look.height))
        picture = place.crop((left, top, left + self.look.width, top + self.look.height))
        draw = ImageDraw.Draw(picture)
        for actor in shot.actors:
            draw_actor(draw, actor, seconds, self.look.width, self.look.height)
        return picture


def _shot(rng: Rng, start: int, seconds: int) -> Shot:
    left = 0.1 * rng.random()
    right = 1 - 0.1 * rng.random()
    x0, x1 = (left, right) if rng.below(2) else (right, left)
    actors = sorted((_actor(rng, seconds) for _ in range(rng.below(6))), key=lambda actor: actor.start[1])
    return Shot(start, seconds, rng.choice(_PLACES), (x0, rng.random(), x1, rng.random()), tuple(actors), rng.identity)


def _actor(rng: Rng, seconds: int) -> Actor:
    kind = "person" if rng.below(2) else rng.choice(_THINGS)
    pose = rng.choice(POSES)
    moves = pose == "walking" or kind in {"car", "bus", "boat", "bicycle", "dog", "balloon", "kite"}
    speed = (rng.random() - 0.5) * (1.6 if moves else 0.1) / seconds
    foot = (0.25 if kind in {"balloon", "kite"} else 0.65) + 0.32 * rng.random()
    size = (0.2 if kind != "person" else 0.35) + 0.25 * rng.random()
    return Actor(kind, rng.choice(_COLOURS), rng.below(64), pose, (rng.random(), foot), (speed, 0.0), size)


def draw_actor(draw: ImageDraw.ImageDraw, actor: Actor, seconds: float, width: int, height: int) -> None:
    """Draw an actor as it stands some seconds into its shot."""
    x = round((actor.start[0] + actor.speed[0] * seconds) * width)
    y = round((actor.start[1] + actor.speed[1] * seconds) * height)
    size = max(12, round(actor.size * height))
    if actor.kind != "person":
        THINGS[actor.kind](draw, x, y, size, actor.colour)
        return
    hat = _COLOURS[actor.look // 4 % len(_COLOURS)] if actor.look % 3 == 0 else None
    trousers, hair = _COLOURS[-1 - actor.look // 8 % 4], _COLOURS[-2 - actor.look % 2]
    look = Figure(actor.colour, trousers, hair, actor.look % 4, hat)
    person(draw, (x, y), size, look, actor.pose, 2.1 * math.pi * seconds / 2.4 + actor.look)
