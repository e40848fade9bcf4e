"""``longctx_audio_niah``: a spoken keyword between utterances of hours of speech.

After the Gemini 1.5 report, section 5.2 (audio haystack) and appendix 12.16 (arXiv
2403.05530): "The secret keyword is X" is hidden in speech of up to 107 hours,
and asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.colour import coloured, mean_spectrum
from lm_eval_longctx.hay.speech.heard import Heard, heard
from lm_eval_longctx.hay.speech.pieces import packets_of
from lm_eval_longctx.hay.speech.render import Spoken, render
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings
from lm_eval_longctx.hay.speech.spoken import hay_voices, needle_voice, spoken
from lm_eval_longctx.hay.speech.timeline import Insert, Placed, Timeline, lay
from lm_eval_longctx.hay.speech.voices import voice
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.hay.speech.wordings import ENGLISH, Wording, wording
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.sweep import Sweep

ONE = "In the audio above, someone says 'The secret keyword is X'. What is the secret keyword?"
"""The question about one English word; about one of another language it is ``ENGLISH.one``."""


@dataclass(frozen=True)
class _Said:
    """A needle or distractor before it is placed."""

    value: str
    text: str
    voice: str
    depth: float


class SpokenNeedleSample(Sample):
    """Spoken needles.

    Attributes:
        value_kind: What values are.
        needles: Value, text, voice, seconds and depth of each.
        distractors: Values that nobody asks for.
        distractors_placed: Where these are.
        snr_db: Speech above noise, in dB; ``None`` without noise.
        codec: How the file is coded.
    """

    value_kind: str
    needles: list[dict[str, Any]]
    distractors: list[str]
    distractors_placed: list[dict[str, Any]]
    snr_db: float | None
    codec: str


class AudioNeedleBuilder(Builder[SpokenNeedleSample]):
    """Hides spoken keywords in speech."""

    MODALITY: ClassVar[str] = "audio"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *hay.OPTIONS,
        Option("needle_speaker", "different", "the needle's voice against the hay's", choices=("different", "same")),
        Option("needle_voices", [], "voices that may say needles; empty: all that fit needle_speaker"),
        Option("needle_gain_db", 0.0, "how much louder than the hay the needle is", minimum=-40, maximum=20),
        Option("needle_spectrum", "own", "the voice's, or filtered to that of the hay", choices=("own", "hay")),
        Option("needles", 1, "how many keywords are hidden and asked for", minimum=1, maximum=len(ENGLISH.ordinals)),
        Option("question_language", "english", "what the question is put in", choices=("english", "same")),
        Option("absent", 0.0, "share of samples in which nobody says a keyword", minimum=0, maximum=1),
        Option("distractors", 0, "spoken sentences such as 'The secret color is blue'", minimum=0, maximum=20),
    )

    @cached_property
    def _pool(self) -> Pool:
        options = self.sweep.options
        voices = hay_voices(options["language"], options["voices"], options["needle_speaker"])
        settings = PoolSettings(options["language"], voices, reading=options["reading"])
        return hay.open_pool(self.sweep.haystack, self.context, dict(options), settings)

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Keep the settings, and what the samples of a cell hold, to tell what they share."""
        super().__init__(sweep, context)
        self.speech_of = lru_cache(maxsize=1024)(self._speech_of)

    @cached_property
    def hay_spectrum(self) -> npt.NDArray[np.float64]:
        """The mean spectrum of the hay."""
        return mean_spectrum(self._pool)

    def _speech_of(self, plan: PlannedSample) -> tuple[int, ...]:
        """Return the utterances of a sample's hay, but for those that its needles leave no room for."""
        draft = _Draft(self, plan)
        packets, grid = draft.bench.packets, draft.bench.store.grid
        return lay(packets, draft.total, grid, (), plan.hay_rng("speech")).hay

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each step of a noise ladder is a variant."""
        return expand(self.sweep, variants=hay.variants(dict(self.sweep.options)))

    def sample(self, plan: PlannedSample) -> SpokenNeedleSample:
        """Work out one sample; nothing is encoded, only needles are spoken."""
        return _Draft(self, plan).sample()

    def heard(self, sample: SpokenNeedleSample, first: float, last: float) -> list[Heard]:
        """Return what is said between two moments; see ``Builder.heard``."""
        draft = _Draft(self, planned(sample))
        inserts = [one.utterance for one in draft.inserts]
        return heard(draft.timeline, self._pool.utterances, inserts, draft.bench.store.grid, first, last)

    def render(self, sample: SpokenNeedleSample) -> Prompt:
        """Write the recording (or find it written) and put the question after it."""
        draft = _Draft(self, planned(sample))
        part = render(
            draft.timeline, self._pool, draft.inserts, draft.bench.store, draft.bench.of, self.context.cache_dir
        )
        return Prompt.user(TextPart(f"{draft.asked.before}\n"), part, TextPart("\n" + sample["question"]))


class _Draft:
    """One sample, worked out from its plan: needles, layout and file."""

    def __init__(self, builder: AudioNeedleBuilder, plan: PlannedSample) -> None:
        self.builder, self.plan, self.sweep, self.cache_dir = builder, plan, builder.sweep, builder.context.cache_dir
        self.options: dict[str, Any] = dict(builder.sweep.options)
        self.pool = builder._pool  # noqa: SLF001 - one file, one class in two parts
        self.snr_db = hay.snr_of(plan.variant, self.options)
        self.shared = replace(plan, variant="")
        self.bench = hay.bench(self.pool, self.total, self.snr_db, self.options, builder.context)

    @property
    def words(self) -> Wording:
        """What is said in the language of the speech."""
        return wording(self.options["language"])

    @property
    def asked(self) -> Wording:
        """What is asked, in the question's language."""
        return self.words if self.options["question_language"] == "same" else ENGLISH

    @property
    def total(self) -> int:
        """Samples of the whole recording."""
        return round(self.plan.length.amount * SAMPLE_RATE)

    @cached_property
    def absent(self) -> bool:
        """Whether this sample is one without a needle."""
        return bool(self.shared.rng("absent").random() < self.options["absent"])

    @cached_property
    def needles(self) -> tuple[_Said, ...]:
        """What is hidden and asked for."""
        words = self.words
        count, rng = self.options["needles"], self.shared.rng("needle")
        if count > 1 and self.options["absent"]:
            raise ConfigError("absent works with one needle; set needles: 1 or absent: 0")
        who = self._voice(rng)
        chosen = rng.sample(self._unsaid(words.words if voice(who).default else words.clear or words.words), count)
        depth = self.plan.depth or 0.0
        if count == 1:
            return (_Said(chosen[0], words.sentence(chosen[0]), who, depth),)
        return tuple(
            _Said(word, words.sentence(word, i), who, (depth + i / count) % 1.0) for i, word in enumerate(chosen)
        )

    @cached_property
    def distractors(self) -> tuple[_Said, ...]:
        """What sounds alike."""
        words, rng = self.words, self.shared.rng("distractors")
        made = []
        for _ in range(self.options["distractors"]):
            colour = rng.choice(words.colours)
            made.append(_Said(colour, words.distractor.format(word=colour), self._voice(rng), rng.random()))
        return tuple(made)

    def _unsaid(self, words: Sequence[str]) -> list[str]:
        """Leave out words that the hay is known to hold."""
        left = [word for word in words if word not in self.pool.vocabulary]
        if len(left) < self.options["needles"]:
            raise ConfigError("the hay says every word that could be hidden; use other speech")
        return left

    def _voice(self, rng: Rng) -> str:
        options = self.options
        of_hay = self.pool.details.get("voices", ())
        return needle_voice(rng, options["language"], of_hay, options["needle_voices"], options["needle_speaker"]).name

    @cached_property
    def said(self) -> tuple[_Said, ...]:
        """Everything that is inserted."""
        return (*(() if self.absent else self.needles), *self.distractors)

    @cached_property
    def inserts(self) -> tuple[Spoken, ...]:
        """The same, spoken."""
        gain = self.options["needle_gain_db"]
        made = tuple(spoken(s.text, voice(s.voice), gain, self.cache_dir) for s in self.said)
        if self.options["needle_spectrum"] == "own":
            return made
        return tuple(coloured(one, lambda: self.builder.hay_spectrum, self.pool.digest[:16]) for one in made)

    @cached_property
    def timeline(self) -> Timeline:
        """What comes when."""
        grid = self.bench.store.grid
        inserts = [Insert(packets_of(i.utterance, grid), s.depth) for i, s in zip(self.inserts, self.said, strict=True)]
        return lay(self.bench.packets, self.total, grid, inserts, self.shared.hay_rng("speech"))

    def sample(self) -> SpokenNeedleSample:
        placed = [self._placed(s, i, p) for s, i, p in zip(self.said, self.inserts, self.timeline.placed, strict=True)]
        hidden = placed[: len(placed) - len(self.distractors)]
        return {
            **planned_part(self.plan, self.sweep.tokenizer),
            "target": self._target(),
            "absent": self.absent,
            "value_kind": "word",
            "question": self._question(),
            "needles": hidden,
            "distractors": [s.value for s in self.distractors],
            "distractors_placed": placed[len(hidden) :],
            "haystack": hay.described(self.pool, self.sweep.haystack, self.timeline.repeats, self._overlap()),
            "realised_length": self.timeline.total / SAMPLE_RATE,
            "realised_depth": hidden[0]["depth"] if hidden else None,
            "snr_db": self.snr_db,
            "codec": self.bench.of.name,
            "media_tokens": round(self.plan.length.amount * self.options["tokens_per_second"]),
        }

    def _overlap(self) -> float:
        lower = (self.builder.speech_of(replace(self.shared, index=i, depth=None)) for i in range(self.plan.index))
        return hay.overlap(self.bench.packets, self.timeline.hay, lower)

    def _target(self) -> str | Mapping[str, str]:
        if len(self.needles) == 1:
            return self.needles[0].value
        return {ordinal: needle.value for ordinal, needle in zip(self.words.ordinals, self.needles, strict=False)}

    def _question(self) -> str:
        words, count, asked = self.words, self.options["needles"], self.asked
        if count > 1:
            first, second, ordinal = words.said(0), words.said(1), words.ordinals[0]
            text = asked.several.format(first=first, second=second, count=count, ordinal=ordinal)
        else:
            text = ONE if words is asked is ENGLISH else asked.one.format(said=words.said())
        return text + (asked.maybe if self.options["absent"] else "")

    def _placed(self, said: _Said, insert: Spoken, placed: Placed) -> dict[str, Any]:
        return {
            "value": said.value,
            "text": said.text,
            "voice": said.voice,
            "start": placed.start / SAMPLE_RATE,
            "end": (placed.start + insert.utterance.samples) / SAMPLE_RATE,
            "depth": placed.depth,
        }
