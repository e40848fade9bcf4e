"""People rate answers one by one, from 0 to 6, on a sheet that does not say who answered.

The Gemini 1.5 report has translations into and out of Kalamang rated so, by a person who learned the language from
the same book (arXiv 2403.05530, section 5.2.2.1): 0 is no use at all, 6 is a perfect translation.
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.judging.sheets import read_sheet
from lm_eval_longctx.preview.recipes import Recipes
from lm_eval_longctx.stats.intervals import bounded_mean
from lm_eval_longctx.stats.strengths import graded_agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.judging.answers import Answer, Field

COLUMN = "rating"
MOST = 6
MEANINGS = {str(number): str(number) for number in range(MOST + 1)}


def all_answers(field: Field) -> list[Answer]:
    """Return the answers of a field, question by question."""
    return [answer for answers in field.answers.values() for answer in answers.values()]


def name_of(answer: Answer) -> str:
    """Return a short stable name, from which nobody reads who answered."""
    return hashlib.sha256(f"{answer.player}\0{answer.question}\0{answer.text}".encode()).hexdigest()[:16]


def rating_lines(field: Field) -> list[dict[str, str]]:
    """Return the lines of a sheet: what was asked, what is right, what was answered.

    Texts of a benchmark that must not stand in logs stand on the sheet, since nobody could rate without them.
    """
    revealed = _revealed()
    return [{"name": name_of(one), **revealed(one), "answer": one.text} for one in all_answers(field)]


def _revealed() -> Callable[[Answer], dict[str, str]]:
    """Return what tells question and right answer; of hidden benchmarks from the user's own copy of the data."""
    opened: dict[str, Recipes] = {}

    def told(answer: Answer) -> dict[str, str]:
        sample, run = answer.logged.sample, answer.logged.run
        if not sample.get("private"):
            return {"question": answer.asked, "right": " or ".join(answer.accepted)}
        recipes = opened.setdefault(f"{run.path}\0{run.task}", Recipes(run.metadata, run.block["specification"]))
        whole = recipes.builder(sample).reveal(sample)
        return {"question": str(whole.get("source", "")), "right": str(whole["target"])}

    return told


def ratings(field: Field, sheets: Sequence[str | Path]) -> dict[str, Any]:
    """Return what people gave, as plain values.

    Args:
        field: What was rated.
        sheets: Filled in, one a person.

    Returns:
        ``players`` (mean over answers of the mean that people gave each, with its interval over questions), ``sheets``
        (how many answers each person rated, of how many) and ``people`` (each two: equal ratings, and Cohen's kappa
        with quadratic weights, which counts a near miss as near).

    Raises:
        ConfigError: See ``sheets.read_sheet``.
    """
    named = {name_of(answer): answer for answer in all_answers(field)}
    filled = {str(path): read_sheet(path, COLUMN, MEANINGS, list(named)) for path in sheets}
    given = [(named[name], int(value)) for sheet in filled.values() for name, value in sheet.items()]
    mine = {player: [(a.question, value) for a, value in given if a.player == player] for player in field.players}
    rows = [_player(player, some) for player, some in mine.items()]
    return {
        "most": MOST,
        "players": sorted((row for row in rows if row), key=lambda row: -row["value"]),
        "sheets": [{"sheet": path, "n": len(sheet), "of": len(named)} for path, sheet in filled.items()],
        "people": [_agreed(one, other, filled) for one, other in combinations(filled, 2)],
    }


def _player(player: str, given: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return a player's mean; nothing for who was not rated."""
    if not given:
        return {}
    people: dict[str, list[int]] = {}  # a player has one answer to a question, which counts once, however many rated it
    for question, value in given:
        people.setdefault(question, []).append(value)
    means = [sum(values) / len(values) for values in people.values()]
    found = bounded_mean([mean / MOST for mean in means], list(people))
    ends = found and {**found.to_dict(), "low": found.low * MOST, "high": found.high * MOST}
    return {"player": player, "value": sum(means) / len(means), "interval": ends, "n": len(given)}


def _agreed(one: str, other: str, filled: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    both = [name for name in filled[one] if name in filled[other]]
    pairs = [(int(filled[one][name]), int(filled[other][name])) for name in both]
    equal, kappa = graded_agreement(pairs, MOST) if pairs else (None, None)
    return {"sheets": [one, other], "n": len(both), "equal": equal, "kappa": kappa}
