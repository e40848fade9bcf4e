"""The voices of eSpeak NG, where the program is installed (GPL-3.0-or-later; only ever started, never linked)."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.speech import programs

if TYPE_CHECKING:
    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.hay.speech.waveform import Waveform

_WORDS_A_MINUTE = 160


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which("espeak-ng") is not None


def identity(voice: Voice, text: str) -> dict[str, str]:
    """Return what decides the sound: the program's version and the text."""
    del voice
    return {"program": programs.version(programs.find("espeak-ng", "espeak-ng"), "--version"), "text": text}


def say(voice: Voice, text: str) -> Waveform:
    """Say a sentence, mono at 16 kHz."""
    program = programs.find("espeak-ng", "espeak-ng")
    speed = str(round(_WORDS_A_MINUTE * voice.tempo / voice.pitch))
    return programs.spoken([program, "-v", voice.speaker, "-s", speed, "-w", "{out}", "--", text], voice)
