"""Samples of a cell read different parts of a source while there are enough, and say so when there are not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.hay.stretches import stretch


@given(st.integers(1, 400), st.integers(1, 5000), st.floats(0, 0.999))
def test_nothing_is_shared_while_there_is_enough(count, length, more):
    """As long as all samples fit into the source side by side, no two of them share anything."""
    size = count * length + more * length
    starts = sorted(stretch(i, size, length).start for i in range(count))
    assert all(stretch(i, size, length).overlap == 0 for i in range(count))
    assert all(two - one >= length * (1 - 1e-9) for one, two in pairwise(starts))
    assert starts[0] >= 0
    assert starts[-1] + length <= size * (1 + 1e-9)


@given(st.integers(0, 60), st.integers(1, 400), st.integers(1, 400))
def test_what_is_shared_is_said(index, size, length):
    """The stated overlap is the share of the stretch that those before it hold, counted place by place."""
    told = stretch(index, size, length)
    steps = 400
    places = [(told.start + (n + 0.5) * length / steps) % size for n in range(steps)]
    others = [stretch(i, size, length).start for i in range(index)]
    held = sum(any((place - other) % size < length for other in others) for place in places)
    assert told.overlap == pytest.approx(held / steps, abs=0.02 + 2 * (index + 1) / steps)


def test_more_samples_than_fit_lie_in_the_gaps():
    """A source of two stretches and a half gives two that share nothing, then others that begin elsewhere."""
    found = [stretch(i, 250, 100) for i in range(6)]
    assert [s.start for s in found] == [0, 125, 62.5, 187.5, 31.25, 156.25]
    assert [s.overlap for s in found[:2]] == [0, 0]
    assert all(0.5 < s.overlap <= 1 for s in found[2:])


def test_a_source_without_end_has_enough():
    """Of a generated source each sample has its own part, however many there are."""
    assert [(s.start, s.overlap) for s in (stretch(i, None, 70) for i in range(4))] == [
        (0, 0),
        (70, 0),
        (140, 0),
        (210, 0),
    ]


def test_a_source_that_is_too_short_is_all_shared():
    """Where one sample reads the whole source, the second shares all of it."""
    assert [stretch(i, 50, 80).overlap for i in range(3)] == [0, 1, 1]
