"""What draws figures, with the fonts that it brings before those of the machine.

Texts are measured letter by letter. Of a font that lies in a file, the file is
opened four times for each letter, which took half of the time of a report;
fonts that what draws has inside cost nothing. It reads the machine's fonts
first, however, and "Liberation Sans" lies on most machines with Linux. So it
begins without them, and they follow: letters that its own fonts lack (Chinese,
say) are still found, and a picture is the same on every machine.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
        from lm_eval_longctx.errors import MissingExtraError  # the process above needs none of ours

        raise MissingExtraError("drawing figures", "report")
    return _with_fonts()


def drawn_apart(specs: Sequence[Mapping[str, Any]], version: str) -> Callable[[], list[str]]:
    """Begin to draw specifications in a process of its own.

    It runs this file alone: a tenth of a second, where importing the report takes a quarter.

    Args:
        specs: Complete Vega-Lite.
        version: Of Vega-Lite.

    Returns:
        What waits for the SVGs and returns them; where there can be no other process, or it fails, they are drawn
        in this one.
    """

    def draw() -> list[str]:
        asked = json.dumps([version, *specs]).encode()
        with suppress(OSError, subprocess.CalledProcessError):
            done = subprocess.run(  # noqa: S603 - this very file
                [sys.executable, __file__], input=asked, capture_output=True, check=True
            )
            return list(json.loads(done.stdout))
        return _drawn(specs, version)

    thread = ThreadPoolExecutor(1)  # reads what comes, since a pipe is soon full
    drawing = thread.submit(draw)
    thread.shutdown(wait=False)
    return drawing.result


def _drawn(specs: Sequence[Mapping[str, Any]], version: str) -> list[str]:
    drawing = engine()
    return [str(drawing.vegalite_to_svg(spec, version)) for spec in specs]


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


if __name__ == "__main__":
    _version, *_specs = json.load(sys.stdin.buffer)
    json.dump(_drawn(_specs, _version), sys.stdout)
