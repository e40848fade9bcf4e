"""Recordings as they are, each with one transcript: sent whole, or cut at pauses into pieces that are joined again."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.kinds import mime_of
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.cutting import Segmented
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, Utterance, need_text
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.plan import PlannedSample
from lm_eval_longctx.prompt import AudioPart, Prompt, file_digest
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.audio_asr import arms
from lm_eval_longctx.tasks.audio_asr.arms import Asked
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep

_SENT = frozenset(("audio/flac", "audio/wav", "audio/ogg", "audio/mpeg"))
"""What is sent as it is."""


class _Recording(Sample):
    """What every sample has of its recording."""

    recording: str
    speaker: str


class RecordingSample(_Recording, total=False):
    """A recording to write down.

    Attributes:
        recording: Its file.
        speaker: Who speaks, where it is known.
        arm: ``segments`` where the recording is asked in pieces, or this is one of them; else not there.
        cuts: Where it was cut: pairs of the second, and how loud it is there in dB above the recording's speech. What
            is not far below 0 is no pause.
        piece: Of a piece, its first and last second.
    """

    arm: str
    cuts: list[list[float]]
    piece: list[float]


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
        arms.OPTION,
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

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Keep the settings, and where recordings are cut."""
        super().__init__(sweep, context)
        self._segmented = lru_cache(maxsize=1024)(self._cut_up)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield one sample a recording (and repetition, and arm), in the order of the data set."""
        chosen = [u for u in self._pool.utterances if u.seconds >= self.sweep.options["shortest"]]
        chosen = chosen[: self.sweep.options["max_recordings"] or None]
        if not chosen:
            raise CorpusError(f"{self.sweep.task}: no recording of {self.sweep.options['shortest']:g} s or more")
        plans = [self._planned(utterance, i) for i in range(self.sweep.samples_per_cell) for utterance in chosen]
        yield from arms.in_arms(plans, self.sweep.options["arms"])

    def _planned(self, utterance: Utterance, index: int) -> PlannedSample:
        length = Length(round(utterance.seconds, 3), Unit.SECONDS)
        return PlannedSample(
            self.sweep.task, self.sweep.version, self.sweep.seed, length, None, index, utterance.digest[:16]
        )

    def sample(self, plan: PlannedSample) -> RecordingSample:
        """Describe one recording, or a piece of it."""
        asked = Asked.of(plan)
        utterance = self._find(asked.whole.variant)
        text = need_text(utterance)
        if not text.strip():
            raise MediaError(f"{utterance.origin} has an empty transcript; write down what is said or remove it")
        whole: RecordingSample = {
            **planned_part(plan, self.sweep.tokenizer),
            "context_label": _bucket(utterance.seconds),
            "target": text,
            "question": arms.question(self.sweep.options["language"]),
            "haystack": hay.described(self._pool, self.sweep.haystack, 0),
            "recording": Path(utterance.origin).name,
            "speaker": utterance.speaker,
            "realised_length": utterance.seconds,
            "realised_depth": None,
            "max_gen_toks": arms.answer_budget(utterance.seconds),
        }
        return whole if asked.arm == arms.WHOLE else cast("RecordingSample", {**whole, **self._in_segments(asked)})

    def _in_segments(self, asked: Asked) -> dict[str, Any]:
        """Return what a recording in segments, or one of these, has beside or instead of what a whole one has."""
        segmented = self._segmented(self._find(asked.whole.variant))
        shared = {"arm": asked.arm, "control": True, "cluster": asked.whole.id}
        if asked.piece is None:
            return {**shared, "cuts": [[round(cut.at / SAMPLE_RATE, 3), cut.level] for cut in segmented.cuts]}
        first, last = segmented.edges[asked.piece]
        seconds = (last - first) / SAMPLE_RATE
        return {
            **shared,
            "target": None,  # nobody knows which of the words are said here
            "piece": [round(first / SAMPLE_RATE, 3), round(last / SAMPLE_RATE, 3)],
            "realised_length": seconds,
            "max_gen_toks": arms.answer_budget(seconds),
        }

    def parts(self, sample: RecordingSample) -> Sequence[RecordingSample]:
        """Return the pieces of a recording that is asked in segments."""
        asked = Asked.of(planned(sample))
        if asked.arm == arms.WHOLE or asked.piece is not None:
            return (sample,)
        count = len(self._segmented(self._find(asked.whole.variant)).edges)
        return [self.sample(asked.piece_plan(number)) for number in range(count)]

    def render(self, sample: RecordingSample) -> Prompt:
        """Ask for the transcript of a recording, or of a piece."""
        asked = Asked.of(planned(sample))
        utterance = self._find(asked.whole.variant)
        if asked.arm != arms.WHOLE and asked.piece is None:
            return arms.in_turns(map(self.render, self.parts(sample)))
        part = self._part(utterance) if asked.piece is None else self._segmented(utterance).part(asked.piece)
        return arms.request(part, self.sweep.options["language"])

    def _cut_up(self, utterance: Utterance) -> Segmented:
        return Segmented(self._converted(utterance), utterance.digest, self.context.cache_dir / "audio" / "segments")

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
