"""All questions that a task is asked, and how they are put to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.check import answers, content, sameness, search, settings
from lm_eval_longctx.check.subject import FAILED, OK, SKIPPED, Skipped, Verdict
from lm_eval_longctx.errors import MissingExtraError
from lm_eval_longctx.harness.instances import LIKELIHOOD
from lm_eval_longctx.hay.estimating import SPEECH, estimating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lm_eval_longctx.check.subject import Subject


@dataclass(frozen=True)
class Row:
    """One question.

    Attributes:
        name: As tables show it.
        find: Answers it for a task; raises ``Skipped`` where it does not apply.
        needs_samples: Whether samples must have been made.
        about_answers: Whether it is about answers in words.
    """

    name: str
    find: Callable[[Subject], Verdict]
    needs_samples: bool = True
    about_answers: bool = False


def samples(subject: Subject) -> Verdict:
    """Can samples be made, and their targets be scored?"""
    count = len(subject.samples)
    return Verdict("samples", OK, f"{count} with these settings")


ROWS = (
    Row("readme", settings.readme, needs_samples=False),
    Row("samples", samples),
    Row("settings", settings.keys),
    Row("oracle", answers.oracle, about_answers=True),
    Row("blind floor", answers.blind, about_answers=True),
    Row("half the context", answers.half, about_answers=True),
    Row("needle", content.needle),
    Row("word search", search.word_search),
    Row("embedding search", search.embedding_search),
    Row("length", content.lengths),
    Row("label", content.label),
    Row("overlap", content.overlap),
    Row("distinct", sameness.distinct),
    Row("same bytes", sameness.same_bytes),
    Row("other seed", sameness.other_seed),
    Row("golden", sameness.golden),
)
"""In the order in which they are asked and shown."""


def check(subject: Subject) -> Iterator[Verdict]:
    """Put all questions to a task; what needs samples is left out once they cannot be made."""
    made = True
    for row in ROWS:
        if row.needs_samples and not made:
            yield Verdict(row.name, SKIPPED, "there are no samples")
            continue
        verdict = _asked(row, subject)
        made = made and not (row.name == "samples" and verdict.state != OK)
        yield verdict


def _asked(row: Row, subject: Subject) -> Verdict:
    try:
        if row.about_answers and subject.task.OUTPUT_TYPE == LIKELIHOOD:
            return Verdict(row.name, SKIPPED, "nothing is answered: the likelihood of a text is told")
        with estimating(*(() if subject.effort.media else (SPEECH,))):  # where no sound is made, nobody need speak
            return row.find(subject)
    except (Skipped, MissingExtraError) as reason:
        return Verdict(row.name, SKIPPED, str(reason))
    except Exception as error:  # noqa: BLE001 - a builder of others may raise anything, and the other questions stay
        return Verdict(row.name, FAILED, f"{type(error).__name__}: {error}")
