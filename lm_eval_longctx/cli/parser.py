"""From the command line to a subcommand.

To add one, add a line to ``COMMANDS`` and a module with two functions::

    def add_arguments(parser: argparse.ArgumentParser) -> None: ...
    def run(args: argparse.Namespace) -> int: ...      # the exit status

Only the chosen module is imported. It prints its results on standard output
and raises ``LongctxError`` for what the user can put right.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lm_eval_longctx.cli.arguments import Parser
from lm_eval_longctx.cli.completion import ASKED, complete, words_so_far
from lm_eval_longctx.cli.lazily import late_imports
from lm_eval_longctx.ctrl_c import INTERRUPTED, lose_no_ctrl_c
from lm_eval_longctx.errors import LongctxError, disk_told
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        name: As the user writes it.
        module: Where ``add_arguments`` and ``run`` are.
        help: One line.
        forwards: Whether all that follows goes to another program as it
            stands, in ``args.rest``; such a module needs no ``add_arguments``.
        looks: Whether it only looks at tasks, and large packages can wait until somebody uses them.
    """

    name: str
    module: str
    help: str
    forwards: bool = field(default=False, kw_only=True)
    looks: bool = field(default=False, kw_only=True)


COMMANDS = (
    Command("run", "lm_eval_longctx.cli.run", "run lm-eval, also where its hook does not work", forwards=True),
    Command("plan", "lm_eval_longctx.cli.plan", "tell what a run will cost, before it is paid", looks=True),
    Command("matrix", "lm_eval_longctx.cli.matrix", "run models x tasks x lengths x seeds, here or on many machines"),
    Command("reproduce", "lm_eval_longctx.cli.reproduce", "repeat a paper's tables, beside what was published"),
    Command("ledger", "lm_eval_longctx.cli.ledger", "show, export, prune or repair the record of all paid calls"),
    Command("report", "lm_eval_longctx.cli.report", "show finished runs: tables, heatmaps, one HTML page"),
    Command("judge", "lm_eval_longctx.cli.judge", "compare long answers, two at a time, and check what they claim"),
    Command("show", "lm_eval_longctx.cli.show", "make one prompt again as it was sent, with its needle marked"),
    Command(
        "tasks",
        "lm_eval_longctx.cli.tasks",
        "list our tasks with what they need, or all that can be set on one",
        looks=True,
    ),
    Command(
        "plugins",
        "lm_eval_longctx.cli.plugins",
        "list plugins and their items, or all that one item takes",
    ),
    Command("new", "lm_eval_longctx.cli.new", "begin a task, haystack, provider or scorer of your own"),
    Command("check", "lm_eval_longctx.cli.check", "check that tasks measure what they say, yours too"),
    Command("doctor", "lm_eval_longctx.cli.doctor", "find out why lm-eval does not show our tasks or model"),
)


PROGRAM = "lm-eval-longctx"

EPILOG = """\
a first day:
  lm-eval-longctx tasks text                             what there is to ask
  lm-eval-longctx plan --tasks longctx_text_niah         what it costs, before it is paid
  lm-eval-longctx run --model longctx --tasks longctx_text_niah --output_path out --log_samples
  lm-eval-longctx report out                             what came of it
  lm-eval-longctx show out                               the very prompts behind the numbers
COMMAND --help tells more; docs and examples are in the repository's README.
"""

FILE_FAULTS = frozenset(
    getattr(errno, name)
    for name in (
        "ENOSPC EDQUOT EFBIG EROFS EIO EACCES EPERM ENOENT ENOTDIR EISDIR EEXIST ENAMETOOLONG EMFILE ENFILE ELOOP"
    ).split()
)
"""Errors of files and folders, which the user can put right; others of the operating system are ours."""

PIPE_CLOSED = 128 + 13
"""What shells say of a program that SIGPIPE ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status.

    0 is success, 1 something that the user can put right (one line on
    standard error) or a check that failed, 2 a command line that cannot be
    read, 130 that Ctrl-C ended it, 141 that nobody read the output to its end
    (``| head``).

    Args:
        argv: The arguments after the program's name; the process's own by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    lose_no_ctrl_c()
    try:
        return _flushed(_dispatch(arguments))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written goes nowhere
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print(f"\n{PROGRAM}: ended by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except LongctxError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in FILE_FAULTS:
            raise
        print(f"{PROGRAM}: {disk_told(error)}", file=sys.stderr)
        return 1


def _flushed(status: int) -> int:
    """Write what is still to be written: when Python ends, nobody could catch that the pipe is closed."""
    sys.stdout.flush()
    return status


def _dispatch(arguments: list[str]) -> int:
    asked_by_shell = ASKED in os.environ
    words = words_so_far() if asked_by_shell else arguments
    chosen = next((c for c in COMMANDS if words[:1] == [c.name]), None)
    if asked_by_shell:
        complete(build_parser(chosen)[0])
    if chosen and chosen.forwards:
        return _run(chosen, argparse.Namespace(rest=arguments[1:]))
    with late_imports() if chosen and chosen.looks else nullcontext():
        parser, sub = build_parser(chosen)
        args, rest = parser.parse_known_args(arguments)
        sub.refuse_rest(rest)
        if chosen is None:
            parser.print_help()
            return 2
        return _run(chosen, args)


def _run(command: Command, args: argparse.Namespace) -> int:
    status: int = importlib.import_module(command.module).run(args)
    return status


def build_parser(chosen: Command | None = None) -> tuple[Parser, Parser]:
    """Make the parser, and that of the chosen subcommand: only it gets its arguments."""
    parser = Parser(prog=PROGRAM, description="Long-context evaluation for lm-eval.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    found = parser
    for command in COMMANDS:
        told = f"{command.help[0].upper()}{command.help[1:]}."
        sub = commands.add_parser(command.name, help=command.help, description=told)
        if command is chosen and not command.forwards:
            found = sub
            importlib.import_module(command.module).add_arguments(sub)
    return parser, found
