"""Makes the first example of docs/reading-a-report.md by the page's own script and command: its table and its pictures.

Run as ``python tests/support/draw_example.py`` after a change of scores or looks; it takes half a minute.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lm_eval_longctx.cli import main as command
from lm_eval_longctx.report.figures import drawn, figures
from lm_eval_longctx.results import read_runs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reading-a-report.md"
PICTURES = {"heatmap": "reading-a-report.svg", "lengths": "reading-a-report-lengths.svg"}
"""Files in docs/, by the kind of figure."""

_TABLE = re.compile(r"(<!-- first example -->\n```\n)(.*?)(```\n<!-- end of first example -->)", re.DOTALL)
_SCRIPT = re.compile(r"## The script of the first example\n\n```python[^\n]*\n(.*?)```", re.DOTALL)


def made(folder: Path, python: str = sys.executable) -> Path:
    """Run the page's script in a folder and return where its results are."""
    (script,) = _SCRIPT.findall(PAGE.read_text(encoding="utf-8"))
    (folder / "example.py").write_text(script, encoding="utf-8")
    subprocess.run([python, "example.py"], cwd=folder, check=True, capture_output=True)
    return folder / "out"


def printed(out: Path) -> str:
    """Return the table that the command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        command(["report", str(out), "--pictures", "none"])
    lines = text.getvalue().partition("\nwrote")[0].strip("\n").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def shown() -> str:
    """Return the table that stands on the page."""
    return next(_TABLE.finditer(PAGE.read_text(encoding="utf-8")))[2]


def pictures(out: Path) -> dict[str, bytes]:
    """Return the example's pictures, by the name of their file."""
    kinds = {one.kind: one for one in figures(read_runs([out]))}
    return {file: drawn(kinds[kind], "svg") for kind, file in PICTURES.items()}


def main() -> None:
    """Write the table and the pictures anew."""
    with tempfile.TemporaryDirectory() as folder:
        out = made(Path(folder))
        page, table = PAGE.read_text(encoding="utf-8"), printed(out)
        PAGE.write_text(_TABLE.sub(lambda found: found[1] + table + found[3], page), encoding="utf-8")
        for name, picture in pictures(out).items():
            (ROOT / "docs" / name).write_bytes(picture)


if __name__ == "__main__":
    main()
