"""Classification: which of the known labels does the answer give?

Wrapping and reasoning come off first. An answer that gives several labels gives
none; abstaining and unreadable answers score 0; nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.choices import read_label
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping


class LabelScorer(Scorer):
    """Compares the label that an answer gives with the right one.

    Accepts one known label, wrapped or in a sentence, that is claimed and not denied.

    Reads from the sample: ``target`` and ``labels``, all labels that there are.
    """

    METRICS = (Metric("accuracy", "1 if the right label, and no other, is given; else 0"), ABSTAINED)
    READS = (
        Column("target", "the right label", required=True),
        Column("labels", "all labels that there are", "texts", required=True),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is one of at least two labels."""
        labels, target = sample.get("labels"), sample.get("target")
        if not isinstance(labels, (list, tuple)) or len(set(labels)) <= 1 or target not in labels:
            raise ConfigError(f"the target must be one of at least two labels, not {target!r} of {labels!r}")

    def chance(self, sample: Mapping[str, Any]) -> float:
        """Return the share of one label of all."""
        return 1 / len(set(sample["labels"]))

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return ``accuracy`` and ``abstained``."""
        read = read_label(answer, sample["labels"])
        return {"accuracy": float(read.chosen == sample["target"]), "abstained": float(read.abstained)}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the label that was given."""
        read = read_label(answer, sample["labels"])
        return {"given": read.chosen or None, "unparsed": float(read.unparsed), "why": read.why}
