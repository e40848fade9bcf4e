"""Paragraphs: an event told in one of several shapes, with the facts it states, and facts that the keeper got wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.facts import CORRECTABLE, NAMED, YEARS, Episode, Fact, Statement
from lm_eval_longctx.hay.chronicle.words import TRADES, number_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.hay.chronicle.facts import Claim
    from lm_eval_longctx.hay.chronicle.telling import Teller
    from lm_eval_longctx.hay.chronicle.world import Person, Place, World


_LEVELS = 24
_KEPT = 12
_ENOUGH = 4


class Memory:
    """What could be corrected, as far back as one likes, in a fixed room.

    Each level keeps as many statements as another, and each next one gets half
    as many to keep: so the first holds the last chapters and the last holds
    the last centuries. A correction comes from any level alike, and documents
    of every length hold errors that they correct near by and far away.
    """

    def __init__(self) -> None:
        """Start without memories."""
        self._levels: list[list[Claim]] = [[] for _ in range(_LEVELS)]

    def note(self, world: World, claim: Claim) -> None:
        """Remember a statement on one level, in the place of the level's oldest."""
        if claim[0] not in CORRECTABLE:
            return
        level = 0
        while level < _LEVELS - 1 and world.dice.chance(50):
            level += 1
        kept = self._levels[level]
        kept.append(claim)
        if len(kept) > _KEPT:
            kept.pop(0)

    def take(self, world: World) -> Claim | None:
        """Return a statement to take back, and forget it; ``None`` if there are few."""
        filled = [kept for kept in self._levels if len(kept) >= _ENOUGH]
        if not filled:
            return None
        kept = world.dice.of(filled)
        return kept.pop(world.dice.pick(len(kept)))


def correction(world: World, place: Place, memory: Memory, keeper: Person) -> Episode | None:
    """The keeper takes something back."""
    wrong = memory.take(world)
    if wrong is None:
        return None
    relation, subject, old = wrong
    new = _truth(world, relation, old)
    form = CORRECTABLE[relation]
    claim, truth = (form.format(s=subject, v=_shown(relation, value)) for value in (old, new))
    occasion = world.occasion(keeper, place, claim=claim, truth=truth)
    return Episode("emend", Statement("emend.lead", occasion, [(relation, subject, new)], corrects=old))


def _truth(world: World, relation: str, old: str) -> str:
    dice = world.dice
    if relation in NAMED:
        return world.person(world.year - dice.between(20, 60), woman=dice.chance(50)).name
    off = dice.between(1, 4) if relation in YEARS else dice.between(1, 40)
    return str(max(int(old) - off, 2) if relation in YEARS else int(old) + off)


def _shown(relation: str, value: str) -> str:
    """Spell a value as the chronicle does: years in digits, other numbers in words."""
    return value if relation in YEARS or relation in NAMED else number_words(int(value))


_SHAPES = tuple(
    shape.split()
    for shape in (
        "lead people why detail talk close",
        "scene lead people detail close",
        "lead detail people say detail aside",
        "scene lead why people detail talk aside",
        "lead people why close",
        "lead people talk detail detail close",
        "lead why people detail say close aside",
        "scene lead people aside",
        "lead people detail",
        "lead why people talk close",
        "scene lead detail people why detail say close",
        "lead people say detail why close",
        "scene lead people talk",
        "lead people detail aside talk close",
    )
)
_OWN_SHAPES = {
    "emend": ("lead", "detail"),
    "settle": ("lead", "people", "detail", "detail"),
    "keeper": ("lead", "detail"),
}
_GENERIC = {"scene": "scene.scene", "say": "scene.say", "aside": "scene.aside"}
_INTRODUCED = 2
_BORN, _TRADE, _KIN, _NATURE = range(4)
_INTRODUCTIONS = (_BORN, _BORN, _TRADE, _TRADE, _TRADE, _KIN, _NATURE, _NATURE)


class Scribe:
    """Writes paragraphs and keeps count of sentences and facts."""

    def __init__(self, world: World, teller: Teller, memory: Memory) -> None:
        """Start at sentence 0."""
        self._world = world
        self._teller = teller
        self._memory = memory
        self.sentence = 0
        self.facts: list[Fact] = []
        self._paragraph: list[str] = []

    def paragraph(self, told: Episode, place: Place) -> tuple[str, ...]:
        """Write one paragraph; it is empty only if nothing new could be said."""
        self._paragraph = []
        new = list(self._world.new)
        for step in _OWN_SHAPES.get(told.kind) or self._world.dice.of(_SHAPES):
            if step == "lead":
                self._state(told.lead)
            elif step == "people":
                self._people(told, new, place)
            else:
                bank = f"{told.kind}.{step}"
                self._add(self._teller.say(_GENERIC.get(step, bank), told.lead.occasion))
        return tuple(self._paragraph)

    def line(self, bank: str, occasion: Mapping[str, str]) -> tuple[str, ...]:
        """Write a paragraph of a single sentence that states nothing."""
        self._paragraph = []
        self._add(self._teller.say(bank, occasion))
        return tuple(self._paragraph)

    def _add(self, sentence: str | None) -> bool:
        if sentence is None:
            return False
        self._paragraph.append(sentence)
        self.sentence += 1
        return True

    def _state(self, statement: Statement) -> None:
        """Add a sentence and log its facts; a sentence that cannot be worded anew states nothing."""
        at = self.sentence
        if not self._add(self._teller.say(statement.bank, statement.occasion)):
            return
        for relation, subject, value in statement.claims:
            self.facts.append(Fact(relation, subject, value, at, statement.corrects))
            if not statement.corrects:
                self._memory.note(self._world, (relation, subject, value))

    def _people(self, told: Episode, new: list[Person], place: Place) -> None:
        """State the rest of the event's facts, then say who its new people were."""
        for statement in told.more:
            self._state(statement)
        for person in new[:_INTRODUCED]:
            self._introduce(person, place)

    def _introduce(self, person: Person, place: Place) -> None:
        dice, world = self._world.dice, self._world
        kind = dice.of(_INTRODUCTIONS)
        if kind == _TRADE and not person.trade:
            person.trade = dice.of(TRADES)
            claims = [("trade", person.name, person.trade)]
            self._state(Statement("intro.trade", world.occasion(person, place, trade=person.trade), claims))
        elif kind == _BORN:
            home = place if dice.chance(50) else world.other_place(place)
            claims = [("birthplace", person.name, home.name), ("birth_year", person.name, str(person.born))]
            occasion = world.occasion(person, place, birthplace=home.name, born=str(person.born))
            self._state(Statement("intro.born", occasion, claims))
        elif kind == _KIN:
            parent = world.person(person.born - dice.between(19, 39), woman=True)
            occasion = world.occasion(person, place, parent=parent.name)
            self._state(Statement("intro.kin", occasion, [("mother", person.name, parent.name)]))
        else:
            self._add(self._teller.say("intro.nature", world.occasion(person, place)))
