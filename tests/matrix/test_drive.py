"""Driving cells: each ends once, those that die are tried again, and what has ended is not run again."""

from __future__ import annotations

import json
import math
import socket
from concurrent.futures import Future

import pytest
from lm_eval.tasks import TaskManager

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.command_line import ours_alone
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.matrix import Driver, Store, cells_of
from lm_eval_longctx.matrix.drive import DIED
from lm_eval_longctx.matrix.executors import OnRay
from lm_eval_longctx.matrix.specification import parse_matrix
from lm_eval_longctx.matrix.work import Ended
from lm_eval_longctx.plan import Rng

GOOD = Ended(0, {"model/results_1.json": b"{}"})


class Scripted:
    """Ends cells as a script says, a few at a time, in an order of its own."""

    def __init__(self, script, seed: str = "") -> None:
        self.script, self.rng = script, Rng(seed)
        self.asked: list[str] = []
        self.open: list[tuple[str, Future]] = []
        self.most = 0

    def submit(self, work):
        self.asked.append(work.id)
        future: Future = Future()
        self.open.append((work.id, future))
        self.most = max(self.most, len(self.open))
        return future

    def finish_one(self) -> None:
        name, future = self.open.pop(self.rng.below(len(self.open)))
        found = self.script(name, self.asked.count(name))
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)

    def close(self) -> None:
        """Nothing to do."""


@pytest.fixture
def drive(tmp_path, monkeypatch):
    """Runs a matrix of twelve cells with a script; returns how each ended, and the executor."""

    def go(script, seed: str = "", left=lambda: math.inf, **changes):
        names = {"models": ["a/b", "c/d"], "tasks": ["t"], "lengths": ["1k", "2k", "4k"], "seeds": [1, 2]}
        cells = list(cells_of(parse_matrix({**names, "workers": 3, **changes}, "m")))
        executor, store = Scripted(script, seed), Store(tmp_path / "out")

        def waited(running, return_when):
            executor.finish_one()
            return {future for future in running if future.done()}, set()

        monkeypatch.setattr("lm_eval_longctx.matrix.drive.wait", waited)
        told = []
        driver = Driver(
            executor, store, lambda cell, ended, again: told.append((cell.id, ended.status, again)), left=left
        )
        found = driver.run([cell for cell in cells if not store.has(cell)])
        return found, executor, cells, store, told

    return go


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_every_cell_ends_once_whatever_dies_when(drive, seed):
    """With cells that die at random, each is tried until it ends, and none is kept twice or lost."""
    rng = Rng(seed)

    def script(name, tries):
        died = rng.random() < 0.4 and tries <= 2
        return (RuntimeError("gone") if rng.random() < 0.5 else Ended(-11)) if died else GOOD

    found, executor, cells, store, told = drive(script, seed)
    assert set(found) == {cell.id for cell in cells}
    assert all(store.has(cell) for cell in cells)
    assert len(executor.asked) == 12 + sum(again for *_, again in told)
    assert executor.most <= 2  # two models, one cell at once of each


def test_a_cell_that_always_dies_is_given_up(drive):
    """After as many tries more as allowed a dying cell ends as died, and all others have ended well."""
    found, executor, cells, store, _ = drive(lambda name, _: ValueError("x") if "seed1/2k" in name else GOOD, retries=3)
    lost = [name for name, ended in found.items() if ended.status == DIED]
    assert len(lost) == 2
    assert all(executor.asked.count(name) == 4 for name in lost)
    assert sum(store.has(cell) for cell in cells) == 10
    note = next(store.note(cell) for cell in cells if cell.id in lost)
    assert (note["tries"], "ValueError" in note["told"]) == (4, True)


@pytest.mark.parametrize(("status", "tries"), [(0, 1), (1, 3), (2, 1), (3, 1), (4, 1), (-9, 3), (143, 3)])
def test_only_what_may_end_otherwise_is_tried_again(drive, status, tries):
    """Death and errors are tried again; what has no score, was stopped by the budget, or cannot be read is not."""
    _, executor, cells, *_ = drive(lambda *_: Ended(status))
    assert len(executor.asked) == tries * len(cells)


def test_a_model_that_takes_nothing_more_is_not_asked_by_every_cell(drive):
    """After a refused key no further cell of that model is begun; those of others are, and earlier results stay."""
    drive(lambda *_: Ended(4, {"m/results_1.json": b"part"}))
    totals = {"config": {"longctx": {"totals": {"stopped": "the provider takes no more calls (401)"}}}}
    refused = Ended(3, {"m/results_2.json": json.dumps(totals).encode()})
    found, executor, cells, store, told = drive(lambda name, _: refused if "a_b" in name else GOOD)
    mine = [cell for cell in cells if cell.model.name == cells[0].model.name]
    assert sum(name in {cell.id for cell in mine} for name in executor.asked) == 1
    assert len(executor.asked) == 1 + len(cells) - len(mine)
    left = [cell for cell in mine if not found[cell.id].begun]
    assert len(left) == len(mine) - 1
    assert {found[cell.id].told for cell in left} == {"the provider takes no more calls (401)"}
    assert all((store.folder / cell.id / "m" / "results_1.json").exists() for cell in left)
    assert len(told) == len(cells)


class Purse:
    """A budget of which each cell sets aside what it may cost, and takes a part: so much for each 1k, by model."""

    def __init__(self, left: float, prices: dict[str, float]) -> None:
        self.left, self.prices, self.stopped = left, prices, []

    def needs(self, name: str) -> float:
        """Return what a cell sets aside."""
        _, model, *_, length = name.split("/")
        return self.prices[model] * float(length.removesuffix("k"))

    def ask(self, name: str, _: int) -> Ended:
        """End a cell: with an answer of half of what was set aside, or stopped by the budget."""
        if self.needs(name) <= self.left:
            self.left -= self.needs(name) / 2
            return GOOD
        self.stopped.append(name)
        totals = {
            "config": {"longctx": {"totals": {"stopped": "", "reasons": {"skipped_budget": "not sent: too dear"}}}}
        }
        return Ended(4, {"m/results_2.json": json.dumps(totals).encode()})


@pytest.mark.parametrize("budget", [0, 1, 3, 7, 12, 20, 40])
@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_what_the_budget_cannot_pay_is_not_begun(drive, budget, seed):
    """Each cell has an end; nothing that fits is left, and a model is stopped once, not by each of its cells."""
    purse = Purse(budget, {"a_b": 1, "c_d": 4})
    changes = {"lengths": ["1k", "2k", "4k", "8k"], "seeds": [1, 2, 3], "budget": 1}
    found, executor, cells, store, told = drive(purse.ask, seed, left=lambda: purse.left, **changes)
    assert set(found) == {cell.id for cell in cells}
    assert len(told) == len(cells)
    for cell in cells:
        if not found[cell.id].begun:
            assert purse.needs(cell.id) > purse.left
            assert "too dear" in found[cell.id].told
            assert not store.has(cell)
    assert all(sum(name.split("/")[1] == model for name in purse.stopped) <= 2 for model in purse.prices)
    assert len(executor.asked) == sum(ended.begun for ended in found.values())


def test_money_that_comes_back_lets_cells_begin(drive):
    """A model that was stopped while another's calls held the money goes on when they have left some."""
    purse = Purse(0, {"a_b": 1, "c_d": 0})

    def script(name, tries):
        ended = purse.ask(name, tries)
        if "c_d" in name:
            purse.left += 10
        return ended

    found, *_ = drive(script, left=lambda: purse.left, lengths=["1k"], seeds=[1, 2, 3])
    assert sum(not ended.begun for ended in found.values()) == 0
    assert len(purse.stopped) <= 2


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"config": {"longctx": {"totals": {"stopped": ""}}}}'])
def test_a_cell_whose_results_tell_nothing_lets_the_others_be(drive, content):
    """Results that are cut, of another model, or of a run that was not stopped, say nothing about other cells."""
    found, executor, cells, *_ = drive(lambda *_: Ended(3, {"m/results_1.json": content}))
    assert len(executor.asked) == len(cells)
    assert all(ended.begun for ended in found.values())


def test_the_same_again_runs_only_what_has_not_ended(drive):
    """A second start runs the cells that failed, and a changed setting runs all."""
    drive(lambda name, _: Ended(4) if name.endswith("4k") else GOOD)
    _, executor, *_ = drive(lambda *_: GOOD)
    assert len(executor.asked) == 4
    assert all(name.endswith("4k") for name in executor.asked)
    assert drive(lambda *_: GOOD)[1].asked == []
    assert len(drive(lambda *_: GOOD, limit=3)[1].asked) == 12


def test_results_replace_those_of_an_earlier_try_whole(drive):
    """A cell's folder holds the files of its last end only."""
    drive(lambda *_: Ended(3, {"m/results_1.json": b"old"}))
    _, _, cells, store, _ = drive(lambda *_: Ended(0, {"m/results_2.json": b"new"}))
    for cell in cells:
        files = [path for path in (store.folder / cell.id).rglob("*") if path.is_file()]
        assert sorted(path.name for path in files) == ["cell.json", "results_2.json"]


def test_a_model_has_so_many_cells_at_once_as_it_says(drive):
    """Of one model with three cells at once and another with one, four workers have four cells at most."""
    models = [{"model": "a/b", "at_once": 3}, "c/d"]
    _, executor, *_ = drive(lambda *_: GOOD, models=models, workers=9)
    assert executor.most == 4


@pytest.mark.timeout(60)
@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}", "[::1]:{port}", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_said_at_once(address):
    """Where nobody listens no minutes of Ray's patience pass, and what to do about it is said."""
    pytest.importorskip("ray", reason="Ray is not installed (extra ray; it has no wheels for every Python)")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConfigError, match=r"cannot be reached.*RAY_AUTH_MODE=token.*ray: local"):
        OnRay(address.format(port=port), 1)


def test_a_cell_reads_none_of_lm_evals_own_task_files():
    """Where only tasks of ours are asked for, they are all there, and lm-eval's own are read afterwards only."""
    activate_now()
    with ours_alone():
        alone = set(TaskManager().all_subtasks)
    assert {task.name for task in listed_tasks()} >= alone > {"longctx_text_niah"}
    assert "hellaswag" in TaskManager().all_subtasks
