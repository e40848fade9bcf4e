"""Reads a chronicle's facts back from its text, knowing its plans but nothing of its world.

The inverse of telling: every plan that states facts becomes a pattern, and a
sentence that fits one gives what stands in its gaps.
"""

from __future__ import annotations

import re
from functools import cache

from lm_eval_longctx.hay.chronicle.facts import CORRECTABLE, Fact
from lm_eval_longctx.hay.chronicle.grammar import Choice, Draw, Phrase, Shaped, Slot, load_banks
from lm_eval_longctx.hay.chronicle.words import number_words

PERSON = r"[A-Z][a-z]+ [A-Z][a-z]+"
PLACE = r"[A-Z][a-z]+"
DATE = r"(?:[Oo]n|[Ii]n) (?:the |[A-Z])[A-Za-z0-9 ]+? year \d+"
NUMBER = r"[A-Za-z -]+?"
ROLES = {
    **dict.fromkeys("who whom mother father judge winner founder parent".split(), PERSON),
    **dict.fromkeys("place dest off near birthplace".split(), PLACE),
    **dict.fromkeys("year founded born".split(), r"\d+"),
    **dict.fromkeys("cost houses price amount toll pages leagues".split(), NUMBER),
    "date": DATE,
    "market": rf"[Tt]he \w+ market of \d+ at {PLACE}",
    "contest": rf"[Tt]he [a-z -]+ of \d+ at {PLACE}",
    **dict.fromkeys("he his him himself".split(), r"[A-Za-z]+"),
    "given": r"[A-Z][a-z]+",
}
DRAWN = {"aname": r"[A-Z][a-z]+", "few": r"[A-Za-z]+", "dozen": r"[A-Za-z-]+", "weather": ".+?"}
COMMON_NOUNS = frozenset("illness cargo prize matter purpose measure known trade office".split())
NUMBERS = {number_words(n): str(n) for n in range(2000)}

CLAIMS = {
    "birth.lead": "mother:{who}:{mother} father:{who}:{father} birthplace:{who}:{place} birth_year:{who}:{year}",
    "wedding.lead": (
        "spouse:{who}:{whom} spouse:{whom}:{who} wedding_place:{who}:{place} wedding_year:{who}:{year} "
        "wedding_place:{whom}:{place} wedding_year:{whom}:{year}"
    ),
    "trade.lead": "trade:{who}:{trade} master:{who}:{whom} trade_year:{who}:{year}",
    "office.lead": "office:{who}:{office}_of_{place} office_year:{who}:{year} predecessor:{who}:{whom}",
    "gift.lead": (
        "holder:{treasure}:{who} giver:{treasure}_in_the_hands_of_{who}:{whom} "
        "gift_year:{treasure}_in_the_hands_of_{who}:{year}"
    ),
    "death.lead": "death_place:{who}:{place} death_year:{who}:{year} death_cause:{who}:{illness}",
    "building.lead": "builder:{work}:{who} cost:{work}:{cost} built_year:{work}:{year}",
    "building.after": "reason:{work}:{reason}",
    "journey.lead": (
        "journey:{who}:{dest} cargo:the_journey_of_{who}_to_{dest}:{cargo} "
        "journey_year:the_journey_of_{who}_to_{dest}:{year}"
    ),
    "ship.lead": "shipbuilder:{ship}:{whom} first_master:{ship}:{who} launch_year:{ship}:{year}",
    "wreck.lead": "wreck_place:{ship}:{off} wreck_cargo:{ship}:{cargo} wreck_year:{ship}:{year}",
    "find.lead": "discoverer:{spot}:{who} found_year:{spot}:{year}",
    "contest.lead": "champion:{contest}:{who} prize:{contest}:{prize}",
    "book.lead": "author:{book}:{who} leaves:{book}:{pages} book_year:{book}:{year}",
    "suit.lead": (
        "judge:the_suit_of_{who}_against_{whom}:{judge} winner:the_suit_of_{who}_against_{whom}:{winner} "
        "matter:the_suit_of_{who}_against_{whom}:{matter} suit_year:the_suit_of_{who}_against_{whom}:{year}"
    ),
    "disaster.lead": "houses:{disaster}:{houses}",
    "market.lead": "price:{measure}_at_{market}:{price}",
    "loan.lead": (
        "loan_sum:the_loan_of_{whom}_to_{who}:{amount} loan_purpose:the_loan_of_{whom}_to_{who}:{purpose} "
        "loan_year:the_loan_of_{whom}_to_{who}:{year}"
    ),
    "charter.lead": "drafter:{charter}:{who} toll:{charter}:{toll}",
    "settle.lead": "founder:{place}:{founder} founded:{place}:{founded} known_for:{place}:{known}",
    "settle.near": "distance:{place}_and_{near}:{leagues}",
    "intro.trade": "trade:{who}:{trade}",
    "intro.born": "birthplace:{who}:{birthplace} birth_year:{who}:{born}",
    "intro.kin": "mother:{who}:{parent}",
    "keeper.lead": "keeper:the_{book_number}_book_of_the_chronicle:{who}",
}


def _pattern(parts, seen):
    """Turn a plan into a regular expression with a group for each slot's first place."""
    out = []
    for part in parts:
        article = isinstance(part, Shaped) and part.article
        inner = part.part if isinstance(part, Shaped) else part
        if isinstance(inner, str):
            out.append(re.escape(inner))
        elif isinstance(inner, Choice):
            out.append(f"(?:{'|'.join(_pattern(option, seen) for option in inner.options)})")
        elif isinstance(inner, Draw):
            out.append(DRAWN[inner.name])
        elif isinstance(inner, Phrase):
            out.append(".+?")
        else:
            assert isinstance(inner, Slot)
            group = "?:" if inner.name in seen else f"?P<{inner.name}>"
            seen.add(inner.name)
            out.append(f"{'[Aa]n? ' if article else ''}({group}{ROLES.get(inner.name, '.+?')})")
    return "".join(out)


@cache
def patterns():
    """Return (bank, pattern) for every plan that states something."""
    found = load_banks()
    return [(bank, re.compile(_pattern(plan, set()))) for bank in [*CLAIMS, "emend.lead"] for plan in found[bank].plans]


@cache
def clauses():
    """Return (relation, pattern) for every clause that a correction can hold."""
    return [
        (relation, re.compile(re.escape(form).replace(r"\{s\}", "(?P<s>.+?)").replace(r"\{v\}", "(?P<v>.+?)")))
        for relation, form in CORRECTABLE.items()
    ]


def _small(text, slot=""):
    """Undo the capital that a sentence's beginning gives."""
    first = text.split(" ")[0]
    begins = slot in COMMON_NOUNS or first in {"The", "A", "An", "To"} or first.lower() in NUMBERS
    return text[0].lower() + text[1:] if begins else text


def _value(text):
    return NUMBERS.get(text.lower(), text)


def _claims(bank, match):
    slots = {name: _value(_small(value, name)) for name, value in match.groupdict().items() if value}
    if "date" in slots:
        slots["year"] = slots["date"].rsplit(" ", 1)[1]
    if bank == "emend.lead":
        return _correction(slots["claim"], slots["truth"])
    filled = [
        template.format(**{k: v.replace(" ", "_").replace(":", ";") for k, v in slots.items()})
        for template in CLAIMS[bank].split()
    ]
    return {(*claim.replace("_", " ").replace(";", ":").split(":"), "") for claim in filled}


def _correction(claim, truth):
    readings = set()
    for relation, pattern in clauses():
        old, new = pattern.fullmatch(_small(claim)), pattern.fullmatch(_small(truth))
        if old and new and old["s"] == new["s"]:
            readings.add((relation, old["s"], _value(new["v"]), _value(old["v"])))
    return readings


def read_sentence(sentence):
    """Return all readings of a sentence, each a set of (relation, subject, value, corrected value)."""
    readings = {}
    for bank, pattern in patterns():
        match = pattern.fullmatch(sentence)
        if match:
            claims = frozenset((c[0].replace(" ", "_"), *c[1:]) for c in _claims(bank, match))
            readings[claims] = bank
    return readings


def split(text):
    """Cut a document into sentences, without headings."""
    for paragraph in text.split("\n\n"):
        if re.match(r"(Chapter \d+\. |The Chronicle of |The [\w-]+ Book$)", paragraph):
            continue
        yield from re.split(r'(?<=[.!?]) (?=[A-Z"])|(?<=[.!?]") (?=[A-Z"])', paragraph)


def read(text):
    """Return the facts that a document states, with the number of the sentence within the document."""
    facts = []
    for number, sentence in enumerate(split(text)):
        readings = read_sentence(sentence)
        assert len(readings) <= 1, (sentence, readings)
        for claims in readings:
            facts += [Fact(relation, subject, value, number, old) for relation, subject, value, old in sorted(claims)]
    return facts
