"""A disk that is full, for tests: a small file system where this process may mount one."""

from __future__ import annotations

import resource
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def full_disk(place: Path, free: int = 0) -> Iterator[Path]:
    """Mount a file system of 1 MiB at a folder and fill it, but for some bytes; unmounted in the end.

    Skips where nothing can be mounted.
    """
    place.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        fill(place / "fill", free)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path, free: int = 0) -> None:
    """Take all the room there is with a file, but for some bytes."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size - free)


@contextmanager
def short_files(longest: int) -> Iterator[None]:
    """Let no file of this process become longer, as a full disk or a quota would; needs no rights."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
