"""``longctx_audio_aggregate``: the same questions about minutes that are read out for minutes to hours.

The entries come from ``hay.records.minutes``, the questions from
``questions``; nothing is asked that needs more than hearing every entry.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.records.minutes import Minutes
from lm_eval_longctx.hay.records.source import SOURCE
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.heard import Heard, heard
from lm_eval_longctx.hay.speech.pieces import packets_of
from lm_eval_longctx.hay.speech.render import Spoken, render
from lm_eval_longctx.hay.speech.source import Pool
from lm_eval_longctx.hay.speech.spoken import hay_voices, spoken
from lm_eval_longctx.hay.speech.timeline import Timeline
from lm_eval_longctx.hay.speech.voices import default_voices, voice
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import planned, planned_part
from lm_eval_longctx.tasks.aggregate.builder import OPTIONS, AggregateSample, answered, asked, variants
from lm_eval_longctx.tasks.aggregate.words import worded
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.settings import Option
    from lm_eval_longctx.sweep import Sweep

LISTEN = (
    "Listen to the whole recording carefully. The minutes of a town are read out, entry by entry; the number of each "
    "day is said before its first entry. Some entries are about goods: a delivery, a sale, a loan (goods lent out), a "
    "loss or an order. Others report the condition of something (open, closed, under repair or reserved). An entry "
    "counts each time it is read, also if the same was read before.\n"
)
_DAYS = 30
"""About how many days a long recording has: each is announced, and what is announced must be spoken."""

_SECONDS_AN_ENTRY = 3.2
_LEAST_A_DAY = 8
_SPOKEN_OPTIONS = ("codec", "voices", "noise", "snr_db", "tokens_per_second")


@dataclass(frozen=True)
class Recording:
    """A recording, laid and not yet written.

    Attributes:
        minutes: What is read out.
        entries: How many entries are heard.
        timeline: What is said when.
        bench: The different sentences that are said, codec and background.
    """

    minutes: Minutes
    entries: int
    timeline: Timeline
    bench: hay.Bench


class AudioAggregateBuilder(Builder[AggregateSample]):
    """Asks about all entries of spoken minutes."""

    MODALITY: ClassVar[str] = "audio"
    UNIT: ClassVar[Unit] = Unit.SECONDS
    HAS_DEPTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *(option for option in hay.OPTIONS if option.name in _SPOKEN_OPTIONS),
        *OPTIONS,
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check kinds, spreads, voices and the haystack; nobody speaks yet.

        Raises:
            ConfigError: The haystack is not made of records, or the noise is a ladder.
        """
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        self._variants = variants(self.options)
        name, _, self._seed = (sweep.haystack or SOURCE).partition(":")
        if name != SOURCE or (self._seed and not self._seed.isdecimal()):
            raise ConfigError(f"{sweep.task} reads out records of its own; set haystack to {SOURCE} or {SOURCE}:<seed>")
        if len(hay.ladder(self.options)) > 1:
            raise ConfigError(f"{sweep.task} takes one snr_db, not a ladder of them")
        names = hay_voices("en", self.options["voices"], "same") or tuple(v.name for v in default_voices())
        self._voices = tuple(voice(one) for one in names)
        self._recording = lru_cache(maxsize=4)(self._made)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind of question at each spread is a variant."""
        return expand(self.sweep, variants=self._variants)

    def _made(self, seed: str, total: int) -> Recording:
        """Say entry after entry, each different sentence once, until the next one does not fit."""
        a_day = max(_LEAST_A_DAY, round(total / SAMPLE_RATE / _SECONDS_AN_ENTRY / _DAYS))
        minutes, said = Minutes(seed, a_day), dict[str, Spoken]()
        grid = self._bench(said, total).store.grid
        order: list[int] = []
        left, entries = total // grid, 0
        while True:
            told = [self._said(text, said) for text in minutes.sentences(entries)]
            if (need := sum(packets_of(one.utterance, grid) for one in told)) > left:
                break
            left, entries = left - need, entries + 1
            order += [list(said).index(one.utterance.text or "") for one in told]
        bench = self._bench(said, total)
        repeats = max(Counter(order).values(), default=1) - 1
        timeline = Timeline(tuple(order), (), left, total % grid, total, repeats)
        return Recording(minutes, entries, timeline, bench)

    def _said(self, text: str, said: dict[str, Spoken]) -> Spoken:
        """Return a sentence, said; by the next voice if it is new."""
        if text not in said:
            said[text] = spoken(text, self._voices[len(said) % len(self._voices)], 0.0, self.context.cache_dir)
        return said[text]

    def _bench(self, said: dict[str, Spoken], total: int) -> hay.Bench:
        load = {one.utterance.digest: one.load for one in said.values()}
        pool = Pool(
            tuple(one.utterance for one in said.values()),
            lambda utterance: load[utterance.digest](utterance),
            "; ".join(sorted({v.licence for v in self._voices})),
            {"voices": [v.name for v in self._voices]},
        )
        return hay.bench(pool, total, hay.snr_of("", self.options), self.options, self.context)

    def _of(self, plan: PlannedSample) -> Recording:
        seed = f"spoken.{self._seed or 0}.{plan.seed}.{plan.index}"
        return self._recording(seed, round(plan.length.amount * SAMPLE_RATE))

    def sample(self, plan: PlannedSample) -> AggregateSample:
        """Choose what is asked and count what is right; the recording is not written.

        Raises:
            LengthError: It is too short.
        """
        recording = self._of(plan)
        found = asked(recording.minutes, recording.entries, plan, self.options)
        made: Any = {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": hay.described(recording.bench.pool, self.sweep.haystack or SOURCE, recording.timeline.repeats),
            "hay": {"units": recording.entries, "filler": 0},
            "question": worded(found[0], lambda day: f"day {day}"),
            "cluster": recording.minutes.identity,
            "realised_length": recording.timeline.total / SAMPLE_RATE,
            "realised_depth": None,
            "media_tokens": round(plan.length.amount * self.options["tokens_per_second"]),
            **answered(*found, plan.rng("sampled")),
        }
        return made  # type: ignore[no-any-return]  # the keys that the sample's class declares

    def heard(self, sample: AggregateSample, first: float, last: float) -> list[Heard]:
        """Return what is said between two moments; see ``Builder.heard``."""
        made = self._of(planned(sample))
        return heard(made.timeline, made.bench.pool.utterances, [], made.bench.store.grid, first, last)

    def render(self, sample: AggregateSample) -> Prompt:
        """Write the recording (or find it written) and put the question after it."""
        made = self._of(planned(sample))
        part = render(made.timeline, made.bench.pool, (), made.bench.store, made.bench.of, self.context.cache_dir)
        return Prompt.user(TextPart(LISTEN), part, TextPart(f"\nQuestion: {sample['question']}"))
