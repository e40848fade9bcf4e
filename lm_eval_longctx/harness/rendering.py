"""From a prompt to what lm-eval's own models read.

Text goes as text, or through the model's chat template. Pictures and sound go
in the standard ``visual`` and ``audio`` lists, with ``<image>`` and ``<audio>``
in the text where they belong; film becomes timestamped frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, Turn, VideoPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.prompt import Part

IMAGE_PLACEHOLDER = "<image>"
AUDIO_PLACEHOLDER = "<audio>"


def add_system(prompt: Prompt, instruction: str) -> Prompt:
    """Put the user's system instruction before a prompt's own system text."""
    if not instruction:
        return prompt
    first, rest = prompt.turns[0], prompt.turns[1:]
    if first.role != "system":
        return Prompt((Turn("system", (TextPart(instruction),)), *prompt.turns), prompt.answer_prefix)
    joined = Turn("system", (TextPart(instruction + "\n\n"), *first.parts))
    return Prompt((joined, *rest), prompt.answer_prefix)


def for_other_models(
    prompt: Prompt, gen_kwargs: dict[str, Any], chat_template: Callable[..., Any] | None
) -> tuple[Any, ...]:
    """Return lm-eval's arguments: (context, settings) and a dictionary of media where there are any."""
    media: dict[str, list[Any]] = {}
    turns = [{"role": turn.role, "content": _content(turn.parts, media)} for turn in prompt.turns]
    context = _with_template(turns, prompt, chat_template) if chat_template else _as_text(turns, prompt)
    return (context, gen_kwargs, media) if media else (context, gen_kwargs)


def _with_template(turns: list[dict[str, str]], prompt: Prompt, chat_template: Callable[..., Any]) -> Any:  # noqa: ANN401
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


def _content(parts: tuple[Part, ...], media: dict[str, list[Any]]) -> str:
    return "".join(_piece(part, media) for part in parts)


def _piece(part: Part, media: dict[str, list[Any]]) -> str:
    """Return a part's text and put its media in the lists."""
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ImagePart):
        media.setdefault("visual", []).append(_open_image(part.path))
        return IMAGE_PLACEHOLDER
    if isinstance(part, AudioPart):
        media.setdefault("audio", []).append(_open_audio(part.path))
        return AUDIO_PLACEHOLDER
    return _frames(part, media)


def _open_image(path: str) -> Any:  # noqa: ANN401 - a PIL image; Pillow is loaded only here
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB")


def _open_audio(path: str) -> dict[str, Any]:
    """Read sound as lm-eval's audio models want it: float32 array and its rate in hertz."""
    import soundfile

    array, rate = soundfile.read(path, dtype="float32")
    return {"array": array, "sampling_rate": rate}


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
