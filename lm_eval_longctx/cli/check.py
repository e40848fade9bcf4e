"""``lm-eval-longctx check``: does a task measure what it says?"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lm_eval_longctx.cli.table import table
from lm_eval_longctx.errors import unknown_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.check import Subject, Verdict
    from lm_eval_longctx.harness.listing import Listed

_HEADS = ("", "verdict", "found")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("tasks", nargs="+", metavar="TASK", help="a task, a pattern of tasks, or a builder's name")
    parser.add_argument("--metadata", default="", metavar="JSON", help='settings to check with, as for "lm-eval run"')
    parser.add_argument(
        "--include_path", action="append", default=[], metavar="DIR", help="search here too; may repeat"
    )
    parser.add_argument("--fast", action="store_true", help="few samples, short contexts, no pictures, sound or film")
    parser.add_argument(
        "--freeze", action="store_true", help="keep a digest of what the tasks ask now, and check nothing"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print a verdict for each question; 0 if no task failed at any."""
    from lm_eval_longctx.check import FAST, FULL, Subject
    from lm_eval_longctx.check.sameness import freeze
    from lm_eval_longctx.harness.planning import read_metadata

    effort, metadata = FAST if args.fast else FULL, read_metadata(args.metadata)
    subjects = [Subject(one, metadata, effort, args.include_path) for one in chosen(args.tasks, args.include_path)]
    if args.freeze:
        print("\n".join(f"kept in {file}" for file in dict.fromkeys(freeze(subject) for subject in subjects)))
        return 0
    found: dict[str, list[Verdict]] = {}
    for name, verdicts in checked(subjects):
        found[name] = verdicts
        if not args.json:
            print(as_text(name, verdicts))
    if args.json:
        print(json.dumps({name: [one.to_dict() for one in verdicts] for name, verdicts in found.items()}, indent=2))
    return int(any(one.state == "failed" for verdicts in found.values() for one in verdicts))


def chosen(names: Sequence[str], include_path: Sequence[str] = ()) -> list[Listed]:
    """Return the tasks that names, patterns and builders' names stand for.

    Raises:
        UnknownOptionError: There is none of that name; says the nearest.
    """
    from lm_eval_longctx.harness.listing import listed_tasks

    tasks = [task for task in listed_tasks(include_path) if task.kind == "task"]
    found: dict[str, Listed] = {}
    for name in names:
        some = {t.name: t for t in tasks if fnmatchcase(t.name, name) or t.metadata.get("builder") == name}
        if not some:
            raise unknown_option("task", name, [task.name for task in tasks])
        found |= some
    return list(found.values())


def checked(subjects: Sequence[Subject]) -> Iterator[tuple[str, list[Verdict]]]:
    """Yield each task's verdicts, with a progress bar over all questions."""
    from lm_eval_longctx.check import ROWS, check
    from lm_eval_longctx.hay.progress import progress

    with progress("checking", len(subjects) * len(ROWS), "questions") as advance:
        for subject in subjects:
            verdicts = []
            for verdict in check(subject):
                verdicts.append(verdict)
                advance(1)
            yield subject.listed.name, verdicts


def as_text(name: str, verdicts: Sequence[Verdict]) -> str:
    """Return a table with a line for each question, and what stands behind those that failed."""
    rows = [[one.row, one.state, one.said] for one in verdicts]
    details = [f"  {one.row}: {line}" for one in verdicts if one.state == "failed" for line in one.details]
    return "\n".join([name, table(rows, _HEADS), *details, ""])
