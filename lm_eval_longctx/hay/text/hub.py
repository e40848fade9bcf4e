"""Text from data sets: the Hugging Face hub, or files that ``datasets`` reads.

The text column is read once, as a stream, into one file in the cache; from
then on no network is needed and the hay is that file.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.hub import named, opened
from lm_eval_longctx.hay.text.reading import Document
from lm_eval_longctx.hay.text.sources import FixedSource
from lm_eval_longctx.hay.text.store import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lm_eval_longctx.hay.base import BuildContext

logger = logging.getLogger(__name__)

SETTINGS = {"split": "test", "column": "text", "config": "", "max_mb": "200"}
_EXAMPLE = "hub:<data set>?split=test&column=text&max_mb=200"


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
    name, given = named(argument, SETTINGS, _EXAMPLE)
    settings = {**SETTINGS, **given}
    if not settings["max_mb"].isdecimal():
        raise CorpusError(f"cannot read hub:{argument}; write {_EXAMPLE}")
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


def _opened(name: str, settings: Mapping[str, str]) -> Any:  # noqa: ANN401 - datasets has many classes
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
