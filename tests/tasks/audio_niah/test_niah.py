"""The spoken needle: made, placed, found."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError, MediaError, UnknownOptionError
from lm_eval_longctx.hay.speech.colour import spectrum
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.hay.speech.source_voices import VoicesSource
from lm_eval_longctx.hay.speech.voices import default_voices, engine, speak, voice
from lm_eval_longctx.hay.speech.waveform import active_level
from lm_eval_longctx.hay.speech.wordings import WORDINGS, wording
from lm_eval_longctx.prompt import AudioPart, TextPart

pytestmark = pytest.mark.usefixtures("_speech")

RATE = 16_000


def _sound(builder, sample) -> tuple[AudioPart, np.ndarray]:
    part = next(builder.render(sample).media())
    return part, soundfile.read(part.path, dtype="float32")[0]


def _found(wave: np.ndarray, needle: np.ndarray) -> list[int]:
    """Return every place where a waveform correlates with the needle at 0.5 or more (1 is itself)."""
    size = 1 << (len(wave) + len(needle)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(wave, size) * np.conj(np.fft.rfft(needle, size)), size)[
        : len(wave) - len(needle) + 1
    ]
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    norm = np.sqrt(
        (energy[len(needle) :] - energy[: -len(needle)]).clip(1e-12) * np.sum(needle.astype(np.float64) ** 2)
    )
    places = np.flatnonzero(cross / norm > 0.5)
    return [int(p) for p in places if p == places[np.argmax((cross / norm)[places])] or np.abs(places - p).min() > 0]


@pytest.mark.parametrize("codec", ["flac", "wav"])
@pytest.mark.parametrize("haystack", ["bursts", "voices"])
def test_the_needle_is_exactly_where_the_sample_says_and_nowhere_else(build, cache, codec, haystack):
    """Decoding the file and correlating with the needle finds it at the sample's sample, and at no other place."""
    builder = build("needle", context_lengths=[40], depths=[0, 0.4, 1], haystack=haystack, codec=codec, pool="8s")
    for sample in builder.samples():
        part, wave = _sound(builder, sample)
        hidden = sample["needles"][0]
        _, needle = speak(hidden["text"], voice(hidden["voice"]), cache)
        places = _found(wave, needle)
        start = round(hidden["start"] * RATE)
        assert part.seconds == len(wave) / RATE == 40.0
        assert start in places
        assert all(abs(place - start) <= 20 for place in places)  # the peak itself, some samples wide
        assert round((hidden["end"] - hidden["start"]) * RATE) == len(needle)


def test_opus_holds_the_needle_at_its_place(build, cache):
    """In a lossy file the needle is found within 2 ms of where the sample says."""
    builder = build("needle", context_lengths=[30], depths=[0.5], codec="opus", pool="20s")
    sample = builder.samples()[0]
    _, wave = _sound(builder, sample)
    _, needle = speak(sample["needles"][0]["text"], voice(sample["needles"][0]["voice"]), cache)
    assert len(wave) == 30 * RATE
    assert abs(int(np.argmax(np.correlate(wave, needle, "valid"))) - sample["needles"][0]["start"] * RATE) <= 32


@pytest.mark.parametrize("seconds", [10.0, 12.34567, 61.7])
@pytest.mark.parametrize("codec", ["flac", "opus", "wav"])
def test_durations_are_exact(build, seconds, codec):
    """A file is as long as asked, to the sample, whatever the codec."""
    builder = build("needle", context_lengths=[seconds], depths=1, codec=codec)
    part, wave = _sound(builder, builder.samples()[0])
    assert len(wave) == round(seconds * RATE)
    assert part.seconds == pytest.approx(seconds, abs=1 / RATE)


def test_the_prompt_is_the_reports(build):
    """Instruction, recording, question: in this order and in these words."""
    builder = build("needle", context_lengths=["20s"], depths=1)
    before, sound, after = builder.render(builder.samples()[0]).parts()
    assert isinstance(before, TextPart)
    assert isinstance(sound, AudioPart)
    assert before.text == "Listen to the audio carefully and answer the question that comes after the audio input.\n"
    assert after.text == ("\nIn the audio above, someone says 'The secret keyword is X'. What is the secret keyword?")


def test_depths_are_stored_as_they_came_out(build):
    """Realised depths rise with the asked ones, are 0 and 1 at the ends, and stay near."""
    samples = build("needle", context_lengths=["3m"], depths=[0, 0.25, 0.5, 0.75, 1]).samples()
    by_depth = sorted(samples, key=lambda r: r["depth"])
    realised = [r["realised_depth"] for r in by_depth]
    assert realised[0] == 0
    assert realised[-1] == 1
    assert all(abs(r["realised_depth"] - r["depth"]) < 0.02 for r in by_depth)
    assert {r["haystack"]["digest"] for r in samples} == {samples[0]["haystack"]["digest"]}


def test_needles_are_as_loud_as_the_hay(build, cache):
    """The needle's level in the file is that of the speech around it, or the asked number of decibels above."""
    from lm_eval_longctx.hay.speech.waveform import active_level

    for gain in (0.0, -10.0):
        builder = build(
            "needle", context_lengths=["30s"], depths=[0.5], needle_gain_db=gain, haystack="voices", pool="8s"
        )
        sample = builder.samples()[0]
        _, wave = _sound(builder, sample)
        start, end = (round(sample["needles"][0][edge] * RATE) for edge in ("start", "end"))
        around = np.concatenate([wave[: start - RATE // 4], wave[end + RATE // 4 :]])
        assert active_level(wave[start:end]) - active_level(around) == pytest.approx(gain, abs=2.0)


def test_files_are_the_same_every_time(build, tmp_path):
    """Rendering into an empty cache gives the same bytes again."""
    from dataclasses import replace

    builder = build("needle", context_lengths=["20s"], depths=1)
    elsewhere = build("needle", context_lengths=["20s"], depths=1)
    elsewhere.context = replace(builder.context, cache_dir=tmp_path)
    sample = builder.samples()[0]
    assert sample == elsewhere.samples()[0]
    assert next(builder.render(sample).media()).digest == next(elsewhere.render(sample).media()).digest


def test_another_depth_encodes_nothing_anew(build, monkeypatch):
    """A second depth of the same hay encodes its own needle and what fills the end, and no hay."""
    from lm_eval_longctx.hay.speech import codec_flac

    builder = build("needle", context_lengths=["47s"], depths=[0, 1])
    first, second = builder.samples()
    builder.render(first)
    calls = []
    encode = codec_flac.encode
    monkeypatch.setattr(codec_flac, "encode", lambda pcm: calls.append(len(pcm)) or encode(pcm))
    builder.render(second)
    assert len(calls) <= 3  # needle, filler, and the tail of less than a frame
    assert sum(calls) < 4 * RATE


def test_speakers_are_chosen_as_asked(build):
    """The needle's voice is one of the hay's, or none of them, as asked."""
    for wanted in ("same", "different"):
        sample = build(
            "needle", context_lengths=["20s"], depths=1, haystack="voices", pool="8s", needle_speaker=wanted
        ).samples()[0]
        assert (sample["needles"][0]["voice"] in sample["haystack"]["voices"]) == (wanted == "same")


def test_a_same_speaker_needs_voices(build):
    """Asking for a recorded speaker's own voice is an error, not another voice."""
    with pytest.raises(ConfigError, match="needs the haystack 'voices'"):
        build("needle", context_lengths=["20s"], depths=1, needle_speaker="same").samples()


def test_several_needles_are_spread_and_asked_together(build):
    """Each numbered keyword has a place of its own, and the target names them all."""
    sample = build("needle", context_lengths=["60s"], depths=[0.1], needles=4).samples()[0]
    assert list(sample["target"]) == ["first", "second", "third", "fourth"]
    assert len(set(sample["target"].values())) == 4
    assert len({n["start"] for n in sample["needles"]}) == 4
    assert "What are all 4 secret keywords?" in sample["question"]


def test_a_needle_can_be_absent(build):
    """An absent needle is nowhere in the file, and the question lets the model say so."""
    builder = build("needle", context_lengths=["20s"], depths=1, absent=1.0)
    sample = builder.samples()[0]
    assert sample["absent"] is True
    assert sample["needles"] == []
    assert sample["realised_depth"] is None
    assert sample["question"].endswith("'There is no secret keyword'.")
    assert len(_sound(builder, sample)[1]) == 20 * RATE


def test_distractors_are_spoken(build):
    """Distractors have places of their own and are named for the scorer."""
    sample = build("needle", context_lengths=["60s"], depths=1, distractors=3).samples()[0]
    assert len(sample["distractors"]) == len(sample["distractors_placed"]) == 3
    assert all(d["text"].startswith("The secret color is") for d in sample["distractors_placed"])


def test_a_ladder_of_noise_asks_the_same_thing_at_each_step(build):
    """Steps of signal-to-noise share word, hay and place, and differ in the noise that is measured."""
    builder = build("needle", context_lengths=["20s"], depths=1, snr_db=[45, 10, 0])
    samples = builder.samples()
    assert [r["snr_db"] for r in samples] == [45.0, 10.0, 0.0]
    assert len({(r["target"], r["needles"][0]["start"], r["haystack"]["digest"]) for r in samples}) == 1
    power = [float(np.mean(_sound(builder, r)[1].astype(np.float64) ** 2)) for r in samples]
    assert power[0] < power[1] < power[2]


def test_lengths_may_be_asked_in_tokens(build):
    """A length in tokens becomes the duration that costs them."""
    sample = build("needle", context_lengths=["1k"], depths=1, tokens_per_second=32).samples()[0]
    assert sample["context_length"] == 32.0
    assert sample["media_tokens"] == 1024


@pytest.mark.parametrize("language", sorted(WORDINGS.keys() - {"en"}))
def test_needles_come_in_other_languages(build, language):
    """Needle and voice are in the language that is asked for, and the question in it, too, or in English."""
    of = default_voices(language)[0]
    if not engine(of).installed():
        pytest.skip(f"the program {of.engine} is not installed")
    settings = {"context_lengths": ["40s"], "depths": 1, "language": language}
    sample = build("needle", **settings).samples()[0]
    assert sample["needles"][0]["voice"] == f"espeak-{language}"
    assert sample["target"] in sample["needles"][0]["text"]
    assert sample["question"].startswith("In the audio above, someone says '")
    own = build("needle", **settings, question_language="same", absent=0.001)
    asked = own.samples()[0]
    assert {**asked, "question": ""} == {**sample, "question": ""}
    assert wording(language).said() in asked["question"]
    assert "In the audio" not in own.render(asked).text()
    several = build("needle", **settings, needles=3, question_language="same").samples()[0]
    assert list(several["target"]) == list(wording(language).ordinals[:3])
    assert [n["value"] for n in several["needles"]] == list(several["target"].values())
    assert wording(language).said(0) in several["question"]
    assert len({n["text"] for n in several["needles"]}) == 3


def test_a_language_whose_voice_is_not_installed_names_what_to_install(build, monkeypatch):
    """Without the program, the error says how to get it, before anything is sent."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(MediaError, match=r"'espeak-ng' is not installed; install it .Debian: apt install espeak-ng"):
        build("needle", context_lengths=["20s"], depths=1, language="ru").samples()


def test_english_questions_are_what_they_were(build):
    """The words of questions about English needles have not changed since version 1."""
    one = build("needle", context_lengths=["20s"], depths=1)
    assert one.render(one.samples()[0]).text() == (
        "Listen to the audio carefully and answer the question that comes after the audio input.\n"
        "\nIn the audio above, someone says 'The secret keyword is X'. What is the secret keyword?"
    )
    assert build("needle", context_lengths=["60s"], depths=1, needles=3).samples()[0]["question"] == (
        "In the audio above, someone says 'The first secret keyword is X', and elsewhere "
        "'The second secret keyword is X', and so on. What are all 3 secret keywords? "
        "Give one line for each, such as 'first: X'."
    )


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        ({"context_lengths": ["2s"]}, LengthError, "too short"),
        ({"haystack": "voices:jo"}, UnknownOptionError, "did you mean 'joe'"),
        ({"haystack": "speech:/nowhere"}, CorpusError, "is not a folder"),
        ({"language": "xx"}, UnknownOptionError, "language of needles"),
        ({"snr_db": []}, ConfigError, "snr_db must be"),
        ({"needles": 2, "absent": 0.5}, ConfigError, "absent works with one needle"),
        ({"codec": "mp5"}, UnknownOptionError, "codec"),
        ({"voices": ["joe"]}, ConfigError, "use needle_voices"),
        ({"voices": ["espeak-de"], "haystack": "voices"}, CorpusError, "does not speak 'en'"),
    ],
)
def test_what_cannot_be_built_is_refused(build, metadata, error, message):
    """Settings that make no sense are errors before anything is sent."""
    with pytest.raises(error, match=message):
        build("needle", **{"context_lengths": ["20s"], "depths": 1, **metadata}).samples()


def test_hay_that_is_no_speech_is_refused(context):
    """A source of another kind is an error that says which sources are speech."""
    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.speech.hay import open_pool
    from lm_eval_longctx.hay.speech.source import PoolSettings

    other = BuildContext(resolve_source=lambda name: lambda *_: name, cache_dir=context.cache_dir)
    with pytest.raises(ConfigError, match="haystack 'chronicle' is not speech"):
        open_pool("chronicle", other, {"pool": ""}, PoolSettings())


def test_a_pool_is_spoken_once(cache, context):
    """A longer pool begins with the shorter one, and utterances have the texts that were spoken."""
    from lm_eval_longctx.hay.speech.source import PoolSettings

    short = VoicesSource("joe", context).pool(5 * RATE, PoolSettings())
    long = VoicesSource("joe", context).pool(12 * RATE, PoolSettings())
    assert long.utterances[: len(short.utterances)] == short.utterances
    assert long.samples >= 12 * RATE
    assert len(long.load(long.utterances[-1])) == long.utterances[-1].samples


def test_a_needle_can_have_the_spectrum_of_the_hay(build, monkeypatch):
    """Filtered, a needle is as long as it was, at the level of the hay, and its bands are near to those of the hay."""
    rng = np.random.default_rng(3)
    dull = np.convolve(rng.standard_normal(2 * RATE), np.ones(12) / 12, mode="same").astype(np.float32)
    said = Spoken(Utterance("d" * 64, len(dull), "joe", "x", "x"), lambda _: dull.copy())
    monkeypatch.setattr("lm_eval_longctx.tasks.audio_niah.builder.spoken", lambda *_: said)
    off = {}
    for kind in ("own", "hay"):
        builder = build("needle", context_lengths=["30s"], depths=1, codec="wav", needle_spectrum=kind, snr_db=60)
        (sample,) = builder.samples()
        wave, _ = soundfile.read(next(builder.render(sample).media()).path, dtype="float32")
        (needle,) = sample["needles"]
        heard = wave[round(needle["start"] * RATE) : round(needle["end"] * RATE)]
        assert len(heard) == len(dull)
        assert active_level(heard) == pytest.approx(-23, abs=0.5)
        off[kind] = np.abs(spectrum(heard) - builder.hay_spectrum).mean()
    assert off["hay"] < 1.5
    assert off["own"] > 5
