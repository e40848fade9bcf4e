"""The end of a run: what has no score is said below lm-eval's table, and the exit status tells programs.

lm-eval itself ends with 0 whatever came of the calls. So its command is
wrapped: the task and model objects note here what they know, and once
lm-eval has printed its table and saved its files, the rest is said.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import counted, same_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.results import SampleResult

COMMAND_MODULE = "lm_eval._cli.run"
_MARK = "_lm_eval_longctx"

ENDED, FAILED, USAGE, UNSCORED, STOPPED = 0, 1, 2, 3, 4
STATUSES: Mapping[int, str] = {
    ENDED: "the run went to its end, and every task has scores; `coverage` says of how many samples",
    FAILED: "an error, such as an unknown option, a full disk, or results that were not saved; standard error names it",
    USAGE: "a command line that cannot be read",
    UNSCORED: "a task of the run has no score at all",
    STOPPED: "sending stopped before every question was asked: a key, a quota, `max_cost`, a server that is gone",
    128 + 1: "SIGHUP: what was in flight was waited for and recorded",
    128 + 2: "Ctrl-C: likewise",
    128 + 15: "SIGTERM: likewise",
}
"""What each exit status of ``lm-eval`` with ``--model longctx`` means; the table in ``docs/errors.md``."""

_SHOWN = 320
"""Characters of the last line's reason that are shown."""


@dataclass(frozen=True)
class TaskEnd:
    """How a task ended.

    Attributes:
        samples: Its samples.
        scored: How many have a score.
        kinds: The others, by outcome or by why nobody can score them.
        reasons: The first reason of each, in words.
        wanted: What was to come of each sample: ``scored``, or ``answered`` where nothing is scored.
    """

    samples: int
    scored: int
    kinds: Mapping[str, int]
    reasons: Mapping[str, str]
    wanted: str = "scored"

    @classmethod
    def of(cls, results: Iterable[SampleResult], *, answers_only: bool = False) -> TaskEnd:
        """Count results; with ``--predict_only`` an answer is all that is wanted."""
        kinds: Counter[str] = Counter()
        reasons: dict[str, str] = {}
        samples = scored = 0
        for result in sorted(results, key=lambda result: result.completion.attempts == 0):  # who was asked knows why
            good = result.completion.outcome.answered if answers_only else result.scored
            samples, scored = samples + 1, scored + good
            if not good:
                kinds[result.kind] += 1
                reasons.setdefault(result.kind, result.completion.detail or result.note)
        return cls(samples, scored, kinds, reasons, "answered" if answers_only else "scored")

    def lines(self, task: str, stopped: str = "") -> list[str]:
        """Say what has no score, and why, unless it is why sending ``stopped``; nothing if everything has."""
        if self.scored == self.samples:
            return []
        about = "the numbers above are about these only" if self.scored else "there is no result"
        counts = f"{self.scored:,} of {self.samples:,} samples {self.wanted}"
        lines = [f"{task}: coverage {self.scored / self.samples:.3g}: {counts}; {about}"]
        for kind, count in sorted(self.kinds.items(), key=lambda item: -item[1]):
            if not same_reason(self.reasons[kind], stopped):
                lines.append(counted(kind, count, self.reasons[kind]))
        return lines


@dataclass
class Ending:
    """What is to be said at the end of one command.

    Attributes:
        tasks: How each task of ours ended.
        foreign: Failed calls and all calls of each other task: lm-eval scores failures as if they were answers.
        stopped: Why sending stopped early; empty if it did not.
        unsent: Questions that were not asked because of that.
        refused: Why nothing more can be sent to our model: a key, a quota, a server that is gone; empty if it can.
        accepted: Whether the user accepts an incomplete run.
        ours: Whether our own model answered.
        recorded: Whether a ledger has the answers.
        unsaved: What lm-eval could not save or hand on, with the reason, a line each.
        moved: Whether some of it was saved elsewhere.
        lost: Whether some of it was saved nowhere.
    """

    tasks: dict[str, TaskEnd] = field(default_factory=dict)
    foreign: dict[str, tuple[int, int]] = field(default_factory=dict)
    stopped: str = ""
    unsent: int = 0
    refused: str = ""
    accepted: bool = False
    ours: bool = False
    recorded: bool = False
    unsaved: list[str] = field(default_factory=list)
    moved: bool = False
    lost: bool = False

    def begin(self) -> None:
        """Forget what was noted before."""
        vars(self).update(vars(Ending()))

    def task(self, name: str, results: Iterable[SampleResult], *, answers_only: bool = False) -> None:
        """Note how a task of ours ended."""
        self.tasks[name] = TaskEnd.of(results, answers_only=answers_only)

    def other_task(self, name: str, answer: Completion) -> None:
        """Note an answer to another lm-eval task."""
        failed, calls = self.foreign.get(name, (0, 0))
        self.foreign[name] = (failed + (not answer.outcome.answered), calls + 1)

    def model(self, totals: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Note how our model's run ended, by its totals and its options."""
        self.ours, self.accepted = True, options["accept_incomplete"]
        self.recorded = options["ledger"] != "none"
        self.unsent = totals["unsent"]
        self.stopped = self.refused = totals["stopped"]
        if self.unsent and not self.stopped:
            self.stopped = totals["reasons"].get("skipped_budget") or totals["reasons"].get("transport_failed", "")

    def coverage(self) -> list[str]:
        """Return the lines that belong below the table."""
        told = self.stopped if self.status else ""  # the last words tell it, where there are any
        lines = [line for name, end in self.tasks.items() for line in end.lines(name, told)]
        for name, (failed, calls) in self.foreign.items():
            if failed:
                lines.append(f"{name}: {failed:,} of {calls:,} calls failed, and lm-eval scores them as wrong answers")
        return lines

    @property
    def about_us(self) -> bool:
        """Whether a task or the model of the run is ours."""
        return self.ours or bool(self.tasks)

    @property
    def status(self) -> int:
        """The exit status; see ``STATUSES``."""
        if self.unsaved:
            return FAILED
        if not self.ours or self.accepted:
            return ENDED
        return UNSCORED if self.unscored else STOPPED if self.stopped else ENDED

    @property
    def unscored(self) -> list[str]:
        """The tasks of which nothing has a score."""
        ours = [
            task for task, end in self.tasks.items() if end.samples and not end.scored
        ]  # --predict_only scores none
        return [*ours, *(task for task, (failed, calls) in self.foreign.items() if failed == calls)]

    def last_words(self) -> str:
        """Say why the status is not 0; empty if it is."""
        if self.status == ENDED:
            return ""
        if self.unsaved:
            return f"{'; '.join((*self.unsaved, *self._advice()))} (exit status {self.status})"
        why = f"sending stopped early: {shorten(self.stopped, _SHOWN)}" if self.stopped else self._nothing()
        left = f"; {self.unsent:,} question{' was' if self.unsent == 1 else 's were'} not asked" if self.unsent else ""
        again = "run the same command again when that is mended: what is answered is not paid again"
        return f"{why}{left}; {again} (exit status {self.status}; accept_incomplete=true makes it 0)"

    def _nothing(self) -> str:
        """Say of what there is no score, where other tasks have one."""
        others = len(self.unscored) < len(self.tasks) + len(self.foreign)
        return f"nothing was scored{' of ' + ', '.join(self.unscored) if others else ''}"

    def _advice(self) -> list[str]:
        """Say how to get what was not saved; nothing where it was."""
        if self.lost:
            paid = "all answers are in the ledger and cost nothing" if self.recorded else "no ledger has the answers"
            return [f"make room, or give another --output_path, and run the same command again: {paid}"]
        return ["make room, or give another --output_path, before the next run"] if self.moved else []


ENDING = Ending()
"""Of this process's command."""


def tell_the_end(module: ModuleType) -> None:
    """Have lm-eval's own command say how its run ended, and exit accordingly; safe to repeat.

    Args:
        module: ``lm_eval._cli.run``.
    """
    command = getattr(module, "Run", None)
    original = getattr(command, "_execute", None)
    if command is None or original is None or hasattr(original, _MARK):
        return
    told = _told(original)
    setattr(told, _MARK, True)
    command._execute = staticmethod(told)  # noqa: SLF001 - lm-eval has no other place for it


def _told(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def execute(*args: Any) -> None:
        share_log()
        ENDING.begin()
        with caught(COMMAND_MODULE) as errors:
            original(*args)
        if ENDING.about_us:
            ENDING.unsaved += [f"a tracker did not take the results ({in_words(error)})" for error in errors]
        for line in ENDING.coverage():
            print(line)  # noqa: T201 - below lm-eval's table, which is printed too
        if ENDING.status:
            print(f"lm-eval-longctx: {ENDING.last_words()}", file=sys.stderr)  # noqa: T201 - where errors are told
            sys.exit(ENDING.status)

    return execute


@contextmanager
def caught(module: str) -> Iterator[list[Exception]]:
    """Give the exceptions that a module of lm-eval's catches and only tells its log, whatever the log's level."""
    log = logging.getLogger(module)
    found: list[Exception] = []
    before, least = log.level, log.getEffectiveLevel()

    def hear(record: logging.LogRecord) -> bool:
        error = sys.exc_info()[1]  # of the handler that logs
        if isinstance(error, Exception) and error not in found:
            found.append(error)
        return record.levelno >= least

    log.setLevel(min(least, logging.INFO))
    log.addFilter(hear)
    try:
        yield found
    finally:
        log.removeFilter(hear)
        log.setLevel(before)


def in_words(error: Exception) -> str:
    """Return what happened; of what the system said, only that."""
    return (isinstance(error, OSError) and error.strerror) or f"{type(error).__name__}: {error}"


def share_log() -> None:
    """Let what we log appear in lm-eval's log too, in its form."""
    theirs, ours = logging.getLogger("lm_eval"), logging.getLogger("lm_eval_longctx")
    for handler in theirs.handlers:
        if handler not in ours.handlers:
            ours.addHandler(handler)
    ours.setLevel(theirs.level)
