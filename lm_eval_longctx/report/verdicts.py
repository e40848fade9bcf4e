"""What a run, and a model over all its tasks, comes to in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.grid import SHORT
from lm_eval_longctx.report.wording import CLEAR, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.results import Run

    Row = Mapping[str, Any]

_NAMED = 3
"""Tasks that a line about a model names."""

_SCORED = {"complete", "unparsed", "cut_by_output_limit"}
"""Outcomes that have a score."""

_NONE = {
    "zero": "scores 0 at the shortest length",
    "no_baseline": "worse at the shortest length than at a longer one",
    "floor": "at the shortest length not surely better than an answer that never reads",
    "short": "falls short at the shortest length already",
}
"""Why a run has no effective length, after "no effective length: "."""


def verdict(run: Run) -> str:
    """Say what a run found, by its main metric."""
    block = run.block
    if lacking := block.get("unsupported"):
        return f"not asked: the model takes no {' and no '.join(lacking)}"
    if block.get("predict_only"):
        return "answers only, nothing was scored"
    if not block["summary"]["scored"]:
        return f"no score: {_reasons(block['summary']['outcomes'])}"
    return "; ".join(part for say in (_reach, _beyond, _depth, _unscored) for part in say(block))


def model_verdict(runs: Sequence[Run]) -> str:
    """Say what a model's runs come to."""
    judged = [(run, found) for run in runs if (found := relative(run))]
    holding = [run.task for run, found in judged if found["at_least"]]
    short = [f"{run.task} ({found['length_label'] or 'none'})" for run, found in judged if not found["at_least"]]
    reach = f"no effective length in {_tasks(len(runs))}: one length only, or a metric of which less is better"
    if judged:
        share = _share(len(holding), len(judged))
        more = f" and {len(short) - _NAMED} more" if len(short) > _NAMED else ""
        less = f"; less far in {', '.join(short[:_NAMED])}{more}" if short else ""
        reach = f"holds to the longest length that was tried in {share}{less}"
    line = "; ".join([reach, *_missing(runs)])
    return f"{line[0].upper()}{line[1:]}."


def relative(run: Run) -> Row | None:
    """Return the effective length by the relative rule; ``None`` where the rule does not apply."""
    found: Row | None = run.block["summary"]["effective_length"].get("relative")
    return found


def coverage(runs: Sequence[Run]) -> float | None:
    """Return the share of samples that have a score; ``None`` if none ran."""
    ran = sum(run.block["summary"]["n"] for run in runs)
    return sum(run.block["summary"]["scored"] for run in runs) / ran if ran else None


def cost(runs: Sequence[Run]) -> float | None:
    """Return what runs cost in US dollars, as far as anybody said; ``None`` if nobody did."""
    known = [run.block["summary"]["cost"] for run in runs if run.block["summary"]["cost"] is not None]
    return sum(known) if known else None


def _share(some: int, all_: int) -> str:
    """Say in how many of all tasks something holds."""
    if some == all_:
        return "its one task" if some == 1 else f"all {some} tasks"
    return f"{some or 'none'} of {_tasks(all_)}"


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"


def _reach(block: Row) -> Iterator[str]:
    found = block["summary"]["effective_length"].get("relative")
    if not found:
        metric = block["metrics"][0]
        way = "" if metric["higher_is_better"] else ", less is better"
        yield f"{metric['name']} {number(block['summary']['metrics'][metric['name']]['value'])}{way}"
    elif found["at_least"]:
        yield f"holds to {found['length_label']}, the longest that was tried"
    elif found["length"] is None:
        yield f"no effective length: {_NONE.get(found.get('why_none') or 'short', _NONE['short'])}"
    else:
        yield f"holds to {found['length_label']}"


def _beyond(block: Row) -> Iterator[str]:
    beyond = [row["length"] for row in block["summary"]["beyond_model"]]
    if beyond:
        yield f"from {beyond[0]} on beyond the model"


def _depth(block: Row) -> Iterator[str]:
    bias = block["summary"]["position_bias"]
    if bias is None or bias["depth_p"] >= CLEAR:
        return
    means = {name: value for name, value in bias["means"].items() if value is not None}
    weakest = f", weakest in the {min(means, key=lambda name: means[name])}" if len(set(means.values())) > 1 else ""
    yield f"depth matters{weakest}"


def _unscored(block: Row) -> Iterator[str]:
    summary = block["summary"]
    missing = summary["n"] - summary["scored"]
    if missing:
        yield f"{missing} of {summary['n']} samples without a score ({_reasons(summary['outcomes'])})"


def _missing(runs: Sequence[Run]) -> Iterator[str]:
    share = coverage(runs)
    outcomes: dict[str, int] = {}
    for run in runs:
        for kind, count in run.block["summary"]["outcomes"].items():
            outcomes[kind] = outcomes.get(kind, 0) + count
    if share is not None and share < 1:
        yield f"{(1 - share) * 100:.2g}\u00a0% of the samples have no score ({_reasons(outcomes)})"


def _reasons(outcomes: Mapping[str, int]) -> str:
    """Name what kept most samples from a score, at most two reasons."""
    missed = sorted(((count, kind) for kind, count in outcomes.items() if kind not in _SCORED), reverse=True)
    return (
        ", ".join(f"{count} {SHORT.get(kind, kind.replace('_', ' '))}" for count, kind in missed[:2]) or "unknown why"
    )
