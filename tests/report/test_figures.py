"""The figures: what their data say, and the files that are drawn of them."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_sweeps import block, write_results
from PIL import Image

from lm_eval_longctx.errors import MissingExtraError, UnknownOptionError
from lm_eval_longctx.report.figures import FORMATS, LOOKS, Figure, available, drawn, figure, figures, save, whole
from lm_eval_longctx.report.palette import UNSCORED, colour, hexadecimal, ink
from lm_eval_longctx.results import read_runs

pytest.importorskip("vl_convert", reason="figures need the extra 'report'")

GREY = hexadecimal(UNSCORED)


def heatmaps(runs, metric=None):
    """Return the heatmaps of some runs."""
    return [one for one in figures(runs, metric) if one.kind == "heatmap"]


def made(folder, changed, **metadata):
    """Return the heatmap of a run whose block was changed."""
    one = block(**metadata)
    changed(one)
    write_results(folder, {"t": one})
    return heatmaps(read_runs([folder]))[0]


def fills(one, look="light"):
    """Return how often each colour fills a shape of the drawn figure, and what is written in it."""
    svg = drawn(one, "svg", look).decode()
    ET.fromstring(svg)  # noqa: S314 - ours
    counts = {}
    for paint in re.findall(r'<path aria-label[^>]* fill="(#\w+|rgb\([^)]*\))"', svg):
        counts[paint] = counts.get(paint, 0) + 1
    return counts, re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_unscored_cells_are_grey(runs):
    """Four of fifteen cells are grey and say why, one is of the worst colour; a perfect run has no grey."""
    partial, perfect = map(fills, heatmaps(runs))
    assert partial[0][GREY] == 4
    assert (partial[1].count("too long"), partial[1].count("refused")) == (3, 1)
    assert partial[0][f"rgb{colour(0)}"] == 1
    assert perfect[0] == {f"rgb{colour(1)}": 15}


def unscored(one):
    for row in (*one["cells"], *one["lengths"]):
        row["scored"], row["metrics"]["exact"] = 0, {"value": None, "n": 0}


def test_unscored_cells_are_never_the_worst_colour(tmp_path):
    """A run in which nothing was scored is all grey, without a cell in the worst colour."""
    counts, _ = fills(made(tmp_path, unscored))
    assert counts == {GREY: 15}


def partly(one):
    for row in one["cells"]:
        row["n"], row["scored"], row["metrics"]["exact"] = 3, 2, {"value": 1.0, "n": 2}


def test_partly_scored_cells_have_a_grey_corner(tmp_path):
    """A cell with some unscored samples keeps its colour, gets a grey corner and says how many are scored."""
    counts, texts = fills(made(tmp_path, partly))
    assert counts == {GREY: 15, f"rgb{colour(1)}": 15}
    assert texts.count("2 of 3") == 15


def short(one):
    one["cells"] = [row for row in one["cells"] if row["length"] == "1k"]


def test_cells_that_were_not_run_are_not_coloured(tmp_path):
    """Cells without samples have a stroke, no colour and no number."""
    one = made(tmp_path, short)
    counts, texts = fills(one)
    assert counts == {f"rgb{colour(1)}": 5, "transparent": 10} or counts == {f"rgb{colour(1)}": 5}
    assert texts.count("1.00") == 5
    assert [row["state"] for row in one.data["cells"]].count("not run") == 10


def test_lines_have_a_colour_for_every_model(runs):
    """Each model has its own line, in its own colour of the look."""
    (one,) = [one for one in figures(runs) if one.kind == "lengths"]
    for look in LOOKS.values():
        svg = drawn(one, "svg", next(name for name, known in LOOKS.items() if known is look)).decode()
        assert all(f'stroke="{paint}"' in svg for paint in look.lines[:2])
    assert {row["model"] for row in one.data["scores"]} == {"fake/model", "perfect/model"}


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_same_figure_gives_the_same_bytes(runs, form, tmp_path):
    """Each form is written by its suffix, and is the same every time (but for the order of fonts in a PDF)."""
    one = heatmaps(runs)[0]
    file = save(one, tmp_path / f"x.{form}")
    first, second = file.read_bytes(), drawn(one, form)
    assert len(first) == len(second) if form == "pdf" else first == second
    begin = {"svg": b"<svg", "pdf": b"%PDF", "png": b"\x89PNG", "html": b"<!doctype html>", "json": b"{"}
    assert file.read_bytes().startswith(begin[form])


def test_png_has_300_dots_an_inch(runs):
    """A PNG has 300 dots an inch: its size in pixels is that of the SVG in points, times 300 / 72."""
    one = heatmaps(runs)[0]
    size = Image.open(io.BytesIO(drawn(one, "png"))).size
    wide = float(re.search(r'width="([\d.]+)"', drawn(one, "svg").decode())[1])
    assert size[0] == pytest.approx(wide * 300 / 72, abs=2)


def test_a_specification_is_complete_and_plain(runs):
    """A saved specification holds its data, names nothing to fetch, and no view of it lacks its table."""
    for one in figures(runs):
        plain = json.loads(drawn(one, "json"))
        assert plain["datasets"] == json.loads(json.dumps(dict(one.data)))
        assert "url" not in json.dumps(plain).replace(plain["$schema"], "")
        assert whole(one) == plain


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_large_grids_fit(tmp_path, look):
    """A grid of 11 lengths and 50 depths is no wider than its look allows; a paper's is one column."""
    lengths = [f"{2**i}k" for i in range(11)]
    write_results(tmp_path, {"t": block(context_lengths=lengths, depths=50, samples_per_cell=1)})
    for one in figures(read_runs([tmp_path])):
        svg = drawn(one, "svg", look).decode()
        assert float(re.search(r'width="([\d.]+)"', svg)[1]) <= LOOKS[look].most + 1


def test_without_what_draws_the_extra_is_named(runs, monkeypatch):
    """Where nothing can draw, the error names the extra; a specification is saved all the same."""
    monkeypatch.setattr(figure, "find_spec", lambda _: None)
    one = heatmaps(runs)[0]
    assert not available()
    for form in ("svg", "pdf", "png", "html"):
        with pytest.raises(MissingExtraError, match=r"lm-eval-longctx\[report\]"):
            drawn(one, form)
    assert drawn(one, "json")


def test_unknown_forms_and_looks_are_named(runs):
    """A form or look that there is not is an error that names those there are."""
    one = heatmaps(runs)[0]
    with pytest.raises(UnknownOptionError, match="svg"):
        drawn(one, "gif")
    with pytest.raises(UnknownOptionError, match="paper"):
        drawn(one, "json", "papr")


def test_names_cannot_break_a_figure(tmp_path):
    """A model's name with markup, quotes and lone surrogates is text in every form."""
    write_results(tmp_path, {"t": block()}, model="</script><b>\"'\ud800\x00{{x}}")
    for one in figures(read_runs([tmp_path])):
        assert isinstance(one, Figure)
        ET.fromstring(drawn(one, "svg"))  # noqa: S314 - ours
        assert b"<b>" not in drawn(one, "html")
        assert drawn(one, "html").count(b"</script>") == 2
        assert drawn(one, "pdf")


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
