"""Any published dictionary in the Cross-Linguistic Data Formats (CLDF), read with ``pycldf``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError, MissingExtraError
from lm_eval_longctx.hay.language.library import Library, Pair
from lm_eval_longctx.prompt import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENGLISH = re.compile(
    r"\b(?:the|a|an|is|are|was|were|be|he|she|it|they|we|you|i|his|her|their|my|your|our|this|that|there|to|of|and|in|on|"
    r"at|with|for|not|don't|do|did|does|have|has|will|go|went|from|who|what|when|if|as|but)\b",
    re.IGNORECASE,
)


def read_cldf(path: str) -> Library:
    """Read a CLDF dictionary.

    Args:
        path: Its metadata file, such as ``cldf/cldf-metadata.json``.

    Returns:
        Its words with their meanings and its examples with their English
        translations. Examples without one are left out and counted: a text
        counts as English if it has a common English word in it.

    Raises:
        MissingExtraError: ``pycldf`` is not installed.
        CorpusError: The file is missing, is no CLDF dictionary, or has no
            entries or examples.
    """
    try:
        from pycldf import Dataset
    except ImportError as error:
        raise MissingExtraError("reading CLDF", "translation") from error
    file = Path(path).expanduser()
    if not file.is_file():
        raise CorpusError(f"no CLDF metadata at {path}; give the path of the data set's *-metadata.json")
    try:
        dataset = Dataset.from_metadata(file)
        words, pairs, removed = _words(dataset), *_pairs(dataset)
    except (ValueError, KeyError, OSError) as error:
        raise CorpusError(f"{path} cannot be read as a CLDF dictionary: {error}") from error
    if not words or not pairs:
        raise CorpusError(f"{path} has {len(words)} words and {len(pairs)} translated examples; both are needed")
    title = dataset.properties.get("dc:title") or ""
    return Library(
        language=_language(dataset) or str(title) or file.parent.name,
        digest=file_digest(file),
        licence=str(dataset.properties.get("dc:license", "not stated")),
        word_list=words,
        pairs=pairs,
        removed=removed,
    )


def _rows(dataset: Any, table: str, *columns: str) -> Iterator[dict[str, Any]]:
    """Yield a table's rows with the standard names of some columns; nothing if the data set has no such table."""
    if table in dataset:
        yield from dataset.iter_rows(table, *columns)


def _words(dataset: Any) -> tuple[tuple[str, str], ...]:
    heads = {row["id"]: _text(row["headword"]) for row in _rows(dataset, "EntryTable", "id", "headword")}
    senses: dict[str, list[str]] = {}
    for row in _rows(dataset, "SenseTable", "description", "entryReference"):
        senses.setdefault(_text(row["entryReference"]), []).append(_text(row["description"]))
    return tuple((heads[entry], "; ".join(said)) for entry, said in senses.items() if heads.get(entry) and any(said))


def _pairs(dataset: Any) -> tuple[tuple[Pair, ...], dict[str, int]]:
    found: list[Pair] = []
    left_out: Counter[str] = Counter()
    seen: set[str] = set()
    for row in _rows(dataset, "ExampleTable", "id", "primaryText", "translatedText"):
        theirs, ours = _text(row["primaryText"]), _text(row["translatedText"])
        reason = _unfit(theirs, ours, seen)
        if reason:
            left_out[reason] += 1
            continue
        seen.add(theirs.lower())
        found.append(Pair(theirs, ours, str(row["id"])))
    return tuple(found), dict(sorted(left_out.items()))


def _unfit(theirs: str, ours: str, seen: set[str]) -> str:
    if not theirs or not ours:
        return "examples without translation"
    if not _ENGLISH.search(ours):
        return "examples not in English"
    return "examples twice" if theirs.lower() in seen else ""


def _language(dataset: Any) -> str:
    return next((_text(row["name"]) for row in _rows(dataset, "LanguageTable", "name") if row.get("name")), "")


def _text(value: Any) -> str:
    joined = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")
    return " ".join(joined.replace("\t", " ").split())
