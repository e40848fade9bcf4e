"""Log-likelihoods from a model that tells them of a whole prompt: one request for all positions of a document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend import Job
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.harness.instances import SampleInstance
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.scorers.likelihood import as_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval.api.instance import Instance

    Group = list[tuple[int, Instance]]


class Documents:
    """Requests for likelihoods, grouped by what they are about."""

    def __init__(self, requests: Sequence[Instance]) -> None:
        """Group them."""
        self._groups = by_document(requests)
        self._answers: list[Any] = [None] * len(requests)

    def ask(self, run: Callable[[list[Job]], list[Completion]]) -> list[Any]:
        """Ask until every request has an answer, each round without the position that was beyond the model.

        Args:
            run: ``Backend.run``.
        """
        waiting = self._groups
        while waiting:
            answers = run([_job(group) for group in waiting])
            waiting = [
                left for group, answer in zip(waiting, answers, strict=True) if (left := self._take(group, answer))
            ]
        return self._answers

    def _take(self, group: Group, answer: Completion) -> Group:
        """Put an answer in its place; return what has to be asked again."""
        if answer.outcome is Outcome.CONTEXT_EXCEEDED and len(group) > 1:
            *shorter, (place, request) = group
            self._answers[place] = _told(request, answer, [])
            return shorter
        nats = json.loads(answer)["nats"] if answer.outcome is Outcome.COMPLETE else []
        for number, (place, request) in enumerate(group):
            self._answers[place] = _told(request, answer, nats[2 * number : 2 * number + 2])
        return []


def by_document(requests: Sequence[Instance]) -> list[Group]:
    """Group requests, with their places, by document, shortest first; what is not a sample of ours stands alone."""
    groups: dict[object, Group] = {}
    for place, request in enumerate(requests):
        groups.setdefault(_document(request, place), []).append((place, request))
    return [sorted(group, key=lambda item: _first_byte(item[1])) for group in groups.values()]


def _document(request: Instance, place: int) -> object:
    """Return what tells documents apart."""
    if not isinstance(request, SampleInstance):
        return place
    sample = request.doc
    return (sample["task"], sample["haystack"]["digest"], sample["index"], sample["variant"])


def _first_byte(request: Instance) -> int:
    return int(request.doc["prefix_bytes"]) if isinstance(request, SampleInstance) else 0


def _job(group: Group) -> Job:
    """Make one job of all positions of a document: the prompt of the last one, and the ranges of all."""
    request = group[-1][1]
    if not isinstance(request, SampleInstance):
        return _foreign_job(request)
    sample = request.doc
    ends = [(one.doc["prefix_bytes"], one.doc["prefix_bytes"] + one.doc["window_bytes"]) for _, one in group]
    ranges = [pair for start, stop in ends for pair in ((start, stop), (0, stop))]
    return Job(
        sample=sample["id"],
        task=sample["task"],
        render=request.prompt,
        settings=Settings(1),
        size=ends[-1][1],
        tokens=int(sample["realised_length"]),
        scored=tuple(ranges),
    )


def _foreign_job(request: Instance) -> Job:
    """Make a job of another lm-eval task's request."""
    context, continuation = request.args
    start, stop = len(context.encode()), len((context + continuation).encode())
    return Job(
        sample=f"{request.task_name}/{request.doc_id}/{request.idx}",
        task=str(request.task_name),
        render=lambda: Prompt.user(TextPart(context + continuation)),
        settings=Settings(1),
        size=stop,
        tokens=stop // 4,
        scored=((start, stop),),
    )


def _told(request: Instance, answer: Completion, nats: Sequence[float]) -> Any:
    """Return what lm-eval gets: a completion for a sample of ours, a pair for any other request."""
    if isinstance(request, SampleInstance):
        return answer.changed(text=as_answer(*nats)) if nats else answer
    if not nats:
        raise UnsupportedError(f"{request.task_name}: no log-likelihood ({answer.outcome.value}: {answer.detail})")
    return -nats[0], False
