"""Questions about who and what is heard when."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import numpy as np
import pytest
import soundfile
from sound_kit import burst

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.hay.speech import events
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import AudioPart
from lm_eval_longctx.scorers.choice_or_time import ChoiceOrTimeScorer, times
from lm_eval_longctx.tasks.audio_qa import builder as made_by
from lm_eval_longctx.tasks.audio_qa.questions import KINDS, clock
from lm_eval_longctx.tasks.audio_qa.score import CHOICES, compose

RATE = 16_000
SCORER = ChoiceOrTimeScorer({})
WORDS = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(300)]
FROZEN = "7c5ad6bd366c0fb2"
"""Of the default samples over bursts: raise the task's version with it."""


def murmured(text, of, gain_db, cache_dir):
    """Stand in for a voice: a burst that is as long as its text, the same for the same text and speaker."""
    digest = hashlib.sha256(f"{of.name}|{text}".encode()).hexdigest()
    wave = burst(int(digest[:6], 16), 0.5 + len(text) / 30)
    return Spoken(Utterance(digest, len(wave), of.name, text, text), lambda _: wave.copy())


@pytest.fixture
def asked(build, monkeypatch):
    """Make a builder whose speakers murmur."""
    monkeypatch.setattr(made_by, "spoken", murmured)
    return lambda **metadata: build("qa", **{"context_lengths": ["5m"], **metadata})


def test_every_target_scores_in_full_and_a_wrong_one_does_not(asked):
    """Each kind of question has right answers that the scorer takes, plainly said or in the asked form."""
    samples = asked(samples_per_cell=6).samples()
    assert {s["kind"] for s in samples} == set(KINDS)
    for sample in samples:
        SCORER.validate(sample)
        said = f"Final Answer: ({sample['target']})" if sample["options"] else sample["target"]
        assert SCORER.score(sample, said)["accuracy"] == 1
        assert SCORER.score(sample, "I cannot tell.") == {"accuracy": 0, "seconds_off": None, "abstained": 1}
        if sample["options"]:
            assert len(set(sample["options"])) == len(sample["options"]) >= 3
            wrong = next(a for a, _ in zip("ABCDE", sample["options"], strict=False) if a != sample["target"])
            assert SCORER.score(sample, f"Final Answer: ({wrong})")["accuracy"] == 0


def test_answers_follow_from_what_is_in_the_file(asked):
    """Decoded again, each event is found by correlation at its second, once, and answers follow from these alone."""
    builder = asked(codec="wav")
    samples = builder.samples()
    _, recording, _, _ = builder._asked(next(iter(builder.plans())))
    part = next(builder.render(samples[0]).media())
    assert isinstance(part, AudioPart)
    wave, rate = soundfile.read(part.path, dtype="float32")
    assert (rate, len(wave)) == (RATE, 300 * RATE)
    found = []
    for event, insert, start in zip(recording.score.events, recording.inserts, recording.starts, strict=True):
        sound = insert.load(insert.utterance)
        at = round(start * RATE)
        heard = wave[at : at + len(sound)]
        assert np.corrcoef(heard, sound)[0, 1] > 0.95, event
        found.append((event, start))
    assert [start for _, start in found] == sorted(start for _, start in found)
    for sample in samples:
        assert _answer(sample, found) == _right(sample)


def _right(sample):
    return sample["options"]["ABCDE".index(sample["target"])] if sample["options"] else sample["target"]


def _answer(sample, found):
    """Answer from the events and their seconds, by other means than the questions."""
    text, kind = sample["question"], sample["kind"]
    said = {event.word: (event, at) for event, at in found if event.word}
    word = next((w for w in said if f"the word {w}." in text), None)
    if kind == "speaker":
        return said[word][0].name
    if kind == "after":
        return min((at, e.name) for e, at in found if at > said[word][1])[1]
    if kind == "count":
        return str(
            sum(
                (f"is {e.name} heard" in text) if e.seconds else f"does {e.name} ask" in text and bool(e.word)
                for e, _ in found
            )
        )
    if kind == "order":
        return (min if "first" in text else max)(sample["options"], key=lambda w: said[w][1])
    lasting = [(e, at) for e, at in found if e.seconds and e.name in events.LONG and f"{e.name} " in f"{text} "]
    if kind == "duration":
        return f"{lasting[0][0].seconds:.0f} seconds"
    return clock(said[word][1] if word else lasting[0][1])


def test_samples_are_frozen(asked):
    """The same seed asks the same on every machine."""
    plain = json.dumps(asked().samples(), sort_keys=True)
    assert hashlib.sha256(plain.encode()).hexdigest()[:16] == FROZEN


def test_no_question_comes_twice(asked):
    """However many are asked, no two are the same about the same recording, and another seed asks others."""
    many = [asked(samples_per_cell=30, seed=seed).samples() for seed in (0, 1)]
    keys = [[(s["cluster"], s["question"]) for s in samples] for samples in many]
    assert len(set(keys[0])) == len(keys[0])
    assert not set(keys[0]) & set(keys[1])


def test_right_options_stand_in_each_place_equally_often(asked):
    """Constant answers score what chance says, and numbers lie evenly among those that are offered."""
    samples = [s for s in asked(samples_per_cell=30).samples() if s["options"]]
    for kind in {s["kind"] for s in samples}:
        of_kind = [s for s in samples if s["kind"] == kind]
        places = Counter(s["target"] for s in of_kind)
        assert max(places.values()) - min(places.values()) <= 1
        if kind in ("count", "duration"):
            ranks = Counter(sorted(s["options"], key=lambda o: int(o.split()[0])).index(_right(s)) for s in of_kind)
            assert len(ranks) == CHOICES
            assert max(ranks.values()) <= 15


def test_blind_questions_hold_no_sound(asked):
    """Asked blindly, the prompt is text, costs nothing for sound, and has the same question and options."""
    for seen, blind in zip(asked().samples(), asked(blind=True).samples(), strict=True):
        assert [blind[k] for k in ("question", "options", "target")] == [
            seen[k] for k in ("question", "options", "target")
        ]
        builder = asked(blind=True)
        assert builder.contents(blind) == ("text",)
        assert not list(builder.render(blind).media())
        assert blind["media_tokens"] == 0


def test_noise_is_a_variant_of_the_same_questions(asked):
    """Each step of a noise ladder asks the same of the same recording."""
    loud, quiet = (
        [s for s in asked(snr_db=[30, 5]).samples() if s["snr_db"] == snr] for snr in (30, 5)
    )  # fmt: skip
    assert [s["question"] for s in loud] == [s["question"] for s in quiet]
    assert len({s["id"] for s in (*loud, *quiet)}) == len(loud) + len(quiet)


def test_hours_are_laid_as_minutes_are(asked):
    """Ten hours hold more events than five minutes, at times up to the end."""
    samples = asked(context_lengths=["10h"], kinds=["time"], samples_per_cell=3).samples()
    assert max(max(s["evidence"]) for s in samples) > 3600
    assert all(len(s["target"].split(":")) == 3 for s in samples if s["evidence"][0] >= 3600)
    assert all(s["tolerance"] == 360 for s in samples)


def test_what_cannot_be_asked_is_refused(asked):
    """Unknown kinds, a single speaker, too few words and too little time are errors that say so."""
    with pytest.raises(UnknownOptionError, match="kind of question"):
        asked(kinds=["who"])
    with pytest.raises(ConfigError, match="2 to 10 voices"):
        asked(speakers=["joe"]).samples()
    with pytest.raises(LengthError, match="too short"):
        asked(context_lengths=["20s"]).samples()
    with pytest.raises(ConfigError, match="leaves only 4 words"):
        compose(300, ["a", "b"], WORDS[:4], 1.5, Rng("x"))


@pytest.mark.parametrize("name", [*events.SHORT, *events.LONG])
def test_sounds_are_as_long_as_asked_and_fit_for_a_file(name):
    """A sound has the asked samples, is neither silent nor clipped, and is the same each time."""
    for seconds in (0.5, 1.5, 7.25):
        made = events.sound_event(name, seconds)
        wave = made.load(made.utterance)
        assert wave.shape == (made.utterance.samples,) == (round(seconds * RATE),)
        assert np.isfinite(wave).all()
        assert 0.4 < np.abs(wave).max() <= 0.5
        assert (made.load(made.utterance) == wave).all()
    with pytest.raises(UnknownOptionError, match="did you mean 'a bell'"):
        events.sound_event("a bel")


def test_no_two_sounds_are_alike():
    """The spectrum of each sound over time differs clearly from that of each other one."""
    prints = {}
    for name in (*events.SHORT, *events.LONG):
        made = events.sound_event(name, 1.5)
        frames = made.load(made.utterance)[: RATE + RATE // 2].reshape(-1, 800)
        power = np.log10(np.square(np.abs(np.fft.rfft(frames))) + 1e-6)
        prints[name] = (power - power.mean()) / power.std()
    for one, a in prints.items():
        assert all(np.mean(a * b) < 0.9 for other, b in prints.items() if other != one), one


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("1:23", [83]), ("01:23", [83]), ("1:02:03", [3723]), ("83", [83]), ("83.4 s", [83.4]), ("83 seconds", [83]),
        ("1 minute and 23 seconds", [83]), ("1m23s", [83]), ("1 h 2 min", [3720]), ("2 hours", [7200]),
        ("At 1:23 (83 seconds).", [83]), ("**1:23**", [83]),
        ("It begins at about 1:23.", [83]), ("The answer is 1:23", [83]),
        ("between 1:20 and 1:30", [80, 90]), ("1:20 or 83 minutes", [80, 4980]), ("I do not know", []), ("", []),
        ("I hear rain at 0:10.\nThen the word at 1:23.\n1:23", [83]), ("twenty three seconds", [23]),
        ('{"time": "1:23"}', [83]), ("1:23.5", [83.5]), ("minute 83", [83]),
    ],
)  # fmt: skip
def test_times_are_read_as_people_write_them(answer, seconds):
    """Clocks, units and bare seconds are times; two different ones are two."""
    assert times(answer) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("answer", "accuracy", "off"),
    [("1:23", 1, 0), ("86", 1, 3), ("1:27", 0, 4), ("1:23 or 2:23", 0, None), ("no idea at all", 0, None)],
)
def test_times_are_scored_with_their_error(answer, accuracy, off):
    """A time is right within the tolerance; how far it is off is kept, and nothing is guessed."""
    values = SCORER.score({"target": "1:23", "tolerance": 3.0}, answer)
    assert (values["accuracy"], values["seconds_off"]) == (accuracy, off)


@pytest.mark.parametrize(
    "sample", [{"target": "1:23"}, {"target": "soon", "tolerance": 3}, {"target": "F", "options": ["a", "b"]}]
)
def test_samples_without_a_right_answer_are_refused(sample):
    """A time without tolerance, no time, and a letter that no option has are errors."""
    with pytest.raises(ConfigError, match="target"):
        SCORER.validate(sample)


def test_clocks_are_read_as_they_are_written():
    """Whatever the second, its time is read as the same second."""
    for second in (0, 9, 59, 60, 61, 599, 3599, 3600, 3661, 35_999, 36_000, 107 * 3600 + 59):
        assert times(clock(second)) == [second]
