"""What happens in a recording, drawn before anything is spoken: who says what, and which sounds are heard between.

Like a musical score it says what comes in which order; the timeline then says
at which second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.speech.events import LONG, SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.plan import Rng

NAMES = ("Robert", "Daniel", "Michael", "Edward", "Richard", "Jacob", "Samuel", "Philip", "Benjamin", "Victor")
"""None of them occurs in what our voices read."""

HELLO = "Hello, my name is {name}."
SENTENCE = "Please remember the word {word}."
LADDER = (3, 5, 8, 12, 17)
"""Seconds that a long sound may last: each half as long again as the one before, or more."""

CHOICES = 5
"""How many options most questions have."""

_COUNTED = 3
_LONGEST_LOWEST = 6
_MINUTE = 60.0
_BRIEF = 180.0
"""In less time than this, one sound and one speaker are counted, and one sound lasts."""
_LEAST_WORDS, _MOST_WORDS = CHOICES, 60


@dataclass(frozen=True)
class Event:
    """Something that is heard.

    Attributes:
        depth: Share of the other speech before it.
        name: Who speaks, or what sounds.
        word: Which word a speaker asks to remember; empty for sounds and greetings.
        seconds: How long a sound lasts; 0 for what is spoken.
        follows: Whether it comes directly after the event before it.
    """

    depth: float
    name: str
    word: str = ""
    seconds: float = 0.0
    follows: bool = False


@dataclass(frozen=True)
class Score:
    """A recording before it is laid.

    Attributes:
        speakers: Names by voice, in the order in which they greet.
        events: In order of time; first the greetings.
        lowest: Of each name whose sound or sentence is counted, the least of the five numbers that are offered.
    """

    speakers: dict[str, str]
    events: tuple[Event, ...]
    lowest: dict[str, int]


def compose(seconds: float, voices: Sequence[str], words: Sequence[str], sounds: float, rng: Rng) -> Score:
    """Draw what happens.

    Args:
        seconds: Of the whole recording; the longer, the more happens, though not in proportion.
        voices: Who can speak.
        words: What may be remembered.
        sounds: Seconds that a short sound lasts.
        rng: Decides everything.

    Raises:
        ConfigError: There are too few voices or words.
    """
    if not 2 <= len(voices) <= len(NAMES):  # noqa: PLR2004 - with one, nobody need listen
        raise ConfigError(f"questions about speakers need 2 to {len(NAMES)} voices, not {len(voices)}; set voices")
    speakers = dict(zip(voices, rng.sample(NAMES, len(voices)), strict=True))
    room = min(_MOST_WORDS, max(_LEAST_WORDS, round(2 * seconds / _MINUTE)))
    brief = seconds < _BRIEF
    counted = rng.sample(sorted(SHORT), 1 if brief else _COUNTED)
    lowest = {name: rng.between(1, _range(seconds)) for name in counted}
    short = [name for name in counted for _ in range(lowest[name] + rng.below(CHOICES))]
    sentences, spoken = _sentences(list(speakers.values()), words, room, rng, brief=brief)
    once = [name for name in sorted(SHORT) if name not in counted]
    events = [*sentences, *_after(sentences, once, sounds, rng)]
    events += [Event(rng.random(), name, seconds=sounds) for name in short]
    events += [Event(rng.random(), name, seconds=float(rng.choice(LADDER))) for name in _lasting(seconds, rng)]
    # A sound that follows a sentence has its depth, and stays behind it: sorting keeps the order of equals.
    ordered = sorted(events, key=lambda event: event.depth)
    hello = [Event(0.0, name) for name in speakers.values()]
    return Score(speakers, (*hello, *ordered), {**lowest, **spoken})


def _range(seconds: float) -> int:
    return min(_LONGEST_LOWEST, 1 + int(seconds // (5 * _MINUTE)))


def _lasting(seconds: float, rng: Rng) -> list[str]:
    return rng.sample(sorted(LONG), 1 if seconds < _BRIEF else len(LONG))


def _sentences(
    names: list[str], words: Sequence[str], room: int, rng: Rng, *, brief: bool
) -> tuple[list[Event], dict[str, int]]:
    """Share sentences out among the speakers: those who are counted say a number of them that nobody can guess."""
    counted = [rng.choice(names)] if brief else names
    lowest = {name: rng.between(1, max(1, room // len(names) - CHOICES + 2)) for name in counted}
    said = [name for name in names for _ in range(lowest[name] + rng.below(CHOICES) if name in lowest else 2)]
    if len(words) < len(said):
        raise ConfigError(f"the hay leaves only {len(words)} words to be remembered, of {len(said)}; use other speech")
    chosen = rng.sample(words, len(said))
    return [Event(rng.random(), name, word) for name, word in zip(said, chosen, strict=True)], lowest


def _after(sentences: Sequence[Event], sounds: Sequence[str], seconds: float, rng: Rng) -> list[Event]:
    """Let every second sentence be followed by a sound at once."""
    chosen = rng.sample(sentences, max(2, len(sentences) // 2)) if len(sentences) > 1 else []
    return [Event(one.depth, rng.choice(sounds), seconds=seconds, follows=True) for one in chosen]
