"""Finding out what is said in a folder of recordings, however that is written down.

Layouts, tried in this order for the whole folder: a manifest
(``manifest.jsonl``, ``metadata.csv``, ``*.jsonl``, ``*.csv`` or ``*.tsv`` with
a column for the file and one for the text), Kaldi's ``text`` (with
``wav.scp`` where there is one), CMU Sphinx's ``fileids`` and
``transcription``, LibriSpeech's ``*.trans.txt``; and last a ``.txt`` beside
each recording, as LibriSpeech-Long has them.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.kinds import kind_of, readable
from lm_eval_longctx.hay.speech.waveform import AUDIO_SUFFIXES
from lm_eval_longctx.hay.tables import read_table, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE_COLUMNS = ("audio_filepath", "audio", "file_name", "file", "path", "wav", "filename", "audio_path")
TEXT_COLUMNS = ("text", "transcript", "transcription", "sentence", "normalized_text", "raw_text")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id", "speaker_name")

Entry = tuple["Path", "str | None", str]
"""A recording, what is said in it, and who speaks (empty if unknown)."""


def recordings(folder: Path) -> list[Entry]:
    """Return all recordings of a folder with their transcripts, sorted by path.

    Raises:
        CorpusError: The folder is missing or holds no recording.
        MediaError: A transcript names a recording that is not there.
    """
    entries = _entries(folder)
    _tell_left_out(folder, {path for path, _, _ in entries})
    return entries


def _entries(folder: Path) -> list[Entry]:
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder; give one that holds recordings: speech:/path")
    files = readable(sorted(p for p in folder.rglob("*") if _is_sound(p)))
    for reader in (_manifest, _kaldi, _sphinx):
        entries = list(reader(folder, files))
        if entries:
            return sorted(_existing(entries), key=lambda entry: str(entry[0]))
    if not files:
        raise CorpusError(f"{folder} holds no recordings ({', '.join(AUDIO_SUFFIXES[:4])}, ...)")
    known = _librispeech(folder)
    _no_orphans(known, {p.stem for p in files}, folder)
    _no_lonely_texts(folder, files)
    return [(p, known.get(p.stem) or _beside(p), _speaker(p, p.stem in known)) for p in files]


def _is_sound(path: Path) -> bool:
    """Return whether a file is called a recording, or is one whatever it is called."""
    if path.suffix.lower() in AUDIO_SUFFIXES:
        return True
    return path.is_file() and not path.name.startswith(".") and kind_of(path) == "a recording"


def _existing(entries: list[Entry]) -> list[Entry]:
    for path, text, _ in entries:
        if not path.is_file():
            said = f" ({text[:40]!r})" if text else ""
            raise MediaError(f"{path} has a transcript{said} but is not there; add the recording or remove its line")
    return entries


def _manifest(folder: Path, files: list[Path]) -> Iterator[Entry]:
    tables = sorted(p for p in folder.iterdir() if p.suffix in {".jsonl", ".csv", ".tsv"} or p.name == "manifest.json")
    for table in tables:
        rows = list(read_table(table))
        if files and not any(row.get(c) for row in rows for c in (*FILE_COLUMNS, *TEXT_COLUMNS)):
            columns = ", ".join(FILE_COLUMNS[:4])
            logger.warning("%s names neither recordings (%s, ...) nor words, and is left out", table, columns)
            continue
        for number, row in enumerate(rows, 1):
            named = next((row[c] for c in FILE_COLUMNS if row.get(c)), None)
            if named is None:
                columns = ", ".join(FILE_COLUMNS[:4])
                raise CorpusError(f"{table}, row {number}: no column names the recording (one of {columns}, ...)")
            text = next((row[c] for c in TEXT_COLUMNS if row.get(c)), None)
            speaker = next((row[c] for c in SPEAKER_COLUMNS if row.get(c)), "")
            path = folder / str(named)
            yield path, _beside(path) if text is None else str(text), str(speaker)


def _kaldi(folder: Path, files: list[Path]) -> Iterator[Entry]:
    text, scp = folder / "text", folder / "wav.scp"
    if not text.is_file():
        return
    speakers = _pairs(folder / "utt2spk")
    where = {key: folder / value for key, value in _pairs(scp).items()}
    by_stem = {p.stem: p for p in files}
    for key, words in _pairs(text).items():
        yield where.get(key) or by_stem.get(key) or folder / f"{key}.wav", words, speakers.get(key, "")


def _pairs(path: Path) -> dict[str, str]:
    """Read lines of a key and the rest."""
    if not path.is_file():
        return {}
    lines = (line.split(maxsplit=1) for line in read_text(path).splitlines() if line.strip())
    return {line[0]: line[1].strip() if len(line) > 1 else "" for line in lines}


_SPHINX_LINE = re.compile(r"(?:<s>)?\s*(.*?)\s*(?:</s>)?\s*\(([^()\s]+)\)\s*")


def _sphinx(folder: Path, files: list[Path]) -> Iterator[Entry]:
    ids = sorted(p for p in folder.iterdir() if p.name == "fileids" or p.suffix == ".fileids")
    spoken = sorted(p for p in folder.iterdir() if p.name == "transcription" or p.suffix == ".transcription")
    if not ids or not spoken:
        return
    matches = (_SPHINX_LINE.fullmatch(line) for line in read_text(spoken[0]).splitlines())
    words = {match[2]: match[1] for match in matches if match}
    by_stem = {p.stem: p for p in files}
    for line in read_text(ids[0]).split():
        stem = line.rsplit("/", 1)[-1]
        yield by_stem.get(stem, folder / f"{line}.wav"), words.get(stem), ""


def _librispeech(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.trans.txt")):
        found.update(_pairs(path))
    return found


def _no_orphans(known: dict[str, str], stems: set[str], folder: Path) -> None:
    for key in sorted(known.keys() - stems):
        raise MediaError(f"{folder}: {key} has a transcript but no recording; add the recording or remove its line")


def _no_lonely_texts(folder: Path, files: list[Path]) -> None:
    """Refuse a text beside no recording, where other texts stand beside theirs."""
    beside = {p.with_suffix(".txt") for p in files}
    texts = {p for p in folder.rglob("*.txt") if not p.name.endswith(".trans.txt") and not _PAPERS.match(p.stem)}
    lonely = sorted(texts - beside) if texts & beside else []
    if lonely:
        msg = f"{lonely[0]} has no recording beside it"
        raise MediaError(f"{msg} ({len(lonely)} such); add the recording or remove the text")


_PAPERS = re.compile(r"(?i)read.?me|licen[sc]e|copying|notice|changes|about|speakers|chapters|books")
"""How texts are called that are about a folder and nobody's words."""

_NOTES = frozenset((".txt", ".md", ".json", ".jsonl", ".csv", ".tsv", ".scp", ".fileids", ".transcription", ".html"))


def _tell_left_out(folder: Path, used: set[Path]) -> None:
    """Say which recordings, and files that may be some, are not among those that are used, and why."""
    used = {path.resolve() for path in used}
    others = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("."))
    left = [p for p in others if p.resolve() not in used and p.suffix and p.suffix.lower() not in _NOTES]
    unlisted = [p for p in left if _is_sound(p)]
    unknown = [p for p in left if not _is_sound(p)]
    for paths, why in ((unlisted, "no transcript lists them"), (unknown, "their kind is not read as sound")):
        if paths:
            names = ", ".join(str(p.relative_to(folder)) for p in paths[:3]) + (", ..." if len(paths) > 3 else "")  # noqa: PLR2004 - enough to find them
            logger.warning("%s: %d files are left out, as %s: %s", folder, len(paths), why, names)


def _beside(recording: Path) -> str | None:
    text = recording.with_suffix(".txt")
    return " ".join(read_text(text).split()) if text.is_file() else None


def _speaker(recording: Path, librispeech: bool) -> str:
    """Return the speaker's number in LibriSpeech and LibriSpeech-Long; nothing where files are called otherwise.

    ``84/121550/84-121550-0000.flac`` and ``84/121550/121550_0000.flac``: speaker, chapter, number.
    """
    if librispeech:
        return recording.stem.split("-")[0]
    chapter, number = recording.parent, recording.stem.removeprefix(f"{recording.parent.name}_")
    long = chapter.name.isdigit() and number.isdigit() and number != recording.stem
    return chapter.parent.name if long and chapter.parent.name.isdigit() else ""
