"""The sentence to hide: its words in several languages, and who says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.hay.speech.spoken_words import CLEAR, COLOURS, WORDS
from lm_eval_longctx.hay.speech.voices import Voice, default_voices, speak, voice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lm_eval_longctx.plan import Rng

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True)
class Wording:
    """How needles and questions are put in one language.

    Attributes:
        needle: The hidden sentence.
        numbered: The hidden sentences where there are several.
        distractor: A sentence that sounds alike and does not answer.
        words: What can be hidden.
        clear: What can be hidden in voices that are not the default ones.
        colours: What distractors say.
        name: The language's name in English.
    """

    needle: str
    numbered: str
    distractor: str
    words: Sequence[str]
    clear: Sequence[str]
    colours: Sequence[str]
    name: str


WORDINGS = {
    "en": Wording(
        "The secret keyword is {word}.",
        "The {ordinal} secret keyword is {word}.",
        "The secret color is {word}.",
        WORDS["en"],
        CLEAR,
        COLOURS["en"],
        "English",
    ),
    "de": Wording(
        "Das geheime Wort lautet {word}.",
        "",
        "Die geheime Farbe ist {word}.",
        WORDS["de"],
        WORDS["de"],
        COLOURS["de"],
        "German",
    ),
    "fr": Wording(
        "Le mot secret est {word}.",
        "",
        "La couleur secrète est {word}.",
        WORDS["fr"],
        WORDS["fr"],
        COLOURS["fr"],
        "French",
    ),
    "es": Wording(
        "La palabra secreta es {word}.",
        "",
        "El color secreto es {word}.",
        WORDS["es"],
        WORDS["es"],
        COLOURS["es"],
        "Spanish",
    ),
    "it": Wording(
        "La parola segreta è {word}.",
        "",
        "Il colore segreto è {word}.",
        WORDS["it"],
        WORDS["it"],
        COLOURS["it"],
        "Italian",
    ),
}


def wording(language: str) -> Wording:
    """Return the wording of a language.

    Raises:
        UnknownOptionError: There is none.
    """
    if language not in WORDINGS:
        raise unknown_option("language of needles", language, WORDINGS)
    return WORDINGS[language]


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
    digest, wave = speak(text, of, cache_dir)
    return Spoken(Utterance(digest, len(wave), of.name, text, f"needle {text!r}"), lambda _: wave.copy(), gain_db)
