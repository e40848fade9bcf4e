"""From asked length, depth and neighbours to a list of items, and from items to parts of a prompt, one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.mixture.order import REACH, Interleaved, boundaries, surrounded, wanted_around
from lm_eval_longctx.hay.mixture.pieces import Pages
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lm_eval_longctx.hay.mixture.pieces import Note, Pieces
    from lm_eval_longctx.hay.text.tokenizers import Tokenizer
    from lm_eval_longctx.prompt import Part

_LABEL = 10
"""Tokens that a label takes, at most."""

_LEAST = 24
"""A page is not begun for fewer tokens than this."""


class Item(NamedTuple):
    """A piece in its place.

    Attributes:
        kind: Of ``KINDS``.
        ordinal: Which of its kind, from 0, in the order of the prompt.
        note: What is hidden in it.
        units: Sentences of a page that fills the context up; ``None`` for whole pieces.
    """

    kind: str
    ordinal: int = 0
    note: Note | None = None
    units: int | None = None


@dataclass(frozen=True)
class Placed:
    """Where a note came to be.

    Attributes:
        item: The number of its item, from 1, as its label says it.
        depth: Realised fraction of the hay's tokens before it.
        before: The kind of the item before it; empty at the beginning.
        after: The kind of the item after it; empty at the end.
        place: Where in the item it is, as plain values.
    """

    item: int
    depth: float
    before: str
    after: str
    place: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        around = {"before": self.before, "after": self.after}
        return {"item": self.item, "depth": self.depth, **around, **self.place}


@dataclass(frozen=True)
class Fitted:
    """A context as it will be.

    Attributes:
        items: In order.
        counts: How many of each kind.
        tokens: What they take together, by kind of content, labels included.
        placed: Where each note is.
    """

    items: tuple[Item, ...]
    counts: Mapping[str, int]
    tokens: Mapping[str, int]
    placed: Mapping[Note, Placed]


class Mixture:
    """Pieces of several kinds, mixed for one sample index.

    Attributes:
        pieces: The pieces of each kind.
    """

    def __init__(self, pieces: Mapping[str, Pieces], tokenizer: Tokenizer, seed: str) -> None:
        """Keep what can be mixed.

        Args:
            pieces: By kind.
            tokenizer: Counts labels.
            seed: Names the order of kinds; the same for all lengths, depths and variants of an index.
        """
        self.pieces, self._tokenizer = dict(pieces), tokenizer
        self._sizes = {kind: some.usual() + _LABEL for kind, some in self.pieces.items()}
        self._order = Interleaved(Rng(f"{seed}|order"), self._sizes)
        self._taken = lru_cache(maxsize=1 << 16)(self._measure)

    def fit(self, limit: int, notes: Sequence[Note], around: str = "any") -> Fitted:
        """Find the context that takes no more than so many tokens, and hardly fewer.

        Args:
            limit: Tokens of all items together.
            notes: What is hidden, each in an item of its own.
            around: What lies around the first of them, see ``order.AROUND``.

        Raises:
            LengthError: Notes and their neighbours take more.
        """
        own = sum(self._sizes[note.kind] for note in notes)
        order = self._order.within(limit - own) if limit > own else []
        while order:
            fitted = self._filled(self._noted(order, notes, around), limit)
            if fitted is not None:
                return fitted
            order = order[:-1]
        least = own + max(self._sizes.values(), default=0)
        raise LengthError(f"{limit} tokens are too few for what is hidden and one more item; ask for {least} or more")

    def _noted(self, order: list[str], notes: Sequence[Note], around: str) -> list[Item]:
        """Put the notes' items between the others, and number the pieces of each kind."""
        places = boundaries(order, self._sizes, [note.depth for note in notes])
        if around != "any":
            order = surrounded(order, places[0], wanted_around(around, notes[0].kind, self.pieces))
            places = [places[0], *(_apart(place, places[0], len(order)) for place in places[1:])]
        items: list[Item | str] = list(order)
        for place, note in sorted(zip(places, notes, strict=True), key=lambda pair: -pair[0]):
            items.insert(place, Item(note.kind, note=note))
        if "text" in self.pieces:
            items.insert(self._end(len(order), places, around), Item("text", units=0))
        return self._numbered(items)

    @staticmethod
    def _end(count: int, places: Sequence[int], around: str) -> int:
        """Return before which item the page stands that fills the context up.

        It is the last, unless notes are: then it stands before them, and before their neighbours if these were asked
        for.
        """
        if around == "any":
            return count + sum(place < count for place in places)
        return count + len(places) if places[0] + REACH < count else max(0, places[0] - REACH)

    @staticmethod
    def _numbered(items: Iterable[Item | str]) -> list[Item]:
        """Number the pieces of each kind; where nothing else is said of an item it is written as its kind."""
        seen: dict[str, Iterator[int]] = defaultdict(count)
        return [
            Item(item, next(seen[item]))
            if isinstance(item, str)
            else Item(item.kind, next(seen[item.kind]), item.note, item.units)
            for item in items
        ]

    def _filled(self, items: list[Item], limit: int) -> Fitted | None:
        """Cut the last page to what is left; ``None`` if the items take too much without it."""
        costs = self._costs(items)
        last = next((n for n, item in enumerate(items) if item.units is not None), None)
        room = limit - sum(costs) + (0 if last is None else costs[last])
        if room < 0:
            return None
        if last is not None:
            items = self._with_last(items, last, room - _label_tokens(self._tokenizer, last + 1, Pages.name))
            costs[last:] = self._costs(items[last:], last + 1)
        return self._measured(items, costs)

    def _with_last(self, items: list[Item], last: int, room: int) -> list[Item]:
        pages = self.pieces["text"]
        assert isinstance(pages, Pages)  # noqa: S101 - text is always pages
        units = pages.fitting(items[last].ordinal, room) if room >= _LEAST else 0
        if units:
            return [*items[:last], items[last]._replace(units=units), *items[last + 1 :]]
        return self._numbered([item for n, item in enumerate(items) if n != last])

    def _measured(self, items: list[Item], costs: list[int]) -> Fitted:
        """Add everything up, and say where the notes are."""
        counts = Counter(item.kind for item in items)
        tokens = self._media(counts)
        tokens["text"] += sum(costs) - sum(tokens.values())  # pages and labels
        before = [0, *accumulate(0 if item.note else cost for item, cost in zip(items, costs, strict=True))]
        placed = {
            item.note: self._placed(items, number, item.note, before[number - 1] / max(1, before[-1]))
            for number, item in enumerate(items, 1)
            if item.note
        }
        return Fitted(tuple(items), counts, tokens, placed)

    def _media(self, counts: Mapping[str, int]) -> Counter[str]:
        """Return what all items but pages take, by kind of content; those of a kind take the same."""
        tokens = Counter[str]()
        for kind, number in counts.items():
            if not isinstance(self.pieces[kind], Pages):
                each = self.pieces[kind].tokens(0, None)
                tokens.update({content: number * taken for content, taken in each.items()})
        return tokens

    def _placed(self, items: list[Item], number: int, note: Note, depth: float) -> Placed:
        item = items[number - 1]
        before = items[number - 2].kind if number > 1 else ""
        after = items[number].kind if number < len(items) else ""
        place = self.pieces[item.kind].place(item.ordinal, note)
        return Placed(number, round(depth, 6), before, after, place)

    def _costs(self, items: Iterable[Item], first: int = 1) -> list[int]:
        """Return what each item takes with its label, from a number on."""
        names, tokenizer, taken = (
            {kind: pieces.name for kind, pieces in self.pieces.items()},
            self._tokenizer,
            self._taken,
        )
        return [
            _label_tokens(tokenizer, number, names[item.kind]) + taken(item) for number, item in enumerate(items, first)
        ]

    def _measure(self, item: Item) -> int:
        """Return what an item takes without its label, all kinds of content together."""
        pieces = self.pieces[item.kind]
        if item.units is not None and isinstance(pieces, Pages):
            return pieces.counted(item.ordinal, None, item.units)
        return sum(pieces.tokens(item.ordinal, item.note).values())

    def parts(self, items: Sequence[Item]) -> Iterator[Part]:
        """Yield the parts of a prompt, each made when it is its turn."""
        for number, item in enumerate(items, 1):
            pieces = self.pieces[item.kind]
            label = _label(number, pieces.name)
            if isinstance(pieces, Pages):
                yield TextPart(label + pieces.text(item.ordinal, item.note, item.units), shared=item.note is None)
            else:
                yield TextPart(label, shared=True)
                yield from pieces.parts(item.ordinal, item.note)


def _label(number: int, name: str) -> str:
    return f"\n\n[{number}: {name}]\n"


@lru_cache(maxsize=1 << 16)
def _label_tokens(tokenizer: Tokenizer, number: int, name: str) -> int:
    """Count a label; those of all samples are the same."""
    return tokenizer.count(_label(number, name))


def _apart(place: int, needle: int, count: int) -> int:
    """Return a place that is not among a needle's neighbours: the same, or the next behind or before them."""
    if abs(place - needle) > REACH:
        return place
    return needle + REACH + 1 if needle + REACH < count else max(0, needle - REACH - 1)
