"""The rooms of the package, read from the code: what may import what, and the page and picture that say so.

``python tests/support/house.py`` writes both anew; ``tests/test_architecture.py``
fails where they, or the imports, are something else.
"""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.providers.capabilities import WireCapabilities

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "lm_eval_longctx"
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "architecture.svg"
RESULTS = ROOT / "docs" / "results.md"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "files", "screen", "ctrl_c", "units", "prompt", "completion", "settings", "sweep", "plan", "sample"),
    ("answers", "papers"),
    ("hay", "providers", "scorers", "stats"),
    ("tasks", "plugins", "ledger"),
    ("backend", "results", "metrics", "preview"),
    ("harness", "judging", "report", "testing"),
    ("check", "matrix", "reproduction"),
    ("cli",),
)
"""From the ground up. A room imports what is on the floors below, and on the ground floor what ``GROUND`` draws."""

GROUND: dict[str, set[str]] = {
    "errors": set(),
    "files": set(),
    "screen": set(),
    "ctrl_c": set(),
    "units": {"errors"},
    "completion": {"errors"},
    "prompt": {"errors", "units"},
    "settings": {"errors"},
    "sweep": {"errors", "settings", "units"},
    "plan": {"errors", "units", "sweep"},
    "sample": {"plan", "units"},
}
"""The values at the bottom import each other in this order only."""

FACES: dict[str, set[str]] = {"__main__": {"cli"}, "__init__": {"plugins", "version"}, "version": set()}
"""Files that are no rooms."""


def arrows() -> dict[str, set[str]]:
    """Return what each room may import beside itself."""
    below: set[str] = {"version"}
    found = dict(FACES)
    for floor in FLOORS:
        found.update({room: GROUND.get(room, set(below)) for room in floor})
        below |= set(floor)
    return found


def purpose(room: str) -> str:
    """Return the first sentence of a room's docstring, on one line."""
    path = PACKAGE / room / "__init__.py"
    text = (path if path.is_file() else PACKAGE / f"{room}.py").read_text(encoding="utf-8")
    words = " ".join((ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", words)[0].replace("``", "`")


def table() -> str:
    """Return the rooms as a Markdown table, the top floor first."""
    rows = ["| floor | room | what it holds |", "| --- | --- | --- |"]
    for number, floor in reversed(list(enumerate(FLOORS))):
        rows += [f"| {number} | `{room}` | {purpose(room)} |" for room in floor]
    return "\n".join(rows)


def picture() -> str:
    """Draw the house: a row a floor, a box a room; imports run downwards."""
    width, height, gap, left = 1000, 74, 12, 70
    boxes = []
    for row, (number, floor) in enumerate(reversed(list(enumerate(FLOORS)))):
        top, each = gap + row * (height + gap), (width - left - gap * len(floor)) / len(floor)
        boxes.append(f'<text x="8" y="{top + height / 2:g}" class="floor">floor {number}</text>')
        for place, room in enumerate(floor):
            x = left + place * (each + gap)
            boxes.append(f'<rect x="{x:.1f}" y="{top}" width="{each:.1f}" height="{height}" rx="5"/>')
            boxes.append(f'<text x="{x + 8:.1f}" y="{top + 18}" class="room">{room}</text>')
            lines = textwrap.wrap(
                purpose(room).replace("`", ""), max(12, int((each - 14) / 5.4)), max_lines=4, placeholder=" …"
            )
            boxes += [
                f'<text x="{x + 8:.1f}" y="{top + 32 + 12 * n}">{_escaped(line)}</text>' for n, line in enumerate(lines)
            ]
    total = gap + len(FLOORS) * (height + gap)
    style = (
        "rect{fill:#f4f6fa;stroke:#5b6b86}text{font:10px sans-serif;fill:#222}"
        ".room{font:bold 13px monospace}.floor{font-size:12px;fill:#5b6b86}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" role="img">'
    title = "<title>The rooms of lm-eval-longctx; each imports only what lies below it</title>"
    background = f'<rect width="{width}" height="{total}" style="fill:#fff;stroke:none"/>'
    return "\n".join([head, title, f"<style>{style}</style>", background, *boxes, "</svg>\n"])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def sample_table() -> str:
    """Return the keys that every sample may have, with what they mean, as a Markdown table."""
    tree = ast.parse((PACKAGE / "sample.py").read_text(encoding="utf-8"))
    rows = ["| key | meaning |", "| --- | --- |"]
    for name, prefix in (("Planned", ""), ("Sample", ""), ("Haystack", "haystack.")):
        form = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
        attributes = (ast.get_docstring(form) or "").partition("Attributes:\n")[2]
        for key, meaning in re.findall(r"^    (\w+): ((?:.|\n(?=        ))+)", attributes, re.MULTILINE):
            rows.append(f"| `{prefix}{key}` | {' '.join(meaning.split()).replace('``', '`')} |")
    return "\n".join(rows)


def between(text: str, name: str, made: str) -> str:
    """Return a page with what stands between two of its marks made anew."""
    begin, end = f"<!-- {name}: made by tests/support/house.py -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"


def limits_table() -> str:
    """Return what each family of models takes of media, and what it costs, as two Markdown tables."""
    known = importlib.import_module("lm_eval_longctx.providers.models")
    heads = "model", "takes", "pictures and frames", "pixels a side", "film", "sound", "said by"
    costs = "model", "a picture of 640x360", "a frame of film", "a second of sound", "body", "a file"
    rows = {heads: _limits, costs: _costs}
    tables = ["\n".join([_row(head), _row(["---"] * len(head))]) for head in rows]
    for place, made in enumerate(rows.values()):
        tables[place] += "".join(f"\n{_row([name, *made(takes)])}" for name, takes in known.families())
    return f"{tables[0]}\n\nIn tokens and bytes:\n\n{tables[1]}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _limits(takes: WireCapabilities) -> list[str]:
    """Return what a family of models takes."""
    sees, hears = "image" in takes.modalities, "audio" in takes.modalities
    count = "not known" if takes.max_images is None else f"{takes.max_images:,}"
    film = f"as film: {_kinds(takes.video_mimes)}" if takes.native_video else "as frames"
    sides = ", ".join(f"{most:,}" + (f" beyond {beyond} pictures" if beyond else "") for beyond, most in takes.sides)
    return [
        "+".join(takes.modalities),
        f"{count}: {_kinds(takes.image_mimes)}" if sees else "-",
        sides or "-",
        film if sees else "-",
        _kinds(takes.audio_mimes) + (f", {takes.max_sound:,g} s" if takes.max_sound else "") if hears else "-",
        takes.said_by or "nobody: say `modalities=`, `max_images=`, or `like=`",
    ]


def _costs(takes: WireCapabilities) -> list[str]:
    """Return what media cost with a family of models, and how large they may be."""
    sees, size = "image" in takes.modalities, (640, 360)
    film = _number(takes.frame_cost(size, as_film=True)) if takes.native_video else "as a picture"
    return [
        _number(takes.frame_cost(size, as_film=False)) if sees else "-",
        film if sees else "-",
        _number(takes.audio_tokens) if "audio" in takes.modalities else "-",
        f"{takes.inline_bytes / 1e6:,.0f} MB" if takes.inline_bytes < 1 << 40 else "not known",
        f"{takes.file_bytes / 1e6:,.0f} MB" if takes.file_bytes else "takes none",
    ]


def _kinds(mimes: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(mime.partition("/")[2].removeprefix("x-") for mime in mimes)) or "any kind"


def _number(tokens: float | None) -> str:
    return "not known" if tokens is None else f"{tokens:,g}"


PAGES = {
    PAGE: ("rooms", table),
    RESULTS: ("sample", sample_table),
    ROOT / "docs" / "providers.md": ("limits", limits_table),
}
"""Pages of which a part is made from the code."""


if __name__ == "__main__":
    for path, (name, make) in PAGES.items():
        path.write_text(between(path.read_text(encoding="utf-8"), name, make()), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
