"""Exact answers that are numbers or names, with partial credit for numbers that are near.

``accuracy`` counts the right answer only. ``partial`` is Oolong's credit (arXiv
2511.02817): of a number that is off by ``d`` it is 0.75 to the power of ``d``;
of names it is ``accuracy``. ``relative_error`` says how far off numbers are at
lengths at which being off by a hundred is little.

A number may be in digits or in English words. Where several are given, the one
after the last equals sign, or alone in the last line, is the answer; else there
is none. Names are read as labels are (see ``label``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.choices import read_label
from lm_eval_longctx.answers.matching import kind_of, numbers
from lm_eval_longctx.answers.numerals import in_digits, with_digits
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.answers.wrapping import lines_of, place_of
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, UNPARSED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.answers.wrapping import Place

_CREDIT = 0.75
_MOST_DIGITS = 15
"""Digits that a number may have; a longer one is a loop."""

_EQUALS = re.compile(r"(?:=|\bequals\b|\bmakes\b)(?=[^\d=]{0,12}\d)")
_LISTED = re.compile(r"^[ \t]*\d{1,4}[.)][ \t]+(?=\S)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_OUT_OF = re.compile(r"\bout of (?:the |a total of |all )*$")
_BARE = 2
"""Words of a line that gives a number and no more: *12 sales*."""

_ABOUT = re.compile(r"\b(?:at least|at most|more than|less than|fewer than|over|under)\s*$")


@dataclass(frozen=True)
class NumberRead:
    """Which number an answer gives.

    Attributes:
        value: The number; ``None`` where none or several are given.
        abstained: Whether the answer says that it cannot tell.
        why: Why there is no number; empty where there is one.
    """

    value: int | None
    abstained: bool = False
    why: str = ""


class TallyScorer(Scorer):
    """Compares a number or a name with the right one.

    Accepts one number, in digits or English words, wrapped or in a sentence; where ``labels`` are known, one of them.

    Reads from the sample: ``target``, ``labels`` (all names that could be meant; none where a number is asked),
    ``question`` and, where there, ``sampled`` (the answer that a tenth of the records would give).
    """

    METRICS = (
        Metric("accuracy", "1 if the right number or name, and no other, is given; else 0"),
        Metric("partial", "Oolong's credit: .75 to the power of the error of a number; of names 0 or 1"),
        Metric(
            "relative_error", "numbers only: error as a share of the right number, 1 at most", higher_is_better=False
        ),
        Metric("sampled", "accuracy of who reads a tenth of the records: a floor to compare with"),
        ABSTAINED,
    )
    READS = (
        Column("target", "the right number or name", required=True),
        Column("labels", "all names that could be meant; none where a number is asked", "texts"),
        Column("question", "what was asked: its numbers do not count as answers"),
        Column("sampled", "the answer that a tenth of the records would give"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a whole number, or one of the labels."""
        labels, target = sample.get("labels"), sample.get("target")
        if labels and (target not in labels or len(set(labels)) <= 1):
            raise ConfigError(f"the target must be one of at least two labels, not {target!r} of {labels!r}")
        if not labels and not (isinstance(target, str) and target.isdecimal()):
            raise ConfigError(f"without labels the target must be a whole number in digits, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric; ``relative_error`` is ``None`` unless a number was asked and given."""
        target = str(sample["target"])
        sampled = {"sampled": float(sample["sampled"] == target) if sample.get("sampled") else None}
        if sample.get("labels"):
            read = read_label(answer, sample["labels"], str(sample.get("question", "")))
            right = float(read.chosen == target)
            return {
                "accuracy": right,
                "partial": right,
                "relative_error": None,
                **sampled,
                "abstained": float(read.abstained),
            }
        given = read_number(answer, str(sample.get("question", "")))
        off = None if given.value is None else abs(given.value - int(target))
        return {
            "accuracy": float(off == 0),
            "partial": 0.0 if off is None else _CREDIT ** min(off, 1000),
            "relative_error": None if off is None else min(1.0, off / max(1, int(target))),
            **sampled,
            "abstained": float(given.abstained),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return what was given, and why nothing was."""
        kind = {"kind": sample["kind"]} if "kind" in sample else {}
        if sample.get("labels"):
            read = read_label(answer, sample["labels"], str(sample.get("question", "")))
            return {"given": read.chosen or None, UNPARSED: float(read.unparsed), "why": read.why, **kind}
        given = read_number(answer, str(sample.get("question", "")))
        return {"given": given.value, UNPARSED: float(bool(given.why)), "why": given.why, **kind}


def read_number(answer: str, question: str = "") -> NumberRead:
    """Return the number that an answer gives.

    Args:
        answer: As the model wrote it, thoughts taken off.
        question: What was asked, to know its echo.
    """
    place = place_of(answer)
    text = in_digits(normalise(place.text))
    text = claims.short_lines(claims.without_echo(text, normalise(question)))
    text = claims.corrected(text, [mark.start for mark in numbers(text)])
    lines = lines_of(text)
    found = _numbers("\n".join(lines))
    if len(found) > 1 and (stated := _stated(lines, place)) is not None:
        found = [stated]
    if len(found) == 1:
        return NumberRead(found[0])
    if found:
        return NumberRead(None, why=f"several numbers: {', '.join(map(str, found[:5]))}")
    gone = place.how == "null" or abstains(text)
    return NumberRead(None, gone, "" if gone else "no number is given")


def _stated(lines: list[str], place: Place) -> int | None:
    """Return which of several numbers is meant: of a sentence that was announced, of a line alone, or of the last line.

    Lines that each are a number alone are candidates, and none of them is meant.
    """
    if place.how in {"final", "answer"} and len(lines) == 1:
        first = _numbers(_SENTENCE.split(lines[0])[0])
        return first[0] if len(first) == 1 else _last(lines)
    bare = [_is_bare(line) for line in lines]
    if (alone := claims.alone(lines, bare, first=place.how == "whole")) is not None and len(
        found := _numbers(alone)
    ) == 1:
        return found[0]
    listing = _LISTED.match(place.text.rpartition("\n")[2])  # a list that was cut ends with an item, and with no answer
    return _last(lines) if sum(bare) <= 1 and not listing else None


def _is_bare(line: str) -> bool:
    """Whether a line is a number, or one of something, and no more."""
    words = claims.words(line).split()
    return 0 < len(words) <= _BARE and bool(_numbers(line)) and (len(words) == 1 or words[0].isdecimal())


def _last(lines: list[str]) -> int | None:
    """Return the number after the last equals sign of the last line, or the only one in that line."""
    line = lines[-1]
    parts = _EQUALS.split(line)
    found = _numbers(parts[-1])
    return found[0] if len(found) == 1 and (len(parts) > 1 or len(lines) > 1) else None


def _numbers(text: str) -> list[int]:
    """Return the different numbers that a normalised text claims, in order; those in words where none has digits."""
    marks = [m for m in numbers(text) if not claims.denied(text, m) and not _ABOUT.search(text[: m.start])]
    marks = [m for m in marks if not _OUT_OF.search(text[: m.start])]
    found = [int(mark.value) for mark in marks if len(mark.value) <= _MOST_DIGITS]
    if not found:
        words = with_digits(re.findall(r"[a-z]+", text))
        found = [int(word) for word in words if kind_of(word).value == "number"]
    return list(dict.fromkeys(found))
