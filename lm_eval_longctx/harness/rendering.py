"""Prompts of ours as what lm-eval's own models read, and requests of lm-eval's own tasks as prompts.

Text goes as text, or through the model's chat template. Pictures and sound go
in the standard ``visual`` and ``audio`` lists, with ``<image>`` and ``<audio>``
in the text where they belong; film becomes timestamped frames. The other way,
``--model longctx`` also answers tasks that are not ours: with
``--apply_chat_template`` they come as turns, without it as one text.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import MediaError, UnsupportedError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.speech.waveform import read_samples
from lm_eval_longctx.prompt import AudioPart, ImagePart, Part, Prompt, TextPart, Turn, VideoPart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.prompt import Part

IMAGE_PLACEHOLDER = "<image>"
AUDIO_PLACEHOLDER = "<audio>"


def for_other_models(
    prompt: Prompt, gen_kwargs: dict[str, Any], chat_template: Callable[..., Any] | None, rate: int | None = None
) -> tuple[Any, ...]:
    """Return lm-eval's arguments: (context, settings) and a dictionary of media where there are any.

    Args:
        prompt: What is asked.
        gen_kwargs: lm-eval's generation settings.
        chat_template: lm-eval's template function, if the template is to be applied.
        rate: Samples of sound a second that the model takes every sound to have; ``None`` if it is told.
    """
    media: dict[str, list[Any]] = {}
    turns = [{"role": turn.role, "content": _content(turn.parts, media, rate)} for turn in prompt.turns]
    context = _with_template(turns, prompt, chat_template) if chat_template else _as_text(turns, prompt)
    return (context, gen_kwargs, media) if media else (context, gen_kwargs)


def _with_template(turns: list[dict[str, str]], prompt: Prompt, chat_template: Callable[..., Any]) -> Any:
    """Apply the chat template; the answer's beginning is an open assistant turn, as lm-eval's ``gen_prefix``."""
    if prompt.answer_prefix:
        turns = [*turns, {"role": "assistant", "content": prompt.answer_prefix}]
    return chat_template(turns, add_generation_prompt=not prompt.answer_prefix)


def _as_text(turns: list[dict[str, str]], prompt: Prompt) -> str:
    """Join turns as plain text; speakers are named where there is a conversation."""
    spoken = [turn for turn in turns if turn["role"] != "system"]
    system = "".join(turn["content"] + "\n\n" for turn in turns if turn["role"] == "system")
    if len(spoken) == 1:
        return system + spoken[0]["content"] + prompt.answer_prefix
    names = {"user": "User", "assistant": "Assistant"}
    told = "\n\n".join(f"{names[turn['role']]}: {turn['content']}" for turn in spoken)
    return f"{system}{told}\n\nAssistant: {prompt.answer_prefix}".rstrip(" ")


def _content(parts: tuple[Part, ...], media: dict[str, list[Any]], rate: int | None) -> str:
    return "".join(_piece(part, media, rate) for part in parts)


def _piece(part: Part, media: dict[str, list[Any]], rate: int | None) -> str:
    """Return a part's text and put its media in the lists."""
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ImagePart):
        media.setdefault("visual", []).append(_open_image(part.path))
        return IMAGE_PLACEHOLDER
    if isinstance(part, AudioPart):
        media.setdefault("audio", []).append(_open_audio(part.path, rate))
        return AUDIO_PLACEHOLDER
    return _frames(part, media)


def _open_image(path: str) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB")


def _open_audio(path: str, rate: int | None) -> dict[str, Any]:
    """Read sound as lm-eval's audio models want it: one channel as a float32 array, and its rate in hertz.

    lm-eval's class drops the rate, and its processors take one channel: whatever comes in two, or at another rate,
    would be heard as noise, or end the run.
    """
    samples, found = read_samples(path)
    mono = np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32)
    if rate is None or found == rate:
        return {"array": mono, "sampling_rate": found}
    import soxr

    return {"array": soxr.resample(mono, found, rate, quality="HQ"), "sampling_rate": rate}


def _frames(part: VideoPart, media: dict[str, list[Any]]) -> str:
    """Turn film into ``MM:SS`` and a frame each, at the task's frames a second (the report, appendix 12.16)."""
    from lm_eval_longctx.hay.film.reading import sample_frames

    if part.has_audio and not part.silent_too:
        raise UnsupportedError(
            "lm-eval's own models get film as frames, but the sound track is part of this question; "
            "use --model longctx with a model that takes film, or leave kinds of question about sound out"
        )
    pieces = []
    for seconds, image in sample_frames(part.path, part.fps):
        media.setdefault("visual", []).append(image)
        pieces.append(f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d} {IMAGE_PLACEHOLDER}\n")
    return "".join(pieces)


class ChatText(str):
    """A conversation as the JSON text that lm-eval logs, with its turns beside it.

    Attributes:
        turns: lm-eval's messages: dictionaries with ``role`` and ``content``.
    """

    turns: list[dict[str, Any]]

    def __new__(cls, turns: Sequence[Mapping[str, Any]]) -> ChatText:  # noqa: PYI034 - typing.Self is newer than 3.10
        """Keep the turns and spell them as JSON."""
        self = super().__new__(cls, json.dumps(list(turns), ensure_ascii=False))
        self.turns = [dict(turn) for turn in turns]
        return self


def prompt_of(context: str, media: Mapping[str, Sequence[Any]], folder: Path) -> Prompt:
    """Make a prompt of another task's request.

    Args:
        context: One text, or a ``ChatText``.
        media: lm-eval's ``visual`` and ``audio`` lists; may be empty.
        folder: Where media that come in memory are written, by digest.

    Raises:
        MediaError: The text has other than one placeholder for each medium.
    """
    turns = context.turns if isinstance(context, ChatText) else [{"role": "user", "content": context}]
    prefix = ""
    if turns[-1]["role"] == "assistant":
        *turns, last = turns
        prefix = last["content"]
    images = [_image(image, folder) for image in media.get("visual") or ()]
    sounds = [_audio(sound, folder) for sound in media.get("audio") or ()]
    waiting: dict[str, list[Any]] = {IMAGE_PLACEHOLDER: images, AUDIO_PLACEHOLDER: sounds}
    made = tuple(Turn(turn["role"], tuple(_parts(turn["content"], waiting))) for turn in turns)
    if images or sounds:
        raise MediaError(f"{len(images)} pictures and {len(sounds)} sounds have no <image> or <audio> in the text")
    return Prompt(made, prefix)


def _parts(text: str, waiting: Mapping[str, list[Any]]) -> list[Part]:
    """Split a text at its placeholders; a placeholder without a medium is plain text."""
    places = {mark: text.find(mark) for mark, media in waiting.items() if media and mark in text}
    if not places:
        return [TextPart(text)] if text else []
    mark = min(places, key=lambda m: places[m])
    before, after = text[: places[mark]], text[places[mark] + len(mark) :]
    medium = waiting[mark].pop(0)
    return [*([TextPart(before)] if before else []), medium, *_parts(after, waiting)]


def _image(image: Any, folder: Path) -> ImagePart:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG")
    path, digest = _store(buffer.getvalue(), folder, ".png")
    return ImagePart(str(path), digest, "image/png", image.width, image.height)


def _audio(sound: Mapping[str, Any], folder: Path) -> AudioPart:
    import soundfile

    buffer, rate = io.BytesIO(), int(sound["sampling_rate"])
    soundfile.write(buffer, sound["array"], rate, format="FLAC")
    path, digest = _store(buffer.getvalue(), folder, ".flac")
    return AudioPart(str(path), digest, "audio/flac", len(sound["array"]) / rate, rate)


def _store(data: bytes, folder: Path, suffix: str) -> tuple[Path, str]:
    """Write media once, named by digest."""
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}{suffix}"
    if not path.exists():
        write_whole(path, data)
    return path, digest
