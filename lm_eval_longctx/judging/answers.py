"""The answers that are judged: from the logs of finished runs, by question and by who gave them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.results import logged_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lm_eval_longctx.results import Logged

_ANSWERED = frozenset(outcome.value for outcome in Outcome if outcome.answered)


@dataclass(frozen=True)
class Answer:
    """One answer to one question.

    Attributes:
        player: Who gave it: the model, and what it read where a task asks with and without the document.
        question: Tells questions apart: its words, the document and its length.
        asked: The question in words.
        text: The answer as it came, thoughts off.
        accepted: Short right answers.
        evidence: Passages that tell the answer.
        logged: Where it stands.
    """

    player: str
    question: str
    asked: str
    text: str
    accepted: tuple[str, ...]
    evidence: tuple[str, ...]
    logged: Logged = field(compare=False, repr=False)


@dataclass(frozen=True)
class Field:
    """All that can be judged.

    Attributes:
        players: By name.
        answers: By question, then by player.
        left_out: How many answers could not be used, by reason.
    """

    players: tuple[str, ...]
    answers: dict[str, dict[str, Answer]]
    left_out: dict[str, int]


def read_answers(paths: Iterable[str | Path], tasks: Sequence[str] = ()) -> Field:
    """Read what was answered; of several runs of one player the newest counts.

    Args:
        paths: Result files, folders, or logs of samples.
        tasks: Only these; all by default.

    Raises:
        ResultsError: There is no log, no question was answered, or a named task is not there.
    """
    listed: list[Answer] = []
    left: Counter[str] = Counter()
    seen = set()
    for logged in logged_samples(paths):
        seen.add(logged.run.task)
        if tasks and logged.run.task not in tasks:
            continue
        answer, why = _read(logged)
        if answer is None:
            left[why] += 1
        else:
            listed.append(answer)
    if missing := [task for task in tasks if task not in seen]:
        raise ResultsError(f"no samples of {', '.join(missing)}; there are {', '.join(sorted(seen)) or 'none'}")
    if not listed:
        reasons = ", ".join(f"{count} times: {why}" for why, count in left.items())
        raise ResultsError(f"there are no answers to judge ({reasons or 'no samples'})")
    found: dict[str, dict[str, Answer]] = {}
    for answer, player in zip(listed, _named(listed), strict=True):
        found.setdefault(answer.question, {}).setdefault(player, replace(answer, player=player))
    players = tuple(sorted({player for answers in found.values() for player in answers}))
    return Field(players, found, dict(left))


def _named(listed: Sequence[Answer]) -> list[str]:
    """Return who gave each answer: model, task, and what was read, as far as these differ."""
    parts = [(one.player, one.logged.run.task, str(one.logged.sample.get("context", ""))) for one in listed]
    differ = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    differ[0] = differ[0] or not any(differ)
    return [", ".join(part for part, tells in zip(some, differ, strict=True) if tells and part) for some in parts]


def _read(logged: Logged) -> tuple[Answer | None, str]:
    """Return an answer, or why there is none."""
    sample, calls = logged.sample, logged.calls
    if not isinstance(sample.get("question"), str):
        return None, "the task asks no question in words"
    outcome = str(calls[0].get("outcome")) if calls else Outcome.COMPLETE.value
    if outcome not in _ANSWERED:
        return None, f"the call ended as {outcome}"
    said = without_thoughts(logged.answers[0] if logged.answers else "")
    if said.unclosed:
        return None, "a thought was begun and never ended"
    target = sample.get("target")
    accepted = (target,) if isinstance(target, str) else tuple(map(str, target or ()))
    evidence = tuple(text for text, *_ in sample.get("evidence") or () if isinstance(text, str))
    return Answer(
        logged.run.model, _question(sample), sample["question"], said.text.strip(), accepted, evidence, logged
    ), ""


def _question(sample: Any) -> str:
    """Name a question: the same words about another document, at another length or depth, are another question."""
    kind = str(sample.get("variant", "")).partition("/")[0]  # what follows is what was read, which players differ in
    # As it was asked for: without the document little is read, and the label tells how little
    length = sample.get("asked_label", sample.get("context_label"))
    told = (sample.get("question"), sample.get("document"), length, *map(sample.get, ("depth", "seed", "index")))
    return json.dumps([sample["haystack"]["digest"], kind, *told])
