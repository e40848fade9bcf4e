"""What is known of a question before it is asked: its request, its name, and what the ledger has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.ledger import Standing
    from lm_eval_longctx.ledger.records import Final
    from lm_eval_longctx.providers.base import Request


class AskedElsewhere(Exception):  # noqa: N818 - not an error: somebody else is asking the same
    """Another task or process is asking this question just now."""

    def __init__(self, key: str) -> None:
        """Keep the key of the call."""
        super().__init__(key)
        self.key = key


class BeyondBudgetError(Exception):
    """The worst case of a call does not fit into what is left of the budget that several runs share."""

    def __init__(self, *, may_come_back: bool) -> None:
        """Keep whether it might fit later."""
        super().__init__(may_come_back)
        self.may_come_back = may_come_back


class Prepared(NamedTuple):
    """A job that was rendered and looked up.

    Attributes:
        request: What will be asked.
        key: Its name in the ledger.
        identity: All that decides the answer.
        standing: What the ledger knows about it.
        checked: Whether the provider, once started, has said that it can take it.
        earlier: The verdict of an earlier run that does not settle the question any more, if there is one.
        former: Whether an earlier version asked it, with settings of its own.
    """

    request: Request
    key: str
    identity: Mapping[str, Any]
    standing: Standing
    checked: bool
    earlier: Final | None = None
    former: bool = False


def still(earlier: Completion, detail: str) -> Completion:
    """Return the outcome of an earlier run, which stands since asking again did not get through."""
    return earlier.changed(notes=(*earlier.notes, f"asked again, which did not get through: {detail}"))
