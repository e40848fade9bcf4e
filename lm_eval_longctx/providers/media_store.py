"""Uploads: once for each content, remembered across runs until they expire.

A handle belongs to an endpoint, an account and a content digest. Two runs may
use one store; at worst both upload the same file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lm_eval_longctx.prompt import MediaPart
    from lm_eval_longctx.providers.base import Raw

MARGIN = 1800.0
"""Seconds before its expiry from which on a handle is no longer used."""


@dataclass(frozen=True)
class Handle:
    """A file at a provider.

    Attributes:
        name: What a request calls it: a URI or an id.
        expires: Seconds since 1970.
        resource: What the provider calls it when it is to be deleted.
    """

    name: str
    expires: float
    resource: str = ""


class UploadFailed(Exception):  # noqa: N818 - never leaves this package: it carries a response to ``send``
    """An upload that came to nothing.

    Attributes:
        raw: What the provider said, to be read like any other response.
    """

    def __init__(self, raw: Raw) -> None:
        """Keep what came back."""
        super().__init__(raw.error)
        self.raw = raw


class Uploader(Protocol):
    """One provider's way to take a file."""

    async def upload(self, part: MediaPart) -> Handle:
        """Upload a file and wait until it can be used.

        Raises:
            UploadFailed: It cannot.
        """


class MediaStore:
    """Remembers what was uploaded where."""

    def __init__(self, path: Path, endpoint: str) -> None:
        """Use a file, made when something is first remembered.

        Args:
            path: A SQLite file.
            endpoint: The provider's address: handles of others are not ours.
        """
        self.path = path
        self.endpoint = endpoint
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()

    async def ensure(self, parts: Iterable[MediaPart], account: str, uploader: Uploader) -> dict[str, str]:
        """Return handles' names by content digest, uploading what is missing, one after the other.

        Args:
            parts: Files.
            account: Tells accounts apart.
            uploader: The provider's way to take a file.

        Raises:
            UploadFailed: A file could not be uploaded.
        """
        names = {}
        locks = self._locks.setdefault(asyncio.get_running_loop(), {})
        for part in parts:
            async with locks.setdefault(part.digest, asyncio.Lock()):
                handle = self.find(part.digest, account)
                if handle is None:
                    handle = await uploader.upload(part)
                    self.remember(part.digest, account, handle)
            names[part.digest] = handle.name
        return names

    def find(self, digest: str, account: str) -> Handle | None:
        """Return a handle that can still be used, or ``None``."""
        query = "SELECT name, expires, resource FROM handles WHERE endpoint=? AND account=? AND digest=? AND expires>?"
        with closing(self._open()) as store:
            row = store.execute(query, (self.endpoint, account, digest, time.time() + MARGIN)).fetchone()
        return None if row is None else Handle(*row)

    def remember(self, digest: str, account: str, handle: Handle) -> None:
        """Keep a handle."""
        row = (self.endpoint, account, digest, handle.name, handle.expires, handle.resource)
        with closing(self._open()) as store, store:
            store.execute("INSERT OR REPLACE INTO handles VALUES (?, ?, ?, ?, ?, ?)", row)

    def forget(self, digests: Iterable[str], account: str) -> None:
        """Drop handles that the provider no longer knows."""
        rows = [(self.endpoint, account, digest) for digest in digests]
        with closing(self._open()) as store, store:
            store.executemany("DELETE FROM handles WHERE endpoint=? AND account=? AND digest=?", rows)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        store = sqlite3.connect(self.path, timeout=30)
        try:
            store.execute(
                "CREATE TABLE IF NOT EXISTS handles (endpoint TEXT, account TEXT, digest TEXT, name TEXT, "
                "expires REAL, resource TEXT, PRIMARY KEY (endpoint, account, digest))"
            )
        except sqlite3.Error:
            store.close()
            raise
        return store
