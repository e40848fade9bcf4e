"""Make the report of docs/reading-a-report.md by the page's own commands, and its pictures with a browser.

Run ``python tests/support/draw_report.py [FOLDER]``: it works in FOLDER (default: a temporary one), takes a minute and
writes docs/report-*.png.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reading-a-report.md"
COLOURS = 128
"""Of a picture in the docs, to keep it small."""


def commands() -> tuple[str, str]:
    """Return the shell commands and the Python script of the example, as the page prints them."""
    part = PAGE.read_text(encoding="utf-8").partition("<!-- example -->")[2].partition("<!-- end of example -->")[0]
    (shell,) = re.findall(r"```bash\n(.*?)```", part, re.DOTALL)
    (script,) = re.findall(r"```python[^\n]*\n(.*?)```", part, re.DOTALL)
    return shell, script


def make(folder: Path) -> Path:
    """Run the example's commands in a folder and return the report."""
    shell, script = commands()
    (folder / "forgetful.py").write_text(script, encoding="utf-8")
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", shell], cwd=folder, env={**os.environ, **path}, check=True)
    return folder / "out" / "longctx-report" / "report.html"


def draw(report: Path) -> None:
    """Write the pictures: a desktop, a cell in the dark, and a phone."""
    browser_file = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=browser_file, args=["--no-sandbox"])
        desktop = _opened(browser, report, 1280, 860, "light")
        _save(desktop, "report-desktop")
        dark = _opened(browser, report, 1280, 860, "dark")
        dark.goto(f"{report.as_uri()}#longctx-audio-niah")
        dark.locator("#longctx-audio-niah article").last.locator(".heat a").nth(2).click()
        dark.locator("#cell audio").wait_for()
        dark.wait_for_timeout(500)  # the player reads its sound
        _save(dark, "report-dark")
        phone = _opened(browser, report, 375, 760, "light")
        phone.goto(f"{report.as_uri()}#longctx-text-niah")
        phone.locator("#longctx-text-niah article").last.scroll_into_view_if_needed()
        phone.evaluate("document.querySelector('#longctx-text-niah article:last-of-type').scrollIntoView()")
        _save(phone, "report-phone")
        browser.close()


def _opened(browser: Browser, report: Path, wide: int, tall: int, scheme: str) -> Page:
    page = browser.new_page(viewport={"width": wide, "height": tall}, color_scheme=scheme)
    page.goto(report.as_uri())
    return page


def _save(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS).save(ROOT / "docs" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        draw(make(Path(sys.argv[1]).absolute()))
    else:
        with tempfile.TemporaryDirectory() as made:
            draw(make(Path(made)))
