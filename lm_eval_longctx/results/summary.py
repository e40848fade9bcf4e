"""The summary of a sweep: how far, how evenly, how surely."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.results import numbers, rows
from lm_eval_longctx.stats.effective_length import RULER_THRESHOLD, Observations, effective_length
from lm_eval_longctx.stats.position import position_bias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.results.rows import SampleResult
    from lm_eval_longctx.scorers.base import Metric
    from lm_eval_longctx.stats.effective_length import EffectiveLength

    Samples = Sequence[SampleResult]

MAX_DEPTHS = 25
"""Above this many different depths, they are rounded to tenths before testing."""


def summarise(samples: Samples, metrics: Sequence[Metric], seed: str) -> dict[str, Any]:
    """Return the summary over all samples of a sweep."""
    main = metrics[0]
    return {
        "metric": main.name,
        **rows.group_row(samples, metrics),
        "effective_length": _effective(samples, main),
        "position_bias": _position(samples, main, seed),
        "beyond_model": _beyond(samples),
        "replayed": sum(result.completion.replayed for result in samples),
        "resent": sum(max(0, result.completion.attempts - 1) for result in samples),
    }


def _effective(samples: Samples, metric: Metric) -> dict[str, Any]:
    """Return the effective length by both rules; ``None`` where the rule does not apply.

    The first length beyond the model is the end: neither it nor a longer one
    can be effective, whatever the few samples scored that still fitted.
    """
    every = rows.by_length(samples)
    beyond = next((label for label, group in every.items() if _exceeded(group)), None)
    groups = dict(itertools.takewhile(lambda item: item[0] != beyond, every.items()))
    amounts = {label: float(max(s.amount for s in group)) for label, group in groups.items()}
    found = [_observations(amounts[label], group, metric) for label, group in groups.items()]
    in_unit = all(numbers.bounded(o.values) for o in found)
    usable = metric.higher_is_better and numbers.is_mean(metric) and in_unit
    relative = effective_length(found) if usable else None
    absolute = effective_length(found, threshold=RULER_THRESHOLD) if usable else None
    labels: dict[float | None, str] = {amount: label for label, amount in amounts.items()}
    return {"relative": _spelt(relative, labels, beyond), "absolute": _spelt(absolute, labels, beyond)}


def _observations(amount: float, samples: Samples, metric: Metric) -> Observations:
    pairs = numbers.plain_values(samples, metric)
    floor = numbers.floor(samples, metric)["floor"] or 0.0
    return Observations(amount, [value for value, _ in pairs], [result.cluster for _, result in pairs], floor)


def _spelt(found: EffectiveLength | None, labels: dict[float | None, str], beyond: str | None) -> dict[str, Any] | None:
    """Add labels beside amounts, and the length beyond the model where that is the end."""
    if found is None:
        return None
    plain = {**found.to_dict(), "beyond": beyond if found.at_least else None}
    if beyond is not None:  # no longer length is left to reach
        plain.update(at_least=False, high_open=False)
    return {**plain, **{f"{name}_label": labels.get(plain[name]) for name in ("length", "low", "high")}}


def _position(samples: Samples, metric: Metric, seed: str) -> dict[str, Any] | None:
    """Return the position-bias measures; ``None`` without depths or where the metric is no mean.

    Samples without a needle have no position and are left out.
    """
    placed = [s for s in samples if s.depth is not None and not s.sample.get("absent")]
    pairs = numbers.plain_values(placed, metric)
    depths = [float(s.depth or 0.0) for _, s in pairs]
    if len(set(depths)) > MAX_DEPTHS:
        depths = [round(depth, 1) for depth in depths]
    lengths = [float(s.amount) for _, s in pairs]
    found = position_bias([v for v, _ in pairs], depths, lengths, [s.cluster for _, s in pairs], seed=seed)
    return found.to_dict() if found else None


def _beyond(samples: Samples) -> list[dict[str, Any]]:
    """Return the lengths at which the provider said that the context is too long."""
    exceeded = {label: _exceeded(group) for label, group in rows.by_length(samples).items()}
    sizes = {label: len(group) for label, group in rows.by_length(samples).items()}
    return [{"length": k, "context_exceeded": count, "n": sizes[k]} for k, count in exceeded.items() if count]


def _exceeded(samples: Samples) -> int:
    return sum(result.completion.outcome is Outcome.CONTEXT_EXCEEDED for result in samples)
