"""A Ctrl-C that falls where Python ignores exceptions ends the program all the same."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lm_eval_longctx.ctrl_c import lose_no_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ending:
    """Raises as it is tidied up, where nobody can catch it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


@pytest.fixture
def ignored(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[type[BaseException]]]:
    """Give what Python would have printed as ignored."""
    found: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: found.append(one.exc_type))
    lose_no_ctrl_c()
    lose_no_ctrl_c()
    # What a shell started in its background ignores the signal from the beginning.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield found
    signal.signal(signal.SIGINT, before)


def test_a_ctrl_c_that_python_ignores_comes_again(ignored: list[type[BaseException]]) -> None:
    """A KeyboardInterrupt within what nobody called is raised again in the main thread, and printed nowhere."""
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes at one of the next steps, and not at a certain one
        Ending(KeyboardInterrupt())
        time.sleep(20)
    assert ignored == []


def test_other_errors_are_ignored_as_before(ignored: list[type[BaseException]]) -> None:
    """What is no Ctrl-C goes to whoever listened before."""
    Ending(ValueError("x"))
    assert ignored == [ValueError]
