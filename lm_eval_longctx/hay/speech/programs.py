"""Voices that are programs: started where they are installed, never linked."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.hay.speech.waveform import Waveform

_LONGEST = 60
"""Seconds that a sentence may take."""


def find(program: str, package: str) -> str:
    """Return a program's path.

    Raises:
        MediaError: It is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise MediaError(f"the voice program {program!r} is not installed; install it (Debian: apt install {package})")
    return path


@lru_cache(maxsize=8)
def version(path: str, flag: str) -> str:
    """Return the first line of what a program says about itself."""
    ran = subprocess.run([path, flag], capture_output=True, text=True, timeout=_LONGEST, check=False)  # noqa: S603
    return (ran.stdout + ran.stderr).strip().partition("\n")[0].partition("Data at")[0].strip()


def spoken(command: Sequence[str], voice: Voice) -> Waveform:
    """Run a program that writes a WAV file, and return its sound at the voice's pitch and 16 kHz.

    Args:
        command: The program and its arguments; ``{out}`` stands for the file.
        voice: Whose pitch to use.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.wav")
        filled = [part.replace("{out}", out) for part in command]
        ran = subprocess.run(filled, capture_output=True, text=True, timeout=_LONGEST, check=False)  # noqa: S603
        if ran.returncode or not Path(out).is_file():
            raise MediaError(f"{command[0]} failed ({ran.stderr.strip()[:200] or ran.returncode}); try another voice")
        samples, rate = soundfile.read(out, dtype="float32")
    return resample(samples, rate * voice.pitch) if samples.size else samples[:SAMPLE_RATE]
