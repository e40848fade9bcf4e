"""Reading a command line: help that fits the screen, and mistakes that name what was meant."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import TYPE_CHECKING, Any, NoReturn

from lm_eval_longctx.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CHOICE = re.compile(r"invalid choice: '([^']*)'")
_GAP = "  "


class _Help(argparse.HelpFormatter):
    """Keeps the lines of examples, and puts what each does below it where the screen is narrow."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for line in text.splitlines():
            command, _, does = line.strip().partition(_GAP)
            if len(indent + line) <= width:
                lines.append(indent + line)
            elif line.startswith(_GAP):
                lines += _command(command, width)
                lines += textwrap.wrap(does.strip(), width, initial_indent=_GAP * 3, subsequent_indent=_GAP * 3)
            else:
                lines += textwrap.wrap(line, width)
        return "\n".join(lines)


def _command(command: str, width: int) -> list[str]:
    """Break a command as shells let it be broken."""
    pieces = textwrap.wrap(command, width - 2, initial_indent=_GAP, subsequent_indent=_GAP * 2, break_on_hyphens=False)
    return [*(f"{piece} \\" for piece in pieces[:-1]), *pieces[-1:]]


class Parser(argparse.ArgumentParser):
    """A parser whose errors say what was probably meant."""

    def __init__(self, **settings: Any) -> None:
        """Read ``argparse.ArgumentParser``'s own settings."""
        super().__init__(**{"formatter_class": _Help, **settings})

    def error(self, message: str) -> NoReturn:
        """End with status 2, and the valid name nearest to a wrong one."""
        found = _CHOICE.search(message)
        guess = nearest(found[1], self._choices()) if found else None
        super().error(f"{message}; did you mean {guess!r}?" if guess else message)

    def _choices(self) -> list[str]:
        return [str(choice) for action in self._actions for choice in action.choices or ()]

    def refuse_rest(self, rest: Sequence[str]) -> None:
        """End with status 2 if arguments are left that nobody declared; each option with the one nearest to it."""
        if rest:
            told = [f"{word}{_meant(word.partition('=')[0], self._option_string_actions)}" for word in rest]
            self.error(f"unrecognized arguments: {' '.join(told)}")


def _meant(word: str, options: Iterable[str]) -> str:
    guess = nearest(word, options) if word.startswith("-") else None
    return f" (did you mean {guess}?)" if guess else ""


def positive(text: str) -> int:
    """Read a number of things, 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
