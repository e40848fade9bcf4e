"""Loss by position as a picture: windows, cumulative mean, power law, and how much has been read before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.palette import LINES
from lm_eval_longctx.report.pictures import canvas, png, sign
from lm_eval_longctx.report.wording import formula

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from lm_eval_longctx.results import Run

_FINE = 200
"""Places at which a fitted curve is drawn."""


def has_curve(run: Run) -> bool:
    """Whether a run has a loss by position."""
    return bool(run.block.get("curve"))


def draw(runs: Sequence[Run]) -> bytes:
    """Draw the loss by position of one task, as the report's figure does, one colour a run.

    Points are windows, the line is the cumulative mean with the power law
    dashed over it; below is the share of each window that stands before it
    already, which the report offers as the reason where curves leave the fit.

    Returns:
        A PNG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, axes = canvas(8.0, 5.6)
    axes.remove()
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    for index, (run, name) in enumerate(zip(runs, names(runs), strict=True)):
        _curve(above, below, run.block, name, LINES[index % len(LINES)])
    above.set_xscale("log")
    above.set_yscale("log")
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_formatter("{x:g}")
    above.set_ylabel("negative log-likelihood, nats a token")
    above.set_title(f"{runs[0].task} · loss by position", fontsize=10, loc="left")
    above.legend(fontsize=7, frameon=False)
    below.set_ylim(-0.03, 1.03)
    below.set_ylabel("read before", fontsize=8)
    below.set_xlabel("position in the document (tokens)")
    for one in (above, below):
        one.grid(visible=True, which="both", color="#ececec", linewidth=0.5)
    sign(below, runs[0].block["summary"].get("signature", ""))
    return png(figure)


def _curve(above: Axes, below: Axes, block: Mapping[str, Any], name: str, paint: str) -> None:
    curve, law = block["curve"], block["power_law"]
    x = [point["position"] for point in curve]
    above.plot(x, [point["mean"] for point in curve], "o", markersize=3, alpha=0.5, color=paint)
    ends = [point.get("end", point["position"]) for point in curve]  # earlier results have none
    above.plot(ends, [point["cumulative"] for point in curve], color=paint, label=f"{name}, cumulative mean")
    spans = [row["interval"] for row in block["lengths"]]
    if all(spans) and len(spans) == len(x):
        above.fill_between(
            x, [s["low"] for s in spans], [s["high"] for s in spans], color=paint, alpha=0.1, linewidth=0
        )
    below.plot(x, [point["repeated"] for point in curve], color=paint, linewidth=1)
    if law:
        fine = np.geomspace(ends[0], ends[-1], _FINE)
        fitted = law["scale"]["value"] * fine ** law["exponent"]["value"] + law["offset"]["value"]
        above.plot(fine, fitted, "--", color=paint, linewidth=0.9, label=f"{name}: {formula(law)}")
        if law["leaves_at"]:
            place = next(point["position"] for point in curve if point["length"] == law["leaves_at"])
            above.axvline(place, color=paint, linewidth=0.6, linestyle=":")
