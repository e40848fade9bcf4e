"""Sound for providers that take few kinds of files: decoded once and sent as WAV, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.prompt import AudioPart, Prompt, Turn, file_digest

if TYPE_CHECKING:
    from pathlib import Path

    from lm_eval_longctx.prompt import Part
    from lm_eval_longctx.providers.media_cache import MediaCache

_BLOCK = 1 << 18
_NAME = "sound.wav"


def converted_kinds(prompt: Prompt, taken: tuple[str, ...]) -> tuple[str, ...]:
    """Say which kinds of sound have to be converted, as a note; nothing where all are taken.

    Args:
        prompt: What is to be sent.
        taken: Kinds that are taken; empty for all.
    """
    kinds = sorted({part.mime for part in prompt.media() if isinstance(part, AudioPart)} - set(taken)) if taken else []
    return (f"{'+'.join(kinds)} sent as audio/wav",) if kinds else ()


def as_wav(prompt: Prompt, taken: tuple[str, ...], cache: MediaCache) -> Prompt:
    """Return the prompt with sound of kinds that are not taken as 16-bit WAV; blocks while it decodes."""
    turns = []
    for turn in prompt.turns:
        parts: list[Part] = [
            _converted(part, cache) if isinstance(part, AudioPart) and part.mime not in taken else part
            for part in turn.parts
        ]
        turns.append(Turn(turn.role, tuple(parts)))
    return Prompt(tuple(turns), prompt.answer_prefix)


def _converted(part: AudioPart, cache: MediaCache) -> AudioPart:
    path = cache.folder(f"{part.digest}-wav16", lambda empty: _convert(part, empty / _NAME)) / _NAME
    return replace(part, path=str(path), digest=file_digest(path), mime="audio/wav")


def _convert(part: AudioPart, path: Path) -> None:
    import soundfile

    try:
        with (
            soundfile.SoundFile(part.path) as source,
            soundfile.SoundFile(path, "w", source.samplerate, source.channels, "PCM_16", format="WAV") as target,
        ):
            for block in source.blocks(_BLOCK, dtype="int16"):
                target.write(block)
    except (soundfile.SoundFileError, OSError) as error:
        raise MediaError(f"cannot decode {part.path!r}: {error}") from None
