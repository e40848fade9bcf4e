"""Translations: chrF and BLEU by sacrebleu, over the whole test set and by kind of sentence.

chrF is character n-gram F-score (Popovic 2015), BLEU word n-gram precision
with brevity penalty (Papineni et al. 2002). Both are scores of a *corpus*: a
sample's value is its (translation, reference) pair, and the aggregate scores
all pairs together. Scores are in [0, 100], as the field prints them.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lm_eval_longctx.answers.texts import TextRead, read_translation
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHORT = 6
"""A source of up to this many words is short."""


class Pair(NamedTuple):
    """A translation and its reference."""

    translation: str
    reference: str


class Scored:
    """A pair as a sample's value: logs get a digest of it, never the reference's text.

    Some benchmarks ask that their texts are not written anywhere; the texts of
    the others are in the sample's own fields already.
    """

    def __init__(self, pair: Pair) -> None:
        """Keep the pair."""
        self.pair = pair

    def __str__(self) -> str:
        """Name the pair without telling it."""
        return f"pair:{hashlib.sha256(repr(tuple(self.pair)).encode()).hexdigest()[:8]}"

    __repr__ = __str__


@lru_cache(maxsize=4)
def _chrf(word_order: int) -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=word_order)


@lru_cache(maxsize=1)
def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=False)


def chrf(pairs: Sequence[Scored]) -> float:
    """Return the corpus chrF of (translation, reference) pairs, in [0, 100]."""
    return float(_chrf(0).corpus_score(*_columns(pairs)).score)


def chrf_pp(pairs: Sequence[Scored]) -> float:
    """Return the corpus chrF++ (with word bigrams) of pairs, in [0, 100]."""
    return float(_chrf(2).corpus_score(*_columns(pairs)).score)


def bleu(pairs: Sequence[Scored]) -> float:
    """Return the corpus BLEU of pairs, in [0, 100]."""
    return float(_bleu().corpus_score(*_columns(pairs)).score)


def _columns(scored: Sequence[Scored]) -> tuple[list[str], list[list[str]]]:
    return [one.pair.translation for one in scored], [[one.pair.reference for one in scored]]


def signatures() -> dict[str, str]:
    """Return sacrebleu's signature of each metric: version, case, tokenisation, smoothing."""
    example = [Scored(Pair("a b c d e", "a b c d e"))]
    chrf(example), chrf_pp(example), bleu(example)  # signatures exist after a first score
    told = {"chrf": _chrf(0), "chrf++": _chrf(2), "bleu": _bleu()}
    return {name: str(metric.get_signature()) for name, metric in told.items()}


class TranslationScorer(Scorer):
    """chrF first, as in the report's tables; then chrF++ and BLEU, and chrF of parts of the test set.

    Accepts one line, in which wrapping and what introduces it do not count.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric("chrf", "corpus chrF, 0 to 100", aggregate=chrf),
        Metric("chrf_pp", "corpus chrF++, 0 to 100", aggregate=chrf_pp),
        Metric("bleu", "corpus BLEU, 0 to 100", aggregate=bleu),
        Metric("chrf_short", f"chrF of sources of up to {SHORT} words", aggregate=chrf),
        Metric("chrf_long", f"chrF of sources of more than {SHORT} words", aggregate=chrf),
        Metric("chrf_listed", "chrF of sources whose words are all in the word list", aggregate=chrf),
        Metric("chrf_unlisted", "chrF of sources with a word that is not", aggregate=chrf),
        Metric("exact", "share of translations equal to the reference but for case and punctuation, 0 to 1"),
        ABSTAINED,
    )
    READS = (
        Column("target", "the reference translation", required=True),
        Column("source", "the sentence that was to be translated: tells short from long"),
        Column("words_in_list", "share of its words that a word list holds", "number"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """A reference is one text."""
        if not isinstance(sample.get("target"), str) or not sample["target"].strip():
            raise ConfigError(f"sample {sample.get('id')} has no reference translation")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the pair for each metric that the sample belongs to.

        The translation is the line in which the answer gives it: a polite line before it and an
        explanation below it are no translation. An abstention is none either, and scores as an empty one.
        """
        read = _read(sample, answer)
        gone = read.abstained and _plain(read.text) != _plain(sample["target"])
        pair = Pair("" if gone else read.text, sample["target"])
        value = Scored(pair)
        short = sample.get("source_words", len(str(sample.get("source", "")).split())) <= SHORT
        listed = sample.get("words_in_list", 0.0) >= 1
        return {
            "chrf": value,
            "chrf_pp": value,
            "bleu": value,
            "chrf_short" if short else "chrf_long": value,
            "chrf_listed" if listed else "chrf_unlisted": value,
            "exact": float(_plain(pair[0]) == _plain(pair[1])),
            "abstained": float(gone),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return whether nothing could be read in the answer."""
        return {"unparsed": float(_read(sample, answer).unparsed)}


def _read(sample: Mapping[str, Any], answer: str) -> TextRead:
    return read_translation(answer, str(sample.get("source", "")), str(sample.get("question", "")))


def _plain(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())
