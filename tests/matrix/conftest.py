"""A database server for matrices whose ledger is on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import postgres_kit
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_kit.Server]:
    """A PostgreSQL server."""
    with postgres_kit.server() as started:
        yield started
