"""What can be known before anything is sent: whether a model takes a prompt at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, VideoPart
from lm_eval_longctx.providers.base import modality_of
from lm_eval_longctx.providers.frames import frame_times

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.base import Settings
    from lm_eval_longctx.providers.capabilities import WireCapabilities


REFUSED_NOTE = "temperature not sent: the model refused it, so that its own default held"
"""The note of answers after a model has refused a temperature that it was believed to take."""


class SentSettings(NamedTuple):
    """What follows from settings.

    Attributes:
        settings: With the provider's own filled in.
        budget: Output tokens to ask for, hidden reasoning included.
        changed: Whether anything was filled in.
        left_out: Which settings are not sent, and why.
        named: The settings as they stand in a request's identity.
    """

    settings: Settings
    budget: int
    changed: bool
    left_out: tuple[str, ...]
    named: dict[str, Any]

    @classmethod
    def of(cls, asked: Settings, settings: Settings, budget: int, capabilities: WireCapabilities) -> SentSettings:
        """Work out what a model with these capabilities is sent."""
        unsent = left_out(settings, capabilities)
        named = {**settings.to_dict(), "output_budget": budget, **{n.partition("=")[0]: None for n in unsent}}
        return cls(settings, budget, settings != asked, unsent, named)


def filled(settings: Settings, reasoning: str | None, reasoning_tokens: int) -> Settings:
    """Fill a provider's own settings in where a request leaves them open."""
    return replace(
        settings,
        reasoning=reasoning if settings.reasoning is None else settings.reasoning,
        reasoning_tokens=settings.reasoning_tokens or reasoning_tokens,
    )


def check_content(prompt: Prompt, capabilities: WireCapabilities, model: str, video: str) -> None:
    """Raise ``UnsupportedError`` for content that a model does not take.

    Args:
        prompt: What is to be sent.
        capabilities: What the model takes.
        model: Its name, for the message.
        video: ``native``, ``sequence`` or ``frames``: how film is sent.
    """
    if not any(prompt.media()):
        return
    for part in prompt.media():
        _check_kind(part, capabilities, model, video)
        _check_mime(part, capabilities, model, video)
    images = sum(_images(part, video) for part in prompt.media())
    if capabilities.max_images is not None and images > capabilities.max_images:
        raise UnsupportedError(
            f"{model} takes {capabilities.max_images} images in a prompt, this one makes {images}; lower the length or "
            f"the frame rate, show fewer frames of a film (form: frames, frames: {capabilities.max_images}), or set "
            f"max_images if the model takes more"
        )
    _check_sides(prompt, capabilities, model, images)
    _check_sound(prompt, capabilities, model)
    videos = sum(isinstance(part, VideoPart) for part in prompt.media())
    if video != "frames" and capabilities.max_videos is not None and videos > capabilities.max_videos:
        raise UnsupportedError(f"{model} takes {capabilities.max_videos} films in a prompt, this one has {videos}")


def _check_sides(prompt: Prompt, capabilities: WireCapabilities, model: str, images: int) -> None:
    """Raise ``UnsupportedError`` for a picture that is too large for as many as there are."""
    most = next((side for beyond, side in reversed(capabilities.sides) if images > beyond), None)
    longest = max((max(p.width, p.height) for p in prompt.media() if isinstance(p, ImagePart)), default=0)
    if most is not None and longest > most:
        raise UnsupportedError(
            f"{model} takes pictures of {most:,} pixels a side where a prompt holds {images:,}, this one has "
            f"{longest:,}; lower the resolution"
        )


def _check_sound(prompt: Prompt, capabilities: WireCapabilities, model: str) -> None:
    """Raise ``UnsupportedError`` for more sound than a model takes."""
    seconds = sum(part.seconds for part in prompt.media() if isinstance(part, AudioPart))
    if capabilities.max_sound is not None and seconds > capabilities.max_sound:
        raise UnsupportedError(
            f"{model} takes {capabilities.max_sound:,g} s of sound in a prompt, this one has {seconds:,.0f} s; lower "
            "the length, or set max_sound if the model takes more"
        )


def _check_kind(part: MediaPart, capabilities: WireCapabilities, model: str, video: str) -> None:
    kind = modality_of(part)
    wanted = "image" if kind == "video" and video == "frames" else kind
    if wanted not in capabilities.modalities:
        taken = "+".join(capabilities.modalities)
        raise UnsupportedError(f"{model} takes {taken}, not {wanted}; if it does, say modalities={taken}+{wanted}")
    if isinstance(part, VideoPart) and part.has_audio and not part.silent_too and video != "native":
        raise UnsupportedError(f"{model} gets film as frames, but the sound track is part of this question")
    if isinstance(part, VideoPart) and not 0 < part.fps <= 24:  # noqa: PLR2004 - no provider looks more often
        raise UnsupportedError(f"a film is looked at more than 0 and at most 24 times a second, not {part.fps:g}")


def _check_mime(part: MediaPart, capabilities: WireCapabilities, model: str, video: str) -> None:
    if isinstance(part, VideoPart):
        taken = capabilities.video_mimes if video == "native" else ()
    else:
        taken = capabilities.image_mimes if isinstance(part, ImagePart) else ()
    if taken and part.mime not in taken:
        raise UnsupportedError(f"{model} does not take {part.mime}; it takes {', '.join(taken)}")


def _images(part: MediaPart, video: str) -> int:
    if isinstance(part, VideoPart):
        return len(frame_times(part)) if video == "frames" else 0
    return int(isinstance(part, ImagePart))


def check_settings(settings: Settings, capabilities: WireCapabilities, model: str, budget: int) -> None:
    """Raise ``UnsupportedError`` for settings that a model does not take.

    Args:
        settings: As asked.
        capabilities: What the model takes.
        model: Its name, for the message.
        budget: Output tokens that would be asked for, reasoning included.
    """
    if settings.reasoning is not None and settings.reasoning not in capabilities.reasoning:
        words = ", ".join(capabilities.reasoning)
        raise UnsupportedError(
            f"{model} takes no reasoning={settings.reasoning}; "
            + (f"it takes {words}" if words else "it has no such setting")
        )
    if capabilities.max_output is not None and budget > capabilities.max_output:
        raise UnsupportedError(
            f"{model} gives {capabilities.max_output} output tokens at most, {budget} would be asked for "
            f"(answer {settings.max_output_tokens}, reasoning {budget - settings.max_output_tokens})"
        )


def left_out(settings: Settings, capabilities: WireCapabilities) -> tuple[str, ...]:
    """Say which settings are not sent because the model does not take them; the provider's default holds."""
    asked = {"temperature": settings.temperature, "seed": settings.seed}
    return tuple(
        f"{name}={value:g} not sent: the model takes none"
        for name, value in asked.items()
        if value is not None and not getattr(capabilities, name)
    )
