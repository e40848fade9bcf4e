"""How figures look: on a light or a dark screen, and in a column of a paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""The first comes with what draws, so that pictures are the same everywhere."""


@dataclass(frozen=True)
class Look:
    """Sizes are in points, 72 to an inch.

    Attributes:
        back: The background.
        ink: Texts.
        faint: Texts of less weight.
        rule: Lines of the grid.
        lines: Colours of lines.
        size: Of the font.
        most: How wide a figure may become.
        wide: What a specification's widths are multiplied by.
        high: What its heights are multiplied by.
        columns: What the columns of legends and of panels are multiplied by.
        line: Characters of a line of notes.
        titled: Whether title and notes are drawn.
    """

    back: str
    ink: str
    faint: str
    rule: str
    lines: tuple[str, ...]
    size: float = 11
    most: float = 760
    wide: float = 1.0
    high: float = 1.0
    columns: float = 1.0
    line: int = 110
    titled: bool = True

    @property
    def config(self) -> dict[str, Any]:
        """The look as Vega-Lite's ``config``."""
        small = self.size - 1
        words = {"labelFont": FONT, "titleFont": FONT, "labelColor": self.ink, "titleColor": self.ink}
        sizes = {"labelFontSize": small, "titleFontSize": self.size, "titleFontWeight": "normal"}
        return {
            "background": self.back,
            "font": FONT,
            "padding": 6 if self.titled else 1,
            "view": {"stroke": None},
            "title": {
                "anchor": "start",
                "frame": "group",
                "limit": self.most * 0.95,
                "font": FONT,
                "fontSize": self.size + 2,
                "color": self.ink,
                "subtitleFont": FONT,
                "subtitleFontSize": self.size,
                "subtitleColor": self.faint,
                "subtitlePadding": 4,
                "offset": 10,
            },
            "axis": {
                **words,
                **sizes,
                "gridColor": self.rule,
                "gridWidth": self.size / 14,
                "domainWidth": self.size / 14,
                "tickWidth": self.size / 14,
                "tickSize": self.size / 2.5,
                "domainColor": self.faint,
                "tickColor": self.faint,
                "labelLimit": self.most / 3,
                "labelOverlap": "greedy",
                "titlePadding": self.size * 0.7,
            },
            "legend": {
                **words,
                **sizes,
                "symbolSize": self.size * 6,
                "symbolOpacity": 1,
                "labelLimit": self.most * 0.85,
                "titleLimit": self.most * 0.8,
                "offset": self.size,
                "gradientLength": self.most * 0.3,
                "gradientThickness": self.size,
            },
            "header": {**words, **sizes, "labelLimit": self.most * 0.9},
            "range": {"category": list(self.lines)},
            "text": {"font": FONT, "fontSize": small, "color": self.ink},
            "line": {"strokeWidth": self.size / 7},
            "point": {"size": self.size * 3.2, "filled": True, "opacity": 1},
            "rule": {"color": self.faint, "strokeWidth": self.size / 11},
        }


_BRIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_LIGHT = Look("#ffffff", "#1a1a1a", "#5c5c5c", "#e6e6e6", (*_BRIGHT, "#000000"))
_DARK = Look(
    "#16181d",
    "#ececec",
    "#a8adb5",
    "#33373f",
    ("#4aa8e0", "#ff8a3d", "#2fc79a", "#e3a0c4", "#8fd0f5", "#f5c04a", "#ffffff"),
)
_PAPER = Look(
    "#ffffff",
    "#000000",
    "#4d4d4d",
    "#e6e6e6",
    (*_BRIGHT, "#000000"),
    size=7,
    most=240,
    wide=0.34,
    high=0.42,
    columns=0.55,
    titled=False,
)

LOOKS = {"light": _LIGHT, "dark": _DARK, "paper": _PAPER}
"""By name; a column of a paper is 240 points (3.33 inches) wide."""
