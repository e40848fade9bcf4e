"""What pictures, sound and film cost in tokens, by the makers' own rules: a length in tokens needs one of them.

A mixture is as long as its parts together, and each maker counts parts in its
own way. Text is counted by a tokenizer; the rest by one of these rules, whose
name and numbers each sample says. ``reference`` is what Gemini 1.5 documented
and what this package reckons elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("text", "image", "audio", "video")
"""What can be mixed, by the names of ``Capabilities.modalities``."""

_TILE, _PATCH = 512, 28
_SHORT_SIDE, _LONG_SIDE = 768, 2048


@dataclass(frozen=True)
class Arithmetic:
    """One maker's rule.

    Attributes:
        name: What users write.
        told: The rule in one line, with its source.
        image: Tokens of a picture, from its width and height in pixels.
        second: Tokens of a second of sound; ``None`` where no sound is taken.
        frame: Tokens of a picture of a film, from width and height.
    """

    name: str
    told: str
    image: Callable[[int, int], int]
    second: float | None
    frame: Callable[[int, int], int]

    def sound(self, seconds: float) -> int:
        """Return the tokens of a recording.

        Raises:
            ConfigError: This maker takes no sound.
        """
        if self.second is None:
            raise ConfigError(f"arithmetic {self.name} knows no tokens of sound; leave audio out of modalities")
        return math.ceil(self.second * seconds)


def _flat(tokens: int) -> Callable[[int, int], int]:
    return lambda width, height: tokens  # noqa: ARG005 - whatever its size


def _area(width: int, height: int) -> int:
    return math.ceil(width * height / 750)


def _tiles(width: int, height: int) -> int:
    """Shrink to 2,048 pixels on the long side and 768 on the short one, then count tiles of 512."""
    scale = min(1.0, _LONG_SIDE / max(width, height), _SHORT_SIDE / min(width, height))
    across, down = (math.ceil(side * scale / _TILE) for side in (width, height))
    return 85 + 170 * across * down


def _patches(width: int, height: int) -> int:
    return math.ceil(width / _PATCH) * math.ceil(height / _PATCH)


ARITHMETICS: dict[str, Arithmetic] = {
    rule.name: rule
    for rule in (
        Arithmetic(
            "reference",
            "258 a picture, 258 a frame of film, 32 a second of sound (Gemini 1.5)",
            _flat(258),
            32,
            _flat(258),
        ),
        Arithmetic(
            "gemini-3",
            "1,120 a picture, 70 a frame of film, 32 a second of sound (Gemini 3, default resolution)",
            _flat(1120),
            32,
            _flat(70),
        ),
        Arithmetic(
            "openai",
            "85 and 170 for each tile of 512 pixels, film as pictures, 10 a second of sound (GPT-4o, gpt-audio)",
            _tiles,
            10,
            _tiles,
        ),
        Arithmetic("anthropic", "a 750th of the pixels, film as pictures, no sound (Claude)", _area, None, _area),
        Arithmetic(
            "qwen",
            "a token for 28 x 28 pixels, half of that a frame of film, 25 a second of sound (Qwen2.5-Omni)",
            _patches,
            25,
            lambda width, height: math.ceil(_patches(width, height) / 2),
        ),
    )
}
"""By the name that users write."""
