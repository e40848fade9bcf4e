"""Builders on small corpora, and tokenizers made on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from text_kit import LOCAL, builder_for

from lm_eval_longctx.tasks.text_niah.builder import NeedleBuilder

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def make(tmp_path) -> Callable[..., Any]:
    """Make builders whose cache is this test's own."""
    return lambda haystack, kind=NeedleBuilder, **metadata: builder_for(tmp_path / "cache", haystack, kind, **metadata)


@pytest.fixture
def book(tmp_path) -> Callable[[str], str]:
    """Write a text into a file and return how it is asked for as a haystack."""

    def write(text: str, name: str = "book.txt") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return f"books:{path}"

    return write


@pytest.fixture(scope="session")
def local_tokenizers(tmp_path_factory) -> dict[str, str]:
    """Small tokenizers of four families, trained here, as paths to their files."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("tokenizers")
    paths = {name: folder / f"{name}.json" for name in LOCAL}
    for name, path in paths.items():
        LOCAL[name]().save(str(path))
    return {name: str(path) for name, path in paths.items()}
