"""Short answers: is it the right one, and how many of its words are?

The two measures of reading comprehension (SQuAD, arXiv 1606.05250, section 5):
exact match after normalisation, and the overlap of words (F1), each the best
over all accepted answers. Beyond SQuAD's normalisation (case, punctuation and
articles do not count) numbers may be spelt: *three hundred and twelve* is 312.

Where the document does not tell (``absent`` in the sample) the right answer is
to say so. Empty answers are wrong, never unscored.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Metric, Scorer
from lm_eval_longctx.scorers.matching import denies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PREFIX = re.compile(r"^\W*(?:the\s+)?(?:(?:final|correct|right)\s+)?answer\b(?:\s+is\b)?\s*[:=-]?\s*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*")
_GROUPS = re.compile(r"(?<=\d)[,' \u2009\u202f](?=\d{3}(?!\d))")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_ARTICLES = frozenset(("a", "an", "the"))
_NOT_TOLD = "not told"
_NAMED = (("exact_retrieved", "retrieved"), ("exact_closed_book", "none"))

_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_SMALL = {word: n for n, word in enumerate(f"zero one two three four five six seven eight nine {_TEENS}".split())}
_TENS = {
    word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_NUMERALS = {**_SMALL, **_TENS, **_SCALES}


class ExactF1Scorer(Scorer):
    """Compares a short answer with the accepted ones.

    Reads from the sample: ``target`` (a text or a list of accepted texts) and
    ``absent`` (true where the document does not tell); of tasks that ask a
    question in several contexts also ``context`` (``full``, ``retrieved``,
    ``none``) and ``control`` (true where this one is not what is measured:
    then only the metric that bears its name counts it).
    """

    METRICS = (
        Metric("exact", "1 if the answer is an accepted one after normalisation; else 0"),
        Metric("f1", "overlap of words with the nearest accepted answer, 0 to 1"),
        Metric("invented", "unanswerable questions only: 1 if an answer was given; else 0", higher_is_better=False),
        Metric(
            "abstained",
            "answerable questions only: 1 if it is said that it is not told; else 0",
            higher_is_better=False,
        ),
        Metric("exact_retrieved", "exact, where passages stood in the place of the document"),
        Metric("exact_closed_book", "exact, where there was no document"),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a text or a list of texts with words in them."""
        target = _accepted(sample)
        if not target or not all(map(_has_words, target)):
            raise ConfigError(
                f"the target of a question must be a text or a list of texts, not {sample.get('target')!r}"
            )

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric, ``None`` where it does not apply."""
        values = self._compared(sample, answer)
        named = {name: values["exact"] if sample.get("context") == context else None for name, context in _NAMED}
        return {**(dict.fromkeys(values) if sample.get("control") else values), **named}

    def _compared(self, sample: Mapping[str, Any], answer: str) -> dict[str, float | None]:
        text = stated(answer)
        withheld = declines(text)
        if sample.get("absent"):
            return {"exact": float(withheld), "f1": float(withheld), "invented": float(not withheld), "abstained": None}
        given, accepted = answer_words(text), [answer_words(a) for a in _accepted(sample)]
        return {
            "exact": float(given in accepted),
            "f1": max(overlap(given, right) for right in accepted),
            "invented": None,
            "abstained": float(withheld and given not in accepted),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:  # noqa: ARG002 - the seam's signature
        """Return the answer as it was compared."""
        return {"compared": " ".join(answer_words(stated(answer)))[:200]}


def _accepted(sample: Mapping[str, Any]) -> Sequence[str]:
    target = sample.get("target") or ()
    return [target] if isinstance(target, str) else list(target)


def _has_words(text: object) -> bool:
    return isinstance(text, str) and bool(answer_words(text))


def stated(answer: str) -> str:
    """Return the first line that says anything, without a leading *Answer:*."""
    lines = (_PREFIX.sub("", line.strip()) for line in answer.strip().splitlines())
    return next((line for line in lines if answer_words(line)), "")


def declines(text: str) -> bool:
    """Whether an answer says that the document does not tell."""
    plain = " ".join(_plain(text).split())
    return answer_words(text) == answer_words(_NOT_TOLD) or denies(plain)


def answer_words(text: str) -> list[str]:
    """Return the words of an answer that count, numbers in digits.

    Examples:
        ``The Heron Bridge.`` gives ``heron bridge``; ``312 marks`` and
        ``three hundred and twelve marks`` give ``312 marks``.
    """
    words = (word for word in _WORD.findall(_plain(text)) if word not in _ARTICLES)
    return list(_with_digits(list(words)))


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").replace("'s", "s")
    return _ORDINAL.sub("", _GROUPS.sub("", text))


def _with_digits(words: list[str]) -> Iterator[str]:
    """Turn runs of spelt numbers into digits."""
    place = 0
    while place < len(words):
        number, length = _spelt(words[place:])
        yield str(number) if length else words[place]
        place += length or 1


def _spelt(words: list[str]) -> tuple[int, int]:
    """Return the number that words begin with, and how many of them spell it; 0 words if none does."""
    total = group = used = 0
    for place, word in enumerate(words):
        if (
            word == "and"
            and used
            and words[place - 1] in _SCALES
            and words[place + 1 : place + 2] != []
            and (words[place + 1] in _SMALL or words[place + 1] in _TENS)
        ):
            continue
        if word not in _NUMERALS or not _continues(words, used, place):
            break
        value = _NUMERALS[word]
        if word == "hundred":
            group = max(group, 1) * value
        elif word in _SCALES:
            total, group = total + max(group, 1) * value, 0
        else:
            group += value
        used = place + 1
    return total + group, used


def _continues(words: list[str], used: int, place: int) -> bool:
    """Whether a numeral goes on with the number before it: *forty two* does, *four two* does not."""
    if not used:
        return True
    before, word = words[used - 1], words[place]
    if word in _SCALES:
        return before not in _SCALES or _SCALES[before] < _SCALES[word]
    return before in _SCALES or (before in _TENS and _SMALL.get(word, 0) in range(1, 10))


def overlap(given: Sequence[str], right: Sequence[str]) -> float:
    """Return the F1 of two bags of words; 0 if either is empty."""
    shared = sum((Counter(given) & Counter(right)).values())
    return 2 * shared / (len(given) + len(right)) if shared else 0.0
