"""Rows of a question file, whatever its format."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.hub import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = dict[str, Any]


def read_rows(given: str, names: Sequence[str]) -> tuple[Path, list[Row]]:
    """Read a question file.

    Args:
        given: The file, or a folder that holds it.
        names: What the file may be called; patterns, the best one first.

    Returns:
        The file that was read, and its rows.

    Raises:
        CorpusError: There is no such file, or it cannot be read.
    """
    path = _found(Path(given).expanduser(), names)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(f"{path} is not of a kind that can be read ({', '.join(_READERS)}); extract or convert it")
    try:
        rows = reader(path)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise CorpusError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise CorpusError(f"{path} holds no rows with named columns; is it the question file?")
    return path, rows


def _found(path: Path, names: Sequence[str]) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise CorpusError(f"{path} does not exist; give the question file or the folder that holds it")
    for name in names:
        matches = sorted(path.rglob(name))
        if matches:
            return matches[0]
    raise CorpusError(f"{path} holds no question file; looked for {', '.join(names)}")


def _csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _json(path: Path) -> list[Row]:
    read = json.loads(path.read_text(encoding="utf-8"))
    return list(read) if isinstance(read, list) else list(read["data"])


def _jsonl(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _parquet(path: Path) -> list[Row]:
    import pyarrow.parquet  # type: ignore[import-untyped]

    rows: list[Row] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


_READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}


def hub_rows(name: str, config: str | None, split: str) -> list[Row]:
    """Read the question table of a set on the hub; films are not fetched.

    Raises:
        CorpusError: It cannot be had.
    """
    return [dict(row) for row in opened(name, "give the question file as questions", split=split, config=config)]
