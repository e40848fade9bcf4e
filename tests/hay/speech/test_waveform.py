"""Reading recordings, good and bad."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.speech import waveform
from lm_eval_longctx.hay.speech.source_hub import decode

RATE = 16_000


def _tone(rate: float, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_any_rate_and_any_number_of_channels_become_16_khz_mono(tmp_path, rate):
    """A tone keeps its pitch, its duration and its level whatever its rate, in one channel or two."""
    path = tmp_path / "tone.flac"
    soundfile.write(path, np.stack([_tone(rate), _tone(rate)], axis=1), rate)
    wave = waveform.read_audio(path)
    spectrum = np.abs(np.fft.rfft(wave))
    assert wave.dtype == np.float32
    assert len(wave) == pytest.approx(RATE, abs=2)
    assert np.argmax(spectrum) == pytest.approx(440, abs=1)
    assert np.abs(wave[2000:-2000]).max() == pytest.approx(0.3, abs=0.01)


def test_resampling_down_leaves_no_alias(tmp_path):
    """A tone above the new rate's range vanishes rather than turn up elsewhere."""
    path = tmp_path / "high.wav"
    soundfile.write(path, _tone(48_000, hertz=11_000) + _tone(48_000), 48_000)
    spectrum = np.abs(np.fft.rfft(waveform.read_audio(path)))
    assert spectrum[5_000] < 1e-3 * spectrum[440]  # 16 kHz - 11 kHz


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "is empty"),
        (np.zeros(RATE), "is silent"),
        (np.full(RATE, np.nan), "not numbers"),
        (np.where(np.arange(RATE) % 100 < 3, 1.0, 0.1), "is clipped"),
    ],
)
def test_sound_that_nobody_could_understand_is_refused_by_name(tmp_path, samples, reason):
    """Empty, silent, not finite and clipped files are errors that name the file."""
    path = tmp_path / "bad.wav"
    soundfile.write(path, samples.astype(np.float32), RATE, subtype="FLOAT")
    with pytest.raises(MediaError, match=rf"bad\.wav .*{reason}"):
        waveform.read_audio(path)


def test_what_is_no_sound_is_refused_by_name(tmp_path):
    """A file of something else, and one that is not there, are errors that name the file."""
    path = tmp_path / "notes.wav"
    path.write_bytes(b"not sound at all")
    with pytest.raises(MediaError, match=r"notes\.wav cannot be read"):
        waveform.read_audio(path)
    with pytest.raises(MediaError, match=r"nowhere\.wav cannot be read"):
        waveform.read_audio(tmp_path / "nowhere.wav")
    with pytest.raises(MediaError, match="row 7 cannot be read"):
        decode(b"nothing", "row 7")


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_sample_rate_of_nothing_is_refused(rate):
    """A rate that is not above 0 is an error."""
    with pytest.raises(MediaError, match=r"x\.wav has a sample rate of"):
        waveform.prepare(_tone(RATE), rate, "x.wav")


def test_levels_are_matched_over_what_is_not_silent():
    """Long pauses do not make speech louder, and peaks never clip."""
    tone = _tone(RATE)
    with_pause = np.concatenate([tone, np.zeros(9 * RATE, np.float32)])
    assert waveform.active_level(waveform.levelled(with_pause)) == pytest.approx(waveform.SPEECH_LEVEL, abs=0.2)
    spike = 0.01 * tone
    spike[100] = 0.9
    assert np.abs(waveform.levelled(spike)).max() <= 0.98


def test_16_bit_samples_are_limited_and_not_wrapped():
    """Values beyond full scale become the loudest value, not its opposite."""
    assert waveform.to_pcm(np.array([2.0, -2.0, 0.0], np.float32)).tolist() == [32767, -32768, 0]
