"""Files that are made from a prompt's media on their way to a provider: once, and up to a number of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.files import make_room, only_maker, used, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 4 << 30
"""Bytes that are kept; what was used longest ago goes first."""


class MediaCache:
    """Folders of derived files, one for each source and policy; each is there whole or not at all."""

    def __init__(self, home: Path, limit: int = LIMIT) -> None:
        """Use a folder; nothing is made until it is needed."""
        self.home = home
        self.limit = limit

    def folder(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return the folder of this name.

        Args:
            name: Says what is in it.
            make: Fills an empty folder. It is called once, however many
                threads and processes ask at the same time.
        """
        folder = self.home / name
        if not folder.is_dir():
            with only_maker(folder):
                if not folder.is_dir():
                    with whole(folder) as beside:
                        beside.mkdir()
                        make(beside)
            make_room((f for f in self.home.iterdir() if f.is_dir() and f != folder), self.limit)
        used(folder)
        return folder
