"""The task under check: its samples and prompts, as asked and with settings changed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.scorers.base import NoKey, Unparsed, mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.harness.listing import Listed
    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.scorers.base import Metric

OK, FAILED, SKIPPED = "ok", "failed", "skipped"

_WHOLE = 1e-9
_PERCENT = 100.0


class Skipped(Exception):  # noqa: N818 - a verdict, not a fault of the program
    """A question that does not apply to a task, or cannot be answered here; its message says why."""


@dataclass(frozen=True)
class Verdict:
    """What was found about one question.

    Attributes:
        row: Which question.
        state: ``ok``, ``failed`` or ``skipped``.
        said: What was found, in one line.
        details: More of it, a line each.
    """

    row: str
    state: str
    said: str
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "details": list(self.details)}


@dataclass(frozen=True)
class Effort:
    """How much is looked at.

    Attributes:
        prompts: Prompts of text that are made.
        media: Prompts with pictures, sound or film that are made.
        questions: Questions that are answered blindly, roughly, and as many to learn from.
        preset: The preset that is used, if the task has it and nobody asks for another.
    """

    prompts: int
    media: int
    questions: int
    preset: str


FAST = Effort(prompts=8, media=0, questions=48, preset="smoke")
FULL = Effort(prompts=40, media=2, questions=1000, preset="default")


class Subject:
    """A task under check.

    Attributes:
        listed: The task as lm-eval lists it.
        include_path: Further folders of tasks.
        effort: How much is looked at.
    """

    def __init__(
        self, listed: Listed, metadata: Mapping[str, Any], effort: Effort, include_path: Sequence[str] = ()
    ) -> None:
        """Choose the settings; nothing is made yet."""
        self.listed, self.effort, self.include_path = listed, effort, tuple(include_path)
        quick = effort.preset in (listed.metadata.get("presets") or {})
        self._asked = {**({"preset": effort.preset} if quick else {}), **metadata}
        self._tasks: dict[str, LongctxTask] = {}
        self._prompts: dict[str, Prompt] = {}

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The settings that it is checked with: as asked, with enough samples to look at."""
        task = self._made(self._asked)
        planned = sum(1 for _ in task.builder.plans())  # how many there are, without making them
        each = math.ceil(self.effort.prompts * task.sweep.samples_per_cell / max(1, planned))
        more = {**self._asked, "samples_per_cell": each}
        if "samples_per_cell" in self._asked or each <= task.sweep.samples_per_cell:
            return self._asked
        try:
            self._made(more).test_docs()
        except LongctxError:  # published data may hold no more
            return self._asked
        return more

    def changed(self, **settings: Any) -> LongctxTask:
        """Return the task with some settings changed; made once.

        Raises:
            LongctxError: It cannot be made with them.
        """
        return self._made({**self.metadata, **settings})

    def _made(self, metadata: Mapping[str, Any]) -> LongctxTask:
        key = json.dumps(metadata, sort_keys=True, default=str)
        if key not in self._tasks:
            self._tasks[key] = one_task(self.listed.name, metadata, self.include_path)
        return self._tasks[key]

    @cached_property
    def task(self) -> LongctxTask:
        """The task as it is checked."""
        return self.changed()

    @cached_property
    def samples(self) -> list[Sample]:
        """The samples, with what the scorer sees of those whose texts are not logged."""
        return [self.task.builder.reveal(sample) for sample in self.task.test_docs()]

    @property
    def looked_at(self) -> list[Sample]:
        """The samples whose prompts are made.

        Raises:
            Skipped: None is, with this effort.
        """
        most = self.effort.prompts if self.is_text else self.effort.media
        if not most:
            raise Skipped("pictures, sound and film are not made in the fast form")
        return self.samples[:most]

    def prompt(self, sample: Sample) -> Prompt:
        """Return the prompt of one of the samples; made once."""
        if sample["id"] not in self._prompts:
            self._prompts[sample["id"]] = self.task.builder.render(sample)
        return self._prompts[sample["id"]]

    @property
    def is_text(self) -> bool:
        """Whether prompts hold text only."""
        return self.task.builder.MODALITY == "text"

    @property
    def published(self) -> bool:
        """Whether the samples are somebody's data, and no seed makes others."""
        builder = self.task.builder
        return "longctx-public" in self.listed.tags or not builder.HAS_LENGTH or "seed" in builder.unread()

    @property
    def seed(self) -> int:
        """The seed that it is checked with."""
        return self.task.sweep.seed

    def many(self, seed: int, count: int) -> list[Sample]:
        """Return about so many samples of a seed; those that there are, if the data hold no more."""
        each = max(1, math.ceil(count * self.task.sweep.samples_per_cell / len(self.samples)))
        try:
            task = self.changed(seed=seed, samples_per_cell=each)
            return [task.builder.reveal(sample) for sample in task.test_docs()]
        except LongctxError:
            if not self.published:
                raise
            return self.samples

    @property
    def metric(self) -> Metric:
        """The main metric."""
        return self.task.scorer.METRICS[0]

    def value(self, sample: Mapping[str, Any], answer: str) -> Any:
        """Return what the main metric makes of an answer; ``None`` where it does not count the sample."""
        scorer = self.task.scorer
        try:
            return scorer.score(sample, answer).get(self.metric.name)
        except Unparsed:
            return scorer.nothing().get(self.metric.name, 0.0)
        except NoKey:
            return None

    def score(self, sample: Mapping[str, Any], answer: str) -> float | None:
        """Return the score of an answer in [0, 1], more is better; ``None`` where it does not count."""
        value = self.value(sample, answer)
        return None if value is None else self.share([value])

    def share(self, values: Sequence[Any]) -> float:
        """Return the aggregate of some values in [0, 1], more is better: percentages as shares, errors turned round."""
        found = float(self.metric.aggregate(values))
        if not self.metric.higher_is_better:
            return 1 - min(1.0, found)
        return found if self.metric.aggregate is mean or found <= 1 + _WHOLE else found / _PERCENT


def some(lines: Sequence[str], most: int = 5) -> tuple[str, ...]:
    """Return the first of some lines, and how many more there are."""
    more = len(lines) - most
    return (*lines[:most], *([f"and {more} more"] if more > 0 else []))
