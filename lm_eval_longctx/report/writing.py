"""Writing a report: pictures and one page, each whole or not at all."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lm_eval_longctx.errors import ResultsError, unknown_option
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.report import loss, pictures
from lm_eval_longctx.report.compare import by_task, shown_metric
from lm_eval_longctx.report.grid import metric_names
from lm_eval_longctx.report.page import page, run_name
from lm_eval_longctx.report.previews import PREVIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.results import Run

PAGE = "report.html"
NO_PICTURES = "no pictures were drawn: pip install 'lm-eval-longctx[report]' brings what draws them"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        page: The page.
        pictures: The pictures, heatmaps first.
        note: What is missing and how to get it; empty if nothing is.
    """

    page: Path
    pictures: tuple[Path, ...]
    note: str = ""


def write_report(
    runs: Sequence[Run], folder: str | Path, metric: str | None = None, previews: int = PREVIEWS
) -> Written:
    """Write the heatmaps, the line charts and the page.

    Args:
        runs: The sweeps to show.
        folder: Where to write; made if missing.
        metric: The metric to show; sweeps without it are left out. By default
            each sweep's main one.
        previews: How many samples are shown with what lies around their needle.

    Raises:
        ResultsError: The folder cannot be written.
        UnknownOptionError: No sweep has the metric.
    """
    target = Path(folder)
    shown = with_metric(runs, metric)
    try:
        target.mkdir(parents=True, exist_ok=True)
        drawn = _draw(shown, metric) if pictures.available() else {}
        files = {target / f"{_file_name(name)}.png": png for name, png in drawn.items()}
        for file, png in files.items():
            write_whole(file, png)
        write_whole(target / PAGE, page(shown, drawn, metric, _links(shown, target), previews).encode())
    except OSError as error:
        raise ResultsError(f"cannot write the report to {target}: {error.strerror}; choose another --output") from error
    return Written(target / PAGE, tuple(files), "" if drawn else NO_PICTURES)


def with_metric(runs: Sequence[Run], metric: str | None) -> list[Run]:
    """Return the runs that have a metric.

    Raises:
        UnknownOptionError: None of them has it.
    """
    shown = [run for run in runs if shown_metric(run, metric)]
    if not shown:
        raise unknown_option("metric", str(metric), {name for run in runs for name in metric_names(run.block)})
    return shown


def _draw(runs: Sequence[Run], metric: str | None) -> dict[str, bytes]:
    """Return one heatmap a run and, where there are several lengths, one line chart a task."""
    drawn = {run_name(run): pictures.heatmap(run, metric) for run in runs if not run.block.get("unsupported")}
    for task, group in by_task(runs).items():
        if curved := [run for run in group if loss.has_curve(run)]:
            drawn[f"{task} by position"] = loss.draw(curved)
        if any(len(run.block["lengths"]) > 1 for run in group):
            drawn[task] = pictures.lines(group, metric)
    return drawn


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)


def _links(runs: Sequence[Run], folder: Path) -> dict[str, str]:
    """Return where result and sample files lie, seen from the page."""
    files = [file for run in runs for file in (run.path, run.samples_file) if file]
    paths = {str(file): Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix() for file in files}
    return {file: f"./{quote(path)}" for file, path in paths.items()}
