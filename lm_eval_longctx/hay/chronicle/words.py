"""Word lists of the chronicle's world, read from ``lists.txt``."""

from __future__ import annotations

from importlib import resources


def _lists() -> dict[str, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("lists.txt").read_text(encoding="utf-8")
    lists = {}
    for section in text.split("\n@")[1:]:
        name, _, words = section.partition("\n")
        lists[name.strip()] = tuple(" ".join(word.split()) for word in words.split(","))
    return lists


_LISTS = _lists()

MONTHS = _LISTS["months"]
SEASONS = _LISTS["seasons"]
SORTS = _LISTS["sorts"]
TRADES = _LISTS["trades"]
OFFICES = _LISTS["offices"]
KNOWN = _LISTS["known"]
EPITHETS = _LISTS["epithets"]
WORKS = _LISTS["works"]
SPOTS = _LISTS["spots"]
TREASURES = _LISTS["treasures"]
SHIP_FIRST = _LISTS["ship_first"]
SHIP_SECOND = _LISTS["ship_second"]
CONTESTS = _LISTS["contests"]
PRIZES = _LISTS["prizes"]
CALAMITIES = _LISTS["calamities"]
MATTERS = _LISTS["matters"]
ILLNESSES = _LISTS["illnesses"]
CARGOES = _LISTS["cargoes"]
PURPOSES = _LISTS["purposes"]
TOPICS = _LISTS["topics"]
DISPUTES = _LISTS["disputes"]
CHARTER_NAMES = _LISTS["charter_names"]
BOOK_FORMS = _LISTS["book_forms"]
GOODS = {good: measure for good, _, measure in (pair.partition(" = ") for pair in _LISTS["goods"])}
"""Goods with the measure in which they are sold."""
