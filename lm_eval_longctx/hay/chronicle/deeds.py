"""What happens in the world.

Things that people make and do: works, journeys, ships, discoveries, contests,
books. And affairs of towns: suits, calamities, markets, loans, charters,
descriptions.
"""

from __future__ import annotations

from math import perm
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.facts import Episode, Statement, episode
from lm_eval_longctx.hay.chronicle.words import (
    BOOK_FORMS,
    CALAMITIES,
    CARGOES,
    CHARTER_NAMES,
    CONTESTS,
    DISPUTES,
    EPITHETS,
    GOODS,
    MATTERS,
    PRIZES,
    PURPOSES,
    SHIP_FIRST,
    SHIP_SECOND,
    SPOTS,
    TOPICS,
    WORKS,
    number_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.chronicle.world import Place, World


_SHIPS = 4


def _pair(number: int, firsts: Sequence[str], seconds: Sequence[str], step: int) -> tuple[str, str]:
    """Return the pair with a number; pairs repeat only after all have come."""
    size = len(firsts) * len(seconds)
    second, first = divmod(number * step % size, len(firsts))
    return firsts[first], seconds[second]


def building(world: World, place: Place) -> Episode | None:
    """A work is finished, sometimes because of a calamity."""
    who = world.cast(place)
    epithet, sort = _pair(place.serial("works"), EPITHETS, WORKS, 847)
    work = f"the {epithet} {sort} at {place.name}"
    cost, spelt = world.words(31, 980)
    reason = place.ruins.pop(0) if place.ruins else ""
    occasion = world.occasion(who, place, work=work, cost=spelt, sort=sort.lower(), reason=reason)
    claims = [("builder", work, who.name), ("cost", work, cost), ("built_year", work, str(world.year))]
    told = episode("building", occasion, claims)
    if reason:
        told.more.append(Statement("building.after", occasion, [("reason", work, reason)]))
    return told


def journey(world: World, place: Place) -> Episode | None:
    """Somebody takes something to another place, where he or she has not been told of before."""
    dest = world.other_place(place)
    who = world.cast(place, lambda p: dest.name not in p.journeys)
    who.journeys.add(dest.name)
    cargo = world.dice.of(CARGOES)
    occasion = world.occasion(who, place, dest=dest.name, cargo=cargo, leagues=number_words(world.dice.between(4, 60)))
    key = f"the journey of {who.name} to {dest.name}"
    claims = [("journey", who.name, dest.name), ("cargo", key, cargo), ("journey_year", key, str(world.year))]
    return episode("journey", occasion, claims)


def ship(world: World, place: Place) -> Episode | None:
    """A ship is launched."""
    who, whom = world.cast(place), world.cast(place)
    first, second = _pair(place.serial("ships"), SHIP_FIRST, SHIP_SECOND, 313)
    name = f"the {first} {second} of {place.name}"
    place.ships.append(name)
    if len(place.ships) > _SHIPS:
        place.ships.pop(0)
    occasion = world.occasion(who, place, whom=whom.name, other=whom.given, ship=name, ship_short=f"{first} {second}")
    claims = [("shipbuilder", name, whom.name), ("first_master", name, who.name)]
    return episode("ship", occasion, [*claims, ("launch_year", name, str(world.year))])


def wreck(world: World, place: Place) -> Episode | None:
    """A ship of the place is lost."""
    if not place.ships:
        return None
    name = place.ships.pop(world.dice.pick(len(place.ships)))
    who, off, cargo = world.cast(place), world.other_place(place).name, world.dice.of(CARGOES)
    occasion = world.occasion(who, place, ship=name, off=off, cargo=cargo)
    claims = [("wreck_place", name, off), ("wreck_cargo", name, cargo), ("wreck_year", name, str(world.year))]
    return episode("wreck", occasion, claims)


def find(world: World, place: Place) -> Episode | None:
    """Somebody discovers a spot."""
    who = world.cast(place)
    epithet, sort = _pair(place.serial("spots"), EPITHETS, SPOTS, 421)
    spot = f"the {epithet} {sort} near {place.name}"
    occasion = world.occasion(who, place, spot=spot, findsort=sort.lower())
    return episode("find", occasion, [("discoverer", spot, who.name), ("found_year", spot, str(world.year))])


def contest(world: World, place: Place) -> Episode | None:
    """Somebody wins a contest."""
    name = world.dice.of(CONTESTS)
    if not place.first(name, world.year):
        return None
    who, prize = world.cast(place), world.dice.of(PRIZES)
    full = f"the {name} of {world.year} at {place.name}"
    occasion = world.occasion(who, place, contest=full, prize=prize)
    return episode("contest", occasion, [("champion", full, who.name), ("prize", full, prize)])


def book(world: World, place: Place) -> Episode | None:
    """Somebody writes a book with a title that no other book has."""
    who = world.cast(place)
    number = world.first_book + world.names.serial("books")
    title = f'"{book_title(number)}"'
    leaves, spelt = world.words(24, 400)
    occasion = world.occasion(who, place, book=title, pages=spelt)
    claims = [("author", title, who.name), ("leaves", title, leaves), ("book_year", title, str(world.year))]
    return episode("book", occasion, claims)


def book_title(number: int) -> str:
    """Return the title with a number; each number has its own.

    Two topics while they last, then three, then three in a further volume.
    """
    pairs = len(BOOK_FORMS) * perm(len(TOPICS), 2)
    if number < pairs:
        return _title(number * 4_099 % pairs, 2)
    triples = len(BOOK_FORMS) * perm(len(TOPICS), 3)
    volume, place = divmod(number - pairs, triples)
    return _title(place * 515_377 % triples, 3) + (f", Volume {volume + 1}" if volume else "")


def _title(code: int, count: int) -> str:
    code, form = divmod(code, len(BOOK_FORMS))
    left, topics = list(TOPICS), []
    for _ in range(count):
        code, at = divmod(code, len(left))
        topics.append(left.pop(at))
    return BOOK_FORMS[form].format(", ".join(topics[:-1]) + f" and {topics[-1]}")


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
