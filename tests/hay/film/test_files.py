"""The user's own films and pictures as hay."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.film import files
from lm_eval_longctx.hay.film.codec import DEFAULT
from lm_eval_longctx.hay.film.files import FramesSource, VideoSource, whole_film
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.source import Look, described, own_part
from lm_eval_longctx.hay.film.splice import Cut, write_film

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lm_eval_longctx.hay.base import BuildContext

LOOK = Look(64, 48, Fraction(1))


def _levels(pictures: list[Image.Image]) -> list[int]:
    """The brightness of the left half of each picture."""
    return [round(np.asarray(p.convert("L"))[12:36, 8:24].mean() / 20) * 20 for p in pictures]


@pytest.fixture
def two_films(shoot: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with a film of three seconds and one of two."""
    folder = tmp_path / "films"
    folder.mkdir()
    shoot("films/a.mp4", [n / 5 for n in range(16)])
    shoot("films/b.mkv", [0.0, 0.3, 1.0, 1.9, 2.0])
    return folder


def test_films_follow_each_other_and_repeat(two_films: Path, context: BuildContext) -> None:
    """All films of a folder are shown by name, then again, and the repetition is recorded."""
    source = VideoSource(str(two_films), context)
    hay = source.hay("ignored", LOOK)
    assert hay.distinct == 5
    levels = _levels(list(hay.pictures(0, 15)))
    assert levels[:5] == levels[5:10] == levels[10:15]
    assert len(set(levels[:5])) > 1
    assert described("video:/secret/folder", source, (hay, 0.0), 15) == {
        "spec": "video:films",
        "digest": hay.identity,
        "repeats": 2,
        "overlap": 0.0,
    }


def test_samples_show_other_pictures_while_there_are_enough(two_films: Path, context: BuildContext) -> None:
    """Each index has pictures of its own as long as the films have enough; then the shared part is told."""
    hay = VideoSource(str(two_films), context).hay("", LOOK)
    parts = [own_part(hay, index, 2) for index in range(4)]
    assert [overlap == 0 for _, overlap in parts] == [True, True, False, False]
    assert parts[0][0] is hay
    assert len({part.identity for part, _ in parts[:2]}) == 2
    shown = [{p.tobytes() for p in part.pictures(0, 2)} for part, _ in parts[:2]]
    assert not shown[0] & shown[1]
    later = parts[1][0]
    assert [p.tobytes() for p in later.pictures(0, 1)] == [
        p.tobytes() for p in hay.pictures(later.first, later.first + 1)
    ]


def test_a_stretch_from_the_middle_is_the_same(two_films: Path, context: BuildContext) -> None:
    """Any stretch and any single picture is what watching from the start shows."""
    hay = VideoSource(str(two_films), context).hay("", LOOK)
    whole = [p.tobytes() for p in hay.pictures(0, 10)]
    assert [p.tobytes() for p in hay.pictures(3, 8)] == whole[3:8]
    assert [next(hay.pictures(i, i + 1)).tobytes() for i in (9, 2, 5)] == [whole[i] for i in (9, 2, 5)]


def test_films_are_decoded_once_however_many_ask(
    two_films: Path, context: BuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 threads, each with hay of its own as processes have, decode each film once and see the same pictures."""
    decoded = []
    monkeypatch.setattr(files, "whole_film", lambda path, *rest: decoded.append(path.name) or whole_film(path, *rest))

    def see(_: int) -> list[bytes]:
        hay = VideoSource(str(two_films), context).hay("", LOOK)
        return [picture.tobytes() for picture in hay.pictures(0, 5)]

    with ThreadPoolExecutor(32) as pool:
        seen = list(pool.map(see, range(32)))
    assert all(pictures == seen[0] for pictures in seen)
    assert sorted(decoded) == ["a.mp4", "b.mkv"]


def test_repeated_pictures_are_not_coded_to_the_same_bytes(
    two_films: Path, context: BuildContext, tmp_path: Path
) -> None:
    """Comparing the copies of a film byte by byte finds no needle: no two packets are equal."""
    look = Look(256, 192, Fraction(1))  # in 64x48 there are 625 ways to shift four blocks, and copies may meet
    library = Library(VideoSource(str(two_films), context).hay("", look), DEFAULT, tmp_path / "hay")
    library.grow(40)
    packets = [packet for _, packet in library.chunk(0).packets()]
    assert len(set(packets)) == len(packets)


def test_odd_sizes_are_fitted_with_bars(shoot: Callable[..., Path], context: BuildContext) -> None:
    """A film of another shape is shown whole, with black bars."""
    hay = VideoSource(str(shoot("tall.mp4", [0.0, 1.0, 2.0], size=(30, 90))), context).hay("", LOOK)
    picture = np.asarray(next(hay.pictures(0, 1)).convert("L"))
    assert picture.shape == (48, 64)
    assert picture[:, :20].max() <= 4
    assert picture[:, 27:31].mean() > 20


def test_a_film_shorter_than_a_sampling_interval_is_named(shoot: Callable[..., Path], context: BuildContext) -> None:
    """The message says how long it is and what an interval is."""
    hay = VideoSource(str(shoot("short.mp4", [0.0, 0.04])), context).hay("", LOOK)
    with pytest.raises(MediaError, match=r"short\.mp4 lasts .* less than one sampling interval of 1 s"):
        list(hay.pictures(0, 1))


@pytest.mark.parametrize("source", [VideoSource, FramesSource])
def test_missing_empty_and_unfit_paths_are_named(source: type, context: BuildContext, tmp_path: Path) -> None:
    """Each gets one clear line."""
    empty = tmp_path / "empty"
    empty.mkdir()
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "notes.txt").write_text("notes", encoding="utf-8")
    for argument, error, says in (
        ("", CorpusError, "needs a path"),
        (str(tmp_path / "gone"), CorpusError, "gone does not exist"),
        (str(empty), CorpusError, "empty is empty"),
        (str(mixed), MediaError, r"notes\.txt is neither film, recording nor picture"),
    ):
        with pytest.raises(error, match=says):
            source(argument, context).hay("", LOOK)


def test_pictures_are_shown_in_order_of_name(context: BuildContext, tmp_path: Path) -> None:
    """A folder of pictures gives them by name, fitted, and again from the first."""
    for number, grey in enumerate((60, 120, 180)):
        Image.new("RGB", (40 + number, 30), (grey, grey, grey)).save(tmp_path / f"{number}.png")
    hay = FramesSource(str(tmp_path), context).hay("", LOOK)
    assert hay.distinct == 3
    assert _levels(list(hay.pictures(0, 5))) == [60, 120, 180, 60, 120]


def test_a_picture_that_is_none_is_named(context: BuildContext, tmp_path: Path) -> None:
    """A text file with a picture's name is refused by name."""
    (tmp_path / "fake.png").write_text("not a picture", encoding="utf-8")
    with pytest.raises(MediaError, match=r"fake\.png cannot be read as a picture"):
        list(FramesSource(str(tmp_path), context).hay("", LOOK).pictures(0, 1))


@pytest.mark.parametrize("broken", ["cut picture", "no picture", "film cut in its middle"])
def test_what_is_broken_is_named_when_a_sample_is_planned(
    shoot: Callable[..., Path], context: BuildContext, tmp_path: Path, broken: str
) -> None:
    """A file that cannot be read as far as it is shown is an error with its name before any picture is asked for."""
    folder = tmp_path / "hay"
    folder.mkdir()
    if broken.startswith("film"):
        shoot("hay/a.mkv", [n / 5 for n in range(50)])
        whole = (folder / "a.mkv").read_bytes()
        (folder / "a.mkv").write_bytes(whole[: len(whole) // 2])
        source: VideoSource | FramesSource = VideoSource(str(folder), context)
    else:
        Image.effect_noise((64, 48), 90).save(folder / "a.png")
        content = (folder / "a.png").read_bytes()
        (folder / "b.png").write_bytes(content[: len(content) // 2] if broken == "cut picture" else b"not one")
        source = FramesSource(str(folder), context)
    hay = source.hay("", LOOK)
    with pytest.raises(MediaError, match=r"[ab]\.(mkv|png)"):
        own_part(hay, 0, 9 if broken.startswith("film") else 2)


def test_real_footage_repeats_to_any_length(shared_data: Path, context: BuildContext, tmp_path: Path) -> None:
    """Five seconds of an animated film become two minutes."""
    path = shared_data / "video" / "bigbuckbunny.mp4"
    if not path.is_file():
        pytest.skip(f"no {path}")
    hay = VideoSource(str(path), context).hay("", Look(160, 90, Fraction(1)))
    library = Library(hay, DEFAULT, tmp_path / "hay")
    write_film(library, Cut(120, {}), tmp_path / "film.mp4")
    assert hay.distinct == 5
    assert (tmp_path / "film.mp4").stat().st_size > 120 * 1024
