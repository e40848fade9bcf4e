"""Questions that one or two statements answer: single facts, bridges, corrections, and what is told or is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.docqa.question import Kind, Question, Solution
from lm_eval_longctx.tasks.docqa.words import ASK, NOT_TOLD, OFFICE_HOLDER, STEPS, TO_SECOND, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.chronicle import Fact
    from lm_eval_longctx.plan import Rng
    from lm_eval_longctx.tasks.docqa.question import Lots, Statements

_NAMED_IN_THE_QUESTION = "winner"
"""Who won a suit is one of the two whom the question names: half of the guesses would be right."""


_OTHERS = 4
"""So many statements a document must have among which the second step of a bridge could end."""


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

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:  # noqa: ARG002 - all is open
        """Choose a relation, then one of its statements."""
        fact = random_fact(told, rng, [relation for relation in ASK if relation != _NAMED_IN_THE_QUESTION])
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
    SPANS = True

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:  # noqa: ARG002 - all is open
        """Choose a first step that leads far away, then where to."""
        steps = told.once("bridges", lambda: _bridges(told))
        if not steps:
            return None
        fact, relations = rng.choice(steps[rng.choice(list(steps))])
        return {"kind": self.NAME, "step": fact.relation, "subject": fact.subject, "relation": rng.choice(relations)}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Follow both steps; they must lie far apart and must not turn back."""
        first = told.sure(question["step"], question["subject"])
        second = told.sure(question["relation"], first.value) if first else None
        if first is None or second is None or second.value in self.text(question):
            return None
        evidence = first.sentence, second.sentence
        return Solution(accepted(second), evidence, self.main(question, evidence)) if told.apart(evidence) else None

    def text(self, question: Question) -> str:
        """Ask about the thing without naming it."""
        return ask(question["relation"], STEPS[question["step"]].format(s=question["subject"]))


def _bridges(told: Statements) -> dict[str, list[tuple[Fact, list[str]]]]:
    """Return first steps by relation, each with what is told far away about the thing that it names."""
    known = [relation for relation in TO_SECOND if len(told.of.get(relation, ())) >= _OTHERS]
    found: dict[str, list[tuple[Fact, list[str]]]] = {}
    for relation in STEPS:
        for fact in told.of.get(relation, ()):
            seconds = [(r, second) for r in known if (second := told.sure(r, fact.value))]
            if far := [r for r, second in seconds if told.apart((fact.sentence, second.sentence))]:
                found.setdefault(relation, []).append((fact, far))
    return found


class Corrected(Kind):
    """A fact that the keeper first had wrong and, far from there, put right."""

    NAME = "corrected"

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:  # noqa: ARG002 - all is open
        """Choose a correction."""
        fixed = told.once("corrections", lambda: _corrections(told))
        if not fixed:
            return None
        relation, subject = rng.choice(fixed)
        return {"kind": self.NAME, "relation": relation, "subject": subject}

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return the corrected value, if the document holds the error as well, far before."""
        key = question["relation"], question["subject"]
        wrong, right = told.first.get(key), told.fixed.get(key)
        if wrong is None or right is None:
            return None
        evidence = wrong.sentence, right.sentence
        return Solution((right.value,), evidence, self.main(question, evidence)) if told.apart(evidence) else None

    def text(self, question: Question) -> str:
        """Ask as if there had never been an error."""
        return ask(question["relation"], question["subject"])


def _corrections(told: Statements) -> list[tuple[str, str]]:
    """Return relation and subject of what the document states twice, far apart."""
    return [
        key
        for key, right in told.fixed.items()
        if key in told.first and told.apart((told.first[key].sentence, right.sentence))
    ]


class ToldOrNot(Kind):
    """Something that the document tells, in half of the samples, and does not tell in the other half.

    Both halves ask in the same words for the same sorts of things, so that
    neither always abstaining nor never doing so is right more than every second time.
    """

    NAME = "told_or_not"
    CHANCE = 0.5

    _PERSONAL = ("trade", "birthplace", "mother", "spouse", "death_cause")
    _OTHERS = ("shipbuilder", "houses", "office_holder")

    def propose(self, told: Statements, rng: Rng, lots: Lots) -> Question | None:
        """Choose what is asked for, then something of which it is told, or something else that the document names."""
        sides = told.once("sides", lambda: self._sides(told))
        if not sides:
            return None
        relation = list(sides)[lots.of("asked", len(sides), slower=2)]
        subjects = sides[relation][lots.of("told", 2)]
        return {"kind": self.NAME, "relation": relation, "subject": rng.choice(subjects)}

    def _sides(self, told: Statements) -> dict[str, tuple[list[str], list[str]]]:
        """Return what can be asked for both ways, with what the document names without telling, and what it tells."""
        named = {relation: self._named(relation, told) for relation in (*self._PERSONAL, *self._OTHERS)}
        return {relation: both for relation, both in named.items() if all(both)}

    def _named(self, relation: str, told: Statements) -> tuple[list[str], list[str]]:
        """Return what the document names without telling, and what it tells."""
        if relation == "office_holder":
            known = [fact.value for fact in told.of.get("office", ())]
            titles = sorted({office.partition(" of ")[0] for office in known})
            named = [f"{title} of {place}" for place in self._places(told) for title in titles]
        else:
            known = list(dict.fromkeys(fact.subject for fact in told.of.get(relation, ())))
            others = {"shipbuilder": _subjects(told, "wreck_place"), "houses": sorted(_values(told, "reason"))}
            named = others.get(relation, list(told.people))
        taken = set(known)
        return [name for name in named if name not in taken], known

    def solve(self, question: Question, told: Statements) -> Solution | None:
        """Return what is told, or that it is not: after looking that neither statements nor their neighbours do."""
        relation, subject = question["relation"], question["subject"]
        found = self._told(relation, subject, told)
        if len(found) == 1:
            value = found[0].subject if relation == "office_holder" else found[0].value
            return Solution((value,), (found[0].sentence,), found[0].sentence)
        if found or _implied(relation, subject, told):
            return None
        named = self._mention(relation, subject, told)
        return None if named is None else Solution((NOT_TOLD,), (), named)

    @staticmethod
    def _told(relation: str, subject: str, told: Statements) -> list[Fact]:
        """Return the statements that answer; more than one are no answer."""
        if relation == "office_holder":
            return [fact for fact in told.of.get("office", ()) if fact.value == subject]
        both = told.first.get((relation, subject)), told.fixed.get((relation, subject))
        return [fact for fact in both if fact]

    @staticmethod
    def _mention(relation: str, subject: str, told: Statements) -> int | None:
        """Return the sentence that first names what is asked about."""
        if relation == "shipbuilder":
            fact = told.first.get(("wreck_place", subject))
        elif relation == "houses":
            fact = next((fact for fact in told.of.get("reason", ()) if fact.value == subject), None)
        elif relation == "office_holder":
            return ToldOrNot._places(told).get(subject.partition(" of ")[2])
        else:
            return told.people.get(subject)
        return fact.sentence if fact else None

    @staticmethod
    def _places(told: Statements) -> dict[str, int]:
        """Return the places where people are born, marry and die, with the first sentence that names each."""
        return told.once("places", lambda: _first_named(told, ("birthplace", "wedding_place", "death_place")))

    def text(self, question: Question) -> str:
        """Ask as if it were told."""
        form = OFFICE_HOLDER if question["relation"] == "office_holder" else ASK[question["relation"]]
        return form.format(s=question["subject"])


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


def _first_named(told: Statements, relations: Sequence[str]) -> dict[str, int]:
    """Return the values of some relations, with the first sentence that states each."""
    found: dict[str, int] = {}
    for fact in sorted((f for relation in relations for f in told.of.get(relation, ())), key=lambda f: f.sentence):
        found.setdefault(fact.value, fact.sentence)
    return found


def _subjects(told: Statements, relation: str) -> list[str]:
    return [fact.subject for fact in told.of.get(relation, ())]


def _values(told: Statements, relation: str) -> set[str]:
    return told.once(f"values {relation}", lambda: {fact.value for fact in told.of.get(relation, ())})
