"""A Ctrl-C that falls where Python ignores exceptions ends the program all the same."""

from __future__ import annotations

import sys
import time

import pytest

from lm_eval_longctx.ctrl_c import lose_no_ctrl_c


class Ending:
    """Raises as it is tidied up, where nobody can catch it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


@pytest.fixture
def ignored(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """Give what Python would have printed as ignored."""
    found: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: found.append(one.exc_type))
    lose_no_ctrl_c()
    lose_no_ctrl_c()
    return found


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
