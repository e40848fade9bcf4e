"""Writing a report: figures and one page, each whole or not at all."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lm_eval_longctx.errors import ResultsError, unknown_option
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.report.compare import shown_metric
from lm_eval_longctx.report.figures import SPECIFICATION, available, drawn, drawn_ahead, figures
from lm_eval_longctx.report.grid import metric_names
from lm_eval_longctx.report.markup import Picture
from lm_eval_longctx.report.page import page
from lm_eval_longctx.report.previews import PREVIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lm_eval_longctx.report.figures import Figure
    from lm_eval_longctx.results import Run

PAGE = "report.html"
_LONGEST = 80
"""Characters of a file's name; even of four bytes each they fit."""

_MANY = 10_000
"""Samples that take longer to read than another process takes to start."""

_NOT_INSIDE = {"heatmap"}
"""Figures that the page does not show: its own grid says the same, and opens."""

NO_PICTURES = "no pictures were drawn: pip install 'lm-eval-longctx[report]' brings what draws them"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        page: The page.
        pictures: The figures' files.
        note: What is missing and how to get it; empty if nothing is.
    """

    page: Path
    pictures: tuple[Path, ...]
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    """How figures are drawn into files.

    Attributes:
        forms: Of ``figures.FORMATS``; may be empty.
        look: Of ``figures.LOOKS``.
        published: Whether figures that others published are drawn beside the lines.
    """

    forms: tuple[str, ...] = ("svg",)
    look: str = "light"
    published: bool = False


def write_report(
    runs: Sequence[Run],
    folder: str | Path,
    metric: str | None = None,
    drawing: Drawing | None = None,
    previews: int = PREVIEWS,
) -> Written:
    """Write the figures and the page.

    Args:
        runs: The sweeps to show.
        folder: Where to write; made if missing.
        metric: The metric to show; sweeps without it are left out. By default
            each sweep's main one.
        drawing: How figures are drawn; as SVG for a light screen by default.
        previews: How many samples are shown with what lies around their needle.

    Raises:
        ResultsError: The folder cannot be written.
        UnknownOptionError: No sweep has the metric, or there is no such form or look.
    """
    target, how = Path(folder), drawing or Drawing()
    shown = with_metric(runs, metric)
    described = figures(shown, metric, published=how.published)
    write_files(target, [])  # that it can be written is known before minutes of work
    inside = [one for one in described if one.kind not in _NOT_INSIDE] if available() else []
    svgs = _svgs(described if "svg" in how.forms and how.look == "light" and available() else inside, shown)
    pictures = (Picture(one.task, one.kind, one.title, svgs()[one.name]) for one in inside)
    whole_page = page(shown, pictures, metric, _links(shown, target), previews)
    files, note = write_figures(described, target, how, svgs())
    (file,) = write_files(target, [(PAGE, whole_page.encode("utf-8", "replace"))])  # names may hold lone surrogates
    return Written(file, tuple(files), note)


def write_figures(
    described: Sequence[Figure], folder: Path, how: Drawing, svgs: Mapping[str, bytes] | None = None
) -> tuple[list[Path], str]:
    """Draw figures into files.

    Args:
        described: What to draw.
        folder: Where to write; made if missing.
        how: In which forms, and for what.
        svgs: Figures that are drawn already, as SVG for a light screen, by their names.

    Returns:
        The files, and what is missing to draw them; empty if nothing is.

    Raises:
        ResultsError: The folder cannot be written.
        UnknownOptionError: There is no such form or look.
    """
    forms = [form for form in how.forms if available() or form == SPECIFICATION]
    named = zip(described, _file_names(described), strict=True)
    known = svgs if svgs and how.look == "light" else {}
    files = (
        (f"{stem}.{form}", known[one.name] if form == "svg" and one.name in known else drawn(one, form, how.look))
        for one, stem in named
        for form in forms
    )
    return write_files(folder, files), "" if available() else NO_PICTURES


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write files into a folder, each whole or not at all; the folder is made if missing.

    Raises:
        ResultsError: The folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            write_whole(folder / name, content)
            written.append(folder / name)
    except OSError as error:
        raise ResultsError(f"cannot write the report to {folder}: {error.strerror}; choose another --output") from error
    return written


def with_metric(runs: Sequence[Run], metric: str | None) -> list[Run]:
    """Return the runs that have a metric.

    Raises:
        UnknownOptionError: None of them has it.
    """
    shown = [run for run in runs if shown_metric(run, metric)]
    if not shown:
        raise unknown_option("metric", str(metric), {name for run in runs for name in metric_names(run.block)})
    return shown


def _svgs(described: Sequence[Figure], runs: Sequence[Run]) -> Callable[[], Mapping[str, bytes]]:
    """Begin to draw figures for a light screen, and return what waits for them; they are told by their names."""
    logged = sum(run.block["summary"]["n"] for run in runs if run.samples_file)
    ahead = drawn_ahead(described) if described and logged >= _MANY else None
    return cache(
        lambda: {one.name: svg for one, svg in zip(described, ahead() if ahead else map(_svg, described), strict=True)}
    )


def _svg(one: Figure) -> bytes:
    return drawn(one, "svg")


def _file_names(described: Sequence[Figure]) -> list[str]:
    """Return a name for each figure's files: one part of a path on every system, not too long, none twice."""
    stems: dict[str, str] = {}
    for one in described:
        stem = name = re.sub(r"[^\w.-]+", "-", one.name)[:_LONGEST].strip(".-")
        count = 1
        while name.lower() in stems:
            count += 1
            name = f"{stem}-{count}"
        stems[name.lower()] = name
    return list(stems.values())


def _links(runs: Sequence[Run], folder: Path) -> dict[str, str]:
    """Return where result and sample files lie, seen from the page."""
    files = [file for run in runs for file in (run.path, run.samples_file) if file]
    paths = {str(file): Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix() for file in files}
    return {file: f"./{quote(path)}" for file, path in paths.items()}
