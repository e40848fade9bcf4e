"""Where in a recording a transcript goes wrong, and two ways in which long ones do.

A model that loses the thread of a long recording repeats a phrase over and
over, or stops: writes nothing more, or something that nobody says. Both are
found from the words alone.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class Chunk(Protocol):
    """A stretch of an alignment, as rapidfuzz gives it.

    Attributes:
        tag: ``equal``, ``replace``, ``delete`` or ``insert``.
        src_start: First word said.
        src_end: After the last word said.
        dest_start: First word written.
        dest_end: After the last word written.
    """

    tag: str
    src_start: int
    src_end: int
    dest_start: int
    dest_end: int


_TENTHS = 10
_LONGEST_PHRASE = 30
_LONGEST_PASSAGE = 400
_LEAST_REPEATS = 3
_LEAST_LOOP = 12
_SLIP_EVERY = 6
"""A repetition may have one word in so many that differs, as in "number one ..., number two ..."."""

_HIT_WEIGHT = 4
_LEAST_STOP = 20
_STOP_SHARE = 0.02
_MOSTLY_LEFT_OUT = 0.5
_LEAST_OTHER = 40
_OTHER_SHARE = 0.05
_MOSTLY_HEARD = 0.5
_ABOVE_LIKENESS = 0.15
_MOST_LIKENESS = 0.5
_SURE = 2.5
_LIKENESS_WORDS = 1000


def count(chunks: Sequence[Chunk]) -> dict[str, int]:
    """Return how many words each kind of chunk holds: those said, or those written where nothing was said."""
    counts = dict.fromkeys(("equal", "replace", "delete", "insert"), 0)
    for chunk in chunks:
        counts[chunk.tag] += max(chunk.src_end - chunk.src_start, chunk.dest_end - chunk.dest_start)
    return counts


def errors_by_word(chunks: Sequence[Chunk], words: int) -> np.ndarray[Any, Any]:
    """Return the errors at each word said, shape (words,); an insertion counts at the word before which it stands."""
    errors = np.zeros(max(words, 1), dtype=np.int64)
    for chunk in chunks:
        if chunk.tag == "insert":
            errors[min(chunk.src_start, len(errors) - 1)] += chunk.dest_end - chunk.dest_start
        elif chunk.tag != "equal":
            errors[chunk.src_start : chunk.src_end] += 1
    return errors[:words]


def by_tenth(chunks: Sequence[Chunk], words: int) -> list[float | None]:
    """Return the word error rate in each tenth of the words said; ``None`` where a tenth has no word."""
    return _by_edges(chunks, words, [words * i // _TENTHS for i in range(_TENTHS + 1)])


def by_minute(chunks: Sequence[Chunk], words: int, words_by_minute: Sequence[int]) -> list[float | None]:
    """Return the word error rate in each minute.

    Normalising changes the number of words a little, so minutes are laid over
    the normalised words in proportion.
    """
    total = sum(words_by_minute) or 1
    return _by_edges(chunks, words, [0, *(words * done // total for done in accumulate(words_by_minute))])


def _by_edges(chunks: Sequence[Chunk], words: int, edges: Sequence[int]) -> list[float | None]:
    done = np.concatenate([[0], np.cumsum(errors_by_word(chunks, words))])
    return [round(float(done[b] - done[a]) / (b - a), 4) if b > a else None for a, b in pairwise(edges)]


def repeated_words(words: Sequence[str]) -> int:
    """Count words that belong to a loop.

    A loop is a phrase of 1 to 30 words that stands at least four times in a row
    (itself and three repetitions), and whose repetitions are 12 words or more;
    or a passage of 31 to 400 words that stands at least three times. One word
    in six may differ from one repetition to the next.
    """
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int32)
    looped = np.zeros(len(ids), dtype=bool)
    for phrase in range(1, min(_LONGEST_PASSAGE, len(ids) - 1) + 1):
        repeats = _LEAST_REPEATS if phrase <= _LONGEST_PHRASE else _LEAST_REPEATS - 1
        same = ids[phrase:] == ids[:-phrase]
        for start, end in _runs(same, max(repeats * phrase, _LEAST_LOOP), slip=max(1, phrase // _SLIP_EVERY)):
            looped[start + phrase : end + phrase] = True
    return int(looped.sum())


def _runs(flags: np.ndarray[Any, Any], least: int, slip: int) -> list[tuple[int, int]]:
    """Return the (start, end) of each stretch of true values that is long enough.

    Args:
        flags: Truth values.
        least: How long is enough.
        slip: So many false values in a row do not end a stretch, where at least twice as many true ones stand before.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    solid = ends - starts >= 2 * slip
    long_enough = ends - starts >= least
    starts, ends = starts[solid | long_enough], ends[solid | long_enough]
    if not len(starts):
        return []
    breaks = np.flatnonzero(starts[1:] - ends[:-1] > slip)
    firsts, lasts = starts[np.concatenate([[0], breaks + 1])], ends[np.concatenate([breaks, [len(ends) - 1]])]
    return [(int(firsts[i]), int(lasts[i])) for i in np.flatnonzero(lasts - firsts >= least)]


def early_stop(chunks: Sequence[Chunk], words: int, likeness: float = 0.0) -> float | None:
    """Return the share of the words said after which they were not written any more, or ``None``.

    Either nothing was written: the end's words are missing but for stray hits
    (at most one in five), half of them deleted and not replaced, and they are
    at least 20 words and 2 % of all. Or something else was written, a loop or
    other prose: of at least 40 words and 5 % of all, hardly more are hits than
    of any two texts of the kind (``likeness``), which is no chance, and half
    of the words before were heard. The cut is where the sum of missing words
    and (negative) hits over the rest is greatest.

    Args:
        chunks: The alignment.
        words: How many were said.
        likeness: See ``likeness``.
    """
    if not words:
        return None
    hit, deleted = (_flags(chunks, words, tag) for tag in ("equal", "delete"))
    cuts = [cut for cut in (_left_out(hit, deleted), _lost(hit, min(likeness, _MOST_LIKENESS))) if cut is not None]
    return round(min(cuts) / words, 4) if cuts else None


def _left_out(hit: np.ndarray[Any, Any], deleted: np.ndarray[Any, Any]) -> int | None:
    """Return where words are no longer written."""
    cut, _ = _cut(hit, 1, _HIT_WEIGHT)
    left = len(hit) - cut
    enough = left >= max(_LEAST_STOP, _STOP_SHARE * len(hit))
    return cut if enough and deleted[cut:].sum() >= _MOSTLY_LEFT_OUT * left else None


def _lost(hit: np.ndarray[Any, Any], likeness: float) -> int | None:
    """Return where something else is written."""
    limit = likeness + _ABOVE_LIKENESS
    cut, missing = _cut(hit, limit, 1 - limit)
    left = len(hit) - cut
    sure = missing >= _SURE * (left * limit * (1 - limit)) ** 0.5
    if not sure or left < max(_LEAST_OTHER, _OTHER_SHARE * len(hit)) or cut < _LEAST_STOP:
        return None
    heard = hit[:cut].mean() >= max(_MOSTLY_HEARD, limit + _ABOVE_LIKENESS)
    # A gap is no stop: in its last quarter, too, next to nothing is heard.
    return cut if heard and hit[len(hit) - left // 4 :].mean() <= limit else None


def likeness(words: Sequence[int]) -> float:
    """Return the share of words that a text finds again by chance in another, twice as long, of the same kind.

    Both are places of what was said: prose finds a word in six, speech made of few phrases one in three.
    """
    from rapidfuzz.distance import Levenshtein

    size = min(_LIKENESS_WORDS, len(words) // 3)
    if not size:
        return 0.0
    chunks: list[Chunk] = list(Levenshtein.opcodes(words[:size], words[len(words) - 2 * size :]))
    return count(chunks)["equal"] / size


def _flags(chunks: Sequence[Chunk], words: int, tag: str) -> np.ndarray[Any, Any]:
    """Return which words said lie in chunks of a kind, shape (words,)."""
    flags = np.zeros(words, dtype=bool)
    for chunk in chunks:
        if chunk.tag == tag:
            flags[chunk.src_start : chunk.src_end] = True
    return flags


def _cut(hits: np.ndarray[Any, Any], miss: float, hit: float) -> tuple[int, float]:
    """Return where the rest begins whose sum of misses less hits is greatest, and that sum."""
    rest = np.cumsum(np.where(hits, -hit, miss)[::-1])[::-1]
    best = int(np.argmax(rest))
    return (best, float(rest[best])) if rest[best] > 0 else (len(hits), 0.0)
