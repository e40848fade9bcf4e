"""Which mark goes on which picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.film import needles
from lm_eval_longctx.hay.film.needles import DECOYS, ORDINALS, WORDS
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.plan import PlannedSample
from lm_eval_longctx.units import Length, Unit

DEFAULTS: dict[str, Any] = {option.name: option.default for option in needles.OPTIONS}


def _sample(depth: float | None = 0.5, index: int = 0, variant: str = "") -> PlannedSample:
    return PlannedSample("task", "1", 0, Length(60, Unit.SECONDS), depth, index, variant)


def _hide(sample: PlannedSample, pictures: int, **options: Any) -> needles.Hidden:
    return needles.hide(sample, {**DEFAULTS, **options}, pictures, (640, 360), needles.Lettering())


@given(
    depth=st.floats(0, 1),
    count=st.integers(1, 10),
    distractors=st.integers(0, 20),
    pictures=st.integers(30, 40_000),
    index=st.integers(0, 99),
)
def test_every_mark_has_a_picture_of_its_own(
    depth: float, count: int, distractors: int, pictures: int, index: int
) -> None:
    """Needles and distractors lie on different pictures inside the film; the first needle at the asked depth."""
    hidden = _hide(_sample(depth, index), pictures, needles=count, distractors=distractors)
    places = [shown.picture for shown in (*hidden.needles, *hidden.distractors)]
    assert len(places) == len(set(places)) == count + distractors
    assert all(0 <= place < pictures for place in places)
    assert places[0] == round(depth * (pictures - 1))
    values = {value for _, value in hidden.pairs}
    assert len(values) == count
    assert not values & {shown.value for shown in hidden.distractors}


def test_a_needle_reads_as_in_the_report() -> None:
    """One needle is worded as in the report; several are numbered; distractors are called otherwise."""
    (one,) = _hide(_sample(), 60).needles
    assert one.mark.to_dict()["text"] == f'The secret word is "{one.value}"'
    several = _hide(_sample(), 60, needles=3, distractors=2)
    assert several.target() == {key: shown.value for key, shown in zip(ORDINALS, several.needles, strict=False)}
    assert [s.mark.to_dict()["text"].split('"')[0] for s in several.needles] == [
        f"The {ordinal} secret word is " for ordinal in ORDINALS[:3]
    ]
    assert all(s.mark.to_dict()["text"].split()[1] in DECOYS for s in several.distractors)


def test_absent_samples_hide_nothing_but_distractors() -> None:
    """A share of samples has no needle; words and distractors stay what they would be."""
    with_needle, without = _hide(_sample(), 60, distractors=2), _hide(_sample(), 60, distractors=2, absent=1.0)
    assert without.needles == ()
    assert without.absent
    assert without.distractors == with_needle.distractors
    absent = [_hide(_sample(index=i), 60, absent=0.3).absent for i in range(300)]
    assert 60 < sum(absent) < 120


def test_the_steps_of_a_ladder_differ_in_size_and_contrast_only() -> None:
    """Word, picture and place are the same on every step."""
    options = {"overlay_size": [4, 8], "overlay_contrast": [0.5, 1.0]}
    names = needles.variants({**DEFAULTS, **options})
    assert names == [f"size={s}%,contrast={c}" for s in (4, 8) for c in ("0.5", "1")]
    shown = [_hide(_sample(variant=name), 60, **options).needles[0] for name in names]
    assert {(s.value, s.picture) for s in shown} == {(shown[0].value, shown[0].picture)}
    sizes = [(s.mark.to_dict()["size"], s.mark.to_dict()["contrast"]) for s in shown]
    assert sizes == [(14, 0.5), (14, 1.0), (29, 0.5), (29, 1.0)]
    assert needles.variants(DEFAULTS) == [""]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"overlay_size": 0}, "overlay_size must be a number from 1 to 50"),
        ({"overlay_size": []}, "overlay_size is an empty list"),
        ({"overlay_contrast": [0.5, "high"]}, "overlay_contrast must be a number"),
        ({"overlay_contrast": 2}, "from 0.02 to 1"),
        ({"overlay_size": 30}, r"wider than a picture of 640x360; use an overlay_size of at most \d"),
    ],
)
def test_unfit_overlays_say_what_would_fit(options: dict[str, Any], says: str) -> None:
    """Each bad setting gets one line with the right range."""
    with pytest.raises(ConfigError, match=says):
        _hide(_sample(), 60, **options)


def test_too_few_pictures_are_refused() -> None:
    """A film must have room for all marks."""
    with pytest.raises(LengthError, match="5 pictures cannot hold 3 needles and 4 distractors"):
        _hide(_sample(), 5, needles=3, distractors=4)


def test_words_are_distinct_and_plain() -> None:
    """Words are lower case, all different, and without letters that look like others."""
    assert len(set(WORDS)) == len(WORDS) > 150
    assert all(word.isascii() and word.islower() and word.isalpha() for word in WORDS)
    assert not [word for word in WORDS if any(pair in word for pair in ("rn", "cl", "vv"))]


@given(x=st.floats(0, 1), y=st.floats(0, 1), contrast=st.floats(0.1, 1))
def test_an_overlay_changes_its_box_and_nothing_else(x: float, y: float, contrast: float) -> None:
    """Pixels outside of the box stay; the box lies inside the picture."""
    picture = Image.new("RGB", (320, 180), (90, 120, 150))
    changed = np.any(np.asarray(Overlay("needle", 20, contrast, x, y).on(picture)) != np.asarray(picture), axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert len(rows) <= 32
    assert len(columns) <= 130
    assert changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.9
