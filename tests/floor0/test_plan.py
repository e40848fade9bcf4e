"""Samples have stable names, private randomness and a fair order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.plan import PlannedSample, Rng, added, expand, spread
from lm_eval_longctx.sweep import Sweep
from lm_eval_longctx.units import Length, Unit

lengths = st.lists(st.integers(1, 1 << 21), min_size=1, max_size=6, unique=True).map(sorted)
depths = st.lists(st.floats(0, 1), min_size=1, max_size=7, unique=True).map(sorted)


def make(amounts: list[int], fractions: list[float], per_cell: int = 2) -> Sweep:
    """Make a sweep of token lengths."""
    return Sweep(
        "t", "1", Unit.TOKENS, tuple(map(Length, amounts)), tuple(fractions), per_cell, 0, "chronicle", "o200k_base"
    )


@given(lengths, depths, st.integers(1, 1 << 21), st.floats(0, 1))
def test_a_new_length_or_depth_changes_no_other_sample(
    amounts: list[int], fractions: list[float], a: int, d: float
) -> None:
    """Growing the grid keeps every sample's name and randomness."""
    before = {s.id: s.rng("needle").random() for s in expand(make(amounts, fractions))}
    grown = make(sorted({*amounts, a}), sorted({*fractions, d}))
    after = {s.id: s.rng("needle").random() for s in expand(grown)}
    assert before.items() <= after.items()


@given(lengths, depths, st.integers(1, 3))
def test_every_cell_gets_its_samples_once(amounts: list[int], fractions: list[float], per_cell: int) -> None:
    """The plan is the full grid, without a gap or a double."""
    planned = list(expand(make(amounts, fractions, per_cell)))
    assert len({s.id for s in planned}) == len(planned) == len(amounts) * len(fractions) * per_cell


@given(lengths, depths)
def test_a_limit_touches_every_length(amounts: list[int], fractions: list[float]) -> None:
    """The first samples go round all lengths before any comes twice, and round all depths before any index does."""
    planned = list(expand(make(amounts, fractions)))
    first = planned[: len(amounts)]
    assert {s.length.amount for s in first} == set(amounts)
    assert {s.index for s in planned[: len(amounts) * len(fractions)]} == {0}


def test_tasks_without_depth_have_none() -> None:
    """A sweep without depths plans one sample for each length and index."""
    assert [s.depth for s in expand(make([1, 2], []))] == [None] * 4


@given(st.integers(1, 200))
def test_spread_is_an_order_of_all(n: int) -> None:
    """The spread order visits each position once, starting at 0."""
    assert sorted(spread(n)) == list(range(n))
    assert spread(n)[0] == 0


def test_spread_looks_at_the_whole_range_early() -> None:
    """The first two of eleven depths are the start and the middle."""
    assert spread(11)[:3] == [0, 8, 4]


def test_names_and_numbers_are_golden() -> None:
    """The same sample has the same name and the same numbers on every machine and Python version."""
    sample = PlannedSample("longctx_text_niah", "1.0", 0, Length(131_072), 0.5, 0)
    rng = sample.rng("needle")
    assert sample.id == "00ff358522f87476"
    assert [rng.below(1000) for _ in range(4)] == [952, 733, 198, 560]
    assert Rng("a").sample(range(10), 10) == [9, 1, 4, 7, 8, 3, 0, 6, 2, 5]


def test_samples_of_one_index_share_their_hay() -> None:
    """Length and depth do not enter the hay's randomness; index and seed do."""
    sample = PlannedSample("t", "1", 0, Length(1024), 0.5, 0)
    other = replace(sample, length=Length(4096), depth=0.1)
    assert sample.hay_rng().random() == other.hay_rng().random()
    assert sample.hay_rng().random() != replace(sample, index=1).hay_rng().random()
    assert sample.rng().random() != other.rng().random()


@given(st.text(), st.integers(1, 10_000))
def test_below_stays_below(identity: str, n: int) -> None:
    """Whole numbers stay in their range."""
    rng = Rng(identity)
    assert all(0 <= rng.below(n) < n for _ in range(20))
    assert 3 <= rng.between(3, 5) <= 5


@settings(max_examples=20)
@given(st.text())
def test_shuffle_and_sample_permute(identity: str) -> None:
    """Shuffling loses nothing, and a full sample is a permutation."""
    items = list(range(30))
    Rng(identity).shuffle(items)
    assert sorted(items) == sorted(Rng(identity).sample(items, 30)) == list(range(30))


def test_forks_are_private() -> None:
    """A fork depends on its label only, not on what its parent has drawn."""
    fresh, used = Rng("x"), Rng("x")
    used.random()
    assert fresh.fork("a").random() == used.fork("a").random() != fresh.fork("b").random()


def test_sums_have_the_same_last_bit_with_every_python():
    """Python 3.12's ``sum`` gives 1.0 for ten tenths; what samples are made of is added as all versions can."""
    assert added([0.1] * 10) == 0.9999999999999999
