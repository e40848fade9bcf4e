"""Builders on small corpora, and tokenizers made on the spot."""

from __future__ import annotations

from text_fixtures import book, local_tokenizers, make

__all__ = ["book", "local_tokenizers", "make"]
