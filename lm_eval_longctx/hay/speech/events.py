"""Sounds that are no speech, made by arithmetic: bells, claps, rain, and others that nobody takes for one another.

Each is a pure function of its name and duration, the same on every machine, so
it can be laid between utterances as a piece like any other.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.hay.speech.floor import steady_noise
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from lm_eval_longctx.hay.speech.waveform import Waveform

    Wave = npt.NDArray[np.float64]

VERSION = "event-1"
"""Raised when one of them would sound otherwise."""


def _sines(t: Wave, *partials: tuple[float, float]) -> Wave:
    """Return a sum of sines, each of a frequency and an amplitude."""
    return np.asarray(sum(loud * np.sin(2 * np.pi * hertz * t) for hertz, loud in partials))


def _noise(t: Wave, first: int = 0) -> Wave:
    return np.asarray(steady_noise(len(t) + first)[first:])


def _bell(t: Wave) -> Wave:
    """Ring once: partials that are no harmonics, the high ones fading first."""
    partials = ((523.0, 1.0, 2.0), (1245.0, 0.6, 3.5), (1630.0, 0.5, 4.0), (2720.0, 0.3, 6.0))
    return np.asarray(sum(loud * np.exp(-fade * t) * np.sin(2 * np.pi * hertz * t) for hertz, loud, fade in partials))


def _claps(t: Wave) -> Wave:
    """Clap four times in a second: short bursts of noise."""
    return _noise(t) * np.exp(-60 * (t % 0.25))


def _knocks(t: Wave) -> Wave:
    """Knock on wood three times in a second."""
    beat = t % 0.33
    return np.exp(-35 * beat) * _sines(beat, (180.0, 1.0), (410.0, 0.4))


def _whistle(t: Wave) -> Wave:
    """Whistle upwards, again and again each second."""
    beat = t % 1.0
    return np.asarray(np.sin(2 * np.pi * (900 * beat + 700 * beat**2)) * np.minimum(1, 20 * (1 - beat)))


def _alarm(t: Wave) -> Wave:
    """Change between two notes four times a second."""
    return np.where((t % 0.5) < 0.25, _sines(t, (800.0, 1.0), (1600.0, 0.3)), _sines(t, (600.0, 1.0), (1200.0, 0.3)))  # noqa: PLR2004 - half of the time


def _telephone(t: Wave) -> Wave:
    """Ring as telephones did: two tones, trembling 20 times a second, half a second on and a quarter off."""
    rings = t % 0.75 < 0.5  # noqa: PLR2004 - the time it rings
    trembling = 1 + np.sign(np.sin(2 * np.pi * 20 * t))
    return np.asarray(_sines(t, (440.0, 1.0), (480.0, 1.0)) * trembling * rings)


def _horn(t: Wave) -> Wave:
    """Blow a low horn."""
    return _sines(t, *((155.0 * n, 1 / n) for n in range(1, 9))) * np.minimum(1, 8 * t)


def _cricket(t: Wave) -> Wave:
    """Chirp very high, in threes."""
    trembling = np.maximum(0, np.sin(2 * np.pi * 30 * t))
    return np.asarray(np.sin(2 * np.pi * 4300 * t) * trembling * (t % 0.4 < 0.1))  # noqa: PLR2004 - three of 30 a second


def _rain(t: Wave) -> Wave:
    """Fall evenly: hiss, with drops."""
    drops = _noise(t, 777) * (np.abs(_noise(t, 4321)) > 0.997)  # noqa: PLR2004 - 50 drops a second
    splashes = np.convolve(drops, np.exp(-np.arange(200) / 40), mode="same")
    return np.asarray(0.4 * np.diff(_noise(t), prepend=0.0) + 3 * splashes)


def _engine(t: Wave) -> Wave:
    """Run an engine: a low buzz that throbs."""
    return _sines(t, *((48.0 * n, 1 / n) for n in range(1, 15))) * (1 + 0.5 * np.sin(2 * np.pi * 6 * t))


def _buzz(t: Wave) -> Wave:
    """Hold one steady note."""
    return _sines(t, (440.0, 1.0))


SHORT: dict[str, Callable[[Wave], Wave]] = {
    "a bell": _bell,
    "clapping hands": _claps,
    "knocks on wood": _knocks,
    "a rising whistle": _whistle,
    "an alarm of two notes": _alarm,
    "a ringing telephone": _telephone,
    "a low horn": _horn,
    "a chirping cricket": _cricket,
}
"""Sounds of about a second, by what people call them."""

LONG: dict[str, Callable[[Wave], Wave]] = {"rain": _rain, "an engine": _engine, "a steady tone": _buzz}
"""Sounds that may last."""

SHORT_SECONDS = 1.5


def sound_event(name: str, seconds: float = SHORT_SECONDS) -> Spoken:
    """Return a sound, ready to be laid between utterances.

    Args:
        name: A key of ``SHORT`` or ``LONG``.
        seconds: How long it is.

    Raises:
        UnknownOptionError: There is no such sound.
    """
    known = {**SHORT, **LONG}
    if name not in known:
        raise unknown_option("sound", name, known)
    samples = round(seconds * SAMPLE_RATE)
    digest = hashlib.sha256(f"{VERSION}|{name}|{samples}".encode()).hexdigest()

    def load(_: Utterance) -> Waveform:
        wave = known[name](np.arange(samples) / SAMPLE_RATE)
        return np.asarray(wave / np.abs(wave).max() * 0.5, dtype=np.float32)

    return Spoken(Utterance(digest, samples, "", None, name), load)
