"""Loss by position: the curve over documents, its power law, and where it leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.results.rows import by_length, grouped, label_of
from lm_eval_longctx.stats.power_law import cumulative, departure, fit_documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.results.rows import SampleResult
    from lm_eval_longctx.scorers.base import Metric

NLL = "nll"
"""The metric that has a curve."""

_NAMES = {"a": "scale", "b": "exponent", "c": "offset"}


def loss_curve(samples: Sequence[SampleResult], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return ``curve`` and ``power_law`` of a sweep whose main metric is a loss by position; else nothing.

    A position that is scored in fewer than half of the documents, such as one
    beyond the model's window, is no point of the curve. Only documents that are
    scored at all others count, so that each point is about the same documents;
    ``documents`` says how many. The power law is that of the cumulative mean,
    as in the Gemini 1.5 report (arXiv 2403.05530, section 5.2); ``None`` with
    fewer than four positions. That mean is of all text where the model tells
    it, else worked out from the windows.
    """
    if metrics[0].name != NLL:
        return {}
    groups = [label for label, group in by_length(samples).items() if 2 * len(_scored(group)) >= len(group)]
    reached = _scored([sample for sample in samples if label_of(sample) in groups])
    documents = [one for one in grouped(reached, lambda s: s.cluster).values() if len(one) == len(groups)]
    if not documents or not groups:
        return {"curve": [], "power_law": None}
    ordered = [sorted(one, key=_position) for one in documents]
    table = {name: _table(ordered, name) for name in (NLL, "bits_per_byte", "repeated")}
    places = np.array([[_position(s) for s in one] for one in ordered]).mean(axis=0)
    ends = np.array([[float(s.sample["realised_length"]) for s in one] for one in ordered]).mean(axis=0)
    told = all(result.value("up_to") is not None for one in ordered for result in one)
    up_to = _table(ordered, "up_to") if told else _integrated(places, ends, table[NLL])
    curve = [
        {
            "length": label,
            "position": float(places[i]),
            "end": float(ends[i]),
            "mean": float(table[NLL][:, i].mean()),
            "cumulative": float(up_to[:, i].mean()),
            "bits_per_byte": float(table["bits_per_byte"][:, i].mean()),
            "repeated": float(table["repeated"][:, i].mean()),
            "tokens": int(sum(one[i].sample["window_tokens"] for one in ordered)),
            "documents": len(ordered),
        }
        for i, label in enumerate(groups)
    ]
    power_law = _power_law(ends, up_to, groups)
    return {"curve": curve, "power_law": power_law and {**power_law, "cumulative_from": "all" if told else "windows"}}


def _scored(samples: Sequence[SampleResult]) -> list[SampleResult]:
    return [sample for sample in samples if sample.value(NLL) is not None]


def _integrated(places: Any, ends: Any, losses: Any) -> Any:
    """Return the mean loss of all text up to the end of each window, from the windows' own."""
    return (cumulative(places, losses) * places + losses * (ends - places)) / ends


def _position(result: SampleResult) -> float:
    """Return the middle of a window, in tokens from the document's beginning."""
    middle: float = result.sample["realised_length"] - result.sample["window_tokens"] / 2
    return middle


def _table(documents: Sequence[Sequence[SampleResult]], metric: str) -> Any:
    return np.array([[float(result.value(metric) or 0.0) for result in one] for one in documents])


def _power_law(places: Any, losses: Any, labels: Sequence[str]) -> dict[str, Any] | None:
    try:
        fit = fit_documents(list(places), losses)
    except ConfigError:
        return None
    left = departure(list(places), losses)
    found = {_NAMES[name]: {"value": getattr(fit, name), **fit.intervals[name].to_dict()} for name in "abc"}
    return {
        "of": "cumulative",
        **found,
        "r2": fit.r2,
        "aic": fit.aic,
        "aic_plain": fit.aic_plain,
        "aic_log_linear": fit.aic_log_linear,
        "aic_constant": fit.aic_constant,
        "best": fit.best,
        "falls": fit.falls,
        "positions": fit.n,
        "documents": len(losses),
        "leaves_at": None if left is None else labels[left],
    }
