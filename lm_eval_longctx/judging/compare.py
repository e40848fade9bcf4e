"""Two answers at a time: blind, in both orders, ties allowed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend import Job
from lm_eval_longctx.judging.verdicts import decided, pair_verdict
from lm_eval_longctx.judging.wording import pair_prompt
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.stats.strengths import Duel, first_won, longer_wins, strengths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.judging.answers import Answer, Field
    from lm_eval_longctx.providers.base import Settings

    Ask = Callable[[Sequence[Job]], list[Completion]]

_SCORES = {"a": 1.0, "tie": 0.5, "b": 0.0}
_PASSAGES = 4
"""How many known passages a judge is shown."""


@dataclass(frozen=True)
class Pair:
    """Two answers to one question, in an order that tells nothing of who gave them.

    Attributes:
        one: Shown first in the first order, and on sheets for people.
        other: Shown second there.
    """

    one: Answer
    other: Answer

    @property
    def name(self) -> str:
        """A short stable name, from which nobody reads the players."""
        words = "\0".join((self.one.question, *sorted((self.one.player, self.other.player))))
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    @property
    def same(self) -> bool:
        """Whether both say the same to the letter: a tie that nobody needs to judge."""
        return self.one.text == self.other.text


@dataclass(frozen=True)
class Judged:
    """What a judge said of a pair.

    Attributes:
        pair: The two answers.
        orders: The score of ``pair.one`` when it was shown first and when it was shown second: 1, 0, 0.5 for a tie;
            ``None`` where there is no verdict.
        said: How each call ended, for what has no verdict; empty otherwise.
    """

    pair: Pair
    orders: tuple[float | None, float | None]
    said: tuple[str, str] = ("", "")

    @property
    def score(self) -> float | None:
        """The score of ``pair.one``: a tie where the orders disagree, ``None`` where one is missing."""
        first, second = self.orders
        if first is None or second is None:
            return None
        return first if first == second else 0.5


def pairs(field: Field, seed: int = 0) -> list[Pair]:
    """Return every two answers to each question, in an order that is drawn for each pair."""
    found = []
    for question, answers in field.answers.items():
        for one, other in combinations((answers[player] for player in field.players if player in answers), 2):
            turned = Rng(f"{seed}|{question}|{one.player}|{other.player}#order").below(2)
            found.append(Pair(other, one) if turned else Pair(one, other))
    return found


def jobs(asked: Sequence[Pair], settings: Settings, *, known: bool = True) -> list[Job]:
    """Return two jobs for each pair, one an order; none for pairs that say the same.

    Args:
        asked: The pairs.
        settings: How the judge's answer is generated.
        known: Whether the judge is shown what is known to be right.
    """
    return [
        _job(pair, first, second, number, settings, known=known)
        for pair in asked
        if not pair.same
        for number, (first, second) in enumerate(((pair.one, pair.other), (pair.other, pair.one)))
    ]


def _job(pair: Pair, first: Answer, second: Answer, number: int, settings: Settings, *, known: bool) -> Job:
    told = told_of(pair.one) if known else ()
    size = sum(len(text.encode()) for text in (first.asked, first.text, second.text, *told)) + 1500
    return Job(
        sample=f"{pair.name}/{number}",
        task="judge",
        render=lambda: pair_prompt(first.asked, told, first.text, second.text),
        settings=settings,
        size=size,
        tokens=size // 4,
    )


def told_of(answer: Answer) -> tuple[str, ...]:
    """Return what is known to be right, as lines: the short answer, and passages that tell it."""
    short = [" or ".join(answer.accepted)] if answer.accepted else []
    return (*short, *answer.evidence[:_PASSAGES])


def judge_pairs(asked: Sequence[Pair], settings: Settings, ask: Ask, *, known: bool = True) -> list[Judged]:
    """Have all pairs judged.

    Args:
        asked: The pairs.
        settings: How the judge's answer is generated.
        ask: Sends jobs and gives completions in their order, such as ``Backend.run``.
        known: Whether the judge is shown what is known to be right.
    """
    answers = iter(ask(jobs(asked, settings, known=known)))
    return [Judged(pair, (0.5, 0.5)) if pair.same else _read(pair, next(answers), next(answers)) for pair in asked]


def _read(pair: Pair, first: Completion, second: Completion) -> Judged:
    (one, why), (turned, also) = scored(first), scored(second)
    return Judged(pair, (one, None if turned is None else 1 - turned), (why, also))


def scored(completion: Completion) -> tuple[float | None, str]:
    """Return the score of the answer that was shown first, or why there is none."""
    said, why = decided(completion, pair_verdict)
    return _SCORES.get(said), why


def duels(judged: Sequence[Judged], players: Sequence[str]) -> list[Duel]:
    """Return the comparisons that have a verdict in both orders."""
    index = {player: number for number, player in enumerate(players)}
    return [
        Duel(
            one.pair.one.question,
            index[one.pair.one.player],
            index[one.pair.other.player],
            one.score,
            (len(one.pair.one.text), len(one.pair.other.text)),
        )
        for one in judged
        if one.score is not None
    ]


def ranking(judged: Sequence[Judged], players: Sequence[str]) -> dict[str, Any]:
    """Return what follows from verdicts, as plain values.

    ``players`` (strength and interval, the strongest first), ``beats`` (each
    two players' shares), ``order`` and ``length`` (what the judge minds beside
    the content), and what could not be judged.
    """
    asked = [one for one in judged if not one.pair.same]
    # Equal texts alone would make everybody equal where the judge said nothing
    silent = asked and all(one.score is None for one in asked)
    fought = [] if silent else duels(judged, players)
    met = sorted({player for duel in fought for player in (duel.one, duel.other)})
    place = {player: number for number, player in enumerate(met)}
    moved = [Duel(d.question, place[d.one], place[d.other], d.score, d.lengths) for d in fought]
    found = strengths(moved, len(met)) if moved else []
    rows = [{"player": players[player], **one.to_dict()} for player, one in zip(met, found, strict=True)]
    return {
        "players": sorted(rows, key=lambda row: -row["value"]),
        "beats": _beats(moved, [players[player] for player in met]),
        "order": _order(judged),
        "length": _length(moved, len(met)),
        "pairs": len(judged),
        "same_text": sum(one.pair.same for one in judged),
        "without_verdict": _missing(judged),
        "pairs_without_verdict": sum(one.score is None for one in judged),
    }


def _beats(fought: Sequence[Duel], players: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each two players how often the one's answer is the better one, ties as half."""
    scores: dict[tuple[int, int], list[float]] = {}
    for duel in fought:
        one, other = sorted((duel.one, duel.other))
        scores.setdefault((one, other), []).append(duel.score if duel.one == one else 1 - duel.score)
    return [
        {
            "player": players[one],
            "other": players[other],
            "share": sum(found) / len(found),
            "ties": sum(score == 0.5 for score in found),  # noqa: PLR2004 - a tie
            "n": len(found),
        }
        for (one, other), found in sorted(scores.items())
    ]


def _order(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return what the order of two answers does to the verdict."""
    asked = [one for one in judged if not one.pair.same and one.score is not None]
    shown = [
        (one.pair.one.question, score)
        for one in asked
        for score in (one.orders[0], 1 - (one.orders[1] or 0.0))
        if score is not None
    ]
    share = first_won(shown)
    return {
        "consistent": sum(one.orders[0] == one.orders[1] for one in asked) / len(asked) if asked else None,
        "first_wins": share[0] if share else None,
        "interval": share[1].to_dict() if share else None,
    }


def _length(fought: Sequence[Duel], players: int) -> dict[str, Any]:
    """Return what twice the length does to the odds, beyond what the players' strengths tell."""
    found = longer_wins(fought, players) if fought else None
    return found.to_dict() if found else {"odds": None, "interval": None, "boundless": ""}


def _missing(judged: Sequence[Judged]) -> dict[str, int]:
    reasons = [why for one in judged for why in one.said if why]
    return {why: reasons.count(why) for why in sorted(set(reasons))}
