"""Facts that the keeper got wrong, and what is true instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.facts import CORRECTABLE, NAMED, YEARS, Episode, Statement
from lm_eval_longctx.hay.chronicle.words import number_words

if TYPE_CHECKING:
    from lm_eval_longctx.hay.chronicle.facts import Claim
    from lm_eval_longctx.hay.chronicle.world import Person, Place, World

_KEPT = 512
_ENOUGH = 8


class Memory:
    """A fair sample, of fixed size, of everything that could be corrected.

    Half of the corrections go back to any time, half to the last chapters.
    """

    def __init__(self) -> None:
        """Start without memories."""
        self._old: list[Claim] = []
        self._new: list[Claim] = []
        self._met = 0

    def note(self, world: World, claim: Claim) -> None:
        """Remember a statement for as long as there is room (reservoir sampling)."""
        if claim[0] not in CORRECTABLE:
            return
        self._met += 1
        if world.dice.chance(50):
            self._new.append(claim)
            if len(self._new) > _KEPT // 8:
                self._new.pop(0)
        elif len(self._old) < _KEPT:
            self._old.append(claim)
        else:
            self._replace(world, claim)

    def _replace(self, world: World, claim: Claim) -> None:
        at = world.dice.pick(max(self._met // 2, _KEPT))
        if at < _KEPT:
            self._old[at] = claim

    def take(self, world: World) -> Claim | None:
        """Return a statement to take back, and forget it; ``None`` if there are few."""
        kept = self._new if world.dice.chance(50) else self._old
        return kept.pop(world.dice.pick(len(kept))) if len(kept) >= _ENOUGH else None


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
