"""Minutes that are read out: what is heard gives the answers, the file is what the timeline says, hours need little."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile
from records_reader import DIGITS, read_record, solve
from sound_kit import burst

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.chronicle.words import number_words
from lm_eval_longctx.hay.records.minutes import TRADED, Minutes
from lm_eval_longctx.hay.records.wording import day_heading
from lm_eval_longctx.hay.records.world import STATE
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.scorers.tally import TallyScorer
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.aggregate import spoken as made_by
from lm_eval_longctx.tasks.aggregate.questions import KINDS
from lm_eval_longctx.units import Unit

RATE = 16_000
DAYS = {day_heading(number): number for number in range(1, 2000)}
FROZEN = "d91f1cf8f590a079"
"""Of the default samples over bursts: raise the task's version with it."""


def murmured(text, of, gain_db, cache_dir):
    """Stand in for a voice: a burst that is as long as its text, the same for the same text and speaker."""
    digest = hashlib.sha256(f"{of.name}|{text}".encode()).hexdigest()
    samples = round((0.5 + len(text) / 25) * RATE)
    utterance = Utterance(digest, samples, of.name, text, text)
    return Spoken(utterance, lambda _: burst(int(digest[:6], 16), samples / RATE + 0.01)[:samples])


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a builder whose clerks murmur."""
    monkeypatch.setattr(made_by, "spoken", murmured)
    monkeypatch.setattr(made_by, "hay_voices", lambda *_: ("joe", "joe-low"))

    def builder(**metadata):
        sweep = parse_sweep(
            {"version": 1, "context_lengths": ["10m"], "haystack": "records", **metadata},
            task="longctx_audio_aggregate",
            unit=Unit.SECONDS,
            options=(*made_by.AudioAggregateBuilder.OPTIONS, *TallyScorer.OPTIONS),
            has_depth=False,
        )
        return made_by.AudioAggregateBuilder(sweep, BuildContext(resolve_source=str, cache_dir=tmp_path))

    return builder


def records_of(texts):
    """Read what is heard: days that are announced, and entries."""
    day, found = 0, []
    for text in texts:
        if text in DAYS:
            day = DAYS[text]
        else:
            found.append(read_record(text, day))
    return found


@pytest.mark.parametrize("metadata", [{}, {"context_lengths": ["25m"], "spread": 0.5, "seed": 3}])
def test_who_hears_everything_gets_every_answer(make, metadata):
    """A reader of what is heard, in order, answers each kind of question."""
    builder = make(samples_per_cell=2, **metadata)
    samples = builder.samples()
    assert {sample["kind"] for sample in samples} == set(KINDS)
    for sample in samples:
        heard = builder.heard(sample, 0, 1e9)
        records = records_of(one.text for one in heard)
        assert len(records) == sample["hay"]["units"]
        assert solve(sample["question"], records).removeprefix("the ") == sample["target"], sample["question"]
        assert TallyScorer({}).score(sample, sample["target"])["accuracy"] == 1
        assert heard[-1].stop <= sample["realised_length"] == sample["context_length"]


def test_the_file_holds_what_is_said(make):
    """Decoded again, the recording has the asked length, and each sentence stands at its second."""
    builder = make(context_lengths=["4m"], codec="wav", kinds=["count"])
    (sample,) = builder.samples()
    wave, rate = soundfile.read(next(builder.render(sample).media()).path, dtype="float32")
    assert (rate, len(wave)) == (RATE, 240 * RATE)
    pool = {u.text: u for u in builder._of(next(iter(builder.plans()))).bench.pool.utterances}
    for one in builder.heard(sample, 0, 1e9):
        sound = burst(int(pool[one.text].digest[:6], 16), pool[one.text].samples / RATE + 0.01)[
            : pool[one.text].samples
        ]
        at = round(one.start * RATE)
        assert np.corrcoef(wave[at : at + len(sound)], sound)[0, 1] > 0.95, one.text


def test_hours_need_minutes_of_speech(make):
    """Ten hours have ten thousand entries of a hundred statements and some thirty announced days."""
    builder = make(context_lengths=["10h"], kinds=["count"])
    (sample,) = builder.samples()
    pool = builder._of(next(iter(builder.plans()))).bench.pool
    assert sample["hay"]["units"] > 8000
    assert len(pool.utterances) < 150
    assert sample["haystack"]["pool_seconds"] < 600


def test_a_stock_has_every_name_as_often_as_it_weighs():
    """In a stock leaders are equal, nobody is missing, and an item has several conditions."""
    minutes = Minutes("x", 8)
    traded = minutes.stock[:TRADED]
    who = [sum(record.who == name for record in traded) for name in minutes.people]
    assert who == [12, 12, 9, 9, 9, 9, 6, 6]
    assert [sum(record.where == name for record in traded) for name in minutes.places] == [16, 16, 12, 12, 8, 8]
    states = {record.state for record in minutes.stock if record.kind == STATE and record.what == minutes.items[0]}
    assert len(states) == 4
    assert [record.number for record in minutes.records(5, 200)] == list(range(5, 200))
    assert [record.day for record in minutes.records(0, 17)] == [1] * 8 + [2] * 8 + [3]
    assert number_words(max(DIGITS.values())) == "nine"


@pytest.mark.parametrize(
    ("metadata", "said"), [({"haystack": "voices"}, "records"), ({"snr_db": [10, 20]}, "one snr_db")]
)
def test_settings_that_cannot_be_used_are_errors(make, metadata, said):
    """Speech that is not made of records, and ladders of noise, are refused."""
    with pytest.raises(ConfigError, match=said):
        make(**metadata)


def test_a_recording_that_is_too_short_is_an_error(make):
    """Where hardly an entry fits, the length is refused."""
    with pytest.raises(LengthError, match="too few"):
        make(context_lengths=["20s"]).samples()


def test_samples_are_frozen(make):
    """The default samples are the same on every machine, until the version is raised."""
    told = repr([(s["question"], s["target"], s["sampled"], s["hay"]) for s in make(samples_per_cell=2).samples()])
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == FROZEN
