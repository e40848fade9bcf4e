"""One progress bar for the long work of making hay; nothing is shown of what is done at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 3.0
"""Seconds before a bar appears."""


@contextmanager
def progress(what: str, total: float | None, unit: str) -> Iterator[Callable[[float], object]]:
    """Show how far some work is, and how long the rest will take.

    Args:
        what: What is being done.
        total: How much there is, or ``None`` if nobody knows.
        unit: Of what; bytes (``B``) are shown as kB, MB and GB.

    Yields:
        A function to call with how much was just done.
    """
    from tqdm import tqdm

    shape: dict[str, Any] = {"unit_scale": True}
    if total is not None and unit != "B":
        # tqdm's own shape shows fractions of seconds and no space before the unit.
        shape = {"bar_format": "{desc} {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} {unit} [{elapsed}<{remaining}]"}
    with tqdm(total=total, desc=what, unit=unit, delay=_PATIENCE, leave=False, **shape) as bar:
        # Never more than all: the last recording or chunk may reach beyond what was asked for.
        yield lambda done: bar.update(done if total is None else min(done, max(0.0, total - bar.n)))
