"""Where the needles of a prompt are: ranges of its text, pictures, or seconds of its sound and film."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.prompt import AudioPart, ImagePart, TextPart, VideoPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.prompt import Part, Prompt
    from lm_eval_longctx.sample import Sample

_SHORTEST = 3
"""Characters of the shortest text that is looked for where nobody tells the passage."""

_CLOCK = re.compile(r"(\d+):(\d\d)\s*$")
"""What stands before each picture of a film that goes as frames: minutes and seconds."""


@dataclass(frozen=True)
class TextMark:
    """A range of a prompt's text: of all text parts, one after the other.

    Attributes:
        start: First character.
        stop: The one after the last.
    """

    start: int
    stop: int


@dataclass(frozen=True)
class MediaMark:
    """A stretch of a medium.

    Attributes:
        part: Its number among the prompt's parts.
        start: In seconds from its beginning; 0 for a picture.
        stop: Where it ends.
        label: What is there.
    """

    part: int
    start: float
    stop: float
    label: str


def text_marks(prompt: Prompt, sample: Sample, passages: Sequence[str]) -> list[TextMark]:
    """Return where passages stand in a prompt's text, in order.

    Where no passages are known, the right answer is looked for in prompts of text alone: it counts if it stands there
    once, or at the sample's depth.

    Args:
        prompt: The prompt.
        sample: What it was made from.
        passages: As ``Builder.passages`` gives them.
    """
    total = sum(len(part.text) for part in prompt.parts() if isinstance(part, TextPart))
    found = []
    for text in passages or ([] if any(prompt.media()) else _targets(sample)):
        places = list(_places(prompt, text))
        depth = sample.get("realised_depth")
        if places and (passages or len(places) == 1 or depth is not None):
            place = places[0] if depth is None else min(places, key=lambda at: abs(at - depth * total))
            found.append(TextMark(place, place + len(text)))
    return sorted(found, key=lambda mark: mark.start)


def _targets(sample: Sample) -> list[str]:
    """Return the texts of the right answer that may have been hidden."""
    if sample.get("absent") or sample.get("options"):
        return []
    target, lead = sample["target"], str(sample.get("prefix", ""))
    texts = list(target.values()) if isinstance(target, Mapping) else target
    texts = texts if isinstance(texts, (list, tuple)) else [texts]
    found = [str(text).removeprefix(lead).strip() for text in texts if isinstance(text, str)]
    return [text for text in found if len(text) >= _SHORTEST]


def _places(prompt: Prompt, text: str) -> Iterator[int]:
    """Yield where a text begins; it may reach over parts, none of which is copied as a whole."""
    before, tail = 0, ""
    for part in prompt.parts():
        if isinstance(part, TextPart) and part.text:
            joint = tail + part.text[: len(text) - 1]
            yield from (before - len(tail) + at for at in _found(joint, text))
            yield from (before + at for at in _found(part.text, text))
            tail = (tail + part.text[-len(text) :])[-(len(text) - 1) :] if len(text) > 1 else ""
            before += len(part.text)


def _found(whole: str, text: str) -> Iterator[int]:
    at = whole.find(text)
    while at >= 0:
        yield at
        at = whole.find(text, at + 1)


def media_marks(prompt: Prompt, sample: Sample) -> list[MediaMark]:
    """Return where needles are in a prompt's media, by what the sample says of its needles or its evidence."""
    parts = list(prompt.parts())
    pictures = [number for number, part in enumerate(parts) if isinstance(part, ImagePart)]
    timed = [number for number, part in enumerate(parts) if isinstance(part, (AudioPart, VideoPart))]
    found = []
    for start, stop, picture, label in _said(sample):
        if timed and start is not None:
            found.append(MediaMark(timed[0], start, stop, label))
        elif pictures:
            shown = picture if picture is not None else _nearest(parts, pictures, start or 0.0)
            if shown < len(pictures):
                found.append(MediaMark(pictures[shown], 0.0, 0.0, label))
    found += _in_mixture(parts, sample.get("hidden"))
    return sorted(set(found), key=lambda mark: (mark.part, mark.start))


def _in_mixture(parts: Sequence[Part], hidden: Any) -> Iterator[MediaMark]:
    """Yield where a mixture of numbered items hides what is asked for: a picture, seconds of a film, a recording."""
    for note in hidden if isinstance(hidden, (list, tuple)) else ():
        if isinstance(note, Mapping) and note.get("asked") and note.get("kind") != "text":
            label = re.compile(rf"\[{int(note['item'])}: \w+\]")
            at = next((n for n, p in enumerate(parts) if isinstance(p, TextPart) and label.search(p.text[-40:])), None)
            media = [n for n in range((at or 0) + 1, len(parts)) if not isinstance(parts[n], TextPart)]
            if at is not None and media:
                # A film that goes as pictures has one part a picture, each after its time.
                several = isinstance(parts[media[0]], ImagePart) and note["kind"] == "video"
                part = media[min(int(note.get("picture", 0)), len(media) - 1)] if several else media[0]
                last = getattr(parts[part], "seconds", 0.0)  # a spoken sentence stands somewhere in its short recording
                yield MediaMark(part, float(note.get("start", 0.0)), float(note.get("end", last)), str(note["text"]))


def _said(sample: Mapping[str, Any]) -> Iterator[tuple[float | None, float, int | None, str]]:
    """Yield start and end in seconds, the picture's number, and what is there, as far as each is known."""
    needles = sample.get("needles")
    for needle in needles if isinstance(needles, (list, tuple)) else ():
        if isinstance(needle, Mapping) and ("start" in needle or "picture" in needle):
            start = needle.get("start")
            label = str(needle.get("text") or needle.get("value", ""))
            yield start, float(needle.get("end", start or 0.0)), needle.get("picture"), label
    moments = sample.get("evidence")
    for moment in moments if isinstance(moments, (list, tuple)) else ():
        if isinstance(moment, (int, float)):
            yield float(moment), float(moment), None, f"evidence {sample.get('kind', '')}".strip()


def _nearest(parts: Sequence[Any], pictures: Sequence[int], seconds: float) -> int:
    """Return which of the pictures is shown nearest to a moment, by the times that stand before them."""

    def distance(place: int) -> float:
        before = parts[pictures[place] - 1]
        clock = _CLOCK.search(before.text[-16:]) if isinstance(before, TextPart) else None
        return abs(int(clock[1]) * 60 + int(clock[2]) - seconds) if clock else float("inf")

    return min(range(len(pictures)), key=distance)
