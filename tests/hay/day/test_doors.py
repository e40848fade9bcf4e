"""Films at front doors: scripts in which nothing is out of sight, and pictures on which all of it is seen."""

from __future__ import annotations

import hashlib
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.day.doors import HOUSES, LASTS, SHORTEST, STAYS, VISITORS, Doors, Visit, write_doors
from lm_eval_longctx.hay.day.facades import DoorsFilm
from lm_eval_longctx.hay.film.source import Look

SMALL = Look(320, 180, Fraction(1))


@st.composite
def films(draw: st.DrawFn) -> Doors:
    """Films of 20 minutes to 2 days, in which all happens anywhere in a part of 20 minutes or more."""
    seconds = draw(st.integers(SHORTEST, 2 * 86_400))
    spread = draw(st.floats(min(1.0, (SHORTEST + 1) / seconds), 1.0))
    return write_doors(draw(st.text(max_size=3)), seconds, spread)


@given(day=films())
@settings(max_examples=40)
def test_all_that_happens_is_in_sight(day: Doors) -> None:
    """Views fill the film; each event is in one view of its house, in the window, and over before the next begins."""
    assert day.views[0].start == 0
    assert day.views[-1].start + day.views[-1].seconds == day.seconds
    assert all(b.start == a.start + a.seconds and a.house != b.house for a, b in pairwise(day.views))
    assert all(b - a >= LASTS for (a, _), (b, _) in pairwise(day.events))
    for start, event in day.events:
        view = day.scene_at(start)
        assert max(view.start, day.window[0]) <= start <= min(view.start + view.seconds, day.window[1]) - LASTS
        assert not isinstance(event, Visit) or event.house == view.house


@given(day=films())
@settings(max_examples=40)
def test_nobody_and_nothing_can_be_mistaken(day: Doors) -> None:
    """People differ, come once, and never wear the colour of the wall; nobody carries a thing that another brought."""
    assert len({visit.who for visit in day.visits}) == len(HOUSES) * VISITORS
    brought, taken = [visit.brings for visit in day.visits], [visit.takes for visit in day.visits if visit.takes]
    assert max(Counter(brought).values()) == max(Counter(taken).values()) == 1
    for visit in day.visits:
        assert HOUSES[visit.house] not in {visit.who.shirt, visit.brings[0], (visit.takes or ("",))[0]}
        assert visit.takes == visit.brings or visit.takes not in brought
        assert visit.goes is None or visit.goes >= visit.comes + LASTS
    for number, house in enumerate(HOUSES):
        doors = [view.door for view in day.views if view.house == number]
        kept = [door for door, before in zip(doors, ["", *doors], strict=False) if door != before]
        assert len(kept) == len(set(kept)) > 1
        assert house not in kept


def test_numbers_are_drawn_evenly() -> None:
    """Stays, and how many stay, are even over 200 films, so that no number is the better guess."""
    days = [write_doors(f"film {number}", SHORTEST) for number in range(200)]
    stays = Counter(visit.stay for day in days for visit in day.visits if visit.stay is not None)
    inside = Counter(
        sum(visit.goes is None for visit in day.visits if visit.house == house)
        for day in days
        for house in range(len(HOUSES))
    )
    for counts, options in ((stays, len(STAYS)), (inside, VISITORS + 1)):
        expected = sum(counts.values()) / options
        assert len(counts) == options
        assert sum((n - expected) ** 2 / expected for n in counts.values()) < 18.5  # chi square, 4 degrees, 0.001


def test_scripts_are_frozen() -> None:
    """The same name gives the same film everywhere; a change needs a new VERSION."""
    told = repr([write_doors("golden", 1200), write_doors("golden", 86_400, 0.1)])
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "594ff65d6125eeb3"


@pytest.mark.parametrize(("seconds", "spread", "least"), [(1199, 1.0, "1200s"), (3600, 0.1, "12000s")])
def test_a_film_that_is_too_short_is_refused(seconds: int, spread: float, least: str) -> None:
    """The message says how long it must be."""
    with pytest.raises(LengthError, match=f"ask for {least} or more"):
        write_doors("short", seconds, spread)


def test_every_second_of_an_event_shows_it() -> None:
    """Pictures differ from the empty view while something happens, in each of its seconds, and at no other time."""
    day = write_doors("seen", SHORTEST)
    film = DoorsFilm(day, SMALL)
    view = max(day.views, key=lambda one: sum(one.start <= at < one.start + one.seconds for at, _ in day.events))
    pictures = [np.asarray(p, dtype=int) for p in film.pictures(view.start, view.start + view.seconds)]
    empty = np.median(pictures, axis=0)
    shown = [int((np.abs(picture - empty).max(axis=2) > 40).sum()) for picture in pictures]
    happens = [day.event_at(view.start + second) is not None for second in range(view.seconds)]
    assert [count > 100 for count in shown] == happens
    assert [count == 0 for count in shown] == [not one for one in happens]
