"""How questions are put in words."""

from __future__ import annotations

ASK: dict[str, str] = {
    "mother": "Who was the mother of {s}?",
    "father": "Who was the father of {s}?",
    "birthplace": "Where was {s} born?",
    "birth_year": "In which year was {s} born?",
    "spouse": "Whom did {s} marry?",
    "wedding_place": "Where was {s} married?",
    "wedding_year": "In which year was {s} married?",
    "trade": "What was the trade of {s}?",
    "master": "Who taught {s} a trade?",
    "trade_year": "In which year did {s} begin to learn a trade?",
    "office": "Which office did {s} take up, and of which place?",
    "office_year": "In which year did {s} take office?",
    "predecessor": "Whom did {s} follow in office?",
    "death_place": "Where did {s} die?",
    "death_year": "In which year did {s} die?",
    "death_cause": "What did {s} die of?",
    "builder": "Who built {s}?",
    "built_year": "In which year was {s} finished?",
    "cost": "How many marks did {s} cost?",
    "reason": "Because of which calamity was {s} built?",
    "cargo": "What was carried on {s}?",
    "journey_year": "In which year was {s} made?",
    "giver": "From whom did {who} receive {thing}?",
    "gift_year": "In which year did {who} receive {thing}?",
    "judge": "Who judged {s}?",
    "winner": "Who won {s}?",
    "matter": "What was {s} about?",
    "suit_year": "In which year was {s} judged?",
    "houses": "How many houses were lost in {s}?",
    "shipbuilder": "Who built {s}?",
    "first_master": "Who was the first master of {s}?",
    "launch_year": "In which year was {s} launched?",
    "wreck_place": "Off which place was {s} lost?",
    "wreck_cargo": "What did {s} carry when she was lost?",
    "wreck_year": "In which year was {s} lost?",
    "price": "How many marks was the price of {s}?",
    "discoverer": "Who discovered {s}?",
    "found_year": "In which year was {s} discovered?",
    "loan_sum": "How many marks was {s}?",
    "loan_purpose": "What was {s} for?",
    "loan_year": "In which year was {s} made?",
    "champion": "Who won {s}?",
    "prize": "What was the prize at {s}?",
    "author": "Who wrote {s}?",
    "leaves": "How many leaves has {s}?",
    "book_year": "In which year was {s} finished?",
    "drafter": "Who drew up {s}?",
    "toll": "How many farthings is the toll in {s}?",
    "founder": "Who founded {s}?",
    "founded": "In which year was {s} founded?",
    "known_for": "For what is {s} known?",
    "distance": "How many leagues lie between {s}?",
}
"""One question for each relation that can be asked about."""

STEPS: dict[str, str] = {
    "mother": "the mother of {s}",
    "father": "the father of {s}",
    "master": "the one who taught {s} a trade",
    "spouse": "the husband or wife of {s}",
    "predecessor": "the one whom {s} followed in office",
    "builder": "the builder of {s}",
    "judge": "the judge of {s}",
    "shipbuilder": "the builder of {s}",
    "first_master": "the first master of {s}",
    "discoverer": "the discoverer of {s}",
    "champion": "the winner of {s}",
    "author": "the author of {s}",
    "drafter": "the one who drew up {s}",
    "founder": "the founder of {s}",
    "birthplace": "the birthplace of {s}",
    "wedding_place": "the place where {s} was married",
    "death_place": "the place where {s} died",
    "wreck_place": "the place off which {s} was lost",
    "reason": "the calamity because of which {s} was built",
}
"""The first step of a bridge: a phrase that names a person, place or calamity by another thing."""

TO_SECOND: tuple[str, ...] = tuple(
    (
        "mother father birthplace birth_year spouse wedding_place wedding_year trade master office office_year "
        "predecessor death_place death_year death_cause founder founded known_for houses"
    ).split()
)
"""What the second step of a bridge may ask about the thing that the first one names."""

MORE: dict[str, str] = {
    "cost": "Which cost more: {a} or {b}?",
    "houses": "In which were more houses lost: {a} or {b}?",
    "leaves": "Which has more leaves: {a} or {b}?",
    "toll": "Which sets the higher toll: {a} or {b}?",
    "loan_sum": "Which was the larger sum: {a} or {b}?",
    "price": "Which fetched the higher price: {a} or {b}?",
}
"""Comparisons whose answer is the greater."""

EARLIER: dict[str, str] = {
    "birth_year": "Who was born in the earlier year: {a} or {b}?",
    "founded": "Which was founded in the earlier year: {a} or {b}?",
}
"""Comparisons whose answer is the lesser; of dates that the keeper looks back to."""

COUNTED: dict[str, str] = {
    "father": "the birth of {s}",
    "built_year": "the finishing of {s}",
    "launch_year": "the launching of {s}",
    "wreck_year": "the loss of {s}",
    "found_year": "the discovery of {s}",
    "book_year": "the finishing of {s}",
    "wedding_year": "the wedding of {s}",
    "death_year": "the death of {s}",
    "office_year": "the taking of office by {s}",
    "suit_year": "the judgment in {s}",
}
"""Events that the keeper tells of when they happen, by a relation that only this tells of."""

EVENTS: dict[str, str] = {
    **COUNTED,
    "birth_year": "the birth of {s}",
    "founded": "the founding of {s}",
}
"""All events that questions name."""

TELLS_OF = "How many of these twelve events does the text tell of: {events}; and {last}?"
OFFICE_HOLDER = "Who took up the office of {s}?"

NOT_TOLD = "not told"


def ask(relation: str, subject: str) -> str:
    """Return the question for what a statement says."""
    thing, _, who = subject.partition(" in the hands of ")
    return ASK[relation].format(s=subject, thing=thing, who=who)
