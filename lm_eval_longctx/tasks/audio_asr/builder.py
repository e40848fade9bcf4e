"""Long speech recognition in one request, without cutting the recording up.

After the Gemini 1.5 report, section 5.2 (long audio) (arXiv 2403.05530): segments of 15
minutes go to the model whole. ``AudioTranscriptBuilder`` lays speech with known
words to the asked duration; ``RecordingsBuilder`` takes recordings as they are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from lm_eval_longctx.errors import ConfigError, CorpusError, MediaError
from lm_eval_longctx.hay.kinds import mime_of
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.heard import Heard, heard
from lm_eval_longctx.hay.speech.render import render
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, Utterance, need_text
from lm_eval_longctx.hay.speech.spoken import wording
from lm_eval_longctx.hay.speech.timeline import Timeline, lay
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart, file_digest
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.scorers.transcript_text import is_unspaced
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep

ASK = (
    "Transcribe the following speech segment in {language}. Write down all that is said, word for word and from "
    "beginning to end, with numbers as digits, on one line, and nothing else.\n"
)
TOKENS_PER_SECOND_OF_SPEECH = 10.0
"""Room for an answer: fast English is 5 tokens a second, other scripts up to twice that."""

ARMS = ("whole", "segments")

_PIECE = ",piece="
_SEGMENT = 30 * SAMPLE_RATE
_ROOM = 512
_MINUTE = 60 * SAMPLE_RATE
_SENT = frozenset(("audio/flac", "audio/wav", "audio/ogg", "audio/mpeg"))
"""What is sent as it is."""


def answer_budget(seconds: float) -> int:
    """Return how many tokens a transcript may have: far more than people say in the time."""
    return math.ceil(seconds * TOKENS_PER_SECOND_OF_SPEECH) + _ROOM


def _prompt(part: AudioPart, language: str) -> Prompt:
    return Prompt.user(TextPart(ASK.format(language=language)), part)


def language_name(code: str) -> str:
    """Return a language's English name, or its code where we have no wording in it."""
    try:
        return wording(code).name
    except ConfigError:
        return code


class TranscriptSample(Sample):
    """Made speech to write down.

    Attributes:
        words_by_minute: Words that are said in each minute; characters in languages without spaces.
        snr_db: Speech above noise, in dB; ``None`` without noise.
        codec: How the file is coded.
        arm: ``whole``, or ``segments`` where this is one piece of a recording.
    """

    arm: str
    words_by_minute: list[int]
    snr_db: float | None
    codec: str


class RecordingSample(Sample):
    """A recording to write down.

    Attributes:
        recording: Its file.
        speaker: Who speaks, where it is known.
    """

    recording: str
    speaker: str


class AudioTranscriptBuilder(Builder[TranscriptSample]):
    """Speech of the asked duration, to be written down."""

    MODALITY: ClassVar[str] = "audio"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *hay.OPTIONS,
        Option("order", "natural", "utterances as they come, or drawn at random", choices=("natural", "shuffled")),
        Option("arms", ["whole"], "how recordings are asked: whole, in segments of 30 s, or both", choices=ARMS),
    )

    @cached_property
    def _pool(self) -> Pool:
        options = self.sweep.options
        settings = PoolSettings(
            options["language"], tuple(options["voices"]), transcripts=True, reading=options["reading"]
        )
        return hay.open_pool(self.sweep.haystack, self.context, dict(options), settings)

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Keep the settings, and what the samples of a cell hold, to tell what they share."""
        super().__init__(sweep, context)
        self._laid = lru_cache(maxsize=1024)(self._lay)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each step of a noise ladder is a variant, and each piece of a recording, too."""
        plans = list(expand(self.sweep, variants=hay.variants(dict(self.sweep.options))))
        if "whole" in self.sweep.options["arms"]:
            yield from plans
        if "segments" in self.sweep.options["arms"]:
            for plan in plans:
                for number in range(len(self._pieces(plan))):
                    yield replace(plan, variant=f"{plan.variant}{_PIECE}{number}")

    def sample(self, plan: PlannedSample) -> TranscriptSample:
        """Lay out one recording, or a piece of it, and write down what is said in it."""
        whole, number = _parsed(plan)
        bench, timeline = self._asked(plan)
        lower = (self._laid(replace(whole, index=i))[1].hay for i in range(plan.index))
        shared = hay.overlap(bench.packets, timeline.hay, lower)
        heard = [self._pool.utterances[index] for index in timeline.hay]
        texts = [need_text(u).strip() for u in heard]
        piece = {} if number is None else {"control": True, "cluster": whole.id}
        seconds = timeline.total / SAMPLE_RATE
        made: TranscriptSample = {
            **planned_part(plan, self.sweep.tokenizer),
            "arm": ARMS[number is not None],
            "target": " ".join(texts),
            "words_by_minute": words_by_minute(
                texts, [bench.packets[i] * bench.store.grid for i in timeline.hay], self.sweep.options["language"]
            ),
            "question": ASK.format(language=language_name(self.sweep.options["language"])).strip(),
            "haystack": hay.described(self._pool, self.sweep.haystack, timeline.repeats, shared),
            "realised_length": seconds,
            "realised_depth": None,
            "snr_db": hay.snr_of(whole.variant, dict(self.sweep.options)),
            "codec": bench.of.name,
            "media_tokens": round(seconds * self.sweep.options["tokens_per_second"]),
            "max_gen_toks": answer_budget(seconds),
        }
        return cast("TranscriptSample", {**made, **piece})

    def _asked(self, plan: PlannedSample) -> tuple[hay.Bench, Timeline]:
        """Return codec and layout of a recording, or of the piece of one that is asked about."""
        whole, number = _parsed(plan)
        bench, timeline = self._laid(whole)
        if number is None:
            return bench, timeline
        first, last = self._pieces(whole)[number]
        said = timeline.hay[first:last]
        total = sum(bench.packets[index] for index in said) * bench.store.grid
        return bench, Timeline(said, (), 0, 0, total, timeline.repeats)

    def _pieces(self, plan: PlannedSample) -> list[tuple[int, int]]:
        """Return which utterances are in each piece: as many as fit into 30 seconds, so that no word is cut."""
        bench, timeline = self._laid(plan)
        most, used, first = _SEGMENT // bench.store.grid, 0, 0
        pieces: list[tuple[int, int]] = []
        for at, index in enumerate(timeline.hay):
            if used and used + bench.packets[index] > most:
                pieces.append((first, at))
                first, used = at, 0
            used += bench.packets[index]
        return [*pieces, (first, len(timeline.hay))]

    def heard(self, sample: TranscriptSample, first: float, last: float) -> list[Heard]:
        """Return what is said between two moments; see ``Builder.heard``."""
        made, timeline = self._asked(planned(sample))
        return heard(timeline, self._pool.utterances, (), made.store.grid, first, last)

    def render(self, sample: TranscriptSample) -> Prompt:
        """Write the recording (or find it written) after the request."""
        bench, timeline = self._asked(planned(sample))
        part = render(timeline, self._pool, (), bench.store, bench.of, self.context.cache_dir)
        return _prompt(part, language_name(self.sweep.options["language"]))

    def _lay(self, plan: PlannedSample) -> tuple[hay.Bench, Timeline]:
        options = dict(self.sweep.options)
        total = round(plan.length.amount * SAMPLE_RATE)
        made = hay.bench(self._pool, total, hay.snr_of(plan.variant, options), options, self.context)
        shuffled = options["order"] == "shuffled"
        rng = replace(plan, variant="").hay_rng("speech")
        return made, lay(made.packets, total, made.store.grid, (), rng, shuffled=shuffled)


def _parsed(plan: PlannedSample) -> tuple[PlannedSample, int | None]:
    """Return the plan of the whole recording, and which piece of it is asked about, if one is."""
    variant, piece, number = plan.variant.partition(_PIECE)
    return replace(plan, variant=variant), int(number) if piece else None


def words_by_minute(texts: list[str], samples: list[int], language: str = "en") -> list[int]:
    """Count the words of the utterances that begin in each minute; their characters where there are no spaces."""
    spaced = not is_unspaced(language)
    counts: list[int] = []
    at = 0
    for text, length in zip(texts, samples, strict=True):
        counts.extend([0] * (at // _MINUTE + 1 - len(counts)))
        counts[at // _MINUTE] += len(text.split() if spaced else "".join(text.split()))
        at += length
    return counts


class RecordingsBuilder(Builder[RecordingSample]):
    """Recordings as they are, each with its transcript: one sample each, sent as the file that it is."""

    MODALITY: ClassVar[str] = "audio"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    HAS_LENGTH: ClassVar[bool] = False
    IDLE: ClassVar[tuple[str, ...]] = ("seed",)
    LENGTH_CLASSES: ClassVar[bool] = True
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("language", "en", "two letters: language of the speech"),
        Option("pool", "", "how much to read at most, such as '10h'; empty: 200h"),
        Option("max_recordings", 0, "how many recordings at most, the first by name; 0: all", minimum=0),
        Option("shortest", 0.0, "leave out recordings shorter than this many seconds", minimum=0),
    )

    @cached_property
    def _pool(self) -> Pool:
        if not self.sweep.haystack:
            raise CorpusError(
                f'{self.sweep.task} needs recordings: --metadata \'{{"haystack": "speech:/path/to/folder"}}\' '
                "(layouts: docs/audio.md)"
            )
        options = {**self.sweep.options, "pool": self.sweep.options["pool"] or "200h"}
        settings = PoolSettings(self.sweep.options["language"], transcripts=True)
        return hay.open_pool(self.sweep.haystack, self.context, options, settings)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield one sample a recording (and repetition), in the order of the data set."""
        chosen = [u for u in self._pool.utterances if u.seconds >= self.sweep.options["shortest"]]
        chosen = chosen[: self.sweep.options["max_recordings"] or None]
        if not chosen:
            raise CorpusError(f"{self.sweep.task}: no recording of {self.sweep.options['shortest']:g} s or more")
        for index in range(self.sweep.samples_per_cell):
            for utterance in chosen:
                yield self._planned(utterance, index)

    def _planned(self, utterance: Utterance, index: int) -> PlannedSample:
        length = Length(round(utterance.seconds, 3), Unit.SECONDS)
        return PlannedSample(
            self.sweep.task, self.sweep.version, self.sweep.seed, length, None, index, utterance.digest[:16]
        )

    def sample(self, plan: PlannedSample) -> RecordingSample:
        """Describe one recording."""
        utterance = self._find(plan.variant)
        text = need_text(utterance)
        if not text.strip():
            raise MediaError(f"{utterance.origin} has an empty transcript; write down what is said or remove it")
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "context_label": _bucket(utterance.seconds),
            "target": text,
            "question": ASK.format(language=language_name(self.sweep.options["language"])).strip(),
            "haystack": hay.described(self._pool, self.sweep.haystack, 0),
            "recording": Path(utterance.origin).name,
            "speaker": utterance.speaker,
            "realised_length": utterance.seconds,
            "realised_depth": None,
            "max_gen_toks": answer_budget(utterance.seconds),
        }

    def render(self, sample: RecordingSample) -> Prompt:
        """Ask for the transcript of a recording."""
        utterance = self._find(sample["variant"])
        return _prompt(self._part(utterance), language_name(self.sweep.options["language"]))

    def _find(self, variant: str) -> Utterance:
        return next(u for u in self._pool.utterances if u.digest.startswith(variant))

    def _part(self, utterance: Utterance) -> AudioPart:
        """Send the user's own file where a provider can read its format, else it as 16 kHz FLAC."""
        import soundfile

        path = Path(utterance.origin)
        mime = mime_of(path) if path.is_file() else None
        # Of WAV, services read plain samples only, and no mu-law.
        if mime not in _SENT or (mime == "audio/wav" and not soundfile.info(str(path)).subtype.startswith("PCM")):
            path, mime = self._converted(utterance), "audio/flac"
        return AudioPart(str(path), file_digest(path), mime, utterance.seconds, soundfile.info(str(path)).samplerate)

    def _converted(self, utterance: Utterance) -> Path:
        return self.context.cache_dir / "audio" / "prepared" / utterance.digest[:2] / f"{utterance.digest}.flac"


def _bucket(seconds: float) -> str:
    """Name a duration by its order of size, so that tables have few columns."""
    for label, limit in (("<1m", 60), ("1-5m", 300), ("5-15m", 900), ("15-60m", 3600)):
        if seconds < limit:
            return label
    return ">1h"
