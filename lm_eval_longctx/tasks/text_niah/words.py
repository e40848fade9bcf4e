"""The tables of facts, read from ``associations.txt`` and ``wordings.txt``.

Where a question must not share a word with its needle, that is looked at when
a table is read: with the words that the embedded model's BM25 would look for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.providers.cascade.retrieval import content_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ORDERS = ("plain", "inverted")
HOPS = {"1": "one", "2": "two"}
LANGUAGES = ("english", "french", "german")

_SETTING = re.compile(rf"({'|'.join((*ORDERS, *HOPS.values()))}): (.+)")


@dataclass(frozen=True)
class Section:
    """Associations of one kind.

    Attributes:
        name: Such as ``landmark``.
        alone: Whether several of its facts may be true of one person, so that only one is told.
        forms: By ``ORDERS`` the needle, by the values of ``HOPS`` the question.
        rows: Clue, what it stands for, and one step further.
    """

    name: str
    alone: bool
    forms: Mapping[str, str]
    rows: tuple[tuple[str, str, str], ...]

    def needle(self, row: tuple[str, str, str], order: str, name: str) -> str:
        """Return the sentence that says a clue of somebody."""
        return self.forms[order].format(name=name, clue=row[0])

    def question(self, row: tuple[str, str, str], hops: str) -> str:
        """Return the question that is so many steps away from the clue."""
        return self.forms[HOPS[hops]].format(x=row[list(HOPS).index(hops) + 1])


@cache
def sections() -> tuple[Section, ...]:
    """Return all associations, by kind.

    Raises:
        CorpusError: A question shares a word with its needle.
    """
    found = tuple(_section(name, lines) for name, lines in _blocks("associations.txt"))
    for section in found:
        for row in section.rows:
            for order in ORDERS:
                for hops in HOPS:
                    apart(section.needle(row, order, ""), section.question(row, hops))
    return found


@cache
def paraphrases() -> tuple[dict[str, str], ...]:
    """Return needles in both orders, each with the same said as a ``question`` in other words.

    Raises:
        CorpusError: A question shares a word with its needle.
    """
    rows = tuple(dict(zip((*ORDERS, "question"), row, strict=True)) for row in _rows("paraphrase"))
    for row in rows:
        for order in ORDERS:
            apart(row[order].format(name=""), row["question"])
    return rows


@cache
def relations() -> tuple[dict[str, str], ...]:
    """Return what one person has of another, by language, each with its ``question``."""
    return tuple(dict(zip((*LANGUAGES, "question"), row, strict=True)) for row in _rows("relation"))


@cache
def states() -> tuple[dict[str, str], ...]:
    """Return what changes hands as ``told``, with the questions for its ``last``, ``first`` and ``former`` holder."""
    return tuple(dict(zip(("told", "last", "first", "former"), row, strict=True)) for row in _rows("state"))


def apart(needle: str, question: str) -> None:
    """Refuse a question that shares a word with its needle.

    Raises:
        CorpusError: It does.
    """
    if shared := set(content_words(needle)) & set(content_words(question)):
        raise CorpusError(f"{question!r} shares {', '.join(sorted(shared))} with its needle {needle!r}")


def _section(name: str, lines: list[str]) -> Section:
    forms = {match[1]: match[2] for line in lines if (match := _SETTING.fullmatch(line))}
    rows = [_cells(line) for line in lines if "|" in line]
    return Section(name, "alone" in lines, forms, tuple((clue, one, two) for clue, one, two in rows))


def _rows(kind: str) -> Iterator[list[str]]:
    return map(_cells, dict(_blocks("wordings.txt"))[kind])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def _blocks(file: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the parts of a table that begin with ``@name``, without remarks and empty lines."""
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    for block in re.split(r"^@", text, flags=re.MULTILINE)[1:]:
        name, *lines = block.splitlines()
        yield name, [line for line in lines if line and not line.startswith("#")]
