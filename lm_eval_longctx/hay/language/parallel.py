"""Parallel sentences from files of a user: two columns, or two files with as many lines.

Data sets for translation come as two text files, a line a sentence (FLORES), as tables with two columns (Gatitos),
or as JSON lines; all three are read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.language.library import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BETWEEN = "|"
"""Stands between the paths of two text files."""


def read_parallel(
    spec: str, find: Callable[[str], Path], columns: tuple[str, ...] = ()
) -> tuple[tuple[Pair, ...], str]:
    """Read pairs of sentences.

    Args:
        spec: ``ours.txt|theirs.txt``, or a file that ends in ``.tsv``, ``.csv`` or ``.jsonl``.
        find: Makes a path of a name that the user wrote.
        columns: The two columns or keys, ours and theirs; the first two columns by default.

    Returns:
        The pairs, in the order of the files and each once, and the sha256 of the files in hexadecimal. Pairs with an
        empty side are left out.

    Raises:
        CorpusError: A file cannot be read, has another form, or the two have different numbers of lines.
    """
    paths = [find(name) for name in spec.split(BETWEEN)]
    texts = [_text(path) for path in paths]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    rows = _lines(paths, texts) if len(paths) > 1 else _table(paths[0], texts[0], columns)
    pairs = dict.fromkeys((ours.strip(), theirs.strip()) for ours, theirs in rows)
    found = tuple(Pair(theirs, ours, str(number)) for number, (ours, theirs) in enumerate(pairs) if ours and theirs)
    if not found:
        raise CorpusError(f"{spec} holds no pair of sentences")
    return found, digest


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"cannot read {path} ({error}); parallel sentences are UTF-8 text") from error


def _lines(paths: list[Path], texts: list[str]) -> list[tuple[str, str]]:
    """Pair the lines of two texts; only line feeds end a line, whatever else stands in a sentence."""
    if len(paths) != 2:  # noqa: PLR2004 - two sides
        raise CorpusError(f"parallel sentences are in one table or two files, not in {len(paths)}: ours.txt|theirs.txt")
    one, other = ([line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] for text in texts)
    if len(one) != len(other):
        raise CorpusError(f"{paths[0]} has {len(one)} lines and {paths[1]} has {len(other)}: they are not parallel")
    return list(zip(one, other, strict=True))


def _table(path: Path, text: str, columns: tuple[str, ...]) -> list[tuple[str, str]]:
    lines = text.split("\n")
    if path.suffix == ".jsonl":
        return [_of_json(path, number, line, columns) for number, line in enumerate(lines, 1) if line.strip()]
    if path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(text, newline="")))
    elif path.suffix == ".tsv":  # quotes in such tables are quotes of the sentence
        rows = [line.rstrip("\r").split("\t") for line in lines]
    else:
        raise CorpusError(f"{path} is not .tsv, .csv or .jsonl; two text files are given as ours.txt|theirs.txt")
    if columns:
        places = [_place(path, rows[0] if rows else [], name) for name in columns]
        return [_two(path, number, row, places) for number, row in enumerate(rows[1:], 2) if any(row)]
    return [_two(path, number, row, [0, 1]) for number, row in enumerate(rows, 1) if any(row)]


def _place(path: Path, head: list[str], name: str) -> int:
    if name not in head:
        raise CorpusError(f"{path} has no column {name}; it has: {', '.join(head)}")
    return head.index(name)


def _two(path: Path, number: int, row: list[str], places: list[int]) -> tuple[str, str]:
    if len(row) <= max(places):
        raise CorpusError(f"{path}, line {number}: {len(row)} columns where {max(places) + 1} were expected")
    return row[places[0]], row[places[1]]


def _of_json(path: Path, number: int, line: str, columns: Iterable[str]) -> tuple[str, str]:
    try:
        row: dict[str, Any] = json.loads(line)
        ours, theirs = (str(row[name]) for name in (tuple(columns) or tuple(row)[:2]))
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}, line {number}: not an object with two texts ({error!r}); set columns") from error
    return ours, theirs
