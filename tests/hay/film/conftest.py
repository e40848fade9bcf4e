"""Tiny films."""

from __future__ import annotations

from film_kit import add_sound, context, library, look, shoot

__all__ = ["add_sound", "context", "library", "look", "shoot"]
