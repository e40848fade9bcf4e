"""``lm-eval-longctx ledger``: the record of all paid calls."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.cli.table import table
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.files import whole
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.ledger.address import is_shared, ledger_path
from lm_eval_longctx.ledger.repair import examine, repair
from lm_eval_longctx.screen import fitted

if TYPE_CHECKING:
    import argparse

    from lm_eval_longctx.ledger import Summary

FILTERS = ("provider", "model", "task")
_DAY = 86_400.0
_SHOWN = 10
_HEADS = ("model", "task", "calls", "answered", "sent", "prompt tokens", "output tokens", "USD", "possibly billed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="calls, tokens and money by model and task")
    export = actions.add_parser("export", help="every attempt as a line of JSON")
    prune = actions.add_parser("prune", help="remove records; nothing is removed without --yes")
    mend = actions.add_parser(
        "repair", help="save what can be read of a damaged ledger; nothing is changed without --yes"
    )
    for action in (show, export, prune, mend):
        action.add_argument("--ledger", metavar="PATH", help="file or postgresql://... (default: what runs use)")
    for action in (show, export):
        for name in FILTERS:
            action.add_argument(f"--{name}", help=f"only this {name}")
    show.add_argument("--json", action="store_true", help="print everything as JSON")
    export.add_argument("--output", metavar="FILE", help="write here instead of to standard output")
    export.add_argument("--bodies", action="store_true", help="with the raw responses")
    prune.add_argument("--older-than", type=float, metavar="DAYS", help="only what was sent so many days ago")
    prune.add_argument("--failures", action="store_true", help="keep all answers")
    prune.add_argument("--bodies", action="store_true", help="keep all records, drop the raw responses")
    for action in (prune, mend):
        action.add_argument("--yes", action="store_true", help="do it")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    actions = {"show": _show, "export": _export, "prune": _prune}
    if args.action == "repair":
        return _repair(ledger_path(args.ledger), yes=args.yes)
    with Ledger.open(ledger_path(args.ledger), create=False) as ledger:
        return actions[args.action](ledger, args)


def _repair(path: str, *, yes: bool) -> int:
    """Tell how much of a ledger can be read; write that anew if wanted."""
    if is_shared(path):
        raise ConfigError("repair is about files; a server's tables are repaired by its own tools, such as pg_amcheck")
    if not yes:
        found = examine(path)
        print(f"{path}: {found.words()}" + ("; add --yes to do it" if found.damaged else "; nothing is damaged"))
        return int(found.damaged)
    found, old = repair(path)
    print(f"{path}: {found.words()}: done; the damaged file is {old}")
    return 0


def _where(args: argparse.Namespace) -> dict[str, str]:
    return {name: getattr(args, name) for name in FILTERS if getattr(args, name)}


def _show(ledger: Ledger, args: argparse.Namespace) -> int:
    where = _where(args)
    total = ledger.summary(where)
    groups = [dict(zip(FILTERS, names, strict=True)) for names in ledger.groups()]
    rows = [(group, ledger.summary(group)) for group in groups if where.items() <= group.items()]
    if args.json:
        found = [{**group, **summary.to_dict()} for group, summary in rows]
        print(json.dumps({"path": ledger.path, "total": total.to_dict(), "groups": found}, indent=2))
        return 0
    lines = [_row(f"{group['provider']}/{group['model']}", group["task"], summary) for group, summary in rows]
    print(table([*lines, _row("total", "", total)], _HEADS))
    print(fitted(["", f"{ledger.path}, {total.bytes / 1e6:,.1f} MB; attempts by how they ended:"]))
    for outcome, count in total.outcomes.items():
        print(f"{count:>10,}  {outcome}")
    if total.possibly_billed:
        print(_doubtful(ledger, where, total))
    return 0


def _row(model: str, task: str, summary: Summary) -> list[str]:
    return [
        model,
        task,
        f"{summary.calls:,}",
        f"{summary.answered:,}",
        f"{summary.attempts:,}",
        f"{summary.usage.prompt_tokens or 0:,}",
        f"{summary.usage.output_tokens or 0:,}",
        f"{summary.cost:,.2f}" + (f" and {summary.unpriced:,} calls of unknown price" if summary.unpriced else ""),
        f"{summary.possibly_billed:,}",
    ]


def _doubtful(ledger: Ledger, where: dict[str, str], total: Summary) -> str:
    """Say which attempts may have been billed without an answer."""
    doubtful = [entry for entry in ledger.entries(where) if entry["billing"] not in {"free", "billed"}]
    lines = [
        f"  {_moment(entry['sent'])}  {entry['provider']}/{entry['model']}  {entry['task']}  {entry['sample']}  "
        f"{entry['detail'] or entry['state']}"
        for entry in doubtful[-_SHOWN:]
    ]
    head = (
        f"{total.possibly_billed:,} attempts may have been billed without an answer, "
        f"for {total.possibly_billed_cost:,.2f} USD at most; the last of them:"
    )
    return fitted(["", head, *lines])


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _export(ledger: Ledger, args: argparse.Namespace) -> int:
    lines = (json.dumps(entry) for entry in ledger.entries(_where(args), bodies=args.bodies))
    if not args.output:
        print(*lines, sep="\n")
        return 0
    with whole(Path(args.output)) as beside, beside.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return 0


def _prune(ledger: Ledger, args: argparse.Namespace) -> int:
    if args.failures and args.bodies:
        raise ConfigError("--failures and --bodies exclude each other; run prune once for each")
    before = None if args.older_than is None else time.time() - args.older_than * _DAY
    if not args.yes:
        print(_warning(args))
        return 1
    count = ledger.prune(before=before, failures_only=args.failures, bodies_only=args.bodies)
    print(f"{count:,} attempts {'emptied' if args.bodies else 'removed'}")
    return 0


def _warning(args: argparse.Namespace) -> str:
    what = "all answers too: they will be paid again" if not (args.failures or args.bodies) else "no answer"
    return f"this would remove {what}; add --yes to do it, or export first"
