"""Transcripts: how many words are wrong, which way, and where in the recording.

The arithmetic is jiwer's: its engine (rapidfuzz) is called as jiwer calls it,
with a hint of how different the texts are likely to be. The result is the same
(the tests compare it with jiwer's) and a day of speech takes seconds. Before
it, both texts go through a normalizer, chosen by language unless one is named
(``transcript_text``); its name is kept with every sample and stands in the
signature, for rates under different normalizers cannot be compared. Where a
script has no spaces between words (Chinese, Japanese, Thai, Lao, Khmer,
Burmese, Tibetan), characters take the place of words, spaces do not count, and
the character error rate is the main metric.

Edge cases, as jiwer has them: nothing said and nothing written is no error
(rate 0); nothing said and n words written gives a rate of n (there is nothing
to divide by); something said and nothing written gives 1. Rates of several
samples are errors of all divided by words of all, not the mean of rates, so
that a long recording counts for what it is.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.answers.texts import read_transcript
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, UNPARSED, Column, Metric, Scorer
from lm_eval_longctx.scorers.transcript_shape import (
    by_minute,
    by_tenth,
    count,
    early_stop,
    likeness,
    repeated_words,
)
from lm_eval_longctx.scorers.transcript_text import (
    BY_LANGUAGE,
    NORMALIZERS,
    breaks_words,
    chosen,
    is_unspaced,
    normalizer,
)
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.scorers.transcript_shape import Chunk


class Ratio(float):
    """Errors divided by words: a number that carries both.

    Attributes:
        errors: The numerator.
        words: The denominator; where it is 0, the value is the numerator.
    """

    errors: int
    words: int

    def __new__(cls, errors: int, words: int) -> Ratio:  # noqa: PYI034 - Self needs Python 3.11
        """Divide, or return the errors themselves where there is nothing to divide by (as jiwer does)."""
        self = super().__new__(cls, errors / words if words else errors)
        self.errors, self.words = errors, words
        return self

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        """Keep both numbers in pickles."""
        return self.errors, self.words


def pooled(values: Sequence[float]) -> Ratio:
    """Return the errors of all samples divided by the words of all; 0 of 0 for no samples.

    Args:
        values: Ratios. The result is one too, so pools can be pooled again.
    """
    ratios = [v for v in values if isinstance(v, Ratio)]
    if len(ratios) != len(values):
        raise TypeError("rates can only be pooled while they carry their counts")
    return Ratio(sum(r.errors for r in ratios), sum(r.words for r in ratios))


logger = logging.getLogger(__name__)

_LOOP_SHARE = 0.01
_LOOP_WORDS = 12
_LEAST_HINT = 64
_LIKELY_WORDS_AN_ERROR = 50
_LIKELY_CHARACTERS_AN_ERROR = 4


class TranscriptScorer(Scorer):
    """Compares what was written down with what was said.

    Accepts the whole text; thoughts, fences, JSON and a line that announces a transcript come off. An abstention
    scores as an empty text.

    Reads from the sample: ``target`` (what is said) and, where there,
    ``words_by_minute`` (how many of its words fall into each minute).
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric(
            "wer",
            "word errors divided by words said; 0 is perfect, above 1 possible",
            higher_is_better=False,
            aggregate=pooled,
        ),
        Metric(
            "cer",
            "the same for characters, spaces included where there are any",
            higher_is_better=False,
            aggregate=pooled,
        ),
        Metric("insertions", "words written that nobody said, per word said", higher_is_better=False, aggregate=pooled),
        Metric("deletions", "words left out, per word said", higher_is_better=False, aggregate=pooled),
        Metric("substitutions", "words written wrong, per word said", higher_is_better=False, aggregate=pooled),
        Metric(
            "looped", "1 if the transcript repeats itself where the speech does not; else 0", higher_is_better=False
        ),
        Metric("stopped_early", "1 if the transcript ends before the speech does; else 0", higher_is_better=False),
        ABSTAINED,
        Metric(
            "wer_segments",
            "errors per word (character) where the recording was cut into pieces, all pieces together",
            higher_is_better=False,
            aggregate=pooled,
        ),
    )
    OPTIONS = (
        Option(
            "normalizer", BY_LANGUAGE, "what is done to both texts first", choices=(BY_LANGUAGE, *tuple(NORMALIZERS))
        ),
        Option("language", "en", "two letters: language of the speech"),
    )

    READS = (
        Column("target", "what was said", required=True),
        Column("control", "whether the recording was asked in pieces, to compare with the whole", "flag"),
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Choose the normalizer, and characters instead of words where the language has no spaces.

        Raises:
            ConfigError: The normalizer does not fit the language.
        """
        super().__init__(options)
        self.language = str(self.options.get("language", "en"))
        self.normalizer = chosen(str(self.options.get("normalizer", BY_LANGUAGE)), self.language)
        self.options |= {"language": self.language, "normalizer": self.normalizer}
        self.spaced = not is_unspaced(self.language)
        if not self.spaced:
            self.METRICS = tuple(m for m in TranscriptScorer.METRICS if m.name != "wer")  # type: ignore[misc]
        self._warned = False

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a text."""
        if not isinstance(sample.get("target"), str):
            raise ConfigError(f"the target of a transcript must be a text, not {type(sample.get('target')).__name__}")
        if not self._warned and breaks_words(self.normalizer, sample["target"]):
            self._warned = True
            logger.warning(
                "the normalizer whisper-basic breaks words of this text apart at their vowel signs, so that its error "
                "rates come out too low; use whisper-marks unless you compare with published rows"
            )

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the metrics; rates carry their counts (see ``Ratio``); characters have no ``wer``.

        Of pieces there is ``wer_segments`` only, of a whole recording all others.
        """
        found, gone = self._read(sample, answer)
        words = {"wer": found.rate(found.errors)} if self.spaced else {}
        values = self._values(found, words, gone=gone)
        if sample.get("control"):
            return {**dict.fromkeys(values), "wer_segments": found.rate(found.errors)}
        return {**values, "wer_segments": None}

    def joined(self, sample: Mapping[str, Any], parts: Sequence[tuple[Mapping[str, Any], str]]) -> dict[str, Any]:
        """Return ``wer_segments`` of a recording that was cut into pieces, and counts.

        Where it is known what is said in each piece, each is compared with that; else the texts are joined and
        compared with all that is said.
        """
        if all(isinstance(part["target"], str) for part, _ in parts):
            found = [self._read(part, text)[0] for part, text in parts]
        else:
            texts = [self._piece(sample["target"], number, text) for number, (_, text) in enumerate(parts)]
            found = [compare(sample["target"], "\n".join(texts), self.normalizer, self.language)]
        words, written = sum(one.words for one in found), sum(one.written for one in found)
        return {
            **dict.fromkeys(metric.name for metric in self.METRICS),
            "wer_segments": Ratio(sum(one.errors for one in found), words),
            **self._counts(found),
            UNPARSED: float(bool(words) and not written),
        }

    def _piece(self, said: str, number: int, answer: str) -> str:
        """Return what is written down of a piece; nothing where that says no more than that it cannot be told."""
        read = read_transcript(answer, said if number == 0 else "")
        if not read.abstained:
            return read.text
        normal, edge = normalizer(self.normalizer, self.language), " " if self.spaced else ""
        return read.text if f"{edge}{normal(read.text)}{edge}" in f"{edge}{normal(said)}{edge}" else ""

    def _counts(self, found: Sequence[Comparison]) -> dict[str, Any]:
        """Return how many words of which there are, over several comparisons."""
        return {
            "normalizer": self.normalizer,
            "unit": "word" if self.spaced else "character",
            "words": sum(one.words for one in found),
            "words_written": sum(one.written for one in found),
            "errors": {
                kind: sum(getattr(one, kind) for one in found) for kind in ("insertions", "deletions", "substitutions")
            },
        }

    @staticmethod
    def _values(found: Comparison, words: dict[str, Ratio], *, gone: bool) -> dict[str, Any]:
        return {
            **words,
            "cer": found.cer,
            "insertions": found.rate(found.insertions),
            "deletions": found.rate(found.deletions),
            "substitutions": found.rate(found.substitutions),
            "looped": float(found.looped > max(_LOOP_WORDS, _LOOP_SHARE * found.words)),
            "stopped_early": float(found.stop is not None),
            "abstained": float(gone),
        }

    def _read(self, sample: Mapping[str, Any], answer: str) -> tuple[Comparison, bool]:
        """Compare what an answer writes down, and tell whether it abstains: a speech may hold such words, too."""
        read = read_transcript(answer, sample["target"])
        found = compare(sample["target"], read.text, self.normalizer, self.language)
        hits = found.written - found.insertions - found.substitutions
        gone = read.abstained and 2 * hits < max(1, found.written)
        return (compare(sample["target"], "", self.normalizer, self.language) if gone else found), gone

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return counts, the rate by tenth and by minute, and where a transcript stopped or looped."""
        found, gone = self._read(sample, answer)
        minutes = sample.get("words_by_minute")
        return {
            **self._counts([found]),
            "wer_by_tenth": by_tenth(found.chunks, found.words),
            "wer_by_minute": by_minute(found.chunks, found.words, minutes) if minutes else None,
            "looped_words": found.looped,
            "stopped_at": found.stop,
            UNPARSED: float(bool(found.words) and not found.written and not gone),
        }


class Comparison:
    """Two transcripts, compared."""

    def __init__(self, said: str, written: str, *, spaced: bool = True) -> None:
        """Align two normalised texts word by word, or character by character where there are no spaces."""
        from rapidfuzz.distance import Levenshtein

        if not spaced:
            said, written = "".join(said.split()), "".join(written.split())
        reference, hypothesis = (said.split(), written.split()) if spaced else (list(said), list(written))
        self.words, self.written = len(reference), len(hypothesis)
        numbers = _numbered(reference, hypothesis)
        hint = max(_LEAST_HINT, self.words // _LIKELY_WORDS_AN_ERROR)
        self.chunks: list[Chunk] = list(Levenshtein.opcodes(*numbers, score_hint=hint))
        counts = count(self.chunks)
        self.insertions, self.deletions, self.substitutions = counts["insert"], counts["delete"], counts["replace"]
        hint = max(_LEAST_HINT, _LIKELY_CHARACTERS_AN_ERROR * self.errors)
        characters = Levenshtein.distance(said, written, score_hint=hint)
        self.cer = Ratio(characters, len(said))
        self.looped = max(0, repeated_words(hypothesis) - repeated_words(reference))
        self.stop = early_stop(self.chunks, self.words, likeness(numbers[0]))

    @property
    def errors(self) -> int:
        """Insertions, deletions and substitutions together."""
        return self.insertions + self.deletions + self.substitutions

    def rate(self, errors: int) -> Ratio:
        """Return errors per word said."""
        return Ratio(errors, self.words)


@lru_cache(maxsize=4)
def compare(said: str, written: str, name: str, language: str = "en") -> Comparison:
    """Normalise two texts and compare them; the last results are kept, for details are asked after scores."""
    normal = normalizer(name, language)
    return Comparison(normal(said), normal(written), spaced=not is_unspaced(language))


def _numbered(said: list[str], written: list[str]) -> tuple[list[int], list[int]]:
    """Return both texts with the same number for the same word."""
    numbers: dict[str, int] = {}
    first, second = ([numbers.setdefault(word, len(numbers)) for word in words] for words in (said, written))
    return first, second
