"""What is laid over a picture: the needle, and what looks like it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Protocol

from PIL import Image, ImageDraw, ImageFont

from lm_eval_longctx.errors import ConfigError

_LARGEST_SHARE = 0.96


class Mark(Protocol):
    """Anything that is laid over a picture."""

    def check(self, width: int, height: int) -> None:
        """Raise ``ConfigError`` if it is larger than a picture of that size."""

    def on(self, picture: Image.Image) -> Image.Image:
        """Return a copy of the picture with the mark on it."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for samples and names."""


@dataclass(frozen=True)
class Overlay:
    """White text on a dark box.

    Attributes:
        text: One line.
        size: Height of the type, in pixels.
        contrast: Opacity of the text, in (0, 1]; the box is at 0.8 of it.
        x: Where the box lies in the room that the picture leaves it: 0 is the
            left edge, 1 the right.
        y: 0 is the upper edge, 1 the lower.
    """

    text: str
    size: int
    contrast: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def check(self, width: int, height: int) -> None:
        """Raise ``ConfigError`` if the overlay is larger than a picture of that size."""
        box = _box(self.text, self.size)
        if box[0] > width * _LARGEST_SHARE or box[1] > height * _LARGEST_SHARE:
            largest = int(self.size * width * _LARGEST_SHARE / box[0])
            what = f"the overlay {self.text!r} at {self.size} pixels is wider than a picture of {width}x{height}"
            raise ConfigError(f"{what}; use an overlay_size of at most {100 * largest / height:.1f}")

    def on(self, picture: Image.Image) -> Image.Image:
        """Return a copy of the picture with the text on it."""
        shown = picture.copy()
        patch, mask = _stamp(self.text, self.size, self.contrast)
        left = round((picture.width - patch.width) * self.x)
        top = round((picture.height - patch.height) * self.y)
        shown.paste(patch, (left, top), mask)
        return shown

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for samples."""
        return asdict(self)


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


@lru_cache(maxsize=64)
def _box(text: str, size: int) -> tuple[int, int]:
    return round(_font(size).getlength(text)) + size, round(size * 1.6)


def _stamp(text: str, size: int, contrast: float) -> tuple[Image.Image, Image.Image]:
    """Return the colours of the box with its text, and their opacity."""
    box = _box(text, size)
    colours, opacity = Image.new("RGB", box, (0, 0, 0)), Image.new("L", box, round(204 * contrast))
    for image, ink in ((colours, (255, 255, 255)), (opacity, round(255 * contrast))):
        ImageDraw.Draw(image).text((box[0] / 2, box[1] / 2), text, font=_font(size), fill=ink, anchor="mm")
    return colours, opacity
