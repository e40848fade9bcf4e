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
