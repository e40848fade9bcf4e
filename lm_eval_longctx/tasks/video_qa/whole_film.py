"""``longctx_video_day``: questions about all that is seen in hours of film, up to a day and a night.

What benchmarks of long film ask for and films from the web cannot promise:
that an answer needs the whole film (counts, orders, changes, who went in and
never came out), that no caption, speech or title gives it away, and that it is
exact. The film follows from a script (``hay/day/doors.py``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.hay.day.doors import LASTS, write_doors
from lm_eval_longctx.hay.day.facades import DoorsFilm
from lm_eval_longctx.plan import expand
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.filmed import ALL, evenly
from lm_eval_longctx.tasks.video_qa.builder import VideoQaBuilder
from lm_eval_longctx.tasks.video_qa.door_questions import KINDS, missed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.video_qa.builder import DayQuestion
    from lm_eval_longctx.tasks.video_qa.questions import Kinds

SLOWEST = 1 / LASTS
"""Pictures a second that an answer needs: with fewer, somebody could come or go between two of them."""


class VideoDayBuilder(VideoQaBuilder):
    """Asks about films at front doors."""

    KINDS: ClassVar[Kinds] = KINDS
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *(option for option in VideoQaBuilder.OPTIONS if option.name != "kinds"),
        Option("kinds", list(KINDS), f"kinds of question: {', '.join(KINDS)}"),
        Option("spread", [1.0], "share of the film in which all happens, or a list", kinds=(int, float, list, tuple)),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Refuse what could make a wrong answer of a right one."""
        super().__init__(sweep, context)
        if self.options["fps"] < SLOWEST and any(self.frames):
            raise ConfigError(
                f"{sweep.task} needs {SLOWEST:g} pictures a second or more: somebody is seen for {LASTS} s, "
                f"and would come and go between two pictures at fps: {self.options['fps']:g}"
            )
        self.spreads = _shares(self.options["spread"])
        self._doors = lru_cache(maxsize=8)(write_doors)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind, with each number of frames and each spread, is a variant."""
        variants = [
            f"kind={kind},frames={frames},spread={spread:g}"
            for kind in self.options["kinds"]
            for frames in self.frames
            for spread in self.spreads
        ]
        return expand(self.sweep, variants=variants)

    def _spread(self, plan: PlannedSample) -> float:
        return float(plan.variant.rpartition("=")[2])

    def film(self, plan: PlannedSample) -> DoorsFilm:
        """Return the film that a planned sample asks about."""
        return cast("DoorsFilm", self._asked(plan)[0])

    def _film(self, name: str, plan: PlannedSample) -> DoorsFilm:
        return DoorsFilm(self._doors(name, int(plan.length.amount), self._spread(plan)), self.look)

    def sample(self, plan: PlannedSample) -> DayQuestion:
        """Work out one sample, and whether what is shown of the film is enough; nothing is drawn."""
        sample = super().sample(plan)
        pictures = self.look.pictures(int(plan.length.amount))
        sample["spread"], sample["of_pictures"], sample["needle_sampled"] = self._spread(plan), pictures, True
        if sample["frames"] != ALL:  # at SLOWEST or more a whole film misses nothing
            shown = evenly(sample["pictures"], pictures)
            between = missed(sample["evidence"], [float(number / self.look.fps) for number in shown])
            sample["needle_sampled"] = between is None
            if between is not None and shown:
                among = f"none of the {len(shown):,} of {pictures:,} pictures that are shown"
                sample["unasked"] = f"what happens at {between:.0f} s and belongs to the answer is in {among}"
        return sample

    def render(self, sample: DayQuestion) -> Prompt:
        """Write the film or its pictures (or find them written) and put the question after.

        Raises:
            UnsupportedError: Something that the answer needs is in none of the pictures that are shown.
        """
        if "unasked" in sample:
            raise UnsupportedError(sample["unasked"])
        return super().render(sample)


def _shares(given: Any) -> list[float]:
    """Read the option ``spread``.

    Raises:
        ConfigError: Something in it is no share, or there is none.
    """
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    if not values or not all(isinstance(value, (int, float)) and 0 < value <= 1 for value in values):
        raise ConfigError(f"spread must be a share of the film above 0 and up to 1, or a list, not {given!r}")
    return [float(value) for value in values]
