"""Files put together from packets."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.hay.speech import codec_flac
from lm_eval_longctx.hay.speech.codecs import FORMATS, LONGEST_FLAC, choose, codec

RATE = 16_000


def _pcm(rng: np.random.Generator, samples: int) -> np.ndarray:
    envelope = np.sin(np.pi * np.arange(samples) / samples)
    return (3000 * rng.standard_normal(samples).clip(-4, 4) * envelope).astype(np.int16)


def _write(tmp_path, name: str, order: list[int], tail: int):
    """Encode five pieces, write them in an order, return path and what should be in it."""
    made, rng = codec(FORMATS[name]), np.random.default_rng(5)
    raw = [_pcm(rng, made.GRID * blocks) for blocks in (1, 3, 20, 37, 64)]
    pieces = [made.encode(samples) for samples in raw]
    end = _pcm(rng, tail) if tail else np.zeros(0, np.int16)
    wanted = np.concatenate([*(raw[i] for i in order), end])
    path = tmp_path / f"x{FORMATS[name].suffix}"
    made.write(path, (pieces[i] for i in order), end, len(wanted))
    return path, wanted


def _decoded(path) -> np.ndarray:
    """Decode with FFmpeg, every checksum verified."""
    with av.open(str(path), options={"err_detect": "crccheck+explode"}) as container:
        container.streams.audio[0].codec_context.options = {"err_detect": "crccheck+explode"}
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([f.to_ndarray()[0] for f in (*frames, *resampler.resample(None))])


@pytest.mark.parametrize("name", ["flac", "wav"])
@pytest.mark.parametrize("tail", [0, 1, 500, 1151])
def test_exact_codecs_give_back_every_sample(tmp_path, name, tail):
    """Frames in any order decode to the very samples that went in, by libsndfile and by FFmpeg."""
    path, wanted = _write(tmp_path, name, [4, 0, 2, 2, 1, 3], tail)
    assert np.array_equal(soundfile.read(path, dtype="int16")[0], wanted)
    assert np.array_equal(_decoded(path), wanted)


def test_flac_frames_are_numbered_over_every_width(tmp_path):
    """Frame numbers of one, two and three bytes are right: seeking to any frame finds its samples."""
    path, wanted = _write(tmp_path, "flac", [4] * 40, 7)
    with soundfile.SoundFile(path) as file:
        assert file.frames == len(wanted) > 2500 * codec_flac.GRID
        for at in (0, 127 * 1152, 128 * 1152 + 5, 2047 * 1152, 2048 * 1152 + 11, len(wanted) - 10):
            file.seek(at)
            assert np.array_equal(file.read(10, dtype="int16"), wanted[at : at + 10])


@settings(max_examples=25)
@given(number=st.integers(0, 2**31 - 1))
def test_flac_numbers_are_extended_utf8(number):
    """A frame number is written in the fewest bytes that a decoder of extended UTF-8 reads back."""
    data = codec_flac._utf8(np.array([number]), int(codec_flac._sizes_for(np.array([number]))[0])).tobytes()
    assert len(data) == codec_flac._size_of(data[0])
    value = data[0] if len(data) == 1 else data[0] & (0x7F >> len(data))
    for byte in data[1:]:
        assert byte & 0xC0 == 0x80
        value = value << 6 | byte & 0x3F
    assert value == number


def _crc16(data: bytes) -> int:
    """Return FLAC's CRC-16 bit by bit, as RFC 9639 defines it."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value


@settings(max_examples=25)
@given(head=st.binary(min_size=1, max_size=12), body=st.binary(max_size=200))
def test_flac_checksums_are_joined_without_reading_the_body(head, body):
    """The CRC of header and body follows from the two parts' own CRCs."""
    own = codec_flac._crc(codec_flac._CRC16, 16, np.frombuffer(head, np.uint8)[None])
    assert int(own[0]) == _crc16(head)
    assert int(codec_flac._shifted(own, np.array([len(body)]))[0]) ^ _crc16(body) == _crc16(head + body)


def test_opus_is_as_long_as_asked_and_in_place(tmp_path):
    """An Opus file decodes to the exact number of samples, with no shift against what went in."""
    path, wanted = _write(tmp_path, "opus", [4, 2, 3, 2, 4, 4], 333)
    heard = _decoded(path).astype(float)
    assert len(heard) == len(wanted)
    lags = range(-60, 61)
    at, size = 40_000, 60_000
    best = max(lags, key=lambda lag: float(np.dot(heard[at + lag : at + lag + size], wanted[at : at + size])))
    assert best == 0


def test_the_codec_follows_the_duration():
    """Up to ten hours are FLAC, more is Opus, a name is a name, and an unknown one is refused."""
    assert choose("auto", LONGEST_FLAC).name == "flac"
    assert choose("auto", LONGEST_FLAC + 1).name == "opus"
    assert choose("wav", LONGEST_FLAC + 1).name == "wav"
    with pytest.raises(UnknownOptionError, match="did you mean 'opus'"):
        choose("opsu", 1)
