"""The answers behind the cells, where ``--log_samples`` kept them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LONGEST = 400
PER_CELL = 8
"""How many answers of a cell are shown."""

Place = tuple[str, Any]
"""Length label and depth."""


@dataclass(frozen=True)
class Answer:
    """One sample, shortened for people.

    Attributes:
        sample: The sample's id.
        question: What was asked.
        target: The right answer.
        text: What the model said.
        score: The metric's value; ``None`` if the sample is unscored.
        outcome: How the call ended, with the provider's own words; empty if nobody kept it.
    """

    sample: str
    question: str
    target: str
    text: str
    score: float | None
    outcome: str = ""


def read_answers(file: Path, metric: str) -> dict[Place, list[Answer]]:
    """Read a samples file.

    Args:
        file: lm-eval's ``samples_<task>_<date>.jsonl``.
        metric: The metric whose value is shown with each answer.

    Returns:
        All answers by cell, in the order of the file.

    Raises:
        ResultsError: A line is not what lm-eval writes.
    """
    answers: dict[Place, list[Answer]] = {}
    with file.open(encoding="utf-8") as lines:
        for count, line in enumerate(lines, 1):
            try:
                logged = json.loads(line)
                sample = logged["doc"]
                place = (str(sample["context_label"]), sample.get("depth"))
            except (ValueError, KeyError, TypeError) as error:
                raise ResultsError(f"{file}, line {count}: not a sample of lm-eval; run the task again") from error
            answers.setdefault(place, []).append(_answer(logged, sample, metric))
    return answers


def _answer(logged: Mapping[str, Any], sample: Mapping[str, Any], metric: str) -> Answer:
    score = logged.get(metric)
    return Answer(
        sample=str(sample.get("id", "")),
        question=_short(sample.get("question", "")),
        target=_short(sample.get("target", "")),
        text=_short(_first(logged.get("filtered_resps") or logged.get("resps"))),
        score=score if isinstance(score, (int, float)) else None,
        outcome=_outcome(logged),
    )


def _outcome(sample: Mapping[str, Any]) -> str:
    """Return how the first call of a sample ended, as our harness keeps it among the arguments."""
    kept = sample.get("arguments")
    last = list(kept["gen_args_0"].values())[-1] if isinstance(kept, dict) and kept.get("gen_args_0") else {}
    completions = last.get("completions") if isinstance(last, dict) else None
    if not completions:
        return ""
    first = completions[0]
    return _short(": ".join(part for part in (first["outcome"].replace("_", " "), first["detail"]) if part))


def _first(responses: Any) -> Any:
    while isinstance(responses, list) and responses:
        responses = responses[0]
    return responses


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
