"""A disk that is full: no sound is left that is cut, whoever wrote it, and the user is told which file and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_disk import short_files

from lm_eval_longctx.backend.verdict import unrenderable
from lm_eval_longctx.cli.parser import main
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import MediaError, disk_fault, disk_told
from lm_eval_longctx.files import all_written, whole, write_whole
from lm_eval_longctx.hay.speech import codec_flac, codec_opus, codecs
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, write_cached
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import AudioPart, Prompt, Turn, file_digest
from lm_eval_longctx.providers.frames import MediaCache, as_wav

NOISE = (np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE) * 3000).astype(np.int16)


def _encoded(path, codec):
    packets, rest = divmod(len(NOISE), codec.GRID)
    with whole(path) as beside:
        codec.write(beside, [codec.encode(NOISE[: packets * codec.GRID])], NOISE[-rest:], len(NOISE))


def _converted(path):
    source = path.with_suffix(".flac")
    part = AudioPart(str(source), file_digest(source), "audio/flac", len(NOISE) / SAMPLE_RATE, SAMPLE_RATE)
    sent = as_wav(Prompt((Turn("user", (part,)),)), ("audio/wav",), MediaCache(path.parent))
    Path(next(iter(sent.media())).path).rename(path)


WRITERS = {
    "bytes": lambda path: write_whole(path, NOISE.tobytes()),
    "wav": lambda path: _encoded(path, codecs),
    "flac": lambda path: _encoded(path, codec_flac),
    "opus": lambda path: _encoded(path, codec_opus),
    "kept": lambda path: write_cached(path, NOISE / np.float32(32768)),
    "for servers of wav": _converted,
}


@pytest.mark.parametrize("missing", [1, 3000, 16_000])
@pytest.mark.parametrize("writer", WRITERS)
def test_no_sound_is_cut_where_the_disk_is_full(tmp_path, writer, missing):
    """Whoever writes, and however few bytes are missing: an error that came of the disk, no file, then a whole one."""
    write_cached(tmp_path / "sound.flac", NOISE / np.float32(32768))
    path = tmp_path / "made" / "sound"
    path.parent.mkdir()
    (tmp_path / "made" / "sound.flac").write_bytes((tmp_path / "sound.flac").read_bytes())
    WRITERS[writer](tmp_path / "made" / "sound")
    size = path.stat().st_size
    path.unlink()
    again = tmp_path / "again"
    again.mkdir()
    (again / "sound.flac").write_bytes((tmp_path / "sound.flac").read_bytes())
    with short_files(size - missing), pytest.raises((OSError, MediaError)) as raised:
        WRITERS[writer](again / "sound")
    assert disk_fault(raised.value) is not None
    assert {file.name for file in again.rglob("*") if file.is_file() and file.name[0] != "."} == {"sound.flac"}
    WRITERS[writer](again / "sound")
    assert (again / "sound").stat().st_size == size


def test_a_broken_recording_is_not_taken_for_a_full_disk(tmp_path):
    """What libsndfile says of a file's content stays what it was; only what the system refused is told as a disk's."""
    import soundfile

    (tmp_path / "x").write_bytes(b"no sound")
    with pytest.raises(soundfile.LibsndfileError) as raised, all_written(tmp_path / "x", 0):
        soundfile.read(str(tmp_path / "x"))
    assert disk_fault(raised.value) is None


@pytest.mark.parametrize(
    ("error", "stops"), [(OSError(28, "No space left on device", "/cache/film"), True), (None, False)]
)
def test_a_full_disk_is_no_fact_of_the_question(error, stops):
    """What cannot be made for want of room ends the run; what cannot be made at all ends its own question."""
    wrapped = MediaError("cannot write the film")
    wrapped.__cause__ = error
    if not stops:
        assert unrenderable(wrapped, ()).outcome is Outcome.UNSUPPORTED
        return
    with pytest.raises(MediaError):
        unrenderable(wrapped, ())
    assert "/cache/film" in disk_told(disk_fault(wrapped))
    assert "make room" in disk_told(disk_fault(wrapped))


@pytest.mark.parametrize(
    ("output", "why"),
    [("file/below", "file: File exists"), ("folder", "folder: Is a directory"), ("x" * 300, "File name too long")],
)
def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path, capsys, output, why):
    """A command names the file that it could not write, and why; nothing is left beside it."""
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    ledger = str(tmp_path / "ledger.sqlite3")
    Ledger.open(Path(ledger)).close()
    status = main(["ledger", "export", "--ledger", ledger, "--output", str(tmp_path / output)])
    told = capsys.readouterr().err
    assert (status, told.count("\n")) == (1, 1)
    assert why in told
    assert f"cannot use {tmp_path}/" in told
    assert {file.name for file in tmp_path.iterdir()} - {
        "ledger.sqlite3",
        "ledger.sqlite3-shm",
        "ledger.sqlite3-wal",
    } == {"file", "folder"}


def test_what_is_no_file_is_written_as_it_is():
    """A device, such as standard output, is not replaced by a file."""
    write_whole(Path("/dev/null"), b"gone")
    assert Path("/dev/null").is_char_device()
