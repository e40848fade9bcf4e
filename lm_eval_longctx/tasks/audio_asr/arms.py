"""What both kinds of transcription task share: the request, its room, and the arms, whole and in segments.

In the arm ``segments`` a recording is cut into pieces of 30 seconds at most,
each a request of its own. The answers are joined and scored once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lm_eval_longctx.plan import PlannedSample

ASK = (
    "Transcribe the following speech segment in {language}. Write down all that is said, word for word and from "
    "beginning to end, with numbers as digits, on one line, and nothing else.\n"
)
TOKENS_PER_SECOND_OF_SPEECH = 10.0
"""Room for an answer: fast English is 5 tokens a second, other scripts up to twice that."""

_ROOM = 512

WHOLE, SEGMENTS = ARMS = ("whole", "segments")

OPTION = Option("arms", [WHOLE], "how recordings are asked: whole, in segments of 30 s, or both", choices=ARMS)

_NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian"}
"""Languages that requests call by their names; others by their codes, as they always did: a prompt stays what it is."""

_ARM, _PIECE = "arm=segments", "piece="


def answer_budget(seconds: float) -> int:
    """Return how many tokens a transcript may have: far more than people say in the time."""
    return math.ceil(seconds * TOKENS_PER_SECOND_OF_SPEECH) + _ROOM


def request(part: AudioPart, language: str) -> Prompt:
    """Return the request to write down a recording."""
    return Prompt.user(TextPart(ASK.format(language=language_name(language))), part)


def question(language: str) -> str:
    """Return what is asked, for people to read."""
    return ASK.format(language=language_name(language)).strip()


def language_name(code: str) -> str:
    """Return what requests call a language: its English name, or its code."""
    return _NAMES.get(code, code)


def in_turns(prompts: Iterable[Prompt]) -> Prompt:
    """Return several requests as turns of one, for people who look at them."""
    return Prompt(tuple(turn for prompt in prompts for turn in prompt.turns))


@dataclass(frozen=True)
class Asked:
    """What a planned sample asks.

    Attributes:
        whole: The plan of the whole recording.
        arm: ``whole`` or ``segments``.
        piece: Which piece of the recording, from 0; ``None`` for all of it.
    """

    whole: PlannedSample
    arm: str = WHOLE
    piece: int | None = None

    @classmethod
    def of(cls, plan: PlannedSample) -> Asked:
        """Read the variant of a plan."""
        names = plan.variant.split(",")
        if names[-1] == _ARM:
            return cls(replace(plan, variant=",".join(names[:-1])), SEGMENTS)
        if names[-1].startswith(_PIECE):
            return cls(replace(plan, variant=",".join(names[:-1])), SEGMENTS, int(names[-1].removeprefix(_PIECE)))
        return cls(plan)

    def piece_plan(self, number: int) -> PlannedSample:
        """Return the plan of a piece."""
        return replace(self.whole, variant=f"{self.whole.variant},{_PIECE}{number}")


def in_arms(plans: Sequence[PlannedSample], arms: Sequence[str]) -> Iterator[PlannedSample]:
    """Yield the plans of each arm that is wanted, those of whole recordings first."""
    if WHOLE in arms:
        yield from plans
    if SEGMENTS in arms:
        yield from (replace(plan, variant=f"{plan.variant},{_ARM}" if plan.variant else _ARM) for plan in plans)
