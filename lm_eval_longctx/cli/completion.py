"""Completion in shells: commands, options, tasks and files, by ``argcomplete`` (extra ``completion``).

The shell calls this very program with ``_ARGCOMPLETE`` set and asks what may
come next; nothing is done then but to answer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

ASKED = "_ARGCOMPLETE"
_OF_TASKS = {"names", "tasks"}
"""What arguments are called in code that take tasks."""


def words_so_far() -> list[str]:
    """Return the command line up to the cursor, without the program's name."""
    line = os.environ.get("COMP_LINE", "")
    return line[: int(os.environ.get("COMP_POINT") or len(line))].split()[1:]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell what may come next, and end the process; return at once where nothing can be answered."""
    with suppress(ModuleNotFoundError):
        import argcomplete

        for action in _actions(parser):
            if action.dest in _OF_TASKS:
                vars(action)["completer"] = task_names
        argcomplete.autocomplete(parser)


def _actions(parser: argparse.ArgumentParser) -> list[Any]:
    """Return all arguments of a parser and of its subcommands."""
    found: list[Any] = list(parser._actions)  # noqa: SLF001 - argparse has no other way to walk over them
    subs: list[Any] = [sub for action in found if isinstance(action.choices, dict) for sub in action.choices.values()]
    return [*found, *(action for sub in subs for action in _actions(sub))]


def task_names(prefix: str, **_: object) -> list[str]:
    """Return the tasks whose name begins so; of several with commas between, of the last."""
    from lm_eval_longctx.harness.listing import task_files

    before, comma, last = prefix.rpartition(",")
    return sorted(f"{before}{comma}{file.stem}" for file in task_files() if file.stem.startswith(last))
