"""A spliced film: the haystack everywhere but where the plan says otherwise."""

from __future__ import annotations

import hashlib
import platform
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.day.film import DaySound
from lm_eval_longctx.hay.day.script import write_day
from lm_eval_longctx.hay.film.codec import CODERS
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import CHUNK, Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut, write_film

if TYPE_CHECKING:
    from pathlib import Path

NEEDLE = Overlay("needle", 9)


def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def _packets(path: Path) -> list[tuple[int, int, int]]:
    with av.open(str(path)) as container:
        return [(p.pts, p.duration, p.size) for p in container.demux(video=0) if p.size]


def _write(library: Library, path: Path, pictures: int, **overlays: int) -> Path:
    write_film(library, Cut(pictures, dict.fromkeys(overlays.values(), NEEDLE)), path)
    return path


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.sets(st.integers(0, CHUNK + 9), max_size=4))
def test_exactly_the_planned_pictures_differ(library: Library, tmp_path: Path, places: set[int]) -> None:
    """Decoded, every picture is the haystack's bit for bit but those with an overlay."""
    pictures = CHUNK + 10
    hay = _frames(_write(library, tmp_path / "hay.mp4", pictures))
    write_film(library, Cut(pictures, dict.fromkeys(places, NEEDLE)), tmp_path / "spliced.mp4")
    spliced = _frames(tmp_path / "spliced.mp4")
    assert len(spliced) == len(hay) == pictures
    assert {i for i in range(pictures) if not np.array_equal(hay[i], spliced[i])} == places


@pytest.mark.parametrize("codec", sorted(CODERS))
@pytest.mark.parametrize("first", [1, CHUNK - 3, CHUNK + 2])
def test_a_film_may_begin_later(tmp_path: Path, look: Look, codec: str, first: int) -> None:
    """A film cut out of a long one shows its pictures bit for bit from time 0 on, but for its own needle."""
    library = Library(Film("later", look), codec, tmp_path / "hay")
    long = _write(library, tmp_path / "whole.mp4", CHUNK + 9)
    whole = _frames(long)
    write_film(library, Cut(6, {4: NEEDLE}, first=first), tmp_path / "part.mp4")
    part = _frames(tmp_path / "part.mp4")
    assert [np.array_equal(one, whole[first + i]) for i, one in enumerate(part)] == [True] * 4 + [False, True]
    assert [row[:2] for row in _packets(tmp_path / "part.mp4")] == [row[:2] for row in _packets(long)[:6]]


@pytest.mark.parametrize("codec", sorted(CODERS))
@pytest.mark.parametrize("fps", [Fraction(1), Fraction(2), Fraction(1, 2), Fraction(30000, 1001)])
def test_durations_and_times_are_exact(tmp_path: Path, codec: str, fps: Fraction) -> None:
    """Each picture is shown from n/fps to (n + 1)/fps, and the file says so."""
    library = Library(Film("times", Look(64, 36, fps)), codec, tmp_path / "hay")
    path = _write(library, tmp_path / "film.mp4", 7, a=3)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == 7 / fps
        assert stream.average_rate == fps
        times = [frame.pts * frame.time_base for frame in container.decode(stream)]
        assert times == [n / fps for n in range(7)]


@pytest.mark.parametrize("codec", sorted(CODERS))
def test_the_file_plays_from_start_to_end_in_a_second_decoder(tmp_path: Path, codec: str, look: Look) -> None:
    """OpenCV reads every picture, and sees the same as PyAV."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with the extra embedded")
    library = Library(Film("second", look), codec, tmp_path / "hay")
    path = _write(library, tmp_path / "film.mp4", 70, a=65)
    film, seen = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        seen.append(read[1])
    with av.open(str(path)) as container:
        ours = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(seen) == len(ours) == 70
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(seen, ours, strict=True)) < 2


def test_a_second_of_its_own_shows_the_needle_in_any_sampling(library: Library, tmp_path: Path) -> None:
    """One picture a second, sampled at any phase, shows the needle exactly once."""
    from lm_eval_longctx.hay.film.reading import frames_at

    hay, spliced = _write(library, tmp_path / "hay.mp4", 30), _write(library, tmp_path / "film.mp4", 30, a=17)
    for phase in (0.0, 0.25, 0.5, 0.99):
        moments = [n + phase for n in range(30)]
        pairs = zip(frames_at(hay, moments), frames_at(spliced, moments), strict=True)
        assert [n for n, ((_, a), (_, b)) in enumerate(pairs) if a.tobytes() != b.tobytes()] == [17]


def test_packet_sizes_and_times_are_those_of_the_haystack(library: Library, tmp_path: Path) -> None:
    """Whatever is hidden, sizes, times and the file's length say nothing about it."""
    hay = _write(library, tmp_path / "hay.mp4", 50)
    for place in (0, 23, 49):
        spliced = _write(library, tmp_path / f"{place}.mp4", 50, a=place)
        assert _packets(spliced) == _packets(hay)
        assert spliced.stat().st_size == hay.stat().st_size


BYTES = {"vp9": "5c9f79c7dd871c92", "h264": "60b34986377a3859", "mpeg4": "35bb1167988d0e89"}
"""Of a film of 90 pictures with sound, by PyAV 17.1 to 19.0; whoever changes one raises the tasks' versions."""


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="FFmpeg may round colours otherwise")
@pytest.mark.parametrize("codec", sorted(CODERS))
def test_the_same_plan_gives_the_same_bytes(look: Look, tmp_path: Path, codec: str) -> None:
    """A film depends on its plan only: not on time, the library's folder, or the version of PyAV."""
    cut = Cut(90, {5: NEEDLE}, DaySound(write_day("heard", 90)))
    write_film(Library(Film("same", look), codec, tmp_path / "hay"), cut, tmp_path / "film.mp4")
    assert hashlib.sha256((tmp_path / "film.mp4").read_bytes()).hexdigest()[:16] == BYTES[codec]


def test_a_sound_track_is_as_long_as_the_film_and_changes_no_picture(library: Library, tmp_path: Path) -> None:
    """Bells ring in the seconds that the script names, and pictures stay."""
    day = write_day("heard", 90)
    write_film(library, Cut(90, {}, DaySound(day)), tmp_path / "loud.mp4")
    silent = _write(library, tmp_path / "silent.mp4", 90)
    assert all(np.array_equal(a, b) for a, b in zip(_frames(tmp_path / "loud.mp4"), _frames(silent), strict=True))
    with av.open(str(tmp_path / "loud.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.duration * stream.time_base == 90
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    seconds = wave[: 90 * 16_000].reshape(90, 16_000)
    loud = set(np.flatnonzero(np.sqrt((seconds**2).mean(axis=1)) > 0.05).tolist())
    assert loud == {second for heard in day.heard for second in heard.times}


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(library: Library, tmp_path: Path) -> None:
    """The message says which file; no half of it stays."""
    target = tmp_path / "folder.mp4"
    target.mkdir()
    with pytest.raises(MediaError, match=r"cannot write the film .*folder\.mp4"):
        write_film(library, Cut(3, {}), target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.mp4", "hay"]
