"""The drawn film: a function of name and time, and never twice the same."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.film.actors import POSES, THINGS
from lm_eval_longctx.hay.film.backdrops import BACKDROPS, backdrop
from lm_eval_longctx.hay.film.film import REEL, Film
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL = Look(160, 90, Fraction(1))


def _thumbs(pictures: Iterable[Image.Image]) -> np.ndarray:
    small = [np.asarray(p.convert("L").resize((16, 9), Image.Resampling.BOX)) for p in pictures]
    return np.array(small).astype(float)


def test_the_same_name_gives_the_same_pictures() -> None:
    """A film depends on its name and nothing else."""
    first, again, other = (list(Film(name, SMALL).pictures(3, 6)) for name in ("a", "a", "b"))
    assert [p.tobytes() for p in first] == [p.tobytes() for p in again]
    assert [p.tobytes() for p in first] != [p.tobytes() for p in other]


def test_any_moment_can_be_drawn_alone() -> None:
    """A picture is the same whether or not those before it are drawn."""
    film = Film("a", SMALL)
    in_order = list(film.pictures(55, 65))
    assert [next(film.pictures(i, i + 1)).tobytes() for i in range(55, 65)] == [p.tobytes() for p in in_order]


def test_the_script_of_a_film_is_frozen() -> None:
    """The same name gives the same shots on every machine and Python; a change needs a new VERSION."""
    told = repr([shot for reel in (0, 1, 630) for shot in Film("golden", SMALL).shots(reel)])
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "28b7f9e678426745"


def test_the_pictures_of_a_film_are_frozen() -> None:
    """The same name gives the same pixels on every machine, Python and Pillow; a change needs a new VERSION."""
    drawn = b"".join(picture.tobytes() for picture in Film("golden", Look(320, 180, Fraction(1))).pictures(0, 30))
    assert hashlib.sha256(drawn).hexdigest()[:16] == "182ab29224a6ce16"


def test_twice_the_rate_shows_the_same_film() -> None:
    """At two pictures a second every second one is the picture of the slower film."""
    fast = Film("a", Look(160, 90, Fraction(2)))
    assert [p.tobytes() for p in fast.pictures(0, 12)][::2] == [p.tobytes() for p in Film("a", SMALL).pictures(0, 6)]


def test_pictures_are_not_near_duplicates() -> None:
    """Any two of 150 pictures differ by 3 steps of brightness or more on average, neighbours included."""
    thumbs = _thumbs(Film("varied", SMALL).pictures(0, 150))
    distance = np.abs(thumbs[:, None] - thumbs[None]).mean((2, 3))
    distance[np.eye(len(thumbs), dtype=bool)] = 255
    assert distance.min() > 3
    assert np.median(distance.min(axis=1)) > 8


@pytest.mark.parametrize("reel", [0, 7, 629])
def test_shots_fill_their_reel(reel: int) -> None:
    """Shots of a reel follow each other without gap, each of two seconds or more."""
    shots = Film("a", SMALL).shots(reel)
    assert shots[0].start == reel * REEL
    assert all(b.start == a.start + a.seconds for a, b in pairwise(shots))
    assert shots[-1].start + shots[-1].seconds == (reel + 1) * REEL
    assert min(s.seconds for s in shots) >= 2


@pytest.mark.parametrize("kind", sorted(BACKDROPS))
def test_every_place_can_be_drawn_small_and_wide(kind: str) -> None:
    """A place fills any size with more than a few colours."""
    for size in ((64, 36), (500, 120)):
        picture = backdrop(kind, Rng(kind), *size)
        assert picture.size == size
        assert len(np.unique(np.asarray(picture.resize((16, 9))).reshape(-1, 3), axis=0)) > 8


def test_no_place_thing_or_pose_is_left_out() -> None:
    """An hour of film shows every place, every thing and every pose."""
    shots = [shot for reel in range(60) for shot in Film("a", SMALL).shots(reel)]
    assert {shot.place for shot in shots} == set(BACKDROPS)
    assert {actor.kind for shot in shots for actor in shot.actors} == {*THINGS, "person"}
    assert {actor.pose for shot in shots for actor in shot.actors} == set(POSES)


@pytest.mark.parametrize(
    ("resolution", "says"),
    [("640*360", "640x360"), ("641x360", "640x360"), ("16x16", "32 to 4096"), ("big", "must be written")],
)
def test_a_bad_resolution_says_what_would_be_right(resolution: str, says: str) -> None:
    """A size that films cannot have is refused with one that they can."""
    with pytest.raises(ConfigError, match=says):
        Look.parse(resolution, 1.0)


def test_lengths_are_whole_sampling_intervals() -> None:
    """A duration holds as many pictures as fit into it, and never more."""
    assert Look.parse("640x360", 1.0).pictures(37_800) == 37_800
    assert Look.parse("640x360", 0.5).pictures(7) == 3
    assert Look.parse("640x360", 29.97).pictures(100) == 2997
