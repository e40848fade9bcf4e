"""``hub:<data set>``: speech from a data set on the Hugging Face hub, as it is read.

``hub:facebook/voxpopuli?config=en&split=test`` names configuration and split;
``audio=`` and ``text=`` name the columns where they cannot be guessed. Nothing
more than the pool needs is fetched, and what is known of the licence and size
is said first.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, SpeechSource, Utterance, need_text
from lm_eval_longctx.hay.speech.transcripts import SPEAKER_COLUMNS, TEXT_COLUMNS
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, prepare, read_cached, write_cached
from lm_eval_longctx.hay.tables import named, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lm_eval_longctx.hay.speech.waveform import Waveform

logger = logging.getLogger(__name__)

KNOWN = {
    "facebook/voxpopuli": "CC0-1.0; 1,800 hours with transcripts in 16 languages",
    "openslr/librispeech_asr": "CC-BY-4.0; 1,000 hours of read English, about 60 GB",
    "hf-audio/asr-leaderboard-longform": "earnings22: CC-BY-SA-4.0, 125 recordings, 119 hours; whole set about 18 GB",
    "distil-whisper/earnings22": "CC-BY-SA-4.0; 119 hours, about 13 GB",
}
"""What is said before a download; of other data sets, that the card must be read."""

_KEYS = ("config", "split", "audio", "text", "speaker")


class HubSource(SpeechSource):
    """A data set with sound."""

    spec = "hub"

    def pool(self, samples: int, settings: PoolSettings) -> Pool:
        """Return the first recordings of the data set that together are as long as asked."""
        name, given = named(self.argument, _KEYS, "hub:facebook/voxpopuli?config=en&split=test")
        options = {"split": "test", **given}
        licence = KNOWN.get(name, "read the data set's card")
        found: list[Utterance] = []
        places: dict[str, Path] = {}
        rows = _rows(name, options, licence)
        with progress(f"reading {name}", samples / SAMPLE_RATE, "s of speech") as bar:
            for row in rows:
                utterance, path = self._utterance(row, options, f"{name}, row {len(found)}")
                if settings.transcripts:
                    need_text(utterance)
                found.append(utterance)
                places[utterance.digest] = path
                bar(utterance.seconds)
                if sum(u.samples for u in found) >= samples:
                    break
        if not found:
            raise CorpusError(f"{name} has no rows in split {options['split']!r}; name another with split=")
        return Pool(tuple(found), lambda u: read_cached(places[u.digest]), licence, {"data_set": name, **options})

    def _utterance(self, row: Mapping[str, Any], options: Mapping[str, str], origin: str) -> tuple[Utterance, Path]:
        data = _bytes(row, options.get("audio", "audio"), origin)
        digest = hashlib.sha256(data).hexdigest()
        path = self.context.cache_dir / "audio" / "prepared" / digest[:2] / f"{digest}.flac"
        length = path.with_suffix(".hub.json")
        if not length.is_file():
            wave = decode(data, origin)
            write_cached(path, wave)
            write_whole(length, json.dumps(len(wave)).encode())
        columns = [options["text"]] if "text" in options else TEXT_COLUMNS
        text = next((str(row[c]) for c in columns if row.get(c)), None)
        speaker = next((str(row[c]) for c in SPEAKER_COLUMNS if row.get(c)), "")
        return Utterance(digest, int(json.loads(length.read_text(encoding="utf-8"))), speaker, text, origin), path


def _rows(name: str, options: Mapping[str, str], licence: str) -> Iterator[Mapping[str, Any]]:
    """Stream a data set's rows with sound left as bytes."""
    import datasets

    logger.warning("%s will be fetched from the hub. Licence and size: %s.", name, licence)
    advice = "check the name, the split and the network, or use speech:<folder>"
    rows = opened(name, advice, split=options["split"], config=options.get("config"), streaming=True)
    column = options.get("audio", "audio")
    if (columns := rows.column_names) and column not in columns:
        raise MediaError(f"the data set {name} has no column {column!r}; name the right one with audio=")
    return iter(rows.cast_column(column, datasets.Audio(decode=False)))


def _bytes(row: Mapping[str, Any], column: str, origin: str) -> bytes:
    sound = row.get(column)
    data = sound.get("bytes") if isinstance(sound, dict) else None
    if not data:
        raise MediaError(f"{origin}: column {column!r} holds no sound; name the right one with audio=")
    return bytes(data)


def decode(data: bytes, origin: str) -> Waveform:
    """Read a recording from memory as mono at 16 kHz; errors as ``waveform.read_audio``."""
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise MediaError(f"{origin} cannot be read as sound ({error})") from error
    return prepare(samples.mean(axis=1), rate, origin)
