"""Where a ledger is: a file on this machine, or a PostgreSQL server that several machines use."""

from __future__ import annotations

import re
from pathlib import Path

from lm_eval_longctx.files import default_cache_dir

_SHARED = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*(?=@)")


def ledger_path(named: str | Path | None = None) -> str:
    """Return where a ledger is: as somebody named it, or the one beside the caches that runs use by default."""
    if named is not None and is_shared(str(named)):
        return str(named)
    return str(Path(named).expanduser() if named else default_cache_dir() / "ledger.sqlite3")


def is_shared(path: str) -> bool:
    """Tell whether a ledger is on a server: ``postgresql://USER@HOST/DATABASE``."""
    return _SHARED.match(path) is not None


def shown(path: str) -> str:
    """Return a ledger's address without a password, as it may be printed and saved."""
    return _PASSWORD.sub(r"\1", path) if is_shared(path) else path
