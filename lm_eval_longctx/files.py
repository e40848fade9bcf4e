"""Where files go that can be made again, and the one way in which files are written: whole, or not at all.

Many threads and processes may want the same file at once: 32 questions about
one film, two ranks of one run, a run that was started again while the first
one ends. Whoever writes does so under a name of its own and renames it at the
end; whoever makes something costly holds its lock, so that it is made once.
Several machines may share what each has made: a folder that all see, or a
place that ``fsspec`` knows, holds one archive for each thing.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

VARIABLE = "LM_EVAL_LONGCTX_CACHE"

SHARED_VARIABLE = "LM_EVAL_LONGCTX_SHARED_CACHE"
"""Names a folder, or a URL that ``fsspec`` opens, where machines find what others have made."""

_SYSTEM = 2
"""libsndfile's code for what the operating system refused, whatever it was."""

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
        the same suffix. What is there after an error is removed. What is no
        file, such as ``/dev/stdout`` or a pipe, is written as it is.

    Raises:
        OSError: It cannot be written; the error names the file that was wanted.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process's or the thread's number: both come again, after a crash and in containers that share a folder.
    beside = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield beside
        if beside.is_dir():
            _settle(beside, path)
        else:
            beside.replace(path)
    except OSError as error:
        if error.filename not in {None, str(beside)}:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error  # the name that people know
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
def all_written(path: Path, size: int) -> Iterator[None]:
    """See to it that libsndfile has written a sound, and not only begun: it may keep a full disk to itself.

    Args:
        path: The file.
        size: Bytes that it has at least.

    Raises:
        OSError: The file is shorter.
    """
    failed = None
    try:
        yield
    except RuntimeError as error:
        if getattr(error, "code", None) != _SYSTEM:
            raise
        failed = error
    if failed or path.stat().st_size < size:
        raise OSError(errno.EIO, "it could not be written whole; is the disk full?", str(path)) from failed


@contextmanager
def only_maker(path: Path, lock: Path | None = None) -> Iterator[None]:
    """Let one thread of one process make something costly, while others who want it wait.

    Look again whether it is there once inside. The lock is the operating
    system's: it ends with the process that holds it.

    Args:
        path: What is made. The lock lies beside it and stays there, because a
            lock that is removed while somebody waits for it is none.
        lock: What the lock lies beside instead, where many small things have
            one in common, such as their folder.
    """
    from filelock import FileLock

    named = lock or path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(named.with_name(f".{named.name}.lock")), shared(path):
        yield


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Bring what another machine has made of this, and give others what is made of it meanwhile.

    Look again whether it is there once inside. Does nothing unless
    ``LM_EVAL_LONGCTX_SHARED_CACHE`` names a place, and never fails: what
    cannot be shared is made by each.

    Args:
        path: A file, with its companions (same name, other suffix), or a
            folder, in the cache folder: its name there says what is in it.
    """
    named = os.environ.get(SHARED_VARIABLE)
    below = _below_cache(path)
    if not named or below is None:
        yield
        return
    with _held(named, below) as archive:
        archive.fetch(path)
        before = _sizes(path)
        yield
        if _sizes(path) != before:
            archive.put(path)


@contextmanager
def _held(named: str, below: str) -> Iterator[_Archive]:
    """Give the archive of a thing, to one machine at a time where the place has locks; one without effect if not."""
    try:
        archive, lock = _SharedPlace.of(named).archive(below)
        lock.acquire()
    except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
        logger.warning("%s=%s cannot be used (%s): nothing is shared", SHARED_VARIABLE, named, error)
        yield _Archive(None, below)
        return
    try:
        yield archive
    finally:
        lock.release()


def _below_cache(path: Path) -> str | None:
    with suppress(ValueError):
        return path.absolute().relative_to(default_cache_dir().absolute()).as_posix()
    return None


def _sizes(path: Path) -> dict[str, int]:
    """Return the files of a thing by their names, with their sizes."""
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*")}
    else:
        files = {file.name: file for file in path.parent.glob(f"{path.stem}.*")}
    return {name: file.stat().st_size for name, file in files.items() if file.is_file() and file.name[0] != "."}


class _SharedPlace:
    """The place that machines share."""

    def __init__(self, named: str) -> None:
        """Open it; where it has locks only one of several machines makes a thing."""
        import fsspec

        self.files, self.root = fsspec.core.url_to_fs(named)
        protocols = self.files.protocol
        self.is_local = "file" in ([protocols] if isinstance(protocols, str) else protocols)

    @staticmethod
    @lru_cache(maxsize=4)
    def of(named: str) -> _SharedPlace:
        """Return the place of a name."""
        return _SharedPlace(named)

    def archive(self, below: str) -> tuple[_Archive, Any]:
        """Return the archive of a thing, and its lock: none where the place has no locks."""
        from filelock import FileLock

        name = f"{self.root.rstrip('/')}/{below}.zip"
        if not self.is_local:
            return _Archive(self, name), threading.Lock()
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        return _Archive(self, name), FileLock(f"{name}.lock")


class _Archive:
    """One thing in the shared place, as a zip: whole, and known to be, by its end and its check sums."""

    def __init__(self, place: _SharedPlace | None, name: str) -> None:
        self._place, self._name = place, name

    def fetch(self, path: Path) -> None:
        """Bring the files that are not here."""
        if self._place is None:
            return
        try:
            with self._place.files.open(self._name, "rb") as stored, zipfile.ZipFile(stored) as archive:
                self._unpack(archive, path)
        except FileNotFoundError:
            return
        except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
            logger.warning("%s cannot be fetched (%s): it is made here", self._name, error)

    @staticmethod
    def _unpack(archive: zipfile.ZipFile, path: Path) -> None:
        names = [name for name in archive.namelist() if ".." not in PurePosixPath(name).parts and name[0] != "/"]
        is_folder = archive.comment == b"folder"
        if is_folder and not path.exists():
            with whole(path) as beside:
                for name in names:
                    archive.extract(name, beside)
            return
        for name in names:
            target = (path if is_folder else path.parent) / name
            if not target.exists():
                with whole(target) as beside, archive.open(name) as member, beside.open("wb") as file:
                    shutil.copyfileobj(member, file)

    def put(self, path: Path) -> None:
        """Store the thing, whole or not at all."""
        if self._place is None:
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                packed = Path(folder) / "packed.zip"
                self._pack(path, packed)
                self._store(packed, self._place)
        except Exception as error:  # noqa: BLE001 - likewise
            logger.warning("%s cannot be stored (%s): other machines will make it too", self._name, error)

    @staticmethod
    def _pack(path: Path, packed: Path) -> None:
        with zipfile.ZipFile(packed, "w") as archive:  # not compressed: media are
            archive.comment = b"folder" if path.is_dir() else b""
            for name in _sizes(path):
                archive.write((path if path.is_dir() else path.parent) / name, name)

    def _store(self, packed: Path, place: _SharedPlace) -> None:
        if place.is_local:
            with whole(Path(self._name)) as beside:
                shutil.copyfile(packed, beside)
        else:  # such stores show an object once it is whole
            place.files.makedirs(self._name.rpartition("/")[0], exist_ok=True)
            place.files.put_file(str(packed), self._name)


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
