"""Tables: of the Hugging Face hub, of folders and files that ``datasets`` reads, and small ones, read at once."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from lm_eval_longctx.errors import CorpusError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Row = dict[str, Any]

_LONGEST = 200
"""Characters of an error's first line; some hold a whole web page."""


def named(argument: str, settings: Iterable[str], example: str) -> tuple[str, dict[str, str]]:
    """Read ``<data set>?split=test&config=en``.

    Args:
        argument: What stands after ``hub:``.
        settings: Those that may follow the question mark.
        example: How to write it, for the message.

    Raises:
        CorpusError: No data set is named.
        UnknownOptionError: A setting is not one of them.
    """
    name, _, query = argument.partition("?")
    given = {key.strip(): value.strip() for key, value in parse_qsl(query, keep_blank_values=True)}
    for setting in given:
        if setting not in settings:
            raise unknown_option("setting of hub", setting, settings)
    if not name.strip():
        raise CorpusError(f"cannot read hub:{argument}; write {example}")
    return name.strip(), given


def opened(name: str, advice: str, *, split: str, config: str | None = None, **how: Any) -> Any:
    """Open a split of a data set.

    Args:
        name: On the hub, a folder, or a kind of files.
        advice: What to do where it cannot be read.
        split: Which split.
        config: Which configuration; none or empty for the only one.
        **how: As ``datasets.load_dataset`` has it.

    Raises:
        CorpusError: It cannot be read.
    """
    import datasets

    try:
        return datasets.load_dataset(name, config or None, split=split, **how)
    except Exception as error:  # datasets and the hub raise many kinds, not all of them their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:_LONGEST]
        where = ", ".join(how.get("data_files") or ()) or f"the data set {name}, split {split}"
        raise CorpusError(f"cannot read {where} ({reason}); {advice}") from error


def read_text(path: Path) -> str:
    """Return a small file's text, without a byte order mark.

    Raises:
        CorpusError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not UTF-8 (byte {error.start}); convert it first, such as by iconv -f LATIN1 -t UTF-8"
        ) from error
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error


def read_table(path: Path) -> list[Row]:
    """Return the rows of a small file.

    CSV and TSV with names in the first line, JSON (a list, or an object with a
    list in ``data``), JSON lines, Parquet.

    Raises:
        CorpusError: It cannot be read as what its name says, or holds no rows with named columns.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(f"{path} is not of a kind that can be read ({', '.join(READERS)}); extract or convert it")
    try:
        rows = reader(path)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise CorpusError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise CorpusError(f"{path} holds no rows with named columns")
    return rows


def _csv(path: Path) -> list[Row]:
    return list(csv.DictReader(read_text(path).splitlines(keepends=True)))


def _tsv(path: Path) -> list[Row]:
    return list(csv.DictReader(read_text(path).splitlines(keepends=True), delimiter="\t"))


def _json(path: Path) -> list[Row]:
    text = read_text(path)
    try:
        read = json.loads(text)
    except ValueError:
        return _lines(path)  # some name JSON lines so, Kaldi's and NeMo's manifests among them
    rows = read.get("data", [read]) if isinstance(read, dict) else read
    return list(rows)


def _lines(path: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            rows += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            raise CorpusError(f"{path}, line {number} is not JSON ({error}); write one object a line") from error
    return rows


def _parquet(path: Path) -> list[Row]:
    import pyarrow.parquet

    rows: list[Row] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _lines,
    ".parquet": _parquet,
    ".tsv": _tsv,
}
