"""A day as pictures, and its sound track: bells, horns, whistles and drums over a quiet hum."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageDraw, ImageFont

from lm_eval_longctx.hay.day.script import CAPTION, PASSING, SHIRTS, VERSION, Day, Pass, Role, Scene
from lm_eval_longctx.hay.film.actors import THINGS, Figure, person
from lm_eval_longctx.hay.film.backdrops import backdrop
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.paint import COLOURS
from lm_eval_longctx.hay.film.splice import SAMPLE_RATE
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from PIL.Image import Image

    from lm_eval_longctx.hay.film.source import Look

    Waveform = npt.NDArray[np.float64]


_WIDE = 1.5
_SPAN = 1.3
_TROUSERS = ((50, 55, 80), (70, 60, 50), (40, 40, 44))


class DayFilm:
    """A day's film; implements ``Hay``.

    Attributes:
        day: The script.
        look: Size and pictures a second.
        identity: Names the pictures.
    """

    distinct: int | None = None
    parallel = True

    def __init__(self, day: Day, look: Look) -> None:
        """Keep the settings; nothing is drawn yet."""
        self.day, self.look = day, look
        self.identity = hashlib.sha256(f"day {VERSION}|{day.name}|{day.seconds}".encode()).hexdigest()[:32]

    def pictures(self, start: int, stop: int) -> Iterator[Image]:
        """Draw the pictures ``start`` to ``stop - 1`` in order; after the day's end its last scene goes on."""
        scene, place = None, None
        for index in range(start, stop):
            seconds = float(index / self.look.fps)
            current = self.day.scene_at(seconds)
            if current is not scene or place is None:
                scene, place = current, self._place(current)
            yield self._picture(scene, place, seconds)

    def _place(self, scene: Scene) -> Image:
        rng = Rng(f"{self.identity}|{scene.number}")
        return backdrop(scene.place, rng, round(self.look.width * _WIDE), self.look.height)

    def _picture(self, scene: Scene, place: Image, seconds: float) -> Image:
        width, height = self.look.width, self.look.height
        share = min(1.0, (seconds - scene.start) / scene.seconds)
        left = round((share if scene.number % 2 else 1 - share) * (place.width - width))
        picture = place.crop((left, 0, left + width, height))
        draw = ImageDraw.Draw(picture)
        for number, role in enumerate(scene.roles):
            self._role(draw, role, (number + 0.4) / len(scene.roles), seconds)
        for passing in scene.passes:
            self._pass(draw, passing, seconds)
        if scene.sign and scene.sign_from <= seconds < scene.sign_until:
            self._sign(draw, scene.sign)
        if seconds < scene.start + CAPTION:
            return Overlay(scene.caption, max(8, height * 7 // 100), 1.0, 0.03, 0.05).on(picture)
        return picture

    def _role(self, draw: ImageDraw.ImageDraw, role: Role, across: float, seconds: float) -> None:
        """Draw a person with the thing to the right."""
        width, height = self.look.width, self.look.height
        number = SHIRTS.index(role.shirt)
        look = Figure(COLOURS[role.shirt], _TROUSERS[number % 3], _TROUSERS[number % 2], number % 4)
        x, y = round(across * width), round(0.9 * height)
        person(draw, (x, y), round(0.45 * height), look, role.doing, 2.6 * seconds + number)
        colour, kind = role.thing
        beside = x + round(0.2 * height) + width // 40
        THINGS[kind](draw, beside, y, round(0.2 * height), COLOURS[colour])

    def _pass(self, draw: ImageDraw.ImageDraw, passing: Pass, seconds: float) -> None:
        """Draw what goes through the foreground, where it is now, if it is there."""
        share = (seconds - passing.start) / (PASSING - 1)
        if not 0 <= share < 1:
            return
        colour, kind = passing.thing
        along = (share + 0.1) * _SPAN - (_SPAN - 1) / 2
        x = along if passing.left_to_right else 1 - along
        bounce = abs(math.sin(4 * seconds)) if kind == "dog" else 0.0
        y = round((0.99 - 0.01 * bounce) * self.look.height)
        THINGS[kind](draw, round(x * self.look.width), y, round(0.17 * self.look.height), COLOURS[colour])

    def _sign(self, draw: ImageDraw.ImageDraw, word: str) -> None:
        """Draw a board with a word in capitals, high on the right."""
        width, height = self.look.width, self.look.height
        font = ImageFont.load_default(max(8, height * 8 // 100))
        half = round(font.getlength(word.upper()) / 2) + height // 30
        x, y = width - half - width // 30, round(0.14 * height)
        draw.rectangle(
            (x - half, y - height // 14, x + half, y + height // 14),
            fill=(250, 250, 240),
            outline=(60, 40, 30),
            width=3,
        )
        draw.text((x, y), word.upper(), font=font, fill=(20, 20, 30), anchor="mm")


_LOUD = 20_000
_QUIET = 300


class DaySound:
    """What is heard in a day; implements ``Soundtrack``.

    Attributes:
        identity: Names the sound.
    """

    def __init__(self, day: Day) -> None:
        """Note what is heard in which second."""
        self.identity = hashlib.sha256(f"day sound {VERSION}|{day.name}|{day.seconds}".encode()).hexdigest()[:32]
        self._at = {second: heard.sound for heard in day.heard for second in heard.times}

    def second(self, number: int) -> npt.NDArray[np.int16]:
        """Return one second, mono, 16 kHz."""
        t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        wave = _QUIET * (np.sin(2 * np.pi * 110 * t) + 0.5 * np.sin(2 * np.pi * 165 * t))
        if number in self._at:
            wave = wave + _LOUD * _sound(self._at[number])
        return wave.astype(np.int16)


@lru_cache(maxsize=4)
def _sound(name: str) -> Waveform:
    """Return a sound of one second, float, within +-1."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    wave = _WAVES[name](t) * np.minimum(1, 20 * np.minimum(t, 1 - t))
    return np.asarray(wave / np.abs(wave).max())


def _bell(t: Waveform) -> Waveform:
    partials = np.array([[523, 1.0, 3], [1046, 0.6, 5], [1570, 0.4, 7], [2240, 0.25, 9]])
    pitch, loud, decay = partials.T[:, :, None]
    return np.asarray((loud * np.exp(-decay * t) * np.sin(2 * np.pi * pitch * t)).sum(axis=0))


def _horn(t: Waveform) -> Waveform:
    harmonics = np.arange(1, 9)[:, None]
    return np.asarray((np.sin(2 * np.pi * 233 * harmonics * t) / harmonics).sum(axis=0))


def _whistle(t: Waveform) -> Waveform:
    return np.asarray(np.sin(2 * np.pi * (2000 * t + 8 * np.sin(2 * np.pi * 25 * t))))


def _drum(t: Waveform) -> Waveform:
    return np.asarray(np.exp(-12 * t) * np.sin(2 * np.pi * (70 * t + 12 * (1 - np.exp(-20 * t)))))


_WAVES = {"bell": _bell, "horn": _horn, "whistle": _whistle, "drum": _drum}
