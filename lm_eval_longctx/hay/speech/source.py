"""Where speech comes from: utterances, pools of them, and the seam for sources."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.speech.waveform import Waveform


@dataclass(frozen=True)
class Utterance:
    """A stretch of speech that is used whole.

    Attributes:
        digest: Names the sound: the sha256 of the file it comes from, or of
            voice, words and settings.
        samples: Its duration at 16 kHz.
        speaker: Who speaks; empty if unknown.
        text: What is said; ``None`` if unknown.
        origin: Where it comes from, for people.
    """

    digest: str
    samples: int
    speaker: str = ""
    text: str | None = None
    origin: str = ""

    @property
    def seconds(self) -> float:
        """Its duration in seconds."""
        return self.samples / SAMPLE_RATE


@dataclass(frozen=True)
class Pool:
    """Distinct speech, from which a haystack of any length is laid.

    Attributes:
        utterances: In their natural order; at least one.
        load: Gives an utterance's waveform (mono, 16 kHz).
        licence: Of the sound.
        details: What else the results should say about it.
    """

    utterances: tuple[Utterance, ...]
    load: Callable[[Utterance], Waveform]
    licence: str
    details: dict[str, Any]

    @cached_property
    def digest(self) -> str:
        """The sha256 of all utterances' digests, in order."""
        return hashlib.sha256("\n".join(u.digest for u in self.utterances).encode()).hexdigest()

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words of the known transcripts, in lower case."""
        texts = (u.text.lower() for u in self.utterances if u.text)
        return frozenset(word for text in texts for word in re.findall(r"[^\W\d_]+", text))

    @property
    def samples(self) -> int:
        """Samples of distinct speech."""
        return sum(u.samples for u in self.utterances)


class SpeechSource(ABC):
    """Gives speech.

    Attributes:
        spec: How users spell it, such as ``voices`` or ``speech:/path``.
    """

    spec: str

    def __init__(self, argument: str, context: BuildContext) -> None:
        """Keep the argument (the text after the first colon) and where to cache."""
        self.argument = argument
        self.context = context

    @abstractmethod
    def pool(self, samples: int, settings: PoolSettings) -> Pool:
        """Return about as much distinct speech as asked, or all there is.

        Args:
            samples: How much, at 16 kHz.
            settings: Who speaks, in which language.

        Raises:
            CorpusError: There is no speech.
            MediaError: A recording cannot be used; the message names it.
        """


@dataclass(frozen=True)
class PoolSettings:
    """What a task wants of a source.

    Attributes:
        language: Two letters.
        voices: Names of voices for synthesised speech; empty for the default ones.
        transcripts: Whether every utterance must come with what is said.
        reading: What synthetic voices read: ``everyday`` or ``chronicle``.
    """

    language: str = "en"
    voices: tuple[str, ...] = ()
    transcripts: bool = False
    reading: str = "everyday"


def bounded(utterances: list[Utterance], samples: int) -> tuple[Utterance, ...]:
    """Return the first utterances that together reach a number of samples, or all."""
    total = 0
    for count, utterance in enumerate(utterances, 1):
        total += utterance.samples
        if total >= samples:
            return tuple(utterances[:count])
    return tuple(utterances)


def need_text(utterance: Utterance) -> str:
    """Return what is said in an utterance.

    Raises:
        MediaError: Nobody wrote it down.
    """
    if utterance.text is None:
        raise MediaError(f"{utterance.origin} has no transcript; add one beside it, or choose a task that needs none")
    return utterance.text
