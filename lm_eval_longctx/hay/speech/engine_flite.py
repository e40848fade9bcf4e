"""The voices of CMU Flite, where the program is installed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.speech import programs

if TYPE_CHECKING:
    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.hay.speech.waveform import Waveform


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which("flite") is not None


def identity(voice: Voice, text: str) -> dict[str, str]:
    """Return what decides the sound: the program's version and the text."""
    del voice
    return {"program": programs.version(programs.find("flite", "flite"), "--version"), "text": text}


def say(voice: Voice, text: str) -> Waveform:
    """Say a sentence, mono at 16 kHz."""
    program = programs.find("flite", "flite")
    stretch = str(voice.pitch / voice.tempo)
    command = [program, "-voice", voice.speaker, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", "{out}"]
    return programs.spoken(command, voice)
