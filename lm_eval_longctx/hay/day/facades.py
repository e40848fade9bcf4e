"""Film at front doors as pictures: a house in its place, and who or what is before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from PIL import ImageDraw

from lm_eval_longctx.hay.day.doors import HOUSES, LASTS, Doors, View, Visit
from lm_eval_longctx.hay.day.film import DayFilm
from lm_eval_longctx.hay.film.actors import THINGS, Figure, person
from lm_eval_longctx.hay.film.backdrops import backdrop
from lm_eval_longctx.hay.film.paint import COLOURS, shade
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from PIL.Image import Image

    from lm_eval_longctx.hay.day.script import Pass, Thing
    from lm_eval_longctx.hay.film.source import Look

_PLACES = ("hills", "sea", "fields", "desert")
_DARKEST = 0.6
_HAT = (20, 20, 22)
_GROUND = 0.84
"""Where the house stands, as a share of the picture's height."""


class DoorsFilm(DayFilm):
    """A film at front doors; implements ``Hay``."""

    def __init__(self, day: Doors, look: Look) -> None:
        """Keep the settings; nothing is drawn yet."""
        super().__init__(cast("Any", day), look)  # a script with a name and scenes, as that of a day is
        self.doors = day

    def _place(self, scene: Any) -> Image:
        """Draw what does not move: the house in the light of the hour, the film being a day and a night long."""
        width, height = self.look.width, self.look.height
        picture = backdrop(_PLACES[scene.house], Rng(f"{self.identity}|{scene.house}"), width, height)
        _house(ImageDraw.Draw(picture), scene, width, height)
        share = (scene.start + scene.seconds / 2) / self.day.seconds
        light = 1 - (1 - _DARKEST) * abs(2 * share - 1)
        return picture.point([round(light * value) for value in range(256)] * 3)

    def _picture(self, scene: Any, place: Image, seconds: float) -> Image:
        del scene
        picture = place.copy()
        happens = self.doors.event_at(seconds)
        if happens is not None:
            start, event = happens
            draw, share = ImageDraw.Draw(picture), (seconds - start) / LASTS
            if isinstance(event, Visit):
                self._visitor(draw, event, share, coming=start == event.comes)
            else:
                self._passing(draw, event, share)
        return picture

    def _visitor(self, draw: ImageDraw.ImageDraw, visit: Visit, share: float, *, coming: bool) -> None:
        """Draw somebody on the way from the left edge to the door, or from the door to the right edge."""
        width, height = self.look.width, self.look.height
        across = 0.08 + 0.4 * share if coming else 0.52 + 0.4 * share
        look = Figure(COLOURS[visit.who.shirt], hat=_HAT if visit.who.hat else None)
        x, y = round(across * width), round((_GROUND + 0.06) * height)
        person(draw, (x, y), round(0.34 * height), look, "walking", 12 * share)
        thing = visit.brings if coming else visit.takes
        if thing is not None:
            self._thing(draw, thing, (x + round(0.09 * height), y - round(0.04 * height)), round(0.12 * height))

    def _passing(self, draw: ImageDraw.ImageDraw, passing: Pass, share: float) -> None:
        """Draw what goes by in the foreground."""
        across = 0.1 + 0.8 * (share if passing.left_to_right else 1 - share)
        at = round(across * self.look.width), round(0.99 * self.look.height)
        self._thing(draw, passing.thing, at, round(0.17 * self.look.height))

    def _thing(self, draw: ImageDraw.ImageDraw, thing: Thing, at: tuple[int, int], size: int) -> None:
        THINGS[thing[1]](draw, *at, size, COLOURS[thing[0]])


def _house(draw: ImageDraw.ImageDraw, view: View, width: int, height: int) -> None:
    """Draw pavement, road, walls, roof, windows and door, so that every colour before or in them stands out."""
    wall = COLOURS[HOUSES[view.house]]
    ground, left, right = round(_GROUND * height), round(0.25 * width), round(0.75 * width)
    eaves, kerb = round(0.34 * height), round(0.93 * height)
    draw.rectangle((0, ground, width, height), (165, 160, 155))
    draw.rectangle((0, kerb, width, height), (105, 105, 110))
    draw.polygon(((left - width // 30, eaves), (width // 2, height // 9), (right + width // 30, eaves)), (110, 70, 60))
    draw.rectangle((left, eaves, right, ground), wall, outline=shade(wall, 0.6), width=2)
    for across in (0.34, 0.66):
        x, half = round(across * width), width // 22
        pane = (x - half, round(0.45 * height), x + half, round(0.6 * height))
        draw.rectangle(pane, (190, 215, 230), (60, 60, 60), 3)
    half, top, rim = width // 20, round(0.48 * height), max(2, width // 160)
    draw.rectangle((width // 2 - half - rim, top - rim, width // 2 + half + rim, ground), (90, 90, 90))
    draw.rectangle((width // 2 - half, top, width // 2 + half, ground), COLOURS[view.door])
    knob = max(1, width // 200)
    x, y = width // 2 + half * 2 // 3, (top + ground) // 2
    draw.ellipse((x - knob, y - knob, x + knob, y + knob), (150, 150, 150))
