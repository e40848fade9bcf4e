"""The sweep block: everything about a sweep that a result file keeps."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.results.contrasts import contrast_rows
from lm_eval_longctx.results.curve import loss_curve
from lm_eval_longctx.results.rows import cell_rows, factor_rows, length_rows, score_columns, variant_rows
from lm_eval_longctx.results.summary import summarise
from lm_eval_longctx.scorers.base import SCORING
from lm_eval_longctx.scorers.transcript_text import BY_LANGUAGE, chosen
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.results.rows import SampleResult
    from lm_eval_longctx.scorers.base import Metric
    from lm_eval_longctx.sweep import Sweep


SCHEMA = "lm-eval-longctx/sweep"
SCHEMA_VERSION = 1
_REQUIRED = {"specification": dict, "metrics": list, "cells": list, "lengths": list, "summary": dict}

ENDED = {
    "interval": "when the interval was narrow enough",
    "budget": "when the calls were used up",
    "grid": "when nothing was left to ask",
    "money": "when max_cost was reached",
    "stopped": "when sending stopped",
}
"""Why an adaptive sweep ended."""


def check_block(block: Any, where: str) -> dict[str, Any]:
    """Return a sweep block that this version can read.

    Args:
        block: What stands in ``configs[task].metadata.longctx``.
        where: File and task, for the message.

    Raises:
        ResultsError: It is no sweep block, is damaged, or was written by a newer version.
    """
    if not isinstance(block, dict) or block.get("schema") != SCHEMA:
        raise ResultsError(f"{where}: this is not a sweep block of lm-eval-longctx; run the task again")
    version = block.get("schema_version")
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        advice = "upgrade lm-eval-longctx to read it" if newer else "run the task again"
        raise ResultsError(f"{where}: sweep block of version {version!r}, this reads {SCHEMA_VERSION}: {advice}")
    missing = [key for key, kind in _REQUIRED.items() if not isinstance(block.get(key), kind)]
    if missing or not block["metrics"]:
        damaged = ", ".join(missing) or "metrics"
        raise ResultsError(f"{where}: the sweep block is damaged ({damaged}); run the task again")
    return block


_DIGITS = 8
_NEAR = 1e-9


def haystacks(samples: Sequence[SampleResult]) -> list[dict[str, Any]]:
    """Return the different haystacks, each with its spelling, digest and greatest number of repeats."""
    found: dict[tuple[str, str], Any] = {}
    for result in samples:
        hay = result.sample.get("haystack") or {}
        name = (str(hay.get("spec", "")), str(hay.get("digest", "")))
        known = [value for value in (found.get(name), hay.get("repeats")) if value is not None]
        found[name] = max(known) if known else None
    return [{"spec": s, "digest": d, "repeats": repeats} for (s, d), repeats in sorted(found.items()) if s or d]


def signature(
    sweep: Sweep,
    metric: str,
    samples: Sequence[SampleResult],
    version: str,
    sent: Mapping[str, Any] | None = None,
) -> str:
    """Return the signature of a sweep: equal lines mean equal questions, scored equally.

    Args:
        sweep: The specification.
        metric: The main metric.
        samples: All samples, for the haystack's digest.
        version: This package's version.
        sent: What else was sent with the samples, by name; what is empty is left out. ``temp``, the
            temperature, stands there as it is, all else as a digest.
    """
    lengths = ",".join(length.label for length in sweep.context_lengths) or "data"
    parts = {
        "len": f"{lengths}:{sweep.tokenizer or sweep.unit.value}",
        "depths": _depths(sweep.depths),
        "n": str(sweep.samples_per_cell),
        "seed": str(sweep.seed),
        "hay": ",".join(f"{_short(h['spec'])}#{h['digest'][:_DIGITS]}" for h in haystacks(samples)) or "-",
        "q": _digest(sorted(str(result.sample.get("id", "")) for result in samples)),
        "score": f"{metric}@{SCORING}",
        **_normalizer(sweep.options),
        **_changed(sweep),
        **{name: value if name == "temp" else _digest(value) for name, value in (sent or {}).items() if value},
        "opt": _digest(dict(sweep.options)),
        "v": version,
    }
    return "|".join((f"{sweep.task}@{sweep.version}", *(f"{key}:{value}" for key, value in parts.items())))


def _normalizer(options: Mapping[str, Any]) -> dict[str, str]:
    """Name the normalizer of transcripts as it was chosen: rates under different ones cannot be compared."""
    asked = options.get("normalizer")
    if asked == BY_LANGUAGE:
        asked = chosen(asked, str(options.get("language", "en")))
    return {"norm": str(asked)} if asked else {}


def _depths(depths: Sequence[float]) -> str:
    """Write evenly spaced depths as their number, others one by one."""
    last = len(depths) - 1
    even = last > 0 and all(abs(depth - i / last) < _NEAR for i, depth in enumerate(depths))
    return str(len(depths)) if even else ",".join(f"{depth:.3g}" for depth in depths) or "-"


def _short(spec: str) -> str:
    """Leave out the folders of a source's path: they differ between machines, the digest does not."""
    name, colon, argument = spec.partition(":")
    return f"{name}{colon}{argument.rstrip('/').rpartition('/')[2]}"


def _changed(sweep: Sweep) -> dict[str, str]:
    """Name what decides which answers are scored, where it is not as usual."""
    named = {"cut": (sweep.truncate, "never"), "refused": (sweep.refusals, "unscored")}
    named["thoughts"] = ("+".join(sweep.reasoning_tags), "")
    return {name: value for name, (value, usual) in named.items() if value != usual}


def _digest(plain_value: Any) -> str:
    """Return a short digest of settings, or of whatever is plain JSON."""
    plain = json.dumps(plain_value, sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:_DIGITS]


def sweep_block(
    sweep: Sweep,
    metrics: Sequence[Metric],
    samples: Sequence[SampleResult],
    *,
    plugins: list[Any] | None = None,
    sent: Mapping[str, Any] | None = None,
    adaptive: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Join specification, answers and scores into one plain value.

    Args:
        sweep: The specification.
        metrics: The scorer's metrics, the main one first.
        samples: All samples that ran, in any order.
        plugins: What is loaded, as ``lm-eval-longctx plugins`` lists it.
        sent: What went with the samples: generation settings, system instruction, chat template, temperature.
        adaptive: How the cells were chosen, where the sweep was adaptive, and the effective length that follows:
            it takes the place of the one that a complete grid gives, since chosen cells hold no fair share of depths.

    Returns:
        Plain JSON (no NaN; unknown is ``None``); ``docs/results.md`` explains each field.
    """
    ordered = sorted(samples, key=lambda result: str(result.sample.get("id", "")))
    line = signature(sweep, metrics[0].name, ordered, __version__, sent)
    summary = {**summarise(ordered, metrics, line), "signature": line}
    if adaptive is not None:
        summary["effective_length"] = {"relative": adaptive["effective_length"], "absolute": None}
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "task": sweep.task,
        "version": sweep.version,
        "scoring": SCORING,
        "specification": _specification(sweep),
        "sent": dict(sent or {}),
        "haystacks": haystacks(ordered),
        "metrics": [{"name": m.name, "help": m.help, "higher_is_better": m.higher_is_better} for m in metrics],
        "cells": cell_rows(ordered, metrics),
        "lengths": length_rows(ordered, metrics),
        "variants": variant_rows(ordered, metrics),
        "factors": factor_rows(ordered, metrics),
        "contrasts": contrast_rows(ordered, metrics[0]),
        "scores": score_columns(ordered, metrics[0]),
        "summary": summary,
        **({"adaptive": dict(adaptive)} if adaptive is not None else {}),
        "plugins": list(plugins or ()),
        **loss_curve(ordered, metrics),
    }


def _specification(sweep: Sweep) -> dict[str, Any]:
    """Return the specification with each length's amount beside its label."""
    amounts = [length.amount for length in sweep.context_lengths]
    return {**sweep.to_dict(), "context_amounts": amounts}
