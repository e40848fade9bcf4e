"""The first example of docs/reading-a-report.md, made anew by its own script."""

from __future__ import annotations

import draw_example


def test_the_page_shows_what_the_command_prints(tmp_path, warm):
    """The table on the page is what its script and ``report`` print today (``draw_example.py`` renews it)."""
    out = draw_example.made(tmp_path, str(warm / "python"))
    assert draw_example.printed(out) == draw_example.shown()
    for name in draw_example.pictures(out):
        assert (draw_example.ROOT / "docs" / name).is_file()
