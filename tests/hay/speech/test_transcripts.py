"""Folders of recordings, however their transcripts are written down."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
import soundfile

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.speech.source import PoolSettings
from lm_eval_longctx.hay.speech.source_folder import LONGEST, FolderSource
from lm_eval_longctx.hay.speech.transcripts import recordings
from lm_eval_longctx.hay.speech.waveform import read_audio

RATE = 16_000


def _sound(path, seconds=1.0, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE)), RATE)


def _coded(path, codec, seconds=1.0, rate=48_000, container=None):
    """A tone of 440 Hz in stereo, as FFmpeg codes it."""
    wave = np.sin(np.arange(int(seconds * rate)) * 440 * 2 * np.pi / rate).astype("f4") * 0.1
    with av.open(str(path), "w", format=container) as made:
        stream = made.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "stereo", rate, frame_size=stream.frame_size or None)
        for block in (*resampler.resample(frame), *resampler.resample(None)):
            made.mux(stream.encode(block))
        made.mux(stream.encode(None))
    return path


KINDS = [
    ("a.m4a", "aac", None),
    ("a.mp4", "aac", None),
    ("a.webm", "libopus", None),
    ("a.mka", "pcm_s16le", None),
    ("a.opus", "libopus", "ogg"),
    ("a.mp3", "libmp3lame", None),
    ("mp3 in truth.wav", "libmp3lame", "mp3"),
    ("m4a in truth.wav", "aac", "mp4"),
    ("mu-law.wav", "pcm_mulaw", "wav"),
    ("webm in truth.mp3", "libopus", "webm"),
]


@pytest.mark.parametrize(("name", "codec", "container"), KINDS, ids=[kind[0] for kind in KINDS])
def test_common_kinds_are_read_whatever_their_name(tmp_path, name, codec, container):
    """Sound in any common coding is read by its content: as long as it is, and the tone that it is."""
    wave = read_audio(_coded(tmp_path / name, codec, seconds=2.0, container=container))
    assert len(wave) / RATE == pytest.approx(2.0, abs=0.1)
    middle = wave[RATE // 2 : RATE // 2 + RATE]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF\x10\0\0\0WAVE"])
def test_what_cannot_be_read_names_the_command_that_converts_it(tmp_path, content):
    """A file that is no sound is an error with its name and what to do."""
    (tmp_path / "it's bad.m4a").write_bytes(content)
    with pytest.raises(MediaError, match=r"it's bad\.m4a cannot be read as sound.*ffmpeg -i|is empty"):
        read_audio(tmp_path / "it's bad.m4a")


def _beside(folder):
    for name in ("a", "b"):
        _sound(folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(f"words of\n {name}\n")


def _librispeech(folder):
    for name in ("a", "b"):
        _sound(folder / "84" / "121" / f"{name}.flac")
    (folder / "84" / "121" / "84-121.trans.txt").write_text("a words of a\nb words of b\n")


def _librispeech_long(folder):
    """As `v0_1.tar.gz` of LibriSpeech-Long has a split: speaker, chapter, and one line of text beside each piece."""
    for number, name in enumerate(("a", "b")):
        _sound(folder / "84" / "121550" / f"121550_{number:04d}.flac")
        (folder / "84" / "121550" / f"121550_{number:04d}.txt").write_text(f"words of {name}")


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


LAYOUTS = [_beside, _librispeech, _librispeech_long, _kaldi, _sphinx, _jsonl, _csv]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.strip("_"))
def test_every_layout_gives_the_same_words(tmp_path, layout):
    """Seven ways to write down what is said are read alike."""
    layout(tmp_path)
    assert sorted(text for _, text, _ in recordings(tmp_path)) == ["words of a", "words of b"]


def test_the_speakers_of_both_librispeeches_are_known(tmp_path):
    """Speaker 84 is named by the file in one layout, and by the folder in the other; other names tell nobody."""
    _librispeech_long(tmp_path / "long")
    _beside(tmp_path / "plain")
    _sound(tmp_path / "plain" / "2024" / "05_01.wav")
    _sound(tmp_path / "short" / "84" / "121" / "84-121-0000.flac")
    (tmp_path / "short" / "84" / "121" / "84-121.trans.txt").write_text("84-121-0000 words of a")
    assert {speaker for _, _, speaker in recordings(tmp_path / "long")} == {"84"}
    assert {speaker for _, _, speaker in recordings(tmp_path / "short")} == {"84"}
    assert {speaker for _, _, speaker in recordings(tmp_path / "plain")} == {""}


@pytest.mark.parametrize("table", ["durations.csv", "durations.jsonl"])
def test_a_table_about_something_else_is_no_manifest(tmp_path, caplog, table):
    """A table of durations beside recordings with texts hides none of the words, and a warning says it is left out."""
    _librispeech_long(tmp_path)
    row = "id,seconds\n121550_0000,231.5\n" if table.endswith("csv") else '{"id": "121550_0000", "seconds": 231.5}'
    (tmp_path / table).write_text(row)
    assert sorted(text for _, text, _ in recordings(tmp_path)) == ["words of a", "words of b"]
    assert f"{table} names neither recordings" in caplog.text


def test_a_manifest_without_words_leaves_those_beside(tmp_path):
    """Where a manifest lists recordings without their words, a text beside one is what is said in it."""
    _beside(tmp_path)
    (tmp_path / "list.csv").write_text("file,seconds\na.wav,1\nb.wav,1\n")
    assert sorted(text for _, text, _ in recordings(tmp_path)) == ["words of a", "words of b"]


@pytest.mark.parametrize("layout", [_librispeech, _kaldi, _sphinx, _jsonl, _csv], ids=lambda f: f.__name__.strip("_"))
def test_a_transcript_without_recording_is_refused_by_name(tmp_path, layout):
    """Words of a recording that is not there are an error that names it."""
    layout(tmp_path)
    next(p for p in tmp_path.rglob("*") if p.stem == "b" and p.suffix in {".wav", ".flac"}).unlink()
    with pytest.raises(MediaError, match=r"\bb\b.*(is not there|no recording)"):
        recordings(tmp_path)


def test_a_text_beside_no_recording_is_refused_by_name(tmp_path):
    """A `.txt` whose recording is missing is an error that names it, and papers about the folder are none."""
    _beside(tmp_path)
    (tmp_path / "README.txt").write_text("Recorded in May.")
    assert len(recordings(tmp_path)) == 2
    (tmp_path / "b.wav").unlink()
    with pytest.raises(MediaError, match=r"b\.txt has no recording beside it"):
        recordings(tmp_path)


def test_what_a_folder_leaves_out_is_said(tmp_path, caplog):
    """Files of unknown kinds and recordings that a manifest does not list are named with the reason; notes are not."""
    _csv(tmp_path)
    assert len(recordings(tmp_path)) == 2
    assert not caplog.text
    _sound(tmp_path / "c.wav")
    (tmp_path / "d.xyz").write_bytes(b"?")
    assert len(recordings(tmp_path)) == 2
    assert "1 files are left out, as no transcript lists them: c.wav" in caplog.text
    assert "1 files are left out, as their kind is not read as sound: d.xyz" in caplog.text


def test_an_m4a_beside_a_wav_is_hay_too(tmp_path, context):
    """Recordings in containers that only FFmpeg reads count like the others."""
    _sound(tmp_path / "a.wav", 2.0)
    _coded(tmp_path / "b.m4a", "aac", seconds=3.0)
    pool = FolderSource(str(tmp_path), context).pool(RATE * 60, PoolSettings())
    assert [round(u.seconds) for u in pool.utterances] == [2, 3]


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
