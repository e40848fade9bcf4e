"""The built-in table of models: what is known of each, and when it was last checked.

Facts of 2026-11-23 from the vendors' documentation, their SDKs' types and
public price tables; none was measured on the live services. What media are
taken, how much of them and at which price in tokens is of 2026-11-28, and each
entry says by whom (``said_by``). A probe of the server, where it offers one,
and the user's own word stand above this table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lm_eval_longctx.providers.capabilities import PictureTokens, WireCapabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATED = "2026-11-23"

_MEDIA = ("text", "image", "audio", "video")
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_CLAUDE_EFFORTS = ("off", "low", "medium", "high", "xhigh", "max")
_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
_WEB_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
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
    max_sound=34_200.0,
    native_video=True,
    picture_tokens=PictureTokens({"default": 1120, "low": 280, "medium": 560, "high": 1120}),
    audio_tokens=32,
    image_mimes=_IMAGES,
    audio_mimes=_SOUNDS,
    video_mimes=_FILMS,
    inline_bytes=100_000_000,
    file_bytes=2 << 30,
    said_by="Gemini API: Image, Video, Audio understanding, Media resolution, Files; 2026-11-28",
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
    picture_tokens=PictureTokens(patch=32, most=2500),
    image_mimes=_WEB_IMAGES,
    inline_bytes=50_000_000,
    file_bytes=512_000_000,
    api="responses",
    said_by="OpenAI: Images and vision (GPT-6 taken as GPT-5.4), Files; 2026-11-28",
)
"""OpenAI's newest models, through the Responses API: no sampling settings, no stop texts, no seed."""

_GPT_6 = replace(OPENAI_DEFAULT, context_window=922_000, max_output=128_000, prefix_cache="explicit")
"""Since GPT-5.6 writing the cache is billed, and what was written is found at a mark only."""

_OLD_OPENAI = replace(OPENAI_DEFAULT, temperature=True, reasoning=(), thinks=False, retires="2027-01-14")
_TILES = replace(_OLD_OPENAI, picture_tokens=PictureTokens())
"""GPT-4o and its like count tiles of 512 pixels, which is not reckoned here."""

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
        max_images=0,
        picture_tokens=PictureTokens(),
        audio_tokens=10,
        api="chat",
        said_by="OpenAI: Audio and speech, gpt-audio; 2026-11-28",
    ),
    "gpt-5": replace(OPENAI_DEFAULT, context_window=272_000, max_output=128_000, retires="2026-12-11"),
    "o3": replace(OPENAI_DEFAULT, context_window=200_000, max_output=100_000, retires="2026-12-11"),
    "gpt-4.1": replace(
        _OLD_OPENAI, context_window=1_047_576, max_output=32_768, picture_tokens=PictureTokens(patch=32, most=1536)
    ),
    "gpt-4o": replace(_TILES, context_window=128_000, max_output=16_384),
    "gpt-4-turbo": replace(_TILES, context_window=128_000, max_output=4_096, retires="2026-10-23"),
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
    sides=((0, 8000), (20, 2000)),
    picture_tokens=PictureTokens(pixels=750, most=4784),
    image_mimes=_WEB_IMAGES,
    inline_bytes=32_000_000,
    file_bytes=500_000_000,
    said_by="Anthropic: Vision, Files API; 2026-11-28",
)
"""Anthropic under API version 2026-10-21: sampling settings are refused even at their defaults."""

_CLAUDE = replace(ANTHROPIC_DEFAULT, context_window=1_000_000, max_output=128_000, max_images=600)
"""With a window beyond 200,000 tokens 600 pictures are taken; of a model that nobody knows, 100 are believed."""

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

_SERVED = replace(COMPATIBLE_DEFAULT, dated="2026-11-28", max_images=None)
_VLLM = "vLLM 0.32: Multimodal inputs, VLLM_MAX_AUDIO_DECODE_DURATION_S; 2026-11-28"
_WAVES = ("audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp3", "audio/flac")

LIKE: Mapping[str, WireCapabilities] = {
    "qwen2-vl": replace(
        _SERVED,
        modalities=("text", "image", "video"),
        picture_tokens=PictureTokens(patch=28, most=16_384),
        frames_a_picture=2,
        said_by=f"Qwen2-VL and Qwen2.5-VL: model cards; {_VLLM}",
    ),
    "qwen3-vl": replace(
        _SERVED,
        modalities=("text", "image", "video"),
        picture_tokens=PictureTokens(patch=32, most=16_384),
        frames_a_picture=2,
        said_by=f"Qwen3-VL: model card; {_VLLM}",
    ),
    "qwen-omni": replace(
        _SERVED,
        modalities=_MEDIA,
        max_sound=600.0,
        picture_tokens=PictureTokens(patch=28, most=16_384),
        frames_a_picture=2,
        audio_tokens=25,
        said_by=f"Qwen2.5-Omni: technical report; {_VLLM}",
    ),
    "voxtral": replace(
        _SERVED,
        modalities=("text", "audio"),
        max_sound=600.0,
        audio_tokens=12.5,
        said_by=f"Voxtral (2,400 s in 32k tokens): arXiv 2507.13264; {_VLLM}",
    ),
    "llama.cpp": replace(
        _SERVED,
        modalities=("text", "image", "audio"),
        native_video=False,
        image_mimes=("image/jpeg", "image/png", "image/gif"),
        audio_mimes=_WAVES,
        said_by="llama.cpp: docs/multimodal.md, libmtmd; 2026-11-28",
    ),
}
"""What servers of one's own take that serve such models, for ``like=``; their flags may say less, or more."""


def families() -> Iterator[tuple[str, WireCapabilities]]:
    """Yield what differs in how media are taken, each with a name for people."""
    yield "Gemini 3.x", _GEMINI_3
    yield "other Gemini", GEMINI_DEFAULT
    yield "OpenAI, Responses", OPENAI_DEFAULT
    yield "OpenAI, `gpt-4.1`", OPENAI["gpt-4.1"]
    yield "OpenAI, `gpt-audio`", OPENAI["gpt-audio"]
    yield "Claude, window of 1M", _CLAUDE
    yield "other Claude", ANTHROPIC_DEFAULT
    yield from ((f"`like={name}`", takes) for name, takes in LIKE.items())
    yield "other servers", COMPATIBLE_DEFAULT
