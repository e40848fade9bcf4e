"""The original Kalamang benchmark, MTOB, from the user's own copy (arXiv 2309.16575).

Its authors ask that its texts are not spread: the archive is encrypted and
holds a canary. We read a copy that the user has, take the password from the
environment, check that the canary is there, leave it out of every context, and
write none of the texts to logs or results.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.language.library import Library, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PASSWORD_VARIABLE = "MTOB_PASSWORD"  # noqa: S105 - the variable's name
CANARY = "canary"
BOOKS = ("resources/grammar_book.txt", "resources/grammar_book_for_claude_long.txt", "grammar_book.txt")
WORDS = ("resources/wordlist.json", "wordlist.json")
SENTENCES = ("splits/train_examples.json", "train_examples.json")
TESTS = {
    "from_english": ("splits/test_examples_ek.json", "test_examples_ek.json"),
    "to_english": ("splits/test_examples_ke.json", "test_examples_ke.json"),
}


def read_mtob(path: str) -> Library:
    """Read the benchmark from its encrypted archive or a folder that holds its files.

    Args:
        path: The ``.zip`` or the folder. The archive's password is taken from
            the environment variable ``MTOB_PASSWORD``.

    Raises:
        CorpusError: It is not there, cannot be opened, lacks a file, or has no
            canary (then it is not the benchmark).
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise CorpusError(f"no MTOB at {path}; give the path of your copy of its archive or of the unpacked folder")
    read = _from_archive(root) if root.is_file() else _from_folder(root)
    tests = {direction: read(names) for direction, names in TESTS.items()}
    train, listed, book = read(SENTENCES), read(WORDS), read(BOOKS).decode("utf-8")
    files = [*tests.values(), train, listed]
    if not any(CANARY in data.decode("utf-8").lower() for data in files):
        raise CorpusError(f"{path} holds no canary, so it is not the published benchmark; get a fresh copy")
    return Library(
        language="Kalamang",
        digest=hashlib.sha256(b"".join((*files, book.encode()))).hexdigest(),
        licence="as its authors state; not to be spread as plain text",
        word_list=_word_list(json.loads(listed)),
        pairs=_pairs(json.loads(train), "to_english"),
        book=tuple(part.strip() for part in book.split("\n\n") if part.strip() and CANARY not in part.lower()),
        tests={direction: _pairs(json.loads(data), direction) for direction, data in tests.items()},
        hidden=True,
    )


def _from_folder(root: Path) -> Callable[[tuple[str, ...]], bytes]:
    def read(names: tuple[str, ...]) -> bytes:
        for name in names:
            found = next(iter(sorted(root.rglob(name))), None)
            if found is not None:
                return found.read_bytes()
        raise CorpusError(f"{root} has no {names[0]}; unpack the whole archive there")

    return read


def _from_archive(root: Path) -> Callable[[tuple[str, ...]], bytes]:
    password = os.environ.get(PASSWORD_VARIABLE, "")

    def read(names: tuple[str, ...]) -> bytes:
        try:
            with zipfile.ZipFile(root) as archive:
                for name in names:
                    for member in archive.namelist():
                        if member.endswith(name):
                            return archive.read(member, password.encode() or None)
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:
            raise CorpusError(f"{root} cannot be opened ({error}); set {PASSWORD_VARIABLE} to its password") from error
        raise CorpusError(f"{root} has no {names[0]}; get a fresh copy")

    return read


def _word_list(data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Read ``{"ke": {word: [part of speech, meaning]}}`` or a plain mapping."""
    entries = data.get("ke", data)
    told = ((word, said[-1] if isinstance(said, (list, tuple)) else said) for word, said in entries.items())
    return tuple((word, str(said)) for word, said in told if CANARY not in word.lower())


def _pairs(data: list[Mapping[str, Any]], direction: str) -> tuple[Pair, ...]:
    """Read examples; ``original`` is the source of its direction, ``translation`` or ``ground_truth`` the target."""
    found = []
    for number, row in enumerate(data):
        source, target = row.get("original", ""), row.get("ground_truth") or row.get("translation") or ""
        if not source or not target or CANARY in json.dumps(row).lower():
            continue
        theirs, ours = (source, target) if direction == "to_english" else (target, source)
        found.append(Pair(str(theirs), str(ours), str(row.get("original_id", number))))
    return tuple(found)
