"""What is said when: a timeline as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.speech.pieces import LEAD, packets_of
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.hay.speech.source import Utterance
    from lm_eval_longctx.hay.speech.timeline import Timeline


@dataclass(frozen=True)
class Heard:
    """Something that is said in a file.

    Attributes:
        start: In seconds.
        stop: Where its last word ends, in seconds.
        speaker: Who speaks; empty if unknown.
        text: The words; empty where nobody wrote them down.
    """

    start: float
    stop: float
    speaker: str
    text: str


def heard(
    timeline: Timeline,
    utterances: Sequence[Utterance],
    inserts: Sequence[Utterance],
    grid: int,
    first: float,
    last: float,
) -> list[Heard]:
    """Return what is said between two moments of a file, in order.

    Args:
        timeline: What comes when.
        utterances: The pool's.
        inserts: What was put between them, in the order of ``timeline.placed``.
        grid: Samples in a packet.
        first: In seconds.
        last: In seconds.
    """
    found = []
    for start, one in _order(timeline, utterances, inserts, grid):
        begins, ends = start / SAMPLE_RATE, (start + one.samples) / SAMPLE_RATE
        if begins >= last:
            break
        if ends > first:
            found.append(Heard(begins, ends, one.speaker, one.text or ""))
    return found


def _order(
    timeline: Timeline, utterances: Sequence[Utterance], inserts: Sequence[Utterance], grid: int
) -> Iterator[tuple[int, Utterance]]:
    """Yield the first sample of each utterance, hay and inserts as they come."""
    waiting = sorted(zip(timeline.placed, inserts, strict=True), key=lambda pair: pair[0].start)
    at = 0
    for number, index in enumerate(timeline.hay):
        while waiting and waiting[0][0].after <= number:
            placed, insert = waiting.pop(0)
            yield placed.start, insert
            at += packets_of(insert, grid)
        yield at * grid + LEAD, utterances[index]
        at += packets_of(utterances[index], grid)
    yield from ((placed.start, insert) for placed, insert in waiting)
