"""The figures: what their data say, and the files that are drawn of them."""

from __future__ import annotations

import io
import json
import os
import re
import string
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import made_figures
import numpy as np
import pytest
from made_sweeps import block, write_results
from PIL import Image

from lm_eval_longctx.errors import MissingExtraError, UnknownOptionError
from lm_eval_longctx.report.figures import (
    FORMATS,
    KINDS,
    LOOKS,
    Figure,
    available,
    drawn,
    drawn_ahead,
    figure,
    figures,
    fonts,
    save,
    whole,
)
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


@pytest.mark.parametrize("program", [sys.executable, "no-such-program"])
def test_what_another_process_draws_is_the_same(runs, monkeypatch, program):
    """Drawn in another process each figure is the same to the byte; where there can be none, it is drawn here."""
    shown = figures(runs)
    monkeypatch.setattr(fonts.sys, "executable", program)
    wait = drawn_ahead(shown)
    assert wait() == [drawn(one, "svg") for one in shown]


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
    one = made(tmp_path, partly)
    counts, texts = fills(one)
    assert counts == {f"rgb{colour(1)}": 15}
    assert drawn(one, "svg").decode().count(f'fill="{GREY}"') == 15
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
    for one in heatmaps(read_runs([tmp_path])):
        svg = drawn(one, "svg", look).decode()
        assert float(re.search(r'width="([\d.]+)"', svg)[1]) <= LOOKS[look].most + 1


def test_without_what_draws_the_extra_is_named(runs, monkeypatch):
    """Where nothing can draw, the error names the extra; a specification is saved all the same."""
    monkeypatch.setattr(fonts, "find_spec", lambda _: None)
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
    """A model's name with markup, quotes, half a character and control characters is text in every form."""
    write_results(tmp_path, {"t": block()}, model="</script><b>\"'\ud800\x00{{x}}")
    for one in figures(read_runs([tmp_path])):
        assert isinstance(one, Figure)
        ET.fromstring(drawn(one, "svg"))  # noqa: S314 - ours
    page = drawn(one, "html")
    assert b"<b>" not in page
    assert page.count(b"</script>") == 2
    assert drawn(one, "pdf")


@pytest.fixture(scope="session")
def every(tmp_path_factory):
    """A figure of each kind."""
    return made_figures.every(tmp_path_factory.mktemp("every"))


def test_there_is_a_figure_of_each_kind(every):
    """Results that have something to show of each kind get a figure of each."""
    assert set(every) == set(KINDS) == {kind for kind, _ in made_figures.CASES}


@pytest.mark.parametrize(("kind", "look"), made_figures.CASES)
def test_figures_look_as_they_were_looked_at(every, kind, look):
    """Each figure is drawn as the picture that is kept of it; ``tests/support/made_figures.py`` draws these anew."""
    kept = Image.open(made_figures.GOLDEN / f"{kind}-{look}.png").convert("L")
    assert made_figures.differing(made_figures.small(every[kind], look), kept) < 0.004


def test_a_picture_that_differs_is_found(every):
    """The comparison finds one cell of another colour, and another size."""
    one = every["heatmap"]
    rows = [dict(row) for row in one.data["cells"]]
    next(row for row in rows if row["score"] == 1)["score"] = 0.0
    drawn_ = made_figures.small(one, "light")
    assert made_figures.differing(made_figures.small(replace(one, data={"cells": rows}), "light"), drawn_) > 0.004
    assert made_figures.differing(drawn_.crop((0, 0, 99, 99)), drawn_) == 1


def test_specifications_are_vega_lite(every):
    """Each figure is valid Vega-Lite, by the schema that Altair holds."""
    altair = pytest.importorskip("altair", reason="checks against the schema that Altair holds")
    for one in every.values():
        altair.Chart.from_json(drawn(one, "json").decode())


def test_effective_lengths_say_what_they_end_at(runs):
    """A length that holds as far as was tried, and one that does not, have other marks; the interval is drawn."""
    (one,) = [one for one in figures(runs) if one.kind == "effective"]
    told = {row["model"]: row for row in one.data["lengths"]}
    assert told["perfect/model"]["state"] == "as far as was tried"
    assert told["perfect/model"]["amount"] == 131072
    for run in runs:
        found = run.block["summary"]["effective_length"]["relative"]
        assert told[run.model]["low"] == (1024 if found["low"] is None else found["low"])


def test_scores_by_depth_are_means_over_lengths(runs):
    """The score of a depth is the mean over all scored samples there; the ends are compared with the middle."""
    (one,) = [one for one in figures(runs) if one.kind == "position"]
    middle = next(row for row in one.data["depths"] if (row["model"], row["depth"]) == ("fake/model", 0.5))
    assert (middle["score"], middle["n"]) == (pytest.approx(0.5), 4)  # right at 1k, wrong at 8k, too long at 128k
    assert {row["contrast"] for row in one.data["contrasts"]} == {"beginning - middle", "end - middle"}


def test_outcomes_add_up(every):
    """At each length of a model the shares of all outcomes are together 1."""
    sums = {}
    for row in every["outcomes"].data["outcomes"]:
        place = row["model"], row["length"]
        sums[place] = sums.get(place, 0) + row["share"]
    assert all(total == pytest.approx(1) for total in sums.values())


def test_minutes_and_frames_are_in_order(every):
    """Minutes count words of all recordings alike; numbers of frames rise, and all frames come last."""
    (first, *_) = every["minutes"].data["minutes"]
    assert (first["minute"], first["wer"], first["words"]) == (1, pytest.approx(0.05), 140)
    assert every["frames"].spec["layer"][0]["encoding"]["x"]["sort"] == ["0", "1", "16", "150", "all"]


def test_published_figures_are_a_choice_and_stretch_nothing(tmp_path):
    """Published figures are drawn where asked for; those for longer contexts are told, and the axis is the data's."""
    write_results(tmp_path, {"longctx_text_niah": block(context_lengths=["1k", "512k", "1M"], samples_per_cell=1)})
    runs = read_runs([tmp_path])
    plain, asked = (figures(runs, "recall", published=shown)[0] for shown in (False, True))
    assert "published" not in plain.data
    assert {row["amount"] for row in asked.data["published"]} == {530 * 1024, 1024**2, 200_000}
    domain = asked.spec["encoding"]["x"]["scale"]["domain"]
    assert domain == plain.spec["encoding"]["x"]["scale"]["domain"] == [1024, 1024**2]
    assert "Gemini 1.5 Pro 0.99 at 10,485,760" in asked.notes[0]


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_a_dozen_long_names_fit(tmp_path, look):
    """Twelve models with long names that differ at their ends stay within the look's width, and can be told apart."""
    made_ = block(samples_per_cell=1)
    for index in range(12):
        name = f"some-organisation/a-model-with-a-very-long-name-and-a-date-2026-11-28-instruct-preview-{index}"
        write_results(tmp_path / str(index), {"t": made_}, model=name)
    for one in figures(read_runs([tmp_path])):
        if one.kind in {"lengths", "outcomes", "differences"}:
            svg = drawn(one, "svg", look).decode()
            assert float(re.search(r'width="([\d.]+)"', svg)[1]) <= LOOKS[look].most + 1
        if one.kind in {"lengths", "outcomes"}:
            assert len(set(re.findall(r">(some-org[^<]*…[^<]*\d)<", svg))) == 12


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


@pytest.mark.parametrize("kind", KINDS)
def test_limits_that_no_text_reaches_change_nothing(every, kind, monkeypatch):
    """A figure is the same, byte for byte, with and without the limits that no text reaches."""
    one = every[kind]
    dropped, look = whole(one)["config"], LOOKS["light"].config
    without = drawn(one, "svg")
    monkeypatch.setattr(figure, "without_idle_limits", lambda _: None)
    assert drawn(one, "svg") == without
    assert (dropped["axis"]["labelLimit"], look["axis"]["labelLimit"] > 0) == (0, True)


@pytest.mark.parametrize(
    ("part", "name", "change"),
    [
        ("axis", "labelLimit", lambda spec, long: {**spec, "encoding": {"x": {"axis": {"labelExpr": f"'{long}'"}}}}),
        ("title", "limit", lambda spec, long: {**spec, "title": {"text": "short", "subtitle": long}}),
        ("title", "limit", lambda spec, long: {**spec, "title": {"text": ["short", long]}}),
        ("legend", "titleLimit", lambda spec, long: {**spec, "encoding": {"color": {"title": long}}}),
    ],
    ids=["label", "subtitle", "line of a title", "legend"],
)
@pytest.mark.parametrize("letter", ["W", "@", "\ufdfd"])
def test_limits_that_a_text_may_reach_stay(every, part, name, change, letter):
    """Where a label or a title may be too wide, were all its letters the widest, its limit is kept."""
    limit = LOOKS["light"].config[part][name]
    one, long = every["lengths"], letter * (int(limit / (10 * (1.0 if letter.isascii() else 2.0))) + 1)
    assert whole(replace(one, spec=change(one.spec, long)))["config"][part][name] == limit


def font_file(folder, family, letters):
    """Write a font in which each letter is an empty box three times as wide as it is high."""
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder(1000)
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (3000, 700), (3000, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (3000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": family.replace(" ", "")})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    builder.save(folder / f"{family}.ttf")


ELSEWHERE = """
import sys
from lm_eval_longctx.report.figures import Figure, drawn
for text in sys.argv[1:]:
    mark = {"mark": "text", "encoding": {"text": {"field": "text"}}, "data": {"name": "told"}}
    one = Figure("one", "one", "one", {**mark, "title": text}, {"told": [{"text": text}]})
    print(drawn(one, "svg").decode().partition(' width="')[2].partition('"')[0])
"""


def test_fonts_of_the_machine_come_after_our_own(tmp_path):
    """A machine's other font of our font's name changes no picture; a letter that only its fonts have is measured."""
    home = tmp_path / "of the machine"
    home.mkdir()
    (tmp_path / "fonts.conf").write_text(f'<fontconfig><dir prefix="default">{home}</dir></fontconfig>')
    widths = {}
    for fonts_there in (False, True):
        if fonts_there:
            font_file(home, "Liberation Sans", string.ascii_letters + " ")
            font_file(home, "Elsewhere", "\ue000 ")
        command = [sys.executable, "-c", ELSEWHERE, "words and more words " * 5, "\ue000" * 40]
        environment = {**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        widths[fonts_there] = [*map(float, done.stdout.split())]
    assert widths[True][0] == widths[False][0]
    assert widths[True][1] > 2 * widths[False][1]
