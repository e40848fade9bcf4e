"""One needle: does its value stand in the answer?

The Gemini 1.5 report's measure (arXiv 2403.05530, section 5.2.1.1): a needle is
found when the answer holds its value. Read strictly, see ``matching``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Metric, Scorer
from lm_eval_longctx.scorers.matching import (
    Kind,
    affirms,
    canonical,
    denies,
    kind_of,
    mentions,
    normalise,
    numbers,
    uuids,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEPT = 5


class RetrievalScorer(Scorer):
    """Compares an answer with the value of one needle.

    Reads from the sample: ``target`` (a text, or a list of accepted texts),
    ``absent`` (true where no needle was hidden) and, where there, ``distractors``
    (values of needles with other keys) and ``question``.
    """

    METRICS = (
        Metric("recall", "1 if the needle's value stands in the answer, or its absence is told; else 0"),
        Metric("exact", "1 if recall is 1 and no other value of the kind is named; else 0"),
        Metric("invented", "needle-absent samples only: 1 if the answer names a value; else 0", higher_is_better=False),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a text or a list of texts."""
        target = sample.get("target")
        accepted = [target] if isinstance(target, str) else target
        listed = isinstance(accepted, (list, tuple)) and all(isinstance(text, str) for text in accepted)
        if not sample.get("absent") and not (listed and accepted and all(text.strip() for text in accepted)):
            raise ConfigError(f"the target of a needle must be a text or a list of texts, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return ``recall``, ``exact`` and, for needle-absent samples, ``invented`` (else ``None``)."""
        text = normalise(answer)
        others = _others(sample, text)
        if sample.get("absent"):
            invented = bool(others) or (_affirmable(sample) and affirms(text))
            right = float(denies(text) and not invented)
            return {"recall": right, "exact": right, "invented": float(invented)}
        right = float(bool(mentions(_accepted(sample), text)))
        return {"recall": right, "exact": float(right and not others), "invented": None}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return which other values the answer named (at most five) and whether it denied the needle."""
        text = normalise(answer)
        return {"other_values": _others(sample, text)[:_KEPT], "said_absent": denies(text)}


def _accepted(sample: Mapping[str, Any]) -> Sequence[str]:
    target = sample.get("target") or ()
    return [target] if isinstance(target, str) else list(target)


def _distractors(sample: Mapping[str, Any]) -> list[str]:
    given = sample.get("distractors") or ()
    values = given.values() if isinstance(given, dict) else given
    return [value for value in values if isinstance(value, str) and value.strip()]


def _affirmable(sample: Mapping[str, Any]) -> bool:
    """Whether values of this needle cannot be told by their shape: they are words."""
    return sample.get("value_kind", "words") in {"word", "words"}


def _others(sample: Mapping[str, Any], text: str) -> list[str]:
    """Return the values in an answer that look like the needle's but are not, in order.

    Words have no shape: of them, only known distractors can be told.
    """
    models = [*(() if sample.get("absent") else _accepted(sample)), *_distractors(sample)]
    kinds = {kind_of(value) for value in models} | _declared_kind(sample)
    right = set() if sample.get("absent") else {canonical(value) for value in _accepted(sample)}
    asked = {m.value for m in numbers(normalise(str(sample.get("question", ""))))}
    found = mentions(_distractors(sample), text)
    if Kind.NUMBER in kinds:
        shortest = min((len(canonical(v)) for v in models if kind_of(v) is Kind.NUMBER), default=4)
        found += [m for m in numbers(text) if len(m.value) >= shortest and m.value not in asked]
    if Kind.UUID in kinds:
        found += uuids(text)
    ordered = [m.value for m in sorted(found, key=lambda m: m.start)]
    return [value for value in dict.fromkeys(ordered) if value not in right]


def _declared_kind(sample: Mapping[str, Any]) -> set[Kind]:
    names = {"numbers": Kind.NUMBER, "number": Kind.NUMBER, "uuids": Kind.UUID, "uuid": Kind.UUID}
    kind = names.get(str(sample.get("value_kind", "")))
    return {kind} if kind else set()
