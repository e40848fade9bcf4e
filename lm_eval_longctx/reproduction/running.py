"""Running the steps, one after the other, through lm-eval's own command: what fails takes no other step with it."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from lm_eval_longctx.ctrl_c import GOES_ON, INTERRUPTED
from lm_eval_longctx.errors import ConfigError, LongctxError
from lm_eval_longctx.harness.command_line import one_index, run_lm_eval
from lm_eval_longctx.harness.ending import ENDED, ENDING, FAILED
from lm_eval_longctx.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.reproduction.steps import Choice, Step

SIGNALLED = 128
"""Exit statuses above it are of a run that somebody ended."""

_LOCK = "reproduction.lock"
_ROOM = 1 << 20
"""Bytes that a run's folder must have room for; all results need more."""


@dataclass(frozen=True)
class Ran:
    """A step that was taken, or was not.

    Attributes:
        step: The step.
        file: Its result file; ``None`` if there is none.
        error: Why there is none, or what is not whole; empty if all went well.
        status: lm-eval's exit status.
        refused: Why the model takes no more questions, of this step or any other; empty if it does.
    """

    step: Step
    file: Path | None = None
    error: str = ""
    status: int = ENDED
    refused: str = ""


@dataclass(frozen=True)
class Purse:
    """Money for the whole run, counted by the ledger: what failed half-way counts too.

    Attributes:
        most: US dollars for everything; ``None`` for no limit.
        path: Where the ledger is.
        whose: Which of its calls count: the provider and the name of the model, or nothing for every call.
        before: US dollars that the ledger knew before the run.
    """

    most: float | None
    path: str | None = None
    whose: Mapping[str, str] = field(default_factory=dict)
    before: float = 0.0

    @classmethod
    def open(cls, most: float | None, path: str | None, whose: Mapping[str, str]) -> Purse:
        """Begin to count.

        Raises:
            ConfigError: There is a limit and no ledger to count by.
        """
        if most is not None and path is None:
            raise ConfigError("--max-cost is counted by the ledger; leave ledger=none out")
        return cls(most, path, whose, _recorded(path, whose))

    def spent(self) -> float:
        """Return US dollars that are gone, or may be."""
        return max(0.0, _recorded(self.path, self.whose) - self.before)

    def left(self) -> float | None:
        """Return what is left; ``None`` for no limit."""
        return None if self.most is None else max(0.0, self.most - self.spent())


def _recorded(path: str | None, whose: Mapping[str, str]) -> float:
    if path is None:
        return 0.0
    with Ledger.open(path) as ledger:
        found = ledger.summary(whose)
    return float(found.cost + found.possibly_billed_cost)


@contextmanager
def held(output: Path) -> Iterator[None]:
    """Hold the folder of a run, so that no other run writes into it; refuse one before anything is paid.

    Raises:
        ConfigError: It cannot be made, is a file, is full, is read only, or another run has it.
    """
    from filelock import FileLock, Timeout

    advice = "nothing was asked; choose another --output_path"
    try:
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output) as file:
            file.write(bytes(_ROOM))
            file.flush()
        lock = FileLock(output / f".{_LOCK}")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(f"another run writes into {output}; {advice}, or wait for it") from error
    except OSError as error:
        raise ConfigError(f"cannot write into {output}: {error.strerror}; {advice}") from error
    try:
        yield
    finally:
        lock.release()


def run_steps(
    steps: Sequence[Step],
    model: tuple[str, str],
    output: Path,
    purse: Purse,
    choice: Choice,
    tell: Callable[[str], None],
) -> list[Ran]:
    """Take all steps; those that cannot be taken say why.

    Args:
        steps: In order.
        model: ``--model`` and ``--model_args``.
        output: The folder of the whole run.
        purse: What may be spent.
        choice: What the user chose.
        tell: Is told what begins.
    """
    done: list[Ran] = []
    with one_index():
        for number, step in enumerate(steps, 1):
            if why := step.lacking or _not_reached(step, done):
                done.append(Ran(step, error=why))
                continue
            tell(f"{number} of {len(steps)}: {step.part.id} {step.condition}".rstrip())
            done.append(_taken(step, model, output, purse.left(), choice))
    return done


def _not_reached(step: Step, done: Sequence[Ran]) -> str:
    """Say why a step is not even begun after those before it; empty if it is.

    Where the model takes nothing more, as with a refused key, each step would
    find that out for itself; only what is all in the ledger can still be had.
    """
    if any(ran.status > SIGNALLED for ran in done):
        return "not reached: somebody ended the run"
    refused = next((ran.refused for ran in done if ran.refused), "")
    recorded = step.cost is not None and not step.cost.calls
    return f"not reached: {refused}" if refused and not recorded else ""


def _taken(step: Step, model: tuple[str, str], output: Path, left: float | None, choice: Choice) -> Ran:
    folder = step.folder(output)
    before = set(folder.rglob("results_*.json"))
    status, error = _status(_command(step, model, folder, left, choice))
    made = sorted(set(folder.rglob("results_*.json")) - before)
    if not error:  # calls that failed are told, also where lm-eval ends well
        error = " ".join("; ".join((*ENDING.coverage(), ENDING.last_words())).strip("; ").split())
    if not made and not error:
        error = f"it ended without a result (exit status {status})"
    return Ran(step, made[-1] if made else None, error, status, ENDING.refused)


def _status(command: Sequence[str]) -> tuple[int, str]:
    """Run lm-eval; its tables go where its log goes, so that ours is all that is on standard output."""
    ENDING.begin()  # lm-eval may end before it does
    try:
        with redirect_stdout(sys.stderr):
            status = run_lm_eval(command)
    except KeyboardInterrupt:  # while lm-eval loads or scores: the model itself sees to it while it asks
        return INTERRUPTED, GOES_ON
    except LongctxError as error:
        return FAILED, str(error)
    except Exception as error:  # noqa: BLE001 - lm-eval's tasks and data sets raise anything; other steps must go on
        return FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}"
    return status, ""


def _command(step: Step, model: tuple[str, str], folder: Path, left: float | None, choice: Choice) -> list[str]:
    arm = step.arm
    if arm is None:
        raise ValueError(step.part.id)  # such a step says what it lacks and is never taken
    name, arguments = model
    limit = "" if left is None else f"max_cost={left:.9f}"
    given = [part for part in (arguments, arm.model_args, limit) if part]
    command = ["--model", name, "--tasks", arm.task, "--output_path", str(folder), "--log_samples"]
    for part in given:
        command += ["--model_args", part]
    if step.metadata:
        command += ["--metadata", json.dumps(dict(step.metadata))]
    if choice.limit is not None:
        command += ["--limit", f"{choice.limit:g}"]
    for path in choice.include_path:
        command += ["--include_path", path]
    return command
