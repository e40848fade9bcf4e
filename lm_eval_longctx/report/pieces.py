"""An answer in pieces: which words were thoughts, wrapping, what was read, and what it claims.

A scorer notes in the log what it made of an answer (``reading``). Here those
words are found again in the answer as it came, so that people see at a glance
what counted. Nothing is judged anew: what cannot be found is not marked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Union

from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.answers.wrapping import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Span = tuple[int, int, str]

Pieces = Union[str, list[list[str]]]
"""A text with nothing to say of it, or pairs of kind and text."""

PLAIN, THOUGHT, WRAPPING, READ, CLAIM, ABSTAINED, CUT = "", "thought", "wrapping", "read", "claim", "abstained", "cut"
"""What a piece of an answer is; ``cut`` says in words what is left out here."""

_TAG = 100
"""Characters in which the mark beside a thought stands."""

_OPENS = re.compile(r"[<\[◁][^<>\[\]◁▷\n]*[>\]▷]\s*\Z")
_CLOSES = re.compile(r"\s*[<\[◁][^<>\[\]◁▷\n]*[>\]▷]")
_MANY = 20
"""Claims that are marked; an answer that names more is a list."""


def in_pieces(answer: str, reading: Mapping[str, Any], longest: int) -> Pieces:
    """Part an answer by what was made of it.

    Args:
        answer: As it came.
        reading: What the scorer noted of it in the log; may be empty.
        longest: Characters that are kept of a piece; what is left out of a longer one is said in its place.
    """
    spans = _spans(answer, reading)
    if not spans and len(answer) <= longest:
        return answer
    parts = _parted(answer, spans)
    if len(answer) <= longest:
        return list(parts)
    return [piece for kind, text in parts for piece in _bounded(kind, text, longest)]


def shortened(text: str, longest: int) -> Pieces:
    """Return a text that nobody marks, bounded likewise."""
    return text if len(text) <= longest else list(_bounded(PLAIN, text, longest))


def _bounded(kind: str, text: str, longest: int) -> Iterator[list[str]]:
    """Yield a piece whole, or its beginning and end with how much is left out between."""
    if len(text) <= longest:
        yield [kind, text]
        return
    head, tail = longest * 3 // 4, longest // 4
    yield [kind, text[:head]]
    yield [CUT, f"{len(text) - head - tail:,} characters are left out here"]
    yield [kind, text[len(text) - tail :]]


def _parted(answer: str, spans: Sequence[Span]) -> Iterator[list[str]]:
    """Yield every piece of an answer in order; between what was read lies its wrapping."""
    between = WRAPPING if any(kind == READ for _, _, kind in spans) else PLAIN
    last = 0
    for start, end, kind in spans:
        if start > last:
            yield [between, answer[last:start]]
        yield [kind, answer[start:end]]
        last = end
    if last < len(answer):
        yield [between, answer[last:]]


def _spans(answer: str, reading: Mapping[str, Any]) -> list[Span]:
    """Return what can be told of an answer's words, in order and without overlap."""
    noted = reading.get("thoughts")
    thoughts = [_with_tags(answer, one) for one in _found(answer, noted, THOUGHT)] if noted else []
    begin = thoughts[-1][1] if thoughts else 0
    if reading.get("abstained"):
        words = answer[begin:]
        start = begin + len(words) - len(words.lstrip())
        return [*thoughts, *([(start, start + len(words.strip()), ABSTAINED)] if words.strip() else [])]
    given = reading.get("claimed") or reading.get("given") or reading.get("chosen") or ()
    if isinstance(given, str):
        values: list[Any] = [given]
    elif isinstance(given, int | float):
        values = _number(answer[begin:MOST], given)
    else:
        values = list(given)[:_MANY]
    read = _read(answer, reading, begin)
    return [*thoughts, *(_with_claims(answer, read, values) if read else _found(answer[:MOST], values, CLAIM))]


def _number(text: str, value: float) -> list[str]:
    """Return a number as it stands in a text, if it stands there once: of several nobody noted which was read."""
    shown = str(value)
    alone = rf"(?<![\d.,]){re.escape(shown)}(?!\d|[.,]\d)"
    return [shown] if len(re.findall(alone, text)) == text.count(shown) == 1 else []


def _with_tags(answer: str, span: Span) -> Span:
    """Return a thought with the marks that open and close it."""
    start, end, kind = span
    before, after = answer[max(0, start - _TAG) : start], answer[end : end + _TAG]
    opens, closes = _OPENS.search(before), _CLOSES.match(after)
    return start - (len(opens[0]) if opens else 0), end + (len(closes[0]) if closes else 0), kind


def _read(answer: str, reading: Mapping[str, Any], begin: int) -> tuple[int, int] | None:
    """Return where what was read stands, if that is not the whole and can be told."""
    if (reading.get("how") or "whole") == "whole" or len(answer) > MOST:
        return None
    text = place_of(answer).text
    start = answer.find(text, begin) if text else -1
    return (start, start + len(text)) if start >= 0 else None


def _with_claims(answer: str, read: tuple[int, int], values: Sequence[Any]) -> Iterator[Span]:
    """Yield what was read, with the claims inside marked."""
    start, end = read
    last = start
    for left, right, kind in _found(answer[start:end], values, CLAIM):
        if start + left > last:
            yield last, start + left, READ
        yield start + left, start + right, kind
        last = start + right
    if last < end:
        yield last, end, READ


def _found(text: str, parts: Iterable[Any] | None, kind: str) -> list[Span]:
    """Return where parts stand in a text, in order and apart; one that does not stand there is passed over."""
    spans: list[Span] = []
    if not parts:
        return spans
    last = 0
    for part in parts:
        if not isinstance(part, str) or not part:
            continue
        start = text.find(part, last)
        if start < 0 < last:
            start = text.find(part)
        if start >= 0:
            last = start + len(part)
            spans.append((start, last, kind))
    if len(spans) < 2:  # noqa: PLR2004 - most answers: nothing to put in order
        return spans
    apart: list[Span] = []
    for span in sorted(spans):
        if not apart or span[0] >= apart[-1][1]:
            apart.append(span)
    return apart
