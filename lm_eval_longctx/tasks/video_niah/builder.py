"""``longctx_video_niah``: one picture of a film carries a secret word.

After the Gemini 1.5 report, section 5.2.1.2 and appendix 12.16 (arXiv
2403.05530): the text ``The secret word is "needle"`` is laid over one frame of
up to 10.5 hours of film, watched at one frame a second.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.hay.film import needles
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.render import film_part, frame_parts
from lm_eval_longctx.hay.film.source import FilmSource, Hay, Look, described, own_part
from lm_eval_longctx.hay.film.splice import Cut
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.filmed import (
    ALL,
    OPTIONS,
    FilmSample,
    evenly,
    film_contents,
    frame_counts,
    hay_name,
    open_film,
    refuse_two_forms,
)
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep

BEFORE = "Look through each frame in the video carefully and answer the question.\n"
ONE = "What is the secret word?"
SEVERAL = "What are all {count} secret words? Answer with one line for each, such as 'first: X'."
MAYBE = " If no frame shows a secret word, answer 'There is no secret word'."


SAMPLED = Option(
    "frames",
    ALL,
    "with form: frames, show every picture, or so many of them, evenly; what hides a needle elsewhere is not asked",
    kinds=(int,),
)


class _FilmNeedleFacts(FilmSample):
    """What every sample of needles in film has."""

    value_kind: str
    needles: list[dict[str, Any]]
    distractors: list[str]
    distractors_placed: list[dict[str, Any]]


class FilmNeedleSample(_FilmNeedleFacts, total=False):
    """Needles in film.

    Attributes:
        value_kind: What values are.
        needles: Value, picture, seconds, depth and drawing of each.
        distractors: Values that nobody asks for.
        distractors_placed: Where these are.
        of_pictures: How many pictures there are, where only some are shown.
        needle_sampled: Whether every needle is in one of these.
    """

    of_pictures: int
    needle_sampled: bool


class VideoNeedleBuilder(Builder[FilmNeedleSample]):
    """Hides secret words in film."""

    MODALITY: ClassVar[str] = "video"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    OPTIONS: ClassVar[tuple[Option, ...]] = (*needles.OPTIONS, *OPTIONS, SAMPLED)

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        self.look = Look.parse(self.options["resolution"], self.options["fps"])
        needles.ladder(self.options)
        (self.frames,) = frame_counts(self.options["frames"])
        if self.frames == 0:
            raise ConfigError("frames: 0 shows nothing of a film; say 'all' or a number from 1")
        refuse_two_forms(self.options["form"], [self.frames])
        self._hay = lru_cache(maxsize=4)(self._open)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each step of a ladder is a variant."""
        return expand(self.sweep, variants=needles.variants(self.options))

    def _open(self, name: str) -> tuple[FilmSource, Hay]:
        source = open_film(self.sweep.haystack, self.context)
        return source, source.hay(name, self.look)

    def _hidden(self, plan: PlannedSample) -> tuple[int, needles.Hidden]:
        pictures = self.look.pictures(float(plan.length.amount))
        return pictures, needles.hide(
            plan, self.options, pictures, (self.look.width, self.look.height), needles.Lettering()
        )

    def sample(self, plan: PlannedSample) -> FilmNeedleSample:
        """Work out one sample; nothing is drawn."""
        pictures, hidden = self._hidden(plan)
        source, hay = self._hay(hay_name(plan))
        seconds = float(pictures / self.look.fps)
        shown = self._shown(pictures)
        sample: FilmNeedleSample = {
            **planned_part(plan, self.sweep.tokenizer),
            "target": hidden.target(),
            "absent": hidden.absent,
            "value_kind": "word",
            "question": self._question(),
            "needles": [self._placed(shown, pictures) for shown in hidden.needles],
            "distractors": [shown.value for shown in hidden.distractors],
            "distractors_placed": [self._placed(shown, pictures) for shown in hidden.distractors],
            "haystack": described(self.sweep.haystack, source, own_part(hay, plan.index, pictures), pictures),
            "realised_length": seconds,
            "realised_depth": hidden.needles[0].picture / max(1, pictures - 1) if hidden.needles else None,
            "pictures": len(shown),
            "form": self.options["form"],
            "media_tokens": round(seconds * len(shown) / pictures * self.options["tokens_per_second"]),
        }
        if len(shown) < pictures:
            _tell_sampled(sample, shown, pictures)
        return sample

    def _shown(self, pictures: int) -> Sequence[int]:
        """Return which of a film's pictures are shown."""
        return range(pictures) if self.frames == ALL else evenly(int(self.frames), pictures)

    def _placed(self, shown: needles.Shown, pictures: int) -> dict[str, Any]:
        start, step = float(shown.picture / self.look.fps), float(1 / self.look.fps)
        return {**needles.placed(shown, pictures), "start": start, "end": start + step}

    def _question(self) -> str:
        count = self.options["needles"]
        return (SEVERAL.format(count=count) if count > 1 else ONE) + (MAYBE if self.options["absent"] else "")

    def contents(self, sample: FilmNeedleSample) -> tuple[str, ...]:
        """Return what the prompt holds; see ``Builder.contents``."""
        return film_contents(sample)

    def render(self, sample: FilmNeedleSample) -> Prompt:
        """Write the film or its pictures (or find them written) and put the question after.

        Raises:
            UnsupportedError: A needle is in none of the pictures that are shown.
        """
        if "unasked" in sample:
            raise UnsupportedError(sample["unasked"])
        plan = planned(sample)
        pictures, hidden = self._hidden(plan)
        hay, _ = own_part(self._hay(hay_name(plan))[1], plan.index, pictures)
        cache, question = self.context.cache_dir / "video", TextPart("\n" + sample["question"])
        if self.options["form"] == "frames":
            parts = frame_parts(hay, self._shown(pictures), hidden.marks(), cache / "pictures")
            return Prompt.user(TextPart(BEFORE), *parts, question)
        library = Library(hay, self.options["codec"], cache / "hay")
        film = film_part(library, Cut(pictures, hidden.marks()), cache / "films")
        return Prompt.user(TextPart(BEFORE), film, question)


def _tell_sampled(sample: FilmNeedleSample, shown: Sequence[int], pictures: int) -> None:
    """Let a sample say that only some pictures are shown, and whether its needles are among them."""
    missed = [needle["picture"] for needle in sample["needles"] if needle["picture"] not in set(shown)]
    sample["of_pictures"], sample["needle_sampled"] = pictures, not missed
    if missed:
        among = f"the {len(shown):,} of {pictures:,} that are shown"
        sample["unasked"] = f"picture {missed[0] + 1:,} has a needle and is not among {among}"
