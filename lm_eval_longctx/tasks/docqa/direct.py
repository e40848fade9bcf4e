"""Questions that one or two statements answer: single facts, bridges, corrections, and what is not told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution
from lm_eval_longctx.tasks.docqa.words import ASK, NOT_TOLD, OFFICE_HOLDER, SHIP_COST, STEPS, TO_SECOND, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.chronicle import Fact
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.tasks.docqa.question import Statements

_PARTS_APART = 8
_FAR = 2000
"""The two facts of a bridge lie at least an eighth of the document apart, or so many sentences (about 57k tokens)."""


def accepted(fact: Fact) -> tuple[str, ...]:
    """Return the spellings of a statement's value that are right."""
    if fact.relation == "office":
        return (fact.value, fact.value.replace(" of ", ", "))
    return (fact.value,)


def random_fact(told: Statements, rng: Rng, relations: Sequence[str]) -> Fact | None:
    """Return a statement of one of some relations, each relation as likely as another."""
    stated = [relation for relation in relations if told.of.get(relation)]
    return rng.choice(told.of[rng.choice(stated)]) if stated else None


class Single(Kind):
    """One fact, stated once."""

    NAME = "single"

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose a relation, then one of its statements."""
        fact = random_fact(told, rng, tuple(ASK))
        return {"kind": self.NAME, "relation": fact.relation, "subject": fact.subject} if fact else None

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return what the statement says, if nothing takes it back."""
        fact = told.sure(question["relation"], question["subject"])
        return Solution(accepted(fact), (fact.sentence,), fact.sentence) if fact else None

    def text(self, question: Question) -> str:
        """Ask for the value."""
        return ask(question["relation"], question["subject"])


class Bridge(Kind):
    """Two facts far apart, the first of which names what the second is about."""

    NAME = "bridge"

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose a first step, then a second one that the document can take."""
        fact = random_fact(told, rng, tuple(STEPS))
        if fact is None:
            return None
        steps = [relation for relation in TO_SECOND if told.sure(relation, fact.value)]
        if not steps:
            return None
        return {"kind": self.NAME, "step": fact.relation, "subject": fact.subject, "relation": rng.choice(steps)}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Follow both steps; they must lie far apart and must not turn back."""
        first = told.sure(question["step"], question["subject"])
        second = told.sure(question["relation"], first.value) if first else None
        if first is None or second is None or second.value in self.text(question):
            return None
        if abs(first.sentence - second.sentence) < min((told.stop - told.start) / _PARTS_APART, _FAR):
            return None
        return Solution(accepted(second), (first.sentence, second.sentence), second.sentence)

    def text(self, question: Question) -> str:
        """Ask about the thing without naming it."""
        return ask(question["relation"], STEPS[question["step"]].format(s=question["subject"]))


class Corrected(Kind):
    """A fact that the keeper first had wrong and later put right."""

    NAME = "corrected"

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose a correction."""
        if not told.fixed:
            return None
        relation, subject = rng.choice(list(told.fixed))
        return {"kind": self.NAME, "relation": relation, "subject": subject}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the corrected value, if the document holds the error as well."""
        key = question["relation"], question["subject"]
        wrong, right = told.first.get(key), told.fixed.get(key)
        if wrong is None or right is None:
            return None
        return Solution((right.value,), (wrong.sentence, right.sentence), right.sentence)

    def text(self, question: Question) -> str:
        """Ask as if there had never been an error."""
        return ask(question["relation"], question["subject"])


class Unanswerable(Kind):
    """Something about somebody or something in the document that it does not tell."""

    NAME = "unanswerable"

    _PERSONAL = ("trade", "birthplace", "mother", "spouse", "death_cause")

    def propose(self, told: Statements, rng: Rng) -> Question | None:
        """Choose a person, a ship or a place, and what is not told of it."""
        form = rng.below(len(self._PERSONAL) + 2)
        if form < len(self._PERSONAL):
            people = told.once("people", lambda: list(told.people))
            return (
                {"kind": self.NAME, "relation": self._PERSONAL[form], "subject": rng.choice(people)} if people else None
            )
        relation = ("launch_year", "founded")[form - len(self._PERSONAL)]
        fact = random_fact(told, rng, (relation,))
        if fact is None:
            return None
        if relation == "launch_year":
            return {"kind": self.NAME, "relation": "ship_cost", "subject": fact.subject}
        title = rng.choice(("mayor", "steward", "reeve", "constable", "treasurer", "forester"))
        return {"kind": self.NAME, "relation": "office_holder", "subject": f"{title} of {fact.subject}"}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return that it is not told, after looking that neither statements nor their neighbours tell it."""
        relation, subject = question["relation"], question["subject"]
        if relation == "ship_cost":
            fact = told.first.get(("launch_year", subject))
            return _not_told(fact.sentence if fact else None)
        if relation == "office_holder":
            place = told.first.get(("founded", subject.partition(" of ")[2]))
            return None if subject in _values(told, "office") else _not_told(place.sentence if place else None)
        if (relation, subject) in told.first or _implied(relation, subject, told):
            return None
        return _not_told(told.people.get(subject))

    def text(self, question: Question) -> str:
        """Ask as if it were told."""
        forms = {"ship_cost": SHIP_COST, "office_holder": OFFICE_HOLDER}
        return forms.get(question["relation"], ASK.get(question["relation"], "")).format(s=question["subject"])


def _not_told(sentence: int | None) -> Solution | None:
    return None if sentence is None else Solution((NOT_TOLD,), (), sentence)


_TELLING = {
    "trade": ("master", "builder", "shipbuilder", "first_master", "judge", "predecessor"),
    "spouse": ("mother", "father"),
}
"""Roles from which a reader might conclude somebody's trade or marriage."""


def _implied(relation: str, subject: str, told: Statements) -> bool:
    """Whether a reader could conclude what is not stated."""
    if relation == "trade" and ("office", subject) in told.first:
        return True
    return any(subject in _values(told, role) for role in _TELLING.get(relation, ()))


def _values(told: Statements, relation: str) -> set[str]:
    return told.once(f"values {relation}", lambda: {fact.value for fact in told.of.get(relation, ())})
