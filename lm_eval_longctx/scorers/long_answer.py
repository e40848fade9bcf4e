"""Long answers: is what is known to be right in it?

A first number that needs no judge and is no substitute for one: an answer of several sentences may name the right
thing and say something wrong of it. ``lm-eval-longctx judge`` compares such answers with each other, and with the
document claim by claim (Gemini 1.5 report, arXiv 2403.05530, section 5.2.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.matching import mentions
from lm_eval_longctx.answers.texts import answer_words, read_text
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.answers.values import text_of
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer
from lm_eval_longctx.scorers.exact_f1 import declines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMED = (("mentioned_retrieved", "retrieved"), ("mentioned_closed_book", "none"))


class LongAnswerScorer(Scorer):
    """Looks for the accepted answers in an answer of several sentences.

    Accepts any of them, in any usual spelling, anywhere in the answer. Where the document does not tell, accepts that
    the answer says so.

    Reads from the sample: ``target`` (a text or a list of accepted texts), ``absent``, ``context`` and ``control`` as
    ``exact_f1`` does.
    """

    METRICS = (
        Metric("mentioned", "1 if an accepted answer stands in the text, or its absence is told; else 0"),
        ABSTAINED,
        Metric("mentioned_retrieved", "mentioned, where passages stood in the place of the document"),
        Metric("mentioned_closed_book", "mentioned, where there was no document"),
    )
    READS = (
        Column("target", "the accepted short answers", "texts", required=True),
        Column("absent", "whether the document does not tell", "flag"),
        Column("context", "full, retrieved or none: what the question was asked with"),
        Column("control", "whether this answer is only for comparison", "flag"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a text or a list of texts with words in them."""
        accepted = _accepted(sample)
        if not accepted or not all(answer_words(str(text)) for text in accepted):
            raise ConfigError(
                f"the target of a question must be a text or a list of texts, not {sample.get('target')!r}"
            )
        asked = str(sample.get("question", ""))
        if not sample.get("absent") and mentions(accepted, text_of(asked)):
            raise ConfigError(
                f"a long answer may repeat its question, and this one names the right answer: {asked[:200]!r}"
            )

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric, ``None`` where it does not apply."""
        withheld = declines(read_text(answer, str(sample.get("question", ""))))
        told = bool(mentions(_accepted(sample), text_of(answer)))
        right = float(withheld if sample.get("absent") else told and not withheld)
        values = {"mentioned": right, "abstained": None if sample.get("absent") else float(withheld)}
        named = {name: right if sample.get("context") == context else None for name, context in _NAMED}
        return {**(dict.fromkeys(values) if sample.get("control") else values), **named}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return how many words the answer has, and whether there was nothing to read."""
        del sample
        words = len(answer_words(answer))
        return {"words": words, "unparsed": float(not words)}


def _accepted(sample: Mapping[str, Any]) -> Sequence[str]:
    target = sample.get("target") or ()
    return [target] if isinstance(target, str) else list(target)
