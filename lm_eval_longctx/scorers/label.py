"""Classification: which of the known labels does the answer give?

Read strictly: the first line that is not empty must name exactly one label,
or else the whole answer must. An answer that names none, or several, is
unparsed: counted as an outcome of its own and never guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Metric, Scorer, Unparsed
from lm_eval_longctx.scorers.matching import canonical, mentions, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LabelScorer(Scorer):
    """Compares the label that an answer gives with the right one.

    Reads from the sample: ``target`` and ``labels``, all labels that there are.
    """

    METRICS = (Metric("accuracy", "1 if the right label is given, else 0; unparsed answers are left out"),)

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is one of at least two labels."""
        labels, target = sample.get("labels"), sample.get("target")
        if not isinstance(labels, (list, tuple)) or len(set(labels)) <= 1 or target not in labels:
            raise ConfigError(f"the target must be one of at least two labels, not {target!r} of {labels!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return ``accuracy``.

        Raises:
            Unparsed: The answer gives no label, or more than one.
        """
        return {"accuracy": float(given(answer, sample["labels"]) == sample["target"])}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the label that was given."""
        return {"given": given(answer, sample["labels"])}


def given(answer: str, labels: Sequence[str]) -> str:
    """Return the label that an answer gives.

    Raises:
        Unparsed: It gives none, or more than one.
    """
    text = normalise(answer).strip()
    spelt = {canonical(label): label for label in labels}
    found = sorted(
        {m.value for m in mentions(labels, text.partition("\n")[0])} or {m.value for m in mentions(labels, text)}
    )
    if not found:
        raise Unparsed("no label")
    if len(found) > 1:
        raise Unparsed(f"more than one label: {', '.join(found)}")
    return spelt[found[0]]
