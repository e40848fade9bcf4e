"""How a record is put into words: one line each, in one of several forms.

A form has a file of plans in ``prose/`` (see ``chronicle.grammar``) and what
stands before each line. ``mixed`` changes its form from one block of records
to the next, as a pile of papers does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.hay.chronicle.grammar import Bank, expand, load_banks
from lm_eval_longctx.hay.chronicle.words import number_words
from lm_eval_longctx.hay.chronicle.world import Dice
from lm_eval_longctx.hay.records.words import GOODS, MONTHS
from lm_eval_longctx.hay.records.world import BLOCK, Record, World
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = "1"
"""Raised whenever the same records would be worded otherwise."""


@dataclass(frozen=True)
class Form:
    """A way to put records down.

    Attributes:
        before: What stands before each line, with the gaps ``day``, ``iso``, ``short``, ``time`` and ``who``.
        spelt: Whether amounts are written in words.
        sentences: Whether a line begins with a capital.
    """

    before: str
    spelt: bool
    sentences: bool


FORMS: dict[str, Form] = {
    "chronicle": Form("", spelt=True, sentences=True),
    "ledger": Form("{iso}  ", spelt=False, sentences=False),
    "log": Form("{iso} {time}  ", spelt=False, sentences=False),
    "minutes": Form("Meeting of {day}: ", spelt=True, sentences=True),
    "chat": Form("[{short}, {time}] {who}: ", spelt=False, sentences=False),
}
"""What is written."""

SPOKEN_FORM = "spoken"
SPOKEN = {SPOKEN_FORM: Form("", spelt=True, sentences=True)}
"""What is read out; the day is said apart (see ``day_heading``)."""

MIXED = "mixed"


@lru_cache(maxsize=1)
def _banks() -> dict[str, Bank]:
    return load_banks(__package__)


class _Voice:
    """Chooses among plans and words; nothing of a record is left to it."""

    def __init__(self, rng: Rng) -> None:
        self.pick = Dice(rng).pick

    def draw(self, slot: str) -> str:
        raise KeyError(slot)


def lines(world: World, form: str, start: int, stop: int) -> Iterator[str]:
    """Yield records as lines without their ends; the same record in the same form is always the same line.

    Args:
        world: Whose records.
        form: A key of ``FORMS`` or ``SPOKEN``, or ``mixed``.
        start: Number of the first record.
        stop: The number after the last.

    Raises:
        UnknownOptionError: There is no such form.
    """
    if form not in {*FORMS, *SPOKEN, MIXED}:
        raise unknown_option("form of records", form, [*FORMS, MIXED])
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        rng = Rng(f"{world.identity}|words {VERSION}|{form}|{block}")
        of = rng.choice(tuple(FORMS)) if form == MIXED else form
        voice, first = _Voice(rng), block * BLOCK
        told = [tell(record, of, voice) for record in world.block(block)]
        yield from told[max(0, start - first) : stop - first]


def statement(record: Record, form: str) -> str:
    """Return a record in the first wording of a form, for forms with one wording each."""
    return tell(record, form, _Voice(Rng(form)))


def tell(record: Record, form: str, voice: _Voice) -> str:
    """Return a record as one line."""
    of = FORMS.get(form) or SPOKEN[form]
    occasion = _occasion(record, spelt=of.spelt)
    plans = _banks()[f"{form}.{record.kind}"].plans
    out: list[str] = []
    expand(plans[voice.pick(len(plans))], occasion, voice, out)
    text = "".join(out).strip()
    return of.before.format(**occasion) + (text[0].upper() + text[1:] if of.sentences else text)


def _occasion(record: Record, *, spelt: bool) -> Mapping[str, str]:
    on, day = record.date, written_day(record.day)
    amount = number_words(record.amount) if spelt else str(record.amount)
    return {
        "who": record.who,
        "goods": f"{amount} {GOODS[record.what]} of {record.what}" if record.amount else "",
        "place": record.where,
        "item": record.what,
        "state": record.state,
        "boat": record.what,
        "list": record.where,
        "date": f"on {day}",
        "day": day,
        "iso": on.isoformat(),
        "short": f"{on.day} {MONTHS[on.month - 1][:3]} {on.year}",
        "time": f"{record.minute // 60:02d}:{record.minute % 60:02d}",
    }


def written_day(ordinal: int) -> str:
    """Return a date as sentences have it: ``14 March 1987``."""
    on = date.fromordinal(ordinal)
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def day_heading(number: int) -> str:
    """Return how a day is announced where records are read out, counted from 1."""
    return f"Day {number_words(number)}."


def filler(words: int) -> str:
    """Return a last line of so many words that records nothing, to make a text as long as asked."""
    rng = Rng("records|filler")
    said = [rng.choice(("rain", "wind", "sun", "fog", "hail", "frost", "thunder", "drizzle")) for _ in range(words)]
    return f"Weather: {' '.join(said)}.\n"
