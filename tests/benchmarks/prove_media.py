"""What is in films, pictures and recordings, told by decoders that are not ours.

    python tests/benchmarks/prove_media.py                # thirty samples a task: some minutes
    python tests/benchmarks/prove_media.py --samples 100

Each task's prompts of one hay are decoded by ffmpeg's program (package imageio-ffmpeg): films by FFmpeg's VP9 and by
libvpx's, which must agree; FLAC and Opus by FFmpeg's own decoders, where we read with libsndfile. What most prompts
share at a place is the hay. A prompt may differ from it only where its sample says that a needle is; length, number of
pictures, and times must be the planned ones. Where tesseract is installed, it reads the needles' pictures as providers
scale them.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.film.film import GeneratedSource
from lm_eval_longctx.hay.speech.source_voices import VoicesSource
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.audio_niah.builder import AudioNeedleBuilder
from lm_eval_longctx.tasks.image_niah.builder import ImageNeedleBuilder
from lm_eval_longctx.tasks.video_niah.builder import VideoNeedleBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.tasks.base import Builder

SOURCES = {"film": GeneratedSource, "voices": VoicesSource}
FILM_DECODERS = ("vp9", "libvpx-vp9")
RATE = 16_000
LEAD = RATE // 20
"""Samples of quiet before what is said."""

SCALES = {
    "as sent": "null",
    "512 wide": "scale=512:-2",
    "672x672": "scale=672:672",
    "100,000 pixels": "scale=422:238",
}
"""OpenAI's low detail, Amazon's square, the smallest frame of Qwen's many-frame films."""


def main() -> None:
    """Prove and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=30, help="samples a task (30)")
    count = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder:
        context = BuildContext(SOURCES.__getitem__, Path(folder))
        for proof in (films, pictures, recordings):
            for line in proof(context, count):
                print(line, flush=True)
        if shutil.which("tesseract"):
            for name in SCALES:
                print(f"tesseract reads needles, {name}: {legible(context, count, name)} of {count}", flush=True)


def builder(kind: type[Builder[Any]], context: BuildContext, **metadata: Any) -> Builder[Any]:
    """Return a builder of a task with some settings."""
    sweep = parse_sweep({"version": 1, **metadata}, task="proof", unit=kind.UNIT, options=kind.OPTIONS)
    return kind(sweep, context)


def _films(context: BuildContext, count: int) -> Builder[Any]:
    return builder(VideoNeedleBuilder, context, haystack="film", context_lengths=["1m"], depths=count, distractors=1)


def films(context: BuildContext, count: int) -> Iterator[str]:
    """Check films of one hay, the needle at different depths."""
    made, shown = _films(context, count), []
    for sample in made.samples():
        (part,) = made.render(sample).media()
        told = {decoder: film_frames(part.path, decoder) for decoder in FILM_DECODERS}
        assert told["vp9"] == told["libvpx-vp9"], f"decoders do not agree about {part.path}"
        assert [seconds for seconds, _ in told["vp9"]] == list(range(60))
        assert film_seconds(part.path) == sample["realised_length"] == 60.0
        shown.append((_places(sample), [digest for _, digest in told["vp9"]]))
    _only_there(shown)
    yield f"films: {count} of 60 s, 60 pictures each at its second, needle and distractor on theirs and no other"


def pictures(context: BuildContext, count: int) -> Iterator[str]:
    """Check series of pictures of one hay."""
    for needle in ("text", "shape"):
        settings = {"haystack": "film", "context_lengths": [40], "depths": count, "needle": needle}
        made, shown = builder(ImageNeedleBuilder, context, **settings), []
        for sample in made.samples():
            parts = list(made.render(sample).media())
            assert len(parts) == sample["realised_length"] == 40
            shown.append((_places(sample), [_picture(part.path) for part in parts]))
        _only_there(shown)
        yield f"pictures: {count} series of 40, the {needle} on its picture and no other"


def _places(sample: dict[str, Any]) -> set[int]:
    return {placed["picture"] for placed in [*sample["needles"], *sample["distractors_placed"]]}


def _only_there(shown: Sequence[tuple[set[int], list[str]]]) -> None:
    """Compare prompts of one hay: each differs from what most show exactly at its own places."""
    hay = [Counter(digests).most_common(1)[0][0] for digests in zip(*(digests for _, digests in shown), strict=True)]
    for places, digests in shown:
        found = {number for number, digest in enumerate(digests) if digest != hay[number]}
        assert found == places, f"something is on pictures {sorted(found)}, and should be on {sorted(places)}"


def recordings(context: BuildContext, count: int, haystack: str = "voices", seconds: int = 120) -> Iterator[str]:
    """Check recordings of one hay: with its needle cut out, each is the same speech as all the others."""
    for codec in ("flac", "wav", "opus"):
        # What fills the last seconds depends on the needle's length: no depth is there.
        depths = [0.8 * number / (count - 1) for number in range(count)]
        sizes = {"context_lengths": [f"{seconds}s"], "pool": f"{seconds // 2}s"}
        settings = {"haystack": haystack, "depths": depths, "codec": codec, **sizes}
        made, heard = builder(AudioNeedleBuilder, context, **settings), []
        for sample in made.samples():
            (part,) = made.render(sample).media()
            wave = sound(part.path, "opus" if codec == "opus" else None)
            third_opinion(part.path, codec, wave)
            assert len(wave) == sample["realised_length"] * RATE == seconds * RATE
            heard.append((sample["needles"][0], wave))
        _same_speech(heard, tolerance=0.02 if codec == "opus" else 0.0)
        yield f"recordings: {count} of {seconds} s as {codec}, nothing but the needle in its second differs"


def third_opinion(path: str, codec: str, wave: np.ndarray) -> None:
    """Compare with the formats' own programs, where they are installed (Debian: flac, opus-tools)."""
    if codec == "flac" and shutil.which("flac"):
        command = ["flac", "-s", "-d", "-c", "--endian=little", "--sign=signed", "--force-raw-format", path]
        assert np.array_equal(np.frombuffer(_run(command), "<i2"), np.rint(wave * 32768)), path
    if codec == "opus" and shutil.which("opusdec"):
        theirs = np.frombuffer(_run(["opusdec", "--quiet", "--no-dither", "--rate", "48000", path, "-"]), "<i2") / 32768
        ours = np.frombuffer(_ffmpeg("-c:a", "opus", "-i", path, "-ar", "48000", "-ac", "1", "-f", "f32le", "-"), "<f4")
        assert len(theirs) == len(ours) == 3 * len(wave), path
        # Not equal: from the band of speech up to 48 kHz FFmpeg's decoder filters otherwise than libopus.
        assert np.corrcoef(theirs, ours)[0, 1] > 0.95, path


def _run(command: Sequence[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def _same_speech(heard: Sequence[tuple[dict[str, Any], np.ndarray]], tolerance: float) -> None:
    last, speech = max(heard, key=lambda one: one[0]["start"])
    speech = speech[: round(last["start"] * RATE) - LEAD]  # what stands before the latest needle has none
    for needle, wave in heard:
        start, end = round(needle["start"] * RATE) - LEAD, round(needle["end"] * RATE)
        middle = (start + LEAD + end) // 2
        places = np.flatnonzero(_likeness(wave, wave[middle - RATE // 4 : middle + RATE // 4]) > 0.8)
        assert np.abs(places - (middle - RATE // 4)).max() < RATE // 10, "the needle is heard again"
        _alike(wave[:start], speech, tolerance)
        if start < len(speech):
            # The speech goes on after the pause that follows each sentence.
            probe = speech[start + RATE // 2 : start + RATE]
            resumed = end + int(np.argmax(_likeness(wave[end : end + 3 * RATE], probe))) - RATE // 2
            assert 0 < resumed - end < RATE, f"the speech goes on {(resumed - end) / RATE:.2f} s after the needle"
            _alike(wave[resumed : resumed + len(speech) - start], speech[start:], tolerance)


def _likeness(wave: np.ndarray, probe: np.ndarray) -> np.ndarray:
    size = 1 << (len(wave) + len(probe)).bit_length()
    turned = np.fft.rfft(wave, size) * np.conj(np.fft.rfft(probe, size))
    cross = np.fft.irfft(turned, size)[: len(wave) - len(probe) + 1] / np.sqrt(np.sum(np.square(probe)))
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave.astype(float)))])
    return np.asarray(cross / np.sqrt(energy[len(probe) :] - energy[: -len(probe)] + 1e-9))


def _alike(one: np.ndarray, other: np.ndarray, tolerance: float) -> None:
    size = min(len(one), len(other))
    edge = RATE // 5 if tolerance else 0  # a lossy decoder remembers what came before
    difference = np.abs(one[edge:size] - other[edge:size])
    assert size == 0 or difference.max(initial=0.0) <= tolerance, f"speech differs by {difference.max():.3f}"


def legible(context: BuildContext, count: int, scale: str, read: Callable[[bytes], str] | None = None) -> int:
    """Return how many of so many needles are read after a provider's scaling, by tesseract unless by another reader."""
    made, found = _films(context, count), 0
    for sample in made.samples():
        (part,) = made.render(sample).media()
        (needle,) = sample["needles"]
        scaled = f"select=eq(n\\,{needle['picture']}),{SCALES[scale]}"
        image = _ffmpeg("-i", part.path, "-vf", scaled, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-")
        found += needle["value"].lower() in (read or tesseract)(image).lower()
    return found


def tesseract(image: bytes) -> str:
    """Return the text on a picture; tesseract wants dark letters of some 40 pixels on a light page."""
    larger = _ffmpeg("-i", "-", "-vf", "negate,scale=iw*3:ih*3:flags=bicubic", "-f", "image2pipe", "-", given=image)
    command = ["tesseract", "-", "-", "--psm", "11"]
    return subprocess.run(command, input=larger, capture_output=True, check=True).stdout.decode()


def film_frames(path: str, decoder: str) -> list[tuple[float, str]]:
    """Return the second and the digest of each picture, as one of ffmpeg's decoders gives them."""
    lines = _ffmpeg("-c:v", decoder, "-i", path, "-map", "0:v", "-f", "framemd5", "-").decode().splitlines()
    base = next(line.partition(":")[2] for line in lines if line.startswith("#tb"))
    above, below = map(int, base.split("/"))
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return [(int(row[1]) * above / below, row[5].strip()) for row in rows]


def film_seconds(path: str) -> float:
    """Return the duration that ffmpeg reads in a file's header."""
    told = subprocess.run([ffmpeg(), "-hide_banner", "-i", path], capture_output=True, check=False).stderr.decode()
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", told)
    assert found, told
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


@lru_cache(maxsize=1 << 16)
def _picture(path: str) -> str:
    (line,) = _ffmpeg("-i", path, "-f", "md5", "-").decode().splitlines()
    return line


def sound(path: str, decoder: str | None) -> np.ndarray:
    """Return samples, full scale 1, as ffmpeg decodes them."""
    chosen = ("-c:a", decoder) if decoder else ()
    raw = _ffmpeg(*chosen, "-i", path, "-ar", str(RATE), "-ac", "1", "-f", "f32le", "-")
    return np.frombuffer(raw, "<f4")


def _ffmpeg(*arguments: str, given: bytes | None = None) -> bytes:
    command = [ffmpeg(), "-v", "error", "-xerror", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return done.stdout


def ffmpeg() -> str:
    """Return ffmpeg's program."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


if __name__ == "__main__":
    main()
