"""The rows of a sweep block: one a cell, one a length, one a variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.results import numbers
from lm_eval_longctx.scorers.base import UNPARSED

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.scorers.base import Metric


Row = dict[str, Any]


@dataclass(frozen=True)
class SampleResult:
    """What is known about one sample after the run.

    Attributes:
        sample: What was asked.
        completion: What came back.
        values: One value for each metric (and further details); ``None`` if
            the sample is unscored.
        note: Why it is unscored: the outcome, or that nobody knows the right answer; or ``unparsed: <reason>``.
        removed: What the scorer did not read of the answer: its ``thoughts``, and how many characters in the
            middle of a very long one are ``unread``.
        floor: What the main metric is on average without reading the context.
    """

    sample: Mapping[str, Any]
    completion: Completion
    values: Mapping[str, Any] | None
    note: str = ""
    removed: Mapping[str, Any] = field(default_factory=dict)
    floor: float = 0.0

    @property
    def kind(self) -> str:
        """How the sample ended: the outcome, or ``unparsed`` for an answer that cannot be read."""
        outcome = self.completion.outcome
        cut = outcome is Outcome.TRUNCATED_INPUT  # whatever such an answer is worth, nobody may miss this
        return UNPARSED if self.note.startswith(UNPARSED) and not cut else outcome.value

    @property
    def scored(self) -> bool:
        """Whether the sample has numbers."""
        return self.values is not None

    @property
    def depth(self) -> float | None:
        """Where the evidence lies: as asked, or as it came out where nobody asked."""
        asked = self.sample.get("depth")
        return asked if asked is not None else self.sample.get("realised_depth")

    @property
    def amount(self) -> Any:
        """The context length that the sample's label stands for."""
        return self.sample.get("label_length", self.sample["context_length"])

    @property
    def cluster(self) -> str:
        """The group of samples that share their hay, over lengths and depths."""
        named = self.sample.get("cluster")
        return str(named) if named is not None else f"{self.sample.get('index', 0)}|{self.sample.get('variant', '')}"

    def value(self, metric: str) -> Any:
        """Return the value of a metric, ``None`` if there is none."""
        return None if self.values is None else self.values.get(metric)


Samples = Sequence[SampleResult]


def grouped(samples: Samples, key: Callable[[SampleResult], Hashable]) -> dict[Any, list[SampleResult]]:
    """Group samples by a key, in order of appearance."""
    groups: dict[Any, list[SampleResult]] = {}
    for result in samples:
        groups.setdefault(key(result), []).append(result)
    return groups


def label_of(result: SampleResult) -> str:
    """Return the context length's label, by which lengths are told apart."""
    return str(result.sample["context_label"])


def by_length(samples: Samples) -> dict[str, list[SampleResult]]:
    """Group samples by context length, shortest first."""
    groups = grouped(samples, label_of)
    return dict(sorted(groups.items(), key=lambda item: _amount(item[1])))


def cell_rows(samples: Samples, metrics: Sequence[Metric]) -> list[Row]:
    """Return one row for each length, depth and variant, shortest and shallowest first."""
    rows = []
    for group in by_length(samples).values():
        cells = grouped(group, lambda s: (s.sample.get("depth"), str(s.sample.get("variant", ""))))
        ordered = sorted(cells.items(), key=lambda item: (-1 if item[0][0] is None else item[0][0], item[0][1]))
        rows += [_cell(depth, variant, cell, metrics) for (depth, variant), cell in ordered]
    return rows


def _cell(depth: float | None, variant: str, samples: Samples, metrics: Sequence[Metric]) -> Row:
    place = {"depth": depth, "realised_depth": _mean(_known(samples, "realised_depth")), "variant": variant}
    return {**_length(samples), **place, **group_row(samples, metrics)}


def length_rows(samples: Samples, metrics: Sequence[Metric]) -> list[Row]:
    """Return one row for each length, shortest first."""
    return [{**_length(group), **group_row(group, metrics)} for group in by_length(samples).values()]


def variant_rows(samples: Samples, metrics: Sequence[Metric]) -> list[Row]:
    """Return one row for each variant; none where there is only one."""
    groups = grouped(samples, lambda s: str(s.sample.get("variant", "")))
    if len(groups) == 1:
        return []
    return [{"variant": name, **group_row(groups[name], metrics)} for name in sorted(groups)]


def factor_rows(samples: Samples, metrics: Sequence[Metric]) -> list[Row]:
    """Return one row for each value of each part of variants such as ``needle=audio,around=same``.

    None where variants have one part only, or another form: then they are rows already. A part that has the same value
    everywhere tells nothing and is left out.
    """
    parts: dict[str, dict[str, list[SampleResult]]] = {}
    for result in samples:
        named = [part.partition("=") for part in str(result.sample.get("variant", "")).split(",")]
        if len(named) == 1 or not all(equals for _, equals, _ in named):
            return []
        for name, _, value in named:
            parts.setdefault(name, {}).setdefault(value, []).append(result)
    several = {name: values for name, values in parts.items() if len(values) > 1}
    if len(several) == 1:
        return []
    return [
        {"factor": name, "value": value, **group_row(found, metrics)}
        for name, values in several.items()
        for value, found in sorted(values.items())
    ]


def score_columns(samples: Samples, metric: Metric) -> Row:
    """Return the main metric of each sample, for comparing models; empty columns for metrics that are not means."""
    groups = grouped([result for _, result in numbers.plain_values(samples, metric)], lambda s: str(s.sample["id"]))
    of = [(name, some[0], some) for name, some in groups.items()]
    return {
        "samples": [name for name, _, _ in of],
        "clusters": [one.cluster for _, one, _ in of],
        "lengths": [label_of(one) for _, one, _ in of],
        "values": [_mean([float(result.value(metric.name)) for result in some]) for _, _, some in of],
    }


def group_row(samples: Samples, metrics: Sequence[Metric]) -> Row:
    """Return the numbers that every row has."""
    scored = sum(result.scored for result in samples)
    exceeded = sum(result.completion.outcome is Outcome.CONTEXT_EXCEEDED for result in samples)
    return {
        "n": len(samples),
        "scored": scored,
        "coverage": scored / len(samples) if samples else None,
        "metrics": numbers.scores(samples, metrics),
        "interval": numbers.interval(samples, metrics[0]),
        **numbers.floor(samples, metrics[0]),
        **numbers.bounds(samples, metrics[0]),
        "outcomes": numbers.outcomes(samples),
        "context_exceeded": exceeded,
        **numbers.spending(samples),
        "corpus_repeats": _most(samples),
    }


def _length(samples: Samples) -> Row:
    """Return the length as it is called, as it was asked and as it came out."""
    asked = sorted({str(result.sample.get("asked_label", label_of(result))) for result in samples})
    realised = _known(samples, "realised_length")
    spread = {"min": min(realised), "mean": _mean(realised), "max": max(realised)} if realised else None
    unit = samples[0].sample.get("unit", "tokens")
    amount = _amount(samples)
    return {"length": label_of(samples[0]), "amount": amount, "unit": unit, "asked": asked, "realised_length": spread}


def _amount(samples: Samples) -> Any:
    return max(result.amount for result in samples)


def _known(samples: Samples, key: str) -> list[Any]:
    return [value for result in samples if (value := result.sample.get(key)) is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _most(samples: Samples) -> Any:
    hay = [result.sample.get("haystack") or {} for result in samples]
    known = [value for source in hay if (value := source.get("repeats")) is not None]
    return max(known) if known else None
