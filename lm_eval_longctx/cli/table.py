"""Plain text tables for the terminal: of anything, and of settings. They fit the width of the screen."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from lm_eval_longctx import screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.settings import Option

SETTING_HEADS = ("takes", "default", "")
"""What ``setting_cells`` are, after the name."""

_GAP = 2
_NARROWEST = 14
"""A column is not made narrower than this to fit; a row becomes lines instead."""


def table(rows: Sequence[Sequence[str]], heads: Sequence[str], width: int | None = None) -> str:
    """Return rows in columns two spaces apart, left aligned, with a ruled head.

    What is too wide for the screen is wrapped within its column; where the
    columns do not fit even so, each row is a few lines with the heads before
    its cells.

    Args:
        rows: Texts; each has a cell for each head.
        heads: Of the columns.
        width: Columns of the screen; as it is, unless given.
    """
    most = screen.width() if width is None else width
    natural = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    widths = _fitted(natural, [_least(rows, heads, i) for i in range(len(heads))], most)
    if widths is None:
        return "\n\n".join(_as_lines(row, heads, most) for row in rows)
    ruled = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(line for row in ruled for line in _wrapped(row, widths))


def _least(rows: Sequence[Sequence[str]], heads: Sequence[str], column: int) -> int:
    """Return how narrow a column may be: no word of it is broken, unless it is a very long one."""
    words = (word for row in (heads, *rows) for word in row[column].split())
    first = column == 0  # names are copied, so they are never broken
    longest = max((len(word) for word in words), default=0)
    return longest if first else min(longest, _NARROWEST)


def _fitted(natural: Sequence[int], least: Sequence[int], most: int) -> list[int] | None:
    """Return widths that fit together, the widest column made narrower first; ``None`` if there are none."""
    widths, room = list(natural), most - _GAP * (len(natural) - 1)
    while sum(widths) > room:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=widths.__getitem__, default=None)
        if widest is None:
            return None
        others = sorted(width for i, width in enumerate(widths) if i != widest and width < widths[widest])
        lower = max(least[widest], others[-1] if others else 0, widths[widest] - (sum(widths) - room))
        widths[widest] = min(lower, widths[widest] - 1)
    return widths


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return the lines of a row: as many as its longest cell needs."""
    cells = [
        textwrap.wrap(cell, width, break_on_hyphens=False) if len(cell) > width else [cell]
        for cell, width in zip(row, widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, cells), default=1)):
        pieces = (cell[number] if number < len(cell) else "" for cell in cells)
        lines.append(
            (" " * _GAP).join(piece.ljust(width) for piece, width in zip(pieces, widths, strict=True)).rstrip()
        )
    return lines


def _as_lines(row: Sequence[str], heads: Sequence[str], most: int) -> str:
    """Return a row as lines: its first cell, and below it the others after their heads."""
    lines = [row[0]]
    for head, cell in zip(heads[1:], row[1:], strict=True):
        before = f"  {head}: " if head else "  "
        lines += textwrap.wrap(before + cell, most, subsequent_indent="    ", break_on_hyphens=False) if cell else []
    return "\n".join(lines)


def setting_cells(option: Option, default: str | None = None) -> list[str]:
    """Return name, kind, default and help of a setting, for a row of a table.

    Args:
        option: As it is declared.
        default: What is used instead of the declared default, if it is something else.
    """
    return [option.name, option.kind, option.shown_default if default is None else default, option.help]


def option_table(options: Iterable[Option], head: str) -> str:
    """Return a table with a line for each option."""
    return table([setting_cells(option) for option in options], (head, *SETTING_HEADS))
