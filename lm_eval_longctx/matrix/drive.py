"""Driving a matrix: which cell is next, which is tried again, what is kept."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.files import SHARED_VARIABLE, whole, write_whole
from lm_eval_longctx.harness.ending import ENDED, STOPPED, UNSCORED, USAGE
from lm_eval_longctx.matrix.specification import default_name
from lm_eval_longctx.matrix.work import Ended, Work
from lm_eval_longctx.results.reading import CELL_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from lm_eval_longctx.matrix.cells import Cell
    from lm_eval_longctx.matrix.executors import Executor

_NOT_AGAIN = (ENDED, USAGE, UNSCORED, STOPPED)
"""Statuses after which trying a cell again at once would change nothing."""

DIED = -9
"""The status of a cell whose worker was lost with it."""


@dataclass(frozen=True)
class Store:
    """The matrix's folder: what came of each cell."""

    folder: Path

    def has(self, cell: Cell) -> bool:
        """Tell whether a cell has ended well, as it is asked now."""
        note = self.note(cell)
        return note.get("digest") == cell.digest and note.get("status") == ENDED

    def note(self, cell: Cell) -> dict[str, Any]:
        """Return what was noted of a cell; nothing where nothing was."""
        try:
            found = json.loads((self.folder / cell.id / CELL_NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def keep(self, cell: Cell, ended: Ended, tries: int) -> None:
        """Put a cell's files in its folder, whole, in the place of what was there."""
        place = self.folder / cell.id
        about = {
            "cell": cell.id,
            "digest": cell.digest,
            "status": ended.status,
            "tries": tries,
            "seconds": round(ended.seconds, 1),
            "host": ended.host,
            **({"called": cell.model.name} if cell.model.name != default_name(cell.model.model) else {}),
            **({"told": ended.told} if ended.status != ENDED else {}),
        }
        with whole(place) as beside:
            for name, content in {**ended.files, CELL_NOTE: json.dumps(about, indent=1).encode()}.items():
                write_whole(beside / name, content)
            if place.is_dir():
                shutil.rmtree(place)


@dataclass(frozen=True)
class Unaffordable:
    """A cell that the budget stopped.

    Attributes:
        cell: The shortest such cell of its model.
        left: US dollars that were not spent or set aside when it ended.
        why: What its first question would have needed.
    """

    cell: Cell
    left: float
    why: str


@dataclass
class Driver:
    """Runs cells, so many at once as their models and the matrix allow.

    Attributes:
        executor: Where they run.
        store: Where their results go.
        told: Called after each try of a cell, with the cell, how it ended, and whether it is tried again.
        tries: How often each was tried.
        refused: Why a model takes no more questions, by its name: a refused key, a quota, a server that is gone.
            Its other cells are not begun, since each would find that out for itself.
        left: Tells how much of the budget is not spent or set aside, in US dollars.
        unaffordable: What the budget stopped, by the model's name. Cells of this model that are as long wait for the
            others to end; unless these leave more than there was, they are not begun.
    """

    executor: Executor
    store: Store
    told: Callable[[Cell, Ended, bool], None]
    tries: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    left: Callable[[], float] = lambda: math.inf
    unaffordable: dict[str, Unaffordable] = field(default_factory=dict)

    def run(self, cells: Iterable[Cell]) -> dict[str, Ended]:
        """Run cells; returns how each ended, by its name."""
        pending = deque(cells)
        running: dict[Future[Ended], Cell] = {}
        found: dict[str, Ended] = {}
        while pending or running:
            self._start(pending, running)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                cell, ended = running.pop(future), _outcome(future)
                again = ended.status not in _NOT_AGAIN and self.tries[cell.id] <= cell.matrix.retries
                if again:
                    pending.append(cell)
                else:
                    found[cell.id] = ended
                    self.store.keep(cell, ended, self.tries[cell.id])
                self._learn(cell, ended)
                self.told(cell, ended, again)
            found |= self._give_up(pending, idle=not running)
        return found

    def _learn(self, cell: Cell, ended: Ended) -> None:
        """Note what the end of a cell says of others of its model."""
        if not ended.status:
            return
        if ended.refused:
            self.refused[cell.model.name] = ended.refused
        known = self.unaffordable.get(cell.model.name)
        if ended.unaffordable and (known is None or known.cell.as_long_as(cell)):
            self.unaffordable[cell.model.name] = Unaffordable(cell, self.left(), ended.unaffordable)

    def _give_up(self, pending: deque[Cell], *, idle: bool) -> dict[str, Ended]:
        """Take out what is not begun any more; what an earlier run kept of it stays."""
        found, again = {}, False
        left = self.left() if idle and self.unaffordable else math.inf  # of others that run some may come back
        for cell in list(pending):
            if why := self.refused.get(cell.model.name) or (idle and self._beyond_budget(cell, left)):
                pending.remove(cell)
                found[cell.id] = ended = Ended(STOPPED, told=why, begun=False)
                self.told(cell, ended, again)
        return found

    def _waits(self, cell: Cell) -> bool:
        """Whether a cell costs no less than one that the budget has stopped."""
        known = self.unaffordable.get(cell.model.name)
        return known is not None and cell.as_long_as(known.cell)

    def _beyond_budget(self, cell: Cell, left: float) -> str:
        """Say why a cell that waits need not be begun; empty if it may be, since more is left than there was."""
        if not self._waits(cell):
            return ""
        known = self.unaffordable[cell.model.name]
        if left > known.left:
            del self.unaffordable[cell.model.name]
            return ""
        return f"the budget has {known.left:.2f} USD left; {known.why}"

    def _start(self, pending: deque[Cell], running: dict[Future[Ended], Cell]) -> None:
        """Start what may run now: a model whose cells are all running lets those of others pass."""
        busy = Counter(cell.model.name for cell in running.values())
        for cell in list(pending):
            if len(running) >= cell.matrix.workers:
                return
            if busy[cell.model.name] < cell.model.at_once and not self._waits(cell):
                pending.remove(cell)
                busy[cell.model.name] += 1
                self.tries[cell.id] += 1
                running[self.executor.submit(_work(cell))] = cell


def _work(cell: Cell) -> Work:
    shared = cell.matrix.shared_cache
    return Work(cell.id, cell.config(), {SHARED_VARIABLE: shared} if shared else {})


def _outcome(future: Future[Ended]) -> Ended:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - Ray has many for a worker or a machine that is gone
        return Ended(DIED, told=f"the worker was lost: {type(error).__name__}: {error}")
