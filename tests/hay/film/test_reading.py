"""Reading films: the picture on screen at each moment, whatever the file is like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.film.reading import film_facts, frames_at, sample_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL.Image import Image

REGULAR = [n / 25 for n in range(75)]
UNEVEN = [0.0, 0.4, 0.9, 2.1, 2.2, 3.6]


def _number(picture: Image) -> int:
    """Tell a flat picture's number by the brightness of its left half."""
    return round((np.asarray(picture.convert("L"))[:, : picture.width // 4].mean() - 40) / 20)


def test_every_moment_shows_what_is_on_screen(shoot: Callable[..., Path]) -> None:
    """At one moment a second a film of 25 frames a second gives frames 0, 25 and 50."""
    seen = list(sample_frames(shoot("film.mp4", REGULAR), 1.0))
    assert [seconds for seconds, _ in seen] == [0, 1, 2]
    assert [_number(p) for _, p in seen] == [n % 10 for n in (0, 25, 50)]


def test_variable_frame_rates_hold_each_frame_until_the_next(shoot: Callable[..., Path]) -> None:
    """Frames that come at uneven times are on screen until the next one."""
    seen = [(seconds, _number(p)) for seconds, p in sample_frames(shoot("uneven.mkv", UNEVEN), 2.0)]
    assert seen[:8] == [(0.0, 0), (0.5, 1), (1.0, 2), (1.5, 2), (2.0, 2), (2.5, 4), (3.0, 4), (3.5, 4)]


def test_seeking_finds_the_same_pictures(shoot: Callable[..., Path]) -> None:
    """A few moments found by seeking are those of watching from the start."""
    path = shoot("uneven.mkv", UNEVEN)
    moments = [0.0, 0.5, 2.0, 2.15, 3.0]
    assert [_number(p) for _, p in frames_at(path, moments)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotated_films_are_shown_upright(shoot: Callable[..., Path], turn: int) -> None:
    """A rotation that the file asks for is done, as OpenCV does it too."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with the extra embedded")
    path = shoot("turned.mp4", REGULAR, rotation=turn)
    ours = np.asarray(next(sample_frames(path, 1.0))[1].convert("L")).astype(int)
    theirs = cv2.cvtColor(cv2.VideoCapture(str(path)).read()[1], cv2.COLOR_BGR2GRAY).astype(int)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 4
    facts = film_facts(path)
    assert (facts.height, facts.width) == ours.shape


def test_facts_are_those_of_the_file(shoot: Callable[..., Path]) -> None:
    """Duration and size are read without decoding all of it."""
    facts = film_facts(shoot("film.mp4", REGULAR, size=(80, 60)))
    assert (facts.width, facts.height) == (80, 60)
    assert facts.seconds == pytest.approx(3.0, abs=0.05)


def _broken(tmp_path: Path, shoot: Callable[..., Path]) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.mp4" for name in ("missing", "empty", "text", "cut", "sound")}
    files["empty"].touch()
    files["text"].write_text("this is no film\n" * 100, encoding="utf-8")
    whole = shoot("whole.mp4", REGULAR).read_bytes()
    files["cut"].write_bytes(whole[: len(whole) // 2])
    with av.open(str(files["sound"]), "w") as output:
        stream = output.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), "f4"), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return files


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing", "is not a file"),
        ("empty", r"is empty \(0 bytes\)"),
        ("text", "is not a film that can be read"),
        ("cut", "is not a film that can be read|breaks off"),
        ("sound", "has no pictures, only audio"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, shoot: Callable[..., Path], name: str, says: str) -> None:
    """Each kind of bad file gets one clear line with its name."""
    path = _broken(tmp_path, shoot)[name]
    for read in (film_facts, lambda p: list(sample_frames(p, 1.0)), lambda p: list(frames_at(p, [0.0]))):
        with pytest.raises(MediaError, match=rf"{name}\.mp4 ({says})"):
            read(path)


def test_real_footage_can_be_read(shared_data: Path) -> None:
    """Five seconds of an animated film give six moments at one a second."""
    path = shared_data / "video" / "bigbuckbunny.mp4"
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert [(seconds, p.size) for seconds, p in sample_frames(path, 1.0)] == [(float(n), (1280, 720)) for n in range(6)]


def test_a_raw_stream_is_called_one(tmp_path: Path) -> None:
    """Pictures without times are named as what they are, with the command that mends them."""
    path = tmp_path / "camera.h264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        pictures = [
            av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * i, np.uint8), format="rgb24") for i in range(9)
        ]
        for packet in [p for picture in (*pictures, None) for p in stream.encode(picture)]:
            container.mux(packet)
    for look in (film_facts, lambda film: list(sample_frames(film, 1.0))):
        with pytest.raises(MediaError, match=r"camera.h264 is a raw stream.*-i camera.h264 -c copy camera.mp4"):
            look(path)
