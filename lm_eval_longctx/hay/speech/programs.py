"""Voices that are programs, CMU Flite and eSpeak NG (GPL-3.0-or-later): started where installed, never linked."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, resample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.hay.speech.waveform import Waveform

_LONGEST = 60
"""Seconds that a sentence may take."""
_WORDS_A_MINUTE = 160
"""At which eSpeak speaks about as fast as the other voices."""


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
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.wav")
        filled = [part.replace("{out}", out) for part in command]
        ran = subprocess.run(filled, capture_output=True, text=True, timeout=_LONGEST, check=False)  # noqa: S603
        if ran.returncode or not Path(out).is_file():
            raise MediaError(f"{command[0]} failed ({ran.stderr.strip()[:200] or ran.returncode}); try another voice")
        samples, rate = soundfile.read(out, dtype="float32")
    return resample(samples, rate * voice.pitch) if samples.size else samples[:SAMPLE_RATE]


@dataclass(frozen=True)
class Program:
    """A program as an engine; see ``voices.Engine``.

    Attributes:
        name: Of the program, and of the Debian package that brings it.
        command: Makes the arguments for a voice and a sentence; ``{out}`` stands for the file.
    """

    name: str
    command: Callable[[Voice, str], list[str]]

    def installed(self) -> bool:
        """Whether the program is there."""
        return shutil.which(self.name) is not None

    def identity(self, voice: Voice, text: str) -> dict[str, str]:
        """Return what decides the sound: the program's version and the text."""
        del voice
        return {"program": version(find(self.name, self.name), "--version"), "text": text}

    def say(self, voice: Voice, text: str) -> Waveform:
        """Say a sentence, mono at 16 kHz."""
        return spoken([find(self.name, self.name), *self.command(voice, text)], voice)


def _flite(voice: Voice, text: str) -> list[str]:
    stretch = str(voice.pitch / voice.tempo)
    return ["-voice", voice.speaker, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", "{out}"]


def _espeak(voice: Voice, text: str) -> list[str]:
    speed = str(round(_WORDS_A_MINUTE * voice.tempo / voice.pitch))
    return ["-v", voice.speaker, "-s", speed, "-w", "{out}", "--", text]


PROGRAMS = {"flite": Program("flite", _flite), "espeak": Program("espeak-ng", _espeak)}
"""By the name of the engine that voices give."""
