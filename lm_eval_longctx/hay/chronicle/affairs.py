"""Affairs of towns: suits, calamities, markets, loans, charters, descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.facts import Episode, Statement, episode
from lm_eval_longctx.hay.chronicle.words import (
    CALAMITIES,
    CHARTER_NAMES,
    DISPUTES,
    GOODS,
    MATTERS,
    PURPOSES,
    number_words,
)

if TYPE_CHECKING:
    from lm_eval_longctx.hay.chronicle.world import Place, World


_RUINS = 3


def suit(world: World, place: Place) -> Episode | None:
    """Two people go to law; nobody sues or is sued twice."""
    who = world.cast(place, lambda p: not p.sued)
    whom = world.cast(place, lambda p: not p.sued)
    who.sued = whom.sued = True
    judge = world.cast(place)
    winner = world.dice.of((who, whom))
    matter = world.dice.of(MATTERS)
    parties = {"whom": whom.name, "other": whom.given, "judge": judge.name, "winner": winner.name}
    occasion = world.occasion(who, place, matter=matter, **parties)
    key = f"the suit of {who.name} against {whom.name}"
    claims = [("judge", key, judge.name), ("winner", key, winner.name), ("matter", key, matter)]
    return episode("suit", occasion, [*claims, ("suit_year", key, str(world.year))])


def disaster(world: World, place: Place) -> Episode | None:
    """A calamity takes houses; something will be built because of it."""
    sort = world.dice.of(CALAMITIES)
    if not place.first(sort, world.year):
        return None
    who = world.cast(place)
    name = f"the {sort} of {world.year} at {place.name}"
    houses, spelt = world.words(5, 148)
    place.ruins.append(name)
    if len(place.ruins) > _RUINS:
        place.ruins.pop(0)
    occasion = world.occasion(who, place, disaster=name, houses=spelt, sort=sort)
    return episode("disaster", occasion, [("houses", name, houses)])


def market(world: World, place: Place) -> Episode | None:
    """Prices are noted, of two or three goods."""
    if not place.first(f"{world.season} market", world.year):
        return None
    who = world.cast(place)
    name = f"the {world.season} market of {world.year} at {place.name}"
    first = world.dice.pick(len(GOODS))
    told = None
    for i in range(world.dice.between(2, 3)):
        good, measure = list(GOODS.items())[(first + 7 * i) % len(GOODS)]
        price, spelt = world.words(2, 96)
        occasion = world.occasion(who, place, measure=measure, goodname=good, price=spelt, market=name)
        claims = [("price", f"{measure} at {name}", price)]
        if told is None:
            told = episode("market", occasion, claims)
        else:
            told.more.append(Statement("market.lead", occasion, claims))
    return told


def loan(world: World, place: Place) -> Episode | None:
    """Somebody borrows money; nobody borrows twice."""
    who = world.cast(place, lambda p: not p.borrowed, oldest=50)
    who.borrowed = True
    whom = world.cast(place)
    amount, spelt = world.words(11, 480)
    purpose = world.dice.of(PURPOSES)
    occasion = world.occasion(who, place, whom=whom.name, other=whom.given, amount=spelt, purpose=purpose)
    key = f"the loan of {whom.name} to {who.name}"
    claims = [("loan_sum", key, amount), ("loan_purpose", key, purpose), ("loan_year", key, str(world.year))]
    return episode("loan", occasion, claims)


def charter(world: World, place: Place) -> Episode | None:
    """Two towns seal a charter."""
    dest = world.other_place(place)
    style = world.dice.of(CHARTER_NAMES)
    if not place.first(style, world.year):
        return None
    who = world.cast(place)
    name = f"the {style} of {world.year} between {place.name} and {dest.name}"
    toll, spelt = world.words(2, 60)
    more = {"charter": name, "toll": spelt, "dest": dest.name, "matter": world.dice.of(DISPUTES)}
    return episode("charter", world.occasion(who, place, **more), [("drafter", name, who.name), ("toll", name, toll)])


def settle(world: World, place: Place) -> Episode:
    """A place is described, when the chronicle first comes to it."""
    place.described = True
    dice = world.dice
    founder = world.person(place.founded - dice.between(25, 50), woman=dice.chance(50))
    near, leagues = world.other_place(place), dice.between(3, 40)
    more = {"founder": founder.name, "founded": str(place.founded), "known": place.known, "sort": place.sort}
    occasion = world.occasion(founder, place, near=near.name, leagues=number_words(leagues), **more)
    claims = [("founder", place.name, founder.name), ("founded", place.name, str(place.founded))]
    told = episode("settle", occasion, [*claims, ("known_for", place.name, place.known)])
    if not near.described:  # else that place may have told its distance to this one
        distance = ("distance", f"{place.name} and {near.name}", str(leagues))
        told.more.append(Statement("settle.near", occasion, [distance]))
    return told
