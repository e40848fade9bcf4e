"""Log-likelihoods from a model that tells them of a whole prompt: one request for all positions of a document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lm_eval_longctx.backend import Job
from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.scorers.likelihood import as_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.harness.instances import SampleInstance

    Group = list[tuple[int, SampleInstance]]


class Documents:
    """Requests of ours for likelihoods, grouped by what they are about."""

    def __init__(self, requests: Sequence[SampleInstance]) -> None:
        """Group them."""
        self._groups = by_document(requests)
        self._answers: dict[int, Completion] = {}

    def ask(self, run: Callable[[list[Job]], list[Completion]]) -> list[Completion]:
        """Ask until every request has an answer, each round without the position that was beyond the model.

        Args:
            run: ``Backend.run``.
        """
        waiting = self._groups
        while waiting:
            answers = run([document_job(group) for group in waiting])
            waiting = [
                left for group, answer in zip(waiting, answers, strict=True) if (left := self._take(group, answer))
            ]
        return [self._answers[place] for place in sorted(self._answers)]

    def _take(self, group: Group, answer: Completion) -> Group:
        """Put an answer in its place; return what has to be asked again."""
        if answer.outcome is Outcome.CONTEXT_EXCEEDED and len(group) > 1:
            *shorter, (place, _) = group
            self._answers[place] = _told(answer, [], paid=True)
            return shorter
        nats = json.loads(answer)["nats"] if answer.outcome is Outcome.COMPLETE else []
        for number, (place, _) in enumerate(group):
            own = nats[2 * number : 2 * number + 2]
            self._answers[place] = _told(answer, own, paid=number == len(group) - 1)
        return []


def by_document(requests: Sequence[SampleInstance]) -> list[Group]:
    """Group samples of ours, with their places, by document, shortest first."""
    groups: dict[object, Group] = {}
    for place, request in enumerate(requests):
        sample = request.doc
        document = (sample["task"], sample["haystack"]["digest"], sample["index"], sample["variant"])
        groups.setdefault(document, []).append((place, request))
    return [sorted(group, key=lambda item: int(item[1].doc["prefix_bytes"])) for group in groups.values()]


def document_job(group: Group) -> Job:
    """Make one job of all positions of a document: the prompt of the last one, and the ranges of all."""
    request = group[-1][1]
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


def _told(answer: Completion, nats: Sequence[float], *, paid: bool) -> Completion:
    """Return one position's share of an answer; what the request took stands with one of them, not with each.

    That is the longest one, whose prompt was sent: its tokens were counted too.
    """
    told = answer.changed(text=as_answer(*nats)) if nats else answer
    return told if paid else told.changed(usage=Usage(), counted_tokens=None, seconds=0.0, attempts=0)
