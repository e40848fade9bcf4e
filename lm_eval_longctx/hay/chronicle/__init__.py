"""``chronicle``: readable English prose without end about a land that never was.

The text is a function of a seed and of ``VERSION``. People are born, learn
trades, marry, build, travel, quarrel and die, and the keeper of the chronicle
writes it down, now and then wrongly, and corrects it later. Nothing in it can
be known from elsewhere, no sentence comes twice, and every fact is handed out
beside the sentence that states it.

Conventions: sentences are counted from 0 over the whole chronicle, headings
are not counted; a *piece* is a sentence with its white space and headings, so
that joining the pieces gives the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle.chapters import VERSION, Chapter, Chronicle
from lm_eval_longctx.hay.chronicle.facts import RELATIONS, Fact

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RELATIONS", "VERSION", "Chapter", "Chronicle", "Fact", "chapters", "pieces", "sentences"]


def chapters(seed: int) -> Iterator[Chapter]:
    """Yield the chapters of a chronicle, without end.

    Args:
        seed: Any whole number.
    """
    return iter(Chronicle(seed))


def sentences(seed: int) -> Iterator[str]:
    """Yield the sentences of a chronicle without headings, without end."""
    for chapter in chapters(seed):
        for paragraph in chapter.paragraphs:
            yield from paragraph


def pieces(seed: int) -> Iterator[str]:
    """Yield the text of a chronicle in pieces of one sentence, without end."""
    for chapter in chapters(seed):
        yield from chapter.pieces()
