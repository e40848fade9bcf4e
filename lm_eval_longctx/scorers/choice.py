"""Multiple choice: which option does the answer choose?

An answer chooses by the letter, in any common form ("The answer is B", "(B)
because", "option B", JSON), or by an option's own words where they fit only
one. Two different choices are none. Abstaining and unreadable answers score 0;
nothing is guessed.

The form that is asked for, "Final Answer: (X)", is that of 1H-VideoQA (Gemini
1.5, arXiv 2403.05530, section 5.2.2.1); ``strict`` counts only answers in it.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.choices import read_choice
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, NoKey, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST = string.ascii_uppercase.index("X")
"""``Final Answer: (X)`` quotes the instructions; X is never an option."""

_ASKED = re.compile(r"final\s+answer\s{0,3}:\s{0,3}\(([A-WYZ])\)", re.IGNORECASE)


class ChoiceScorer(Scorer):
    """Compares the chosen option with the right one.

    Accepts a letter in any common form, or the option's own words; one choice only.

    Reads from the sample: ``target`` (a letter, or ``None`` if nobody knows) and ``options`` (the texts,
    the first of which is A).
    """

    METRICS = (
        Metric("accuracy", "1 if the right option, and no other, is chosen; else 0"),
        Metric("strict", "the report's: 1 if the right option is chosen as 'Final Answer: (X)'; else 0"),
        ABSTAINED,
    )
    READS = (
        Column("target", "the letter of the right option", required=True),
        Column("options", "the texts of the options, the first of which is A", "texts", required=True),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is the letter of one of the options."""
        options, target = sample.get("options"), sample.get("target")
        if not isinstance(options, (list, tuple)) or not 1 < len(options) < _MOST:
            raise ConfigError(f"a multiple-choice sample needs 2 to {_MOST - 1} options, not {options!r}")
        if target is not None and target not in list(_letters(options)):
            raise ConfigError(f"the target {target!r} is not the letter of an option; use one of {_letters(options)}")

    def chance(self, sample: Mapping[str, Any]) -> float:
        """Return the share of one option of all."""
        return 1 / len(sample["options"])

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric.

        Raises:
            NoKey: The data set keeps the right option secret, and there is nothing to compare with.
        """
        if sample["target"] is None:
            raise NoKey("the data set has no answer key: a prediction only")
        read = read_choice(answer, sample["options"])
        asked = {letter.upper() for letter in _ASKED.findall(answer)}
        return {
            "accuracy": float(read.chosen == sample["target"]),
            "strict": float(asked == {sample["target"]}),
            "abstained": float(read.abstained),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the chosen letter and where it stood, and the kind of question where there are kinds."""
        kind = {"kind": sample["kind"]} if "kind" in sample else {}
        read = read_choice(answer, sample["options"])
        return {
            "chosen": read.chosen or None,
            "how": read.how,
            "unparsed": float(read.unparsed),
            "why": read.why,
            **kind,
        }


def _letters(options: Sequence[str]) -> str:
    return string.ascii_uppercase[: len(options)]
