"""A damaged ledger: one clear error that says how much can be saved, and a command that saves it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.cli import main
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.ledger.repair import examine, repair
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.scripted import ScriptedProvider

COUNT = 60


def job(i: int) -> Job:
    return Job(str(i), "task", lambda: Prompt.user(TextPart(f"question {i}")), Settings(max_output_tokens=32))


def ask(path: Path) -> tuple[ScriptedProvider, list]:
    """Ask all questions against a ledger; answers are long enough to be compressed."""
    provider = ScriptedProvider("model", script=lambda request: f"{request.prompt.text()} " * 400)
    with Ledger.open(path) as ledger:
        backend = Backend(provider, ledger=ledger, limits=Limits(max_wait=0), progress=False)
        return provider, backend.run([job(i) for i in range(COUNT)])


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> Path:
    """A ledger with all answers, in one file."""
    path = tmp_path_factory.mktemp("ledger") / "intact"
    ask(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return path


@pytest.fixture
def path(intact, tmp_path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copy(intact, tmp_path / "ledger.sqlite3"))


def change(path: Path, statement: str, *values) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


DAMAGE = {
    "the answer's record": ("UPDATE attempt SET completion=? WHERE id=7", b"{broken", 1, 0),
    "the answer's record, and what came": ("UPDATE attempt SET completion=x'00', body=? WHERE id=7", b"zz", 0, 1),
    "a record of another kind": ("UPDATE attempt SET completion=? WHERE id=7", b"[1]", 1, 0),
    "what came": ("UPDATE attempt SET body=? WHERE id=7", b"no zlib", 0, 0),
    "the headers": ("UPDATE attempt SET headers=? WHERE id=7", "{", 0, 0),
    "when it was sent": ("UPDATE attempt SET sent=? WHERE id=7", "yesterday", 0, 1),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_one_damaged_record_costs_itself_at_most(path, kind):
    """What can be read of it is kept, what it was made of is read again for nothing, and only the rest is asked."""
    statement, value, again, lost = DAMAGE[kind]
    change(path, statement, value)
    found, old = repair(str(path))
    assert (found.attempts, found.lost, found.again) == (COUNT - lost, lost, again)
    assert old.is_file()
    assert not examine(str(path)).damaged
    provider, answers = ask(path)
    assert len(provider.requests) == lost
    assert [str(a) for a in answers] == [f"question {i} " * 400 for i in range(COUNT)]


@pytest.mark.parametrize("kind", ["the answer's record", "a record of another kind"])
def test_the_run_says_what_is_damaged_and_what_to_do(path, kind):
    """A record that cannot be read ends the run in one line: how much can be saved, and by which command."""
    statement, value, *_ = DAMAGE[kind]
    change(path, statement, value)
    with pytest.raises(LedgerError) as caught:
        ask(path)
    words = str(caught.value)
    assert re.search(rf"the ledger \S+ is damaged \(.+\): {COUNT} of {COUNT} records can be saved", words)
    assert f"lm-eval-longctx ledger repair --ledger {path}" in words
    assert "\n" not in words


def test_a_file_that_cannot_be_read_is_let_go(path, monkeypatch):
    """A repair that ends in an error leaves no connection open: Windows could not move the file away then."""
    opened, connect = [], sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **how: opened.append(connect(*args, **how)) or opened[-1])
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match="can be read"):
        repair(str(path))
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


@pytest.mark.parametrize("round_", range(16))
def test_no_damage_is_a_raw_error(path, round_):
    """Wherever bytes are broken or cut off, every use of the ledger works or ends in our error, and repair too."""
    rng = Rng(f"damage {round_}")
    data = bytearray(path.read_bytes())
    for _ in range(1 + rng.below(200)):
        data[100 + rng.below(len(data) - 100)] = rng.below(256)
    if round_ % 3 == 0:
        start = 4096 * (1 + rng.below(len(data) // 4096 - 1))
        data[start : start + 4096] = bytes(4096)
    path.write_bytes(data[: len(data) // 2] if round_ % 4 == 3 else data)

    def use(ledger: Ledger) -> None:
        ledger.summary()
        list(ledger.entries(bodies=True))
        ledger.answers([entry["key"] for entry in ledger.entries()])

    with suppress(LedgerError), Ledger.open(path) as ledger:
        use(ledger)
    try:
        repair(str(path))
    except LedgerError:
        return
    with Ledger.open(path) as ledger:
        use(ledger)
    provider, answers = ask(path)
    assert all(answer.outcome is Outcome.COMPLETE for answer in answers)
    assert len(provider.requests) <= COUNT


def test_the_command_tells_first_and_repairs_then(path, capsys):
    """``ledger repair`` says how much can be saved, and changes nothing without --yes."""
    assert main(["ledger", "repair", "--ledger", str(path)]) == 0
    assert "nothing is damaged" in capsys.readouterr().out
    change(path, "UPDATE attempt SET completion=? WHERE id=7", b"{")
    before = path.read_bytes()
    assert main(["ledger", "repair", "--ledger", str(path)]) == 1
    assert f"{COUNT} of {COUNT} records can be saved" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main(["ledger", "repair", "--ledger", str(path), "--yes"]) == 0
    assert f"the damaged file is {path}.damaged" in capsys.readouterr().out
    assert Path(f"{path}.damaged").read_bytes() == before


def test_what_is_no_ledger_is_said(tmp_path, capsys):
    """A file of another kind has nothing to be saved, and stays as it is."""
    (tmp_path / "l").write_bytes(b"this is a text " * 400)
    assert main(["ledger", "repair", "--ledger", str(tmp_path / "l"), "--yes"]) == 1
    assert "nothing of" in capsys.readouterr().err
    assert (tmp_path / "l").read_bytes().startswith(b"this is a text")
