"""A ledger on a server: broken connections lose nothing and record nothing twice; one that is gone stops sending."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lm_eval_longctx.completion import Completion
from lm_eval_longctx.errors import LedgerError, MissingExtraError
from lm_eval_longctx.ledger import Call, Ledger, address
from lm_eval_longctx.ledger.postgres import connect
from lm_eval_longctx.ledger.statements import decided
from lm_eval_longctx.providers.base import Raw


def call(name: str) -> Call:
    return Call(Ledger.key({"name": name}), "echo", "tail", "t", name, request={"name": name})


def answer(ledger: Ledger, name: str) -> int | None:
    """Ask a call as the backend does; return the number of its attempt."""
    begun = ledger.begin(call(name), 1, 0.5).result()
    if begun.attempt is not None:
        ledger.received(begun.attempt, Raw(200, body=b"body", sent=True)).result()
        ledger.decided(begun.attempt, Completion("x", key=call(name).key), "billed", 0.25).result()
    return begun.attempt


def test_connections_cut_at_any_moment_lose_no_record_and_write_none_twice(postgres):
    """While an administrator ends all connections again and again, each call is recorded and answered exactly once."""
    url, done = postgres.database(), threading.Event()
    with Ledger.open(url) as ledger, ThreadPoolExecutor(5) as threads:

        def cut() -> int:
            count = 0
            while not done.wait(0.1) and count < 40:
                count += postgres.cut(url)
            return count

        cuts = threads.submit(cut)
        asked = list(threads.map(lambda i: answer(ledger, str(i)), range(150)))
        done.set()
        assert cuts.result() > 1
        total = ledger.summary()
    assert None not in asked
    assert len(set(asked)) == 150
    assert (total.calls, total.attempts, total.answered, total.cost) == (150, 150, 150, 37.5)


class Meeting:
    """A connection whose user waits, once it has read how an attempt stands, for another who reads the same."""

    def __init__(self, connection, meet: threading.Barrier) -> None:
        self._connection, self._meet = connection, meet

    def execute(self, statement: str, values=()):
        found = self._connection.execute(statement, values)
        if statement.lstrip().startswith("SELECT budget, reserved, decided"):
            with suppress(threading.BrokenBarrierError):  # whoever holds the row waits for nobody who could come
                self._meet.wait(1.0)
        return found


def test_two_who_read_one_answer_at_once_count_it_once(postgres):
    """A shared budget spends the cost of one attempt once, though two processes decide it in the same moment."""
    url = postgres.database()
    with Ledger.open(url) as ledger:
        ledger.use_budget("b", 10.0)
        number = ledger.begin(call("a"), 1, 1.0).result().attempt
        meet, connections = threading.Barrier(2), [connect(url), connect(url)]
        ended = {"attempt": number, "completion": Completion("x"), "billing": "billed", "cost": 0.25}

        def decide(connection) -> None:
            connection.transact([lambda same: decided(Meeting(same, meet), **ended)])

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(decide, connections))
        for connection in connections:
            connection.close()
        funds = ledger.funds("b")
    assert (funds.spent, funds.reserved) == (0.25, 0.0)


class Once:
    """Breaks a connection at one moment of a transaction, once."""

    def __init__(self, postgres, url: str, connection, when: str) -> None:
        self.postgres, self.url, self.run, self.when = postgres, url, connection._run, when

    def __call__(self, statement: str, values):
        moment, _, broken = self.when.partition(" ")
        mine = statement == broken
        self.when = "" if mine else self.when
        if mine and moment == "before":
            self.postgres.cut(self.url)
        found = self.run(statement, values)
        if mine and moment == "after":
            self.postgres.cut(self.url)
            self.run("SELECT 1", ())  # as if the word that it was done had been lost on its way
        return found


@pytest.mark.parametrize("when", ["before BEGIN", "after BEGIN", "before COMMIT", "after COMMIT"])
def test_a_connection_that_breaks_around_a_commit_records_once(postgres, monkeypatch, when):
    """Whether the server had committed when the connection broke or not, the attempt is there once."""
    url = postgres.database()
    with Ledger.open(url) as ledger:
        connection = ledger._writer._connection
        monkeypatch.setattr(connection, "_run", Once(postgres, url, connection, when))
        assert answer(ledger, "a") is not None
        total = ledger.summary()
    assert (total.calls, total.attempts, total.answered) == (1, 1, 1)


def test_a_server_that_is_gone_stops_sending_and_the_next_run_takes_in_what_had_arrived(postgres, monkeypatch):
    """What arrives while the server is down is kept, saved on this machine, and read by the next run for nothing."""
    url = postgres.database()
    ledger = Ledger.open(url)
    for connection in (ledger._writer._connection, ledger._reader):
        monkeypatch.setattr(connection, "_patience", 0.2)
    begun = ledger.begin(call("a"), 1, 0.5).result()
    postgres.stop()
    try:
        ledger.received(begun.attempt, Raw(200, body=b"paid", sent=True)).result()
        assert "cannot be written" in str(ledger.trouble)
        with pytest.raises(LedgerError, match="see to its server"):
            ledger.begin(call("b"), 1).result()
        with pytest.raises(LedgerError, match="which the next run takes in by itself"):
            ledger.close()
    finally:
        postgres.start()
    with Ledger.open(url) as later:
        ((number, raw),) = later.look_up(call("a").key).undecided
        assert raw.body == b"paid"
        later.decided(number, Completion("x", key=call("a").key), "billed", 0.25).result()
        assert later.summary().attempts == 1


def test_what_cannot_be_a_ledger_is_said_with_the_way_out(postgres):
    """A server that is not there, a database without a ledger, and a newer ledger are refused in one line."""
    with pytest.raises(LedgerError, match=r"cannot use postgresql://me@127\.0\.0\.1:1/x"):
        Ledger.open("postgresql://me:secret@127.0.0.1:1/x")
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger.open(postgres.database(), create=False)
    url = postgres.database()
    Ledger.open(url).close()
    postgres.run("UPDATE lm_eval_longctx.version SET number=number+1", url.rpartition("/")[2])
    with pytest.raises(LedgerError, match="newer"):
        Ledger.open(url)


def test_a_driver_that_is_not_installed_is_named(monkeypatch):
    """Without the extra, a ledger on a server says which one is needed."""
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    with pytest.raises(MissingExtraError, match="postgres"):
        Ledger.open("postgresql://me@127.0.0.1:1/x")


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("postgresql://me:s3cret@host:5432/db?sslmode=require", "postgresql://me@host:5432/db?sslmode=require"),
        ("postgres://me@host/db", "postgres://me@host/db"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg://host/db"),
        ("/a/b", "/a/b"),
    ],
)
def test_a_password_is_never_shown(named, path):
    """An address is shown without its password, and otherwise as it is."""
    assert address.shown(address.ledger_path(named)) == path


def test_the_servers_clock_tells_who_is_alive(postgres, monkeypatch):
    """A machine whose clock is an hour ahead does not take the calls of another for abandoned."""
    url = postgres.database()
    with Ledger.open(url) as one:
        monkeypatch.setattr("lm_eval_longctx.ledger.owners._host", lambda: "another machine")
        with monkeypatch.context() as ahead:
            now = time.time
            ahead.setattr(time, "time", lambda: now() + 3600)
            with Ledger.open(url) as two:
                assert one.begin(call("a"), 1).result().attempt is not None
                assert two.begin(call("a"), 1).result().held
