"""From English text to the sounds of it.

The pronunciations are those of the CMU dictionary as the package techiaith-g2p
carries them (code CC0, data BSD-2-Clause; no GPL), with that package's
letter-to-sound rules for words that the dictionary lacks. Here they become the
International Phonetic Alphabet as voices trained on eSpeak's American English
expect it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import metadata
from typing import Any

from lm_eval_longctx.errors import MediaError, MissingExtraError

VERSION = "ipa-1"
"""Raised when the same text would sound otherwise."""

_STRESS = "ˈ"
_IPA = {
    "@": "ə", "@r": "ɚ", "aa": "ɑː", "ai": "aɪ", "au": "aʊ", "b": "b", "ch": "tʃ", "d": "d", "dh": "ð", "e": "ɛ",
    "ei": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "i": "ɪ", "ii": "iː", "j": "j", "jh": "dʒ", "k": "k", "l": "l",
    "m": "m", "n": "n", "ng": "ŋ", "oi": "ɔɪ", "oo": "ɔː", "ou": "oʊ", "p": "p", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ", "u": "ʊ", "uu": "uː", "v": "v", "w": "w", "z": "z", "zh": "ʒ", "æ": "æ", "ɒ": "ɑː", "ɹ": "ɹ",
    "ʌ": "ʌ", _STRESS: _STRESS,
}  # fmt: skip
_WEAK = {
    "a": "ɐ", "an": "ən", "and": "ænd", "as": "æz", "at": "æt", "but": "bʌt", "for": "fɔːɹ", "from": "fɹʌm",
    "had": "hæd", "has": "hɐz", "he": "hiː", "her": "hɜː", "his": "hɪz", "in": "ɪn", "is": "ɪz", "it": "ɪt",
    "its": "ɪts", "my": "maɪ", "of": "ʌv", "on": "ɔn", "or": "ɔːɹ", "our": "aʊɚ", "she": "ʃiː", "that": "ðæt",
    "the": "ðə", "their": "ðɛɹ", "them": "ðɛm", "they": "ðeɪ", "to": "tə", "was": "wʌz", "we": "wiː", "were": "wɜː",
    "who": "huː", "with": "wɪð", "you": "juː", "your": "jʊɹ",
}  # fmt: skip
"""Words that carry no stress in running speech."""

_VOWEL_START = "aeiouæɐɑɔəɚɛɜɪʊʌ"
_READ = {"read": "ɹˈiːd", "wind": "wˈɪnd", "lead": "lˈiːd", "live": "lˈɪv"}
"""Spellings with two sounds, of which the dictionary lists the rarer one last."""

_TOKEN = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*|\d+(?:st|nd|rd|th)?|[^\sA-Za-z\d]")
_PAUSES = {"—": ",", "–": ",", "(": ",", ")": ",", "…": "."}
_UNSAID = "\"“”‘’'-*_"


def pronunciation() -> str:
    """Return what decides how a text sounds: our rules and the dictionary's version; loads nothing.

    Raises:
        MissingExtraError: The extra ``speech`` is not installed.
    """
    try:
        return f"{VERSION}|techiaith-g2p {metadata.version('techiaith-g2p')}"
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("speaking (pronunciations for the voices)", "speech") from error


def to_ipa(text: str) -> str:
    """Return the sounds of an English text, words separated by spaces.

    Args:
        text: Letters, whole numbers and punctuation.

    Raises:
        MediaError: The text holds a sign that cannot be said.
        MissingExtraError: The extra ``speech`` is not installed.
    """
    said: list[str] = []
    for token in _TOKEN.findall(text):
        if token[0].isalnum():
            words = _number(token) if token[0].isdigit() else token.lower().replace("’", "'")
            said.extend((" " if said else "") + _word(word) for word in words.replace("-", " ").split())
        elif token not in _UNSAID:
            said.append(_pause(token, text))
    return _before_vowels("".join(said))


def _pause(sign: str, text: str) -> str:
    sign = _PAUSES.get(sign, sign)
    if sign not in ",.;:!?":
        raise MediaError(f"cannot say {sign!r} in {text[:60]!r}; write it out in words")
    return sign


def _before_vowels(ipa: str) -> str:
    """Say 'thee apple', as people do."""
    return re.sub(rf"\bðə (?=ˈ?[{_VOWEL_START}])", "ðɪ ", ipa)


def _word(word: str) -> str:
    if word in _WEAK:
        return _WEAK[word]
    return _READ.get(word) or _joined(_dictionary().phonemize(word))


def _joined(phones: list[str]) -> str:
    sounds = [_IPA[phone] for phone in phones]
    for i, phone in enumerate(phones):
        if phone == "@r" and i and phones[i - 1] == _STRESS:
            sounds[i] = "ɜː"
        if phone == "ii" and i == len(phones) - 1 and phones[i - 1] != _STRESS:
            sounds[i] = "i"
    return "".join(sounds)


def known(word: str) -> bool:
    """Whether the dictionary has a word (otherwise its sounds are worked out from its letters)."""
    return _dictionary().lookup(word) is not None


@lru_cache(maxsize=1)
def _dictionary() -> Any:
    try:
        from techiaith.g2p.english_g2p import EnglishG2P
    except ImportError as error:
        raise MissingExtraError("speaking (pronunciations for the voices)", "speech") from error
    return EnglishG2P()


def _number(digits: str) -> str:
    _dictionary()
    from techiaith.g2p.english_numbers import cardinal, ordinal

    return str(cardinal(int(digits)) if digits.isdigit() else ordinal(int(digits[:-2])))
