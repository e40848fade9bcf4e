"""Single samples in lm-eval's logs (``--log_samples``), each with the run that it is of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.results.reading import read_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lm_eval_longctx.results.reading import Run

_LOG = re.compile(r"samples_(?P<task>.+)_(?P<stamp>\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl")


@dataclass(frozen=True)
class Logged:
    """A line of a log.

    Attributes:
        run: The run.
        line: What lm-eval wrote.
    """

    run: Run
    line: Mapping[str, Any]

    @property
    def sample(self) -> Any:
        """What was asked: the recipe of the prompt."""
        return self.line["doc"]

    @property
    def prompt(self) -> str:
        """The digest of the prompt that was sent; empty where it was not recorded, or a sample was asked in parts."""
        kept = self._kept
        return str(kept[0].get("prompt", "")) if len(kept) == 1 else ""

    @property
    def in_parts(self) -> bool:
        """Whether the sample was asked in several requests."""
        return len(self._kept) > 1

    @property
    def calls(self) -> list[dict[str, Any]]:
        """How each call ended: outcome, detail, usage, and the ledger's key."""
        return [call for kept in self._kept for call in kept.get("completions") or ()]

    @property
    def answers(self) -> list[str]:
        """What came back."""
        given: Any = self.line.get("resps") or []
        return [str(one) for some in given for one in (some if isinstance(some, list) else [some])]

    @property
    def _kept(self) -> list[Mapping[str, Any]]:
        """What our harness keeps among the arguments of each request."""
        arguments = self.line.get("arguments")
        requests = list(arguments.values()) if isinstance(arguments, dict) else []
        last = [list(request.values())[-1] if request else {} for request in requests]
        return [kept if isinstance(kept, dict) else {} for kept in last]


def logged_samples(paths: Iterable[str | Path], holding: str = "") -> Iterator[Logged]:
    """Yield the samples of all runs in result files, folders and logs; one line is in memory at a time.

    Args:
        paths: As ``read_runs`` takes them, or ``samples_*.jsonl``.
        holding: Only lines that hold this text; finding one of many is quick so.

    Raises:
        ResultsError: A path is missing, or a run has no log of its samples.
    """
    for path in paths:
        runs, log = _runs_of(Path(path))
        for run in runs:
            file = log or run.samples_file
            if file is None:
                continue
            with file.open(encoding="utf-8") as lines:
                yield from (Logged(run, _read(line, file)) for line in lines if holding in line)


def _runs_of(path: Path) -> tuple[list[Run], Path | None]:
    """Return the runs of a path, the newest first, and the log if the path is one."""
    named = _LOG.fullmatch(path.name)
    if named is None:
        runs = read_runs([path], newest=False)
        if not any(run.samples_file for run in runs):
            raise ResultsError(f"{path} has no log of its samples; run again with --log_samples")
        return sorted(runs, key=lambda run: run.stamp, reverse=True), None
    results = path.with_name(f"results_{named['stamp']}.json")
    if not path.is_file() or not results.is_file():
        raise ResultsError(f"{path} and {results.name} must be in one folder: the latter tells how prompts were made")
    return [run for run in read_runs([results], newest=False) if run.task == named["task"]], path


def _read(line: str, file: Path) -> dict[str, Any]:
    try:
        found = json.loads(line)
        found["doc"]["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{file} holds a line that is no sample of ours ({error!r}); it may be cut off") from error
    return dict(found)
