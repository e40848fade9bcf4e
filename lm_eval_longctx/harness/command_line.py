"""lm-eval's own command line: a place for its results, and a way to start it where our hook does not work.

lm-eval writes results when everything is done, and where it cannot, it says so
in passing and ends well: all answers are lost. So the place is tried first.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
import traceback
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, nearest
from lm_eval_longctx.harness.activation import activate_now, is_lm_eval
from lm_eval_longctx.harness.listing import task_files
from lm_eval_longctx.harness.origin import parameter_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    Build = Callable[..., Any]
    """Makes lm-eval's index of the tasks in some folders."""


def check_output(command: Sequence[str]) -> None:
    """Try to write where lm-eval will write; a missing folder is made, as lm-eval would.

    Args:
        command: A whole command line; of another program than lm-eval nothing is looked at.

    Raises:
        ConfigError: ``--output_path`` cannot be written.
    """
    named = _output_path(command) if is_lm_eval(command) else None
    if not named:
        return
    path = Path(named)
    folder = path.parent if path.suffix == ".json" else path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"--output_path {named} cannot be written ({error.strerror}); give another folder") from error


def refuse_flags() -> None:
    """Refuse flags of lm-eval that cannot do for our tasks what they say, before anything is asked.

    Raises:
        ConfigError: ``--check_integrity``, or ``--num_fewshot`` of more than 0.
    """
    if parameter_of("simple_evaluate", "check_integrity"):
        raise ConfigError(
            "--check_integrity runs tests of lm-eval's repository, which are not installed and know no task of ours; "
            "leave it out: lm-eval-longctx check TASK asks our tasks questions of their own"
        )
    shots = parameter_of("simple_evaluate", "num_fewshot")
    if shots:
        raise ConfigError(
            f"--num_fewshot {shots}: our samples hold their whole prompt, examples included, and have no place for "
            "more; leave it out, and run tasks that take examples in a run of their own"
        )


def _output_path(command: Sequence[str]) -> str | None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--output_path", "-o")
    named: str | None = parser.parse_known_args(list(command[1:]))[0].output_path
    return named


def run_lm_eval(arguments: Sequence[str]) -> int:
    """Run ``lm-eval run`` with these arguments in this process and return its exit status.

    Works where the hook does not: no ``.pth`` read, or switched off.

    Raises:
        ConfigError: The command line cannot be used; nothing has been sent.
    """
    command = ["lm-eval", "run", *arguments]
    check_output(command)
    from lm_eval.__main__ import cli_evaluate

    activate_now()
    before, sys.argv = sys.argv, command
    try:
        cli_evaluate()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except ValueError as error:
        if _is_about_the_command_line(error):
            raise ConfigError(_with_nearest(str(error))) from error
        raise
    finally:
        sys.argv = before
    return 0


def one_index() -> AbstractContextManager[None]:
    """Let lm-eval read its ten thousand task files once, where this process runs its command several times."""
    known: dict[str, bytes] = {}

    def once(build: Build, folders: list[Path], given: Mapping[str, Any]) -> Any:
        key = repr((folders, sorted(given.items())))
        if key not in known:
            known[key] = pickle.dumps(build(folders, **given))
        return pickle.loads(known[key])  # noqa: S301 - our own; tasks are made of these entries, so each run has its own

    return _indexing(once)


def ours_alone() -> AbstractContextManager[None]:
    """Let lm-eval read none of its own task files, which takes six seconds, where only tasks of ours are asked for."""

    def without(build: Build, folders: list[Path], given: Mapping[str, Any]) -> Any:
        own = Path(import_module("lm_eval.tasks").__file__ or "").parent
        return build([folder for folder in folders if folder != own], **given)

    return _indexing(without)


@contextmanager
def _indexing(otherwise: Callable[[Build, list[Path], Mapping[str, Any]], Any]) -> Iterator[None]:
    """Let lm-eval make its index of tasks otherwise; one that makes it nobody knows how is left alone."""
    try:
        index: Any = import_module("lm_eval.tasks._index").TaskIndex
        build = index.build
    except (ImportError, AttributeError):
        yield
        return

    def built(paths: Iterable[Path], **given: Any) -> Any:
        return otherwise(build, list(paths), given)

    index.build = staticmethod(built)
    try:
        yield
    finally:
        index.build = staticmethod(build)


def _with_nearest(message: str) -> str:
    """Return what lm-eval says of tasks that are not there, with ours that are most like them."""
    _, found, names = message.partition("Tasks not found: ")
    known = [path.stem for path in task_files()] if found else []
    guesses = {name: nearest(name, known) for name in names.split(", ")} if found else {}
    told = ", ".join(f"{guess} for {name}" for name, guess in guesses.items() if guess)
    return f"{message}; did you mean {told}?" if told else message


def _is_about_the_command_line(error: ValueError) -> bool:
    """Whether lm-eval raised it while it read its arguments: an unknown task, bad JSON."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith(("lm_eval._cli", "lm_eval.config"))
