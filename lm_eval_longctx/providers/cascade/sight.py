"""The embedded model's eyes: a picture or a film in, the text on it out.

PP-OCRv6 small (detection and recognition, inside the package ``rapidocr``)
reads text; everything else in a picture is lost on this model. Reading takes a
third of a second, so every picture is first asked a cheap question: is there
any place where edges are as dense as in writing? Only pictures with such a
place are read, and of pictures that look the same only the first one. Films
are decoded as they are read; memory does not grow.

The weights are compared with a known sha256 before they are used; nothing is
fetched from anywhere.
"""

from __future__ import annotations

import importlib.util
import threading
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from lm_eval_longctx.errors import MediaError, MissingExtraError, ProviderError
from lm_eval_longctx.prompt import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

MODEL_NAME = "PP-OCRv6-small"
WEIGHTS_DIGESTS = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
LONGEST_SIDE = 960
"""Pictures are looked at in at most this many pixels on the longer side."""

EDGE = 20
"""Two neighbouring pixels that differ by more are an edge, in 0 to 255."""

WINDOW = (10, 80)
"""Rows and columns of the place in which edges are counted: a short word."""

DENSITY = 0.15
"""Writing has at least this share of rising and of falling edges (measured: 0.17 or more from 12 pixels up)."""

BLOCK = 8
"""Pictures are compared by the mean brightness of squares of this many pixels."""

SAME = 8
"""Pictures are the same if no square differs by more (measured: 4 by coding anew, 17 by faint 10-pixel text)."""

_SEEN: dict[tuple[str, float], list[tuple[float, str]]] = {}
_SEEN_LIMIT = 64
_LOCK = threading.Lock()


def available() -> bool:
    """Whether the recogniser is installed."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def require() -> None:
    """Raise ``MissingExtraError`` if that is not so."""
    if not available():
        raise MissingExtraError("sight (text recognition in the embedded model)", "embedded")


def read_image(picture: Union[str, Path, Pixels]) -> str:
    """Return the text on a picture, one line for each line of text, from the top.

    Args:
        picture: A file, or pixels as uint8, shape (height, width, 3), RGB. The
            text of a file is kept in memory by the file's digest.

    Raises:
        MissingExtraError: The extra ``embedded`` is not installed.
        MediaError: The file is no picture.
        ProviderError: The installed weights are not the ones that were tested.
    """
    if not isinstance(picture, (str, Path)):
        return _look(picture)
    if not Path(picture).is_file():
        raise MediaError(f"{picture} is not a file; give a picture")
    return _look_at_file(file_digest(picture), Path(picture))


def _look(pixels: Pixels) -> str:
    return _read(pixels) if may_hold_text(_grey(pixels)) else ""


_READ: dict[str, str] = {}
_READ_LIMIT = 4096


def _look_at_file(digest: str, path: Path) -> str:
    """Read a picture once, however many questions are asked about it."""
    if digest not in _READ:
        if len(_READ) >= _READ_LIMIT:
            _READ.pop(next(iter(_READ)))
        _READ[digest] = _look(_open(path))
    return _READ[digest]


def read_video(path: str | Path, fps: float) -> list[tuple[float, str]]:
    """Return what is written in a film, moment by moment.

    The answer for a file is kept in memory by the file's digest, so that
    several questions about one film cost one viewing.

    Args:
        path: Any file whose pictures FFmpeg can decode.
        fps: Moments a second at which to look.

    Returns:
        Seconds from the start and the text, for each moment that shows any.

    Raises:
        MissingExtraError: The extra ``embedded`` is not installed.
        MediaError: The file cannot be decoded or has no pictures.
        ProviderError: The installed weights are not the ones that were tested.
    """
    if not Path(path).is_file():
        raise MediaError(f"{path} is not a file; give a film")
    key = (file_digest(path), fps)
    if key not in _SEEN:
        if len(_SEEN) >= _SEEN_LIMIT:
            _SEEN.pop(next(iter(_SEEN)))
        _SEEN[key] = list(_watch(Path(path), fps))
    return list(_SEEN[key])


def may_hold_text(grey: Pixels) -> bool:
    """Return whether some place of a picture has edges as dense as writing has.

    A window must hold many steps from dark to light *and* from light to dark:
    strokes have two sides. Writing of 12 pixels or more passes; so do some
    fine patterns, which then cost one reading.

    Args:
        grey: Brightness, uint8, shape (height, width).
    """
    import numpy as np

    left, right = grey[:, :-1].astype(np.int16), grey[:, 1:].astype(np.int16)
    rising, falling = _window_sums(right - left > EDGE), _window_sums(left - right > EDGE)
    if rising.size == 0:
        return True  # too small to judge, and quick to read
    return bool(np.minimum(rising, falling).max() >= DENSITY * WINDOW[0] * WINDOW[1])


def _window_sums(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Count the marks in every window, by differences of running sums."""
    import numpy as np

    rows, columns = WINDOW
    across = np.zeros((marks.shape[0], marks.shape[1] + 1), np.int32)
    np.cumsum(marks, axis=1, out=across[:, 1:])
    in_row = across[:, columns:] - across[:, :-columns]
    down = np.zeros((in_row.shape[0] + 1, in_row.shape[1]), np.int32)
    np.cumsum(in_row, axis=0, out=down[1:])
    return down[rows:] - down[:-rows]


def _open(path: Path) -> Pixels:
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise MediaError(f"{path} cannot be read as a picture: {error}") from error


def _grey(pixels: Pixels) -> Pixels:
    """Return brightness, at most ``LONGEST_SIDE`` pixels on a side."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return np.asarray(picture.convert("L"))


def _watch(path: Path, fps: float) -> Iterator[tuple[float, str]]:
    """Read a film at its sampled moments; a picture that was there before is not read again."""
    memory = _Memory()
    for seconds, frame in _moments(path, fps):
        grey = frame.to_ndarray(format="gray")
        small = grey if max(grey.shape) <= LONGEST_SIDE else _grey(frame.to_ndarray(format="rgb24"))
        if not may_hold_text(small):
            continue
        squares = _squares(small)
        text = memory.recall(squares)
        if text is None:
            text = _read(frame.to_ndarray(format="rgb24"))
            memory.keep(squares, text)
        if text:
            yield seconds, text


class _Memory:
    """The last pictures that were read, and what was on them: films hold still and repeat themselves."""

    def __init__(self) -> None:
        self._kept: deque[tuple[npt.NDArray[np.int16], str]] = deque(maxlen=64)

    def recall(self, squares: npt.NDArray[np.int16]) -> str | None:
        """Return the text of a picture that looked the same, or ``None``."""
        for known, text in self._kept:
            if known.shape == squares.shape and abs(known - squares).max(initial=0) <= SAME:
                return text
        return None

    def keep(self, squares: npt.NDArray[np.int16], text: str) -> None:
        """Remember a picture; the oldest one is forgotten."""
        self._kept.append((squares, text))


def _squares(grey: Pixels) -> npt.NDArray[np.int16]:
    """Return the mean brightness of each square of ``BLOCK`` pixels, edges left out."""
    import numpy as np

    rows, columns = (side // BLOCK for side in grey.shape)
    whole = grey[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    squares: npt.NDArray[np.int16] = whole.mean((1, 3)).astype(np.int16)
    return squares


def _moments(path: Path, fps: float) -> Iterator[tuple[float, Any]]:
    """Yield each sampled moment with the frame that is on screen then."""
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path} has no pictures; give a film")
            container.streams.video[0].thread_type = "AUTO"
            yield from _on_screen(container.decode(video=0), fps)
    except av.error.FFmpegError as error:
        raise MediaError(f"{path} cannot be decoded as a film ({error}); convert it to MP4") from error


def _on_screen(frames: Iterator[Any], fps: float) -> Iterator[tuple[float, Any]]:
    """Hold each frame until the next one's time, and give it at the sampled moments between."""
    shown, count, end = None, 0, 0.0
    for frame in frames:
        while shown is not None and count / fps < frame.time - 1e-6:
            yield count / fps, shown
            count += 1
        shown, end = frame, frame.time + float(frame.duration or 1) * float(frame.time_base)
    while shown is not None and count / fps < end - 1e-6:
        yield count / fps, shown
        count += 1


def _read(pixels: Pixels) -> str:
    """Recognise text; the engine keeps state during a call, so one call at a time."""
    engine = _recogniser()
    with _LOCK:
        found = engine(pixels[:, :, ::-1])
    return "\n".join(found.txts or ())


@lru_cache(maxsize=1)
def _recogniser() -> Any:
    """Load PP-OCR once, after checking its weights."""
    require()
    detector, reader = _checked_weights()
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": LONGEST_SIDE,
            "Det.model_path": str(detector),
            "Rec.model_path": str(reader),
        }
    )


def _checked_weights() -> list[Path]:
    spec = importlib.util.find_spec("rapidocr")
    folder = Path(str(spec.origin)).parent / "models" if spec else Path()
    for name, wanted in WEIGHTS_DIGESTS.items():
        file = folder / name
        found = file_digest(file) if file.is_file() else "nothing"
        if found != wanted:
            msg = f"{file} is not the tested text recogniser (sha256 {found[:12]}, wanted {wanted[:12]}); "
            raise ProviderError(msg + "pip install --force-reinstall 'rapidocr==3.10.*'")
    return [folder / name for name in WEIGHTS_DIGESTS]
