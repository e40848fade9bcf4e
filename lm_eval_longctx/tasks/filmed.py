"""What all tasks on film share: options, the source of pictures, the name of a hay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.film.codec import CODERS, DEFAULT
from lm_eval_longctx.hay.film.source import FilmSource
from lm_eval_longctx.sample import Sample
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample

FORMS = ("native", "frames")

OPTIONS = (
    Option("fps", 1.0, "pictures a second: in the file, and for the model to look at", minimum=0.05, maximum=60),
    Option("form", "native", "send films as files, or as pictures with their times; one form a run", choices=FORMS),
    Option("codec", DEFAULT, "how the film is coded; h264 uses x264, which is GPL", choices=tuple(CODERS)),
    Option(
        "tokens_per_second",
        258.0,
        "tokens a second of film costs, to ask lengths in tokens, where the table of models does not say",
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


def hay_name(plan: PlannedSample) -> str:
    """Name the hay that all lengths, depths and ladder steps of an index share."""
    return f"{plan.task}|{plan.version}|{plan.seed}|{plan.index}"


WATCH = "Watch the whole video carefully. A question about it follows.\n"
LOOK = "These are {count} frames of a video, each after its time. A question about the video follows.\n"
LOOK_ONCE = "This is one frame of a video, after its time. A question about the video follows.\n"
BLIND = "A question about a video follows. The video cannot be shown.\n"
ASK = (
    "\nQuestion: {text}\n{options}\n"
    "Choose one option. End your answer with a line of this form: Final Answer: (X), where X is the option's letter."
)

ALL = "all"
LETTERS = "ABCDEFGHIJ"


def asked(text: str, options: Sequence[str]) -> str:
    """Return a question with its lettered options and the form of the answer.

    Args:
        text: The question.
        options: In the order in which they are shown, ten at most.
    """
    return ASK.format(
        text=text, options="\n".join(f"({a}) {b}" for a, b in zip(LETTERS[: len(options)], options, strict=True))
    )


def before(shown: int, pictures: int) -> str:
    """Return what stands before the pictures of a film.

    Args:
        shown: How many of them are shown.
        pictures: How many there are.
    """
    if shown == pictures:
        return WATCH
    return LOOK_ONCE if shown == 1 else LOOK.format(count=shown)


def refuse_two_forms(form: str, frames: Sequence[str | int]) -> None:
    """Refuse some frames of a film beside, or instead of, a film: how it is coded would be compared, not how much.

    Raises:
        ConfigError: The form is ``native``, and so many frames are asked for.
    """
    some = [count for count in frames if count not in {ALL, 0}]
    if form == "native" and some:
        raise ConfigError(
            f"frames: {some[0]} are pictures, and form: native sends films; say form: frames, with which all rows of "
            "a run are pictures with their times, or frames: all"
        )


def frame_counts(value: Any) -> list[str | int]:
    """Read the option ``frames``: ``all``, a number, or a list of both.

    Raises:
        ConfigError: Something in it is neither.
    """
    given = list(value) if isinstance(value, (list, tuple)) else [value]
    for item in given:
        if item != ALL and (not isinstance(item, int) or isinstance(item, bool) or item < 0):
            raise ConfigError(f"frames must be 'all', a whole number from 0, or a list of such, not {value!r}")
    if not given:
        raise ConfigError("frames is an empty list; give 'all' or a number")
    return list(dict.fromkeys(given))


def evenly(count: int, pictures: int) -> list[int]:
    """Return which of a film's pictures are shown: the report's ``linspace(0, m - 1, min(m, n))``."""
    shown = min(count, pictures)
    return [i * (pictures - 1) // (shown - 1) for i in range(shown)] if shown > 1 else [0][:shown]


FRAMES = Option(
    "frames", ALL, "show the whole film, or only so many frames of it (0: blind), or a list", kinds=(int, list, tuple)
)


class FilmSample(Sample):
    """What all samples on film share.

    Attributes:
        pictures: How many pictures the film has, or how many of them are shown.
        form: ``native`` for a film, ``frames`` for pictures with their times.
    """

    pictures: int
    form: str


def film_contents(sample: FilmSample) -> tuple[str, ...]:
    """Return which kinds of content the prompt holds: film as ``frames`` is pictures, and without any there is text."""
    if sample["pictures"] == 0:
        return ("text",)
    return ("text", "image" if sample["form"] == "frames" else "video")
