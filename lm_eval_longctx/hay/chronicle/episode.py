"""What an event hands to the teller: slots to fill and facts that are then stated."""

from __future__ import annotations

from dataclasses import dataclass, field

Claim = tuple[str, str, str]
"""A relation, a subject and a value, before a sentence carries them."""


@dataclass
class Statement:
    """One sentence that states facts.

    Attributes:
        bank: The bank that words it, such as ``building.after``.
        occasion: The slots.
        claims: The facts that every plan of the bank states.
        corrects: The value that is taken back, in a correction.
    """

    bank: str
    occasion: dict[str, str]
    claims: list[Claim]
    corrects: str = ""


@dataclass
class Episode:
    """An event as a paragraph tells it.

    Attributes:
        kind: The file of plans.
        lead: The sentence that tells what happened.
        more: Further sentences that state facts, to follow the lead.
    """

    kind: str
    lead: Statement
    more: list[Statement] = field(default_factory=list)


def episode(kind: str, occasion: dict[str, str], claims: list[Claim]) -> Episode:
    """Return an episode whose lead comes from the bank of that kind."""
    return Episode(kind, Statement(f"{kind}.lead", occasion, claims))
