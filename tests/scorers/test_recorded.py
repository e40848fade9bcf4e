"""Answers that two models really gave, with their scores: a change of scoring is seen here."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.scorers.base import SCORING, judge

FILE = Path(__file__).resolve().parent / "recorded" / "answers.jsonl"
"""One line an answer: the model, the task, what the scorer reads of the sample, and the answer as it came.

``smollm2`` is SmolLM2-135M-Instruct behind the two best passages, ``embedded`` the rules of ``cascade``.
"""

MEANS: dict[tuple[str, str], float] = {
    ("embedded", "longctx_text_docqa"): 0.111,
    ("embedded", "longctx_text_manyshot"): 0.833,
    ("embedded", "longctx_text_mrcr"): 1.0,
    ("embedded", "longctx_text_niah"): 1.0,
    ("embedded", "longctx_text_niah_multi"): 1.0,
    ("embedded", "longctx_text_translation"): 0.0,
    ("embedded", "niah_absent_longctx"): 1.0,
    ("embedded", "niah_distractors_longctx"): 1.0,
    ("embedded", "niah_words_longctx"): 1.0,
    ("smollm2", "longctx_text_docqa"): 0.0,
    ("smollm2", "longctx_text_manyshot"): 0.083,
    ("smollm2", "longctx_text_niah"): 1.0,
    ("smollm2", "longctx_text_niah_multi"): 0.015,
    ("smollm2", "longctx_text_translation"): 0.0,
    ("smollm2", "niah_absent_longctx"): 0.65,
    ("smollm2", "niah_distractors_longctx"): 0.421,
    ("smollm2", "niah_words_longctx"): 0.684,
}


def scored() -> dict[tuple[str, str], list[float]]:
    """Return the headline of each answer, by model and task; of translations, whether they are exact."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in FILE.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        kind = registry().load(registry().scorer(row["scorer"]))
        scorer = kind({option.name: option.fallback() for option in kind.OPTIONS})
        main = "exact" if row["scorer"] == "translation" else scorer.METRICS[0].name
        found[row["model"], row["task"]].append((judge(scorer, row, row["answer"]).values or {})[main])
    return found


def test_recorded_answers_are_scored_as_they_were() -> None:
    """Whoever changes these means on purpose raises ``SCORING`` with them."""
    assert SCORING == 6
    means = {key: round(fmean(values), 3) for key, values in scored().items()}
    assert means == pytest.approx(MEANS)
