"""``speech:<folder>``: anybody's recordings, with transcripts where there are any."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, SpeechSource, Utterance, bounded, need_text
from lm_eval_longctx.hay.speech.transcripts import recordings
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, read_audio, read_cached, write_cached
from lm_eval_longctx.prompt import file_digest

if TYPE_CHECKING:
    from pathlib import Path

    from lm_eval_longctx.hay.speech.waveform import Waveform

LONGEST = 120 * SAMPLE_RATE
"""Recordings without transcript are cut at their quietest moments into pieces shorter than this."""

_TARGET = 20 * SAMPLE_RATE
_WINDOW = SAMPLE_RATE // 5


class FolderSource(SpeechSource):
    """Recordings in a folder."""

    spec = "speech"

    def pool(self, samples: int, settings: PoolSettings) -> Pool:
        """Return recordings in the order of their paths, checked and at 16 kHz."""
        if not self.argument:
            raise CorpusError("speech needs a folder: haystack: speech:/path/to/recordings")
        folder = self.context.path(self.argument)
        found: list[Utterance] = []
        places: dict[str, tuple[Path, int]] = {}
        with progress("reading recordings", samples / SAMPLE_RATE, "s of speech") as bar:
            for path, text, speaker in recordings(folder):
                digest = file_digest(path)
                prepared = self.context.cache_dir / "audio" / "prepared" / digest[:2] / f"{digest}.flac"
                for piece, start in _pieces(path, digest, prepared, text, speaker):
                    places[piece.digest] = (prepared, start)
                    found.append(piece)
                    bar(piece.seconds)
                if settings.transcripts:
                    need_text(found[-1])
                if sum(u.samples for u in found) >= samples:
                    break

        def load(utterance: Utterance) -> Waveform:
            prepared, start = places[utterance.digest]
            return read_cached(prepared)[start : start + utterance.samples]

        return Pool(bounded(found, samples), load, "the user's own recordings", {"folder": folder.name})


def _pieces(path: Path, digest: str, prepared: Path, text: str | None, speaker: str) -> list[tuple[Utterance, int]]:
    """Return a recording as one utterance, or cut at pauses if it is long and nobody wrote down what is said."""
    index = prepared.with_suffix(".json")
    if not index.is_file():
        wave = read_audio(path)
        write_cached(prepared, wave)
        write_whole(index, json.dumps([len(wave), cuts(wave)]).encode())
    length, at = json.loads(index.read_text(encoding="utf-8"))
    if text is not None or length <= LONGEST:
        return [(Utterance(digest, length, speaker, text, str(path)), 0)]
    edges = [0, *at, length]
    spans = pairwise(edges)
    return [
        (Utterance(f"{digest}@{a}", b - a, speaker, None, f"{path} at {a / SAMPLE_RATE:.1f} s"), a) for a, b in spans
    ]


def cuts(wave: Waveform) -> list[int]:
    """Return where to cut a long recording: at its quietest fifth of a second, every 20 s or so."""
    import numpy as np

    windows = len(wave) // _WINDOW
    energy = np.square(wave[: windows * _WINDOW].astype(np.float64)).reshape(windows, _WINDOW).sum(axis=1)
    found, at, step = [], 0, _TARGET // _WINDOW
    while at + 2 * step < windows:
        zone = energy[at + step // 2 : at + step + step // 2]
        at = at + step // 2 + int(np.argmin(zone))
        found.append(at * _WINDOW + _WINDOW // 2)
    return found
