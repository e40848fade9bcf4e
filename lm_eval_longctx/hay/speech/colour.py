"""The colour of a voice: how loud it is in each band, and giving one voice the colour of others.

A synthetic needle in recordings has another microphone and room than they do.
With the hay's own mean spectrum it stands out less; who speaks stays another.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, levelled

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from lm_eval_longctx.hay.speech.render import Spoken
    from lm_eval_longctx.hay.speech.source import Pool, Utterance
    from lm_eval_longctx.hay.speech.waveform import Waveform

_FRAME = 512
_BANDS = 24
_EDGES = np.unique(np.geomspace(2, _FRAME // 2, _BANDS + 1).round().astype(int))
_MIDDLES = np.array([(low + high) / 2 for low, high in pairwise(_EDGES)]) * SAMPLE_RATE / _FRAME
_LEAST = 1e-12
_MOST_DB = 25.0
"""A band is changed by no more than this: where a voice has nothing, noise would come up."""
_LISTENED_TO = 40


def spectrum(wave: Waveform) -> npt.NDArray[np.float64]:
    """Return the level of each band of a waveform of at least 512 samples, in dB."""
    frames = wave[: len(wave) // _FRAME * _FRAME].reshape(-1, _FRAME) * np.hanning(_FRAME)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    return np.array([10 * np.log10(power[low:high].mean() + _LEAST) for low, high in pairwise(_EDGES)])


def mean_spectrum(pool: Pool) -> npt.NDArray[np.float64]:
    """Return the mean spectrum of a pool's first utterances, each at the common level."""
    some = [u for u in pool.utterances[:_LISTENED_TO] if u.samples >= _FRAME]
    return np.asarray(np.mean([spectrum(levelled(pool.load(u))) for u in some], axis=0))


def coloured(said: Spoken, hay: Callable[[], npt.NDArray[np.float64]], name: str) -> Spoken:
    """Return a sentence with the spectrum of the hay.

    Args:
        said: The sentence.
        hay: Gives the hay's spectrum, when the sentence is heard.
        name: Tells hays apart.
    """

    def load(utterance: Utterance) -> Waveform:
        wave = levelled(said.load(utterance))
        change = np.clip(hay() - spectrum(wave), -_MOST_DB, _MOST_DB)
        gains = np.interp(np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), _MIDDLES, change)
        return np.asarray(np.fft.irfft(np.fft.rfft(wave) * 10 ** (gains / 20), len(wave)), dtype=np.float32)

    return replace(said, utterance=replace(said.utterance, digest=f"{said.utterance.digest}~{name}"), load=load)
