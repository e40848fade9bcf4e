"""Who answers better, from comparisons of two answers at a time: Bradley and Terry's strengths.

In their model (Biometrika 39, 1952) the answer of ``i`` is found better than that of ``j`` with probability
``s_i / (s_i + s_j)``; a tie counts as half a win for either. The Gemini 1.5 report ranks answers to questions
about a whole novel so (arXiv 2403.05530, section 5.2.3). Strengths are scaled to a geometric mean of 1, as there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.intervals import LEVEL, Interval, bounded_mean, generator, jackknife, numbered

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lm_eval_longctx.stats.intervals import Array

DRAWS = 1000
"""Samples of the questions, drawn with replacement."""

_VIRTUAL = 0.1
"""Wins of either over the other that every two are given beforehand, so that who always wins has a strength too."""

_STEPS = 60
_STILL = 1e-9


@dataclass(frozen=True)
class Duel:
    """Two answers to one question, compared.

    Attributes:
        question: Which one: what is told of one question is not independent.
        one: Who gave the one answer, as an index.
        other: Who gave the other.
        score: 1 if the one is better, 0 if the other is, 0.5 for a tie.
        lengths: Of the two answers, in characters.
    """

    question: Hashable
    one: int
    other: int
    score: float
    lengths: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Strength:
    """How strong a player is.

    Attributes:
        value: Relative to the geometric mean of all.
        interval: Bootstrap over questions; ``None`` for a single question.
        won: Share of its comparisons won, ties as half.
        duels: How many comparisons it was in.
        boundless: Whether it won or lost all of them: then its strength is known on one side only.
    """

    value: float
    interval: Interval | None
    won: float
    duels: int
    boundless: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        ends = self.interval.to_dict() if self.interval else None
        return {**vars(self), "interval": ends}


def strengths(
    duels: Sequence[Duel], players: int, *, draws: int = DRAWS, level: float = LEVEL, seed: str = ""
) -> list[Strength]:
    """Return the strength of each player.

    Args:
        duels: The comparisons, of any pairs.
        players: How many there are; each is in a comparison.
        draws: Samples of the questions for the intervals.
        level: Confidence level.
        seed: Names the draws; equal seeds give equal intervals.

    Raises:
        ValueError: Somebody is in no comparison.
    """
    wins = _wins(duels, players)
    whole = wins.sum(axis=0)
    met = whole.sum(axis=1) + whole.sum(axis=0)
    if not met.all():
        raise ValueError(f"player {int(np.argmin(met))} is in no comparison")
    value = fitted(whole[None])[0]
    ends = _ends(wins, value, draws, level, seed)
    won = whole.sum(axis=1) / met
    return [
        Strength(
            math.exp(value[i]),
            None if ends is None else Interval(math.exp(ends[0][i]), math.exp(ends[1][i]), level, "bootstrap"),
            float(won[i]),
            round(float(met[i])),
            bool(won[i] in {0.0, 1.0}),
        )
        for i in range(players)
    ]


def _wins(duels: Sequence[Duel], players: int) -> Array:
    """Return wins by question, winner and loser; ties are half a win each."""
    wins = np.zeros((len({duel.question for duel in duels}), players, players))
    for question, duel in zip(numbered([duel.question for duel in duels]), duels, strict=True):
        wins[question, duel.one, duel.other] += duel.score
        wins[question, duel.other, duel.one] += 1 - duel.score
    return wins


def _ends(wins: Array, value: Array, draws: int, level: float, seed: str) -> tuple[Array, Array] | None:
    """Return both ends of the intervals of logarithms: the bootstrap's spread, times Student's factor.

    Quantiles of the draws would be too narrow for few questions, and lopsided where somebody nearly always wins.
    """
    from scipy.special import stdtrit  # heavy

    count = len(wins)
    if count < 2:  # noqa: PLR2004 - one question has no spread
        return None
    drawn = generator(f"strengths {seed}").multinomial(count, np.full(count, 1 / count), size=draws)
    found = fitted(np.einsum("dq,qij->dij", drawn.astype(float), wins))
    spread = found.std(axis=0) * math.sqrt(count / (count - 1))
    reach = float(stdtrit(count - 1, (1 + level) / 2)) * spread
    return value - reach, value + reach


def fitted(wins: Array) -> Array:
    """Return the most likely logarithms of strengths, for many tables of wins at once.

    Args:
        wins: Of the row's player over the column's; tables on the first axis.

    Returns:
        A row for each table; each row's mean is 0.
    """
    players = wins.shape[-1]
    beaten = wins + _VIRTUAL * (1 - np.eye(players))
    games = beaten + beaten.swapaxes(1, 2)
    theta = np.zeros(wins.shape[:2])
    for _ in range(_STEPS):  # Newton's steps: the likelihood has one summit
        chance = 1 / (1 + np.exp(theta[:, None, :] - theta[:, :, None]))
        slope = (beaten - games * chance).sum(axis=2)
        bend = games * chance * (1 - chance)
        hessian = np.eye(players) * bend.sum(axis=2)[:, None, :] - bend
        step = np.linalg.solve(hessian + 1 / players, slope[..., None])[..., 0]  # the sum stays 0
        theta += np.clip(step, -2, 2)
        if np.abs(step).max() < _STILL:
            break
    return np.asarray(theta - theta.mean(axis=1, keepdims=True))


def first_won(shown: Sequence[tuple[Hashable, float]], level: float = LEVEL) -> tuple[float, Interval] | None:
    """Return how often the answer that was shown first is found better, where one is.

    Args:
        shown: Question, and the first answer's score (1, 0 or 0.5 for a tie).
        level: Confidence level.

    Returns:
        The share, 0.5 for a judge that does not mind the order if every pair is shown in both; ``None`` for ties only.
    """
    decided = [(question, score) for question, score in shown if score in {0.0, 1.0}]
    scores = [score for _, score in decided]
    interval = bounded_mean(scores, [question for question, _ in decided], level=level)
    return (float(np.mean(scores)), interval) if interval else None


def longer_wins(duels: Sequence[Duel], players: int, level: float = LEVEL) -> tuple[float, Interval | None] | None:
    """Return by how much twice the length multiplies the odds of winning, beyond the players' strengths.

    A logistic regression of the verdicts on both players and the logarithm of the ratio of lengths; 1 for a judge
    that does not mind the length. Who is better may also write more, within one player too, so that a number above 1
    is a question to the judge and not yet its fault.

    Returns:
        The factor with its interval (jackknife over questions); ``None`` where all answers are of one length.
    """
    if all(duel.lengths[0] == duel.lengths[1] for duel in duels):
        return None

    def slope(some: Sequence[Duel]) -> float:
        return math.log(2) * _length_slope(some, players)

    interval = jackknife(list(duels), [duel.question for duel in duels], slope, level=level)
    ends = interval and Interval(math.exp(interval.low), math.exp(interval.high), level, interval.method)
    return math.exp(slope(duels)), ends


def _length_slope(duels: Sequence[Duel], players: int) -> float:
    from sklearn.linear_model import LogisticRegression  # heavy

    rows = np.zeros((len(duels), players + 1))
    for row, duel in zip(rows, duels, strict=True):
        row[duel.one], row[duel.other] = 1, -1
        row[-1] = math.log(max(1, duel.lengths[0]) / max(1, duel.lengths[1]))
    score = np.asarray([duel.score for duel in duels])
    # A tie is half a win and half a loss; both appear, so that every fit has two classes
    features, outcomes = np.vstack([rows, rows]), np.repeat([1, 0], len(duels))
    weights = np.concatenate([score, 1 - score]) + 1e-6
    model = LogisticRegression(C=10.0, fit_intercept=False, max_iter=1000)
    return float(model.fit(features, outcomes, sample_weight=weights).coef_[0, -1])


def agreement(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> tuple[float, float]:
    """Return the share of equal verdicts, and Cohen's kappa (1960): 0 is what chance gives, 1 is full agreement.

    Args:
        ours: One judge's verdicts; at least one.
        theirs: The other's on the same questions.
    """
    from sklearn.metrics import cohen_kappa_score  # heavy

    same = sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(ours)
    if len({*ours, *theirs}) == 1:
        return same, 1.0  # kappa is 0/0 where both say one thing only
    return same, float(cohen_kappa_score(list(map(str, ours)), list(map(str, theirs))))


def graded_agreement(ratings: Sequence[tuple[int, int]], most: int) -> tuple[float, float]:
    """Return the share of equal ratings, and kappa with quadratic weights (Cohen, 1968): a near miss counts as near.

    Args:
        ratings: What two people gave; at least one pair.
        most: Ratings go from 0 up to here.
    """
    from sklearn.metrics import cohen_kappa_score  # heavy

    same = sum(one == other for one, other in ratings) / len(ratings)
    if len({value for pair in ratings for value in pair}) == 1:
        return same, 1.0  # as for ``agreement``
    ours, theirs = zip(*ratings, strict=True)
    return same, float(cohen_kappa_score(ours, theirs, weights="quadratic", labels=range(most + 1)))
