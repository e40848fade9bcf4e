"""The pictures, by their pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from made_sweeps import block, write_results
from PIL import Image

from lm_eval_longctx.errors import MissingExtraError
from lm_eval_longctx.report import pictures
from lm_eval_longctx.report.palette import LINES, UNSCORED, colour, ink
from lm_eval_longctx.results import read_runs

pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")

FLECKS = 0.001
"""What the smoothed edges of letters may leave of any grey."""


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)


def share(png, rgb):
    """Return which share of the picture has exactly a colour."""
    return float(np.all(pixels(png) == rgb, axis=1).mean())


def test_unscored_cells_are_grey(runs):
    """Four of fifteen cells are unscored, and so is that share of the coloured area; a perfect run has no grey."""
    partial, perfect = (pictures.heatmap(run) for run in runs)
    grey, missed, right = (share(partial, rgb) for rgb in (UNSCORED, colour(0), colour(1)))
    assert grey / (grey + missed + right) == pytest.approx(4 / 15, abs=0.06)
    assert missed / (grey + missed + right) == pytest.approx(1 / 15, abs=0.04)
    assert share(perfect, UNSCORED) < FLECKS


def test_unscored_cells_are_never_the_worst_colour(tmp_path):
    """A run in which nothing was scored is all grey, without a cell in the worst colour."""
    made = block()
    for row in (*made["cells"], *made["lengths"]):
        row["scored"], row["metrics"]["exact"] = 0, {"value": None, "n": 0}
    write_results(tmp_path, {"t": made})
    png = pictures.heatmap(read_runs([tmp_path])[0])
    assert share(png, UNSCORED) > 0.2
    assert share(png, colour(0)) < 0.01  # the colour scale alone


def test_partly_scored_cells_have_a_grey_corner(tmp_path):
    """A cell with some unscored samples keeps its colour and gets a grey corner."""
    made = block()
    for row in made["cells"]:
        row["n"], row["scored"], row["metrics"]["exact"] = 3, 2, {"value": 1.0, "n": 2}
    write_results(tmp_path, {"t": made})
    png = pictures.heatmap(read_runs([tmp_path])[0])
    assert 0 < share(png, UNSCORED) < share(png, colour(1)) / 5


def test_cells_that_were_not_run_are_not_coloured(tmp_path):
    """Cells without samples are white with strokes."""
    made = block()
    made["cells"] = [row for row in made["cells"] if row["length"] == "1k"]
    write_results(tmp_path, {"t": made})
    png = pictures.heatmap(read_runs([tmp_path])[0])
    assert share(png, (221, 221, 221)) > 0.005
    assert share(png, UNSCORED) < FLECKS


def test_lines_show_every_model(runs):
    """Each model has its own colour; published figures are grey."""
    png = pictures.lines(runs)
    for paint in LINES[:2]:
        rgb = tuple(int(paint[i : i + 2], 16) for i in (1, 3, 5))
        assert share(png, rgb) > 0.0005
    assert share(png, (0x77, 0x77, 0x77)) > 0


def test_pictures_are_reproducible(runs):
    """The same run gives the same bytes."""
    assert pictures.heatmap(runs[0]) == pictures.heatmap(runs[0])


def test_large_grids_stay_within_bounds(tmp_path):
    """A grid of 11 lengths and 50 depths is drawn, in a picture of at most 3,000 pixels a side."""
    lengths = [f"{2**i}k" for i in range(11)]
    write_results(tmp_path, {"t": block(context_lengths=lengths, depths=50, samples_per_cell=1)})
    size = Image.open(io.BytesIO(pictures.heatmap(read_runs([tmp_path])[0]))).size
    assert max(size) <= 3000


def test_without_matplotlib_the_extra_is_named(runs, monkeypatch):
    """Where matplotlib is missing, the error names the extra that brings it."""
    monkeypatch.setattr(pictures, "find_spec", lambda _: None)
    assert not pictures.available()
    with pytest.raises(MissingExtraError, match=r"lm-eval-longctx\[report\]"):
        pictures.heatmap(runs[0])


def luminance(rgb):
    return float(np.dot(np.asarray(rgb) / 255, [0.2126, 0.7152, 0.0722]))


def test_palette_rises_in_lightness_and_has_no_grey():
    """Better is always lighter, so red-green blindness and black-and-white print lose nothing; no score is grey."""
    shades = [colour(i / 100) for i in range(101)]
    lightness = [luminance(shade) for shade in shades]
    assert lightness == sorted(lightness)
    assert all(max(shade) - min(shade) > 40 for shade in shades)
    assert max(UNSCORED) == min(UNSCORED)


def test_ink_can_be_read_on_every_colour():
    """Text on any cell has a contrast of at least 4.5 to 1 (WCAG AA)."""
    for back in (*(colour(i / 100) for i in range(101)), UNSCORED):
        light, dark = sorted((relative(back), relative(ink(back))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def relative(rgb):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
