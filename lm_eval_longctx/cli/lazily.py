"""Large packages that are imported when somebody uses them: for commands that look and send nothing.

lm-eval imports libraries of data and of measures before it can tell a task's
name; that is most of the time in which a user waits for a list.
"""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec

LATE = ("aiohttp", "datasets", "evaluate", "requests", "sacrebleu")
"""What takes longest and is needed by few commands; measured with ``python -X importtime``."""


class _Late(MetaPathFinder):
    """Finds some packages as usual, and leaves running them to their first use."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)

    def find_spec(self, fullname: str, *_: object, **__: object) -> ModuleSpec | None:
        if fullname not in self._names:
            return None
        self._names.discard(fullname)  # so that the next line asks the others
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@contextmanager
def late_imports(names: Sequence[str] = LATE) -> Iterator[None]:
    """Let packages be run on their first use; only where one thread imports: whoever comes second gets half of it."""
    finder = _Late(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
