"""One progress bar for long work, with the time left; quiet when it is done at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 3.0
"""Seconds before a bar appears."""


@contextmanager
def progress(what: str, total: float, unit: str) -> Iterator[Callable[[float], object]]:
    """Show how far some work is.

    Args:
        what: What is being done.
        total: How much there is.
        unit: Of what.

    Yields:
        A function to call with how much was just done.
    """
    from tqdm import tqdm

    shape = "{desc} {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} {unit} [{elapsed}<{remaining}]"
    with tqdm(total=total, desc=what, unit=unit, bar_format=shape, delay=_PATIENCE, leave=False) as bar:
        yield lambda done: bar.update(min(done, max(0.0, total - bar.n)))
