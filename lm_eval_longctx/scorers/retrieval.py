"""One needle: does the answer claim its value?

The headline is strict: the value is claimed, and no other. The field's laxer
measures stand beside it under their own names, so that published figures stay
comparable: ``recall`` (Gemini 1.5 report, arXiv 2403.05530, section 5.2.1.1:
the value stands in the answer) and ``ruler`` (RULER, arXiv 2404.06654: the
value's characters stand in it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.matching import Kind, canonical, mentions
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.answers.values import ValueRead, Wanted, read_value, text_of
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEPT = 5
_KINDS = {"numbers": Kind.NUMBER, "number": Kind.NUMBER, "uuids": Kind.UUID, "uuid": Kind.UUID}


class RetrievalScorer(Scorer):
    """Compares an answer with the value of one needle.

    Accepts the value in any usual spelling and wrapping, as the only one that
    the answer claims. Where no needle is hidden, accepts that the answer says so
    and claims no value.

    Reads from the sample: ``target`` (a text, or a list of accepted texts),
    ``absent`` (true where no needle was hidden) and, where there, ``distractors``
    (values of needles with other keys), ``value_kind`` and ``question``.
    """

    METRICS = (
        Metric("exact", "1 if the answer claims the needle's value, or its absence, and nothing else; else 0"),
        Metric("recall", "the report's: 1 if the needle's value stands in the answer, or its absence is told; else 0"),
        Metric("ruler", "RULER's: 1 if the value's characters stand in the answer, absent ones left out; else 0"),
        Metric("invented", "needle-absent samples only: 1 if the answer names a value; else 0", higher_is_better=False),
        ABSTAINED,
    )
    READS = (
        Column(
            "target",
            "the needle's value, or several accepted spellings; empty where none is hidden",
            "texts",
            required=True,
        ),
        Column("absent", "whether no needle was hidden", "flag"),
        Column("distractors", "values of needles with other keys", "texts"),
        Column("value_kind", "number, uuid or word; needed where none is hidden"),
        Column("question", "what was asked, to know its echo"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a text or a list of texts."""
        target = sample.get("target")
        accepted = [target] if isinstance(target, str) else target
        listed = isinstance(accepted, (list, tuple)) and all(isinstance(text, str) for text in accepted)
        if not sample.get("absent") and not (listed and accepted and all(text.strip() for text in accepted)):
            raise ConfigError(f"the target of a needle must be a text or a list of texts, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric, ``None`` where it does not apply."""
        read = _read(sample, answer)
        if sample.get("absent"):
            right, invented = float(read.abstained), float(bool(read.claimed))
            return {"exact": right, "recall": right, "ruler": None, "invented": invented, "abstained": None}
        accepted = _accepted(sample)
        right = len(read.claimed) == 1 and read.claimed[0] in set(map(canonical, accepted))
        return {
            "exact": float(right),
            "recall": float(bool(mentions(accepted, text_of(answer)))),
            "ruler": float(any(text.lower() in answer.lower() for text in accepted)),
            "invented": None,
            "abstained": float(read.abstained),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return what the answer claims, where it stood, and which other values it names (at most five)."""
        read = _read(sample, answer)
        return {
            "claimed": list(read.claimed[:_KEPT]),
            "how": read.how,
            "other_values": list(read.named[:_KEPT]),
            "said_absent": read.abstained,
            "unparsed": float(read.unparsed),
        }


def _read(sample: Mapping[str, Any], answer: str) -> ValueRead:
    kind = _KINDS.get(str(sample.get("value_kind", "")))
    wanted = Wanted(
        accepted=() if sample.get("absent") else tuple(_accepted(sample)),
        others=tuple(_distractors(sample)),
        kinds=frozenset({kind} if kind else {Kind.TEXT} if sample.get("absent") else ()),
        question=str(sample.get("question", "")),
    )
    return read_value(answer, wanted)


def _accepted(sample: Mapping[str, Any]) -> Sequence[str]:
    target = sample.get("target") or ()
    return [target] if isinstance(target, str) else list(target)


def _distractors(sample: Mapping[str, Any]) -> list[str]:
    given = sample.get("distractors") or ()
    values = given.values() if isinstance(given, dict) else given
    return [value for value in values if isinstance(value, str) and value.strip()]
