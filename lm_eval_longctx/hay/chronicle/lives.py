"""Events of people's lives: birth, marriage, trade, office, gifts, death."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.facts import Episode, episode
from lm_eval_longctx.hay.chronicle.words import ILLNESSES, OFFICES, TRADES, TREASURES
from lm_eval_longctx.hay.chronicle.world import CHILDREN, GROWN, Treasure

if TYPE_CHECKING:
    from lm_eval_longctx.hay.chronicle.world import Person, Place, World

_COUPLES = 8
_TREASURES = 5
_HANDS = 9
_YOUNG = 38
_BEARING = 44


def birth(world: World, place: Place) -> Episode | None:
    """A couple of the place has a child."""
    pair = _couple(world, place)
    if pair is None:
        return None
    mother, father = pair
    mother.child_in = world.year
    child = world.person(world.year, woman=world.dice.chance(50), family=father.family)
    if len(place.children) < CHILDREN:
        place.children.append(child)
    year = str(world.year)
    names = {"mother": mother.name, "father": father.name, "mgiven": mother.given, "fgiven": father.given}
    occasion = world.occasion(child, place, kid="daughter" if child.woman else "son", **names)
    claims = [("mother", child.name, mother.name), ("father", child.name, father.name)]
    claims += [("birthplace", child.name, place.name), ("birth_year", child.name, year)]
    return episode("birth", occasion, claims)


def _couple(world: World, place: Place) -> tuple[Person, Person] | None:
    year = world.year
    couples = [
        c for c in place.couples if year - c[0].born < _BEARING and c[0] in place.adults and c[1] in place.adults
    ]
    place.couples = couples
    if couples and world.dice.chance(70):
        pair = world.dice.of(couples)
        return pair if pair[0].child_in < year else None
    mother = world.cast(place, lambda p: p.spouse is None and year - p.born < _YOUNG, woman=True, oldest=34)
    father = world.cast(place, lambda p: _may_marry(p, mother), woman=False, oldest=45)
    return _join(place, mother, father)


def _may_marry(one: Person, other: Person) -> bool:
    return one.spouse is None and one.family is not other.family


def _join(place: Place, one: Person, two: Person) -> tuple[Person, Person]:
    one.spouse, two.spouse = two, one
    pair = (one, two) if one.woman else (two, one)
    place.couples.append(pair)
    if len(place.couples) > _COUPLES:
        place.couples.pop(0)
    return pair


def wedding(world: World, place: Place) -> Episode | None:
    """Two single people marry; nobody marries twice."""
    who = world.cast(place, lambda p: p.spouse is None, oldest=40)
    whom = world.cast(place, lambda p: _may_marry(p, who), woman=not who.woman, oldest=40)
    mother, _ = _join(place, who, whom)
    mother.child_in = world.year  # no child before the next year
    occasion = world.occasion(who, place, whom=whom.name, other=whom.given)
    claims = [("spouse", who.name, whom.name), ("spouse", whom.name, who.name)]
    for name in (who.name, whom.name):
        claims += [("wedding_place", name, place.name), ("wedding_year", name, str(world.year))]
    return episode("wedding", occasion, claims)


def trade(world: World, place: Place) -> Episode | None:
    """Somebody is apprenticed."""
    who = world.cast(place, lambda p: not p.trade, oldest=24)
    if who.trade:
        return None
    who.trade = world.dice.of(TRADES)
    whom = world.cast(place, lambda p: p.trade in {"", who.trade})
    whom.trade = who.trade  # where it was not told before, it goes without saying
    occasion = world.occasion(who, place, whom=whom.name, other=whom.given, trade=who.trade)
    claims = [("trade", who.name, who.trade), ("master", who.name, whom.name)]
    return episode("trade", occasion, [*claims, ("trade_year", who.name, str(world.year))])


def office(world: World, place: Place) -> Episode | None:
    """An office passes on."""
    title, before = place.vacant.pop(0) if place.vacant else _held_office(world, place)
    who = world.cast(place, lambda p: not p.office and p.name != before)
    if who.office:
        return None
    who.office = f"{title} of {place.name}"
    place.officers[title] = who.name
    occasion = world.occasion(who, place, whom=before, other=before.split()[0], office=title)
    claims = [("office", who.name, who.office), ("predecessor", who.name, before)]
    return episode("office", occasion, [*claims, ("office_year", who.name, str(world.year))])


def _held_office(world: World, place: Place) -> tuple[str, str]:
    title = world.dice.of(OFFICES)
    if title not in place.officers:
        dice = world.dice
        place.officers[title] = world.person(world.year - dice.between(40, 80), woman=dice.chance(50)).name
    return title, place.officers[title]


def gift(world: World, place: Place) -> Episode | None:
    """A treasure passes from hand to hand."""
    place.treasures = [t for t in place.treasures if t.holder in place.adults and len(t.past) < _HANDS]
    if len(place.treasures) < _TREASURES and (not place.treasures or world.dice.chance(40)):
        thing = world.dice.of(TREASURES)
        place.treasures.append(Treasure(f"the {thing} called {world.names.treasure()}", thing, world.cast(place)))
    treasure = world.dice.of(place.treasures)
    whom = treasure.holder
    world.busy.append(whom)
    who = world.cast(place, lambda p: p.name not in treasure.past)
    treasure.past.append(whom.name)
    treasure.holder = who
    things = {"treasure": treasure.name, "thing": treasure.thing}
    occasion = world.occasion(who, place, whom=whom.name, other=whom.given, **things)
    key = f"{treasure.name} in the hands of {who.name}"
    claims = [("holder", treasure.name, who.name), ("giver", key, whom.name), ("gift_year", key, str(world.year))]
    return episode("gift", occasion, claims)


def death(world: World, place: Place) -> Episode | None:
    """Somebody dies and leaves an office open."""
    who = world.cast(place, lambda p: world.year - p.born > 2 * GROWN, oldest=85)
    place.adults.remove(who)
    if who in world.new:
        world.new.remove(who)
    for title, holder in place.officers.items():
        if holder == who.name:
            place.vacant.append((title, holder))
    illness = world.dice.of(ILLNESSES)
    occasion = world.occasion(who, place, illness=illness)
    claims = [("death_place", who.name, place.name), ("death_cause", who.name, illness)]
    return episode("death", occasion, [*claims, ("death_year", who.name, str(world.year))])
