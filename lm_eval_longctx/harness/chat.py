"""Requests of other lm-eval tasks, as prompts.

``--model longctx`` also answers tasks that are not ours. With
``--apply_chat_template`` they come as turns, without it as one text, and media
as lm-eval's ``visual`` and ``audio`` lists.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.harness.rendering import AUDIO_PLACEHOLDER, IMAGE_PLACEHOLDER
from lm_eval_longctx.prompt import AudioPart, ImagePart, Part, Prompt, TextPart, Turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


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


def _image(image: Any, folder: Path) -> ImagePart:  # noqa: ANN401 - a PIL image
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
