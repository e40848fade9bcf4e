"""One word again and again with an odd one among them: how well was it copied?

The measures are those of Chroma's report "Context Rot" (2025): how like the
copy is, whether the odd word stands in its place, and how much too long or too
short the copy is. Likeness is counted in words here, in characters there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.texts import SHORT, read_long
from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.answers.wrapping import in_json, place_of
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping


_MARKS = "\"'`*_>.-\u201c\u201d"


class RepeatScorer(Scorer):
    """Compares a copy with the words that were to be copied.

    Accepts the words in their order, number and spelling, upper and lower case included; fences, quotes, JSON and
    lines round them that hold none of the words come off.

    Reads from the sample: ``target`` (all words) and ``odd`` (the one that is not like the others).
    """

    METRICS = (
        Metric("copied", "1 if every word is copied and none is added; else 0"),
        Metric("likeness", "1 less the edit distance in words, as a share of the longer text; 0 to 1"),
        Metric("odd_placed", "1 if the odd word stands in its place; else 0"),
        Metric("odd_present", "1 if the odd word stands anywhere; else 0"),
        Metric("length_error", "words too many or too few, as a share of those there are", higher_is_better=False),
        ABSTAINED,
    )
    READS = (
        Column("target", "all words, in order", required=True),
        Column("odd", "the word that is not like the others", required=True),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the odd word is one of the target's, once."""
        target, odd = sample.get("target"), sample.get("odd")
        if not isinstance(target, str) or not isinstance(odd, str) or target.split().count(odd) != 1:
            raise ConfigError(f"words to be copied need an odd one that stands there once, not {odd!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric."""
        from rapidfuzz.distance import Levenshtein

        right, said = sample["target"].split(), _copied(sample, answer)
        place = right.index(sample["odd"])
        return {
            "copied": float(said == right),
            "likeness": Levenshtein.normalized_similarity(right, said),
            "odd_placed": float(said[place : place + 1] == [sample["odd"]]),
            "odd_present": float(sample["odd"] in said),
            "length_error": abs(len(said) - len(right)) / len(right),
            "abstained": float(_abstains(sample, said, answer)),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return how many words were written, by how many too many, where the odd one and the first error stand."""
        right, said = sample["target"].split(), _copied(sample, answer)
        pairs = enumerate(zip(right, said, strict=False))
        wrong = next((place for place, (one, two) in pairs if one != two), min(len(right), len(said)))
        return {
            "words_written": len(said),
            "words_too_many": len(said) - len(right),
            "odd_at": said.index(sample["odd"]) if sample["odd"] in said else None,
            "first_error": wrong if said != right else None,
            "unparsed": float(not said and not _abstains(sample, said, answer)),
        }


def _copied(sample: Mapping[str, Any], answer: str) -> list[str]:
    """Return the words that were written, without what was said round the copy in lines that hold none of its words."""
    place, known = in_json(without_thoughts(answer).text), set(sample["target"].split())
    text = place.text if place else read_long(answer, sample["target"].split()[0])
    lines = [[word for word in line.split() if word.strip(_MARKS)] for line in text.split("\n")]
    holding = [place for place, words in enumerate(lines) if known & {word.strip(_MARKS) for word in words}]
    if not holding:
        return text.split()
    kept = [word for words in lines[holding[0] : holding[-1] + 1] for word in words]
    # Marks at both ends are of the sentence or of Markdown, and no part of a word.
    kept[0], kept[-1] = kept[0].lstrip(_MARKS), kept[-1].rstrip(_MARKS)
    return kept


def _abstains(sample: Mapping[str, Any], said: list[str], answer: str) -> bool:
    if set(said) & set(sample["target"].split()):
        return False
    place = place_of(answer)
    return place.how == "null" or (len(place.text) < SHORT and abstains(normalise(place.text)))
