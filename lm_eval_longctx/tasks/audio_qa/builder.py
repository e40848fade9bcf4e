"""``longctx_audio_qa``: who speaks when, how often, in which order, how long and at what time, in hours of sound.

Questions over whole recordings, as the Gemini 1.5 report asks them over whole
films (section 5.2.2; arXiv 2403.05530): among hours of speech, speakers who
gave their names at the beginning ask to remember words, and bells, claps, rain
and other sounds are heard between. All follows from a score, so that every
answer is exact and nobody can have trained on it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.events import SHORT_SECONDS, sound_event
from lm_eval_longctx.hay.speech.heard import Heard, heard
from lm_eval_longctx.hay.speech.pieces import packets_of
from lm_eval_longctx.hay.speech.render import Spoken, render
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings
from lm_eval_longctx.hay.speech.spoken import hay_voices, spoken
from lm_eval_longctx.hay.speech.timeline import Insert, Timeline, lay
from lm_eval_longctx.hay.speech.voices import default_voices, voice
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.hay.speech.wordings import ENGLISH
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.audio_qa.questions import KINDS, Question, questions
from lm_eval_longctx.tasks.audio_qa.score import HELLO, SENTENCE, Event, Score, compose
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.filmed import LETTERS, asked
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep

LISTEN = (
    "Listen to the whole recording carefully. At its beginning, some speakers give their names. "
    "A question about it follows.\n"
)
BLIND = "A question about a recording follows. The recording cannot be played.\n"
WHEN = (
    "\nQuestion: {text}\nAnswer with the time from the beginning of the recording, "
    "as minutes:seconds or hours:minutes:seconds, and nothing else."
)
LEAST_TOLERANCE = 2.0
TOLERANCE = 0.01
"""A time is right if it is this share of the recording, or two seconds, from the right one."""

_SPEAKERS = 3


class AudioQuestion(Sample):
    """A question about a recording.

    Attributes:
        options: In the order in which they are shown; none where a time is asked.
        tolerance: By how many seconds a time may be wrong; 0 where options are offered.
        evidence: Seconds at which the answer can be heard.
        heard: Whether the recording is played.
        speakers: Names by voice.
        snr_db: Speech above noise, in dB.
        codec: How the file is coded.
    """

    options: list[str]
    tolerance: float
    evidence: list[float]
    heard: bool
    speakers: dict[str, str]
    snr_db: float
    codec: str


@dataclass(frozen=True)
class Recording:
    """A recording, laid and not yet written.

    Attributes:
        name: What it follows from.
        score: What happens.
        timeline: What comes when.
        inserts: The score's events, spoken or sounding.
        bench: Codec and background.
    """

    name: str
    score: Score
    timeline: Timeline
    inserts: tuple[Spoken, ...]
    bench: hay.Bench

    @property
    def starts(self) -> list[float]:
        """The second at which each event begins."""
        return [placed.start / SAMPLE_RATE for placed in self.timeline.placed]


class AudioQaBuilder(Builder[AudioQuestion]):
    """Asks about recordings."""

    MODALITY: ClassVar[str] = "audio"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *(option for option in hay.OPTIONS if option.name != "language"),
        Option("speakers", [], "voices that give their names and are asked about; empty: the first three default ones"),
        Option("kinds", list(KINDS), f"kinds of question: {', '.join(KINDS)}"),
        Option("samples_per_recording", 4, "how many samples of a kind share a recording", minimum=1),
        Option("blind", default=False, help="ask without the recording, to see what guessing gives"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the kinds of question."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        for kind in self.options["kinds"]:
            if kind not in KINDS:
                raise unknown_option("kind of question", str(kind), KINDS)
        self._recording = lru_cache(maxsize=8)(self._made)
        self._heard = lru_cache(maxsize=1024)(self._speech)

    @cached_property
    def _pool(self) -> Pool:
        options = self.options
        settings = PoolSettings(voices=hay_voices("en", options["voices"], "different"), reading=options["reading"])
        return hay.open_pool(self.sweep.haystack, self.context, options, settings)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind, with each step of a noise ladder, is a variant."""
        steps = hay.variants(self.options)
        variants = [f"kind={kind}{step and ','}{step}" for kind in self.options["kinds"] for step in steps]
        return expand(self.sweep, variants=variants)

    def _made(self, name: str, total: int, snr_db: float, number: int) -> Recording:
        """Lay a recording; its speech is the same at all lengths, as far as it goes."""
        bench = hay.bench(self._pool, total, snr_db, self.options, self.context)
        rng = Rng(f"{name}|{total}")
        chosen = self.options["speakers"] or [v.name for v in default_voices()[:_SPEAKERS]]
        vetted = ENGLISH.words if all(voice(name).default for name in chosen) else ENGLISH.clear
        words = [word for word in vetted if word not in self._pool.vocabulary]
        score = compose(total / SAMPLE_RATE, chosen, words, SHORT_SECONDS, rng.fork(f"score {number}"))
        inserts = tuple(self._insert(event, score) for event in score.events)
        grid = bench.store.grid
        laid = [Insert(packets_of(i.utterance, grid), e.depth) for i, e in zip(inserts, score.events, strict=True)]
        timeline = lay(bench.packets, total, grid, laid, Rng(f"{name}|speech {number}"))
        return Recording(f"{name}|{total}|{number}", score, timeline, inserts, bench)

    def _speech(self, name: str, total: int) -> tuple[int, ...]:
        """Return the utterances of a recording, but for those that what happens leaves no room for."""
        bench = hay.bench(self._pool, total, 0, self.options, self.context)
        return lay(bench.packets, total, bench.store.grid, (), Rng(f"{name}|speech 0")).hay

    def _overlap(self, plan: PlannedSample, recording: Recording) -> float:
        """Return how much of a recording's speech samples with a lower index have, too."""
        first, left = divmod(plan.index, self.options["samples_per_recording"])
        total = recording.timeline.total
        lower = (self._heard(_name(plan, number), total) for number in range(first))
        return 1.0 if left else hay.overlap(recording.bench.packets, recording.timeline.hay, lower)

    def _insert(self, event: Event, score: Score) -> Spoken:
        if event.seconds:
            return sound_event(event.name, event.seconds)
        who = next(name for name, called in score.speakers.items() if called == event.name)
        text = SENTENCE.format(word=event.word) if event.word else HELLO.format(name=event.name)
        return spoken(text, voice(who), 0.0, self.context.cache_dir)

    def _asked(self, plan: PlannedSample) -> tuple[str, Recording, Question, int]:
        """Return a kind, a recording and a question about it, and the place of the right option.

        Where a recording has no more questions of the kind, a further one is asked about, so that none comes twice.
        """
        kind, _, step = plan.variant.removeprefix("kind=").partition(",")
        first, left = divmod(plan.index, self.options["samples_per_recording"])
        name = _name(plan, first)
        total = round(plan.length.amount * SAMPLE_RATE)
        for number in itertools.count():
            recording = self._recording(name, total, hay.snr_of(step, self.options), number)
            rng = Rng(f"{recording.name}|{kind}")
            drafts = questions(recording.score, recording.starts, kind, rng)
            if left < len(drafts):
                break
            left -= len(drafts)
        place = Rng(f"{plan.task}|{plan.seed}|{kind}|{plan.length.label}|place").below(len(LETTERS)) + plan.index
        return kind, recording, drafts[left], place

    def sample(self, plan: PlannedSample) -> AudioQuestion:
        """Work out one sample; nothing is encoded, only what is asked about is spoken."""
        kind, recording, question, place = self._asked(plan)
        options = list(question.wrong)
        options.insert(place % (len(options) + 1), question.right)
        heard, total = not self.options["blind"], recording.timeline.total
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "target": LETTERS[options.index(question.right)] if question.wrong else question.right,
            "options": options if question.wrong else [],
            "tolerance": 0.0 if question.wrong else max(LEAST_TOLERANCE, TOLERANCE * total / SAMPLE_RATE),
            "question": question.text,
            "kind": kind,
            "heard": heard,
            "speakers": recording.score.speakers,
            "evidence": [round(at, 2) for at in question.evidence],
            "cluster": recording.name,
            "haystack": hay.described(
                self._pool, self.sweep.haystack, recording.timeline.repeats, self._overlap(plan, recording)
            ),
            "realised_length": total / SAMPLE_RATE,
            "realised_depth": None,
            "snr_db": hay.snr_of(plan.variant.partition(",")[2], self.options),
            "codec": recording.bench.of.name,
            "media_tokens": round(plan.length.amount * self.options["tokens_per_second"]) * heard,
        }

    def contents(self, sample: AudioQuestion) -> tuple[str, ...]:
        """Return what the prompt holds; see ``Builder.contents``."""
        return ("text", "audio") if sample["heard"] else ("text",)

    def heard(self, sample: AudioQuestion, first: float, last: float) -> list[Heard]:
        """Return what is heard between two moments; see ``Builder.heard``."""
        _, made, _, _ = self._asked(planned(sample))
        inserts = [one.utterance for one in made.inserts]
        return heard(made.timeline, self._pool.utterances, inserts, made.bench.store.grid, first, last)

    def render(self, sample: AudioQuestion) -> Prompt:
        """Write the recording (or find it written) and put the question after it."""
        text = sample["question"]
        question = TextPart(asked(text, sample["options"]) if sample["options"] else WHEN.format(text=text))
        if not sample["heard"]:
            return Prompt.user(TextPart(BLIND), question)
        _, made, _, _ = self._asked(planned(sample))
        of = made.bench
        part = render(made.timeline, self._pool, made.inserts, of.store, of.of, self.context.cache_dir)
        return Prompt.user(TextPart(LISTEN), part, question)


def _name(plan: PlannedSample, number: int) -> str:
    """Name a recording: the same for all kinds of question and steps of noise."""
    return f"{plan.task}|{plan.version}|{plan.seed}|{number}"
