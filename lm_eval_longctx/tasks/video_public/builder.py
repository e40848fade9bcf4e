"""Questions about the user's copy of a public set of long films.

The question table is read from a file of the user's (or, where the set has one
and the user says so, from the hub: a few megabytes). Films are never fetched:
they are looked for in a folder, and what is missing is listed in a manifest.
"""

from __future__ import annotations

import json
import logging
import math
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError, MediaError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.film.files import FILMS, fitted, picture_count, whole_film
from lm_eval_longctx.hay.film.reading import FilmFacts, film_facts, frames_at
from lm_eval_longctx.hay.film.render import frame_parts
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.kinds import mime_of
from lm_eval_longctx.hay.tables import opened, read_table
from lm_eval_longctx.plan import PlannedSample
from lm_eval_longctx.prompt import Prompt, TextPart, VideoPart, file_digest
from lm_eval_longctx.sample import planned_part
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
from lm_eval_longctx.tasks.video_public.sets import SETS, PublicSet
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.video_public.sets import PublicQuestion

logger = logging.getLogger(__name__)

HUB = "hub"
_FEW = 3
_BUCKETS = ((60, "1m"), (600, "10m"), (1800, "30m"), (3600, "1h"), (5400, "1.5h"), (7200, "2h"))


class _PublicFacts(FilmSample):
    """What every question of a public set has."""

    options: list[str]
    group: str
    when: Any
    frames: str | int


class PublicFilmQuestion(_PublicFacts, total=False):
    """A question of a public set.

    Attributes:
        options: In the order in which they are shown.
        group: Its class of length, in the set's own words.
        when: Where the answer can be seen, in the set's own words.
        frames: ``all``, or how many frames are shown.
        left_out: Questions whose films are missing.
    """

    left_out: Any


class PublicVideoBuilder(Builder[PublicFilmQuestion]):
    """Asks the questions of a public set."""

    MODALITY: ClassVar[str] = "video"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    HAS_LENGTH: ClassVar[bool] = False
    IDLE: ClassVar[tuple[str, ...]] = (
        "haystack",
        "seed",
    )
    LENGTH_CLASSES: ClassVar[bool] = True
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("set", "", "which public set", choices=("", *SETS)),
        Option("questions", "", "the question file or its folder; 'hub' reads the table (not the films) from the hub"),
        Option("videos", "", "the folder that holds the films"),
        Option(
            "missing",
            "error",
            "films that are not there: stop, or leave their questions out",
            choices=("error", "skip"),
        ),
        Option("groups", [], "classes of length to ask about, in the set's own words; empty: all"),
        Option("max_questions", 0, "how many questions at most, spread over the set; 0: all", minimum=0),
        Option("resolution", "640x360", "size of pictures where the film is sent as frames"),
        *(option for option in filmed.OPTIONS if option.name != "codec"),
        FRAMES,
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together; nothing is read yet."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        if not self.options["set"]:
            raise ConfigError(f"{sweep.task} must name its set in the YAML; valid: {', '.join(SETS)}")
        self.set: PublicSet = SETS[self.options["set"]]
        self.look = Look.parse(self.options["resolution"], self.options["fps"])
        self.frames = frame_counts(self.options["frames"])
        filmed.refuse_two_forms(self.options["form"], self.frames)

    @cached_property
    def questions(self) -> dict[str, PublicQuestion]:
        """The questions whose films are there, by name, in the set's order.

        Raises:
            CorpusError: Questions or films are missing.
        """
        logger.warning("%s; where a film goes as frames, its sound is left out", self.set.notice())
        wanted = [q for q in self.set.read(self._rows()) if not self._groups or q.group in self._groups]
        if not wanted:
            raise CorpusError(f"{self.set.title} has no question of the groups {self._groups}")
        missing = sorted({q.film for q in wanted if self._path(q.film) is None})
        if missing:
            self._report(missing, wanted)
        there = [q for q in wanted if q.film not in set(missing)]
        return {q.name: q for q in self._spread(there)}

    @property
    def _groups(self) -> list[str]:
        return [str(group) for group in self.options["groups"]]

    def _rows(self) -> list[dict[str, Any]]:
        given = self.options["questions"]
        if given == HUB and self.set.hub is not None:
            name, config, split = self.set.hub
            advice = "give the question file as questions"
            return [dict(row) for row in opened(name, advice, split=split, config=config)]
        if not given or not self.options["videos"] or given == HUB:
            usage = '--metadata \'{"questions": "/path/to/file", "videos": "/path/to/films"}\''
            raise CorpusError(
                f"{self.sweep.task} needs your own copy: {usage} ({self.set.notice()}; to get it: {self.set.get})"
            )
        return read_table(_question_file(self.context.path(given), self.set.files))

    def _spread(self, questions: list[PublicQuestion]) -> list[PublicQuestion]:
        most = self.options["max_questions"] or len(questions)
        return [questions[i] for i in evenly(most, len(questions))]

    def _path(self, film: str) -> Path | None:
        """Find a film by its name or by its path below the folder."""
        root = self.context.path(self.options["videos"])
        for folder in self.set.folders:
            exact = root / folder / film
            if exact.is_file():
                return exact
            for suffix in FILMS:
                for spelt in (suffix, suffix.upper()):
                    named = root / folder / f"{film}{spelt}"
                    if named.is_file():
                        return named
        return None

    def _report(self, missing: list[str], wanted: list[PublicQuestion]) -> None:
        """Write the manifest of missing films; stop unless the user said to go on."""
        lost = [q.name for q in wanted if q.film in set(missing)]
        path = self.context.cache_dir / "video" / "manifests" / f"{self.sweep.task}.json"
        manifest = {"set": self.set.title, "missing_films": missing, "questions_left_out": lost}
        write_whole(path, json.dumps(manifest, indent=1).encode())
        films = len({q.film for q in wanted})
        what = (
            f"{len(missing)} of {films} films are not in {self.options['videos']} (first: {missing[0]}); list: {path}"
        )
        if self.options["missing"] == "error" or len(missing) == films:
            raise CorpusError(f"{what}; get them ({self.set.get}) or set missing: skip")
        logger.warning("%s; %d of %d questions are left out", what, len(lost), len(wanted))
        self._left_out = {"films": len(missing), "questions": len(lost)}

    _left_out: dict[str, int] | None = None

    def plans(self) -> Iterable[PlannedSample]:
        """Yield one sample for each question and number of frames, in the set's order."""
        for index in range(self.sweep.samples_per_cell):
            for question in self.questions.values():
                length = Length(round(self._facts(question).seconds, 3), Unit.SECONDS)
                for frames in self.frames:
                    variant = f"{question.name},frames={frames}"
                    yield PlannedSample(
                        self.sweep.task, self.sweep.version, self.sweep.seed, length, None, index, variant
                    )

    def _film(self, question: PublicQuestion) -> Path:
        path = self._path(question.film)
        if path is None:
            raise CorpusError(f"the film {question.film} is not in {self.options['videos']} any more")
        return path

    def _facts(self, question: PublicQuestion) -> FilmFacts:
        path = self._film(question)
        if path not in self._known:
            self._known[path] = film_facts(path)
        return self._known[path]

    @cached_property
    def _known(self) -> dict[Path, FilmFacts]:
        return {}

    @cached_property
    def _digests(self) -> dict[Path, str]:
        return {}

    def sample(self, plan: PlannedSample) -> PublicFilmQuestion:
        """Describe one question."""
        name, _, frames = plan.variant.rpartition(",frames=")
        question = self.questions[name]
        pictures = max(1, self.look.pictures(float(plan.length.amount)))
        shown = pictures if frames == ALL else min(int(frames), pictures)
        sample: PublicFilmQuestion = {
            **planned_part(plan, self.sweep.tokenizer),
            "context_label": _bucket(float(plan.length.amount)),
            "target": question.answer,
            "options": list(question.options),
            "question": question.text,
            "kind": question.kind,
            "group": question.group,
            "when": question.when,
            "frames": frames if frames == ALL else int(frames),
            "pictures": shown,
            "cluster": question.film,
            "haystack": {"spec": self.set.title, "digest": question.film, "repeats": 0},
            "realised_length": float(plan.length.amount),
            "realised_depth": None,
            "form": self.options["form"],
            "media_tokens": round(float(shown / self.look.fps) * self.options["tokens_per_second"]),
        }
        if self._left_out:
            sample["left_out"] = self._left_out
        return sample

    def contents(self, sample: PublicFilmQuestion) -> tuple[str, ...]:
        """Return what the prompt holds; see ``Builder.contents``."""
        return film_contents(sample)

    def render(self, sample: PublicFilmQuestion) -> Prompt:
        """Point to the film, or draw its frames, and put the question after."""
        question = self.questions[str(sample["variant"]).rpartition(",frames=")[0]]
        after = TextPart(asked(sample["question"], sample["options"]))
        if sample["pictures"] == 0:
            return Prompt.user(TextPart(BLIND), after)
        path = self._film(question)
        if sample["form"] == "native":
            return Prompt.user(TextPart(WATCH), self._part(path), after)
        hay = _PlainFilm(path, self.look, self._digest(path))
        indices = evenly(sample["pictures"], hay.distinct)
        parts = frame_parts(hay, indices, {}, self.context.cache_dir / "video" / "pictures")
        return Prompt.user(TextPart(filmed.before(len(indices), hay.distinct)), *parts, after)

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = file_digest(path)
        return self._digests[path]

    def _part(self, path: Path) -> VideoPart:
        """Send the user's own file as it is, sound and all."""
        facts = self._known.get(path) or film_facts(path)
        mime = mime_of(path)
        if mime is None:
            raise MediaError(f"{path} is a film of a kind that services do not name; convert it to MP4")
        sizes = (facts.width, facts.height)
        film = (str(path), self._digest(path), mime, facts.seconds, float(self.look.fps), *sizes)
        # These sets ask about what is seen (the report showed frames only): a model that takes no film hears nothing.
        return VideoPart(*film, has_audio=facts.sound, silent_too=True)


class _PlainFilm:
    """One film's pictures as they are, without the grain that hides needles; implements ``Hay``."""

    parallel = False

    def __init__(self, path: Path, look: Look, digest: str) -> None:
        self._path, self.look, self.identity = path, look, f"plain 1|{digest}"

    @cached_property
    def distinct(self) -> int:
        """How many pictures the film gives."""
        return picture_count(self._path, self.look)

    def pictures(self, start: int, stop: int) -> Iterator[Image]:
        """Decode a stretch; few pictures are found by seeking."""
        if stop - start <= _FEW:
            for _, picture in frames_at(self._path, [float(index / self.look.fps) for index in range(start, stop)]):
                yield fitted(picture, self.look)
        else:
            for picture in islice(whole_film(self._path, self.look, self.distinct), start, stop):
                yield fitted(picture, self.look)


def _bucket(seconds: float) -> str:
    """Return the class of length that a film belongs to: the next larger of a few."""
    for most, label in _BUCKETS:
        if seconds <= most:
            return label
    return f"{math.ceil(seconds / 3600)}h"


def _question_file(path: Path, names: Sequence[str]) -> Path:
    """Return a file as it is, or the best-named one in a folder, the patterns' first match."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise CorpusError(f"{path} does not exist; give the question file or the folder that holds it")
    found = next((match for name in names for match in sorted(path.rglob(name))), None)
    if found is None:
        raise CorpusError(f"{path} holds no question file; looked for {', '.join(names)}")
    return found
