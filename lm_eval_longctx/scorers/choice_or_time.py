"""Questions of two forms: one of several options, or a time.

An option is read as ``choice`` reads it. A time may be written as clocks do
(``12:34``, ``1:02:03``), with units (``12 minutes 34 seconds``, ``754 s``) or
as a bare number of seconds. Different times in one answer are none; of a time
that is given twice, as ``1:14 (74 seconds)``, the first counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.numerals import in_digits
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.answers.wrapping import lines_of, place_of
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, UNPARSED, Column, Metric, Scorer
from lm_eval_longctx.scorers.choice import ChoiceScorer

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)(?![\d:])")
_UNITS = re.compile(
    r"(?<![\d.])(?:(\d+)\s*h(?:ours?|rs?)?(?![a-z])[\s,]*(?:and\s*)?)?(?:(\d+(?:\.\d+)?)\s*m(?:in(?:ute)?s?)?(?![a-z])[\s,]*(?:and\s*)?)?"
    r"(?:(\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?(?![a-z]))?"
)
_BARE = re.compile(r"(?<![\d:.])(\d+(?:\.\d+)?)(?![\d:])")
_SAME = 1.0
"""Two ways of writing one time may differ by rounding."""


class ChoiceOrTimeScorer(Scorer):
    """Compares the chosen option, or the time that an answer gives, with the right one.

    Accepts a letter in any common form, or the option's own words; where no options are offered, one time, as a clock
    has it, with units, or in seconds.

    Reads from the sample: ``target`` (a letter, or a time), ``options`` (none where a time is asked) and
    ``tolerance`` (by how many seconds a time may be wrong).
    """

    METRICS = (
        Metric("accuracy", "1 if the right option, and no other, is chosen, or the time is right; else 0"),
        Metric("seconds_off", "times only: how far the given time is from the right one", higher_is_better=False),
        ABSTAINED,
    )
    READS = (
        Column("target", "the letter of the right option, or the right time", required=True),
        Column("options", "the texts of the options, the first of which is A; none where a time is asked", "texts"),
        Column("tolerance", "by how many seconds a time may be wrong", "number"),
    )
    LONGEST = MOST

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Keep the settings, and a reader of choices."""
        super().__init__(options)
        self._choice = ChoiceScorer({})

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is an option's letter, or a time."""
        if sample.get("options"):
            self._choice.validate(sample)
        elif len(times(str(sample.get("target")))) != 1 or not float(sample.get("tolerance") or 0) > 0:
            raise ConfigError(f"without options, target must be a time and tolerance above 0: {sample.get('target')!r}")

    def chance(self, sample: Mapping[str, Any]) -> float:
        """Return the share of one option of all, or of the times that count as right."""
        if sample.get("options"):
            return self._choice.chance(sample)
        return min(1.0, 2 * float(sample.get("tolerance") or 0) / float(sample.get("realised_length") or 1e9))

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric; ``seconds_off`` is ``None`` unless a time was asked and given."""
        if sample.get("options"):
            values = self._choice.score(sample, answer)
            return {"accuracy": values["accuracy"], "seconds_off": None, "abstained": values["abstained"]}
        given = times(answer)
        off = abs(given[0] - times(sample["target"])[0]) if len(given) == 1 else None
        gone = not given and abstains(normalise(place_of(answer).text))
        right = off is not None and off <= float(sample["tolerance"])
        return {"accuracy": float(right), "seconds_off": off, "abstained": float(gone)}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return what was chosen or given, and why nothing was."""
        if sample.get("options"):
            return self._choice.details(sample, answer)
        given = times(answer)
        gone = not given and abstains(normalise(place_of(answer).text))
        why = "" if len(given) == 1 or gone else "no time is given" if not given else "several times are given"
        kind = {"kind": sample["kind"]} if "kind" in sample else {}
        return {"given": given[0] if len(given) == 1 else None, UNPARSED: float(bool(why)), "why": why, **kind}


def times(answer: str) -> list[float]:
    """Return the different times that an answer gives, in seconds; those of its last line if that is nothing else."""
    lines = lines_of(in_digits(normalise(place_of(answer).text)))
    if len(lines) > 1 and len(last := _times(lines[-1])) == 1 and len(re.findall(r"[a-z]+", lines[-1])) <= 2:  # noqa: PLR2004 - units
        return last
    return _times("\n".join(lines))


def _times(text: str) -> list[float]:
    """Return a text's times: those with a colon or a unit, else its bare numbers."""
    found = [(m.start(), _seconds(*m.groups())) for m in _CLOCK.finditer(text)]
    rest = _CLOCK.sub(lambda m: " " * len(m[0]), text)
    found += [(m.start(), _seconds(*m.groups())) for m in _UNITS.finditer(rest) if any(m.groups())]
    if not found:
        found = [(m.start(), float(m[1])) for m in _BARE.finditer(rest)]
    different: list[float] = []
    for _, value in sorted(found):
        if all(abs(value - other) > _SAME for other in different):
            different.append(value)
    return different


def _seconds(hours: str | None, minutes: str | None, seconds: str | None) -> float:
    return 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(seconds or 0)
