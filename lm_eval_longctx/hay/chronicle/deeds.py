"""Things that people make and do: works, journeys, ships, discoveries, contests, books."""

from __future__ import annotations

from math import perm
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.facts import Episode, Statement, episode
from lm_eval_longctx.hay.chronicle.words import (
    BOOK_FORMS,
    CARGOES,
    CONTESTS,
    EPITHETS,
    PRIZES,
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
