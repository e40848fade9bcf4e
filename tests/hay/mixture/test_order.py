"""Which kind comes when: even shares, notes at their depths, the asked neighbours."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.mixture.arithmetic import ARITHMETICS, KINDS
from lm_eval_longctx.hay.mixture.order import REACH, Interleaved, boundaries, surrounded, wanted_around
from lm_eval_longctx.plan import Rng

SIZES = st.dictionaries(st.sampled_from(KINDS), st.integers(40, 3000), min_size=1)


@given(sizes=SIZES, budget=st.integers(0, 60_000), seed=st.text(max_size=3))
def test_shares_are_even_and_the_budget_is_kept(sizes: dict[str, int], budget: int, seed: str) -> None:
    """No kind is ahead of another by more than a piece of each, and all pieces together fit."""
    order = Interleaved(Rng(seed), sizes).within(budget)
    used = {kind: size * order.count(kind) for kind, size in sizes.items()}
    assert sum(used.values()) <= budget
    assert max(used.values()) - min(used.values()) <= 2 * sum(sizes.values())
    smallest = min((size for kind, size in sizes.items() if kind != "text"), default=None)
    assert smallest is None or budget - sum(used.values()) < smallest


@given(sizes=SIZES, budget=st.integers(0, 20_000), more=st.integers(0, 20_000))
def test_a_longer_context_begins_like_a_shorter_one(sizes: dict[str, int], budget: int, more: int) -> None:
    """All but what fills the shorter one up is the same, whichever is asked for first."""
    drawn = Interleaved(Rng("same"), sizes)
    long, short = drawn.within(budget + more), drawn.within(budget)
    assert short == Interleaved(Rng("same"), sizes).within(budget)
    shared = next((i for i, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    assert sum(sizes[kind] for kind in short[shared:]) <= max(sizes.values())


@given(order=st.lists(st.sampled_from(KINDS), max_size=30), depth=st.floats(0, 1))
def test_a_note_stands_at_the_nearest_boundary(order: list[str], depth: float) -> None:
    """No other boundary between pieces is nearer to an asked depth, and of two that are as near it is the later."""
    sizes = {"text": 400, "image": 258, "audio": 320, "video": 1032}
    edges = [sum(sizes[kind] for kind in order[:n]) for n in range(len(order) + 1)]
    for asked, found in zip((depth, 1, 0, 0.5), boundaries(order, sizes, (depth, 1, 0, 0.5)), strict=True):
        away = [abs(edge - asked * edges[-1]) for edge in edges]
        assert found == max(n for n, distance in enumerate(away) if distance == min(away))


@given(
    order=st.lists(st.sampled_from(KINDS), min_size=1, max_size=30),
    share=st.floats(0, 1),
    around=st.sampled_from(["any", "same", "other", *KINDS]),
    needle=st.sampled_from(KINDS),
)
def test_the_neighbours_are_as_asked(order: list[str], share: float, around: str, needle: str) -> None:
    """Nothing is added or lost, the neighbours are of the wanted kinds, or the lack of them is an error."""
    at, wanted = round(share * len(order)), wanted_around(around, needle, KINDS)
    window = slice(max(0, at - REACH), at + REACH)
    try:
        changed = surrounded(order, at, wanted)
    except LengthError:
        assert sum(kind in wanted for kind in order) < len(order[window])
        return
    assert Counter(changed) == Counter(order)
    assert all(kind in wanted for kind in changed[window])


def test_neighbours_come_from_their_own_side() -> None:
    """An exchange keeps what is before and after a needle as long as there is enough on each side."""
    order = ["text", "image", "video", "image", "text", "text", "image", "audio", "video", "text"]
    changed = surrounded(order, 5, {"video"})
    assert changed[4:6] == ["video", "video"]
    assert Counter(changed[:5]) == Counter(order[:5])


def test_shares_are_spread_and_not_in_runs() -> None:
    """In a long mixture no kind is missing for long."""
    order = Interleaved(Rng("spread"), {"text": 400, "image": 258, "audio": 320, "video": 1032}).within(200_000)
    for kind in KINDS:
        places = [i for i, one in enumerate(order) if one == kind]
        assert max(b - a for a, b in pairwise(places)) < 30


@pytest.mark.parametrize(
    ("name", "picture", "second", "frame"),
    [
        ("reference", 258, 32, 258),
        ("gemini-3", 1120, 32, 70),
        ("openai", 85 + 2 * 170, 10, 85 + 2 * 170),
        ("anthropic", 308, None, 308),
        ("qwen", 23 * 13, 25, 150),
    ],
)
def test_arithmetic_is_the_makers(name: str, picture: int, second: int | None, frame: int) -> None:
    """A picture of 640x360, a second of sound and a frame cost what each maker's page says."""
    rule = ARITHMETICS[name]
    assert (rule.image(640, 360), rule.second, rule.frame(640, 360)) == (picture, second, frame)
    if second is None:
        with pytest.raises(ConfigError, match="leave audio out of modalities"):
            rule.sound(1)
    else:
        assert rule.sound(10) == 10 * second


def test_large_pictures_are_shrunk_before_tiles_are_counted() -> None:
    """A picture of 4096x1024 is 1536x384 to OpenAI's arithmetic: three tiles... of which one row."""
    assert ARITHMETICS["openai"].image(4096, 1024) == 85 + 170 * 4 * 1
