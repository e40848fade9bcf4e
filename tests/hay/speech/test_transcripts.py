"""Folders of recordings, however their transcripts are written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.speech.source import PoolSettings
from lm_eval_longctx.hay.speech.source_folder import LONGEST, FolderSource
from lm_eval_longctx.hay.speech.transcripts import recordings

RATE = 16_000


def _sound(path, seconds=1.0, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE)), RATE)


def _beside(folder):
    for name in ("a", "b"):
        _sound(folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(f"words of\n {name}\n")


def _librispeech(folder):
    for name in ("a", "b"):
        _sound(folder / "84" / "121" / f"{name}.flac")
    (folder / "84" / "121" / "84-121.trans.txt").write_text("a words of a\nb words of b\n")


def _kaldi(folder):
    _sound(folder / "wavs" / "x1.wav")
    _sound(folder / "b.wav")
    (folder / "wav.scp").write_text("a wavs/x1.wav\n")
    (folder / "text").write_text("a words of a\nb words of b\n")


def _sphinx(folder):
    for name in ("a", "b"):
        _sound(folder / f"{name}.wav")
    (folder / "fileids").write_text("a\nb\n")
    (folder / "transcription").write_text("<s> words of a </s> (a)\n<s> words of b </s> (b)\n")


def _jsonl(folder):
    for name in ("a", "b"):
        _sound(folder / f"{name}.wav")
    rows = [{"audio_filepath": f"{n}.wav", "text": f"words of {n}"} for n in ("b", "a")]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))


def _csv(folder):
    for name in ("a", "b"):
        _sound(folder / f"{name}.wav")
    (folder / "metadata.csv").write_text('file_name,transcription\na.wav,"words of a"\nb.wav,words of b\n')


LAYOUTS = [_beside, _librispeech, _kaldi, _sphinx, _jsonl, _csv]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.strip("_"))
def test_every_layout_gives_the_same_words(tmp_path, layout):
    """Six ways to write down what is said are read alike."""
    layout(tmp_path)
    assert sorted(text for _, text, _ in recordings(tmp_path)) == ["words of a", "words of b"]


@pytest.mark.parametrize("layout", [_librispeech, _kaldi, _sphinx, _jsonl, _csv], ids=lambda f: f.__name__.strip("_"))
def test_a_transcript_without_recording_is_refused_by_name(tmp_path, layout):
    """Words of a recording that is not there are an error that names it."""
    layout(tmp_path)
    next(p for p in tmp_path.rglob("*") if p.stem == "b" and p.suffix in {".wav", ".flac"}).unlink()
    with pytest.raises(MediaError, match=r"\bb\b.*(is not there|no recording)"):
        recordings(tmp_path)


def test_what_is_no_folder_of_recordings_is_refused(tmp_path):
    """A missing folder, an empty one and a broken manifest say what is wrong."""
    with pytest.raises(CorpusError, match="is not a folder"):
        recordings(tmp_path / "none")
    with pytest.raises(CorpusError, match="holds no recordings"):
        recordings(tmp_path)
    (tmp_path / "x.jsonl").write_text("{broken")
    with pytest.raises(CorpusError, match=r"x\.jsonl, line 1 is not JSON"):
        recordings(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"words": "a"}')
    with pytest.raises(CorpusError, match="row 1: no column names the recording"):
        recordings(tmp_path)


def test_a_task_that_needs_words_names_the_recording_without(tmp_path, context):
    """A recording without transcript is an error where words are needed, and hay where they are not."""
    _beside(tmp_path)
    _sound(tmp_path / "c.wav", seed=3)
    source = FolderSource(str(tmp_path), context)
    assert len(source.pool(RATE * 60, PoolSettings()).utterances) == 3
    with pytest.raises(MediaError, match=r"c\.wav has no transcript"):
        source.pool(RATE * 60, PoolSettings(transcripts=True))


def test_a_broken_recording_in_a_folder_is_named(tmp_path, context):
    """One bad file among good ones is an error that names it, not silence."""
    _beside(tmp_path)
    soundfile.write(tmp_path / "c.wav", np.zeros(RATE), RATE)
    with pytest.raises(MediaError, match=r"c\.wav is silent"):
        FolderSource(str(tmp_path), context).pool(RATE * 60, PoolSettings())


def test_long_recordings_are_cut_where_they_are_quiet(tmp_path, context):
    """A long recording without words becomes pieces that join to all of it, cut in its pauses."""
    seconds = LONGEST / RATE + 30
    samples = 0.1 * np.random.default_rng(1).standard_normal(int(seconds * RATE))
    pauses = np.arange(7 * RATE, len(samples), 8 * RATE)
    for at in pauses:
        samples[at : at + RATE // 2] = 0
    soundfile.write(tmp_path / "long.wav", samples, RATE)
    pool = FolderSource(str(tmp_path), context).pool(RATE * 600, PoolSettings())
    assert len(pool.utterances) > 4
    assert np.allclose(np.concatenate([pool.load(u) for u in pool.utterances]), samples, atol=1e-3)
    ends = np.cumsum([u.samples for u in pool.utterances])[:-1]
    assert all(any(at <= end <= at + RATE // 2 for at in pauses) for end in ends)


def test_real_recordings_are_read(shared_data, context):
    """CMU Sphinx's layout of LibriVox sentences gives five recordings with their words."""
    pool = FolderSource(str(shared_data / "speech" / "librivox"), context).pool(RATE * 60, PoolSettings())
    assert len(pool.utterances) == 5
    assert pool.utterances[1].text == "he was not an ill disposed young man"
    assert sum(u.seconds for u in pool.utterances) == pytest.approx(24.7, abs=0.1)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.strip("_"))
def test_a_transcript_that_is_not_utf_8_is_named(tmp_path, layout):
    """Transcripts as old programs write them give one line that names the file, in every layout."""
    layout(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix not in {".wav", ".flac"}:
            path.write_bytes(path.read_bytes().rstrip() + b" caf\xe9\n")
    with pytest.raises((CorpusError, MediaError)) as told:
        recordings(tmp_path)
    assert "is not UTF-8" in str(told.value) or "not there" in str(told.value)
