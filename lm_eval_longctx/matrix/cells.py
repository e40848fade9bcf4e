"""Cells: what is run as one, and how it is told to lm-eval."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.matrix.specification import amount_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lm_eval_longctx.matrix.specification import Matrix, ModelEntry


LIMIT_EACH = "limit_each"
"""In the configuration of a whole sweep: how many samples of each length were asked. lm-eval's own ``limit`` counts
those of all lengths together, so the cell's process names the samples instead."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One model on one task with one seed, at one length; or at all of them, from the answers of such cells.

    Attributes:
        matrix: To which it belongs.
        model: Of the matrix.
        task: The task's name.
        lengths: One, or all that have ended.
        seed: Of the sweep.
        merged: Whether it only brings together what other cells have asked.
    """

    matrix: Matrix
    model: ModelEntry
    task: str
    lengths: tuple[str, ...]
    seed: int
    merged: bool = False

    @property
    def id(self) -> str:
        """Its folder below the matrix's own."""
        first = "results" if self.merged else "cells"
        last = [] if self.merged else self.lengths
        return "/".join((first, self.model.name, self.task, f"seed{self.seed}", *last))

    def as_long_as(self, other: Cell) -> bool:
        """Tell whether it is at least as long as another, so that its questions cost no less, as far as can be told."""
        mine, theirs = (amount_of(cell.lengths[0]) for cell in (self, other))
        return mine[0] == theirs[0] and mine[1] >= theirs[1]

    @property
    def digest(self) -> str:
        """Names all that decides what comes of it."""
        config = self.config()
        config["model_args"] = {name: v for name, v in config["model_args"].items() if name not in _WITHOUT_EFFECT}
        return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()

    def config(self) -> dict[str, Any]:
        """Return what lm-eval's ``--config`` takes, once ``LIMIT_EACH`` has been worked out."""
        matrix = self.matrix
        shared = {"max_cost": matrix.budget, "shared_budget": matrix.name} if matrix.budget is not None else {}
        args = {"model": self.model.model, **self.model.args, "ledger": matrix.ledger_path, **shared}
        return {
            "model": "longctx",
            "model_args": {"progress": False, **args},
            "tasks": [self.task],
            "metadata": self.metadata(),
            "log_samples": True,
            **({LIMIT_EACH if self.merged else "limit": matrix.limit} if matrix.limit is not None else {}),
            **({"include_path": matrix.include_path} if matrix.include_path is not None else {}),
        }

    def metadata(self) -> Mapping[str, Any]:
        """Return what lm-eval's ``--metadata`` takes."""
        unread = self.matrix.unread.get(self.task, ())
        said = {key: value for key, value in self.matrix.metadata.items() if key not in unread}
        return {**said, "context_lengths": list(self.lengths), "seed": self.seed}


_WITHOUT_EFFECT = ("progress", "ledger", "max_cost", "shared_budget")
"""Arguments that change nothing in what comes of a cell that has ended."""


def cells_of(matrix: Matrix) -> Iterator[Cell]:
    """Yield all cells, the short ones first: what is wrong with a task shows before the dear ones are paid."""
    for length in matrix.lengths:
        for task in matrix.tasks:
            for seed in matrix.seeds:
                for model in matrix.models:
                    yield Cell(matrix, model, task, (length,), seed)


def whole_sweeps(ended: Iterable[Cell]) -> Iterator[Cell]:
    """Yield for each model, task and seed one cell over all lengths that have ended: its answers are in the ledger."""
    groups: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in ended:
        groups.setdefault((cell.model.name, cell.task, cell.seed), []).append(cell)
    for group in groups.values():
        found = {length for cell in group for length in cell.lengths}
        lengths = tuple(length for length in group[0].matrix.lengths if length in found)
        yield replace(group[0], lengths=lengths, merged=True)
