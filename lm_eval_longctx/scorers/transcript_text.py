"""Normalizers: what is done to both texts before they are compared, chosen by language.

``whisper-english``, ``whisper-basic`` and ``whisper-marks`` are those of the
package whisper-normalizer. The first (Radford et al. 2022, appendix C) spells
numbers, currencies, contractions and British words one way and drops fillers:
for English only. The second lower-cases and drops punctuation, and drops vowel
signs and tone marks with it, which breaks words of Indic scripts apart: it is
there for comparison with published rows. The third keeps those marks: for every
language but English. ``none`` only evens out white space and the Unicode form.
"""

from __future__ import annotations

import logging
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, MissingExtraError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Callable

    Normalizer = Callable[[str], str]

logger = logging.getLogger(__name__)

BY_LANGUAGE = "by-language"

UNSPACED = frozenset("zh yue ja th lo km my bo dz".split())
"""Languages written without spaces between words: their errors are counted by character."""

_SHORT = {
    "eng": "en",
    "zho": "zh",
    "cmn": "zh",
    "jpn": "ja",
    "tha": "th",
    "lao": "lo",
    "khm": "km",
    "mya": "my",
    "bod": "bo",
    "dzo": "dz",
    "tur": "tr",
    "aze": "az",
}
_AFTER_SCRIPTS = 0x20000
"""From this code point on, Unicode has ideographs and nothing else with a meaning of its own."""
_DOTTED_I = frozenset({"tr", "az"})
_TURKIC = str.maketrans({"\u0130": "i", "I": "\u0131"})
_INVISIBLE = dict.fromkeys([0xAD, 0x200C, 0x200D, 0x2060, 0xFEFF], None) | {0x200B: " "}
_ARABIC_POINTS = dict.fromkeys([0x640, *range(0x64B, 0x653), 0x670])
_HEBREW_POINTS = dict.fromkeys([*range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7])


def base_language(code: str) -> str:
    """Return the two letters of a language code, without region or script: ``pt`` of ``pt-BR``."""
    main = code.strip().replace("_", "-").split("-")[0].lower()
    return _SHORT.get(main, main)


def is_unspaced(language: str) -> bool:
    """Whether a language is written without spaces between words."""
    return base_language(language) in UNSPACED


def chosen(name: str, language: str) -> str:
    """Return the name of the normalizer for a language.

    Args:
        name: A normalizer, or ``by-language``.
        language: Of the speech.

    Raises:
        ConfigError: The normalizer is made for another language.
    """
    english = base_language(language) == "en"
    if name == BY_LANGUAGE:
        return "whisper-english" if english else "whisper-marks"
    if name == "whisper-english" and not english:
        raise ConfigError(
            f"the normalizer whisper-english rewrites English words and numbers, and the speech is in {language!r}; "
            f"leave normalizer at {BY_LANGUAGE!r}, or set language to 'en'"
        )
    return name


def breaks_words(name: str, text: str) -> bool:
    """Whether a normalizer would break the words of a text at their combining marks."""
    marks = (unicodedata.category(c).startswith("M") for c in unicodedata.normalize("NFKC", text.lower()))
    return name == "whisper-basic" and any(marks)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _none(_language: str) -> Normalizer:
    return _plain


def _english(_language: str) -> Normalizer:
    from whisper_normalizer.english import EnglishTextNormalizer

    normal = EnglishTextNormalizer()
    return lambda text: _plain(normal(text))


def _basic(_language: str) -> Normalizer:
    from whisper_normalizer.basic import BasicTextNormalizer

    normal = BasicTextNormalizer()
    return lambda text: _plain(normal(unicodedata.normalize("NFC", text)))


def _marks(language: str) -> Normalizer:
    from whisper_normalizer.basic import BasicTextNormalizer

    normal, digits = BasicTextNormalizer(preserve_marks=True), _digits()
    turkic = base_language(language) in _DOTTED_I

    def normalize(text: str) -> str:
        text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
        text = normal(text.translate(_TURKIC) if turkic else text).translate(digits)
        # Vowel points are optional in Arabic and Hebrew script: hardly anybody writes them, and no reader misses them.
        text = text.translate(_ARABIC_POINTS).translate(_HEBREW_POINTS)
        return _plain(" ".join(map(_without_stray_marks, text.split())))

    return normalize


def _without_stray_marks(word: str) -> str:
    """Drop marks that stand on nothing, as NFKC leaves them of a free accent or an emoji."""
    while word and unicodedata.category(word[0]).startswith("M"):
        word = word[1:]
    return word


@lru_cache(maxsize=1)
def _digits() -> dict[int, str]:
    """Return the decimal digits of all scripts, each with its ASCII digit."""
    return {c: str(unicodedata.decimal(chr(c))) for c in range(_AFTER_SCRIPTS) if chr(c).isdecimal()}


NORMALIZERS: dict[str, Callable[[str], Normalizer]] = {
    "whisper-english": _english,
    "whisper-marks": _marks,
    "whisper-basic": _basic,
    "none": _none,
}


@lru_cache(maxsize=32)
def normalizer(name: str, language: str) -> Normalizer:
    """Return a normalizer by name.

    Args:
        name: One of ``NORMALIZERS``.
        language: Of the text; decides about details, such as the two letters i of Turkish.

    Raises:
        UnknownOptionError: There is none of that name.
        MissingExtraError: Its package is not installed.
    """
    if name not in NORMALIZERS:
        raise unknown_option("normalizer", name, NORMALIZERS)
    try:
        return NORMALIZERS[name](language)
    except ImportError as error:
        raise MissingExtraError(f"the normalizer {name!r}", "embedded") from error
