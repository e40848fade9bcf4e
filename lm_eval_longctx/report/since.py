"""What changed since an earlier run: scores on the same samples, how answers ended, and what was set otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.report.compare import shown_metric
from lm_eval_longctx.report.figures import differences
from lm_eval_longctx.report.grid import chosen_metric
from lm_eval_longctx.report.paired import compared
from lm_eval_longctx.report.wording import number, signed
from lm_eval_longctx.results import read_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.report.figures import Figure
    from lm_eval_longctx.report.paired import Paired
    from lm_eval_longctx.results import Run

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d([-:]\d\d){0,2}.*)?")
_CALLED = {
    "hay": "haystack",
    "len": "lengths",
    "n": "samples a cell",
    "q": "questions",
    "score": "scoring",
    "opt": "options",
    "gen": "generation settings",
    "sys": "system instruction",
    "chat": "chat template",
    "temp": "temperature",
    "v": "our version",
}
"""What parts of a signature are called."""


@dataclass(frozen=True)
class Change:
    """One model on one task, now and then.

    Attributes:
        now: The newer run; ``None`` if there is none any more.
        then: The older run; ``None`` if there was none.
        paired: The difference on the same samples; ``None`` where nothing can be compared.
        settings: What was set otherwise: what it is called, its value then and now.
    """

    now: Run | None
    then: Run | None
    paired: Paired | None
    settings: tuple[tuple[str, str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        told = {
            "task": self.of.task,
            "model": self.of.model,
            **{name: str(run.path) if run else None for name, run in (("now", self.now), ("then", self.then))},
            "settings": [dict(zip(("name", "then", "now"), one, strict=True)) for one in self.settings],
        }
        return {**told, "difference": self.paired.to_dict() if self.paired else None}

    @property
    def of(self) -> Run:
        """Either run; for what both share."""
        run = self.now or self.then
        if run is None:
            raise ValueError("a change of nothing")
        return run


def earlier(paths: Sequence[str | Path], since: str) -> list[Run]:
    """Return the runs to compare with: the newest ones of a folder, or the newest before a date.

    Args:
        paths: Where the runs of now are.
        since: A result file or folder, or a date such as ``2026-11-01``.

    Raises:
        ResultsError: It is neither, or nothing was run before that date.
    """
    if Path(since).exists():
        return read_runs([since])
    if not _DATE.fullmatch(since):
        raise ResultsError(f"--since {since}: no such folder or file, and no date such as 2026-11-01")
    stamp = since.replace(":", "-").replace(" ", "T")
    before = [run for run in read_runs(paths, newest=False) if run.stamp < stamp]
    if not before:
        raise ResultsError(f"--since {since}: nothing here was run before that")
    return list({(run.task, run.model): run for run in before}.values())


def changes(now: Sequence[Run], then: Sequence[Run], metric: str | None = None) -> list[Change]:
    """Lay the runs of each model and task beside each other.

    Args:
        now: The newer runs.
        then: The older ones.
        metric: The metric to show; runs without it are left out.
    """
    new, old = ({(run.task, run.model): run for run in runs if shown_metric(run, metric)} for runs in (now, then))
    return [_change(new.get(key), old.get(key), metric) for key in sorted({*new, *old})]


def _change(now: Run | None, then: Run | None, metric: str | None) -> Change:
    if now is None or then is None:
        return Change(now, then, None, ())
    if now.path == then.path:
        return Change(None, then, None, ())
    main = metric in (None, now.block["summary"]["metric"])
    return Change(now, then, compared(now, then) if main else None, tuple(_settings(now, then)))


def _settings(now: Run, then: Run) -> Iterator[tuple[str, str, str]]:
    """Yield what the signatures of two runs tell differently."""
    new, old = (_parts(run) for run in (now, then))
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield _CALLED.get(key, key), old.get(key, "none"), new.get(key, "none")


def _parts(run: Run) -> dict[str, str]:
    first, *rest = str(run.block["summary"].get("signature", "")).split("|")
    return {"version": first.partition("@")[2], **dict(part.partition(":")[::2] for part in rest)}


def change_lines(change: Change, metric: str | None = None) -> list[str]:
    """Say what changed."""
    head = f"{change.of.task} · {change.of.model}"
    if change.now is None:
        return [f"{head}: not run since"]
    if change.then is None:
        return [f"{head}: new, {_score(change.now, metric)}"]
    dates = f"{change.then.stamp[:16]} to {change.now.stamp[:16]}"
    lines = [f"{head}: {_score(change.then, metric)} to {_score(change.now, metric, bare=True)} ({dates})"]
    if change.paired:
        lines.append(f"  on the same {change.paired.samples} samples: {signed(change.paired.difference)}")
        if len(change.paired.lengths) > 1:
            told = (f"{label} {signed(one)}" for label, one in change.paired.lengths.items())
            lines.append(f"  by length: {', '.join(told)}")
    else:
        lines.append("  not compared sample by sample: they did not answer the same questions")
    return [
        *lines,
        *_outcomes(change.now, change.then),
        *(f"  {one[0]}: {one[1]} to {one[2]}" for one in change.settings),
    ]


def differences_since(found: Sequence[Change]) -> list[Figure]:
    """Describe one figure for each task of which samples can be compared."""
    tasks: dict[str, list[Paired]] = {}
    for change in found:
        if change.paired:
            tasks.setdefault(change.of.task, []).append(change.paired)
    return [differences(pairs) for pairs in tasks.values()]


def _score(run: Run, metric: str | None, *, bare: bool = False) -> str:
    name = str(chosen_metric(run.block, metric)["name"])
    value = number(run.block["summary"]["metrics"][name]["value"])
    return value if bare else f"{name} {value}"


def _outcomes(now: Run, then: Run) -> Iterator[str]:
    """Yield how many answers ended otherwise than complete, where that changed."""
    new, old = (run.block["summary"]["outcomes"] for run in (now, then))
    kinds: dict[str, Any] = dict.fromkeys([*old, *new])
    changed = [
        f"{kind.replace('_', ' ')} {old.get(kind, 0)} to {new.get(kind, 0)}"
        for kind in kinds
        if old.get(kind, 0) != new.get(kind, 0)
    ]
    if changed:
        yield f"  outcomes: {', '.join(changed)}"
