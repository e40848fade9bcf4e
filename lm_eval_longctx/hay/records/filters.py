"""Which records a question is about, and how it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lm_eval_longctx.hay.records.world import TRADES

if TYPE_CHECKING:
    from lm_eval_longctx.hay.records.world import Record

PLURAL = {
    "": "entries about goods",
    "delivery": "deliveries",
    "sale": "sales",
    "loan": "loans",
    "loss": "losses",
    "order": "orders",
}


class Filter(NamedTuple):
    """Which records about goods are meant; an empty value leaves that open.

    Attributes:
        kind: One of ``TRADES``; empty for all of them.
        who: A person.
        what: A ware.
        where: A place.
        amount: So many measures exactly.
    """

    kind: str = ""
    who: str = ""
    what: str = ""
    where: str = ""
    amount: int = 0

    def takes(self, record: Record) -> bool:
        """Whether a record is meant."""
        return (
            (record.kind == self.kind if self.kind else record.kind in TRADES)
            and self.who in ("", record.who)
            and self.what in ("", record.what)
            and self.where in ("", record.where)
            and self.amount in (0, record.amount)
        )

    @property
    def words(self) -> str:
        """The meant entries in words, in the plural: ``sales of tar by Rose Cooper at or for the smithy``."""
        goods = f" of {self.what}" if self.what else ""
        person = f" by {self.who}" if self.who else ""
        place = f" at or for {self.where}" if self.where else ""
        amount = f" with an amount of exactly {self.amount}" if self.amount else ""
        return f"{PLURAL[self.kind]}{goods}{person}{place}{amount}"


def bare(name: str) -> str:
    """Return a name without its article, which an answer may leave out."""
    return name.removeprefix("the ")
