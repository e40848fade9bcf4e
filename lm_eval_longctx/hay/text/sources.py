"""Where hay comes from: books, code, the RULER noise, data sets, and any of them in another order.

A source yields its text in pieces and says what it is by a digest of its
content. Generated sources may be endless. The text column of a data set is read
once, as a stream, into one file in the cache; from then on no network is needed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sysconfig
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.chronicle import VERSION as CHRONICLE_VERSION
from lm_eval_longctx.hay.chronicle import pieces
from lm_eval_longctx.hay.kinds import readable
from lm_eval_longctx.hay.tables import named, opened
from lm_eval_longctx.hay.text.reading import Document
from lm_eval_longctx.hay.text.splitting import LINES, PIECES, SENTENCES, units_of
from lm_eval_longctx.hay.text.store import atomic_file
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
SHUFFLED = 4096
"""Units that are shuffled together: about 100,000 tokens of prose, which is all that is held at a time."""

_SENTENCE = re.compile(r"\A((?:.*\n\s*\n(?=\s*\S))?\s*)(.*?)(\s*)\Z", re.DOTALL)
"""Headings and space before a sentence, the sentence, and the space after it."""

_LINE = re.compile(r"\A()(.*?)(\n*)\Z", re.DOTALL)
_SKIPPED_FOLDERS = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules"})


class TextSource(Protocol):
    """What a haystack source of text gives.

    Attributes:
        spec: As the user spells it, such as ``books:/path``.
        digest: Hexadecimal sha256 that changes with the text.
        endless: Whether ``texts`` never ends.
        kind: What a needle may stand between: ``sentences``, ``lines``, or
            ``pieces`` as they come.

    A source may have ``even = True`` if its text never ends and a megabyte of it is much like the next: plans then
    reckon how long it is from its beginning, instead of writing ten million tokens to count them.
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
    even: bool = True

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
    even: bool = False
    documents: tuple[Document, ...] = ()

    def texts(self) -> Iterator[str]:
        """Yield the text from its beginning."""
        return iter(self.open_texts())

    def arranged(self, seed: int | None, *, unique: bool) -> FixedSource:
        """Return the same text with its files in another order; itself where it is of one piece.

        Args:
            seed: Decides the order; ``None`` keeps it.
            unique: Whether a file that is the same as an earlier one is left out.
        """
        named = {document.digest(): document for document in self.documents}
        documents = list(named.values()) if unique else list(self.documents)
        if seed is not None:
            Rng(f"order of files|{seed}").shuffle(documents)
        if len(self.documents) < 2 or documents == list(self.documents):  # noqa: PLR2004 - one file has one order
            return self
        digest = _digest(self.digest, (document.digest() for document in documents))
        return replace(self, digest=digest, open_texts=lambda: _texts(documents), documents=tuple(documents))


@dataclass(frozen=True)
class ShuffledSource:
    """Another source's sentences or lines in random order, so many at a time; see ``TextSource``.

    Paragraphs and headings stay where they are: only what is said, and in which order, is lost.
    """

    spec: str
    digest: str
    inner: TextSource

    @property
    def endless(self) -> bool:
        """As that of the other source."""
        return self.inner.endless

    @property
    def even(self) -> bool:
        """As that of the other source."""
        return getattr(self.inner, "even", False)

    @property
    def kind(self) -> str:
        """As that of the other source; its sentences are not cut again."""
        return LINES if self.inner.kind == LINES else PIECES

    def texts(self) -> Iterator[str]:
        """Yield unit after unit."""
        units, form = units_of(self.inner.texts(), self.inner.kind), _LINE if self.kind == LINES else _SENTENCE
        for number, first in enumerate(units):
            block = [match.groups() for unit in (first, *islice(units, SHUFFLED - 1)) if (match := form.match(unit))]
            order = Rng(f"shuffled|{self.digest}|{number}").sample(range(len(block)), len(block))
            for (before, _, after), place in zip(block, order, strict=True):
                yield before + block[place][1] + after


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


def shuffled(argument: str, context: BuildContext) -> ShuffledSource:
    """Make a haystack of another one's sentences in random order: ``shuffled:chronicle``, ``shuffled:books:/path``.

    Raises:
        CorpusError: No other haystack of text is named.
    """
    inner: Any = context.source(argument) if argument.strip() else None
    if not hasattr(inner, "texts"):
        raise CorpusError(f"shuffled needs a haystack of text, such as shuffled:chronicle, not {argument!r}")
    return ShuffledSource(_spec("shuffled", argument), _digest("shuffled", [str(SHUFFLED), inner.digest]), inner)


def books(argument: str, context: BuildContext) -> FixedSource:
    """Make a haystack of a plain text file, or of all in a folder in the order of their paths.

    Project Gutenberg's headers and licence are left out.

    Raises:
        CorpusError: The path is missing or holds no text, or a file is not UTF-8.
    """
    documents = [Document.book(path) for path in _files("books", argument, context, BOOK_SUFFIXES)]
    return _from_documents("books", argument, documents, SENTENCES)


def code(argument: str, context: BuildContext) -> FixedSource:
    """Make a haystack of the source files in a folder; ``code:stdlib`` is Python's own library.

    Raises:
        CorpusError: The folder is missing or holds no source, or a file is not UTF-8.
    """
    stdlib = argument.strip() == "stdlib"
    where, suffixes = (sysconfig.get_paths()["stdlib"], (".py",)) if stdlib else (argument, CODE_SUFFIXES)
    files = _files("code", where, context, suffixes)
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
    return FixedSource(_spec(name, argument), digest, lambda: _texts(documents), kind, documents=tuple(documents))


def _texts(documents: Sequence[Document]) -> Iterator[str]:
    for document in documents:
        yield from document.pieces()


def _files(name: str, argument: str, context: BuildContext, suffixes: tuple[str, ...]) -> list[Path]:
    if not argument.strip():
        raise CorpusError(f"{name} needs a path: {name}:/path/to/{'book.txt' if name == 'books' else 'folder'}")
    path = context.path(argument)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CorpusError(f"the haystack {name}:{argument} does not exist ({path}); give a file or a folder")
    found = sorted(_walk(path, suffixes), key=lambda p: p.relative_to(path).parts)
    if not found:
        raise CorpusError(f"the folder {path} holds no {name}; files that end with {', '.join(suffixes)} are read")
    return readable(found)


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files under a folder, leaving out what is hidden and what other tools put there."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.lower().endswith(suffixes) and not name.startswith("."))


logger = logging.getLogger(__name__)

HUB_SETTINGS = {"split": "test", "column": "text", "config": "", "max_mb": "200"}
_HUB_EXAMPLE = "hub:<data set>?split=test&column=text&max_mb=200"


def hub(argument: str, context: BuildContext) -> FixedSource:
    """Make a haystack of a data set's text column.

    Args:
        argument: A name on the hub or a local folder, with settings after a
            question mark: ``emozilla/pg19?split=test&column=text``. At most
            ``max_mb`` megabytes are read (200 unless set).
        context: Says where to keep the text.

    Raises:
        CorpusError: The data set cannot be read, or has no such column.
        UnknownOptionError: A setting is not one of ``split``, ``column``,
            ``config`` and ``max_mb``.
    """
    name, settings = _parsed(argument)
    key = hashlib.sha256(repr((name, sorted(settings.items()))).encode()).hexdigest()
    path = context.cache_dir / "hub" / f"{key[:32]}.txt"
    if not path.is_file():
        with atomic_file(path) as file:
            for text in _limited(_rows(name, settings), int(settings["max_mb"]) << 20):
                file.write(f"{text.strip()}\n\n".encode())
    document = Document.whole(path)
    return FixedSource(f"hub:{argument}", document.digest(), document.pieces)


def _parsed(argument: str) -> tuple[str, dict[str, str]]:
    name, given = named(argument, HUB_SETTINGS, _HUB_EXAMPLE)
    settings = {**HUB_SETTINGS, **given}
    if not settings["max_mb"].isdecimal():
        raise CorpusError(f"cannot read hub:{argument}; write {_HUB_EXAMPLE}")
    return name, settings


def _rows(name: str, settings: Mapping[str, str]) -> Iterator[str]:
    """Yield the text of row after row."""
    data, column = _opened(name, settings), settings["column"]
    if (columns := data.column_names) and column not in columns:
        raise CorpusError(f"the data set {name} has no column {column!r}; add ?column= and one of {', '.join(columns)}")
    for row in data:
        if not isinstance(row.get(column), str):
            raise CorpusError(f"the column {column!r} of the data set {name} holds no text; add ?column= and another")
        yield row[column]


def _opened(name: str, settings: Mapping[str, str]) -> Any:
    advice = "check the name, the split (?split=train) and the network, or read a local folder with hub:/path"
    data = opened(name, advice, split=settings["split"], config=settings["config"], streaming=True)
    size = f"{data.info.dataset_size / 1e6:.0f} MB" if data.info.dataset_size else "unknown"
    licence = data.info.license or "see the data set's page"
    logger.info("hay from the data set %s: size of all splits %s, licence: %s", name, size, licence)
    return data


def _limited(texts: Iterable[str], most: int) -> Iterator[str]:
    """Yield whole texts until so many bytes are reached."""
    size = 0
    for text in texts:
        yield text
        size += len(text.encode())
        if size >= most:
            logger.warning("reading stopped after %d MB; set max_mb for more", size >> 20)
            return
