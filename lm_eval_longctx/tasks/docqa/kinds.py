"""All kinds of question, and how one is chosen for a place in a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.docqa.across import Comparison, Count, Order
from lm_eval_longctx.tasks.docqa.direct import Bridge, Corrected, Single, Unanswerable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution, Statements

KINDS: dict[str, Kind] = {
    kind.NAME: kind for kind in (Single(), Bridge(), Comparison(), Count(), Order(), Corrected(), Unanswerable())
}
"""Kinds by name, in the order in which a sweep asks them."""

_ENOUGH = 64
_ATTEMPTS = 512


def candidates(kind: Kind, told: Statements, depth: float, rng: Rng) -> Iterator[tuple[Question, Solution]]:
    """Yield different questions with their answers, those near a depth first.

    Args:
        kind: What to ask.
        told: The document.
        depth: Where the sentence that settles the answer should stand, in [0, 1].
        rng: Chooses.
    """
    found: dict[str, tuple[float, Question, Solution]] = {}
    for _ in range(_ATTEMPTS):
        if len(found) >= _ENOUGH:
            break
        question = kind.propose(told, rng)
        solution = kind.solve(question, told) if question else None
        if question and solution:
            distance = abs(told.depth(solution.main) - depth)
            found.setdefault(kind.text(question), (distance, question, solution))
    for _, question, solution in sorted(found.values(), key=lambda entry: entry[0]):
        yield question, solution
