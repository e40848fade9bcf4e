"""Variants side by side: what one value of a factor changes, on pairs that differ in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.results import numbers
from lm_eval_longctx.results.rows import label_of
from lm_eval_longctx.stats.contrasts import paired_difference

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from lm_eval_longctx.results.rows import Row, Samples
    from lm_eval_longctx.scorers.base import Metric

    Scores = dict[Hashable, tuple[float, str]]
    """Score and hay of each sample, by all that says which it is but the factor."""


def contrast_rows(samples: Samples, metric: Metric) -> list[Row]:
    """Return, for each factor of variants such as ``fact=state,hay=like``, each value less the first one.

    Paired are samples of the same length, depth and index, and of the same values of all other factors, as far as both
    are scored. Nothing where variants have another form, or the metric is no mean.
    """
    return [row for factor, by_value in _factors(samples, metric).items() for row in _against(factor, by_value)]


def parts_of(variant: str) -> dict[str, str]:
    """Return the parts of a variant by name; nothing if it has another form."""
    parts = [part.partition("=") for part in variant.split(",")]
    return {name: value for name, _, value in parts} if all(equals for _, equals, _ in parts) else {}


def _factors(samples: Samples, metric: Metric) -> dict[str, dict[str, Scores]]:
    found: dict[str, dict[str, Scores]] = {}
    for score, result in numbers.plain_values(samples, metric):
        sample = result.sample
        parts = parts_of(str(sample.get("variant", "")))
        for name, value in parts.items():
            others = tuple(sorted((other, said) for other, said in parts.items() if other != name))
            place = (label_of(result), sample.get("depth"), sample.get("index"), others)
            cluster = str(sample.get("cluster", sample.get("index")))
            found.setdefault(name, {}).setdefault(value, {})[place] = (score, cluster)
    return found


def _against(factor: str, by_value: Mapping[str, Scores]) -> Iterator[dict[str, Any]]:
    """Yield the difference of each value but the first, in the order of the alphabet."""
    first, *others = sorted(by_value)
    for value in others:
        places = [place for place in by_value[first] if place in by_value[value]]
        ours, theirs = [by_value[value][p][0] for p in places], [by_value[first][p][0] for p in places]
        found = paired_difference(ours, theirs, [by_value[first][p][1] for p in places]) if places else None
        if found is not None:
            yield {"factor": factor, "value": value, "against": first, "pairs": len(places), **found.to_dict()}
