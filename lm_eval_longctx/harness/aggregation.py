"""From the numbers of single samples to those of a task, in one process or in several.

lm-eval gathers values of several processes by name and loses a process's if
another has no such name, as with ``recall@1k`` where only one got a short
sample. So with several processes each sample's numbers travel whole, with all
that the sweep block needs, under one name that every process has; the first
process unfolds them, in the order of the samples, before anything is averaged.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.evaluation import gathers
from lm_eval_longctx.results.floors import corrected
from lm_eval_longctx.results.numbers import error, finite
from lm_eval_longctx.results.rows import by_length
from lm_eval_longctx.scorers.base import Metric, mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lm_eval_longctx.results import SampleResult

COVERAGE = "coverage"
CORRECTED = "corrected"
"""The main metric with what is scored without reading as 0; only where that is something."""

_SHARED = "longctx"
"""The one name under which samples travel between processes."""


@dataclass(frozen=True)
class Share:
    """What one process tells the first of one sample.

    Attributes:
        sample: The sample's id.
        numbers: lm-eval's value for each metric.
        results: All that is known about its answers.
    """

    sample: str
    numbers: Mapping[str, Any]
    results: list[SampleResult]


class Numbers(dict):  # type: ignore[type-arg]
    """The numbers of a sample, with what is only for the log of samples.

    lm-eval copies the whole dictionary into the log, and averages what
    ``items`` yields: so words can be logged without being averaged, and
    numbers can travel between processes as one.
    """

    def __init__(self, numbers: Mapping[str, Any], logged: Mapping[str, Any], share: Share | None = None) -> None:
        """Keep all.

        Args:
            numbers: What is averaged.
            logged: What is in the log.
            share: What travels in the place of the numbers, with several processes.
        """
        super().__init__(logged)
        self._numbers, self._share = numbers, share

    def items(self) -> Any:
        """Return the numbers, or what travels for them."""
        return self._numbers.items() if self._share is None else [(_SHARED, self._share)]


def in_log(numbers: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, float | None]:
    """Return each metric of one sample as a plain number for whoever reads the log; ``None`` where there is none.

    What is only a number over many samples (counts for a corpus chrF) is given
    as that of this sample alone: trackers take nothing but numbers.
    """
    return {metric.name: _alone(metric, numbers[metric.name]) if metric.name in numbers else None for metric in metrics}


def _alone(metric: Metric, value: Any) -> float | None:
    return finite(metric.aggregate(value if isinstance(value, _Repeats) else [value]))


def refuse_uneven(task: str, samples: int, asked: Mapping[str, Any]) -> None:
    """Refuse, in every process alike, what cannot be shared among the processes of a run.

    Args:
        task: The task's name.
        samples: How many samples it has.
        asked: lm-eval's ``limit``, ``samples`` and ``world_size``.

    Raises:
        ConfigError: No samples are left, or fewer than there are processes, for which lm-eval would wait for
            ever; or this lm-eval cannot gather.
    """
    processes = int(asked.get("world_size", 1))
    limit = asked.get("limit")  # lm-eval takes 0 for no limit at all
    chosen = len(set(asked["samples"])) if asked.get("samples") else samples if limit is None else min(samples, limit)
    if chosen < 1:
        raise ConfigError(f"{task}: no samples are left to run; check --limit and --samples")
    if chosen < processes:
        raise ConfigError(f"{task}: {chosen} samples cannot be shared among {processes} processes; start fewer of them")
    if processes > 1 and not gathers():
        raise ConfigError(
            f"{task}: what {processes} processes find cannot be brought together, because this lm-eval was started "
            "without our hook, or is of a version that we do not know; start one process"
        )


def unfold(raw: dict[tuple[str, str], list[Any]], order: Iterable[str]) -> dict[str, list[SampleResult]]:
    """Replace what travelled between processes by the numbers, as one process would have them.

    Args:
        raw: lm-eval's values by metric and filter; changed in place.
        order: The ids of all samples, in order.

    Returns:
        What is known about the answers to each sample, by id.
    """
    place = {sample: position for position, sample in enumerate(order)}
    travelled = {key: raw.pop(key) for key in list(raw) if key[0] == _SHARED}
    found = {}
    for (_, filtered), shares in travelled.items():
        for share in sorted(shares, key=lambda share: place[share.sample]):
            found[share.sample] = share.results
            for name, value in share.numbers.items():
                raw.setdefault((name, filtered), []).append(value)
    return found


class ByLength(dict):  # type: ignore[type-arg]
    """Aggregations, where ``recall@128k`` is aggregated as ``recall``."""

    def __missing__(self, name: str) -> Any:
        """Return how the metric before the length is aggregated."""
        base, at, _ = name.partition("@")
        if not at or base not in self:
            raise KeyError(name)
        return self[base]


class _Repeats(list):  # type: ignore[type-arg]
    """The values of one sample that was asked several times, for a metric of whole corpora."""


def together(metric: Metric, values: list[Any]) -> Any:
    """Return the one value that lm-eval keeps of a sample that was asked several times."""
    return mean(values) if metric.aggregate is mean else _Repeats(values)


def aggregate(metric: Metric) -> Callable[[Sequence[Any]], float]:
    """Return how the values of a metric become one number.

    Never lm-eval's own mean: to that it adds a standard error that takes
    samples to be independent, and is 0 where all are alike. ``standard_errors``
    has ours.
    """

    def over_all(values: Sequence[Any]) -> float:
        flat = [one for value in values for one in (value if isinstance(value, _Repeats) else [value])]
        return metric.aggregate(flat)

    return over_all


_SCORED = Metric(COVERAGE, "share of the samples that are scored, 0 to 1")


def standard_errors(results: Sequence[SampleResult], metrics: Sequence[Metric]) -> dict[str, float | None]:
    """Return the standard error of each metric, and of each at each length, over hays that samples share.

    ``None`` where nothing is known of the spread: a single hay, or all alike.
    """
    shares = [replace(result, values={COVERAGE: float(result.scored)}) for result in results]
    found = {metric.name: error(results, metric) for metric in metrics}
    for label, group in by_length(results).items():
        found |= {f"{metric.name}@{label}": error(group, metric) for metric in metrics}
    return {**found, COVERAGE: error(shares, _SCORED)}


def corrected_mean(pairs: Sequence[tuple[float, float]]) -> float:
    """Correct the mean of scores by the mean of their floors."""
    found = corrected(*(mean(column) for column in zip(*pairs, strict=True)))
    return math.nan if found is None else found


class _NotAboutUs(logging.Filter):
    """Drops lm-eval's warning that a task's metrics were scored on different numbers of documents.

    Ours are, by design: ``recall@128k`` is about the samples of 128k only. The
    counts are in the sweep block.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record but that one."""
        text = record.getMessage()
        return not ("not scored on the same number of documents" in text and "coverage,none=" in text and "@" in text)


def silence_expected_warnings() -> None:
    """Install the filter once."""
    target = logging.getLogger("lm_eval.evaluator_utils")
    if not any(isinstance(present, _NotAboutUs) for present in target.filters):
        target.addFilter(_NotAboutUs())
