"""Sound made in code, and a bench to build with."""

from __future__ import annotations

from sound_kit import _ears, _speech, build, cache, context

__all__ = ["_ears", "_speech", "build", "cache", "context"]
