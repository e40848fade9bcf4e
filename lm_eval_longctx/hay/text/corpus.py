"""A corpus: text that is stored and tokenised once, and can be cut anywhere between units.

Places in a corpus are *unrolled*: byte or unit ``n`` of a text of ``k`` is
byte or unit ``n % k`` of its round ``n // k``. So a text that is shorter than
a context simply goes on, and ``repeats`` says how often it began again.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.estimating import TEXT, estimated
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.hay.stretches import stretch
from lm_eval_longctx.hay.text.index import Place, TokenIndex
from lm_eval_longctx.hay.text.store import TextStore
from lm_eval_longctx.hay.text.tokenizers import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from lm_eval_longctx.hay.text.sources import TextSource
    from lm_eval_longctx.sample import Haystack

_BYTES_A_TOKEN = 4.2
_WIDEST, _PLENTY = 8, 64
"""Bytes that hardly a token has, and how many stretches of so wide tokens make a text a very long one."""

_BETWEEN = 256
"""Tokens between two stretches of an endless text: more than a unit has."""

_LOOKS, _LOOK = 64, 1 << 12
"""Places of a text at which its density is looked at, and bytes of each."""

ENOUGH = 1 << 19
"""Bytes, at least, of an even text that a plan writes; what lies beyond is taken to be like them."""

FORMAT = "text-1"
"""Changes whenever the same source would be cut or stored in another way."""


class Corpus:
    """The hay of one source, measured by one tokenizer.

    Safe to use from several threads.
    """

    def __init__(self, source: TextSource, tokenizer: str, cache_dir: Path) -> None:
        """Remember what to open; nothing is read yet.

        Args:
            source: Gives the text.
            tokenizer: A name for ``load_tokenizer``.
            cache_dir: Where text and counts are kept.
        """
        self.source = source
        self.tokenizer_name = tokenizer
        self._folder = cache_dir / FORMAT / source.digest[:32]
        self._lock = threading.RLock()
        self._store: TextStore | None = None
        self._index: TokenIndex | None = None

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """What measures the text; loaded on first use."""
        return load_tokenizer(self.tokenizer_name)

    @property
    def store(self) -> TextStore:
        """The text on disk; a text that ends is written there on first use."""
        return self._store if self._store is not None else self._open_store()

    @property
    def index(self) -> TokenIndex:
        """The token counts on disk; needs the tokenizer, unlike the text."""
        return self._index if self._index is not None else self._open_index()

    def _open_store(self) -> TextStore:
        with self._lock:
            store = self._store or TextStore(self._folder, self.source)
            self._store = store
        return store

    def _open_index(self) -> TokenIndex:
        with self._lock:
            folder = self._folder / self.tokenizer.fingerprint[:16]
            index = self._index or TokenIndex(folder, self.store, self.tokenizer)
            self._index = index
        return index

    @property
    def _goes_on(self) -> bool:
        """Whether the text grows as far as it is asked for: plans let an endless one begin again after a while."""
        return self.source.endless and self.store.period_bytes is None

    def _round(self, byte: int) -> tuple[int, int]:
        """Split an unrolled byte into the round and the byte of the stored text; an endless text grows to it."""
        self._grow(byte)
        return (0, byte) if self._goes_on else divmod(byte, self.store.size)

    def _grow(self, byte: int) -> None:
        if not self._goes_on or byte < self.store.size:
            return
        with self._lock:
            while self.store.size <= byte and self._write_on():
                pass

    def _write_on(self) -> bool:
        """Add a segment to an endless text; say whether one was added."""
        if estimated(TEXT) and getattr(self.source, "even", False) and self.store.size >= ENOUGH:
            self.store.close()
        return self._goes_on and self.store.grow()

    def _count_to(self, byte: int) -> None:
        """Tokenise until a byte of the stored text is reached, as far as there is text."""
        self._count_until(lambda: self.index.last[0] >= byte, byte - self.index.last[0])

    def _count_until(self, done: Callable[[], bool], missing: int) -> None:
        if done() or self._all_counted():
            return
        with self._lock, progress(f"tokenising {self.source.spec}", missing, "B") as bar:
            while not done() and self._count_more():
                bar(len(self.store.segments[self.index.segments - 1].text))

    def _all_counted(self) -> bool:
        return not self._goes_on and self.index.segments == len(self.store.segments)

    def _count_more(self) -> bool:
        if self.index.segments == len(self.store.segments) and not self._write_on():
            return False
        self.index.extend()
        return True

    def unit_start(self, unit: int) -> int:
        """Return the unrolled byte at which an unrolled unit begins."""
        while self._goes_on and self.store.units <= unit:
            self._grow(self.store.size)
        if self._goes_on:
            return self.store.unit_start(unit)
        round_, rest = divmod(unit, self.store.units)
        return round_ * self.store.size + self.store.unit_start(rest)

    def unit_starts(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Return the unrolled bytes at which unrolled units from one to another begin, that of the last one, too."""
        self.unit_start(last)  # the text grows to it
        starts = self.store.unit_starts()
        if self._goes_on:
            return starts[first : last + 1]
        rounds, rests = np.divmod(np.arange(first, last + 1), self.store.units)
        found: npt.NDArray[np.int64] = rounds * self.store.size + starts[rests]
        return found

    def unit_at(self, byte: int) -> int:
        """Return the unrolled unit that holds an unrolled byte."""
        round_, rest = self._round(byte)
        return round_ * self.store.units + self.store.unit_at(rest)

    def stretch(self, index: int, tokens: int) -> tuple[int, float]:
        """Return the first unit of an index's own stretch of so many tokens, and how much of it others have too.

        See ``stretches.stretch``. A text that is very long is measured in bytes, so that not all of it is tokenised.
        """
        period = self.store.period_bytes
        if index == 0:
            return 0, 0.0
        if period is None or self.source.endless:
            found = stretch(index, None, tokens + _BETWEEN)
            byte = self.advance(0, found.start)
        elif period >= _PLENTY * _WIDEST * tokens:
            found = stretch(index, period, _WIDEST * tokens)
            byte = int(found.start)
        else:
            found = stretch(index, self.tokens_before(period), tokens)
            byte = self.advance(0, found.start)
        return self.unit_at(byte), found.overlap

    def repeats(self, start: int, stop: int) -> int:
        """Return how often the text begins again within a range of unrolled bytes; 0 if no sentence occurs twice."""
        period = self.store.period_bytes
        return 0 if period is None or self.source.endless else max(0, -(-(stop - start) // period) - 1)

    def begins_again(self, tokens: int) -> bool:
        """Whether a plan has let the text, which has no end, begin again before so many tokens."""
        return self.source.endless and not self._goes_on and tokens > self.index.last[1]

    def described(self, start: int, stop: int, overlap: float = 0.0) -> Haystack:
        """Return what a sample says of its hay, which lies within a range of unrolled bytes."""
        hay: Haystack = {
            "spec": self.source.spec,
            "digest": self.source.digest,
            "repeats": self.repeats(start, stop),
            "overlap": overlap,
        }
        reckoned = self.source.endless and not self._goes_on and stop > self.store.size
        return {**hay, "estimated": True} if reckoned else hay

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes between two unrolled bytes, without copying them."""
        for low, high in self.spans(start, stop):
            yield from self.store.views(low, high)

    def spans(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the stored text that a range of unrolled bytes is made of."""
        if stop > start:
            self._round(stop - 1)
        while start < stop:
            round_, low = self._round(start)
            high = stop - start + low if self._goes_on else min(stop - round_ * self.store.size, self.store.size)
            yield low, high
            start += high - low

    def read(self, start: int, stop: int) -> str:
        """Return the text between two unrolled bytes, which must lie between characters."""
        return b"".join(self.views(start, stop)).decode()

    def matches(self, name: str, pattern: re.Pattern[bytes], start: int, stop: int) -> set[str]:
        """Return the texts that match a pattern anywhere near a range; see ``TextStore.matches``."""
        found: set[str] = set()
        for low, high in set(self.spans(start, stop)):
            found |= self.store.matches(name, pattern, low, high)
        return found

    def tokens_before(self, byte: int) -> float:
        """Estimate the tokens before an unrolled byte, to within a few tokens."""
        round_, rest = self._round(byte)
        return round_ * self._round_tokens() + self._near(rest) if round_ else self._near(rest)

    def _round_tokens(self) -> float:
        return self._near(self.store.size)

    def _near(self, byte: int) -> float:
        """Interpolate between the safe places around a byte."""
        self._count_to(byte)
        low, high = self.index.before(byte), self.index.after(byte)
        return low[1] + (byte - low[0]) * self._density(low, high)

    def _density(self, low: Place, high: Place | None) -> float:
        """Return tokens a byte between two places; beyond the last place, of the whole text."""
        if high is not None and high[0] > low[0]:
            return (high[1] - low[1]) / (high[0] - low[0])
        last = self.index.last
        return last[1] / last[0] if last[0] else 0.25

    def advance(self, byte: int, tokens: float) -> int:
        """Estimate the unrolled byte that lies a number of tokens after another, to within a few tokens.

        A negative number of tokens goes back, by less than the whole text.
        """
        round_, rest = self._round(byte)
        wanted = self._near(rest) + tokens
        if wanted < 0 < round_:
            round_, wanted = round_ - 1, wanted + self._round_tokens()
        missing = (wanted - self.index.last[1]) * _BYTES_A_TOKEN
        self._count_until(lambda: self.index.last[1] > wanted, int(missing))
        if self._all_counted() and wanted > (total := self._round_tokens()):  # else there is text enough
            rounds = int(wanted // total)
            round_, wanted = round_ + rounds, wanted - rounds * total
        low = self.index.at_tokens(max(0, int(wanted)))
        density = self._density(low, self.index.after(low[0] + 1)) or 1.0
        place = low[0] + int((wanted - low[1]) / density)
        if self._goes_on:
            return place
        return round_ * self.store.size + min(place, self.store.size)

    @cached_property
    def densest(self) -> float:
        """The most bytes that a token has, on average, in any of some places all over the text that is stored."""
        size, count = self.store.size, self.tokenizer.count
        places = sorted({self.store.snap(size * place // _LOOKS) for place in range(_LOOKS)})
        looks = [self.store.read(place, self.store.snap(place + _LOOK)) for place in places]
        return max(len(look) / max(1, count(look.decode())) for look in looks)

    def exact(self, low: int, high: int, margin: int) -> tuple[Place, Place] | None:
        """Return the outermost safe places in a range of the stored text that keep a margin from its ends."""
        self._count_to(high)
        first, last = self.index.after(low + margin), self.index.before(high - margin)
        return (first, last) if first is not None and last[0] - first[0] >= 2 * margin else None

    def check_repetition(self, start: int, stop: int) -> None:
        """Refuse a range in which the text begins again.

        Raises:
            CorpusError: The text is too short.
        """
        if self.repeats(start, stop):
            raise CorpusError(
                f"the haystack {self.source.spec} is too short: {self.store.period_bytes:,} bytes, {stop - start:,} "
                "are needed; give more text or shorter lengths, or set repetition: allowed"
            )
