"""What belongs to sound and film: errors by minute of a recording, and scores by number of frames."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.answers import lines_of
from lm_eval_longctx.report.compare import names
from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.figures.series import HIGH, PICK, WIDE, hover, picked, score_axis, series, signatures
from lm_eval_longctx.report.grid import chosen_metric
from lm_eval_longctx.report.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.results import Run

    Spec = dict[str, Any]

BY_MINUTE = "wer_by_minute"
"""What the log keeps of each transcript: the share of words that are wrong, minute by minute."""

_FRAMES = re.compile(r"(?:^|,)frames=(\w+)")


def minutes(runs: Sequence[Run]) -> Figure | None:
    """Describe how many words are wrong in each minute of the recordings, over all that were transcribed.

    Args:
        runs: Of one task; those that kept no samples have no line.

    Returns:
        ``None`` where no run has more than a minute to show.

    Raises:
        ResultsError: A samples file is damaged.
    """
    rows = [row for run, name in zip(runs, names(runs), strict=True) for row in _minutes(run, name)]
    if len({row["minute"] for row in rows}) <= 1:
        return None
    task, told = runs[0].task, series(runs)
    x = {
        "field": "minute",
        "type": "quantitative",
        "title": "minute of the recording",
        "axis": {"grid": False, "tickMinStep": 1},
    }
    x["scale"] = {"domain": [1, max(row["minute"] for row in rows)], "nice": False, "padding": 8}
    y = score_axis({"name": "words that are wrong", "higher_is_better": False}, [0.0, *(row["wer"] for row in rows)])
    encoding = {"x": x, "y": {"field": "wer", "type": "quantitative", **y}}
    spec = _lines(
        f"{task} · word error rate by minute",
        "minutes",
        encoding,
        told,
        (("minute", "minute"), ("shown", "wrong"), ("words", "words")),
    )
    return Figure(
        f"{task} by minute",
        f"word error rate by minute of the recording: {task}",
        "minutes",
        spec,
        {"minutes": rows},
        task,
        notes=signatures(runs),
    )


def _minutes(run: Run, name: str) -> Iterator[dict[str, Any]]:
    """Yield one row a minute; words of the same minute of all recordings count alike."""
    wrong: dict[int, float] = {}
    said: dict[int, int] = {}
    for logged in lines_of(run.samples_file) if run.samples_file else ():
        if "words_by_minute" not in logged["doc"]:
            break  # another kind of task: its log, which may be long, is not read on
        words = logged["doc"]["words_by_minute"] or []
        for read in logged.get("reading") or ():
            for minute, (rate, count) in enumerate(zip(read.get(BY_MINUTE) or [], words, strict=False), 1):
                if rate is not None and count:
                    wrong[minute] = wrong.get(minute, 0.0) + rate * count
                    said[minute] = said.get(minute, 0) + count
    for minute in sorted(said):
        rate = wrong[minute] / said[minute]
        yield {"model": name, "minute": minute, "wer": rate, "shown": number(rate), "words": said[minute]}


def frames(runs: Sequence[Run], metric: str | None = None) -> Figure | None:
    """Describe scores by the number of frames that a film is shown as.

    Args:
        runs: Of one task.
        metric: The metric to show; the main one by default.

    Returns:
        ``None`` where films were not shown as several numbers of frames.
    """
    chosen = chosen_metric(runs[0].block, metric)
    rows = [row for run, name in zip(runs, names(runs), strict=True) for row in _frames(run, str(chosen["name"]), name)]
    order = sorted({row["frames"] for row in rows}, key=lambda label: int(label) if label.isdigit() else 10**9)
    if len(order) <= 1:
        return None
    task, told = runs[0].task, series(runs)
    x = {
        "field": "frames",
        "type": "nominal",
        "sort": order,
        "title": "frames that are shown",
        "axis": {"labelAngle": 0},
    }
    y = score_axis(chosen, [0.0, *(row["score"] for row in rows)])
    encoding = {"x": x, "y": {"field": "score", "type": "quantitative", **y}}
    spec = _lines(
        f"{task} · {chosen['name']} by number of frames",
        "frames",
        encoding,
        told,
        (("frames", "frames"), ("shown", str(chosen["name"])), ("n", "scored")),
    )
    return Figure(
        f"{task} by frames",
        f"{chosen['name']} by number of frames: {task}",
        "frames",
        spec,
        {"frames": rows},
        task,
        notes=signatures(runs),
    )


def _frames(run: Run, metric: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield one row for each number of frames, over all kinds of question."""
    sums: dict[str, tuple[float, int]] = {}
    for row in run.block["variants"]:
        found, shown = row["metrics"][metric], _FRAMES.search(str(row["variant"]))
        if shown and found["value"] is not None:
            total, n = sums.get(shown[1], (0.0, 0))
            sums[shown[1]] = total + found["value"] * found["n"], n + found["n"]
    for label, (total, n) in sums.items():
        yield {"model": name, "frames": label, "score": total / n, "shown": number(total / n), "n": n}


def _lines(title: str, table: str, encoding: Spec, told: Spec, tips: Sequence[tuple[str, str]]) -> Spec:
    """Return lines with points, one a model."""
    line = {**encoding, "color": told["color"], "strokeDash": told["strokeDash"]}
    point = {**encoding, "color": told["color"], "shape": told["shape"], "tooltip": hover(("model", "model"), *tips)}
    layers = [{"params": PICK, "mark": "line", "encoding": picked(line)}, {"mark": "point", "encoding": picked(point)}]
    return {"title": {"text": title}, "width": WIDE, "height": HIGH * 0.8, "data": {"name": table}, "layer": layers}
