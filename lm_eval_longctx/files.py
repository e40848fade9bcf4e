"""Where files go that can be made again, and the one way in which files are written: whole, or not at all.

Many threads and processes may want the same file at once: 32 questions about
one film, two ranks of one run, a run that was started again while the first
one ends. Whoever writes does so under a name of its own and renames it at the
end; whoever makes something costly holds its lock, so that it is made once.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VARIABLE = "LM_EVAL_LONGCTX_CACHE"

IN_USE_SECONDS = 3600.0
"""What was used this recently is never removed to make room: it may be on its way to a model."""


def default_cache_dir() -> Path:
    """Return the folder for rendered media, tokenised corpora, uploads and the ledger; it need not exist yet.

    ``LM_EVAL_LONGCTX_CACHE`` if set, else ``$XDG_CACHE_HOME/lm-eval-longctx``,
    else ``~/.cache/lm-eval-longctx``.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lm-eval-longctx"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name beside a file or folder, and put what was made there in its place at the end.

    Args:
        path: Where it is to be; the folder above is made. A file replaces an
            older one; a folder that is there already stays.

    Yields:
        Where to make it: on the same file system, used by nobody else, with
        the same suffix. What is there after an error is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process's or the thread's number: both come again, after a crash and in containers that share a folder.
    beside = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield beside
        if beside.is_dir():
            _settle(beside, path)
        else:
            beside.replace(path)
    finally:
        _remove(beside)


def _settle(beside: Path, path: Path) -> None:
    """Rename a folder into place; another maker may have been faster, with the same content."""
    try:
        beside.rename(path)
    except OSError:
        if not path.is_dir():
            raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file whole or not at all."""
    with whole(path) as beside:
        beside.write_bytes(data)


@contextmanager
def only_maker(path: Path) -> Iterator[None]:
    """Let one thread of one process make something costly, while others who want it wait.

    Look again whether it is there once inside. The lock is the operating
    system's: it ends with the process that holds it.

    Args:
        path: What is made. The lock lies beside it and stays there, because a
            lock that is removed while somebody waits for it is none.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


def used(path: Path) -> None:
    """Note that something was used just now; see ``make_room``."""
    with suppress(FileNotFoundError):
        os.utime(path)


def make_room(made: Iterable[Path], limit: float) -> None:
    """Remove what was used longest ago until the rest takes at most ``limit`` bytes.

    Never what was used in the last hour, and never an error if somebody else
    removes the same things.

    Args:
        made: Files and folders that can be made again. A file's companions
            (same name, other suffix) go with it.
        limit: In bytes.
    """
    known = sorted(((used_at, size, path) for path in made for used_at, size in _facts(path)), reverse=True)
    for used_at, size, path in known:
        limit -= size
        if limit < 0 and used_at < time.time() - IN_USE_SECONDS:
            for part in [path] if path.is_dir() else path.parent.glob(f"{path.stem}.*"):
                _remove(part)


def _facts(path: Path) -> Iterator[tuple[float, int]]:
    """Yield time of last use and size in bytes, or nothing if it has gone."""
    with suppress(FileNotFoundError):
        files = list(path.iterdir()) if path.is_dir() else [path]
        yield path.stat().st_mtime, sum(file.stat().st_size for file in files)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
