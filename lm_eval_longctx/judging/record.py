"""What came of judging, as plain values: everything that a table, a figure or a later reader needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.judging.sheets import read_sheet
from lm_eval_longctx.judging.wording import VERSION
from lm_eval_longctx.stats.strengths import agreement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.judging.answers import Field
    from lm_eval_longctx.judging.compare import Judged, Pair

SCHEMA = "lm-eval-longctx/judged"
SCHEMA_VERSION = 1

COLUMN = "verdict"
MEANINGS = {"1": "1", "2": "2", "tie": "tie", "0": "tie", "=": "tie"}
"""What people write, and what it means."""

_AS_PEOPLE = {1.0: "1", 0.0: "2", 0.5: "tie"}


def record(judge: Mapping[str, Any], field: Field, *, known: bool) -> dict[str, Any]:
    """Return the beginning of a record: who judged what.

    Args:
        judge: The judge's name and how it was asked.
        field: What was judged.
        known: Whether the judge was shown what is known to be right.
    """
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "judge": {**judge, "wording": VERSION, "shown_known": known},
        "tasks": sorted({a.logged.run.task for answers in field.answers.values() for a in answers.values()}),
        "questions": len(field.answers),
        "answers": {player: sum(player in answers for answers in field.answers.values()) for player in field.players},
        "left_out": field.left_out,
    }


def pair_rows(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return each pair's verdicts, for whoever wants to look."""
    return [
        {
            "name": one.pair.name,
            "question": one.pair.one.asked,
            "one": one.pair.one.player,
            "other": one.pair.other.player,
            "orders": list(one.orders),
            "score": one.score,
            **({"why": [why for why in one.said if why]} if any(one.said) else {}),
        }
        for one in judged
    ]


def sheet_lines(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Return the lines of a sheet for people: which of two answers is better, 1, 2 or tie."""
    return [
        {
            "name": pair.name,
            "question": pair.one.asked,
            "known": " or ".join(pair.one.accepted),
            "answer 1": pair.one.text,
            "answer 2": pair.other.text,
        }
        for pair in pairs
        if not pair.same
    ]


def with_people(judged: Sequence[Judged], sheets: Sequence[str | Path]) -> dict[str, Any]:
    """Return how far the judge agrees with people, and these with each other.

    Args:
        judged: The judge's verdicts.
        sheets: Filled in, one a person.

    Returns:
        ``judge`` (with each sheet, which has ``filled`` lines ``of`` all pairs that need a verdict) and ``people``
        (each two sheets): equal verdicts, Cohen's kappa, and on how many.

    Raises:
        ConfigError: See ``sheets.read_sheet``.
    """
    names = [one.pair.name for one in judged]
    filled = {str(path): read_sheet(path, COLUMN, MEANINGS, names) for path in sheets}
    ours = {one.pair.name: _AS_PEOPLE[one.score] for one in judged if one.score is not None}
    listed, asked = list(filled.items()), sum(not one.pair.same for one in judged)
    return {
        "judge": [
            {"sheet": name, "filled": len(theirs), "of": asked, **_agreement(ours, theirs)} for name, theirs in listed
        ],
        "people": [
            {"sheets": [name, also], **_agreement(mine, theirs)}
            for number, (name, mine) in enumerate(listed)
            for also, theirs in listed[number + 1 :]
        ],
    }


def _agreement(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, Any]:
    both = [name for name in ours if name in theirs]
    if not both:
        return {"n": 0, "equal": None, "kappa": None}
    equal, kappa = agreement([ours[name] for name in both], [theirs[name] for name in both])
    return {"n": len(both), "equal": equal, "kappa": kappa}
