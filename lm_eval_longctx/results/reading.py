"""Finding and reading sweep blocks in lm-eval's result files."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.results.block import check_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

logger = logging.getLogger(__name__)

CELL_NOTE = "cell.json"
"""The file beside a result's folder in which a matrix notes whose result it is."""

_STAMP = re.compile(r"results_(.+)\.json")

_NAMED = 5
"""Cells that are named where more are left out."""


@dataclass(frozen=True)
class Run:
    """One task's sweep by one model, as read from a file.

    Attributes:
        task: The task's name.
        model: The model's name.
        block: The sweep block, see ``docs/results.md``.
        path: The result file.
        stamp: The date in the file's name, such as ``2026-11-23T22-14-00.123456``; sorts by time.
        config: What lm-eval recorded about the run (``config`` in the file).
        metadata: The task's own, without the block.
        asked: The model as it was asked: where a matrix has named it, ``model`` is that name.
        cell: What a matrix noted of the result; empty for any other run.
    """

    task: str
    model: str
    block: dict[str, Any]
    path: Path
    stamp: str
    config: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: str = ""
    cell: Mapping[str, Any] = field(default_factory=dict)

    @property
    def samples_file(self) -> Path | None:
        """The ``--log_samples`` file of this run, if it is there."""
        file = self.path.with_name(f"samples_{self.task}_{self.stamp}.jsonl")
        return file if file.is_file() else None

    @property
    def seed(self) -> Any:
        """The sweep's seed: with another one, other questions were asked."""
        return self.block["specification"].get("seed")

    @property
    def seedless(self) -> str:
        """The model without the seed that ``read_runs`` adds to its name."""
        return self.model.removesuffix(f" seed {self.seed}")

    @property
    def signature(self) -> str:
        """What exactly the scores are scores of, the model included."""
        return f"{self.block['summary'].get('signature', self.task)}|model:{self.asked or self.model}"


def interval_of(row: Mapping[str, Any], metric: str, main: str) -> Mapping[str, Any] | None:
    """Return the interval of a metric in a row of a block, as far as the file has it: of the main one, and of rates."""
    of: Mapping[str, Any] = row if metric == main else row["metrics"].get(metric, {})
    return of.get("interval")


def read_runs(paths: Iterable[str | Path], *, newest: bool = True) -> list[Run]:
    """Read all sweeps from result files and folders.

    Args:
        paths: Result files, or folders that hold ``results_*.json`` at any depth.
        newest: Keep only the newest run of each task, model and seed; where a model has several seeds, its name
            says which.

    Returns:
        The runs by task, model and time. Of a matrix these are the whole sweeps, which have the answers of its cells;
        cells that did not end well, so that no sweep has them, are logged.

    Raises:
        ResultsError: A path is missing, a file is damaged or foreign, or no
            sweep was found at all.
    """
    asked = [Path(path) for path in paths]
    files = {file.resolve(): named for path in asked for file, named in _files(path)}
    runs = [run for file, named in files.items() for run in _read(file, named=named)]
    if not runs:
        where = ", ".join(map(str, asked))
        raise ResultsError(f"no sweeps in {where}; run a longctx task with --output_path and give that folder")
    runs.sort(key=lambda run: (run.task, run.model, run.stamp))
    kept = _without_parts(runs)
    if newest:
        kept = _by_seed(list({(run.task, run.model, run.seed): run for run in kept}.values()))
    _tell_lost(runs, kept)
    return kept


def _without_parts(runs: list[Run]) -> list[Run]:
    """Leave out cells of a matrix where there is a whole sweep, however much later they ended."""
    whole = {(run.task, run.model, run.seed) for run in runs if _kind(run) == "results"}
    return [run for run in runs if _kind(run) != "cells" or (run.task, run.model, run.seed) not in whole]


def _tell_lost(runs: list[Run], kept: list[Run]) -> None:
    shown = {run.path for run in kept}
    lost = {run.cell["cell"] for run in runs if run.path not in shown and _kind(run) == "cells" and run.cell["status"]}
    if lost:
        names = ", ".join(name.removeprefix("cells/") for name in sorted(lost)[:_NAMED])
        more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
        logger.warning("not shown, since these cells of a matrix did not end well: %s%s; run it again", names, more)


def _kind(run: Run) -> str:
    """Return ``cells`` or ``results`` for a result of a matrix."""
    return str(run.cell.get("cell", "")).partition("/")[0]


def _by_seed(runs: list[Run]) -> list[Run]:
    """Add the seed to a model's name where it has several of a task, in their order."""
    several = Counter((run.task, run.model) for run in runs)
    runs.sort(key=lambda run: (run.task, run.model, str(run.seed)))
    return [
        replace(run, model=f"{run.model} seed {run.seed}") if several[run.task, run.model] > 1 else run for run in runs
    ]


def _files(path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield result files, each with whether the user named it."""
    if path.is_dir():
        yield from ((file, False) for file in sorted(path.rglob("results_*.json")))
    elif path.is_file():
        yield path, True
    else:
        raise ResultsError(f"{path} does not exist; give a result file or the folder given as --output_path")


def _read(file: Path, *, named: bool) -> list[Run]:
    """Read one file's sweeps; a file without any is an error only if the user named it."""
    data = _json(file)
    if not isinstance(data, dict) or not isinstance(data.get("configs"), dict):
        raise ResultsError(f"{file} is not a result file of lm-eval; give a file named results_*.json")
    blocks = {task: block for task, config in data["configs"].items() if (block := _block(config)) is not None}
    if named and not blocks:
        tasks = ", ".join(data["configs"]) or "none"
        raise ResultsError(f"{file} holds no sweep of lm-eval-longctx; its tasks are: {tasks}")
    matched = _STAMP.fullmatch(file.name)
    stamp = matched[1] if matched else str(data.get("date", ""))
    config = data["config"] if isinstance(data.get("config"), dict) else {}
    asked, cell = _model(data, config), _cell(file)
    return [
        Run(
            task,
            str(cell.get("called", asked)),
            check_block(block, f"{file} ({task})"),
            file,
            stamp,
            config,
            {key: value for key, value in data["configs"][task]["metadata"].items() if key != "longctx"},
            asked,
            cell,
        )
        for task, block in blocks.items()
    ]


def _cell(file: Path) -> dict[str, Any]:
    """Return what a matrix has noted of a result; nothing where it is none of a matrix's."""
    with suppress(OSError, ValueError):
        found = json.loads((file.resolve().parent.parent / CELL_NOTE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and {"cell", "status"} <= found.keys() else {}
    return {}


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise ResultsError(f"{file} is not valid JSON ({error}); it may be cut off: run the task again") from error


def _block(config: Any) -> Any:
    metadata = config.get("metadata") if isinstance(config, dict) else None
    return metadata.get("longctx") if isinstance(metadata, dict) else None


def _model(data: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the model's name: as the user wrote it, or in older files as exact as these have it."""
    ours = config.get("longctx")
    described = ours if isinstance(ours, dict) else {}
    if described.get("name"):
        return str(described["name"])
    parts = (str(described[key]) for key in ("provider", "model") if described.get(key))
    named = "/".join(dict.fromkeys(parts))
    return str(named or data.get("model_name") or config.get("model") or "unknown model")
