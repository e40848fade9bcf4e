"""Pictures to be told in a table: what is drawn is what the table says, and fewer are the first of more."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from spread_kit import scripted_scores

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.film.actors import THINGS
from lm_eval_longctx.hay.film.paint import COLOURS
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import ImagePart, TextPart
from lm_eval_longctx.scorers.table_rows import TableCellsScorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.image_extract.builder import ImageExtractBuilder
from lm_eval_longctx.tasks.image_extract.source import MOST, Card

LOOK = Look.parse("480x360", 1.0)


def built(folder, **metadata):
    """Make a builder of small pictures."""
    kind = ImageExtractBuilder
    given = {"version": 1, "context_lengths": [5], "resolution": "160x120", **metadata}
    sweep = parse_sweep(given, task="extract", unit=kind.UNIT, options=kind.OPTIONS, has_depth=False, idle=kind.IDLE)
    return kind(sweep, BuildContext(str, folder))


@pytest.mark.parametrize("thing", sorted(THINGS))
def test_what_is_drawn_can_be_counted_and_its_colour_found(thing):
    """On the board there are as many separate things as the table says, and most of what is coloured has its colour."""
    for count, colour in zip(range(1, MOST + 1), Rng(thing).sample(sorted(COLOURS), MOST), strict=True):
        picture = np.asarray(Card(thing, colour, count, "K47").drawn(LOOK, Rng(f"{thing}{count}"))).astype(int)
        inner = picture[360 * 25 // 100 : 360 * 75 // 100, 480 * 7 // 100 : 480 * 93 // 100]
        drawn = np.abs(inner - inner[2, 200]).sum(axis=2) > 0
        high, columns = drawn.any(axis=1).sum(), np.flatnonzero(drawn.any(axis=0))
        # The tail of a cat is apart from it; things are much further apart than that.
        assert np.count_nonzero(np.diff(columns) > high // 5) == count - 1
        found = {name: (inner == np.array(rgb)).all(axis=2).sum() for name, rgb in COLOURS.items()}
        assert max(found, key=found.get) == colour


def test_the_label_is_legible_and_hides_nothing():
    """In each corner the label lies within the picture and beside the board."""
    places = set()
    for seed in range(24):
        picture = np.asarray(Card("cup", "red", 1, "M88").drawn(LOOK, Rng(str(seed))))
        rows, columns = np.nonzero((picture == 0).all(axis=2))
        assert rows.max() < 360 * 24 // 100 or rows.min() > 360 * 76 // 100
        assert min(rows.min(), columns.min()) > 0
        places.add((rows.mean() < 180, columns.mean() < 240))
    assert len(places) == 4


def test_the_prompt_shows_each_picture_after_its_number(tmp_path):
    """Pictures come in order, the question last, and it lists what may be said."""
    builder = built(tmp_path)
    (sample,) = builder.samples()
    parts = list(builder.render(sample).parts())
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    pictures = [part for part in parts if isinstance(part, ImagePart)]
    assert [text for text in texts if text.startswith("Picture")] == [f"Picture {n}: " for n in range(1, 6)]
    assert len({part.digest for part in pictures}) == 5
    with Image.open(pictures[0].path) as picture:
        assert picture.size == (160, 120)
    rows = [line.split("\t") for line in sample["target"].split("\n")]
    assert [row[0] for row in rows] == list("12345")
    assert all(row[1] in texts[-1] and row[2] in texts[-1] for row in rows)
    assert all(re.fullmatch(r"[A-Z]\d\d", row[4]) and row[3] in "1234" for row in rows)


def test_fewer_pictures_are_the_first_of_more(tmp_path):
    """All numbers of pictures of an index begin alike, and another index and another seed show others."""
    few, many = built(tmp_path, context_lengths=[3, 9]).samples()
    assert many["target"].startswith(few["target"])
    others = [*built(tmp_path, samples_per_cell=2).samples(), *built(tmp_path, seed=2).samples()]
    assert len({one["target"] for one in others}) == 3


def test_answers_have_room_for_the_table(tmp_path):
    """The room for an answer grows with the table: 512 rows fit twice."""
    (sample,) = built(tmp_path, context_lengths=[512]).samples()
    assert sample["max_gen_toks"] > 2 * 512 * 8


def test_who_sees_nothing_gets_no_row(tmp_path):
    """The best of all blind solvers gets no row right."""
    train, test = (built(tmp_path, samples_per_cell=6, seed=seed).samples() for seed in (1, 2))
    scorer = TableCellsScorer({})
    floors = blind_floor(train, test, lambda sample, said: scorer.score(sample, said)["rows_right"])
    assert max(floor.score for floor in floors) == 0


def test_the_oracle_is_right_through_lm_eval(tmp_path, monkeypatch):
    """A model that gives each question its table as Markdown is right in every cell in a real run."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    told, count = scripted_scores(
        "longctx_image_extract", tmp_path, lambda doc: "| " + doc["target"].replace("\t", " | "), preset="smoke"
    )
    assert count == 1
    assert [told[f"{name},none"] for name in ("rows_right", "cells_right", "until_error", "exact")] == [1, 1, 1, 1]


def test_a_size_that_is_none_is_refused(tmp_path):
    """A resolution that cannot be read is an error before anything is drawn."""
    with pytest.raises(ConfigError, match="640x360"):
        built(tmp_path, resolution="large")
