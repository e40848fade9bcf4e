"""``lm-eval-longctx matrix``: models x tasks x lengths x seeds, planned, run and brought together."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.table import option_table, table
from lm_eval_longctx.ctrl_c import INTERRUPTED
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.screen import fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.matrix import Cell, Matrix, Store
    from lm_eval_longctx.matrix.executors import Executor
    from lm_eval_longctx.matrix.work import Ended

_TEACHES = """\
a matrix is a file; these print one, price it, run it, and show what came of it:
  lm-eval-longctx matrix --example > MATRIX.yaml        a file to begin with, each line explained
  lm-eval-longctx matrix MATRIX.yaml --dry-run          its cells and their price; nothing is sent
  lm-eval-longctx matrix MATRIX.yaml                    runs it; the same again goes on where it stopped
  lm-eval-longctx report OUT                            all of it as one report
A cell that dies is tried again and pays nothing twice; budget: is one cap for all cells, on all machines.
Cells run in processes of this machine; ray: runs them on a cluster, with ledger: postgresql://... (docs/matrix.md).

keys of the file:
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the help teaches the file."""
    parser.add_argument("file", nargs="?", metavar="MATRIX.yaml", help="what to run")
    parser.add_argument("--example", action="store_true", help="print a commented file to begin with")
    parser.add_argument("--dry-run", action="store_true", help="print cells and price, and stop")
    parser.add_argument("--json", action="store_true", help="print plan and results as JSON")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # a table may be wider than a paragraph
    parser.epilog = fitted([*_TEACHES.splitlines(), *file_help().splitlines()])


def file_help() -> str:
    """Return the keys of the file, and those of its models."""
    from lm_eval_longctx.matrix.specification import MODEL_OPTIONS, OPTIONS

    models = option_table(MODEL_OPTIONS, "key of a model")
    return f"{option_table(OPTIONS, 'key')}\n\nkeys of a model, where it is more than its name:\n\n{models}"


def run(args: argparse.Namespace) -> int:
    """Plan, run, bring together; 0 if every cell has ended well."""
    from lm_eval_longctx.cli.matrix_plan import plan_matrix
    from lm_eval_longctx.matrix import EXAMPLE, Store, cells_of, read_matrix

    if args.example:
        print(EXAMPLE, end="")
        return 0
    if not args.file:
        raise ConfigError("name a file: lm-eval-longctx matrix MATRIX.yaml; --example prints one to begin with")
    matrix = _told_apart(read_matrix(Path(args.file)))
    store, cells = Store(matrix.output), list(cells_of(matrix))
    plan = plan_matrix(matrix, [cell for cell in cells if not store.has(cell)])
    if args.dry_run or plan.refused or (plan.pending and not args.json):
        print(json.dumps(plan.to_dict(), indent=2) if args.json else plan.as_text())
    if plan.refused:
        return 1
    return 0 if args.dry_run else _run(matrix, store, plan.possible(cells), as_json=args.json)


def _told_apart(matrix: Matrix) -> Matrix:
    """Return the matrix with what each task does not read of the metadata for all, which is logged once a task."""
    from lm_eval_longctx.harness.planning import unread_metadata

    paths = [] if matrix.include_path is None else [matrix.include_path]
    return replace(matrix, unread=unread_metadata(matrix.tasks, matrix.metadata, paths))


def _run(matrix: Matrix, store: Store, cells: list[Cell], *, as_json: bool) -> int:
    from lm_eval_longctx.ledger import Ledger
    from lm_eval_longctx.matrix import whole_sweeps
    from lm_eval_longctx.matrix.executors import executor_of

    with Ledger.open(matrix.ledger_path) as ledger:
        if matrix.budget is not None:
            ledger.use_budget(matrix.name, matrix.budget)
    executor = executor_of(matrix)
    try:
        failed = _driven(executor, store, cells, "cells")
        sweeps = list(whole_sweeps(cell for cell in cells if store.has(cell)))
        failed |= _driven(executor, store, sweeps, "bringing together")
    except KeyboardInterrupt:
        told = "cells that run wait for what is in flight, which is paid; Ctrl-C again abandons it"
        print(f"\nstopped: {told}; the same command goes on from there", file=sys.stderr)
        executor.interrupt()
        return INTERRUPTED
    finally:
        _close(executor)
    failed = {name: ended for name, ended in failed.items() if ended.status}
    print(json.dumps(_found(matrix, store, cells), indent=2) if as_json else _as_text(matrix, store, cells, failed))
    return int(bool(failed))


def _close(executor: Executor) -> None:
    """Wait for what runs; a further Ctrl-C is passed on to it, and gives up what is in flight."""
    while True:
        try:
            executor.close()
        except KeyboardInterrupt:
            executor.interrupt()
        else:
            return


def _driven(executor: Executor, store: Store, cells: list[Cell], name: str) -> dict[str, Ended]:
    """Run the cells that have not ended yet, under a bar."""
    from lm_eval_longctx.matrix import Driver

    pending = [cell for cell in cells if not store.has(cell)]
    if not pending:
        return {}
    with _Bar(len(pending), name) as bar:
        return Driver(executor, store, bar.told, left=lambda: _left(cells[0].matrix)).run(pending)


class _Bar:
    """The progress of the cells, and a line for each that did not end well."""

    def __init__(self, total: int, name: str) -> None:
        """Show a bar."""
        from tqdm.auto import tqdm

        self._bar = tqdm(total=total, desc=name, unit="cell", dynamic_ncols=True)

    def __enter__(self) -> _Bar:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def told(self, cell: Cell, ended: Ended, again: bool) -> None:
        """Count a cell, and say what went wrong."""
        if ended.status and ended.begun:
            last = (ended.told.strip().splitlines() or [""])[-1]
            then = "trying again" if again else f"see {cell.matrix.output / cell.id / 'cell.json'}"
            self._bar.write(f"{cell.id}: ended with {ended.status} ({last.strip()}); {then}", file=sys.stderr)
        if not again:
            self._bar.update()


def _found(matrix: Matrix, store: Store, cells: list[Cell]) -> dict[str, Any]:
    """Return how each cell ended, and what is left of the budget, as plain values."""
    notes = [store.note(cell) or {"cell": cell.id, "status": None} for cell in cells]
    return {"name": matrix.name, "output": str(matrix.output), "budget": _funds(matrix), "cells": notes}


def _funds(matrix: Matrix) -> dict[str, float] | None:
    from lm_eval_longctx.ledger import Ledger

    with Ledger.open(matrix.ledger_path) as ledger:
        funds = ledger.funds(matrix.name)
    return None if funds is None else {"cap": funds.cap, "spent": funds.spent, "reserved": funds.reserved}


def _left(matrix: Matrix) -> float:
    """Return how many US dollars of the budget are not spent or set aside; endless without one."""
    funds = _funds(matrix)
    return math.inf if funds is None else funds["cap"] - funds["spent"] - funds["reserved"]


def _as_text(matrix: Matrix, store: Store, cells: list[Cell], failed: Mapping[str, Ended]) -> str:
    from lm_eval_longctx.cli.matrix_plan import HEADS, scores

    lines = [table(scores(matrix, store), (*HEADS, *matrix.lengths)), ""]
    ended, funds = sum(store.has(cell) for cell in cells), _funds(matrix)
    over = f"; scores are means over those of {len(matrix.seeds)} seeds that have" if len(matrix.seeds) > 1 else ""
    lines.append(f"{ended:,} of {len(cells):,} cells have ended well{over}")
    if funds is not None:
        held = f" and {funds['reserved']:,.2f} set aside for calls without an answer" if funds["reserved"] else ""
        lines.append(f"budget: {funds['spent']:,.2f} of {funds['cap']:,.2f} USD spent{held}")
    if failed:
        lines.append(f"{len(failed):,} did not; the same command tries them again, and pays for no answer twice")
        if stopped := sum("left of max_cost" in ended.told for ended in failed.values()):
            lines.append(f"the budget stopped {stopped:,} of them: write a larger one first")
    left = [cell for cell in cells if cell.id in failed and not failed[cell.id].begun]
    lost = Counter((cell.model.name, failed[cell.id].told) for cell in left)
    lines += [f"{count:,} of {model} were not begun: {why}" for (model, why), count in lost.items()]
    lines.append(f"lm-eval-longctx report {matrix.output} shows all of it")
    return fitted("\n".join(lines).splitlines())
