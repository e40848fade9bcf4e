"""Who answers better, from comparisons of two answers at a time: Bradley and Terry's strengths.

In their model (Biometrika 39, 1952) the answer of ``i`` is found better than that of ``j`` with probability
``s_i / (s_i + s_j)``; a tie counts as half a win for either. The Gemini 1.5 report ranks answers to questions
about a whole novel so (arXiv 2403.05530, section 5.2.3). Strengths are scaled to a geometric mean of 1, as there:
of all, or where somebody won or lost everything, of the largest group that can be compared both ways.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.stats.intervals import LEVEL, Interval, bounded_mean, jackknife, numbered, shrunk

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lm_eval_longctx.stats.intervals import Array

_VIRTUAL = 0.1
"""Wins of either over the other that every two are given beforehand, so that who always wins has a strength too."""

_SLIGHT = 1e-4
"""The same where ends are sought: so few that who always wins has no upper end."""

_ALIKE, _PRIOR = 0.1, 8.0
"""How alike verdicts on one question are taken to be, and how many questions outweigh that (found by simulation)."""

_FAR = 14.0
"""The logarithm of a strength that is as good as without end: a million to one."""

_STEPS = 60
_HALVINGS = 14
_STILL, _NEARLY = 1e-9, 1e-4


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
        interval: By profile likelihood, with the spread between questions; 0 or infinite at an end that nobody knows;
            ``None`` for a single question.
        won: Share of its comparisons won, ties as half.
        duels: How many comparisons it was in.
        boundless: Whether it won or lost all of them, or all against some: its strength is known on one side only.
    """

    value: float
    interval: Interval | None
    won: float
    duels: int
    boundless: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``null`` is an end that nobody knows."""
        ends = self.interval.to_dict() if self.interval else None
        if ends and math.isinf(ends["high"]):
            ends["high"] = None
        return {**vars(self), "interval": ends}


def strengths(duels: Sequence[Duel], players: int, *, level: float = LEVEL) -> list[Strength]:
    """Return the strength of each player.

    Args:
        duels: The comparisons, of any pairs.
        players: How many there are; each is in a comparison.
        level: Confidence level.

    Raises:
        ValueError: Somebody is in no comparison.
    """
    wins = _wins(duels, players)
    whole = wins.sum(axis=0)
    met = whole.sum(axis=1) + whole.sum(axis=0)
    if not met.all():
        raise ValueError(f"player {int(np.argmin(met))} is in no comparison")
    bound = _comparable(whole)
    inside = _scale(bound)
    value = _scaled(fitted(whole[None])[0], inside)
    ends = _ends(wins, value, bound, level)
    won = whole.sum(axis=1) / met
    return [
        Strength(
            math.exp(value[i]),
            None if ends is None else Interval(*ends[i], level, "profile"),
            float(won[i]),
            round(float(met[i])),
            not bound[i],
        )
        for i in range(players)
    ]


def _comparable(wins: Array) -> Array:
    """Return who is in the largest group in which nobody won everything against the rest of it."""
    from scipy.sparse.csgraph import connected_components  # heavy

    _, group = connected_components(wins > 0, directed=True, connection="strong")
    sizes = np.bincount(group)
    return np.asarray((group == sizes.argmax()) & (sizes.max() > 1))


def _scale(bound: Array) -> Array:
    """Return whose geometric mean is 1: of all, where nobody can be compared both ways."""
    return bound if bound.any() else np.ones_like(bound)


def _scaled(theta: Array, inside: Array) -> Array:
    return np.asarray(theta - theta[..., inside].mean(axis=-1, keepdims=True))


def _wins(duels: Sequence[Duel], players: int) -> Array:
    """Return wins by question, winner and loser; ties are half a win each."""
    wins = np.zeros((len({duel.question for duel in duels}), players, players))
    for question, duel in zip(numbered([duel.question for duel in duels]), duels, strict=True):
        wins[question, duel.one, duel.other] += duel.score
        wins[question, duel.other, duel.one] += 1 - duel.score
    return wins


def _ends(wins: Array, value: Array, bound: Array, level: float) -> list[tuple[float, float]] | None:
    """Return both ends of each interval: strengths that explain the verdicts nearly as well as the most likely ones.

    How nearly is Student's factor times the variance between questions, in units of that of independent verdicts.
    """
    from scipy.special import stdtrit  # heavy

    count = len(wins)
    if count < 2:  # noqa: PLR2004 - one question has no spread
        return None
    inside = _scale(bound)
    allowed = float(stdtrit(count - 1, (1 + level) / 2)) ** 2 * _design_effect(wins, value, bound) / 2
    whole = wins.sum(axis=0)
    best = _scaled(fitted(whole[None], _SLIGHT)[0], inside)
    least = _likelihood(whole, best[None])[0] - allowed
    reach = [_reached(whole, best, inside, least, side) for side in (-1, 1)]
    return [(math.exp(low), math.exp(high)) for low, high in zip(*reach, strict=True)]


def _design_effect(wins: Array, value: Array, bound: Array) -> Array:
    """Return the variance of each logarithm between questions, in units of that of independent verdicts.

    Drawn towards that of verdicts which are somewhat alike, the more so the fewer questions it rests on: where a judge
    says the same of every question, the spread is 0 and tells nothing of the next one. Of who always won or always lost
    it is such verdicts' alone.
    """
    inside = _scale(bound)
    players = len(value)
    whole, each = wins.sum(axis=0), wins + wins.swapaxes(1, 2)
    chance = 1 / (1 + np.exp(value[None, :] - value[:, None]))
    centre = np.eye(players) - inside / inside.sum()
    inverse = centre @ np.linalg.pinv(_hessian(whole + _VIRTUAL * (1 - np.eye(players)), chance)) @ centre.T
    moves = inverse @ (wins - each * chance).sum(axis=2).T
    moves -= moves.mean(axis=1, keepdims=True)
    fought = each.sum(axis=2)
    size = (fought**2).sum(axis=0) / fought.sum(axis=0)
    assumed = 1 + _ALIKE * (size - 1)
    return np.where(bound, shrunk(moves, np.diag(inverse), assumed, _PRIOR), assumed)


def _hessian(wins: Array, chance: Array) -> Array:
    bend = (wins + wins.swapaxes(-1, -2)) * chance * (1 - chance)
    return np.asarray(np.eye(wins.shape[-1]) * bend.sum(axis=-1)[..., None, :] - bend)


def _likelihood(wins: Array, theta: Array) -> Array:
    """Return the logarithm of the likelihood of some strengths, one a row."""
    beaten = wins + _SLIGHT * (1 - np.eye(len(wins)))
    return np.asarray(-(beaten * np.logaddexp(0, theta[:, None, :] - theta[:, :, None])).sum(axis=(1, 2)))


def _reached(wins: Array, best: Array, inside: Array, least: Array, side: int) -> Array:
    """Return for each player the last logarithm of its strength on one side that is likely enough, by bisection."""
    near, far = best.copy(), best + side * _FAR
    free = np.stack([_free(player, inside) for player in range(len(best))])
    endless = _likelihood(wins, _profile(wins, best, inside, far, free)) >= least
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        likely = _likelihood(wins, _profile(wins, best, inside, middle, free)) >= least
        near, far = np.where(likely, middle, near), np.where(likely, far, middle)
    return np.where(endless, side * math.inf, near)


def _free(player: int, inside: Array) -> Array:
    """Return the directions in which the others may move while one strength and the scale stand still."""
    fixed = np.stack([np.eye(len(inside))[player], inside.astype(float)])
    return np.asarray(np.linalg.svd(fixed)[2][2:].T)


def _profile(wins: Array, best: Array, inside: Array, at: Array, free: Array) -> Array:
    """Return the most likely strengths of all where each player's own is held: a row for each player."""
    players = len(best)
    beaten = wins + _SLIGHT * (1 - np.eye(players))
    own = np.eye(players, dtype=bool)
    others = (inside[None, :] & ~own) * inside[:, None]
    theta = best + others * ((best - at) / np.maximum(1, others.sum(axis=1)))[:, None]
    theta = np.where(own, at[:, None], theta)
    for _ in range(_STEPS if players > 2 else 0):  # noqa: PLR2004 - of two players, one decides the other
        chance = 1 / (1 + np.exp(theta[:, None, :] - theta[:, :, None]))
        slope = (beaten - (beaten + beaten.T) * chance).sum(axis=2)
        turned = free.swapaxes(1, 2)
        bend = turned @ _hessian(beaten, chance) @ free + 1e-9 * np.eye(players - 2)
        step = (free @ np.linalg.solve(bend, turned @ slope[..., None]))[..., 0]
        theta += step * np.minimum(1, 2 / np.maximum(1e-12, np.abs(step).max(axis=1, keepdims=True)))
        if np.abs(step).max() < _NEARLY:
            break
    return np.asarray(theta)


def fitted(wins: Array, virtual: float = _VIRTUAL) -> Array:
    """Return the most likely logarithms of strengths, for many tables of wins at once.

    Args:
        wins: Of the row's player over the column's; tables on the first axis.
        virtual: Wins that either of two players is given over the other beforehand.

    Returns:
        A row for each table; each row's mean is 0.
    """
    players = wins.shape[-1]
    beaten = wins + virtual * (1 - np.eye(players))
    games = beaten + beaten.swapaxes(1, 2)
    theta = np.zeros(wins.shape[:2])
    for _ in range(_STEPS):  # Newton's steps: the likelihood has one summit
        chance = 1 / (1 + np.exp(theta[:, None, :] - theta[:, :, None]))
        slope = (beaten - games * chance).sum(axis=2)
        step = np.linalg.solve(_hessian(beaten, chance) + 1 / players, slope[..., None])[..., 0]  # the sum stays 0
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


@dataclass(frozen=True)
class LengthEffect:
    """What the length of answers does to verdicts, the players' strengths taken out.

    Attributes:
        odds: By how much twice the length multiplies the odds of winning; ``None`` where the verdicts set no bound.
        interval: Of the factor, by jackknife over questions; ``None`` likewise, and where the verdicts on a single
            question are all that sets a bound: leaving it out shows how far the factor may be, and that is endless.
        boundless: Empty where they do. Else ``longer`` or ``shorter``, if what the strengths do not explain always goes
            one way, so that the likelihood rises without end (separation; Albert and Anderson, 1984,
            https://doi.org/10.1093/biomet/71.1.1); ``unknown`` if the strengths could explain all verdicts.
    """

    odds: float | None
    interval: Interval | None
    boundless: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "interval": self.interval.to_dict() if self.interval else None}


def longer_wins(duels: Sequence[Duel], players: int, level: float = LEVEL) -> LengthEffect | None:
    """Return by how much twice the length multiplies the odds of winning, beyond the players' strengths.

    A logistic regression of the verdicts on both players and the logarithm of the ratio of lengths; 1 for a judge
    that does not mind the length. Who is better may also write more or less, within one player too, so that a number
    other than 1 is a question to the judge and not yet its fault.

    Returns:
        The factor, or why there is none; ``None`` where all answers are of one length.
    """
    if all(duel.lengths[0] == duel.lengths[1] for duel in duels):
        return None
    if boundless := _separated(*_on_length(duels, players)):
        return LengthEffect(None, None, boundless)

    def slope(some: Sequence[Duel]) -> float:
        return math.log(2) * _length_slope(some, players)

    questions = [duel.question for duel in duels]
    others = ([duel for duel in duels if duel.question != one] for one in dict.fromkeys(questions))
    if any(_separated(*_on_length(some, players)) for some in others):
        return LengthEffect(math.exp(slope(duels)), None)
    interval = jackknife(list(duels), questions, slope, level=level)
    ends = interval and Interval(math.exp(interval.low), math.exp(interval.high), level, interval.method)
    return LengthEffect(math.exp(slope(duels)), ends)


def _separated(rows: Array, score: Array) -> str:
    """Return in which direction the slope of the length could grow for ever without a verdict speaking against it."""
    from scipy.optimize import linprog  # heavy

    won, tied = np.sign(score - 0.5), score == 0.5  # noqa: PLR2004 - a tie
    against = -rows[~tied] * won[~tied, None]
    bounds = [(None, None)] * (rows.shape[1] - 1) + [(-1, 1)]

    def grows(side: int) -> bool:
        aim = np.eye(rows.shape[1])[-1] * -side
        limits = {"A_ub": against, "b_ub": np.zeros(len(against))} if len(against) else {}
        even = {"A_eq": rows[tied], "b_eq": np.zeros(int(tied.sum()))} if tied.any() else {}
        found = linprog(aim, **limits, **even, bounds=bounds)
        return bool(found.status == 0 and -found.fun > 1 / 2)  # it is 0 or 1

    up, down = grows(1), grows(-1)
    return "unknown" if up and down else "longer" if up else "shorter" if down else ""


def _on_length(duels: Sequence[Duel], players: int) -> tuple[Array, Array]:
    """Return a row for each comparison, of its players and the logarithm of the ratio of lengths, and the scores."""
    rows = np.zeros((len(duels), players + 1))
    for row, duel in zip(rows, duels, strict=True):
        row[duel.one], row[duel.other] = 1, -1
        row[-1] = math.log(max(1, duel.lengths[0]) / max(1, duel.lengths[1]))
    return rows, np.asarray([duel.score for duel in duels])


def _length_slope(duels: Sequence[Duel], players: int) -> float:
    from sklearn.linear_model import LogisticRegression  # heavy

    rows, score = _on_length(duels, players)
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
