"""``lm-eval-longctx report``: what a finished run found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import unknown_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.report.writing import Drawing
    from lm_eval_longctx.results import Run

FOLDER = "longctx-report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="result files, or folders given to --output_path")
    parser.add_argument("--output", metavar="DIR", help=f"where to write (default: {FOLDER} in the first folder)")
    parser.add_argument(
        "--pictures", metavar="FORMS", default="svg", help="svg, pdf, png, html, json, several of them, or none (svg)"
    )
    parser.add_argument("--for", dest="look", metavar="LOOK", default="light", help="light, dark or paper (light)")
    parser.add_argument("--published", action="store_true", help="draw what others published beside the lines")
    parser.add_argument(
        "--format",
        metavar="F",
        default="",
        help="instead of page and pictures write csv, json or parquet (rows of cells and samples), md or latex",
    )
    parser.add_argument(
        "--since",
        metavar="RUNS",
        default="",
        help="tell what changed since the runs of another folder, or since a date such as 2026-11-01",
    )
    parser.add_argument("--metric", metavar="M", help="the metric to show (default: each task's main one)")
    parser.add_argument(
        "--difference",
        type=float,
        metavar="D",
        help="tell how many samples would show such a difference between two models (default: 0.05)",
    )
    parser.add_argument(
        "--previews",
        type=count,
        default=60,
        metavar="N",
        help="show what lies around the needle of so many samples, the worst answered of each cell (default: 60)",
    )
    parser.add_argument("--all", action="store_true", help="show all runs, not only the newest of each task and model")
    parser.add_argument("--json", action="store_true", help="print the sweeps as JSON; write only if --output is given")


def run(args: argparse.Namespace) -> int:
    """Print tables, and write pictures and one page; or what else was asked for."""
    from lm_eval_longctx.report.export import FORMATS
    from lm_eval_longctx.report.figures import FORMATS as PICTURES
    from lm_eval_longctx.report.writing import Drawing, with_metric
    from lm_eval_longctx.results import read_runs

    drawing = Drawing(_chosen("form of figures", args.pictures, PICTURES), args.look, args.published)
    forms = _chosen("format", args.format, FORMATS)
    runs = with_metric(read_runs(args.paths, newest=not args.all), args.metric)
    folder = Path(args.output) if args.output else _beside(Path(args.paths[0]))
    if args.since:
        return _tell_changes(runs, args, drawing, folder)
    if forms:
        return _export(runs, args, forms, folder)
    return _report(runs, args, drawing, folder)


def _report(runs: Sequence[Run], args: argparse.Namespace, drawing: Drawing, folder: Path) -> int:
    """Print tables, and write pictures and the page."""
    from lm_eval_longctx.report.writing import write_report

    print(_all_as_json(runs, args) if args.json else as_tables(runs, args.metric, args.difference))
    if args.json and not args.output:
        return 0
    written = write_report(runs, folder, args.metric, drawing, args.previews)
    if not args.json:
        _tell([written.page, *written.pictures], written.note)
    return 0


def _export(runs: Sequence[Run], args: argparse.Namespace, forms: Sequence[str], folder: Path) -> int:
    """Write the results as rows or tables."""
    from lm_eval_longctx.report.export import exported
    from lm_eval_longctx.report.writing import write_files

    found = [file for form in forms for file in exported(runs, form, args.metric)]
    _tell(write_files(folder, found))
    return 0


def _tell_changes(runs: Sequence[Run], args: argparse.Namespace, drawing: Drawing, folder: Path) -> int:
    """Print what changed since other runs, and draw the differences."""
    from lm_eval_longctx.report.since import change_lines, changes, differences_since, earlier
    from lm_eval_longctx.report.writing import write_figures

    found = changes(runs, earlier(args.paths, args.since), args.metric)
    if args.json:
        print(json.dumps([change.to_dict() for change in found], indent=2))
        return 0
    print("\n".join(line for change in found for line in change_lines(change, args.metric)))
    described = differences_since(found)
    if described:
        _tell(*write_figures(described, folder, drawing))
    return 0


def _tell(files: Sequence[Path], note: str = "") -> None:
    print("\n".join(["wrote", *(f"  {file}" for file in files)] if files else []) + (f"\n{note}" if note else ""))


def count(text: str) -> int:
    """Read a number of things, 0 or more."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _chosen(kind: str, asked: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return what an option with commas chooses; ``none`` and nothing choose nothing.

    Raises:
        UnknownOptionError: There is no such thing.
    """
    names = tuple(dict.fromkeys(part.strip().lower() for part in asked.split(",") if part.strip()))
    if names == ("none",):
        return ()
    for name in names:
        if name not in known:
            raise unknown_option(kind, name, known)
    return names


def as_tables(runs: Sequence[Run], metric: str | None, difference: float | None = None) -> str:
    """Return one table a run and, where a task has several, one that compares them, and each two of them."""
    from lm_eval_longctx.report.compare import by_task, same_questions
    from lm_eval_longctx.report.paired import pairs
    from lm_eval_longctx.report.terminal import as_comparison, as_text
    from lm_eval_longctx.report.wording import paired_lines
    from lm_eval_longctx.screen import fitted, wants_colour

    blocks = []
    for task, group in by_task(runs).items():
        blocks += [as_text(one, metric, coloured=wants_colour()) for one in group]
        if len(group) > 1:
            note = "" if same_questions(group) else " (not the same questions: compare the signatures)"
            blocks.append(f"{task} · all models{note}\n\n{as_comparison(group, metric)}\n")
            told = [f"  {line}" for pair in pairs(group, metric, difference) for line in paired_lines(pair)]
            blocks += [fitted([*told, ""])] if told else []
    return "\n".join(blocks)


def _beside(path: Path) -> Path:
    return (path if path.is_dir() else path.parent) / FOLDER


def _all_as_json(runs: Sequence[Run], args: argparse.Namespace) -> str:
    """Return the sweeps, each with how it differs from those that follow it on the same samples."""
    from lm_eval_longctx.report.compare import by_task
    from lm_eval_longctx.report.paired import pairs

    found = [pair for group in by_task(runs).values() for pair in pairs(group, args.metric, args.difference)]
    told = [{**_as_json(one), "less": [pair.to_dict() for pair in found if pair.first is one]} for one in runs]
    return json.dumps(told, indent=2)


def _as_json(one: Run) -> dict[str, Any]:
    return {
        "task": one.task,
        "model": one.model,
        "path": str(one.path),
        "signature": one.signature,
        "sweep": one.block,
    }
