"""``longctx_video_niah``: one picture of a film carries a secret word.

After the Gemini 1.5 report, section 5.2.1.2 and appendix 12.16 (arXiv
2403.05530): the text ``The secret word is "needle"`` is laid over one frame of
up to 10.5 hours of film, watched at one frame a second.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.hay.film import needles
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.render import film_part, frame_parts
from lm_eval_longctx.hay.film.source import FilmSource, Hay, Look, described, own_part
from lm_eval_longctx.hay.film.splice import Cut
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import planned, planned_part
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.filmed import OPTIONS, FilmSample, film_contents, hay_name, open_film
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.settings import Option
    from lm_eval_longctx.sweep import Sweep

BEFORE = "Look through each frame in the video carefully and answer the question.\n"
ONE = "What is the secret word?"
SEVERAL = "What are all {count} secret words? Answer with one line for each, such as 'first: X'."
MAYBE = " If no frame shows a secret word, answer 'There is no secret word'."


class FilmNeedleSample(FilmSample):
    """Needles in film.

    Attributes:
        value_kind: What values are.
        needles: Value, picture, seconds, depth and drawing of each.
        distractors: Values that nobody asks for.
        distractors_placed: Where these are.
    """

    value_kind: str
    needles: list[dict[str, Any]]
    distractors: list[str]
    distractors_placed: list[dict[str, Any]]


class VideoNeedleBuilder(Builder[FilmNeedleSample]):
    """Hides secret words in film."""

    MODALITY: ClassVar[str] = "video"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    OPTIONS: ClassVar[tuple[Option, ...]] = (*needles.OPTIONS, *OPTIONS)

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        self.look = Look.parse(self.options["resolution"], self.options["fps"])
        needles.ladder(self.options)
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
        return {
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
            "pictures": pictures,
            "form": self.options["form"],
            "media_tokens": round(seconds * self.options["tokens_per_second"]),
        }

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
        """Write the film or its pictures (or find them written) and put the question after."""
        plan = planned(sample)
        pictures, hidden = self._hidden(plan)
        hay, _ = own_part(self._hay(hay_name(plan))[1], plan.index, pictures)
        cache, question = self.context.cache_dir / "video", TextPart("\n" + sample["question"])
        if self.options["form"] == "frames":
            parts = frame_parts(hay, range(pictures), hidden.marks(), cache / "pictures")
            return Prompt.user(TextPart(BEFORE), *parts, question)
        library = Library(hay, self.options["codec"], cache / "hay")
        film = film_part(library, Cut(pictures, hidden.marks()), cache / "films")
        return Prompt.user(TextPart(BEFORE), film, question)
