"""Opening a table of prompts: from the Hugging Face hub, or from files on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence

_READERS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".json": "json"}


def open_table(spec: str, columns: Sequence[str], how: str, cache_dir: Path) -> Any:  # noqa: ANN401 - a Dataset
    """Open a table; rows stay on disk until they are read.

    Args:
        spec: ``hub:<name>`` or ``file:<file or folder>``.
        columns: What it must have.
        how: How to write ``haystack``, for messages.
        cache_dir: Where converted files are kept.

    Raises:
        CorpusError: There is no such table, it cannot be read, or it lacks a column.
    """
    kind, _, place = spec.partition(":")
    if kind not in {"hub", "file"} or not place:
        raise CorpusError(f"say where the prompts are: set haystack to {how}")
    table = _load(place, None, cache_dir) if kind == "hub" else _local(Path(place).expanduser(), cache_dir)
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise CorpusError(f"{spec} has no column {', '.join(missing)}: it is another table; set haystack to {how}")
    return table


def _local(path: Path, cache_dir: Path) -> Any:  # noqa: ANN401
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    readable = [file for file in files if file.suffix in _READERS and file.is_file()]
    if not readable:
        raise CorpusError(f"{path} holds no table; files that end with {', '.join(_READERS)} are read")
    suffix = readable[0].suffix
    return _load(_READERS[suffix], [str(file) for file in readable if file.suffix == suffix], cache_dir)


def _load(name: str, files: list[str] | None, cache_dir: Path) -> Any:  # noqa: ANN401
    import datasets

    where = ", ".join(files) if files else f"the data set {name}"
    try:
        return datasets.load_dataset(name, data_files=files, split="train", cache_dir=str(cache_dir / "tables"))
    except Exception as error:  # datasets and the hub raise many kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CorpusError(f"cannot read {where} ({reason}); check the name, the files and the network") from error
