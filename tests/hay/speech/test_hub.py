"""Data sets with sound; the hub's reader on a data set that lies on disk."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
import soundfile

from lm_eval_longctx.errors import CorpusError, MediaError, UnknownOptionError
from lm_eval_longctx.hay.speech.source import PoolSettings
from lm_eval_longctx.hay.speech.source_hub import HubSource

RATE = 16_000


def _bytes(seed: int, seconds: float) -> bytes:
    out = io.BytesIO()
    sound = 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 8_000))
    soundfile.write(out, sound, 8_000, format="WAV")
    return out.getvalue()


@pytest.fixture
def data_set(tmp_path):
    """Three rows of sound at 8 kHz with words, as parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    audio = [{"bytes": _bytes(i, 2.0), "path": f"{i}.wav"} for i in range(3)]
    table = pa.table({"audio": audio, "text": [f"words of {i}" for i in range(3)], "speaker_id": [7, 8, 9]})
    folder = tmp_path / "made"
    folder.mkdir()
    pq.write_table(table, folder / "test-00000-of-00001.parquet")
    return folder


def test_rows_become_utterances(data_set, context, caplog):
    """Sound, words and speakers of a data set are read, and its licence is spoken of first."""
    with caplog.at_level(logging.WARNING):
        pool = HubSource(str(data_set), context).pool(60 * RATE, PoolSettings(transcripts=True))
    assert [(u.text, u.speaker) for u in pool.utterances] == [
        ("words of 0", "7"),
        ("words of 1", "8"),
        ("words of 2", "9"),
    ]
    assert [u.samples for u in pool.utterances] == [2 * RATE] * 3
    assert len(pool.load(pool.utterances[1])) == 2 * RATE
    assert "Licence and size: read the data set's card" in caplog.text


def test_no_more_is_read_than_the_pool_needs(data_set, context):
    """Reading stops when there is enough."""
    assert len(HubSource(str(data_set), context).pool(3 * RATE, PoolSettings()).utterances) == 2


def test_what_a_data_set_lacks_is_said(data_set, context):
    """Unknown settings, columns without sound, words or rows, and data sets that are not there are errors."""
    with pytest.raises(UnknownOptionError, match="did you mean 'split'"):
        HubSource(f"{data_set}?splt=test", context).pool(RATE, PoolSettings())
    with pytest.raises(CorpusError, match="cannot read hub:; write hub:facebook"):
        HubSource("", context).pool(RATE, PoolSettings())
    with pytest.raises(MediaError, match="has no column 'sound'; name the right one with audio="):
        HubSource(f"{data_set}?audio=sound", context).pool(RATE, PoolSettings())
    with pytest.raises(MediaError, match="has no transcript"):
        HubSource(f"{data_set}?text=words", context).pool(RATE, PoolSettings(transcripts=True))
    with pytest.raises(CorpusError, match="cannot read the data set"):
        HubSource(f"{data_set}/none", context).pool(RATE, PoolSettings())


CARD = """---
configs:
- config_name: {first}
  data_files:
  - split: test
    path: {first}/test-*
- config_name: {second}
  data_files:
  - split: test
    path: {second}/test-*
---
"""

CALL = {"ticker_symbol": "X", "country_by_ticker": "Y", "language_family": "Z"}
CHUNK = {"segment_id": "0", "start_ts": 0.0, "end_ts": 2.0}
PUBLISHED = {
    # the Open ASR leaderboard's copy: text in `text`; what earnings22_long reads
    "hf-audio/asr-leaderboard-longform?config=earnings22&split=test": ("text", {}),
    # the copy of Distil-Whisper, whole calls and chunks: text in `transcription`
    "distil-whisper/earnings22?config=full&split=test&text=transcription": ("transcription", {"file_id": "7", **CALL}),
    "distil-whisper/earnings22?config=full&split=test": ("transcription", {"file_id": "7", **CALL}),
    "distil-whisper/earnings22?config=chunked&split=test": ("transcription", {"file_id": "7", **CHUNK}),
}
"""Data sets with their configurations and columns as published."""


@pytest.mark.parametrize("spec", PUBLISHED)
def test_published_schemas_are_read_as_they_are(tmp_path, monkeypatch, context, spec):
    """Configuration, split and columns of the published copies of Earnings-22 are read as our pages write them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, _, settings = spec.partition("?")
    config = settings.partition("config=")[2].partition("&")[0]
    column, more = PUBLISHED[spec]
    monkeypatch.chdir(tmp_path)
    for folder in (config, "other"):
        rows = [{"audio": {"bytes": _bytes(i, 2.0), "path": f"{i}.wav"}, column: f"{folder} {i}"} for i in range(2)]
        (tmp_path / name / folder).mkdir(parents=True)
        table = pa.Table.from_pylist([{**more, **row} for row in rows])
        pq.write_table(table, tmp_path / name / folder / "test-00000-of-00001.parquet")
    (tmp_path / name / "README.md").write_text(CARD.format(first=config, second="other"))
    pool = HubSource(spec, context).pool(60 * RATE, PoolSettings(transcripts=True))
    assert [u.text for u in pool.utterances] == [f"{config} 0", f"{config} 1"]
    assert pool.details["config"] == config
    assert "CC-BY-SA-4.0" in pool.licence


def test_the_preset_names_the_published_configuration():
    """The haystack of earnings22_long is one of the published ones."""
    from lm_eval_longctx.harness.listing import listed_tasks, yaml_metadata

    path = next(task.path for task in listed_tasks() if task.name == "earnings22_long")
    haystack = yaml_metadata(path)["presets"]["default"]["haystack"]
    assert haystack.removeprefix("hub:") in PUBLISHED
