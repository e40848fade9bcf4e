"""Procedures over records, each with the only table that comes out of it.

Every procedure is a value that makes its rows from any records in one pass.
Which records are asked about is chosen so that there are about as many rows as
wanted, at any length of context.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.records.filters import Filter, bare
from lm_eval_longctx.hay.records.world import EDITS, STATE, TRADES, Record, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lm_eval_longctx.plan import Rng

T = TypeVar("T", Filter, str)
Row = tuple[str, ...]
LEAST = 3
"""A procedure that gives fewer rows is not asked for."""

_RULES = (
    "Every list is empty before the first entry about it. A boat that is entered goes to the end of the list, also if "
    "it was on it already; a boat that is moved to the head becomes the first, whether or not it was on the list; a "
    "boat that is struck off is taken away, and where it was not on the list, nothing changes."
)


@dataclass(frozen=True)
class Procedure:
    """What is to be done with the records.

    Attributes:
        kind: A key of ``KINDS``.
        of: The records that ``extract`` takes.
        name: The item that is traced, or the list that is edited.
        most: How many rows of the final list are asked for.
    """

    kind: str
    of: Filter = Filter()  # noqa: RUF009 - a tuple, which nobody can change
    name: str = ""
    most: int = 0

    @property
    def columns(self) -> Row:
        """What the cells of a row are called."""
        return COLUMNS[self.kind]

    def rows(self, records: Iterable[Record]) -> list[Row]:
        """Return the table that follows from some records."""
        if self.kind == "extract":
            taken = (record for record in records if self.of.takes(record))
            return [(str(r.date), r.who, str(r.amount), r.what, bare(r.where)) for r in taken]
        if self.kind == "trace":
            reports = (record for record in records if record.kind == STATE and record.what == self.name)
            firsts = (next(same) for _, same in groupby(reports, key=lambda record: record.state))
            return [(str(record.date), record.state) for record in firsts]
        edits = (record for record in records if record.kind in EDITS and record.where == self.name)
        return [(bare(boat),) for boat in edited(edits)[: self.most]]

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return _WORDS[self.kind](self)


def edited(records: Iterable[Record]) -> list[str]:
    """Return the list that edits lead to, from an empty one."""
    found: list[str] = []
    for record in records:
        if record.what in found:
            found.remove(record.what)
        if record.kind == "enter":
            found.append(record.what)
        elif record.kind == "head":
            found.insert(0, record.what)
    return found


def _extract_words(procedure: Procedure) -> str:
    return (
        f"List all {procedure.of.words}, in the order of the records. Write one line for each with five cells, "
        "separated by tabs: date as YYYY-MM-DD, person, amount in digits, goods, place."
    )


def _trace_words(procedure: Procedure) -> str:
    return (
        f"Trace the condition of {procedure.name}. Write one line for its first report and one for each later report "
        "that gives another condition than the report of it before, in the order of the records, with two cells "
        "separated by a tab: date as YYYY-MM-DD, condition."
    )


def _edit_words(procedure: Procedure) -> str:
    return (
        f"Follow all entries that change {procedure.name}. {_RULES} Write {procedure.name} as it stands at the end of "
        f"the records, one boat a line, from its head on; if there are more than {procedure.most}, only the first "
        f"{procedure.most}."
    )


COLUMNS: dict[str, Row] = {
    "extract": ("date", "person", "amount", "goods", "place"),
    "trace": ("date", "condition"),
    "edits": ("boat",),
}
_WORDS: dict[str, Callable[[Procedure], str]] = {
    "extract": _extract_words,
    "trace": _trace_words,
    "edits": _edit_words,
}


def _filters(record: Record) -> Iterator[Filter]:
    """Yield the filters that take a record, from the widest to the narrowest."""
    kind, who, what, where = record.kind, record.who, record.what, record.where
    yield from (Filter(kind), Filter(kind, who), Filter(kind, "", what), Filter(kind, "", "", where))
    yield from (Filter(kind, who, what), Filter(kind, who, "", where), Filter(kind, "", what, where))
    yield from (Filter(kind, who, what, where), Filter(kind, who, what, where, record.amount))


def _extract(world: World, count: int, most: int, rng: Rng) -> Procedure:
    counts = Counter(of for r in world.records(0, count) if r.kind in TRADES for of in _filters(r))
    return Procedure("extract", of=rng.choice(_fitting(counts, most)))


def _trace(world: World, count: int, most: int, rng: Rng) -> Procedure:
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    for record in world.records(0, count):
        if record.kind == STATE and last.get(record.what) != record.state:
            last[record.what] = record.state
            counts[record.what] += 1
    return Procedure("trace", name=rng.choice(_fitting(counts, most)))


def _edits(world: World, count: int, most: int, rng: Rng) -> Procedure:
    sizes = {name: len(_final(world, count, name)) for name in world.lists}
    # near the shortest length no list may be as long as wanted, for some seeds: the fullest is asked about then
    kept = [name for name, size in sizes.items() if size >= min(LEAST, max(1, *sizes.values()))]
    if not kept:
        raise LengthError("the records hardly fill a list; ask for a longer context")
    return Procedure("edits", name=rng.choice(kept), most=most)


def _final(world: World, count: int, name: str) -> list[str]:
    return edited(r for r in world.records(0, count) if r.kind in EDITS and r.where == name)


def _fitting(counts: Counter[T], most: int) -> list[T]:
    """Return what comes at least half as often as wanted, and never more often; else what comes nearest to it.

    Raises:
        LengthError: Nothing comes often enough.
    """
    within = {key: n for key, n in counts.items() if LEAST <= n <= most}
    if not within:
        raise LengthError(f"no table of {LEAST} to {most} rows follows from the records; change the length or rows")
    enough = [key for key, n in within.items() if 2 * n >= most]
    return sorted(enough) or [key for key, n in within.items() if n == max(within.values())]


KINDS: dict[str, Callable[[World, int, int, Rng], Procedure]] = {
    "extract": _extract,
    "edits": _edits,
    "trace": _trace,
}
"""All procedures."""
