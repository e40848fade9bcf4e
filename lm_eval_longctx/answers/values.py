"""Reading a value: a number, a UUID or a few words that the answer says is the one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.abstaining import abstains, affirms, denies
from lm_eval_longctx.answers.matching import Kind, Mention, canonical, kind_of, mentions, numbers, uuids
from lm_eval_longctx.answers.numerals import in_digits
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.thoughts import spoken
from lm_eval_longctx.answers.wrapping import lines_of, place_of, plain

_DIGITS_OF_ABSENT = 4


@dataclass(frozen=True)
class Wanted:
    """What is looked for in an answer.

    Attributes:
        accepted: Right values; empty where none was hidden.
        others: Known wrong ones.
        kinds: What right and wrong values look like.
        question: What was asked, to know its echo.
    """

    accepted: tuple[str, ...]
    others: tuple[str, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    question: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """All known values."""
        return (*self.accepted, *self.others)

    @property
    def all_kinds(self) -> set[Kind]:
        """All kinds that a value may be of."""
        return {kind_of(value) for value in self.models} | self.kinds


@dataclass(frozen=True)
class ValueRead:
    """What an answer says.

    Attributes:
        claimed: The values that it claims, canonical, in order; more than one claims none.
        named: All values of the kind that it names but the right ones, claimed or not.
        abstained: Whether it says that there is none, or that it cannot tell.
        how: Where the answer stood (see ``wrapping.Place``).
        unparsed: Whether nothing could be read in it.
    """

    claimed: tuple[str, ...]
    named: tuple[str, ...]
    abstained: bool
    how: str
    unparsed: bool


@lru_cache(maxsize=8)
def text_of(answer: str) -> str:
    """Return the whole answer as text to look for values in: thoughts off, one spelling, numbers in digits."""
    return in_digits(normalise(plain(spoken(answer))))


@lru_cache(maxsize=8)
def read_value(answer: str, wanted: Wanted) -> ValueRead:
    """Return which value an answer claims."""
    place = place_of(answer)
    text = in_digits(normalise(place.text))
    text = claims.short_lines(claims.without_echo(text, normalise(wanted.question)))
    text = claims.corrected(text, [mark.start for mark in found(text, wanted)])
    text = _alone(text, wanted, first=place.how == "whole")
    marks = found(text, wanted)
    said = claims.claimed(text, marks, map(canonical, wanted.accepted))
    if Kind.TEXT in wanted.all_kinds:
        said += ["or ?" for value in wanted.accepted if claims.listed(text, claims.words(canonical(value)))]
        said += ["or ?"] if not wanted.accepted and affirms(text) else []
    absent = place.how == "null" or (not said and abstains(text))
    if not said and not absent and not _wordy(wanted):
        absent = abstains(text.replace("\n", " ")) or _denies_any(text)
    named = tuple(dict.fromkeys(m.value for m in marks if m.value not in set(map(canonical, wanted.accepted))))
    return ValueRead(tuple(said), named, absent, place.how, not said and not absent)


def _wordy(wanted: Wanted) -> bool:
    return Kind.TEXT in wanted.all_kinds or not wanted.all_kinds


def _denies_any(text: str) -> bool:
    """Whether any clause denies, where a value has a shape and none is claimed."""
    return denies(text) and not affirms(text)


def found(text: str, wanted: Wanted) -> list[Mention]:
    """Return where values stand in a normalised text: known ones, and others of their shape.

    Words have no shape: of them, only known ones can be told.
    """
    marks = {(m.start, m.value): m for m in mentions([v for v in wanted.models if v.strip()], text)}
    if Kind.NUMBER in wanted.all_kinds:
        known = [len(canonical(v)) for v in wanted.models if kind_of(v) is Kind.NUMBER]
        asked = {m.value for m in numbers(normalise(wanted.question))}
        right = {m.start for m in marks.values()}
        least = min(known, default=_DIGITS_OF_ABSENT)
        more = [m for m in numbers(text) if len(m.value) >= least and m.value not in asked and m.start not in right]
        marks |= {(m.start, m.value): m for m in more}
    if Kind.UUID in wanted.all_kinds:
        marks |= {(m.start, m.value): m for m in uuids(text)}
    return sorted(marks.values(), key=lambda m: (m.start, m.end))


def _alone(text: str, wanted: Wanted, *, first: bool) -> str:
    """Return the first or the last line where it alone is a bare value, or the last sentence where it concludes."""
    lines = lines_of(text)
    text = "\n".join(lines)
    ends = list(accumulate(len(line) + 1 for line in lines))
    longest = [0] * len(lines)
    for mark in found(text, wanted):
        line = bisect_right(ends, mark.start)
        longest[line] = max(longest[line], len(mark.value))
    bare = [n > 0 and len(claims.words(line)) <= n + 2 for n, line in zip(longest, lines, strict=True)]
    alone = claims.alone(lines, bare, first=first)
    if alone is None and (last := claims.concluded(lines)) is not None and found(last, wanted):
        return last
    return alone if alone is not None else text
