"""Media as people really have them: read by their content, or refused in one line that names the file."""

from __future__ import annotations

import os
import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import soundfile
from film_kit import SOURCES as FILMS
from film_kit import add_sound, shoot
from PIL import Image
from sound_kit import SOURCES as SOUNDS

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.film.files import FramesSource, VideoSource
from lm_eval_longctx.hay.film.reading import film_facts, sample_frames
from lm_eval_longctx.hay.film.source import Look, own_part
from lm_eval_longctx.hay.kinds import mime_of
from lm_eval_longctx.hay.language.grammar import read_grammar
from lm_eval_longctx.hay.speech.source import PoolSettings
from lm_eval_longctx.hay.speech.source_folder import FolderSource
from lm_eval_longctx.hay.speech.transcripts import recordings
from lm_eval_longctx.hay.speech.waveform import read_audio
from lm_eval_longctx.hay.text.sources import books

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["add_sound", "shoot"]

RATE = 16_000
SECONDS = 2.0
LOOK = Look(64, 48, Fraction(1))


def _wave(seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate))


def _sound(path: Path, seconds: float = SECONDS, rate: int = RATE, kind: str = "WAV", coded: str = "PCM_16") -> None:
    soundfile.write(path, _wave(seconds, rate), rate, format=kind, subtype=coded)


def _av_sound(path: Path, codec: str, container: str, *, cover: bool = False) -> None:
    """Sound as FFmpeg codes it, with a picture of the record's cover if wanted."""
    with av.open(str(path), "w", format=container) as made:
        stream = made.add_stream(codec, rate=48_000, layout="mono")
        if cover:
            art = made.add_stream("mjpeg", rate=1)
            art.width = art.height = 64
            art.pix_fmt, art.disposition = "yuvj420p", av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(_wave(rate=48_000).astype("f4")[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        cut = av.AudioResampler(stream.format, "mono", 48_000, frame_size=stream.frame_size or None)
        for block in (*cut.resample(frame), *cut.resample(None)):
            made.mux(stream.encode(block))
        made.mux(stream.encode(None))
        if cover:
            made.mux(art.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 64), "red"))))
            made.mux(art.encode(None))


def _cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def _piped(path: Path) -> None:
    """A WAV file by a program that wrote into a pipe: its sizes are unknown."""
    _sound(path)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4
    path.write_bytes(content)


def _then(make: Callable[..., None], after: Callable[[Path], None], **settings: Any) -> Callable[[Path], None]:
    def both(path: Path) -> None:
        make(path, **settings)
        after(path)

    return both


READ: dict[str, tuple[Callable[[Path], None], float]] = {
    "24 bit.wav": (lambda path: _sound(path, coded="PCM_24"), SECONDS),
    "8 bit.wav": (lambda path: _sound(path, coded="PCM_U8"), SECONDS),
    "floats.wav": (lambda path: _sound(path, coded="FLOAT"), SECONDS),
    "mu-law.wav": (lambda path: _sound(path, coded="ULAW"), SECONDS),
    "8 kHz.wav": (lambda path: _sound(path, rate=8_000), SECONDS),
    "96 kHz.flac": (lambda path: _sound(path, rate=96_000, kind="FLAC"), SECONDS),
    "short.wav": (lambda path: _sound(path, seconds=0.2), 0.2),
    "mp3 in truth.wav": (lambda path: _sound(path, kind="MP3", coded="MPEG_LAYER_III"), SECONDS),
    "wav in truth.mp3": (_sound, SECONDS),
    "flac in truth.m4a": (lambda path: _sound(path, kind="FLAC"), SECONDS),
    "flac in truth.dat": (lambda path: _sound(path, kind="FLAC"), SECONDS),
    "mp4 in truth.wav": (lambda path: _av_sound(path, "aac", "mp4"), SECONDS),
    "webm in truth.flac": (lambda path: _av_sound(path, "libopus", "webm"), SECONDS),
    "with a cover.mp3": (lambda path: _av_sound(path, "libmp3lame", "mp3", cover=True), SECONDS),
    "from a pipe.wav": (_piped, SECONDS),
    "mp3 that does not count.mp3": (lambda path: _av_sound(path, "mp2", "mp2"), SECONDS),
}
REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty.wav": (lambda path: path.touch(), "cannot be read as sound|is empty"),
    "text.wav": (lambda path: path.write_text("no sound\n" * 99) and None, "cannot be read as sound"),
    "a picture.wav": (lambda path: Image.new("RGB", (64, 64)).save(path, "PNG"), "cannot be read as sound"),
    "silent.wav": (lambda path: soundfile.write(path, np.zeros(RATE), RATE), "is silent"),
    "cut.wav": (_then(_sound, _cut), r"breaks off after 1\.0 of 2\.0 s"),
    "cut 24 bit.wav": (_then(_sound, _cut, coded="PCM_24"), r"breaks off after 1\.0 of 2\.0 s"),
    "cut.flac": (_then(_sound, _cut, kind="FLAC"), "cannot be read as sound|breaks off"),
    "cut.mp3": (_then(_sound, _cut, kind="MP3", coded="MPEG_LAYER_III"), r"breaks off after .* of 2\.\d s"),
    "cut.m4a": (_then(_av_sound, _cut, codec="aac", container="mp4"), "cannot be read as sound"),
    "cut.webm": (_then(_av_sound, _cut, codec="libopus", container="webm"), "breaks off|cannot be read"),
    "cut.aiff": (_then(_sound, _cut, kind="AIFF"), r"breaks off after 1\.0 of 2\.0 s"),
    "header only.wav": (_then(_sound, lambda path: _cut(path, 0.0007)), "cannot be read|is empty|breaks off"),
}


@pytest.mark.parametrize("name", READ)
def test_recordings_are_read_by_their_content(tmp_path: Path, name: str) -> None:
    """Whatever its name, depth or rate, a recording is as long as it is; and a folder with it is hay."""
    make, seconds = READ[name]
    make(tmp_path / name)
    assert len(read_audio(tmp_path / name)) / RATE == pytest.approx(seconds, abs=0.1)
    pool = FolderSource(str(tmp_path), _context(tmp_path)).pool(1000, PoolSettings("en", ()))
    assert pool.utterances[0].seconds == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("name", REFUSED)
def test_recordings_that_cannot_be_used_are_named_in_one_line(tmp_path: Path, name: str) -> None:
    """A broken recording is an error when its folder is opened, before anything is asked."""
    make, says = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(MediaError, match=says) as raised:
        FolderSource(str(tmp_path), _context(tmp_path)).pool(1000, PoolSettings("en", ()))
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def _context(tmp_path: Path) -> BuildContext:
    return BuildContext({**FILMS, **SOUNDS}.__getitem__, tmp_path.parent / f"{tmp_path.name} cache")


EVERY_FIFTH = [n / 5 for n in range(16)]


@pytest.mark.parametrize(
    ("name", "times", "settings", "pictures"),
    [
        ("film in truth.mp3", EVERY_FIFTH, {}, 3),
        ("film in truth.txt", EVERY_FIFTH, {}, 3),
        ("film in truth.png", EVERY_FIFTH, {}, 3),
        ("variable rate.mp4", [0, 0.1, 0.2, 1.7, 1.75, 2.9, 3.0], {}, 3),
        ("turned.mp4", EVERY_FIFTH, {"rotation": 90}, 3),
        ("one picture a minute.mkv", [0, 60, 120], {}, 120),
    ],
)
def test_films_are_read_by_their_content(
    tmp_path: Path, shoot: Callable[..., Path], name: str, times: list[float], settings: dict[str, int], pictures: int
) -> None:
    """Whatever its name, rate and rotation, a film gives a picture a second, alone and in a folder."""
    path = shoot(f"made{'.mkv' if name.endswith('.mkv') else '.mp4'}", times, **settings)
    (tmp_path / "films").mkdir()
    film = path.rename(tmp_path / "films" / name)
    facts = film_facts(film)
    assert (facts.width > facts.height) == (not settings)
    for argument in (film, film.parent):
        hay = VideoSource(str(argument), _context(tmp_path)).hay("", LOOK)
        assert hay.distinct == pictures
        assert len(list(hay.pictures(0, 3))) == 3


def _film(shoot: Callable[..., Path], path: Path, suffix: str = ".mp4") -> None:
    shoot(f"whole{suffix}", [n / 5 for n in range(40)]).rename(path)


def _index_first(path: Path) -> None:
    """Write an MP4 file again, its index before its pictures."""
    whole = path.rename(path.with_suffix(".whole"))
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux_one(packet)
    whole.unlink()


BAD_FILMS: dict[str, tuple[Callable[..., None], str]] = {
    "empty.mp4": (lambda path, _: path.touch(), "is empty"),
    "text.mp4": (lambda path, _: path.write_text("no film\n" * 99), "is not a film that can be read"),
    "text.txt": (lambda path, _: path.write_text("no film\n" * 99), "is a text|is neither film"),
    "sound only.mp4": (lambda path, _: _av_sound(path, "aac", "mp4"), "has no pictures, only audio"),
    "mp3 in truth.mp4": (lambda path, _: _av_sound(path, "libmp3lame", "mp3"), "is a recording"),
    "with a cover.mp4": (lambda path, _: _av_sound(path, "libmp3lame", "mp3", cover=True), "is a recording"),
    "covered.mp4": (lambda path, _: _av_sound(path, "aac", "mp4", cover=True), "has no pictures, only audio"),
    "a picture.mp4": (lambda path, _: Image.new("RGB", (64, 64)).save(path, "JPEG"), "is a picture"),
    "short.mp4": (lambda path, shoot: shoot("made.mp4", [0, 0.1, 0.2]).rename(path), "less than one sampling interval"),
    "cut.mp4": (lambda path, shoot: (_film(shoot, path), _cut(path)), "is not a film|breaks off|ends after"),
    "cut.avi": (lambda path, shoot: (_film(shoot, path, ".avi"), _cut(path, 0.8)), "breaks off: it lacks"),
    "cut behind its index.mp4": (
        lambda path, shoot: (_film(shoot, path), _index_first(path), _cut(path, 0.8)),
        "lacks",
    ),
    "cut.mkv": (lambda path, shoot: (_film(shoot, path, ".mkv"), _cut(path)), "breaks off|ends after"),
}


@pytest.mark.parametrize("name", BAD_FILMS)
@pytest.mark.parametrize("alone", [True, False], ids=["a file", "a folder"])
def test_films_that_cannot_be_used_are_named_in_one_line(
    tmp_path: Path, shoot: Callable[..., Path], name: str, alone: bool
) -> None:
    """A broken film, or what is none, is an error when a sample is planned, before anything is asked."""
    (tmp_path / "films").mkdir()
    path = tmp_path / "films" / name
    make, says = BAD_FILMS[name]
    make(path, shoot)
    with pytest.raises(MediaError, match=says) as raised:
        own_part(VideoSource(str(path if alone else path.parent), _context(tmp_path)).hay("", LOOK), 0, 8)
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_pictures_are_told_from_films_by_their_content(tmp_path: Path, shoot: Callable[..., Path]) -> None:
    """A picture counts whatever its name; a film and a recording among pictures are refused as what they are."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, kind in enumerate(("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")):
        Image.new("RGB", (64, 48), (40 * number, 9, 9)).save(folder / f"{number}.dat", kind)
    assert len(list(FramesSource(str(folder), _context(tmp_path)).hay("", LOOK).pictures(0, 6))) == 6
    shoot("film.mp4", EVERY_FIFTH).rename(folder / "z.png")
    with pytest.raises(MediaError, match=r"z\.png is a film; frames: takes nothing but pictures"):
        FramesSource(str(folder), _context(tmp_path)).hay("", LOOK)


@pytest.mark.parametrize(
    "content",
    [b"", b"plain text\n" * 60, "text in UTF-16".encode("utf-16"), b'{"a": 1}', b"%PDF-1.7", b"II", b"BM" * 60],
)
def test_what_is_no_medium_has_no_kind(tmp_path: Path, content: bytes) -> None:
    """Texts, papers and tables are never taken for sound or pictures."""
    (tmp_path / "some.mp3").write_bytes(content)
    assert mime_of(tmp_path / "some.mp3") is None


def test_a_recording_whose_channels_cancel_is_named(tmp_path: Path) -> None:
    """Two channels that are each other's opposite leave silence when mixed, and that is said, not sent."""
    path = tmp_path / "opposite.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        one = (9000 * np.sin(np.arange(RATE))).astype("<i2")
        file.writeframes(np.stack([one, -one], axis=1).tobytes())
    with pytest.raises(MediaError, match=r"opposite\.wav is silent"):
        read_audio(path)


def test_a_recording_cut_short_inside_a_film_is_named(tmp_path: Path, shoot: Callable[..., Path]) -> None:
    """Where pictures may last longer than sound, the container's own size tells that it was cut."""
    path = shoot("film.mkv", EVERY_FIFTH)
    talk = path.with_name("talk.mkv")
    with av.open(str(path)) as source, av.open(str(talk), "w") as made:
        pictures = made.add_stream_from_template(source.streams.video[0])
        voice = made.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((9000 * _wave(3.0)).astype("<i2")[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        made.mux(voice.encode(frame))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = pictures
                made.mux(packet)
    assert len(read_audio(talk)) == 3 * RATE
    _cut(talk, 0.7)
    with pytest.raises(MediaError, match=r"talk\.mkv breaks off"):
        read_audio(talk)


def test_what_stands_behind_a_film_is_no_cut(tmp_path: Path, shoot: Callable[..., Path]) -> None:
    """Bytes behind the last box, as some programs leave them, do not make a film a broken one."""
    path = shoot("film.mp4", EVERY_FIFTH)
    path.write_bytes(path.read_bytes() + b"\x7f" * 300)
    assert film_facts(path).width == 64


def test_films_of_odd_beginnings_are_read(tmp_path: Path, shoot: Callable[..., Path]) -> None:
    """Time stamps that begin late count from the first picture."""
    path = shoot("late.mkv", [5 + n / 5 for n in range(16)])
    assert [seconds for seconds, _ in sample_frames(path, 1.0)] == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("odd", ["pipe", "link"])
@pytest.mark.parametrize("kind", ["texts", "films", "recordings", "grammar"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, kind: str, odd: str) -> None:
    """A pipe among somebody's files would be read without end, and a link to nothing left out without a word."""
    readers: dict[str, tuple[str, Callable[[], object]]] = {
        "texts": (".txt", lambda: books(str(tmp_path), _context(tmp_path))),
        "films": (".mp4", lambda: VideoSource(str(tmp_path), _context(tmp_path)).hay("", LOOK)),
        "recordings": (".wav", lambda: recordings(tmp_path)),
        "grammar": (".txt", lambda: read_grammar(str(tmp_path))),
    }
    suffix, read = readers[kind]
    path = tmp_path / f"odd{suffix}"
    os.mkfifo(path) if odd == "pipe" else path.symlink_to(tmp_path / "gone")
    with pytest.raises(CorpusError, match=rf"odd\{suffix} is .*; take it out of the folder"):
        read()
