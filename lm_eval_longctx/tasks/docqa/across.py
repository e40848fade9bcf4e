"""Questions that need several statements at once: comparisons, counts, and order in time.

The keeper writes as time goes by, so the place of most events in the text
tells their order; and a large number is likely to be the larger one. Neither
helps here: what is compared are numbers that lie close to each other, and
dates that are older than the chronicle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution
from lm_eval_longctx.tasks.docqa.words import COUNTED, EARLIER, EVENTS, MORE, TELLS_OF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.chronicle import Fact
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.tasks.docqa.question import Lots, Statements

CLOSE: dict[str, int] = {
    "cost": 160,
    "houses": 25,
    "leaves": 65,
    "toll": 10,
    "loan_sum": 80,
    "price": 16,
    "founded": 30,
    "birth_year": 8,
}
"""By how much compared numbers differ at most: about a sixth of what occurs, so that one of them hardly tells."""

_THREE = 3
_LISTED = 12
_YEARS = 25
"""Within how many years the dates lie that are put in order."""


def _older(told: Statements, relation: str) -> list[Fact]:
    """Return dated statements whose date is older than what is going on: of births those of grown people."""
    facts = told.of.get(relation, [])
    if relation != "birth_year":
        return facts
    return told.once("grown", lambda: [fact for fact in facts if ("father", fact.subject) not in told.first])


class Comparison(Kind):
    """Which of two is more, or earlier."""

    NAME = "comparison"
    LONGEST = 96
    CHANCE = 0.5
    SPANS = True

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:
        """Choose a relation that two things share, and two of them, so that the answer's place is the one drawn."""
        shared = told.once("shared", lambda: [r for r in (*MORE, *EARLIER) if len(_older(told, r)) > 1])
        if not shared:
            return None
        relation = rng.choice(shared)
        pair = rng.sample(_older(told, relation), 2)
        winner = max(pair, key=_number) if relation in MORE else min(pair, key=_number)
        pair.sort(key=lambda fact: (fact is winner) == bool(lots.of("first", 2)))
        if bool(lots.of("before", 2, slower=2)) != (winner.sentence == min(fact.sentence for fact in pair)):
            return None
        return {"kind": self.NAME, "relation": relation, "subjects": [fact.subject for fact in pair]}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the greater or the earlier, if both are known for certain, differ little, and lie far apart."""
        relation = question["relation"]
        one, two = (told.sure(relation, subject) for subject in question["subjects"])
        if one is None or two is None or not 0 < abs(_number(one) - _number(two)) <= CLOSE[relation]:
            return None
        winner = max(one, two, key=_number) if relation in MORE else min(one, two, key=_number)
        evidence = one.sentence, two.sentence
        return Solution((winner.subject,), evidence, self.main(question, evidence)) if told.apart(evidence) else None

    def text(self, question: Question) -> str:
        """Name both."""
        one, two = question["subjects"]
        form = MORE.get(question["relation"]) or EARLIER[question["relation"]]
        return form.format(a=one, b=two)


def _number(fact: Fact) -> int:
    return int(fact.value)


class Count(Kind):
    """How many of twelve listed events the document tells of; the others are told of elsewhere, if at all.

    Each number is asked for equally often at any length. How many of a kind
    there are in a whole document depends on its length, and could be guessed.
    """

    NAME = "count"
    CHANCE = 1 / _LISTED
    LONGEST = 320

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:
        """Choose sorts of events, and of as many as drawn one that is told, of the others one that is not."""
        wanted = 1 + lots.of("number", _LISTED)
        told_of, untold = told.once("events", lambda: _events(told))
        if len(told_of) < _LISTED:
            return None
        drawn = rng.sample(told_of, _LISTED)
        chosen = {fact.sentence: fact for fact in drawn[:wanted]}
        for like in drawn[wanted:]:  # of the same sorts, or the sort would tell
            other = rng.choice(untold.get(like.relation) or [like])
            chosen.setdefault(other.sentence, other)
        if len(chosen) < _LISTED or sum(fact.sentence < told.stop for fact in chosen.values()) != wanted:
            return None
        events = [[fact.relation, fact.subject] for fact in chosen.values()]
        rng.shuffle(events)
        return {"kind": self.NAME, "events": events}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the number, if nothing that is listed is told only by a correction or a cause."""
        named = told.once("named", lambda: _named(told))
        found = [told.first.get((relation, subject)) for relation, subject in question["events"]]
        if any(not fact and subject in named for fact, (_, subject) in zip(found, question["events"], strict=True)):
            return None
        evidence = {fact.sentence for fact in found if fact}
        if not evidence or (len(evidence) > 1 and not told.apart(evidence)):
            return None
        return Solution((str(len(evidence)),), tuple(evidence), self.main(question, evidence))

    def text(self, question: Question) -> str:
        """List the events."""
        *events, last = (_event(relation, subject) for relation, subject in question["events"])
        return TELLS_OF.format(events="; ".join(events), last=last)


def _events(told: Statements) -> tuple[list[Fact], dict[str, list[Fact]]]:
    """Return the events that the document tells of, one for each sentence, and others by their relation."""
    named = _named(told)
    told_of = {fact.sentence: fact for relation in COUNTED for fact in told.of.get(relation, ())}
    untold: dict[str, list[Fact]] = {}
    for fact in told.untold:
        new = fact.relation in COUNTED and not fact.corrects and (fact.relation, fact.subject) not in told.first
        if new and fact.subject not in named:
            untold.setdefault(fact.relation, []).append(fact)
    return list(told_of.values()), untold


def _named(told: Statements) -> set[str]:
    """Return what corrections and causes name."""
    return {thing for _, thing in told.fixed} | {fact.value for fact in told.of.get("reason", ())}


class Order(Kind):
    """Which of three births, or foundings, came first or last."""

    NAME = "order"
    LONGEST = 96
    CHANCE = 1 / _THREE
    SPANS = True

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:
        """Choose three dates, so that the answer's place in the question and in the text are those drawn."""
        dated = told.once("dated", lambda: [r for r in EARLIER if len(_older(told, r)) >= _THREE])
        if not dated:
            return None
        relation = rng.choice(dated)
        older = _older(told, relation)
        years = told.once(f"years {relation}", lambda: np.array([_number(fact) for fact in older]))
        first = rng.below(len(older))
        near = np.flatnonzero(abs(years - years[first]) <= _YEARS)
        near = near[near != first]
        if len(near) < _THREE - 1:
            return None
        facts = [older[place] for place in (first, *rng.sample(near.tolist(), _THREE - 1))]
        last = bool(lots.of("last", 2, slower=_THREE * _THREE))
        chosen = _extreme(facts, last=last)
        rank = sorted(facts, key=lambda fact: fact.sentence).index(chosen)
        if rank != lots.of("rank", _THREE, slower=_THREE):
            return None
        others = [fact for fact in facts if fact is not chosen]
        others.insert(lots.of("place", _THREE), chosen)
        return {"kind": self.NAME, "events": [[fact.relation, fact.subject] for fact in others], "last": last}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the event, if all are known for certain, fall in different years of one time, and lie far apart."""
        facts = [fact for relation, subject in question["events"] if (fact := told.sure(relation, subject))]
        years = {_number(fact) for fact in facts}
        if len(years) < _THREE or max(years) - min(years) > _YEARS:
            return None
        chosen = _extreme(facts, last=question["last"])
        evidence = tuple(fact.sentence for fact in facts)
        if not told.apart(evidence):
            return None
        answers = _event(chosen.relation, chosen.subject), chosen.subject
        return Solution(answers, evidence, self.main(question, evidence))

    def text(self, question: Question) -> str:
        """Name the three events."""
        one, two, three = (_event(relation, subject) for relation, subject in question["events"])
        which = "last" if question["last"] else "first"
        return f"Which of these came {which} in time: {one}; {two}; or {three}?"


def _extreme(facts: Sequence[Fact], *, last: bool) -> Fact:
    return max(facts, key=_number) if last else min(facts, key=_number)


def _event(relation: str, subject: str) -> str:
    return EVENTS[relation].format(s=subject)
