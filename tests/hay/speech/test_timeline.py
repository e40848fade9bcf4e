"""What comes when."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.pieces import LEAD
from lm_eval_longctx.hay.speech.timeline import Insert, lay
from lm_eval_longctx.plan import Rng

GRID = 1152
pools = st.lists(st.integers(20, 120), min_size=1, max_size=30)


@given(
    packets=pools,
    seconds=st.floats(30, 2000),
    depths=st.lists(st.floats(0, 1), max_size=5),
    shuffled=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_timeline_is_exact(packets, seconds, depths, shuffled, seed):
    """All parts add up to the asked samples, and every insert stands on the boundary nearest to its depth."""
    samples = round(seconds * 16_000)
    inserts = [Insert(25 + i, depth) for i, depth in enumerate(depths)]
    made = lay(packets, samples, GRID, inserts, Rng(str(seed)), shuffled=shuffled)
    hay = [packets[i] for i in made.hay]
    assert (sum(hay) + sum(i.packets for i in inserts) + made.filler) * GRID + made.tail == samples == made.total
    assert made.filler < min(packets)
    edges = [0, *accumulate(hay)]
    for insert, placed in zip(inserts, made.placed, strict=True):
        assert placed.depth == edges[placed.after] / edges[-1]
        assert all(abs(placed.depth - insert.depth) <= abs(e / edges[-1] - insert.depth) + 1e-9 for e in edges)


@given(packets=pools, depths=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_inserts_never_overlap(packets, depths):
    """Inserts at the same place follow each other, in the order in which they were given."""
    inserts = [Insert(30, depth) for depth in depths]
    made = lay(packets, 16_000 * 600, GRID, inserts, Rng("x"))
    starts = sorted(p.start for p in made.placed)
    assert all(b - a >= 30 * GRID for a, b in pairwise(starts))
    assert starts[0] >= LEAD
    edges = [0, *accumulate(packets[i] for i in made.hay)]
    for i, placed in enumerate(made.placed):
        before = [p for j, p in enumerate(made.placed) if (p.after, j) < (placed.after, i)]
        assert placed.start == (edges[placed.after] + 30 * len(before)) * GRID + LEAD


@given(packets=pools, seed=st.integers(0, 99))
def test_each_utterance_comes_once_before_any_comes_twice(packets, seed):
    """Shuffled hay is made of whole rounds of the pool."""
    made = lay(packets, 16_000 * 3000, GRID, [], Rng(str(seed)))
    first = made.hay[: len(packets)]
    assert sorted(first) == list(range(len(packets)))


@given(packets=pools, seconds=st.integers(60, 3000), seed=st.integers(0, 99))
def test_repeats_are_what_is_heard_again(packets, seconds, seed):
    """A timeline says how often its most frequent utterance comes again; 0 only if all differ."""
    made = lay(packets, 16_000 * seconds, GRID, [], Rng(str(seed)))
    assert made.repeats == max(made.hay.count(i) for i in made.hay) - 1
    assert (made.repeats == 0) == (len(set(made.hay)) == len(made.hay))


def test_longer_hay_begins_as_shorter_hay_does():
    """Hay of two lengths shares its beginning, whatever is inserted."""
    packets = [30 + i for i in range(20)]
    short = lay(packets, 16_000 * 60, GRID, [Insert(30, 0.5)], Rng("x"))
    long = lay(packets, 16_000 * 600, GRID, [], Rng("x"))
    shared = len(short.hay) - 3  # the last ones fill what is left
    assert shared > 10
    assert short.hay[:shared] == long.hay[:shared]


def test_natural_order_goes_round():
    """Hay that is not shuffled follows the pool from one utterance on, and begins again at its end."""
    made = lay([40] * 10, 16_000 * 100, GRID, [], Rng("x"), shuffled=False)
    steps = {(b - a) % 10 for a, b in pairwise(made.hay)}
    assert 1 in steps
    assert made.hay[1] == (made.hay[0] + 1) % 10


def test_a_context_that_is_too_short_is_refused():
    """A needle longer than the context is an error that says what would be long enough."""
    with pytest.raises(LengthError, match=r"2 s is too short: needles and one utterance need 5\.8 s"):
        lay([40], 32_000, GRID, [Insert(40, 0.5)], Rng("x"))


@pytest.mark.parametrize(
    ("own", "lower", "share"),
    [
        ((0, 1, 2), [], 0.0),
        ((0, 1, 2), [(3,)], 0.0),
        ((0, 1, 2), [(2, 3)], 0.5),
        ((0, 1, 2), [(2,), (0,), (3,)], 0.6667),
        ((0, 0, 3), [(0,)], 0.3333),
        ((0, 1), [(0, 1, 2, 3), (9,)], 1.0),
    ],
)
def test_what_samples_of_a_cell_share_is_told_by_duration(own, lower, share):
    """Overlap is the duration of what lower indices hold too, each time it is heard, of all that a sample holds."""
    assert hay.overlap([1, 2, 3, 4], own, lower) == share
