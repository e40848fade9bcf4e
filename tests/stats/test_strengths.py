"""Strengths from comparisons: the most likely ones, with intervals that hold, and what a judge minds besides."""

from __future__ import annotations

import math
from itertools import combinations

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.stats.intervals import bounded_mean
from lm_eval_longctx.stats.strengths import Duel, agreement, first_won, fitted, longer_wins, strengths

REPORT = (6.24, 1.77, 1.30, 0.30, 1.37, 1.64, 0.10)
"""The Gemini 1.5 report's own strengths (arXiv 2403.05530, section 5.2.3)."""


def simulated(rng: np.random.Generator, true: np.ndarray, questions: int, ties: float) -> list[Duel]:
    """Draw one comparison of every two players a question; ties take from both sides alike."""
    found = []
    for question in range(questions):
        for one, other in combinations(range(len(true)), 2):
            chance = true[one] / (true[one] + true[other])
            tie = 2 * ties * min(chance, 1 - chance)
            drawn = rng.random()
            score = 1.0 if drawn < chance - tie / 2 else 0.5 if drawn < chance + tie / 2 else 0.0
            found.append(Duel(question, one, other, score))
    return found


@settings(max_examples=60)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_strengths_are_those_of_choix(players, seed) -> None:
    """The most likely strengths are those that the library choix finds for the same wins."""
    rng = np.random.default_rng(seed)
    wins = rng.integers(1, 30, (players, players)).astype(float)
    np.fill_diagonal(wins, 0)
    padded = wins + 0.1 * (1 - np.eye(players))
    assert fitted(wins[None])[0] == pytest.approx(choix.ilsr_pairwise_dense(padded), abs=1e-5)


@pytest.mark.parametrize(
    ("true", "questions", "ties"),
    [(REPORT, 87, 0.3), (REPORT, 30, 0.0), ((2.0, 1.0, 0.5), 25, 0.5), ((1.0, 1.0), 40, 0.2)],
)
def test_intervals_hold_the_truth(true, questions, ties) -> None:
    """Of about 600 intervals of players of known strength, 92 to 99 in 100 hold it."""
    count = 600 // len(true)
    known = np.asarray(true) / math.exp(np.log(true).mean())
    rng = np.random.default_rng(7)
    held = [
        one.interval is not None and one.interval.low <= value <= one.interval.high
        for run in range(count)
        for one, value in zip(strengths(simulated(rng, known, questions, ties), len(known)), known, strict=True)
    ]
    assert 0.92 <= float(np.mean(held)) <= 0.99


def test_a_player_that_always_wins_has_a_finite_strength_and_is_said_to() -> None:
    """Winning everything gives a finite number, marked as one whose upper end nobody knows."""
    best, worst = strengths([Duel(q, 0, 1, 1.0) for q in range(20)], 2)
    assert best.boundless
    assert worst.boundless
    assert 1 < best.value < math.inf
    assert best.interval is not None
    assert worst.interval is not None
    # 20 of 20 wins leave chances below 3/4 out
    assert 1.7 < best.interval.low < best.value < best.interval.high == math.inf
    assert worst.interval.low == 0.0
    assert best.to_dict()["interval"]["high"] is None
    assert best.won == 1.0
    assert best.duels == 20


def test_who_is_above_all_others_leaves_their_strengths_as_they_are() -> None:
    """The scale is that of players who can be compared both ways: another one that always wins does not move it."""
    rng = np.random.default_rng(2)
    three = simulated(rng, np.asarray([2.0, 1.0, 0.5]), 40, 0.0)
    four = [*three, *(Duel(q, 3, other, 1.0) for q in range(40) for other in range(3))]
    alone, beside = strengths(three, 3), strengths(four, 4)
    assert [one.boundless for one in beside] == [False, False, False, True]
    assert [one.value for one in beside[:3]] == pytest.approx([one.value for one in alone], rel=0.02)


@pytest.mark.parametrize(("players", "questions"), [(2, 20), (4, 50)])
def test_a_judge_that_finds_ties_only_proves_nobody_equal(players, questions) -> None:
    """Where every verdict is the same, the spread is 0 and the interval is not: the next question may differ."""
    duels = [Duel(q, *pair, 0.5) for q in range(questions) for pair in combinations(range(players), 2)]
    for one in strengths(duels, players):
        assert one.value == pytest.approx(1.0)
        assert one.interval is not None
        assert one.interval.low < 0.85
        assert one.interval.high > 1.15


def test_two_players_have_the_interval_of_their_share() -> None:
    """Without ties and clusters the interval is nearly that of a share, turned into odds."""
    duels = [Duel(q, 0, 1, float(q % 4 > 0)) for q in range(200)]
    found = strengths(duels, 2)[0].interval
    share = bounded_mean([duel.score for duel in duels], range(200))
    assert found is not None
    assert share is not None
    odds = [math.sqrt(end / (1 - end)) for end in (share.low, share.high)]
    assert [found.low, found.high] == pytest.approx(odds, rel=0.03)


def test_who_is_in_no_comparison_is_an_error() -> None:
    """A player without a comparison has no strength, and none is made up."""
    with pytest.raises(ValueError, match="player 2"):
        strengths([Duel(0, 0, 1, 1.0)], 3)


def test_one_question_has_no_interval() -> None:
    """Nothing is known of the spread between questions where there is one."""
    assert strengths([Duel(0, 0, 1, 1.0), Duel(0, 1, 0, 0.5)], 2)[0].interval is None


@pytest.mark.parametrize(("odds", "low", "high"), [(1.0, 0.8, 1.25), (2.0, 1.6, 2.5), (0.5, 0.4, 0.625)])
def test_what_a_judge_gives_for_length_is_found(odds, low, high) -> None:
    """A judge that multiplies the odds by a factor for twice the length is found to, whoever writes longer."""
    rng = np.random.default_rng(3)
    duels = []
    for question in range(300):
        for one, other in combinations(range(3), 2):
            lengths = tuple(int(100 * 2 ** rng.normal(0.5 * player, 1)) + 1 for player in (one, other))
            slant = math.log(odds) * math.log2(lengths[0] / lengths[1])
            chance = 1 / (1 + math.exp(-(0.5 * (other - one) + slant)))
            duels.append(Duel(question, one, other, float(rng.random() < chance), (lengths[0], lengths[1])))
    found = longer_wins(duels, 3)
    assert found is not None
    assert found.odds is not None
    assert low <= found.odds <= high
    assert found.interval is not None
    assert found.interval.low <= odds <= found.interval.high


def test_nothing_is_said_of_length_where_all_answers_are_as_long() -> None:
    """Without differences of length there is no factor."""
    assert longer_wins([Duel(0, 0, 1, 1.0), Duel(1, 0, 1, 0.0)], 2) is None


@pytest.mark.parametrize(
    ("verdicts", "boundless"),
    [
        # Of each comparison: whose (0, 1), the one's score, its length beside the other's
        ([(1.0, 0.5), (0.0, 2.0), (1.0, 0.7), (0.0, 1.4)], "shorter"),
        ([(1.0, 2.0), (0.0, 0.5), (1.0, 1.4), (0.0, 0.7)], "longer"),
        ([(1.0, 2.0), (0.0, 0.5), (0.5, 1.0)], "longer"),
        ([(1.0, 2.0), (0.0, 0.5), (0.5, 3.0)], ""),
        ([(1.0, 2.0), (0.0, 0.5), (0.0, 3.0)], ""),
        ([(1.0, 2.0), (1.0, 0.5), (1.0, 0.7)], "unknown"),
        ([(1.0, 2.0), (0.0, 2.0), (0.5, 2.0)], "unknown"),
        ([(0.5, 2.0), (0.5, 0.5)], ""),
    ],
)
def test_a_slope_without_end_is_no_number(verdicts, boundless) -> None:
    """Where nothing speaks against an ever stronger effect of length it is said which way, never a number."""
    duels = [Duel(number, 0, 1, score, (round(1000 * ratio), 1000)) for number, (score, ratio) in enumerate(verdicts)]
    found = longer_wins(duels * 3, 2)
    assert found is not None
    assert found.boundless == boundless
    assert (found.odds is None) == bool(boundless)
    turned = longer_wins([Duel(d.question, 1, 0, 1 - d.score, d.lengths[::-1]) for d in duels * 3], 2)
    assert turned is not None
    assert turned.boundless == boundless


@pytest.mark.parametrize(("against", "known"), [(1, False), (2, True), (5, True)])
def test_a_slope_that_one_question_bounds_has_no_interval(against, known) -> None:
    """Where all verdicts but those on one question go one way, leaving it out has no bound: no interval is given."""
    going = [Duel(number, 0, 1, number % 2, (2000, 1000) if number % 2 else (500, 1000)) for number in range(40)]
    contrary = [
        Duel(one, 0, 1, long, (500, 1000) if long else (2000, 1000)) for one in range(against) for long in (0, 1)
    ]
    duels = [*going, *contrary]
    found = longer_wins(duels, 2)
    assert found is not None
    assert found.boundless == ""
    assert found.odds > 1
    assert (found.interval is not None) == known


def test_first_shown_counts_decided_calls_only() -> None:
    """Ties say nothing of the order."""
    found = first_won([(1, 1.0), (1, 0.5), (2, 1.0), (2, 0.0)])
    assert found is not None
    assert found[0] == pytest.approx(2 / 3)
    assert first_won([(1, 0.5)]) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "equal", "kappa"),
    [
        ("aabb", "aabb", 1.0, 1.0),
        ("aabb", "abab", 0.5, 0.0),
        ("aabb", "bbaa", 0.0, -1.0),
        ("aaaa", "aaaa", 1.0, 1.0),
        # Cohen's own kind of example: 25 and 20 of 50 agree on yes; 5 and 0 do not
        ("y" * 20 + "n" * 5 + "y" * 10 + "n" * 15, "y" * 20 + "y" * 5 + "n" * 10 + "n" * 15, 0.7, 0.4),
    ],
)
def test_agreement_is_beyond_chance(ours, theirs, equal, kappa) -> None:
    """Kappa is 1 for equal verdicts, 0 for chance, and the textbook's number for its table."""
    assert agreement(list(ours), list(theirs)) == pytest.approx((equal, kappa))
