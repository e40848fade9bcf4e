"""Ledgers of both kinds: a file, and a database on a server of our own."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import postgres_kit
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_kit.Server]:
    """A PostgreSQL server."""
    with postgres_kit.server() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path) -> Callable[[], str]:
    """Names a place for a new ledger, of each kind in turn."""
    if request.param == "sqlite":
        numbers = count()
        return lambda: str(tmp_path / f"ledger{next(numbers)}")
    return request.getfixturevalue("postgres").database
