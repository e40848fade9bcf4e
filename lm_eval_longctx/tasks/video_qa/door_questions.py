"""Questions about a film at front doors: counts, orders and changes over the whole film, of what is seen and not read.

As in ``longctx_video_qa`` each has five options of which exactly one is right.
What blind guessing could use is taken away: numbers and stays are drawn evenly
from what is offered, and the other options are things of the same film.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.day.doors import HOUSES, LASTS, STAYS, VISITORS, Doors, Visit
from lm_eval_longctx.hay.day.script import COLOURS, Pass, Thing
from lm_eval_longctx.tasks.video_qa.questions import Draft, name_of, others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lm_eval_longctx.plan import Rng

_OPTIONS = 5
_MINUTES, _HOURS = 120, 10_800
"""Seconds from which on a stay is said in minutes, and in hours."""


def _counts(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask how often something passes by in the whole film."""
    del rng
    for counted in day.counted:
        at = [start for start, event in day.events if isinstance(event, Pass) and event.thing == counted.thing]
        yield Draft(
            f"How many times does {name_of(counted.thing)} pass by in the whole video?",
            str(counted.count),
            [str(n) for n in range(counted.lowest, counted.lowest + _OPTIONS) if n != counted.count],
            tuple(map(float, at)),
        )


def _orders(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask which of five people comes first, or last."""
    for _ in range(len(day.visits)):
        five = sorted(rng.sample(day.visits, _OPTIONS), key=lambda visit: visit.comes)
        for which, right in (("first", five[0]), ("last", five[-1])):
            wrong = [visit.who.named for visit in five if visit is not right]
            at = tuple(float(visit.comes) for visit in five)
            yield Draft(f"Which of these people goes into a house {which}?", right.who.named, wrong, at)


def _changes(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask which colour a door has before it has another one, or after."""
    for number, house in enumerate(HOUSES):
        views = [view for view in day.views if view.house == number]
        seen = list(dict.fromkeys(view.door for view in views))
        for before, after in itertools.pairwise(views):
            if before.door == after.door:
                continue
            at = (float(before.start), float(after.start))
            for when, known, right in (("before", after.door, before.door), ("after", before.door, after.door)):
                pool = [colour for colour in COLOURS if colour not in {known, house}]
                wrong = others(rng, pool, right, [colour for colour in seen if colour != known])
                text = f"Which colour does the door of the {house} house have directly {when} it is {known}?"
                yield Draft(text, right, wrong, at)


def _stays(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask how long somebody is in a house."""
    del rng
    ladder = [_about(share * (day.window[1] - day.window[0])) for share in STAYS]
    for visit in day.visits:
        if visit.goes is not None and visit.stay is not None:
            right = ladder[visit.stay]
            yield Draft(
                f"About how long is {visit.who.named} in the {HOUSES[visit.house]} house?",
                right,
                [text for text in ladder if text != right],
                (float(visit.comes), float(visit.goes)),
            )


def _about(seconds: float) -> str:
    if seconds < _MINUTES:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < _HOURS else f"{seconds / 3600:.1f} hours"


def _carried(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask what somebody carries out, which may be what was carried in or something else."""
    for visit in day.visits:
        if visit.goes is not None and visit.takes is not None:
            near = [visit.brings] if visit.brings != visit.takes else []
            wrong = [*near, *(t for t in _things(day, rng) if t not in {visit.brings, visit.takes})][: _OPTIONS - 1]
            text = f"What does {visit.who.named} carry when coming out of the {HOUSES[visit.house]} house?"
            yield Draft(text, name_of(visit.takes), [name_of(t) for t in wrong], (float(visit.goes),))


def _things(day: Doors, rng: Rng) -> list[Thing]:
    return rng.sample([visit.brings for visit in day.visits], len(day.visits))


def _left(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask what is carried in and not out again, among things that are."""
    kept = [visit for visit in day.visits if visit.takes == visit.brings]
    for visit in day.visits:
        if visit.takes != visit.brings and len(kept) >= _OPTIONS - 1:
            wrong = rng.sample(kept, _OPTIONS - 1)
            at = sorted(moment for one in (visit, *wrong) for moment in (one.comes, one.goes) if moment is not None)
            yield Draft(
                "Which of these is carried into a house and never carried out again?",
                name_of(visit.brings),
                [name_of(one.brings) for one in wrong],
                tuple(map(float, at)),
            )


def _inside(day: Doors, rng: Rng) -> Iterator[Draft]:
    """Ask how many people are in a house at the end."""
    del rng
    for number, house in enumerate(HOUSES):
        visits = [visit for visit in day.visits if visit.house == number]
        right = str(sum(visit.goes is None for visit in visits))
        at = sorted(start for start, event in day.events if isinstance(event, Visit) and event.house == number)
        text = f"How many people go into the {house} house and are not seen coming out again?"
        wrong = [str(n) for n in range(VISITORS + 1) if str(n) != right]
        yield Draft(text, right, wrong, tuple(map(float, at)))


KINDS: Mapping[str, Callable[[Doors, Rng], Iterator[Draft]]] = {
    "count": _counts,
    "order": _orders,
    "change": _changes,
    "stay": _stays,
    "carried": _carried,
    "left": _left,
    "inside": _inside,
}
"""All kinds of question."""


def missed(evidence: Sequence[float], moments: Sequence[float]) -> float | None:
    """Return the second of the first event that falls between the moments that are shown; ``None`` if all are seen.

    Args:
        evidence: The seconds at which events begin, each for ``LASTS`` seconds.
        moments: Ascending.
    """

    def seen(start: float) -> bool:
        at = bisect_left(moments, start)
        return at < len(moments) and moments[at] < start + LASTS

    return next((start for start in evidence if not seen(start)), None)
