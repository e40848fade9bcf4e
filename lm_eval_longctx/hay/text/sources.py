"""Where hay comes from: books, code, the RULER noise, data sets.

A source yields its text in pieces and says what it is by a digest of its
content. Generated sources may be endless.
"""

from __future__ import annotations

import hashlib
import os
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.chronicle import VERSION as CHRONICLE_VERSION
from lm_eval_longctx.hay.chronicle import pieces
from lm_eval_longctx.hay.text.reading import Document
from lm_eval_longctx.hay.text.splitting import LINES, PIECES, SENTENCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lm_eval_longctx.hay.base import BuildContext

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
"""RULER's noise sentences (arXiv 2404.06654, appendix B)."""

BOOK_SUFFIXES = (".txt", ".text", ".md")
CODE_SUFFIXES = tuple(
    (
        ".py .pyi .c .h .cc .cpp .hpp .cs .go .java .js .jsx .ts .tsx .kt .php .pl .rb .rs .scala .sh .sql .swift "
        ".lua .r .jl .zig"
    ).split()
)
_SKIPPED_FOLDERS = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules"})


class TextSource(Protocol):
    """What a haystack source of text gives.

    Attributes:
        spec: As the user spells it, such as ``books:/path``.
        digest: Hexadecimal sha256 that changes with the text.
        endless: Whether ``texts`` never ends.
        kind: What a needle may stand between: ``sentences``, ``lines``, or
            ``pieces`` as they come.
    """

    spec: str
    digest: str
    endless: bool
    kind: str

    def texts(self) -> Iterator[str]:
        """Yield the text in order, in pieces that end where a unit ends."""
        ...


@dataclass(frozen=True)
class ChronicleSource:
    """Our generated chronicle, without end; see ``TextSource``."""

    spec: str
    digest: str
    seed: int
    kind: str = PIECES
    endless: bool = True

    def texts(self) -> Iterator[str]:
        """Yield a sentence at a time, with the white space and headings before it."""
        return pieces(self.seed)


@dataclass(frozen=True)
class FixedSource:
    """A text that is all there; see ``TextSource``."""

    spec: str
    digest: str
    open_texts: Callable[[], Iterable[str]] = field(repr=False)
    kind: str = SENTENCES
    endless: bool = False

    def texts(self) -> Iterator[str]:
        """Yield the text from its beginning."""
        return iter(self.open_texts())


def chronicle(argument: str, context: BuildContext) -> ChronicleSource:  # noqa: ARG001 - every source is called so
    """Make the haystack of our own endless prose; ``chronicle:7`` is another one.

    Raises:
        CorpusError: The argument is not a whole number.
    """
    if argument.strip() and not argument.strip().isdecimal():
        raise CorpusError(f"chronicle takes a whole number as its seed, not {argument!r}: chronicle:7")
    seed = int(argument or 0)
    return ChronicleSource(
        _spec("chronicle", argument), _digest("chronicle", [str(CHRONICLE_VERSION), str(seed)]), seed
    )


def repeat(argument: str, context: BuildContext) -> FixedSource:  # noqa: ARG001 - every source is called so
    """Make the haystack of one line of noise, for ever the same; ``repeat:<text>`` takes another text."""
    line = (argument.strip() or NOISE) + "\n"
    return FixedSource(_spec("repeat", argument), _digest("repeat", [line]), lambda: [line])


def books(argument: str, context: BuildContext) -> FixedSource:  # noqa: ARG001
    """Make a haystack of a plain text file, or of all in a folder in the order of their paths.

    Project Gutenberg's headers and licence are left out.

    Raises:
        CorpusError: The path is missing or holds no text, or a file is not UTF-8.
    """
    documents = [Document.book(path) for path in _files("books", argument, BOOK_SUFFIXES)]
    return _from_documents("books", argument, documents, SENTENCES)


def code(argument: str, context: BuildContext) -> FixedSource:  # noqa: ARG001
    """Make a haystack of the source files in a folder; ``code:stdlib`` is Python's own library.

    Raises:
        CorpusError: The folder is missing or holds no source, or a file is not UTF-8.
    """
    stdlib = argument.strip() == "stdlib"
    files = (
        _files("code", sysconfig.get_paths()["stdlib"], (".py",)) if stdlib else _files("code", argument, CODE_SUFFIXES)
    )
    documents = [Document.whole(path) for path in files]
    if stdlib:  # a few of its tests are not UTF-8, on purpose
        documents = [document for document in documents if document.is_utf8()]
    return _from_documents("code", argument, documents, LINES)


def _spec(name: str, argument: str) -> str:
    return f"{name}:{argument}" if argument else name


def _digest(kind: str, parts: Iterable[str]) -> str:
    sha = hashlib.sha256(f"{kind}\0".encode())
    for part in parts:
        sha.update(f"{part}\0".encode())
    return sha.hexdigest()


def _from_documents(name: str, argument: str, documents: Sequence[Document], kind: str) -> FixedSource:
    digest = _digest(name, (document.digest() for document in documents))
    return FixedSource(_spec(name, argument), digest, lambda: _texts(documents), kind)


def _texts(documents: Sequence[Document]) -> Iterator[str]:
    for document in documents:
        yield from document.pieces()


def _files(name: str, argument: str, suffixes: tuple[str, ...]) -> list[Path]:
    if not argument.strip():
        raise CorpusError(f"{name} needs a path: {name}:/path/to/{'book.txt' if name == 'books' else 'folder'}")
    path = Path(argument).expanduser()
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CorpusError(f"the haystack {name}:{argument} does not exist; give a file or a folder")
    found = sorted(_walk(path, suffixes), key=lambda p: p.relative_to(path).parts)
    if not found:
        raise CorpusError(f"the folder {argument} holds no {name}; files that end with {', '.join(suffixes)} are read")
    return found


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files under a folder, leaving out what is hidden and what other tools put there."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.lower().endswith(suffixes) and not name.startswith("."))
