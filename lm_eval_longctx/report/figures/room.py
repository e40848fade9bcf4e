"""Which texts of a figure can be too long for their room: the others need no limit.

What draws measures a text letter by letter, and a text with a limit twice. In
a figure that is mostly words, that is a third of the whole time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NUMBER = "-0.000000000"
"""As long as any number beside an axis."""

_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_WIDE, _WIDEST = 1.02, 2.0
"""How many times its size a letter of ours is wide at most ("@"), and one of any font."""

_SLIM = dict.fromkeys(map(ord, "abcdefghijklnopqrstuvxyz0123456789 .,:;%()[]-_/"), 0.61) | {ord("%"): 0.9}


def without_idle_limits(spec: dict[str, Any]) -> None:
    """Drop the limits that no text of a complete specification reaches."""
    config, label = spec["config"], max(map(_ems, _labels(spec)), default=0.0)
    largest = max(config["title"]["fontSize"], config["title"]["subtitleFontSize"])
    for part in ("axis", "legend", "header"):
        _drop(config[part], "labelLimit", label * config[part]["labelFontSize"])
    _drop(config["legend"], "titleLimit", _widest(spec, config["legend"]["titleFontSize"]))
    _drop(config["title"], "limit", _widest(spec, largest))


def _drop(config: dict[str, Any], name: str, width: float) -> None:
    if width <= config[name]:
        config[name] = 0


def _ems(text: str) -> float:
    """Return how many times its size a text is wide at most."""
    return sum(_SLIM.get(ord(letter), _WIDE if letter.isascii() else _WIDEST) for letter in text)


def _labels(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may stand beside axes, in legends and over panels."""
    fields, said = set(), [_NUMBER]
    for name, value in _walk({**spec, "datasets": None}):
        if name == "field":
            fields.add(value)
        elif name == "labelExpr":
            said += [one or other for one, other in _QUOTED.findall(value)]
    yield from said
    for table in spec["datasets"].values():
        for row in table:
            yield from (value for name, value in row.items() if name in fields and isinstance(value, str))


def _widest(spec: Mapping[str, Any], usual: float) -> float:
    """Return how wide a line over the figure, over a legend or beside an axis is at most."""
    widest = 0.0
    for name, value in _walk({**spec, "datasets": None}):
        if name == "title":
            texts = [value.get("text"), value.get("subtitle")] if isinstance(value, dict) else [value]
            size = value.get("fontSize", usual) if isinstance(value, dict) else usual
            lines = [line for text in texts for line in (text if isinstance(text, list) else [text])]
            widest = max(widest, size * max((_ems(line) for line in lines if isinstance(line, str)), default=0.0))
    return widest


def _walk(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield all names and values of a specification but those of what is told on hovering."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name != "tooltip":
                yield name, value
                yield from _walk(value)
    elif isinstance(part, list):
        for one in part:
            yield from _walk(one)
