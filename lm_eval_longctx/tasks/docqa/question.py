"""What a question is, and what answers it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.tasks.docqa.statements import Statements

Question = dict[str, Any]
"""A question as plain values: its ``kind`` and what that kind needs."""


@dataclass(frozen=True)
class Solution:
    """The one right answer to a question about a document.

    Attributes:
        accepted: Spellings of the answer, the one to print first.
        evidence: Sentences that must be read to know it, in no order.
        main: The sentence that settles it, by which its depth is told.
    """

    accepted: tuple[str, ...]
    evidence: tuple[int, ...]
    main: int


class Kind(ABC):
    """One kind of question.

    Attributes:
        NAME: As users spell it.
    """

    NAME: ClassVar[str]

    @abstractmethod
    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Return a question at random; ``None`` if this try found none."""

    @abstractmethod
    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the answer; ``None`` if the document does not give exactly one."""

    @abstractmethod
    def text(self, question: Question) -> str:
        """Return the question in words."""
