"""What can be wrong with a ledger that is in use, in words that say what to do."""

from __future__ import annotations

import os
import sqlite3
import zlib

import orjson

from lm_eval_longctx.errors import LedgerError
from lm_eval_longctx.ledger.address import is_shared
from lm_eval_longctx.ledger.repair import damage


def explained(path: str, error: Exception) -> LedgerError:
    """Make the error of a record that could not be written."""
    if type(error) is sqlite3.DatabaseError or isinstance(
        error, (orjson.JSONDecodeError, UnicodeDecodeError, zlib.error)
    ):
        return damage(path, error)
    advice = "see to its server" if is_shared(path) else "free the disk or name another file with ledger=PATH"
    failure = LedgerError(f"the ledger cannot be written ({error}); {advice}")
    failure.__cause__ = error
    return failure


def file_at(path: str) -> tuple[int, int] | None:
    """Tell a file from every other; ``None`` if there is none, as for a ledger in memory."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before each transaction, and a Path costs three times as much
    except OSError:
        return None
    return found.st_dev, found.st_ino


def replaced(path: str, file: tuple[int, int] | None) -> LedgerError | None:
    """Say that another file, or none, lies where the ledger was."""
    if file is None or file_at(path) == file:
        return None
    return LedgerError(f"the ledger {path} was deleted or replaced while it was in use, so nothing more is sent")
