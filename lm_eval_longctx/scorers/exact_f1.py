"""Short answers: is it the right one, and how many of its words are?

The headline, ``exact``, reads the answer first: wrapping comes off, and what
is left must say an accepted answer and nothing else but words of the question.
``squad_exact`` and ``squad_f1`` are SQuAD's own (arXiv 1606.05250, section 5)
on the answer as it came: case, punctuation and the articles do not count, and
nothing else is forgiven.

Where the document does not tell (``absent`` in the sample) the right answer is
to say so. Empty answers are wrong, never unscored.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.texts import TextRead, answer_words, read_text, states
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOT_TOLD = "not told"
_NAMED = (("exact_retrieved", "retrieved"), ("exact_closed_book", "none"))
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NO_MARKS = str.maketrans("", "", string.punctuation)


class ExactF1Scorer(Scorer):
    """Compares a short answer with the accepted ones.

    Accepts an accepted text, numbers in digits or English words, in a sentence of the question's own words,
    wrapped or not; no alternative and no denial beside it.

    Reads from the sample: ``target`` (a text or a list of accepted texts) and
    ``absent`` (true where the document does not tell); of tasks that ask a
    question in several contexts also ``context`` (``full``, ``retrieved``,
    ``none``) and ``control`` (true where this one is not what is measured:
    then only the metric that bears its name counts it).
    """

    METRICS = (
        Metric("exact", "1 if the answer says an accepted one and nothing else; else 0"),
        Metric("f1", "overlap of the answer's words, as it was read, with the nearest accepted answer, 0 to 1"),
        Metric("squad_exact", "SQuAD's exact match of the whole answer, 0 or 1"),
        Metric("squad_f1", "SQuAD's F1 of the whole answer, 0 to 1"),
        Metric("invented", "unanswerable questions only: 1 if an answer was given; else 0", higher_is_better=False),
        Metric(
            "abstained",
            "answerable questions only: 1 if it is said that it is not told; else 0",
            higher_is_better=False,
        ),
        Metric("exact_retrieved", "exact, where passages stood in the place of the document"),
        Metric("exact_closed_book", "exact, where there was no document"),
    )
    READS = (
        Column("target", "the accepted answers; what is said where it is not told", "texts", required=True),
        Column("absent", "whether the document does not tell", "flag"),
        Column("question", "what was asked: its words do not count as part of an answer"),
        Column("context", "full, retrieved or none: what the question was asked with"),
        Column("control", "whether this answer is only for comparison", "flag"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a text or a list of texts with words in them."""
        target = _accepted(sample)
        if not target or not all(map(_has_words, target)):
            raise ConfigError(
                f"the target of a question must be a text or a list of texts, not {sample.get('target')!r}"
            )

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric, ``None`` where it does not apply."""
        values = self._compared(sample, answer)
        named = {name: values["exact"] if sample.get("context") == context else None for name, context in _NAMED}
        return {**(dict.fromkeys(values) if sample.get("control") else values), **named}

    def _compared(self, sample: Mapping[str, Any], answer: str) -> dict[str, float | None]:
        question = str(sample.get("question", ""))
        read = read_text(answer, question)
        accepted = _accepted(sample)
        withheld = declines(read)
        whole, rights = squad_words(answer), [squad_words(right) for right in accepted]
        squad = {
            "squad_exact": float(whole in rights),
            "squad_f1": max((overlap(whole, right) for right in rights), default=0.0),
        }
        if sample.get("absent"):
            told = dict.fromkeys(("exact", "f1"), float(withheld))
            return {**told, **squad, "invented": float(not withheld), "abstained": None}
        right = not withheld and any(states(read.text, text, question) for text in accepted)
        given = answer_words(read.text)
        return {
            "exact": float(right),
            "f1": 1.0 if right else max(overlap(given, answer_words(text)) for text in accepted),
            **squad,
            "invented": None,
            "abstained": float(withheld),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the answer as it was compared, and where it stood."""
        read = read_text(answer, str(sample.get("question", "")))
        unparsed = float(read.unparsed)
        return {"compared": " ".join(answer_words(read.text))[:200], "how": read.how, "unparsed": unparsed}


def _accepted(sample: Mapping[str, Any]) -> Sequence[str]:
    target = sample.get("target") or ()
    return [target] if isinstance(target, str) else list(target)


def _has_words(text: object) -> bool:
    return isinstance(text, str) and bool(answer_words(text))


def declines(read: TextRead) -> bool:
    """Whether an answer says that the document does not tell."""
    return read.abstained or normalise(read.text).strip(" .") == _NOT_TOLD


def squad_words(text: str) -> list[str]:
    """Return the words of a text as SQuAD's own evaluation counts them."""
    return _ARTICLE.sub(" ", text.lower().translate(_NO_MARKS)).split()


def overlap(given: Sequence[str], right: Sequence[str]) -> float:
    """Return the F1 of two bags of words; 0 if either is empty."""
    shared = sum((Counter(given) & Counter(right)).values())
    return 2 * shared / (len(given) + len(right)) if shared else 0.0
