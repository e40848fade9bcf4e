"""What the chronicle states: small facts with the sentence that carries each.

A fact says that ``relation`` of ``subject`` is ``value``: ``built_year`` of
``the Heron Bridge at Orlmerford`` is ``412``. Numbers are kept as digits,
whatever the sentence spells.
"""

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


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of the text.

    Attributes:
        relation: One of ``RELATIONS``.
        subject: What it is about, spelt so that only one thing has that name.
        value: The statement's other end; numbers and years in digits.
        sentence: The number of the sentence that states it, from 0.
        corrects: The value that an earlier sentence gave wrongly and that
            this fact replaces; empty for a first statement.
    """

    relation: str
    subject: str
    value: str
    sentence: int
    corrects: str = ""


RELATIONS: dict[str, str] = {
    "mother": "a person's mother",
    "father": "a person's father",
    "birthplace": "where a person was born",
    "birth_year": "when a person was born",
    "spouse": "whom a person married",
    "wedding_place": "where a person was married",
    "wedding_year": "when a person was married",
    "trade": "a person's trade",
    "master": "who taught a person the trade",
    "trade_year": "when a person took up the trade",
    "office": "the office that a person took, with the place",
    "office_year": "when a person took the office",
    "predecessor": "whom a person followed in office",
    "death_place": "where a person died",
    "death_year": "when a person died",
    "death_cause": "what a person died of",
    "builder": "who built a work",
    "built_year": "when a work was finished",
    "cost": "what a work cost, in marks",
    "reason": "the calamity because of which a work was built",
    "journey": "where a person travelled; one fact a journey",
    "cargo": "what was carried on a journey",
    "journey_year": "when a journey was made",
    "holder": "who received a treasure; one fact each time it changed hands",
    "giver": "from whom a holder had a treasure",
    "gift_year": "when a holder received a treasure",
    "judge": "who judged a suit",
    "winner": "who won a suit",
    "matter": "what a suit was about",
    "suit_year": "when a suit was judged",
    "houses": "how many houses a calamity took",
    "shipbuilder": "who built a ship",
    "first_master": "a ship's first master",
    "launch_year": "when a ship was launched",
    "wreck_place": "off which place a ship was lost",
    "wreck_cargo": "what a ship carried when she was lost",
    "wreck_year": "when a ship was lost",
    "price": "what a measure of something cost at a market, in marks",
    "discoverer": "who discovered a spot",
    "found_year": "when a spot was discovered",
    "loan_sum": "the sum of a loan, in marks",
    "loan_purpose": "what a loan was for",
    "loan_year": "when a loan was made",
    "champion": "who won a contest",
    "prize": "what the winner of a contest was given",
    "author": "who wrote a book",
    "leaves": "how many leaves a book has",
    "book_year": "when a book was finished",
    "drafter": "who drew up a charter",
    "toll": "the toll that a charter sets, in farthings",
    "founder": "who founded a place",
    "founded": "when a place was founded",
    "known_for": "what a place is known for",
    "distance": "how many leagues lie between two places",
    "keeper": "who keeps a book of the chronicle",
}
"""Every relation, with what it means."""

CORRECTABLE: dict[str, str] = {
    "built_year": "{s} was finished in the year {v}",
    "cost": "{s} cost {v} marks",
    "builder": "{s} was built by {v}",
    "houses": "{s} took {v} houses",
    "birth_year": "{s} was born in the year {v}",
    "price": "{s} fetched {v} marks",
    "leaves": "{s} has {v} leaves",
    "toll": "{s} set the toll at {v} farthings",
    "discoverer": "{s} was discovered by {v}",
    "author": "{s} was written by {v}",
    "founded": "{s} was founded in the year {v}",
    "champion": "{s} was won by {v}",
    "launch_year": "{s} was launched in the year {v}",
    "found_year": "{s} was discovered in the year {v}",
}
"""Relations that the keeper may have got wrong, as the clause that says them again."""

NAMED = frozenset(("builder", "discoverer", "author", "champion"))
"""Correctable relations whose value is a person."""

YEARS = frozenset(("built_year", "birth_year", "founded", "launch_year", "found_year"))
"""Correctable relations whose value is a year, written in digits."""
