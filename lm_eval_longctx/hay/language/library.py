"""What a translation test is made of, whoever published it: book, word list, sentences, test pairs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lm_eval_longctx.plan import Rng


NGRAM = 6
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SEAMS = str.maketrans("", "", "-=~∼·")
"""What grammars write between the parts of a word in examples; a sentence quoted with them is still the sentence."""


def words(text: str) -> list[str]:
    """Return lower-case words without punctuation: what counts when texts are compared."""
    return [found.group().lower() for found in _WORD.finditer(text.translate(_SEAMS))]


def grams(text: str) -> Iterator[tuple[str, ...]]:
    """Yield all runs of six words; a shorter text is one run."""
    told = words(text)
    for start in range(max(1, len(told) - NGRAM + 1)):
        yield tuple(told[start : start + NGRAM])


class HeldOut:
    """The test sentences of a sweep, in both languages."""

    def __init__(self, sentences: Iterable[str]) -> None:
        """Remember the sentences' runs of words.

        Args:
            sentences: Sources and references; empty ones are left out.
        """
        runs = {gram for sentence in sentences if words(sentence) for gram in grams(sentence)}
        self._long = {run for run in runs if len(run) == NGRAM}
        self._short = runs - self._long
        self._lengths = sorted({len(run) for run in self._short})

    def gives_away(self, *texts: str) -> bool:
        """Whether any text shares six words in a row with a test sentence, or is one (for shorter sentences)."""
        return any(self._hits(words(text)) for text in texts)

    def _hits(self, told: list[str]) -> bool:
        if any(tuple(told[i : i + NGRAM]) in self._long for i in range(len(told) - NGRAM + 1)):
            return True
        return len(told) in self._lengths and tuple(told) in self._short

    def contains(self, text: str) -> bool:
        """Whether a longer text holds six words in a row of a test sentence, or a whole shorter one."""
        told = words(text)
        sizes = [NGRAM, *self._lengths]
        return any(
            tuple(told[i : i + size]) in (self._long if size == NGRAM else self._short)
            for size in sizes
            for i in range(len(told) - size + 1)
        )


@dataclass(frozen=True)
class Pair:
    """A sentence in both languages.

    Attributes:
        theirs: In the language that is not English.
        ours: In English.
        name: Its identifier where it was published.
    """

    theirs: str
    ours: str
    name: str = ""


@dataclass(frozen=True)
class Library:
    """A language's published material.

    Attributes:
        language: Its name.
        digest: The sha256 of all files, in hexadecimal.
        licence: As published.
        word_list: (word, meaning) in the order of publication.
        pairs: Sentences with translations.
        book: Paragraphs of the grammar, in order; empty where there is none.
        tests: Test pairs where the publisher fixed them, by direction
            (``to_english``, ``from_english``); else they are drawn from ``pairs``.
        hidden: Whether its texts must not be written to logs and results.
        removed: What was left out on reading, by reason.
    """

    language: str
    digest: str
    licence: str
    word_list: tuple[tuple[str, str], ...]
    pairs: tuple[Pair, ...]
    book: tuple[str, ...] = ()
    tests: Mapping[str, tuple[Pair, ...]] = field(default_factory=dict)
    hidden: bool = False
    removed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """A library with its test sentences taken out of everything that a model may read.

    Attributes:
        tests: The test pairs, by direction.
        book: Paragraphs that give no test sentence away.
        word_list: Lines that give none away.
        sentences: Lines of pairs that give none away.
        removed: How many paragraphs, lines and pairs were taken out, by kind.
    """

    tests: Mapping[str, tuple[Pair, ...]]
    book: tuple[str, ...]
    word_list: tuple[str, ...]
    sentences: tuple[str, ...]
    removed: Mapping[str, int]


def hold_out(library: Library, rng: Rng, count: int) -> Shelf:
    """Choose test sentences and take out all that quotes them.

    Args:
        library: The published material.
        rng: What chooses, where the publisher did not.
        count: How many test sentences to draw.

    Raises:
        CorpusError: There are fewer suitable sentences than asked.
    """
    tests = dict(library.tests) or _drawn(library, rng, count)
    held = HeldOut(text for pairs in tests.values() for pair in pairs for text in (pair.theirs, pair.ours))
    book, fewer_book = _kept(library.book, held)
    listed, fewer_listed = _kept((f"{word}: {meaning}" for word, meaning in library.word_list), held)
    told = (f"{pair.theirs}\n{pair.ours}\n" for pair in library.pairs)
    sentences, fewer_sentences = _kept(told, held)
    removed = {"book": fewer_book, "wordlist": fewer_listed, "sentences": fewer_sentences, **library.removed}
    return Shelf(tests, book, listed, sentences, removed)


def _drawn(library: Library, rng: Rng, count: int) -> dict[str, tuple[Pair, ...]]:
    """Draw pairs that are long enough for a leak to be recognised; the same ones for both directions."""
    least = 6
    fit = [pair for pair in library.pairs if len(words(pair.theirs)) >= least and len(words(pair.ours)) >= least]
    if len(fit) < count:
        raise CorpusError(
            f"{library.language} has {len(fit)} translated sentences of {least} words or more; "
            f"ask for at most that many held_out sentences, not {count}"
        )
    drawn = tuple(rng.sample(fit, count))
    return {"to_english": drawn, "from_english": drawn}


def _kept(texts: Iterable[str], held: HeldOut) -> tuple[tuple[str, ...], int]:
    every = list(texts)
    kept = tuple(text for text in every if not held.contains(text))
    return kept, len(every) - len(kept)
