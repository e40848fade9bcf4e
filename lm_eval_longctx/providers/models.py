"""The built-in table of models: what is known of each, and when it was last checked.

Facts of 2026-11-23 from the vendors' documentation, their SDKs' types and
public price tables; none was measured on the live services. The limits of one
request (pictures, bytes, files) are of 2026-11-28, from the vendors' pages on
pictures and files, named in ``docs/providers.md``. A probe of the server, where
it offers one, and the user's own word stand above this table.
"""

from __future__ import annotations

from dataclasses import replace

from lm_eval_longctx.providers.capabilities import WireCapabilities

DATED = "2026-11-23"

_MEDIA = ("text", "image", "audio", "video")
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_CLAUDE_EFFORTS = ("off", "low", "medium", "high", "xhigh", "max")
_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
_SOUNDS = ("audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp3", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac")
_FILMS = (
    "video/mp4",
    "video/mpeg",
    "video/mov",
    "video/quicktime",
    "video/avi",
    "video/x-flv",
    "video/mpg",
    "video/webm",
    "video/wmv",
    "video/3gpp",
)

GEMINI_DEFAULT = WireCapabilities(
    modalities=_MEDIA,
    stop=True,
    seed=True,
    reasoning=_LEVELS,
    counts_tokens=True,
    prefix_cache="implicit",
    cache_minimum=4096,
    batch=True,
    dated=DATED,
    thinks=True,
    max_images=3000,
    max_videos=10,
    native_video=True,
    audio_tokens=32,
    image_mimes=_IMAGES,
    audio_mimes=_SOUNDS,
    video_mimes=_FILMS,
    inline_bytes=100_000_000,
    file_bytes=2 << 30,
)
"""Gemini's newest models: sampling settings are ignored, a model turn at the end is refused."""

_GEMINI = replace(GEMINI_DEFAULT, context_window=1_048_576, max_output=65_536)
_GEMINI_3 = replace(_GEMINI, max_images=900, frame_tokens={"default": 70, "low": 70, "medium": 70, "high": 280})

GEMINI = {
    "gemini-4-argon": _GEMINI,
    "gemini-3.8-flash": _GEMINI_3,
    "gemini-3.7-flash": _GEMINI_3,
    "gemini-3.6-flash": _GEMINI_3,
    "gemini-3.5-flash-lite": _GEMINI_3,
    "gemini-3.1-pro-preview": replace(_GEMINI_3, temperature=True, prefill=True),
}

OPENAI_DEFAULT = WireCapabilities(
    modalities=("text", "image"),
    reasoning=_EFFORTS,
    counts_tokens=True,
    prefix_cache="implicit",
    cache_minimum=1024,
    batch=True,
    dated=DATED,
    thinks=True,
    audio_mimes=("audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp3"),
    max_images=1500,
    inline_bytes=50_000_000,
    file_bytes=512_000_000,
    api="responses",
)
"""OpenAI's newest models, through the Responses API: no sampling settings, no stop texts, no seed."""

_GPT_6 = replace(OPENAI_DEFAULT, context_window=922_000, max_output=128_000, prefix_cache="explicit")
"""Since GPT-5.6 writing the cache is billed, and what was written is found at a mark only."""

_OLD_OPENAI = replace(OPENAI_DEFAULT, temperature=True, reasoning=(), thinks=False, retires="2027-01-14")

OPENAI = {
    "gpt-6.1-sol": _GPT_6,
    "gpt-6.1-terra": _GPT_6,
    "gpt-6-luna": _GPT_6,
    "gpt-6-astra": _GPT_6,
    "gpt-audio": replace(
        OPENAI_DEFAULT,
        modalities=("text", "audio"),
        context_window=128_000,
        max_output=16_384,
        temperature=True,
        seed=True,
        stop=True,
        reasoning=(),
        counts_tokens=False,
        thinks=False,
        api="chat",
    ),
    "gpt-5": replace(OPENAI_DEFAULT, context_window=272_000, max_output=128_000, retires="2026-12-11"),
    "o3": replace(OPENAI_DEFAULT, context_window=200_000, max_output=100_000, retires="2026-12-11"),
    "gpt-4.1": replace(_OLD_OPENAI, context_window=1_047_576, max_output=32_768),
    "gpt-4o": replace(_OLD_OPENAI, context_window=128_000, max_output=16_384),
    "gpt-4-turbo": replace(_OLD_OPENAI, context_window=128_000, max_output=4_096, retires="2026-10-23"),
}

ANTHROPIC_DEFAULT = WireCapabilities(
    modalities=("text", "image"),
    stop=True,
    reasoning=_CLAUDE_EFFORTS,
    counts_tokens=True,
    prefix_cache="explicit",
    cache_minimum=4096,
    batch=True,
    dated=DATED,
    thinks=True,
    max_images=100,
    inline_bytes=32_000_000,
    file_bytes=500_000_000,
)
"""Anthropic under API version 2026-10-21: sampling settings are refused even at their defaults."""

_CLAUDE = replace(ANTHROPIC_DEFAULT, context_window=1_000_000, max_output=128_000)

ANTHROPIC = dict.fromkeys(("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"), _CLAUDE)

COMPATIBLE_DEFAULT = WireCapabilities(
    temperature=True,
    seed=True,
    stop=True,
    reasoning=(*_EFFORTS,),
    prefix_cache="implicit",
    native_video=True,
    audio_mimes=(),
    inline_bytes=1 << 40,
    api="chat",
)
"""A server that speaks OpenAI's dialect and of which nothing is known: text only until the user says more."""
