"""Small mixtures."""

from __future__ import annotations

from mixture_kit import mix, mixed_cache
from sound_kit import _speech

__all__ = ["_speech", "mix", "mixed_cache"]
