"""The summary of a sweep in sentences, the same in the terminal and on the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.grid import chosen_metric
from lm_eval_longctx.results import interval_of
from lm_eval_longctx.results.block import ENDED
from lm_eval_longctx.stats.effective_length import WHY_NONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.report.paired import Paired
    from lm_eval_longctx.stats.contrasts import Contrast

    Row = Mapping[str, Any]

CLEAR = 0.05
_LEAST = 0.001
_LONG = 10


def number(value: float | None) -> str:
    """Write a score: two decimals up to 10, one above; ``··`` for what was not scored.

    What is almost 0 or 1 is never rounded to it.
    """
    if value is None:
        return "··"
    if abs(value) >= _LONG:
        return f"{value:.1f}"
    text = f"{value:.2f}"
    if value == float(text) or float(text) not in {0.0, 1.0}:
        return text
    share = min(max(abs(value), _LEAST), 1 - _LEAST) if abs(value) < 1 else abs(value)
    return f"{math.copysign(share, value):.3f}"


def depth_label(depth: float | None) -> str:
    """Write a depth as a share of the context."""
    return "all" if depth is None else f"{depth * 100:.3g} %"


def span(interval: Row | None) -> str:
    """Write an interval in brackets; nothing if there is none."""
    return f"[{number(interval['low'])}, {number(interval['high'])}]" if interval else ""


def counts(amounts: Mapping[str, float]) -> str:
    """Write counted things: ``3 complete, 1 refused``."""
    return ", ".join(f"{amount:,} {kind.replace('_', ' ')}" for kind, amount in amounts.items())


FLOOR_HEADS = {"floor": "not reading", "corrected": "corrected"}
"""How the floor of a score is called in tables, and the score that is corrected for it."""


def floor_lines(block: Row, lengths: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the main metric's floor and the corrected score by length, each with its head; none where it is 0."""
    rows = {row["length"]: row for row in block["lengths"]}
    # Files of earlier versions know no floors
    if not any(row.get("floor") for row in rows.values()):
        return []
    return [
        (head, [number(rows[length].get(key)) if length in rows else "" for length in lengths])
        for key, head in FLOOR_HEADS.items()
    ]


def sentences(block: Row, metric: str | None = None) -> list[str]:
    """Say in a few lines what a sweep found."""
    if lacking := block.get("unsupported"):
        return [
            f"unsupported: the prompts hold {' and '.join(lacking)}, which the model does not take; nothing was sent"
        ]
    if block.get("predict_only"):
        counted = f"{block['summary']['n']} samples; their answers are in the log of samples"
        return [f"answers only (--predict_only), nothing was scored: {counted}", *_outcomes(block, metric)]
    return [
        line
        for part in (
            _score,
            loss_by_position,
            _variants,
            _bounds,
            _outcomes,
            _chosen,
            _effective,
            _bias,
            _money,
            _repeats,
        )
        for line in part(block, metric)
    ]


def _score(block: Row, metric: str | None) -> Iterator[str]:
    summary, name = block["summary"], str(chosen_metric(block, metric)["name"])
    found = summary["metrics"][name]
    interval = span(interval_of(summary, name, summary["metric"]))
    over = f"over {found['n']} of {summary['n']} samples (coverage {percent(summary['coverage'])})"
    yield " ".join(part for part in (name, number(found["value"]), interval, over) if part)
    if name == summary["metric"] and summary.get("floor"):
        left = summary["corrected"]
        above = (
            "nothing can be told from the score" if left is None else f"corrected for that, {name} is {number(left)}"
        )
        yield f"an answer that never reads the context gets {number(summary['floor'])} on average: {above}"


def loss_by_position(block: Row, metric: str | None) -> Iterator[str]:
    """Say what power law the loss follows, where it is a loss by position."""
    law = block.get("power_law")
    if not law or metric not in (None, block["summary"]["metric"]):
        return
    over = f"R2 {law['r2']:.3f}, documents: {law['documents']}, positions: {law['positions']}"
    yield f"loss by position: {formula(law)} ({over})"
    if not law.get("falls", True):
        yield f"why not surely: {_why_none(law)}"
    elif law["aic"] > law["aic_plain"]:
        yield f"without an offset it is described no worse (AIC {law['aic_plain']:.1f}, with one {law['aic']:.1f})"
    if law["leaves_at"]:
        share = next(point["repeated"] for point in block["curve"] if point["length"] == law["leaves_at"])
        place = law["leaves_at"]
        yield f"from {place} on it leaves the fit to what is before; {share:.0%} of the text there stood before it"


def _why_none(law: Mapping[str, Any]) -> str:
    """Say why a fitted power law does not describe a loss."""
    rivals = {"logarithm": ("a logarithm of position", "aic_log_linear"), "constant": ("no change", "aic_constant")}
    if law["best"] not in rivals:
        return "its exponent may as well be 0"
    words, key = rivals[law["best"]]
    return f"{words} describes the loss better (AIC {law[key]:.1f}, the power law {law['aic']:.1f})"


def formula(law: Mapping[str, Any]) -> str:
    """Spell a fitted power law with the interval of its exponent, and whether it surely is one."""
    scale, exponent, offset = (law[key] for key in ("scale", "exponent", "offset"))
    sign_ = "-" if offset["value"] < 0 else "+"
    return (
        f"{scale['value']:.3g} x^{exponent['value']:.3f} {sign_} {abs(offset['value']):.3g}, "
        f"exponent [{exponent['low']:.3f}, {exponent['high']:.3f}]"
        f"{'' if law.get('falls', True) else ', not surely a power law'}"
    )


def _variants(block: Row, metric: str | None) -> Iterator[str]:
    """Give the score of each kind of question where there are kinds."""
    name = str(chosen_metric(block, metric)["name"])
    if block["variants"]:
        yield f"{name} by kind: " + ", ".join(_kind(row, name, block["summary"]["metric"]) for row in block["variants"])
    factors: dict[str, list[Row]] = {}
    for row in block.get("factors", ()):  # results of earlier versions have none
        factors.setdefault(row["factor"], []).append({**row, "variant": row["value"]})
    for factor, rows in factors.items():
        yield f"{name} by {factor}: " + ", ".join(_kind(row, name, block["summary"]["metric"]) for row in rows)
    if name == block["summary"]["metric"]:
        yield from _contrasts(block, name)


def _contrasts(block: Row, name: str) -> Iterator[str]:
    """Give what each value of a factor changes, on pairs."""
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in block.get("contrasts", ()):  # results of earlier versions have none
        pairs.setdefault((row["factor"], row["against"]), []).append(row)
    for (factor, against), rows in pairs.items():
        yield f"{name} by {factor}, paired with {against}: {', '.join(map(_contrast, rows))}"


def _contrast(row: Row) -> str:
    ends = f" {_signed(row['interval'])}" if row["interval"] else ""
    return f"{row['value']} {row['estimate']:+.3f}{ends} (over {row['pairs']:,} pairs)"


def _signed(interval: Row | None) -> str:
    return f"[{interval['low']:+.3f}, {interval['high']:+.3f}]" if interval else ""


def _kind(row: Row, name: str, main: str) -> str:
    found = row["metrics"][name]
    floor = f"; not reading {number(row['floor'])}" if name == main and row.get("floor") else ""
    return f"{row['variant']} {number(found['value'])} (over {found['n']}{floor})"


def _bounds(block: Row, metric: str | None) -> Iterator[str]:
    """Give the bounds where some samples are unscored."""
    summary = block["summary"]
    main = metric in (None, summary["metric"])
    if main and summary["worst_case"] is not None and summary["scored"] < summary["n"]:
        worst, best = number(summary["worst_case"]), number(summary["best_case"])
        yield f"with the unscored samples counted as wrong {worst}, as right {best}"


def _outcomes(block: Row, _metric: str | None) -> Iterator[str]:
    found = {kind: count for kind, count in block["summary"]["outcomes"].items() if kind != "complete"}
    if found:
        yield f"not complete: {counts(found)}"
    for beyond in block["summary"]["beyond_model"]:
        count, n = beyond["context_exceeded"], beyond["n"]
        yield f"{beyond['length']} is beyond the model: {count} of {n} prompts were refused as too long"
    yield from _window(block)


def _window(block: Row) -> Iterator[str]:
    """Say what is known of the window of one of lm-eval's own models."""
    window = block.get("window") or {}
    if window.get("tokens"):
        yield f"the model takes {window['tokens']:,} tokens, prompt and answer together"
    yield from window.get("unsure") or ()
    cut = block["summary"]["outcomes"].get("truncated_input", 0)
    if cut and block["specification"].get("truncate") == "allow":
        yield f"{cut} prompts were cut by the model and are scored all the same (truncate=allow)"


def _chosen(block: Row, metric: str | None) -> Iterator[str]:
    """Say that cells were chosen, and which depth suffers most."""
    found = block.get("adaptive")
    if found is None or metric not in (None, block["summary"]["metric"]):
        return
    ended = ENDED.get(found["ended"], found["ended"])
    share = f"{found['asked']} of {found['of']} samples"
    yield f"adaptive: {share} asked, chosen by what they tell for their price; it ended {ended}"
    if found["worst_depth"]:
        depth, share = max(found["worst_depth"].items(), key=lambda item: float(item[1]))
        worst = f"depth {percent(float(depth))} suffers most (probability {share:.2g})"
        # That none does is not known: the sweep has looked for the effective length, and at few depths of each length.
        none = "no depth was found to suffer more in the cells that were asked; a grid of one length would tell"
        yield worst if share > found["no_worst_depth"] else none


def _effective(block: Row, metric: str | None) -> Iterator[str]:
    if metric not in (None, block["summary"]["metric"]):
        return
    found = block["summary"]["effective_length"]
    for rule, meaning in (("relative", "85 % of the shortest length's score"), ("absolute", "a score of 0.856")):
        if found.get(rule):
            yield f"effective context length ({meaning}): {reach(found[rule])}"


def reach(found: Row) -> str:
    """Write an effective length with its interval."""
    if found["length"] is None:
        # Files of earlier versions do not say why
        reason = found.get("why_none") or ("zero" if found["threshold"] is None else "short")
        if reason == "zero":
            return f"none, {WHY_NONE[reason]}"
        estimate = f"none, {WHY_NONE[reason]}"
    else:
        estimate = f"at least {found['length_label']}" if found["at_least"] else str(found["length_label"])
    low = found["low_label"] or "below the shortest"
    high = f"{found['high_label']} or more" if found["high_open"] else found["high_label"] or "below the shortest"
    extent = high if high in {low, f"{low} or more"} else f"{low} to {high}"
    end = f"; it ends there because {found['beyond']} is beyond the model" if found.get("beyond") else ""
    return f"{estimate} ({percent(found['level'])} interval: {extent}){end}"


def _bias(block: Row, metric: str | None) -> Iterator[str]:
    bias = block["summary"]["position_bias"]
    if bias is None or metric not in (None, block["summary"]["metric"]):
        return
    verdict = "depth matters" if bias["depth_p"] < CLEAR else "no effect of depth was found"
    parts = [f"{verdict} (p = {bias['depth_p']:.2g})"]
    same = len({value for value in bias["means"].values() if value is not None}) == 1
    for key, name in (("primacy", "beginning"), ("recency", "end")):
        if bias[key] and not same:
            parts.append(f"{name} - middle {bias[key]['estimate']:+.2f} {span(bias[key]['interval'])}".rstrip())
    if bias["interaction_p"] is not None and bias["interaction_p"] < CLEAR:
        parts.append(f"and more so at some lengths (p = {bias['interaction_p']:.2g})")
    yield "; ".join(parts)


def _money(block: Row, _metric: str | None) -> Iterator[str]:
    summary = block["summary"]
    tokens, parts = summary["tokens"], []
    if tokens["billed"] is not None:
        cached = f", {tokens['cached']:,} of them cached" if tokens["cached"] else ""
        parts.append(f"{tokens['billed']:,} prompt tokens billed{cached}")
    if summary["cost"] is not None:
        parts.append(f"{summary['cost']:.4g} US dollars")
    if parts:
        yield "; ".join(parts)


def _repeats(block: Row, _metric: str | None) -> Iterator[str]:
    repeats = block["summary"]["corpus_repeats"]
    if repeats:
        yield f"some of the haystack comes again, up to {repeats:g} time{'s' if repeats > 1 else ''} within one context"


def percent(share: float | None) -> str:
    """Write a share in per cent."""
    return "unknown" if share is None else f"{share * 100:.3g} %"


def paired_lines(found: Paired) -> list[str]:
    """Say how two models differ on the same samples, and how many samples would show a difference."""
    models = f"{found.first.model} less {found.second.model}"
    whole = signed(found.difference)
    lines = [f"{models}, {found.metric} on the same {found.samples} samples: {whole}"]
    if len(found.lengths) > 1:
        lines.append("  by length: " + ", ".join(f"{label} {signed(one)}" for label, one in found.lengths.items()))
    if found.needed is not None:
        times = f"{found.needed:,} samples would show a difference of {found.shown:g} in four of five runs"
        lines.append(f"  {times}")
    return lines


def signed(found: Contrast) -> str:
    """Write a difference with its interval."""
    ends = f" {_signed(found.interval.to_dict())}" if found.interval else ""
    return f"{found.estimate:+.3f}{ends}"
