"""What draws figures, with the fonts that it brings before those of the machine.

Texts are measured letter by letter. Of a font that lies in a file, the file is
opened four times for each letter, which took half of the time of a report;
fonts that what draws has inside cost nothing. It reads the machine's fonts
first, however, and "Liberation Sans" lies on most machines with Linux. So it
begins without them, and they follow: letters that its own fonts lack (Chinese,
say) are still found, and a picture is the same on every machine.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHOSEN = "FONTCONFIG_FILE"
_FILES = ("/etc/fonts/local.conf", "/etc/fonts/fonts.conf")
_USUAL = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
_FOLDER = re.compile(r"<dir(?:\s+prefix=\"(\w+)\")?[^>]*>\s*([^<]+?)\s*</dir>")


def available() -> bool:
    """Whether figures can be drawn; without it, specifications can still be saved."""
    return find_spec("vl_convert") is not None


def engine() -> Any:
    """Return the module that draws.

    Raises:
        MissingExtraError: It is not installed.
    """
    if not available():
        raise MissingExtraError("drawing figures", "report")
    return _with_fonts()


@cache
def _with_fonts() -> Any:
    import vl_convert

    if sys.platform == "linux":  # elsewhere fonts are not found in this way, and none is called like ours
        _without_fonts_of_the_machine(vl_convert)
        for folder in _folders():
            vl_convert.register_font_directory(folder)
    return vl_convert


def _without_fonts_of_the_machine(drawing: Any) -> None:
    """Let it read fonts for the first time where there are none but its own."""
    chosen = os.environ.get(_CHOSEN)
    with tempfile.TemporaryDirectory() as empty:
        file = Path(empty) / "fonts.conf"
        file.write_text(f"<fontconfig><dir>{empty}/none</dir></fontconfig>", encoding="utf-8")
        os.environ[_CHOSEN] = str(file)
        try:
            drawing.register_font_directory(empty)
        finally:
            os.environ.pop(_CHOSEN)
            if chosen is not None:
                os.environ[_CHOSEN] = chosen


def _folders() -> Iterator[str]:
    """Yield the folders in which the machine says its fonts are."""
    chosen = os.environ.get(_CHOSEN)
    found = [one for file in ((chosen,) if chosen else _FILES) for one in _FOLDER.findall(_text(Path(file)))]
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    named = [f"{data}/{folder}" if prefix == "xdg" else folder for prefix, folder in found] or _USUAL
    whole = [os.path.expanduser(folder) for folder in named]  # noqa: PTH111 - Path's raises where nobody has a home
    yield from filter(os.path.isdir, dict.fromkeys(whole))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
