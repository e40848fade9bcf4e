"""Waveforms: reading any recording, checking it, and setting its level.

Conventions as in the package: float32, shape (samples,), mono, 16 kHz.
"""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.kinds import missing_bytes

if TYPE_CHECKING:
    import av
    import numpy.typing as npt
    import soundfile

    Waveform = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
SPEECH_LEVEL = -23.0
"""Active level, in dB full scale, that every utterance is brought to."""

AUDIO_SUFFIXES = (
    ".flac",
    ".wav",
    ".ogg",
    ".opus",
    ".oga",
    ".mp3",
    ".aiff",
    ".aif",
    ".au",
    ".caf",
    ".w64",
    ".rf64",
    ".sph",
    ".m4a",
    ".m4b",
    ".mp4",
    ".mov",
    ".aac",
    ".webm",
    ".mka",
    ".mkv",
    ".wma",
    ".amr",
    ".3gp",
)
"""File names of sound that libsndfile or FFmpeg reads; what a file really holds is found out by reading it."""

_STATED_BYTES = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_BYTES = 0x7FFF0000
"""What writers state who cannot know: programs that write into a pipe."""

_GUESSED = ("aac", "mp3")
"""Containers whose length FFmpeg works out from the rate of bits."""

_SLACK, _SLACK_SHARE = 0.25, 0.01
"""Seconds, and a share, by which coders' padding may be off."""

_SILENCE = 1e-4
_CLIPPED_SHARE = 0.01
_FRAME = SAMPLE_RATE // 50
_ACTIVE_BELOW_PEAK_DB = 30.0
_PEAK = 0.98


def read_audio(path: str | Path) -> Waveform:
    """Read a recording as mono at 16 kHz.

    Channels are averaged; other rates are resampled by soxr at high quality.

    Args:
        path: Any file that libsndfile or FFmpeg (by PyAV) reads, whatever its name; the first track of sound.

    Raises:
        MediaError: The file is missing, unreadable, empty, silent, clipped, or
            holds values that are not numbers; the message names it.
    """
    samples, rate = read_samples(path)
    return prepare(samples.mean(axis=1), rate, str(path))


def read_samples(path: str | Path) -> tuple[npt.NDArray[np.float32], int]:
    """Return a recording as it is: samples, shape (samples, channels), and how many there are in a second.

    Raises:
        MediaError: Neither libsndfile nor FFmpeg reads it, or it ends before the length that it states.
    """
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            rate, stated = file.samplerate, _stated(file)
            samples = file.read(dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError, ValueError) as error:  # soundfile raises all four
        return _read_by_av(path, error)
    _refuse_cut(str(path), len(samples), stated, rate)
    return samples, rate


def _stated(file: soundfile.SoundFile) -> float:
    """Return how many samples a file's header states: more than there are, where the file was cut."""
    found = _STATED_BYTES.search(file.extra_info)
    if found is not None:  # libsndfile corrects these, and notes it
        known = int(found[1]) < _UNKNOWN_BYTES
        return file.frames * int(found[1]) / max(1, int(found[2])) if known else 0
    if file.format == "MP3" and not _counts_frames(Path(file.name)):
        return 0  # estimated by the rate of bits
    return float(file.frames)


def _stated_seconds(container: av.container.InputContainer) -> float:
    """Return how long a container states that its sound lasts, or 0 where it does not."""
    stream = container.streams.audio[0]
    if container.format.name in _GUESSED:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska states the length of all of it, and pictures may last longer.
    return 0.0 if container.streams.video else (container.duration or 0) / 1e6


def _counts_frames(path: Path) -> bool:
    """Return whether an MP3 file says how many frames it has."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return b"Xing" in head or b"Info" in head


def _refuse_cut(name: str, samples: int, stated: float, rate: float) -> None:
    """Raise ``MediaError`` for a file that ends before the samples that it says it has."""
    if rate > 0 and samples < stated - max(_SLACK * rate, _SLACK_SHARE * stated):
        seconds, all_seconds = samples / rate, stated / rate
        raise MediaError(f"{name} breaks off after {seconds:.1f} of {all_seconds:.1f} s; get the whole file")


def _read_by_av(path: str | Path, first: Exception) -> tuple[npt.NDArray[np.float32], int]:
    """Return samples, shape (samples, channels), and their rate, of what libsndfile could not read.

    Raises:
        MediaError: FFmpeg cannot read all of it either.
    """
    import av

    blocks = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate = stream.rate or 0
            resampler = av.AudioResampler(format="fltp")
            for frame in container.decode(stream):
                blocks += [made.to_ndarray().T for made in resampler.resample(frame)]
            blocks += [made.to_ndarray().T for made in resampler.resample(None)]
            _refuse_cut(str(path), sum(map(len, blocks)), _stated_seconds(container) * rate, rate)
            if missing := missing_bytes(Path(path)):
                raise MediaError(f"{path} breaks off: it lacks {missing:,} bytes of what it says it has; get all of it")
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        why = "no track of sound" if isinstance(error, IndexError) else error
        advice = f"convert it: ffmpeg -i {shlex.quote(str(path))} {shlex.quote(str(Path(path).with_suffix('.flac')))}"
        raise MediaError(f"{path} cannot be read as sound ({first}; {why}); {advice}") from error
    return (np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)), rate


def duration(path: str | Path) -> float:
    """Return a recording's duration in seconds from its header.

    Raises:
        MediaError: The file cannot be read as sound.
    """
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise MediaError(f"{path} cannot be read as sound ({error}); convert it to FLAC or WAV") from error
    return float(info.frames) / checked_rate(info.samplerate, str(path))


def prepare(samples: npt.ArrayLike, rate: float, name: str) -> Waveform:
    """Check a mono waveform and bring it to 16 kHz.

    Args:
        samples: Shape (samples,), full scale 1.
        rate: Its sample rate in hertz; above 0.
        name: What to call it in errors.

    Raises:
        MediaError: See ``read_audio``; also a sample rate that is not above 0.
    """
    wave = np.asarray(samples, dtype=np.float32).reshape(-1)
    checked_rate(rate, name)
    check(wave, name)
    return resample(wave, rate)


def checked_rate(rate: float, name: str) -> float:
    """Return a sample rate that is above 0, or raise ``MediaError``."""
    if not rate > 0:
        raise MediaError(
            f"{name} has a sample rate of {rate}; it must be above 0: write the file anew with the true rate"
        )
    return float(rate)


def check(wave: Waveform, name: str) -> None:
    """Raise ``MediaError`` for sound that nobody could understand.

    Empty, not finite, silent (no sample above -80 dB), or clipped (more than
    one sample in a hundred at full scale).
    """
    if wave.size == 0:
        raise MediaError(f"{name} is empty; remove it or record it again")
    if not np.isfinite(wave).all():
        raise MediaError(f"{name} holds values that are not numbers (NaN or infinite); write it anew as 16-bit sound")
    peak = float(np.abs(wave).max())
    if peak < _SILENCE:
        raise MediaError(f"{name} is silent (nothing above -80 dB); remove it or record it again")
    if float(np.mean(np.abs(wave) >= 0.999)) > _CLIPPED_SHARE:  # noqa: PLR2004 - full scale
        raise MediaError(f"{name} is clipped (over 1 % of it at full scale); record it again at a lower level")


def resample(wave: Waveform, rate: float) -> Waveform:
    """Return a waveform at 16 kHz, by soxr at high quality where the rate differs."""
    if rate == SAMPLE_RATE:
        return wave
    import soxr

    return np.asarray(soxr.resample(wave, rate, SAMPLE_RATE, quality="HQ"), dtype=np.float32)


def active_level(wave: Waveform) -> float:
    """Return the level of the parts that are not pauses, in dB full scale.

    The mean power of the 20 ms frames within 30 dB of the loudest one.
    """
    frames = max(1, len(wave) // _FRAME)
    power = np.square(wave[: frames * _FRAME].astype(np.float64))
    by_frame = power.reshape(frames, -1).mean(axis=1) if len(wave) >= _FRAME else np.array([power.mean()])
    loud = by_frame[by_frame >= by_frame.max() * 10 ** (-_ACTIVE_BELOW_PEAK_DB / 10)]
    return float(10 * np.log10(max(loud.mean(), 1e-20)))


def levelled(wave: Waveform, level: float = SPEECH_LEVEL) -> Waveform:
    """Return a waveform at an active level, lower where its peaks would clip."""
    gain = 10 ** ((level - active_level(wave)) / 20)
    peak = float(np.abs(wave).max())
    return (wave * min(gain, _PEAK / peak)).astype(np.float32)


def to_pcm(wave: Waveform) -> npt.NDArray[np.int16]:
    """Return 16-bit samples, rounded and limited, never wrapped."""
    return np.asarray(np.clip(np.rint(wave * 32767.0), -32768, 32767), dtype=np.int16)


def read_cached(path: Path, first: int = 0, last: int | None = None) -> Waveform:
    """Read a 16 kHz mono file that this room wrote itself, or a stretch of it."""
    import soundfile

    samples, _ = soundfile.read(str(path), start=first, stop=last, dtype="float32")
    return np.asarray(samples, dtype=np.float32)


def write_cached(path: Path, wave: Waveform) -> None:
    """Write a 16 kHz mono FLAC file."""
    import soundfile

    packed = io.BytesIO()  # libsndfile itself says nothing of its last bytes where the disk is full
    soundfile.write(packed, to_pcm(wave), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    write_whole(path, packed.getvalue())
