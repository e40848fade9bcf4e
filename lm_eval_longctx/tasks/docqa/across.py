"""Questions that need several statements at once: comparisons, counts, and order in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.docqa.direct import random_fact
from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution
from lm_eval_longctx.tasks.docqa.words import (
    BY_SUBJECT,
    COUNTED_ALL,
    COUNTED_AT,
    COUNTED_BY,
    EARLIER,
    EVENTS,
    EVERYWHERE,
    LAST_HOLDER,
    MORE,
)

if TYPE_CHECKING:
    from lm_eval_longctx.hay.chronicle import Fact
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.tasks.docqa.question import Statements

_EVENTS = 3
_RARELY = 8
_COUNTABLE = 15


class Comparison(Kind):
    """Which of two is more, or earlier."""

    NAME = "comparison"

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose a relation that two things share, and two of them."""
        shared = [r for r in (*MORE, *EARLIER) if len(told.of.get(r, ())) > 1]
        if not shared:
            return None
        relation = rng.choice(shared)
        pair = [fact.subject for fact in rng.sample(told.of[relation], 2)]
        return {"kind": self.NAME, "relation": relation, "subjects": pair}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the greater or the earlier, if both are known for certain and differ."""
        one, two = (told.sure(question["relation"], subject) for subject in question["subjects"])
        if one is None or two is None or int(one.value) == int(two.value):
            return None
        first_wins = (int(one.value) > int(two.value)) == (question["relation"] in MORE)
        winner = one if first_wins else two
        return Solution((winner.subject,), (one.sentence, two.sentence), max(one.sentence, two.sentence))

    def text(self, question: Question) -> str:
        """Name both."""
        one, two = question["subjects"]
        form = MORE.get(question["relation"]) or EARLIER[question["relation"]]
        return form.format(a=one, b=two)


class Count(Kind):
    """How many of something the whole document tells of."""

    NAME = "count"

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose what to count, then a number that occurs, then a thing with that number."""
        if rng.below(2):
            return self._propose_all(told, rng)
        relation = rng.choice([*COUNTED_AT, *COUNTED_BY])
        counts: dict[int, list[str]] = {}
        for name, facts in _groups(relation, told).items():
            counts.setdefault(len(facts), []).append(name)
        if rng.below(_RARELY):  # one is the commonest number, and would be the best guess
            counts.pop(1, None)
        if not counts:
            return None
        number = rng.choice(sorted(counts))
        return {"kind": self.NAME, "relation": relation, "subject": rng.choice(counts[number])}

    def _propose_all(self, told: Statements, rng: Rng) -> Question | None:
        """Choose something that the whole document tells of a few times."""
        few = [r for r in COUNTED_ALL if 1 < len(_once(r, told)) <= _COUNTABLE]
        return {"kind": self.NAME, "relation": rng.choice(few), "subject": EVERYWHERE} if few else None

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the number, if the document nowhere mentions one that it does not tell of."""
        relation, subject = question["relation"], question["subject"]
        facts = _once(relation, told) if subject == EVERYWHERE else _groups(relation, told).get(subject)
        if not facts or _mentioned_elsewhere(relation, subject, told):
            return None
        sentences = sorted({fact.sentence for fact in facts})
        return Solution((str(len(facts)),), tuple(sentences), sentences[len(sentences) // 2])

    def text(self, question: Question) -> str:
        """Ask how many."""
        relation = question["relation"]
        if question["subject"] == EVERYWHERE:
            return COUNTED_ALL[relation]
        form = COUNTED_AT[relation][1] if relation in COUNTED_AT else COUNTED_BY[relation]
        return form.format(s=question["subject"])


def _once(relation: str, told: Statements) -> list[Fact]:
    """Return one statement for each event: a wedding is stated of both."""
    return told.once(
        f"events {relation}", lambda: list({fact.sentence: fact for fact in told.of.get(relation, ())}.values())
    )


def _groups(relation: str, told: Statements) -> dict[str, list[Fact]]:
    """Return statements by what they are counted for."""

    def group() -> dict[str, list[Fact]]:
        groups: dict[str, list[Fact]] = {}
        for fact in _once(relation, told):
            groups.setdefault(_counted_for(relation, fact), []).append(fact)
        return groups

    return told.once(f"groups {relation}", group)


def _counted_for(relation: str, fact: Fact) -> str:
    if relation in COUNTED_AT:
        return fact.subject.rpartition(f" {COUNTED_AT[relation][0]} ")[2]
    return fact.subject if relation in BY_SUBJECT else fact.value


def _mentioned_elsewhere(relation: str, subject: str, told: Statements) -> bool:
    """Whether a correction or a cause names something of the kind that the document does not tell of itself."""
    if relation in COUNTED_BY:
        return False
    ending = "" if subject == EVERYWHERE else f" {COUNTED_AT[relation][0]} {subject}"
    return any(thing.endswith(ending) for thing in told.once("untold", lambda: _untold(told)))


def _untold(told: Statements) -> set[str]:
    """Return what corrections and causes name and the document does not tell of itself."""
    named = {thing for _, thing in told.fixed} | {fact.value for fact in told.of.get("reason", ())}
    return named - {thing for _, thing in told.first}


class Order(Kind):
    """Which of three events came first or last, or who was the last to receive a treasure."""

    NAME = "order"

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose three dated events, or a treasure that changed hands more than once."""
        if rng.below(4) == 0:
            moved = [name for name, facts in _groups("holder", told).items() if len(facts) > 1]
            return {"kind": self.NAME, "treasure": rng.choice(moved)} if moved else None
        events = [random_fact(told, rng, tuple(EVENTS)) for _ in range(_EVENTS)]
        named = [[fact.relation, fact.subject] for fact in events if fact]
        return {"kind": self.NAME, "events": named, "last": bool(rng.below(2))} if len(named) == _EVENTS else None

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the event, if all are known for certain and no two fall in one year."""
        if "treasure" in question:
            hands = told.values("holder", question["treasure"])
            sentences = tuple(fact.sentence for fact in hands)
            return Solution((hands[-1].value,), sentences, sentences[-1]) if len(hands) > 1 else None
        facts = [told.sure(relation, subject) for relation, subject in question["events"]]
        dated = [(int(fact.value), fact) for fact in facts if fact]
        if len({year for year, _ in dated}) < _EVENTS:
            return None
        pick = max if question["last"] else min
        chosen = pick(dated, key=lambda pair: pair[0])[1]
        sentences = tuple(fact.sentence for _, fact in dated)
        return Solution((_event(chosen.relation, chosen.subject), chosen.subject), sentences, chosen.sentence)

    def text(self, question: Question) -> str:
        """Name the three events."""
        if "treasure" in question:
            return LAST_HOLDER.format(s=question["treasure"])
        one, two, three = (_event(relation, subject) for relation, subject in question["events"])
        which = "last" if question["last"] else "first"
        return f"Which of these came {which} in time: {one}; {two}; or {three}?"


def _event(relation: str, subject: str) -> str:
    return EVENTS[relation].format(s=subject)
