"""Nothing that arrived is lost when it cannot be recorded: a full disk, a ledger that is deleted in mid-run."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from lm_eval_longctx.backend import Backend, Limits
from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.ledger import Ledger, rescue
from lm_eval_longctx.providers.scripted import ScriptedProvider

PLACES, COUNT, AT = 8, 60, 24


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """The ledger's file; what is rescued goes into a folder of this test at the most."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rescue.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "used").mkdir()
    return tmp_path / "used" / "ledger.sqlite3"


class Watched(ScriptedProvider):
    """Answers at length, a batch of calls at a time, and has something done when so many have been asked."""

    def __init__(self, happens, *, at: int = AT) -> None:
        super().__init__("model", script=lambda request: f"{request.prompt.text()} " * 500)
        self.happens, self.at, self.all_there = happens, at, asyncio.Event()

    async def send(self, request):
        raw = await super().send(request)
        if len(self.requests) == self.at:
            self.happens()
            self.all_there.set()
        elif self.at - PLACES < len(self.requests) < self.at:
            await self.all_there.wait()  # so that a whole round is in flight when it happens
        return raw


def run(path: Path, jobs, happens=lambda _: None, *, at: int = AT):
    """Run against a ledger; returns the provider, the completions and the error's words."""
    with Ledger.open(path) as ledger:
        provider = Watched(lambda: happens(ledger), at=at)
        backend = Backend(provider, ledger=ledger, limits=Limits(max_wait=0, concurrency=PLACES), progress=False)
        try:
            return provider, backend.run(jobs(COUNT)), ""
        except LedgerError as error:
            return provider, None, str(error)


def limit(ledger: Ledger, pages: int) -> None:
    """Let the ledger's file take no more than so many pages."""
    ledger._writer._connection.execute(f"PRAGMA max_page_count={pages}")


def fill(ledger: Ledger) -> None:
    """Let the disk be full."""
    ledger._writer.submit(lambda _: limit(ledger, 1)).result()


def resume(path: Path, jobs, first: Watched) -> None:
    """Run again, and check that nothing that was sent before is sent again."""
    second, found, words = run(path, jobs, at=10**9)
    assert words == ""
    assert [str(f) for f in found] == [f"question {i} " * 500 for i in range(COUNT)]
    sent = [request.prompt.text() for provider in (first, second) for request in provider.requests]
    assert sorted(sent) == sorted({f"question {i}" for i in range(COUNT)})


def test_answers_that_arrive_after_the_disk_is_full_are_written_elsewhere(path, jobs):
    """Sending stops at once, what was in flight is rescued, and the next run takes it in and asks only the rest."""
    first, found, words = run(path, jobs, fill)
    assert found is None
    assert "disk is full" in words
    assert "which the next run takes in by itself" in words
    assert words.endswith("run the same command again, and nothing is paid twice")
    assert len(first.requests) <= AT + PLACES
    assert len(list(path.parent.glob("lm-eval-longctx-rescued-*"))) == 1
    resume(path, jobs, first)
    assert list(path.parent.glob("lm-eval-longctx-rescued-*")) == []


def test_a_disk_that_has_room_again_takes_all_at_the_end(path, jobs):
    """If the disk was freed before the end of the run, everything that arrived is in the ledger itself."""

    def fill_and_free(ledger: Ledger) -> None:
        fill(ledger)
        settle = ledger.settle
        ledger.settle = lambda: (limit(ledger, 1 << 30), settle())

    first, _, words = run(path, jobs, fill_and_free)
    assert "records that arrived meanwhile are in it now" in words
    assert list(path.parent.glob("lm-eval-longctx-rescued-*")) == []
    resume(path, jobs, first)


def remove(ledger: Ledger) -> None:
    """Delete the ledger as a user does."""
    for file in Path(ledger.path).parent.glob("ledger.sqlite3*"):
        file.unlink()


def test_a_ledger_deleted_in_mid_run_is_noticed_at_once_and_written_again(path, jobs):
    """Nothing more is sent, the file is there again with all records, and the next run asks only the rest."""
    first, _, words = run(path, jobs, remove)
    assert "was deleted or replaced" in words
    assert f"everything that had arrived was written to {path} again" in words
    assert len(first.requests) <= AT + PLACES
    resume(path, jobs, first)


def test_a_ledger_replaced_in_mid_run_keeps_its_records_too(path, jobs):
    """Where another file stands in its place now, the records go elsewhere, and the next run takes them in."""

    def replace(ledger: Ledger) -> None:
        remove(ledger)
        Ledger.open(ledger.path).close()

    first, _, words = run(path, jobs, replace)
    assert "which the next run takes in by itself" in words
    resume(path, jobs, first)


def test_a_folder_deleted_in_mid_run_is_made_again(path, jobs):
    """Also where the whole folder is gone, all records are written again."""
    first, _, _ = run(path, jobs, lambda _: shutil.rmtree(path.parent))
    resume(path, jobs, first)


def test_no_room_anywhere_is_said(path, jobs, monkeypatch):
    """If nothing can be written anywhere, the error says how many answers that concerns."""
    monkeypatch.setattr(rescue, "places", lambda _: [])
    _, _, words = run(path, jobs, fill)
    assert "answers could be written nowhere" in words


def test_files_of_others_are_not_taken_in(path, jobs, tmp_path):
    """A link in a rescued file's place is left alone, and nothing of it reaches the ledger."""
    run(path, jobs, fill)
    (rescued,) = path.parent.glob("lm-eval-longctx-rescued-*")
    rescued.rename(tmp_path / "theirs")
    rescued.symlink_to(tmp_path / "theirs")
    with Ledger.open(path) as ledger:
        assert ledger.summary().outcomes["sent, no answer yet"] > 0
    assert rescued.is_symlink()
    rescued.unlink()
    (tmp_path / "theirs").rename(rescued)
    with Ledger.open(path) as ledger:
        assert "sent, no answer yet" not in ledger.summary().outcomes


def test_what_cannot_be_brought_back_is_not_paid_again(path, jobs, monkeypatch):
    """While the disk is still full, the next run ends before it sends anything, and loses nothing."""
    first, _, _ = run(path, jobs, fill)
    merge = rescue._merge

    def still_full(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(rescue, "_merge", still_full)
    with pytest.raises(LedgerError, match="would be paid again; free the disk"):
        run(path, jobs)
    assert len(list(path.parent.glob("lm-eval-longctx-rescued-*"))) == 1
    monkeypatch.setattr(rescue, "_merge", merge)
    resume(path, jobs, first)


def test_a_place_that_is_full_too_is_left_empty(path, jobs, monkeypatch):
    """Records go to the first place that takes them, and the places before it are left as they were."""
    put = rescue.put

    def full_here(connection, table, row):
        if str(path.parent) in connection.execute("PRAGMA database_list").fetchone()[2]:
            raise sqlite3.OperationalError("database or disk is full")
        put(connection, table, row)

    with monkeypatch.context() as patch:
        patch.setattr(rescue, "put", full_here)
        first, _, words = run(path, jobs, fill)
    assert "takes in by itself" in words
    assert list(path.parent.glob("lm-eval-longctx-rescued-*")) == []
    resume(path, jobs, first)
