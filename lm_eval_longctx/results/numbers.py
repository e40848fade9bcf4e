"""Numbers over a group of samples: scores, intervals, bounds, tokens.

Everything returned is plain JSON; unknown is ``None``, never NaN and never 0.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.results.floors import corrected
from lm_eval_longctx.scorers.base import mean
from lm_eval_longctx.scorers.transcript import Ratio, pooled
from lm_eval_longctx.stats.intervals import bounded_mean, jackknife, standard_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.results.rows import SampleResult
    from lm_eval_longctx.scorers.base import Metric

    Samples = Sequence[SampleResult]


def finite(value: Any) -> float | None:
    """Return a plain number, ``None`` for what is not finite or no number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def is_mean(metric: Metric) -> bool:
    """Whether the metric's aggregate is the arithmetic mean of one number a sample."""
    return metric.aggregate is mean


def values_of(samples: Samples, metric: Metric) -> list[Any]:
    """Return the known values of a metric, in the order of the samples."""
    return [value for result in samples if (value := result.value(metric.name)) is not None]


def plain_values(samples: Samples, metric: Metric) -> list[tuple[float, SampleResult]]:
    """Return finite values with their samples, for metrics that are means; else nothing."""
    if not is_mean(metric):
        return []
    pairs = ((finite(result.value(metric.name)), result) for result in samples)
    return [(value, result) for value, result in pairs if value is not None]


def bounded(values: Iterable[float]) -> bool:
    """Whether all values lie in [0, 1]."""
    return all(0 <= value <= 1 for value in values)


def scores(samples: Samples, metrics: Sequence[Metric]) -> dict[str, dict[str, Any]]:
    """Return ``{"value", "n"}`` for each metric, by its own aggregate; the main one is the first.

    A pooled rate beside the main metric has its interval with it: a log keeps the rate of a sample, and not the words
    that it is weighed by.
    """
    found = {metric.name: values_of(samples, metric) for metric in metrics}
    told: dict[str, dict[str, Any]] = {
        m.name: {"value": finite(m.aggregate(v)) if (v := found[m.name]) else None, "n": len(v)} for m in metrics
    }
    for metric in metrics[1:]:
        if metric.aggregate is pooled:
            told[metric.name]["interval"] = interval(samples, metric)
    return told


def interval(samples: Samples, metric: Metric) -> dict[str, Any] | None:
    """Return the confidence interval of a metric.

    Means of values in [0, 1] and rates by word up to 1 have one that is never
    of width 0; everything else is jackknifed over clusters. ``None`` where nothing can be said.
    """
    pairs: Sequence[tuple[Any, SampleResult]] = plain_values(samples, metric)
    if not is_mean(metric):
        pairs = [(value, result) for result in samples if (value := result.value(metric.name)) is not None]
    values, clusters = [value for value, _ in pairs], [result.cluster for _, result in pairs]
    if is_mean(metric) and bounded(values):
        found = bounded_mean(values, clusters)
    elif metric.aggregate is pooled and all(isinstance(v, Ratio) and v.errors <= v.words > 0 for v in values):
        found = bounded_mean(values, clusters, weights=[value.words for value in values])
    else:
        found = jackknife(values, clusters, metric.aggregate)
    usable = found is not None and math.isfinite(found.low) and math.isfinite(found.high)
    return found.to_dict() if found is not None and usable else None


def error(samples: Samples, metric: Metric) -> float | None:
    """Return the standard error of a metric over hays; ``None`` where nothing is known of the spread."""
    pairs = [(value, result.cluster) for result in samples if (value := result.value(metric.name)) is not None]
    found = standard_error([value for value, _ in pairs], [cluster for _, cluster in pairs], metric.aggregate)
    return finite(found)


def bounds(samples: Samples, metric: Metric) -> dict[str, float | None]:
    """Return the score with all unscored samples counted as worst and as best (0 or 1).

    Only for metrics that are means of values in [0, 1]; else both are ``None``.
    """
    values = [value for value, _ in plain_values(samples, metric)]
    unscored = sum(not result.scored for result in samples)
    if not is_mean(metric) or not bounded(values) or not (values or unscored):
        return {"worst_case": None, "best_case": None}
    total = len(values) + unscored
    low, high = sum(values) / total, (sum(values) + unscored) / total
    worst, best = (low, high) if metric.higher_is_better else (high, low)
    return {"worst_case": worst, "best_case": best}


def floor(samples: Samples, metric: Metric) -> dict[str, float | None]:
    """Return what the same samples score without reading the context, and the score corrected for it.

    Only for metrics that are means of values in [0, 1] of which more is better; else both are ``None``.
    """
    pairs = plain_values(samples, metric)
    if not pairs or not metric.higher_is_better or not bounded(value for value, _ in pairs):
        return {"floor": None, "corrected": None}
    lowest = mean([result.floor for _, result in pairs])
    return {"floor": lowest, "corrected": corrected(mean([value for value, _ in pairs]), lowest)}


def outcomes(samples: Samples) -> dict[str, int]:
    """Return how many samples ended how, by kind."""
    return dict(sorted(Counter(result.kind for result in samples).items()))


def spending(samples: Samples) -> dict[str, Any]:
    """Return tokens, cost and time over a group; ``None`` where nobody said."""
    usages = [result.completion.usage for result in samples]
    return {
        "tokens": {
            "counted": _total(result.completion.counted_tokens for result in samples),
            "billed": _total(usage.prompt_tokens for usage in usages),
            "cached": _total(usage.cached_tokens for usage in usages),
            "cache_written": _total(usage.cache_write_tokens for usage in usages),
            "output": _total(usage.output_tokens for usage in usages),
            "reasoning": _total(usage.reasoning_tokens for usage in usages),
            "billed_samples": sum(usage.prompt_tokens is not None for usage in usages),
        },
        "cost": _total(usage.cost for usage in usages),
        "seconds": round(sum(result.completion.seconds for result in samples), 3),
    }


def _total(amounts: Iterable[float | None]) -> Any:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
