"""Which mark goes on which picture: the plan that films and series of pictures share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.film.overlay import Mark, Overlay
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.plan import PlannedSample, Rng


WORDS: tuple[str, ...] = tuple(
    """
    acrobat almond amber anchor apron atlas badger bagel bamboo banjo basket beacon beetle biscuit blanket bonnet
    bracket bronze bucket butter button cabbage cactus camel canyon carpet cedar cherry chimney cobweb coconut comet
    compass copper cotton cowboy cricket crystal cushion daisy dentist diamond dolphin donkey dragon drum eagle echo
    elbow emerald engine falcon feather ferry fossil fountain fridge galaxy garlic gecko ginger giraffe goblet gravel
    hammer hammock harbour hazel hedgehog helmet honey igloo jacket jasmine jigsaw juniper kangaroo kayak kettle
    kitten koala ladder lagoon lemon leopard lobster magnet mango maple marble meadow melon mitten monkey mosaic
    muffin mustard napkin nectar nutmeg oasis octopus olive orchid otter oyster paddle panda papaya parrot peanut
    pebble pepper piano picnic pigeon pillow planet pocket pony poppy potato prism pumpkin puppet puzzle quartz quiver
    rabbit radish raven ribbon robot rocket saddle saffron salmon sandal saxophone scarf shadow shovel sofa spider
    spinach sponge squash statue sugar sunset table teapot thimble thunder ticket tiger timber toast tomato tractor
    trumpet tulip tunnel truffle turtle umbrella vanilla velvet violet waffle wagon walnut walrus whisper window wizard
    wombat yoghurt zebra zipper
    """.split()
)
"""What a secret word can be."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
"""How several needles are told apart."""

DECOYS = ("public", "magic", "plain", "common", "borrowed", "foreign", "ancient", "favourite", "forgotten", "printed")
"""What words that are not asked for are called, in place of ``secret``."""


OPTIONS = (
    Option("resolution", "640x360", "width x height of each picture, in pixels, even"),
    Option(
        "overlay_size", 7.0, "height of the type in percent of the picture's, or a list (a ladder)", kinds=(list, tuple)
    ),
    Option("overlay_contrast", 1.0, "opacity of the overlay, above 0 to 1, or a list (a ladder)", kinds=(list, tuple)),
    Option("needles", 1, "how many needles are hidden and asked for", minimum=1, maximum=len(ORDINALS)),
    Option("absent", 0.0, "share of samples in which no picture shows a needle", minimum=0, maximum=1),
    Option("distractors", 0, "overlays like the needle's that are not asked for", minimum=0, maximum=1000),
)

Pair = tuple[str, str]
"""What is asked for (empty for the only secret word), and the answer."""


class Style(Protocol):
    """A kind of needle."""

    def pairs(self, rng: Rng, count: int) -> list[Pair]:
        """Return what is hidden."""

    def decoy(self, rng: Rng, pairs: Sequence[Pair]) -> Pair:
        """Return something that is not asked for."""

    def mark(self, pair: Pair, pixels: int, contrast: float, rng: Rng) -> Mark:
        """Return what is drawn: a mark for type of some height, at a random place."""


class Lettering:
    """The report's needle: ``The secret word is "otter"``."""

    def pairs(self, rng: Rng, count: int) -> list[Pair]:
        """Return words, by ordinal if there are several."""
        words = rng.sample(WORDS, count)
        return [("", words[0])] if count == 1 else list(zip(ORDINALS, words, strict=False))

    def decoy(self, rng: Rng, pairs: Sequence[Pair]) -> Pair:
        """Return another word that is called otherwise."""
        hidden = {word for _, word in pairs}
        return rng.choice(DECOYS), rng.choice([word for word in WORDS if word not in hidden])

    def mark(self, pair: Pair, pixels: int, contrast: float, rng: Rng) -> Mark:
        """Return the sentence."""
        key, word = pair
        name = {"": "secret", **{ordinal: f"{ordinal} secret" for ordinal in ORDINALS}}.get(key, key)
        return Overlay(f'The {name} word is "{word}"', pixels, contrast, round(rng.random(), 3), round(rng.random(), 3))


@dataclass(frozen=True)
class Shown:
    """A mark in its place.

    Attributes:
        key: What is asked for; empty for the only secret word.
        value: The answer.
        picture: The number of the picture that shows it, from 0.
        mark: What is drawn there.
    """

    key: str
    value: str
    picture: int
    mark: Mark


@dataclass(frozen=True)
class Hidden:
    """All that is laid over a sample's pictures.

    Attributes:
        absent: Whether the needles were left out.
        pairs: What is asked for, hidden or not.
        needles: Where they are; empty if absent.
        distractors: What looks like them.
    """

    absent: bool
    pairs: tuple[Pair, ...]
    needles: tuple[Shown, ...]
    distractors: tuple[Shown, ...]

    def marks(self) -> dict[int, Mark]:
        """Return what is drawn on which picture."""
        return {shown.picture: shown.mark for shown in (*self.needles, *self.distractors)}

    def target(self) -> str | dict[str, str]:
        """Return the right answer: the value, or all values by key."""
        return self.pairs[0][1] if len(self.pairs) == 1 else dict(self.pairs)


def ladder(options: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return all pairs of overlay size (percent) and contrast to try.

    Raises:
        ConfigError: A value is no number or out of range.
    """
    sizes = _steps(options, "overlay_size", 1, 50)
    contrasts = _steps(options, "overlay_contrast", 0.02, 1)
    return [(size, contrast) for size in sizes for contrast in contrasts]


def _steps(options: Mapping[str, Any], name: str, low: float, high: float) -> list[float]:
    given = options[name]
    steps = list(given) if isinstance(given, (list, tuple)) else [given]
    for step in steps:
        if isinstance(step, bool) or not isinstance(step, (int, float)) or not low <= step <= high:
            raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, or a list of such, not {given!r}")
    if not steps:
        raise ConfigError(f"{name} is an empty list; give at least one number")
    return list(dict.fromkeys(float(step) for step in steps))


def variants(options: Mapping[str, Any]) -> list[str]:
    """Name the steps of a ladder; one step has no name."""
    steps = ladder(options)
    return [f"size={size:g}%,contrast={contrast:g}" for size, contrast in steps] if len(steps) > 1 else [""]


def hide(plan: PlannedSample, options: Mapping[str, Any], pictures: int, size: tuple[int, int], style: Style) -> Hidden:
    """Decide on needles, pictures and places.

    The steps of a ladder differ in nothing but size and contrast.

    Args:
        plan: The planned sample.
        options: The builder's options, complete.
        pictures: How many pictures there are.
        size: Their width and height in pixels.
        style: The kind of needle.

    Raises:
        LengthError: There are fewer pictures than marks.
        ConfigError: A mark is larger than a picture.
    """
    count, decoys = options["needles"], options["distractors"]
    if pictures < count + decoys:
        what = f"{pictures} pictures cannot hold {count} needles and {decoys} distractors"
        raise LengthError(f"{what}; ask for a longer context")
    percent, contrast = ladder(options)[variants(options).index(plan.variant)]
    pixels = max(6, round(size[1] * percent / 100))
    shared = replace(plan, variant="")
    pairs = style.pairs(shared.rng("words"), count)
    places = _places(plan.depth or 0.0, count, pictures)
    rng = shared.rng("marks")
    needles = [Shown(*p, at, style.mark(p, pixels, contrast, rng)) for p, at in zip(pairs, places, strict=True)]
    rng = shared.rng("distractors")
    others = []
    for place in _free_places(rng, decoys, pictures, places):
        decoy = style.decoy(rng, pairs)
        others.append(Shown(*decoy, place, style.mark(decoy, pixels, contrast, rng)))
    for shown in (*needles, *others):
        shown.mark.check(*size)
    absent = shared.rng("absent").random() < options["absent"]
    return Hidden(absent, tuple(pairs), () if absent else tuple(needles), tuple(others))


def _places(depth: float, count: int, pictures: int) -> list[int]:
    """Spread needles evenly from the asked depth on, going round at the end; each on a picture of its own."""
    places: list[int] = []
    for i in range(count):
        place = round(((depth + i / count) % 1.0 if i else depth) * (pictures - 1))
        while place in places:
            place = (place + 1) % pictures
        places.append(place)
    return places


def _free_places(rng: Rng, count: int, pictures: int, taken: Sequence[int]) -> list[int]:
    """Draw pictures that carry nothing yet."""
    places: list[int] = []
    while len(places) < count:
        place = rng.below(pictures)
        if place not in taken and place not in places:
            places.append(place)
    return places


def placed(shown: Shown, pictures: int) -> dict[str, Any]:
    """Return a sample's entry for a mark.

    Args:
        shown: The mark.
        pictures: How many pictures there are.
    """
    entry = {
        "value": shown.value,
        "picture": shown.picture,
        "depth": shown.picture / max(1, pictures - 1),
        "overlay": shown.mark.to_dict(),
    }
    return {"key": shown.key, **entry} if shown.key else entry
