"""The metric ``longctx``: any scorer, chosen by the name of the configuration, on answers of one's own.

What a scorer reads from a sample becomes columns: ``predictions`` are the
answers, ``references`` the targets, and what else it reads has a column of its
own name. Columns that a scorer can do without may be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import evaluate

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.metrics.papers import citation, urls
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.scorers.base import SCORING, UNPARSED, Column, Scorer, judge
from lm_eval_longctx.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEYS = Column("keys", "the keys of the values, in the same order", "texts")
_EMPTY: dict[str, Any] = {"text": "", "texts": [], "pairs": [], "flag": False, "number": None}
"""What stands in a column that was left out: as good as nothing to every scorer."""

_OF_THOUGHTS = {"reasoning_tags": (), "think_end_token": ""}
"""Settings of every configuration beside the scorer's own."""


class Longctx(evaluate.Metric):
    """Scores answers as a task with that scorer does."""

    def _info(self) -> evaluate.MetricInfo:
        known = [record.name for record in registry().scorers()]
        if self.config_name not in known:
            raise unknown_option("configuration (a scorer)", str(self.config_name), known)
        self.scorer_class: type[Scorer] = registry().load(registry().scorer(self.config_name))
        self.columns = _columns(self.scorer_class)
        return evaluate.MetricInfo(
            description=f"{self.scorer_class.__doc__}\n\n{self.scorer_class.__module__}",
            citation=citation(self.config_name),
            inputs_description=_inputs(self.columns, self.scorer_class),
            features=datasets.Features({name: _feature(column.kind) for name, column in self.columns.items()}),
            reference_urls=urls(self.config_name),
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **columns: Any) -> None:
        """Add answers with what each was asked; columns that are not required may be left out."""
        super().add_batch(**self._complete({"predictions": predictions, "references": references, **columns}))

    def add(self, *, prediction: Any = None, reference: Any = None, **columns: Any) -> None:
        """Add one answer with what was asked."""
        self.add_batch(
            predictions=[prediction], references=[reference], **{name: [value] for name, value in columns.items()}
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **given: Any) -> dict[str, Any] | None:
        """Score what was added, or what is given; what is no column is a setting."""
        if predictions is not None or references is not None:
            columns = {name: value for name, value in given.items() if name in self.columns}
            self.add_batch(predictions=predictions, references=references, **columns)
        settings = {name: value for name, value in given.items() if name not in self.columns}
        found: dict[str, Any] | None = super().compute(**settings)
        return found

    def _complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all columns, those left out filled with nothing; a single text is a list of one."""
        missing = [name for name, column in self.columns.items() if column.required and given.get(name) is None]
        if missing:
            raise ConfigError(
                f"{self.config_name} needs {', '.join(missing)}; its columns are {', '.join(self.columns)}"
            )
        count = len(given["predictions"])
        filled = {name: [_EMPTY[column.kind]] * count for name, column in self.columns.items()}
        return {**filled, **{name: self._read(name, values) for name, values in given.items() if values is not None}}

    def _read(self, name: str, values: Any) -> list[Any]:
        many = name in self.columns and self.columns[name].kind in {"texts", "pairs"}
        return [[one] if many and isinstance(one, str) else one for one in values]

    def _compute(self, predictions: Sequence[str], references: Sequence[Any], **given: Any) -> dict[str, Any]:
        columns = {"references": references, **{name: given.pop(name) for name in list(given) if name in self.columns}}
        marks = {name: given.pop(name, default) for name, default in _OF_THOUGHTS.items()}
        scorer = self.scorer_class(read_settings(self.scorer_class.OPTIONS, given, f"setting of {self.config_name}"))
        samples = [
            _sample(self.columns, dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)
        ]
        for sample in samples:
            scorer.validate(sample)
        judged = [
            judge(scorer, sample, answer, marks["reasoning_tags"], marks["think_end_token"]).values
            for sample, answer in zip(samples, predictions, strict=True)
        ]
        return _numbers(scorer, judged)


def _columns(scorer: type[Scorer]) -> dict[str, Column]:
    """Return a metric's columns by name, the two that all metrics have first."""
    answers = Column("predictions", "the answers, as they came", required=True)
    named = {("references" if column.name == "target" else column.name): column for column in scorer.READS}
    keyed = {"keys": _KEYS} if any(column.kind == "pairs" for column in scorer.READS) else {}
    return {"predictions": answers, **named, **keyed}


def _feature(kind: str) -> Any:
    plain = {"flag": "bool", "number": "float64"}.get(kind, "string")
    return [datasets.Value(plain)] if kind in {"texts", "pairs"} else datasets.Value(plain)


def _inputs(columns: Mapping[str, Column], scorer: type[Scorer]) -> str:
    """Return the part of the docstring that tells what goes in and what comes out."""
    lines = ["", "Args:"]
    lines += [f"    {name}: {one.help}{'' if one.required else ' (optional)'}." for name, one in columns.items()]
    lines += [f"    {option.name}: {option.help}; default {option.shown_default}." for option in scorer.OPTIONS]
    lines += ["    reasoning_tags: Further names of marks of thoughts.", "    think_end_token: What ends thoughts."]
    lines += ["", "Returns:", "    A dictionary, None where no answer has a number:"]
    lines += [f"    {metric.name}: {metric.help}." for metric in scorer.METRICS]
    lines += [
        f"    {UNPARSED}: share of the answers in which nothing can be read.",
        "    scored: how many have numbers.",
    ]
    return "\n".join(
        [*lines, "    settings: the scorer's settings, complete.", "    scoring: the version of scoring.", ""]
    )


def _sample(columns: Mapping[str, Column], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the sample that the scorer reads."""
    sample = {column.name: row[name] for name, column in columns.items() if name != "predictions"}
    keys = sample.pop("keys", None)
    if keys:
        sample["target"] = dict(zip(keys, sample["target"], strict=True))
    return {name: value for name, value in sample.items() if value is not None}


def _numbers(scorer: Scorer, judged: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return each metric over the answers that have a number."""
    scored = [values for values in judged if values is not None]
    found: dict[str, Any] = {}
    for metric in scorer.METRICS:
        values = [one for each in scored if (one := each.get(metric.name)) is not None]
        found[metric.name] = float(metric.aggregate(values)) if values else None
    unparsed = sum(float(values.get(UNPARSED) or 0) for values in scored)
    return {
        **found,
        UNPARSED: unparsed / len(scored) if scored else None,
        "scored": len(scored),
        "settings": dict(scorer.options),
        "scoring": SCORING,
    }
