"""The tables of verdicts: on every row the headline says what a careful reader says."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.scorers.choice import ChoiceScorer
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.scorers.label import LabelScorer
from lm_eval_longctx.scorers.multi_needle import MultiNeedleScorer
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.scorers.sequence_match import SequenceMatchScorer
from lm_eval_longctx.scorers.translation import TranslationScorer

if TYPE_CHECKING:
    from lm_eval_longctx.scorers.base import Scorer

FOLDER = Path(__file__).resolve().parent / "verdicts"
sys.path.insert(0, str(FOLDER))

FORMS: dict[str, tuple[Scorer, str]] = {
    "value": (RetrievalScorer({}), "exact"),
    "absent": (RetrievalScorer({}), "exact"),
    "text": (ExactF1Scorer({}), "exact"),
    "text_absent": (ExactF1Scorer({}), "exact"),
    "choice": (ChoiceScorer({}), "accuracy"),
    "label": (LabelScorer({}), "accuracy"),
    "translation": (TranslationScorer({}), "exact"),
    "keyed": (MultiNeedleScorer({}), "found"),
    "long": (SequenceMatchScorer({"grading": "v2"}), "match"),
}
"""The scorer and the headline metric of each form of answer."""

LEAST_ROWS = 1500
LEAST_BY_HAND = 200


def table(name: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def verdict(row: dict[str, Any]) -> float:
    """Return what our headline says; 1 only for wholly right."""
    scorer, metric = FORMS[row["form"]]
    sample = {**row, "absent": row["form"].endswith("absent")}
    return float(scorer.score(sample, row["answer"])[metric] == 1)


@pytest.mark.parametrize("name", ["made", "by_hand"])
def test_every_row_of_the_tables_is_judged_as_a_reader_judges_it(name: str) -> None:
    """Agreement with the table is 100 %, in every form of answer."""
    rows = table(name)
    wrong = [row for row in rows if verdict(row) != row["verdict"]]
    total, missed = Counter(row["form"] for row in rows), Counter(row["form"] for row in wrong)
    for form, count in sorted(total.items()):
        print(f"{name}: {form}: {count - missed[form]} of {count} = {1 - missed[form] / count:.1%}")  # noqa: T201 - the agreement
    assert not wrong, "\n".join(json.dumps(row, ensure_ascii=False) for row in wrong[:200])


def test_the_tables_are_as_large_as_promised() -> None:
    """There are 1,500 rows and hundreds by hand; the made ones are what the generator makes."""
    from generate import rows

    made = table("made")
    assert made == rows()
    assert len(made) >= LEAST_ROWS
    assert len(table("by_hand")) >= LEAST_BY_HAND
