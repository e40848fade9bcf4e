"""What all tasks on film share: options, the source of pictures, the name of a hay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.film.codec import CODERS
from lm_eval_longctx.hay.film.source import FilmSource
from lm_eval_longctx.sweep import Option

if TYPE_CHECKING:
    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample

FORMS = ("native", "frames")

OPTIONS = (
    Option("fps", 1.0, "pictures a second: in the file, and for the model to look at", minimum=0.05, maximum=60),
    Option("form", "native", "send the film as a file, or as pictures with their times", choices=FORMS),
    Option("codec", "mpeg4", "how the film is coded; h264 uses x264, which is GPL", choices=tuple(CODERS)),
    Option(
        "tokens_per_second",
        258.0,
        "tokens a second of film costs (Gemini: 258 a frame), to ask lengths in tokens",
        minimum=0.1,
    ),
)
"""What all builders of films have."""


def open_film(spec: str, context: BuildContext) -> FilmSource:
    """Return the source of pictures that a task asks for.

    Raises:
        ConfigError: The haystack is not made of pictures.
    """
    source = context.source(spec)
    if not isinstance(source, FilmSource):
        raise ConfigError(
            f"haystack {spec!r} is not made of pictures; use film, video:<file or folder> or frames:<folder>"
        )
    return source


def hay_name(sample: PlannedSample) -> str:
    """Name the hay that all lengths, depths and ladder steps of an index share."""
    return f"{sample.task}|{sample.version}|{sample.seed}|{sample.index}"
