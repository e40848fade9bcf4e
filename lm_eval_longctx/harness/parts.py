"""Samples that are asked in parts: a request each, and one answer made of all.

A recording may be cut into pieces, because many recognisers take no more than
30 seconds. lm-eval lets a document have several requests; the answers meet
again here. Where one part has no answer, the sample has none: a recording that
lacks a piece is not one that was written down wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.sample import recipe_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.tasks.base import Builder


class Parts:
    """The parts of a task's samples, made once each."""

    def __init__(self) -> None:
        """Begin with none."""
        self._of: dict[str, Sequence[Sample]] = {}

    def of(self, sample: Sample, builder: Builder[Any], options: Mapping[str, Any]) -> Sequence[Sample]:
        """Return what is asked for a sample: itself, or its parts, each with the digest of its recipe."""
        if sample["id"] not in self._of:
            made: Sequence[Sample] = builder.parts(sample)
            if len(made) > 1 or made[0]["id"] != sample["id"]:
                made = [{**part, "recipe_digest": recipe_digest(part, options)} for part in made]
            self._of[sample["id"]] = made
        return self._of[sample["id"]]


def takes(results: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the answers to all parts of a sample, once for each time that it was asked.

    Args:
        results: One for each request: an answer, or with ``repeats`` several.
    """
    rows = [result if isinstance(result, (list, tuple)) else [result] for result in results]
    return list(zip(*rows, strict=True))


def joined(answers: Sequence[Completion], is_scored: Callable[[Outcome], bool]) -> Completion:
    """Return one answer made of those to all parts.

    The first part that is not scored, or is refused, gives the outcome of
    all: whatever a refusal of the whole counts as, one of a part says nothing
    of what the others wrote down.

    Args:
        answers: In order.
        is_scored: Whether an answer with this outcome goes to the scorer.
    """
    outcomes = [answer.outcome for answer in answers]
    lacking = [n for n, o in enumerate(outcomes) if o is Outcome.REFUSED or not is_scored(o)]
    marked = lacking or [n for n, o in enumerate(outcomes) if o is not Outcome.COMPLETE]
    counts = [answer.counted_tokens for answer in answers]
    return Completion(
        "\n".join(answers),
        outcomes[marked[0]] if marked else Outcome.COMPLETE,
        sum((answer.usage for answer in answers), Usage()),
        _told(answers, marked),
        seconds=sum(answer.seconds for answer in answers),
        attempts=sum(answer.attempts for answer in answers),
        notes=tuple(dict.fromkeys(note for answer in answers for note in answer.notes)),
        replayed=all(answer.replayed for answer in answers),
        counted_tokens=None if None in counts else sum(count for count in counts if count is not None),
    )


def _told(answers: Sequence[Completion], marked: Sequence[int]) -> str:
    """Say which parts have no answer, or none to its end, and why the first of them has none."""
    if not marked:
        return ""
    more = f" and {len(marked) - 1} more" if len(marked) > 1 else ""
    first = answers[marked[0]]
    return f"part {marked[0] + 1}{more} of {len(answers)}: {first.detail or first.outcome.value}"
