"""Questions about a recording, from its score and the seconds at which things are heard.

What blind guessing could use is taken away: counted things are drawn evenly
from the numbers that are offered, durations from one ladder, and the right
option stands in each place equally often.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.speech.events import SHORT
from lm_eval_longctx.tasks.audio_qa.score import CHOICES, LADDER, SENTENCE, Event, Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.plan import Rng


@dataclass(frozen=True)
class Question:
    """A question with its answer.

    Attributes:
        text: The question.
        right: The answer: an option, or a time.
        wrong: The other options; none where a time is asked.
        evidence: Seconds at which the answer can be heard.
    """

    text: str
    right: str
    wrong: tuple[str, ...]
    evidence: tuple[float, ...]


def questions(score: Score, starts: Sequence[float], kind: str, rng: Rng) -> list[Question]:
    """Return all questions of a kind, in random order, each text once.

    Args:
        score: What happens.
        starts: The second at which each event begins.
        kind: A key of ``KINDS``.
        rng: Decides order and wrong options.

    Raises:
        LengthError: The recording has none of that kind.
    """
    made = list({one.text: one for one in KINDS[kind](score, starts, rng)}.values())
    if not made:
        raise LengthError(f"too little happens for a question of the kind {kind!r}; ask for a longer recording")
    rng.shuffle(made)
    return made


def clock(seconds: float) -> str:
    """Return a time as people write it: ``m:ss``, from an hour on ``h:mm:ss``."""
    whole = int(seconds)
    minutes, left = divmod(whole, 60)
    return f"{minutes}:{left:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{left:02d}"  # noqa: PLR2004


def _saying(event: Event) -> str:
    return f"'{SENTENCE.format(word=event.word)}'"


def _sentences(score: Score, starts: Sequence[float]) -> list[tuple[int, Event, float]]:
    timed = zip(score.events, starts, strict=True)
    return [(i, event, at) for i, (event, at) in enumerate(timed) if event.word]


def _speakers(score: Score, starts: Sequence[float], rng: Rng) -> Iterator[Question]:
    """Ask who says a sentence, known by the voice that gave its name at the beginning."""
    names = sorted(score.speakers.values())
    for _, event, at in _sentences(score, starts):
        others = [name for name in names if name != event.name]
        wrong = rng.sample(others, min(CHOICES - 1, len(others)))
        yield Question(f"Who says {_saying(event)}?", event.name, tuple(wrong), (at,))


def _following(score: Score, starts: Sequence[float], rng: Rng) -> Iterator[Question]:
    """Ask which sound is heard directly after a sentence."""
    for i, event, at in _sentences(score, starts):
        after = score.events[i + 1] if i + 1 < len(score.events) else None
        if after is not None and after.follows:
            wrong = rng.sample([name for name in sorted(SHORT) if name != after.name], CHOICES - 1)
            yield Question(f"What is heard directly after {_saying(event)}?", after.name, tuple(wrong), (at,))


def _counts(score: Score, starts: Sequence[float], rng: Rng) -> Iterator[Question]:
    """Ask how often a sound is heard, or somebody asks to remember a word."""
    del rng
    heard = Counter(event.name for event in score.events if event.word or event.name in SHORT)
    for name, lowest in score.lowest.items():
        at = tuple(t for e, t in zip(score.events, starts, strict=True) if e.name == name and (e.word or e.seconds))
        what = f"is {name} heard" if name in SHORT else f"does {name} ask to remember a word"
        wrong = tuple(str(n) for n in range(lowest, lowest + CHOICES) if n != heard[name])
        yield Question(f"How many times {what} in the whole recording?", str(heard[name]), wrong, at)


def _orders(score: Score, starts: Sequence[float], rng: Rng) -> Iterator[Question]:
    """Ask which of five words is to be remembered first, or last."""
    said = _sentences(score, starts)
    for which, place in (("first", min), ("last", max)) * (len(said) if len(said) >= CHOICES else 0):
        five = rng.sample(said, CHOICES)
        _, event, at = place(five)
        text = f"Somebody asks to remember each of these words: {', '.join(sorted(e.word for _, e, _ in five))}. "
        wrong = tuple(e.word for _, e, _ in five if e.word != event.word)
        yield Question(f"{text}Which of them comes {which}?", event.word, wrong, (at,))


def _durations(score: Score, starts: Sequence[float], rng: Rng) -> Iterator[Question]:
    """Ask how long a sound lasts."""
    del rng
    for event, at in zip(score.events, starts, strict=True):
        if event.seconds in LADDER and event.name not in SHORT:
            wrong = tuple(f"{n} seconds" for n in LADDER if n != event.seconds)
            yield Question(f"For how long is {event.name} heard?", f"{event.seconds:.0f} seconds", wrong, (at,))


def _times(score: Score, starts: Sequence[float], rng: Rng) -> Iterator[Question]:
    """Ask when something begins that is heard once."""
    del rng
    for _, event, at in _sentences(score, starts):
        yield Question(f"At what time does somebody begin to say {_saying(event)}?", clock(at), (), (at,))
    for event, at in zip(score.events, starts, strict=True):
        if event.seconds and event.name not in SHORT:
            yield Question(f"At what time does the sound of {event.name} begin?", clock(at), (), (at,))


KINDS: dict[str, Callable[[Score, Sequence[float], Rng], Iterator[Question]]] = {
    "speaker": _speakers,
    "after": _following,
    "count": _counts,
    "order": _orders,
    "duration": _durations,
    "time": _times,
}
"""All kinds of question."""
