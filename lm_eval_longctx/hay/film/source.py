"""Where pictures come from: the seam for sources of film, and how films look."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.stretches import stretch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sample import Haystack

_SIZE = re.compile(r"\s*(\d+)\s*[x×]\s*(\d+)\s*")
_SMALLEST, _LARGEST = 32, 4096


@dataclass(frozen=True)
class Look:
    """How a film is shown.

    Attributes:
        width: In pixels, even.
        height: In pixels, even.
        fps: Pictures a second.
    """

    width: int
    height: int
    fps: Fraction

    @classmethod
    def parse(cls, resolution: str, fps: float) -> Look:
        """Read what users write.

        Args:
            resolution: Such as ``640x360``.
            fps: Pictures a second, above 0.

        Raises:
            ConfigError: The size cannot be read, is odd, too small or too large.
        """
        match = _SIZE.fullmatch(resolution)
        if match is None:
            raise ConfigError(f"resolution must be written as 640x360, not {resolution!r}")
        width, height = int(match[1]), int(match[2])
        if width % 2 or height % 2:
            even = f"{width - width % 2}x{height - height % 2}"
            raise ConfigError(f"resolution {resolution} has an odd number, which films cannot have; use {even}")
        if not all(_SMALLEST <= side <= _LARGEST for side in (width, height)):
            raise ConfigError(f"resolution {resolution} is out of range; each side must be {_SMALLEST} to {_LARGEST}")
        return cls(width, height, Fraction(fps).limit_denominator(1001))

    def pictures(self, seconds: float) -> int:
        """Return how many whole sampling intervals a duration holds."""
        return int(seconds * self.fps + 1e-6)


class Hay(Protocol):
    """Pictures without end, in order."""

    @property
    def identity(self) -> str:
        """Names the pictures: equal names and looks, equal pictures."""

    @property
    def look(self) -> Look:
        """Size and rate."""

    @property
    def distinct(self) -> int | None:
        """How many pictures there are before they repeat; ``None`` if never."""

    @property
    def parallel(self) -> bool:
        """Whether several stretches may be drawn at once; otherwise they are asked for in order."""

    def pictures(self, start: int, stop: int) -> Iterator[Image]:
        """Yield RGB pictures ``start`` to ``stop - 1``, each of the look's size."""


@runtime_checkable
class FoundHay(Protocol):
    """Pictures that are somebody's files, some of which may be broken."""

    def verify(self, stop: int) -> None:
        """Make sure that the pictures before ``stop`` can be read.

        Raises:
            MediaError: One cannot; the message names its file.
        """


class FilmSource(ABC):
    """Gives hay to films and to series of pictures."""

    def __init__(self, argument: str, context: BuildContext) -> None:
        """Keep the text after the first colon."""
        self.argument, self.context = argument, context

    @abstractmethod
    def hay(self, name: str, look: Look) -> Hay:
        """Return pictures.

        Args:
            name: Names the sample's hay; sources that hold one film only ignore it.
            look: How they are wanted.

        Raises:
            CorpusError: There are no pictures.
            MediaError: A file cannot be used; the message names it.
        """

    @property
    def shown(self) -> str:
        """The argument as results may say it, without folders of this machine."""
        return self.argument.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Later:
    """Pictures from a later one on; implements ``Hay``."""

    inner: Hay
    first: int

    @property
    def identity(self) -> str:
        """The pictures' name, with the first of them."""
        return f"{self.inner.identity}+{self.first}"

    @property
    def look(self) -> Look:
        """Size and rate."""
        return self.inner.look

    @property
    def distinct(self) -> int | None:
        """How many pictures there are before they repeat."""
        return self.inner.distinct

    @property
    def parallel(self) -> bool:
        """As of all the pictures."""
        return self.inner.parallel

    def pictures(self, start: int, stop: int) -> Iterator[Image]:
        """Yield pictures, counted from the first."""
        return self.inner.pictures(self.first + start, self.first + stop)


def own_part(hay: Hay, index: int, pictures: int) -> tuple[Hay, float]:
    """Return an index's own pictures, and the share of them that lower indexes show too; see ``stretches``.

    Drawn films differ by index anyway; films and pictures of the user's are one series. As samples are planned before
    anything is asked, that is also when a file of the user's that cannot be read is found.

    Raises:
        MediaError: A file of the user's cannot be read; the message names it.
    """
    if hay.distinct is None:
        return hay, 0.0
    found = stretch(index, hay.distinct, pictures)
    first = int(found.start)
    if isinstance(hay, FoundHay):
        hay.verify(first + pictures)
    return (Later(hay, first) if first else hay), found.overlap


def described(spec: str, source: FilmSource, part: tuple[Hay, float], pictures: int) -> Haystack:
    """Return a sample's ``haystack`` entry.

    Args:
        spec: As the user wrote it.
        source: What it opened.
        part: The sample's pictures, as ``own_part`` gives them.
        pictures: How many of them are used.
    """
    hay, overlap = part
    name, colon, _ = spec.partition(":")
    repeats = 0 if hay.distinct is None else max(0, -(-pictures // hay.distinct) - 1)
    return {"spec": f"{name}{colon}{source.shown}", "digest": hay.identity, "repeats": repeats, "overlap": overlap}
