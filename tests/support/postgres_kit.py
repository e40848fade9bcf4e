"""A PostgreSQL server of our own: in a folder and on a port of its own, without a password, for one test session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "ledger"


class Server:
    """A running server.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """Name what was started."""
        self.folder, self.port = folder, port

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """Make an empty database and return its address."""
        name = f"d{uuid.uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run a statement as an administrator would."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def cut(self, database: str) -> int:
        """End all connections to a database, as a failing network or an administrator does; return how many."""
        name = database.rpartition("/")[2]
        rows = self.run("SELECT pg_terminate_backend(pid), datname FROM pg_stat_activity WHERE datname LIKE 'd%'")
        return sum(done for done, found in rows if found == name)

    def stop(self) -> None:
        """Stop at once."""
        _run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start, or start again."""
        options = f"-p {self.port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        _run("pg_ctl", "-D", str(self.folder), "-l", str(self.folder / "log"), "-o", options, "-w", "start")


@contextmanager
def server() -> Iterator[Server]:
    """Start a server; skip where there is none to start."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra postgres)")
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed (extra postgres)")
    if _binary("initdb") is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    base = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    try:
        if os.getuid() == 0:
            shutil.chown(base, "postgres", "postgres")
        made = Server(base / "data", _free_port())
        _run("initdb", "-D", str(made.folder), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _binary(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(places[-1]) if places else shutil.which(name)


def _run(name: str, *arguments: str) -> None:
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    # Not to a pipe: the server keeps it open, and we would wait for its end.
    with tempfile.TemporaryFile() as told:
        done = subprocess.run(
            [_binary(name) or name, *arguments], stdout=told, stderr=told, check=False, cwd="/", **user
        )
        told.seek(0)
        assert done.returncode == 0, told.read().decode()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
