"""One progress bar for the long work of making hay, which ends early where nobody wants it any more.

Nothing is shown of what is done at once.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 3.0
"""Seconds before a bar appears."""

_given_up: ContextVar[Callable[[], bool] | None] = ContextVar("given_up", default=None)


class GivenUpError(BaseException):
    """Somebody ended the run for which this was made; no error of the work, so that nobody makes do without it."""


@contextmanager
def unless(given_up: Callable[[], bool]) -> Iterator[None]:
    """Have long work within, in this thread, end with ``GivenUpError`` at its next step once a function says so."""
    token = _given_up.set(given_up)
    try:
        yield
    finally:
        _given_up.reset(token)


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
        given_up = _given_up.get()

        def advance(done: float) -> None:
            if given_up is not None and given_up():
                raise GivenUpError
            # Never more than all: the last recording or chunk may reach beyond what was asked for.
            bar.update(done if total is None else min(done, max(0.0, total - bar.n)))

        yield advance
