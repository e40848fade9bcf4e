"""``longctx_video_qa``: five-way questions about a drawn day of the asked length.

After the Gemini 1.5 report, section 5.2.2 (1H-VideoQA; arXiv 2403.05530):
questions over films of 40 to 105 minutes, asked with the whole film, with
fewer frames of it, and with none, to show whether the length matters. There
the films are real and the questions are by people; here both follow from a
script, so that every answer is exact and nobody can have trained on them.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.hay.day.film import DayFilm, DaySound
from lm_eval_longctx.hay.day.script import write_day
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.render import film_part, frame_parts
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.prompt import ImagePart, Prompt, TextPart, VideoPart
from lm_eval_longctx.sample import planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks import filmed
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.filmed import (
    ALL,
    BLIND,
    FRAMES,
    WATCH,
    FilmSample,
    asked,
    evenly,
    film_contents,
    frame_counts,
)
from lm_eval_longctx.tasks.video_qa.questions import KINDS, LETTERS, Kinds, Question, ask, supply
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep

SEEN = tuple(kind for kind in KINDS if kind != "sound")
Part = TextPart | ImagePart | VideoPart


class _QuestionFacts(FilmSample):
    """A question about a drawn day.

    Attributes:
        options: In the order in which they are shown.
        frames: ``all``, or how many frames are shown.
        evidence: Seconds at which the answer can be seen or heard.
    """

    options: list[str]
    frames: str | int
    evidence: list[float]


class DayQuestion(_QuestionFacts, total=False):
    """A question about a drawn day, or about all of a film.

    Attributes:
        spread: Share of the film in which all happens that is asked about.
        of_pictures: How many pictures the film has.
        needle_sampled: Whether every event that the answer needs is in a picture that is shown.
    """

    spread: float
    of_pictures: int
    needle_sampled: bool


class VideoQaBuilder(Builder[DayQuestion]):
    """Asks about drawn days."""

    MODALITY: ClassVar[str] = "video"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    IDLE: ClassVar[tuple[str, ...]] = ("haystack",)
    KINDS: ClassVar[Kinds] = KINDS
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("resolution", "640x360", "width x height of each picture, in pixels, even"),
        *filmed.OPTIONS,
        FRAMES,
        Option("kinds", list(SEEN), f"kinds of question: {', '.join(KINDS)}"),
        Option("samples_per_film", 8, "how many samples of a kind share a film", minimum=1),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        self.look = Look.parse(self.options["resolution"], self.options["fps"])
        self.frames = frame_counts(self.options["frames"])
        filmed.refuse_two_forms(self.options["form"], self.frames)
        if "sound" in self.options["kinds"] and self.options["form"] == "frames" and any(self.frames):
            raise ConfigError("questions of the kind 'sound' need the sound track: say form: native, or leave them out")
        for kind in self.options["kinds"]:
            if kind not in self.KINDS:
                raise unknown_option("kind of question", str(kind), self.KINDS)
        self._day = lru_cache(maxsize=8)(write_day)
        self._question = lru_cache(maxsize=64)(self._worked_out)  # any number of frames asks the same

    def _film(self, name: str, plan: PlannedSample) -> DayFilm:
        """Return the film of a name for a planned sample."""
        return DayFilm(self._day(name, int(plan.length.amount)), self.look)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind, with each number of frames, is a variant."""
        variants = [f"kind={kind},frames={frames}" for kind in self.options["kinds"] for frames in self.frames]
        return expand(self.sweep, variants=variants)

    def _parsed(self, plan: PlannedSample) -> tuple[str, str | int]:
        facts = dict(part.split("=") for part in plan.variant.split(","))
        return facts["kind"], ALL if facts["frames"] == ALL else int(facts["frames"])

    def _asked(self, plan: PlannedSample) -> tuple[DayFilm, Question]:
        """Return a film and a question about it, the same whatever the number of frames."""
        facts = (f"frames={ALL}" if part.startswith("frames=") else part for part in plan.variant.split(","))
        return self._question(replace(plan, variant=",".join(facts)))

    def _worked_out(self, plan: PlannedSample) -> tuple[DayFilm, Question]:
        """Work both out.

        Where a film has no more questions of the kind, a further one is asked about, so that none comes twice.
        """
        kind, _ = self._parsed(plan)
        number, left = divmod(plan.index, self.options["samples_per_film"])
        for further in itertools.count():
            name = filmed.hay_name(replace(plan, index=number)) + (f"|{further}" if further else "")
            film = self._film(name, plan)
            rng = Rng(f"{film.identity}|{kind}")
            has = supply(film.day, kind, rng, self.KINDS)
            if left < has or not has:
                break
            left -= has
        first = Rng(f"{filmed.hay_name(replace(plan, index=0))}|{kind}|{plan.length.label}|place").below(len(LETTERS))
        return film, ask(film.day, kind, left, rng, (first + plan.index) % len(LETTERS), self.KINDS)

    def sample(self, plan: PlannedSample) -> DayQuestion:
        """Work out one sample; nothing is drawn."""
        film, question = self._asked(plan)
        kind, frames = self._parsed(plan)
        pictures = self.look.pictures(film.day.seconds)
        shown = pictures if frames == ALL else min(int(frames), pictures)
        share = shown / pictures
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "target": question.letter,
            "options": list(question.options),
            "question": question.text,
            "kind": kind,
            "frames": frames,
            "pictures": shown,
            "evidence": [round(at, 2) for at in question.evidence],
            "cluster": film.identity,
            "haystack": {"spec": "day", "digest": film.identity, "repeats": 0},
            "realised_length": film.day.seconds,
            "realised_depth": None,
            "form": self.options["form"],
            "media_tokens": round(film.day.seconds * share * self.options["tokens_per_second"]),
        }

    def contents(self, sample: DayQuestion) -> tuple[str, ...]:
        """Return what the prompt holds; see ``Builder.contents``."""
        return film_contents(sample)

    def render(self, sample: DayQuestion) -> Prompt:
        """Write the film or its pictures (or find them written) and put the question after."""
        question = TextPart(asked(sample["question"], sample["options"]))
        if sample["pictures"] == 0:  # which film it would be need not be worked out again
            return Prompt.user(TextPart(BLIND), question)
        film, _ = self._asked(planned(sample))
        return Prompt.user(*self._shown(film, sample), question)

    def _shown(self, film: DayFilm, sample: DayQuestion) -> Iterable[Part]:
        pictures, cache = self.look.pictures(film.day.seconds), self.context.cache_dir / "video"
        if sample["form"] == "frames":
            indices = evenly(sample["pictures"], pictures)
            before = TextPart(filmed.before(len(indices), pictures))
            return (before, *frame_parts(film, indices, {}, cache / "pictures"))
        library = Library(film, self.options["codec"], cache / "hay")
        sound = DaySound(film.day) if sample["kind"] == "sound" else None
        return TextPart(WATCH), film_part(library, Cut(pictures, {}, sound), cache / "films")
