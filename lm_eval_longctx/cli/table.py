"""Plain text tables for the terminal: of anything, and of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.settings import Option

SETTING_HEADS = ("takes", "default", "")
"""What ``setting_cells`` are, after the name."""


def table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    """Return rows in columns two spaces apart, left aligned, with a ruled head."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    ruled = [heads, ["-" * width for width in widths], *rows]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in ruled)
    return "\n".join(line.rstrip() for line in lines)


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
