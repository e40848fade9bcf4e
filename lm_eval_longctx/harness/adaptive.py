"""An adaptive sweep: rounds of calls, each chosen by what the answers before it left open.

A task whose metadata say ``adaptive`` gives all its samples as any other. Here
they are asked cell by cell, the cell that tells most for its price first, until
the effective length is known closely enough or the calls or the money are used
up (``stats/adaptive.py``). What was not asked is no failure: it is left out of
every number, and the results say how their cells came to be chosen.

Running the same command again asks the same cells in the same order, and takes
what was answered from the ledger.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.results.block import ENDED
from lm_eval_longctx.results.summary import MAX_DEPTHS
from lm_eval_longctx.scorers.base import mean
from lm_eval_longctx.stats.adaptive import ABOVE, Posterior
from lm_eval_longctx.stats.effective_length import NOLIMA_SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lm_eval.api.instance import Instance

    from lm_eval_longctx.backend import Job
    from lm_eval_longctx.harness.instances import SampleInstance
    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.stats.adaptive import Estimate

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Cells of a task in one round: more keep more calls in flight, fewer choose with more knowledge."""

AROUND = 500
"""Tokens that every call costs beside its prompt, so that short prompts are not free."""

FIRST = 20
"""Calls before the sweep may end: what is sure after fewer is sure by luck."""

Cell = tuple[str, "float | None"]


@dataclass
class Chooser:
    """Chooses the cells of one task.

    Attributes:
        task: Its name.
        budget: Calls at most.
        within: Steps of length that the interval may span when the sweep ends.
        score: Makes a number in [0, 1] of a sample and its answer; ``None`` where it is not scored.
        floor: What is scored without reading the context.
        cells: All cells of the grid, with the positions of their jobs.
        order: The cells that were asked, in that order.
        why: Why no more was asked.
    """

    task: str
    budget: int
    within: int
    score: Callable[[Sample, Completion], float | None]
    posterior: Posterior
    lengths: tuple[str, ...]
    amounts: tuple[float, ...]
    depths: tuple[float | None, ...]
    floor: float = 0.0
    cells: dict[Cell, list[int]] = field(default_factory=lambda: defaultdict(list))
    prices: dict[Cell, float] = field(default_factory=lambda: defaultdict(float))
    order: list[Cell] = field(default_factory=list)
    asked: int = 0
    beyond: str | None = None
    why: str = ""

    @classmethod
    def of(cls, task: LongctxTask, samples: Sequence[Sample]) -> Chooser:
        """Make the chooser of a task.

        Args:
            task: Whose sweep is adaptive.
            samples: All that may be asked.

        Raises:
            ConfigError: The task has no curve that could be looked for.
        """
        metric = task.scorer.METRICS[0]
        if metric.aggregate is not mean or not metric.higher_is_better:
            raise ConfigError(f"{task.sweep.task}: adaptive needs scores from 0 to 1, and {metric.name} is none")
        amounts = {s["context_label"]: float(s.get("label_length", s["context_length"])) for s in samples}
        labels = tuple(sorted(amounts, key=lambda label: amounts[label]))
        if len(labels) < 2:  # noqa: PLR2004 - a curve has two ends
            raise ConfigError(
                f"{task.sweep.task}: adaptive looks for the length at which a score falls: give more lengths"
            )
        depths = _depths(samples)
        floor = float(np.mean([task.parts.floors.of(task.builder.reveal(s), task.scorer) for s in samples]))
        settings = task.sweep.adaptive or {}
        places = [depth for depth in depths if depth is not None]
        spans = tuple(amounts[label] for label in labels)
        posterior = Posterior(spans, places, floor=floor)
        budget = int(settings.get("budget") or max(FIRST, len(samples) // 5))
        _refuse_small(task.sweep.task, budget, Counter(_cell(sample, depths) for sample in samples))
        within = int(settings.get("within", 1))
        return cls(task.sweep.task, budget, within, task.score_of, posterior, labels, spans, depths, floor)

    def add(self, sample: Sample, job: Job, position: int) -> None:
        """Take a job in."""
        cell = _cell(sample, self.depths)
        self.cells[cell].append(position)
        self.prices[cell] += job.tokens + AROUND

    def round(self) -> list[Cell]:
        """Return the cells to ask next; none when the sweep is at its end."""
        estimate = self.posterior.estimate()
        if not self.why and self.asked >= FIRST and estimate.high - estimate.low <= self.within:
            self.why = "interval"
        prices, free = np.ones(self.posterior.shape), np.zeros(self.posterior.shape, dtype=bool)
        for (label, depth), positions in self.cells.items():
            place = self.lengths.index(label), self.depths.index(depth)
            prices[place] = self.prices[label, depth] / len(positions)
            free[place] = self.asked + len(positions) <= self.budget
        free &= ~self.posterior.asked
        chosen = [] if self.why else self.posterior.next_cells(prices, AT_ONCE, free)
        if not chosen:
            self.why = self.why or ("grid" if self.posterior.asked.all() else "budget")
        cells = [(self.lengths[length], self.depths[depth]) for length, depth in chosen]
        return self._affordable([cell for cell in cells if cell in self.cells])

    def _affordable(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return as many cells as the calls that are left allow, best first."""
        kept, left = [], self.budget - self.asked
        for cell in cells:
            if len(self.cells[cell]) <= left:
                left -= len(self.cells[cell])
                kept.append(cell)
        return kept

    def learn(self, cell: Cell, pairs: Sequence[tuple[Sample, Completion]]) -> None:
        """Take the answers of a cell in."""
        label, depth = cell
        length, place = self.lengths.index(label), self.depths.index(depth)
        found = [self.score(sample, answer) for sample, answer in pairs]
        values = [value for value in found if value is not None]
        if any(not 0 <= value <= 1 for value in values):
            raise ConfigError(f"{self.task}: adaptive needs scores from 0 to 1, and an answer scores {max(values):g}")
        self.posterior.observe(length, place, values)
        self.order.append(cell)
        self.asked += len(pairs)
        if any(answer.outcome is Outcome.CONTEXT_EXCEEDED for _, answer in pairs):
            self.posterior.end_before(length)
            known = self.lengths.index(self.beyond) if self.beyond is not None else length
            self.beyond = self.lengths[min(length, known)]  # of several in one round the shortest
        if any(answer.outcome is Outcome.SKIPPED_BUDGET for _, answer in pairs):
            self.why = "money"

    def _effective(self, found: Estimate) -> dict[str, Any]:
        """Return the estimate in the form of ``stats.EffectiveLength``, with labels beside the amounts."""
        named, amounts = (None, *self.lengths), (None, *self.amounts)
        ends = {"length": found.steps, "low": found.low, "high": found.high}
        last = len(self.lengths)
        return {
            "method": "adaptive",
            "rule": "relative",
            "threshold": NOLIMA_SHARE * found.fitted[0],
            "why_none": "" if found.steps else "floor" if found.fitted[0] <= self.floor + ABOVE else "short",
            "at_least": found.steps == last and self.beyond is None,
            "high_open": found.high == last and self.beyond is None,
            "level": found.level,
            "fitted": list(found.fitted),
            "beyond": self.beyond,
            **{name: amounts[i] for name, i in ends.items()},
            **{f"{name}_label": named[i] for name, i in ends.items()},
        }

    def told(self) -> str:
        """Return what was found and how, in a line: lm-eval's table has no effective length."""
        of, ended = sum(map(len, self.cells.values())), ENDED.get(self.why, self.why)
        length = _told_length(self._effective(self.posterior.estimate()))
        asked = f"{self.asked} of {of} samples asked, ended {ended}"
        return f"effective length {length}; {asked}. Scores are means of the chosen cells, not of the grid"

    def to_dict(self) -> dict[str, Any]:
        """Return how the cells were chosen, and what is believed, as plain values for the results."""
        found = self.posterior.estimate()
        named = (None, *self.lengths)
        worst = {f"{d:g}": round(p, 4) for d, p in zip(self.depths, found.worst, strict=False) if d is not None}
        return {
            "asked": self.asked,
            "of": sum(map(len, self.cells.values())),
            "budget": self.budget,
            "within": self.within,
            "ended": self.why,
            "order": [{"length": label, "depth": depth} for label, depth in self.order],
            "probabilities": {named[i] or "none": round(float(p), 4) for i, p in enumerate(found.probabilities)},
            "worst_depth": worst,
            "no_worst_depth": round(found.flat, 4),
            "effective_length": self._effective(found),
        }


def _told_length(found: dict[str, Any]) -> str:
    """Write the effective length with its interval, as people read it."""
    low, high = (found[f"{end}_label"] or "none" for end in ("low", "high"))
    extent = f"{low} to {high}" if low != high else high
    more, least = " or more" * found["high_open"], "at least " * found["at_least"]
    return f"{least}{found['length_label'] or 'none'} ({found['level']:.0%} interval: {extent}{more})"


def _depths(samples: Sequence[Sample]) -> tuple[float | None, ...]:
    """Return the depths of a grid; one place for all where there is no grid of them."""
    found = {sample["depth"] for sample in samples}
    return (None,) if None in found or len(found) > MAX_DEPTHS else tuple(sorted(d for d in found if d is not None))


def _cell(sample: Sample, depths: Sequence[float | None]) -> Cell:
    return sample["context_label"], None if None in depths else sample["depth"]


def _refuse_small(task: str, budget: int, sizes: Counter[Cell]) -> None:
    """Refuse a budget with which no cell could be asked."""
    smallest = min(sizes.values())
    if budget < smallest:
        raise ConfigError(
            f"{task}: a cell is asked whole and has {smallest} samples, so a budget of {budget} asks nothing; "
            "raise it, or lower samples_per_cell"
        )


def give_chooser(task: LongctxTask, instances: Sequence[SampleInstance], *, ours: bool) -> Chooser | None:
    """Let the samples of an adaptive sweep know who chooses among them; ``None`` where all are asked.

    Raises:
        ConfigError: Another lm-eval model would be asked, which gets all questions at once; or there is no curve.
    """
    if task.sweep.adaptive is None:
        return None
    if not ours:
        raise ConfigError(
            f"{task.sweep.task}: adaptive chooses each question by the answers before it, and lm-eval gives this "
            "model all questions at once; use --model longctx (a local server is openai-compatible), or leave it out"
        )
    chooser = Chooser.of(task, [instance.doc for instance in instances])
    for instance in instances:
        instance.chooser = chooser
    return chooser


def was_asked(answer: object) -> bool:
    """Whether an answer is of a question that was asked, or would have been but for a failure."""
    return not (isinstance(answer, Completion) and answer.outcome is Outcome.NOT_ASKED)


def not_asked() -> Completion:
    """Return the completion of a sample that the sweep did not need."""
    return Completion("", Outcome.NOT_ASKED, detail="the adaptive sweep knew enough without it", attempts=0)


def in_rounds(
    requests: Sequence[Instance], jobs: Sequence[Job], run: Callable[[Sequence[Job]], Sequence[Completion]]
) -> list[Completion]:
    """Answer jobs, those of adaptive sweeps round by round and all others in the first round.

    Args:
        requests: One for each job.
        jobs: In any order.
        run: Answers jobs.

    Returns:
        A completion for each job, in the same order.
    """
    choosers: dict[int, Chooser] = {}
    others = []
    for position, (request, job) in enumerate(zip(requests, jobs, strict=True)):
        chooser = getattr(request, "chooser", None)
        if chooser is None:
            others.append(position)
        else:
            choosers[id(chooser)] = chooser
            chooser.add(request.doc, job, position)
    answers = dict(zip(others, run([jobs[p] for p in others]), strict=True)) if others or not choosers else {}
    _stop_with(answers.values(), choosers.values())
    while chosen := [(chooser, cell) for chooser in choosers.values() for cell in chooser.round()]:
        positions = [position for chooser, cell in chosen for position in chooser.cells[cell]]
        answers.update(zip(positions, run([jobs[p] for p in positions]), strict=True))
        for chooser, cell in chosen:
            chooser.learn(cell, [(requests[p].doc, answers[p]) for p in chooser.cells[cell]])
        _stop_with((answers[p] for p in positions), choosers.values())
    for chooser in choosers.values():
        logger.info("%s: %s", chooser.task, chooser.told())
    # An answer may be an empty text, so that its truth says nothing.
    return [answers[position] if position in answers else not_asked() for position in range(len(jobs))]


def _stop_with(answers: Iterable[Completion], choosers: Iterable[Chooser]) -> None:
    """End all sweeps where sending has stopped: another round would ask a refused key, or a dead server, once more."""
    if any(answer.outcome is Outcome.TRANSPORT_FAILED and not answer.attempts for answer in answers):
        for chooser in choosers:
            chooser.why = chooser.why or "stopped"
