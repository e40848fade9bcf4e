"""A figure as a plain value, and the files that are made of it.

A figure is a specification in Vega-Lite, the field's language for statistical
graphics, with its data beside it. Both are plain values that need nothing to
be made. Drawing them takes ``vl-convert``: Vega with its fonts, without a
browser and without a network. Everything that a figure becomes (SVG, PDF,
PNG, an interactive page) is the same specification.
"""

from __future__ import annotations

import html
import json
import re
import textwrap
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.files import default_cache_dir, write_whole
from lm_eval_longctx.report.figures.fonts import drawn_apart, engine
from lm_eval_longctx.report.figures.looks import LOOKS, Look
from lm_eval_longctx.report.figures.room import without_idle_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_VEGA_LITE = "6.4"
_DPI = 300
_DENSE = 0.6
"""Rows of text come no nearer to each other than this, whatever the look."""

_CONTROL = re.compile(r"(?<!\\)\\u00[01][0-9a-f]|\x7f|[\ufffe\uffff]")
_MADE = re.compile(r"(?:(?<=id=\")|(?<=url\(#))(?:gradient_|clip)\d+")
_WIDTH = re.compile(r'<svg[^>]*? width="([\d.]+)"')


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: Tells it from the other figures of a report; for people, not yet a file's name.
        title: What it shows, in words.
        kind: Which of ``KINDS`` it is.
        spec: Vega-Lite, without data and without a look; its ``data`` names tables of ``data``.
        data: Tables by name: rows of plain values, the same that the drawn figure tells on hovering.
        task: The task; empty for several.
        model: The model; empty for several.
        notes: What has to be known to read it, such as signatures; under the figure on screen.
    """

    name: str
    title: str
    kind: str
    spec: Mapping[str, Any]
    data: Mapping[str, Sequence[Mapping[str, Any]]]
    task: str = ""
    model: str = ""
    notes: tuple[str, ...] = field(default=())


def save(figure: Figure, path: str | Path, look: str = "light") -> Path:
    """Write a figure, in the form that the file's suffix names.

    Args:
        figure: What to draw.
        path: Ends with one of ``FORMATS``: ``.svg``, ``.pdf``, ``.png`` (300 dots an inch), ``.html`` (answers to
            the mouse, needs no network) or ``.json`` (Vega-Lite, for Altair and other programs).
        look: ``light``, ``dark``, or ``paper`` (as wide as a column, without title: a paper has a caption).

    Returns:
        The path.

    Raises:
        MissingExtraError: What draws is not installed.
        UnknownOptionError: There is no such form or look.
    """
    target = Path(path)
    write_whole(target, drawn(figure, target.suffix.removeprefix("."), look))
    return target


def drawn(figure: Figure, form: str, look: str = "light") -> bytes:
    """Return a figure as a file's content; see ``save``."""
    if form not in FORMATS:
        raise unknown_option("form of figures", form, FORMATS)
    return FORMATS[form](figure, look)


def drawn_ahead(figures: Sequence[Figure], look: str = "light") -> Callable[[], list[bytes]]:
    """Begin to draw figures as SVG in a process of its own: what draws lets no thread of this one run meanwhile.

    Returns:
        What waits for them and returns them, the same as ``drawn`` gives.
    """
    specs = [whole(one, look) for one in figures]
    wait = drawn_apart(specs, _VEGA_LITE)
    return lambda: [_fitted(one, look, svg).encode() for one, svg in zip(figures, wait(), strict=True)]


def whole(figure: Figure, look: str = "light") -> dict[str, Any]:
    """Return a complete Vega-Lite specification: with data, look, title and notes; for ``vegaEmbed`` and Altair.

    It holds expressions, which a page without ``unsafe-eval`` reads with vegaEmbed's option ``ast: true``.
    """
    if look not in LOOKS:
        raise unknown_option("look of figures", look, LOOKS)
    return _whole(figure, LOOKS[look], 0)


def _whole(figure: Figure, look: Look, wider: float) -> dict[str, Any]:
    inner = json.loads(json.dumps(figure.spec))
    _fewer_panels(inner, look)
    _resize(inner, look, wider)
    _fewer_columns(inner, look)
    if not look.titled:
        inner.pop("title", None)
    spec = inner if not (look.titled and figure.notes) else {"vconcat": [inner], "title": _notes(figure, look)}
    described = " ".join((figure.title, *figure.notes))
    about = {"$schema": SCHEMA, "description": described}
    complete: dict[str, Any] = _clean({**about, **spec, "datasets": figure.data, "config": look.config})
    without_idle_limits(complete)
    return complete


def _clean(plain: Any) -> Any:
    """Return a copy without what no SVG can hold: characters that stand for nothing, and halves of some."""
    spelt = json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace").decode()
    return json.loads(_CONTROL.sub("\\\\ufffd", spelt))


def _notes(figure: Figure, look: Look) -> dict[str, Any]:
    """Return what stands under a figure."""
    lines = [line for note in figure.notes for line in textwrap.wrap(note.replace("|", " | "), look.line)]
    small = {"fontSize": look.size * 0.75, "fontWeight": "normal", "color": look.faint}
    return {"text": lines, "orient": "bottom", "anchor": "start", "offset": 8, **small}


def _resize(spec: dict[str, Any], look: Look, wider: float) -> None:
    """Fit every view's size to the look; its numbers are meant for the screen."""
    for key, scale in (("width", look.wide), ("height", look.high)):
        value = spec.get(key)
        if isinstance(value, dict) and "step" in value:
            spec[key] = {**value, "step": value["step"] * max(look.high, _DENSE)}
        elif isinstance(value, int | float):
            spec[key] = max(40, round(value * scale + (wider if key == "width" else 0)))
    for view in (*spec.get("vconcat", ()), *([spec["spec"]] if "spec" in spec else ())):
        _resize(view, look, wider)


def _fewer_panels(spec: dict[str, Any], look: Look) -> None:
    """Give panels as many columns as the look has room for, each as wide as the room allows."""
    if "columns" in spec:
        spec["spec"]["width"] *= spec["columns"] / _columns(spec, look)
        spec["columns"] = _columns(spec, look)


def _columns(spec: Mapping[str, Any], look: Look) -> int:
    return max(1, int(spec.get("columns", 1) * look.columns))


def _fewer_columns(part: Any, look: Look) -> None:
    """Give legends as many columns as the look has room for."""
    if isinstance(part, dict):
        if isinstance(legend := part.get("legend"), dict) and "columns" in legend:
            legend["columns"] = _columns(legend, look)
        for one in part.values():
            _fewer_columns(one, look)
    elif isinstance(part, list):
        for one in part:
            _fewer_columns(one, look)


def _svg_text(figure: Figure, look: str) -> str:
    return _fitted(figure, look, str(engine().vegalite_to_svg(whole(figure, look), _VEGA_LITE)))


def _fitted(figure: Figure, look: str, svg: str) -> str:
    """Return a figure as it was drawn; where it came out wider than its look allows, once more and narrower."""
    over = _over(svg, LOOKS[look])
    if over > 0:
        columns = _columns(figure.spec, LOOKS[look])
        svg = str(engine().vegalite_to_svg(_whole(figure, LOOKS[look], -over / columns), _VEGA_LITE))
    return _numbered(svg)


def _numbered(svg: str) -> str:
    """Number gradients and clippings from 0: Vega counts on from figure to figure."""
    names = {
        name: f"{name.rstrip('0123456789')}{count}" for count, name in enumerate(dict.fromkeys(_MADE.findall(svg)))
    }
    return _MADE.sub(lambda found: names[found[0]], svg)


def _over(svg: str, look: Look) -> float:
    found = _WIDTH.search(svg)
    return float(found[1]) - look.most if found else 0.0


def _svg(figure: Figure, look: str) -> bytes:
    return _svg_text(figure, look).encode()


def _png(figure: Figure, look: str) -> bytes:
    return bytes(engine().svg_to_png(_svg_text(figure, look), ppi=_DPI))


def _pdf(figure: Figure, look: str) -> bytes:
    return bytes(engine().svg_to_pdf(_svg_text(figure, look)))


def _json(figure: Figure, look: str) -> bytes:
    return json.dumps(whole(figure, look), indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _html(figure: Figure, look: str) -> bytes:
    """Return a page of its own that answers to the mouse; nothing on it is fetched, no text of it is evaluated."""
    spec = json.dumps(whole(figure, look), ensure_ascii=True).replace("<", "\\u003c")
    options = json.dumps({"renderer": "svg", "ast": True, "actions": False})
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{_clean(html.escape(figure.title))}</title></head>"
        f'<body style="background:{LOOKS[look].back}"><div id="figure"></div>'
        f"<script>{bundle()}</script>"
        f'<script>vegaEmbed("#figure", {spec}, {options})</script></body></html>\n'
    ).encode()


SPECIFICATION = "json"
"""The form that needs nothing to be drawn."""


def bundle() -> str:
    """Return the script that ``vegaEmbed`` is in, with all that it needs; nothing is fetched.

    Putting it together takes seconds, so it is kept in the cache (0.9 MB).

    Raises:
        MissingExtraError: What holds it is not installed.
    """
    drawing = engine()
    kept = default_cache_dir() / "vega" / f"vl-convert-{version('vl-convert-python')}.js"
    if not kept.is_file():
        write_whole(kept, drawing.javascript_bundle("window.vegaEmbed = vegaEmbed;", _VEGA_LITE).encode())
    return kept.read_text(encoding="utf-8")


FORMATS: dict[str, Callable[[Figure, str], bytes]] = {
    "svg": _svg,
    "pdf": _pdf,
    "png": _png,
    "html": _html,
    SPECIFICATION: _json,
}
"""The forms of a figure, by suffix."""
