"""Long speech recognition in one request, without cutting the recording up; or in pieces, to compare with.

After the Gemini 1.5 report, section 5.2 (long audio) (arXiv 2403.05530): segments of 15
minutes go to the model whole. Speech with known words is laid to the asked
duration here; for recordings as they are, see ``recordings``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar, cast

from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.cutting import SEGMENT
from lm_eval_longctx.hay.speech.heard import Heard, heard
from lm_eval_longctx.hay.speech.render import render
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, need_text
from lm_eval_longctx.hay.speech.timeline import Timeline, lay
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.scorers.transcript_text import is_unspaced
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.audio_asr import arms
from lm_eval_longctx.tasks.audio_asr.arms import Asked
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep

_MINUTE = 60 * SAMPLE_RATE


class TranscriptSample(Sample):
    """Made speech to write down.

    Attributes:
        words_by_minute: Words that are said in each minute; characters in languages without spaces.
        snr_db: Speech above noise, in dB; ``None`` without noise.
        codec: How the file is coded.
        arm: ``whole``, or ``segments`` where the recording is asked in pieces, or this is one of them.
    """

    arm: str
    words_by_minute: list[int]
    snr_db: float | None
    codec: str


class AudioTranscriptBuilder(Builder[TranscriptSample]):
    """Speech of the asked duration, to be written down."""

    MODALITY: ClassVar[str] = "audio"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *hay.OPTIONS,
        Option("order", "natural", "utterances as they come, or drawn at random", choices=("natural", "shuffled")),
        arms.OPTION,
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
        """Yield the planned samples; each step of a noise ladder is a variant, and the arm in segments, too."""
        plans = list(expand(self.sweep, variants=hay.variants(dict(self.sweep.options))))
        yield from arms.in_arms(plans, self.sweep.options["arms"])

    def parts(self, sample: TranscriptSample) -> Sequence[TranscriptSample]:
        """Return the pieces of a recording that is asked in segments."""
        asked = Asked.of(planned(sample))
        if asked.arm == arms.WHOLE or asked.piece is not None:
            return (sample,)
        return [self.sample(asked.piece_plan(number)) for number in range(len(self._pieces(asked.whole)))]

    def sample(self, plan: PlannedSample) -> TranscriptSample:
        """Lay out one recording, or a piece of it, and write down what is said in it."""
        asked = Asked.of(plan)
        bench, timeline = self._asked(asked)
        lower = (self._laid(replace(asked.whole, index=i))[1].hay for i in range(plan.index))
        shared = hay.overlap(bench.packets, timeline.hay, lower)
        heard = [self._pool.utterances[index] for index in timeline.hay]
        texts = [need_text(u).strip() for u in heard]
        compared = {} if asked.arm == arms.WHOLE else {"control": True, "cluster": asked.whole.id}
        seconds = timeline.total / SAMPLE_RATE
        made: TranscriptSample = {
            **planned_part(plan, self.sweep.tokenizer),
            "arm": asked.arm,
            "target": " ".join(texts),
            "words_by_minute": words_by_minute(
                texts, [bench.packets[i] * bench.store.grid for i in timeline.hay], self.sweep.options["language"]
            ),
            "question": arms.question(self.sweep.options["language"]),
            "haystack": hay.described(self._pool, self.sweep.haystack, timeline.repeats, shared),
            "realised_length": seconds,
            "realised_depth": None,
            "snr_db": hay.snr_of(asked.whole.variant, dict(self.sweep.options)),
            "codec": bench.of.name,
            "media_tokens": round(seconds * self.sweep.options["tokens_per_second"]),
            "max_gen_toks": arms.answer_budget(seconds),
        }
        return cast("TranscriptSample", {**made, **compared})

    def _asked(self, asked: Asked) -> tuple[hay.Bench, Timeline]:
        """Return codec and layout of a recording, or of the piece of one that is asked about."""
        bench, timeline = self._laid(asked.whole)
        if asked.piece is None:
            return bench, timeline
        first, last = self._pieces(asked.whole)[asked.piece]
        said = timeline.hay[first:last]
        total = sum(bench.packets[index] for index in said) * bench.store.grid
        return bench, Timeline(said, (), 0, 0, total, timeline.repeats)

    def _pieces(self, plan: PlannedSample) -> list[tuple[int, int]]:
        """Return which utterances are in each piece: as many as fit into 30 seconds, so that no word is cut."""
        bench, timeline = self._laid(plan)
        most, used, first = SEGMENT // bench.store.grid, 0, 0
        pieces: list[tuple[int, int]] = []
        for at, index in enumerate(timeline.hay):
            if used and used + bench.packets[index] > most:
                pieces.append((first, at))
                first, used = at, 0
            used += bench.packets[index]
        return [*pieces, (first, len(timeline.hay))]

    def heard(self, sample: TranscriptSample, first: float, last: float) -> list[Heard]:
        """Return what is said between two moments; see ``Builder.heard``."""
        made, timeline = self._asked(Asked.of(planned(sample)))
        return heard(timeline, self._pool.utterances, (), made.store.grid, first, last)

    def render(self, sample: TranscriptSample) -> Prompt:
        """Write the recording (or find it written) after the request."""
        parts = self.parts(sample)
        if parts[0]["id"] != sample["id"]:
            return arms.in_turns(map(self.render, parts))
        bench, timeline = self._asked(Asked.of(planned(sample)))
        part = render(timeline, self._pool, (), bench.store, bench.of, self.context.cache_dir)
        return arms.request(part, self.sweep.options["language"])

    def _lay(self, plan: PlannedSample) -> tuple[hay.Bench, Timeline]:
        options = dict(self.sweep.options)
        total = round(plan.length.amount * SAMPLE_RATE)
        made = hay.bench(self._pool, total, hay.snr_of(plan.variant, options), options, self.context)
        shuffled = options["order"] == "shuffled"
        rng = replace(plan, variant="").hay_rng("speech")
        return made, lay(made.packets, total, made.store.grid, (), rng, shuffled=shuffled)


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
