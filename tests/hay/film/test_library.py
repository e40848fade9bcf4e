"""The library: hay is coded once, in whole files, alike by everybody."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from lm_eval_longctx.errors import MediaError
from lm_eval_longctx.hay.film import library as module
from lm_eval_longctx.hay.film.codec import CODERS, DEFAULT
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import CHUNK, Library
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.progress import GivenUpError, unless

if TYPE_CHECKING:
    from pathlib import Path


def _content(library: Library) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(library.folder.iterdir())}


def test_hay_is_coded_once_and_grows(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer film adds chunks; what is there is not coded again."""
    library.grow(10)
    before = _content(library)
    made: list[int] = []
    original = Library._make
    monkeypatch.setattr(Library, "_make", lambda self, n, own: made.append(n) or original(self, n, own))
    library.grow(CHUNK)
    assert made == []
    library.grow(CHUNK + 1)
    assert made == [1]
    after = _content(library)
    assert before.items() < after.items()
    assert len(after) == 2


@pytest.mark.parametrize("codec", sorted(CODERS))
def test_threads_and_processes_agree(look: Look, tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two makers at once leave one library, byte for byte that of one maker alone."""
    alone, shared = (Library(Film("test", look), codec, tmp_path / n) for n in ("alone", "shared"))
    with monkeypatch.context() as patch:
        patch.setattr(module, "_WORKERS", 1)  # what a thread coded before must not show
        alone.grow(2 * CHUNK)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: shared.grow(2 * CHUNK), range(2)))
    assert _content(alone) == _content(shared)


def test_what_nobody_wants_any_more_is_not_coded_to_its_end(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the run is ended, the chunks that are being coded are the last, however many were asked for."""
    made: list[int] = []
    original = Library._make
    monkeypatch.setattr(module, "_WORKERS", 1)
    monkeypatch.setattr(Library, "_make", lambda self, _, own: made.append(1) or original(self, 0, own))
    with unless(lambda: bool(made)), pytest.raises(GivenUpError):
        library.grow(20 * CHUNK)
    assert len(made) <= 3
    assert len(_content(library)) == len(made)


def test_a_killed_maker_leaves_whole_files_only(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash in the middle the next run makes what is missing, and the same."""

    def crash(self: Library, number: int, own: object) -> None:
        if number == 1:
            raise KeyboardInterrupt
        return original(self, number, own)

    original = Library._make
    with monkeypatch.context() as patch:
        patch.setattr(Library, "_make", crash)
        patch.setattr(module, "_WORKERS", 1)
        with pytest.raises(KeyboardInterrupt):
            library.grow(3 * CHUNK)
    assert "000001.packets" not in {f.name for f in library.folder.iterdir()}
    library.grow(3 * CHUNK)
    assert list(_content(library)) == ["000000.packets", "000001.packets", "000002.packets"]
    assert [len(library.chunk(n).coded) for n in range(3)] == [CHUNK] * 3


def test_a_library_is_named_by_all_that_decides_its_bytes(tmp_path: Path) -> None:
    """Another film, size, rate or codec is another library."""
    base = ("a", Look(160, 90, Fraction(1)), DEFAULT)
    others = [
        ("b", base[1], DEFAULT),
        ("a", Look(162, 90, Fraction(1)), DEFAULT),
        ("a", Look(160, 90, Fraction(2)), DEFAULT),
        ("a", base[1], "h264"),
    ]
    digests = {Library(Film(name, look), codec, tmp_path).digest for name, look, codec in [base, *others]}
    assert len(digests) == 5


def test_a_folder_that_cannot_be_written_is_named(look: Look, tmp_path: Path) -> None:
    """The message says which folder."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(MediaError, match=r"cannot write the film to .*file"):
        Library(Film("a", look), DEFAULT, tmp_path / "file").grow(1)
