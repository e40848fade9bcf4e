"""Who says the sentence to hide, and saying it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.hay.speech.voices import Voice, default_voices, speak, spoken_length, voice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lm_eval_longctx.plan import Rng


def hay_voices(language: str, named: Sequence[str], speaker: str) -> tuple[str, ...]:
    """Return the voices that read the hay; two are kept back for needles of a different speaker."""
    if named or speaker == "same" or language != "en":
        return tuple(named)
    return tuple(v.name for v in default_voices(language)[:-2])


def needle_voice(rng: Rng, language: str, of_hay: Sequence[str], named: Sequence[str], speaker: str) -> Voice:
    """Choose who says a needle.

    Args:
        rng: Decides among those who may.
        language: Two letters.
        of_hay: Voices of the hay; empty where it is recorded speech.
        named: Voices that the user wants for needles; empty for all.
        speaker: ``different`` from the hay's voices, or the ``same`` as one of them.

    Raises:
        ConfigError: Nobody is left.
    """
    if speaker == "same" and not of_hay:
        raise ConfigError("needle_speaker: same needs the haystack 'voices'; nobody of ours speaks like a recording")
    candidates = [voice(name) for name in named] or list(default_voices(language))
    wanted = [v for v in candidates if (v.name in of_hay) == (speaker == "same")]
    if not wanted:
        raise ConfigError(f"no voice is left for a needle by a {speaker} speaker; change voices or needle_voices")
    return rng.choice(wanted)


def spoken(text: str, of: Voice, gain_db: float, cache_dir: Path) -> Spoken:
    """Return a sentence, said."""
    digest, samples = spoken_length(text, of, cache_dir)
    utterance = Utterance(digest, samples, of.name, text, f"needle {text!r}")
    return Spoken(utterance, lambda _: speak(text, of, cache_dir)[1], gain_db)
