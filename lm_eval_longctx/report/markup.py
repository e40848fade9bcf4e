"""HTML from Python: elements whose texts and attributes cannot break out."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_JOINT = re.compile(r"([/_.:-])(?=\w)")
"""Where a long name may be broken in two; no joint stands in an escaped character."""


def element(tag: str, /, *content: str, **attributes: str) -> str:
    """Return an element around content that is HTML already; attribute values are escaped here.

    An underscore at the end of an attribute's name is dropped (``class_``), one inside is a hyphen
    (``data_model``); an attribute that is empty is written all the same (``hidden``).
    """
    spelt = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{tag}{spelt}>{''.join(content)}</{tag}>"


def text(value: object) -> str:
    """Return a name from elsewhere: no markup, its direction stays its own, and lines break after its joints only."""
    joints = _JOINT.sub(r"\1<wbr>", escape(str(value)))
    return element("bdi", joints)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], **attributes: str) -> str:
    """Return a table of plain texts, the first of each row as its head.

    Each cell knows its column's head, so that a phone can show rows one below the other.
    """
    head = element("tr", *(element("th", escape(one), scope="col", role="columnheader") for one in heads), role="row")
    body = (_row(heads, row) for row in rows)
    return element(
        "table",
        element("thead", head, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
        **attributes,
    )


def _row(heads: Sequence[str], row: Sequence[str]) -> str:
    first = element("th", text(row[0]), scope="row", role="rowheader")
    cells = (
        element("td", escape(one), data_head=head, role="cell") for head, one in zip(heads[1:], row[1:], strict=True)
    )
    return element("tr", first, *cells, role="row")


def details(summary: str, *content: str, **attributes: str) -> str:
    """Return a part that opens on a click, its summary HTML already; nothing if it is empty."""
    body = "".join(content)
    return element("details", element("summary", summary), body, **attributes) if body else ""


def listed(texts: Iterable[str]) -> str:
    """Return plain texts as a list; nothing if there are none."""
    items = [element("li", escape(one)) for one in texts]
    return element("ul", *items) if items else ""


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it.

    Attributes:
        task: What it is about; empty for several tasks.
        kind: Of ``figures.KINDS``.
        told: What it shows, in words.
        svg: An SVG file for a light screen.
    """

    task: str
    kind: str
    told: str
    svg: bytes


def figure(picture: Picture) -> str:
    """Return a picture that needs no file: as an image, no script of it can run."""
    source = f"data:image/svg+xml;base64,{base64.b64encode(picture.svg).decode()}"
    return element("figure", f'<img alt="{escape(picture.told)}" src="{source}" decoding="async">')


class Anchors:
    """Names for places on one page, each used once."""

    def __init__(self) -> None:
        """Begin a page."""
        self._used: dict[str, tuple[str, ...]] = {}

    def of(self, *parts: object) -> str:
        """Return the name of a place: the same parts give the same name, others never do."""
        given = tuple(map(str, parts))
        name = "-".join("".join(c if c.isalnum() else "-" for c in part) for part in given)
        while self._used.setdefault(name, given) != given:
            name += "-"
        return name
