"""The page of a prompt's folder: what was asked and answered, and its needles, to be looked at and listened to."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lm_eval_longctx.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lm_eval_longctx.preview.folder import Needle

INDEX = "index.html"

_STYLE = """
:root{color-scheme:light dark;--needle:#d55e00}
body{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:1rem auto;padding:0 1rem}
table{border-collapse:collapse}th{text-align:left;vertical-align:top;padding:.15rem 1rem .15rem 0;font-weight:600}
td{overflow-wrap:anywhere;white-space:pre-wrap}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8888;border-radius:.3rem;padding:.6rem}
mark{background:#ffd9b8;color:#000;border-bottom:3px solid var(--needle)}
img,audio,video{max-width:100%;display:block;margin:.4rem 0}img{background:#fff}
"""


def write_index(
    folder: Path, title: str, facts: Mapping[str, str], needles: Iterable[Needle], files: list[Path]
) -> Path:
    """Write the page; it needs nothing but its folder.

    Args:
        folder: Of the prompt.
        title: Of the page.
        facts: What stands in its table, by name.
        needles: As ``write_needles`` yields them.
        files: As ``write_prompt`` gives them.

    Returns:
        The page's file.
    """
    rows = "\n".join(f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in facts.items())
    shown = "\n".join(_section(needle, folder) for needle in needles)
    links = "\n".join(_linked(file, folder) for file in files[:_MOST])
    more = f"<p>and {len(files) - _MOST:,} more files in the folder" if len(files) > _MOST else ""
    page = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self' file: 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n<table>\n{rows}\n</table>\n"
        f"{shown or '<p>Nobody knows of a needle in this prompt; all of it is in the files below.'}\n"
        f"<h2>The whole prompt</h2>\n<ul>\n{links}\n</ul>\n{more}\n"
    )
    path = folder / INDEX
    write_whole(path, page.encode())
    return path


_MOST = 40
"""Files that the page links to."""


def _section(needle: Needle, folder: Path) -> str:
    lines = [f"<h2>Needle: {escape(needle.caption)}</h2>"]
    if needle.text is not None:
        before, text, after = (escape(part) for part in (needle.text.before, needle.text.text, needle.text.after))
        lines.append(f"<pre>... {before}<mark>{text}</mark>{after} ...</pre>")
    if needle.picture is not None:
        lines.append(f'<img src="{_url(needle.picture, folder)}" alt="{escape(needle.caption)}">')
    if needle.sound is not None:
        lines.append(f'<audio controls src="{_url(needle.sound, folder)}"></audio>')
    return "\n".join(lines)


def _linked(file: Path, folder: Path) -> str:
    url = _url(file, folder)
    return f'<li><a href="{url}">{url}</a> ({file.stat().st_size:,} bytes)'


def _url(file: Path, folder: Path) -> str:
    return escape(file.relative_to(folder).as_posix())
