"""The pieces of a mixture: pages, pictures, clips and short films, each small, made by number and kept by content."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.render import film_part, frame_parts, picture_parts
from lm_eval_longctx.hay.film.source import Later
from lm_eval_longctx.hay.film.splice import Cut
from lm_eval_longctx.hay.speech import hay as speech
from lm_eval_longctx.hay.speech.floor import ROOM_TONE_SNR
from lm_eval_longctx.hay.speech.pieces import packets_of
from lm_eval_longctx.hay.speech.render import render
from lm_eval_longctx.hay.speech.spoken import spoken
from lm_eval_longctx.hay.speech.timeline import Insert, lay
from lm_eval_longctx.hay.speech.voices import voice
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.hay.text.arrange import Layout, arrange
from lm_eval_longctx.hay.text.measure import Span, count_tokens
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.film.source import Hay, Look
    from lm_eval_longctx.hay.mixture.arithmetic import Arithmetic
    from lm_eval_longctx.hay.speech.source import Pool
    from lm_eval_longctx.hay.text.corpus import Corpus
    from lm_eval_longctx.prompt import Part


@dataclass(frozen=True)
class Note:
    """A sentence to be hidden in a piece.

    Attributes:
        kind: Of the piece: written on a page, laid over a picture or one frame of a film, or spoken.
        text: The sentence.
        depth: Asked fraction of the hay before it, in [0, 1].
        seed: Names its private random numbers: where in the piece it stands.
        speaker: Whose voice says it, where it is spoken.
        asked: Whether the answer follows from it; otherwise it only looks like such a one.
    """

    kind: str
    text: str
    depth: float
    seed: str
    speaker: str = ""
    asked: bool = True

    def rng(self) -> Rng:
        """Return its random numbers, from the beginning."""
        return Rng(self.seed)


class Pieces(ABC):
    """All pieces of a kind, without end.

    Attributes:
        name: What people call one.
    """

    name: str

    @abstractmethod
    def tokens(self, ordinal: int, note: Note | None) -> dict[str, int]:
        """Return what a piece takes, by kind of content.

        Args:
            ordinal: Which one, from 0.
            note: What is hidden in it.
        """

    @abstractmethod
    def parts(self, ordinal: int, note: Note | None) -> Iterable[Part]:
        """Yield a piece as parts of a prompt, made now or found made."""

    @abstractmethod
    def place(self, ordinal: int, note: Note) -> dict[str, Any]:
        """Return where in a piece a note is, as plain values; nothing is made for it."""

    def usual(self) -> int:
        """Return the tokens of a usual piece."""
        return sum(self.tokens(0, None).values())


class Pages(Pieces):
    """Pages of text that follow each other in a corpus."""

    name = "page"

    def __init__(self, corpus: Corpus, first: int, size: int) -> None:
        """Choose the pages.

        Args:
            corpus: The text.
            first: The unit with which the first page begins.
            size: Tokens of a page, to within a sentence.
        """
        self.corpus, self._first, self._size = corpus, first, size
        self._begins = lru_cache(maxsize=1 << 16)(self._begin)
        self.counted = lru_cache(maxsize=1 << 16)(self._counted)
        self.holds = lru_cache(maxsize=8)(self._holds)

    def _begin(self, ordinal: int) -> int:
        byte = self.corpus.advance(self.corpus.unit_start(self._first), ordinal * self._size)
        return max(self._first, self.corpus.unit_at(byte))

    def units(self, ordinal: int) -> int:
        """Return how many sentences a page has."""
        return max(1, self._begins(ordinal + 1) - self._begins(ordinal))

    def bytes(self, pages: int) -> tuple[int, int]:
        """Return the first byte of the first page, and the byte after the last of so many."""
        return self.corpus.unit_start(self._first), self.corpus.unit_start(self._begins(pages))

    def _holds(self, words: tuple[str, ...], tokens: int) -> set[str]:
        """Return those of some words that stand on the pages of so many tokens, or close by."""
        pattern = re.compile(rf"\b(?:{'|'.join(words)})\b".encode())
        name = f"words-{hashlib.sha256(pattern.pattern).hexdigest()[:12]}"
        return self.corpus.matches(name, pattern, *self.bytes(tokens // self._size + 2))

    def _arranged(self, ordinal: int, note: Note | None, units: int | None = None) -> list[str | Span]:
        count = self.units(ordinal) if units is None else units
        positions = (self._position(ordinal, note),) if note else ()
        layout = Layout(self._begins(ordinal), count, positions=positions)
        return arrange(self.corpus, layout, [note.text] if note else [])

    def _position(self, ordinal: int, note: Note) -> int:
        units = self.units(ordinal)
        return note.rng().between(1, units - 1) if units > 1 else units

    def tokens(self, ordinal: int, note: Note | None) -> dict[str, int]:
        """Count a page."""
        return {"text": self.counted(ordinal, note)}

    def _counted(self, ordinal: int, note: Note | None, units: int | None = None) -> int:
        """Return the tokens of a page, or of only so many of its sentences."""
        if note is None and units is None and self.corpus.begins_again(ordinal * self._size):
            return self._size
        return count_tokens(self.corpus, self._arranged(ordinal, note, units))

    def usual(self) -> int:
        """Return the asked size."""
        return self._size

    def fitting(self, ordinal: int, room: int) -> int:
        """Return how many sentences from the beginning of a page, or beyond its end, fit into a number of tokens."""
        low, high = 0, 2 * self.units(ordinal)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.counted(ordinal, None, middle) <= room else (low, middle - 1)
        return low

    def text(self, ordinal: int, note: Note | None, units: int | None = None) -> str:
        """Return a page, or only so many of its sentences."""
        pieces = self._arranged(ordinal, note, units)
        return "".join(self.corpus.read(*piece) if isinstance(piece, Span) else piece for piece in pieces)

    def parts(self, ordinal: int, note: Note | None) -> Iterable[Part]:
        """Yield the page."""
        return (TextPart(self.text(ordinal, note), shared=note is None),)

    def place(self, ordinal: int, note: Note) -> dict[str, Any]:
        """Return the number of sentences before the note."""
        return {"sentence": self._position(ordinal, note), "sentences": self.units(ordinal)}


@dataclass(frozen=True)
class Lettering:
    """How notes are laid over pictures: type of so many percent of the picture's height, fully opaque."""

    percent: float

    def mark(self, note: Note, height: int) -> Overlay:
        """Return the overlay of a note."""
        rng = note.rng().fork("place")
        return Overlay(
            note.text, max(6, round(height * self.percent / 100)), 1.0, round(rng.random(), 3), round(rng.random(), 3)
        )


class Pictures(Pieces):
    """Single pictures of a film, far enough apart that no two are of one shot."""

    name = "picture"

    def __init__(self, hay: Hay, lettering: Lettering, rule: Arithmetic, cache: Path) -> None:
        """Choose the pictures; nothing is drawn yet."""
        self._hay, self._lettering, self._cache = hay, lettering, cache
        self._tokens = rule.image(hay.look.width, hay.look.height)

    def tokens(self, ordinal: int, note: Note | None) -> dict[str, int]:
        """Return what any picture takes."""
        del ordinal, note
        return {"image": self._tokens}

    def parts(self, ordinal: int, note: Note | None) -> Iterable[Part]:
        """Yield the picture."""
        marks = {ordinal: self._lettering.mark(note, self._hay.look.height)} if note else {}
        return picture_parts(self._hay, [ordinal], marks, self._cache)

    def place(self, ordinal: int, note: Note) -> dict[str, Any]:
        """Return what is laid over the picture, which must fit on it."""
        look = self._hay.look
        overlay = self._lettering.mark(note, look.height)
        overlay.check(look.width, look.height)
        return {"picture": ordinal, "overlay": overlay.to_dict()}


@dataclass(frozen=True)
class Shooting:
    """How short films are made.

    Attributes:
        pictures: In each film.
        codec: How they are coded.
        form: ``native`` for films, ``frames`` for pictures with their times.
    """

    pictures: int
    codec: str
    form: str

    def tokens(self, look: Look, rule: Arithmetic, count: Callable[[str], int]) -> dict[str, int]:
        """Return what a film takes, by kind of content; frames come with their times, which are text."""
        if self.form == "native":
            return {"video": self.pictures * rule.frame(look.width, look.height)}
        times = count("00:00 ") + count("\n")
        return {"image": self.pictures * rule.image(look.width, look.height), "text": self.pictures * times}


class Films(Pieces):
    """Short films without sound, one after the other from a long one."""

    name = "film"

    def __init__(self, hay: Hay, shooting: Shooting, lettering: Lettering, tokens: dict[str, int], cache: Path) -> None:
        """Choose the films; nothing is drawn yet.

        Args:
            hay: The long film.
            shooting: How short ones are made of it.
            lettering: How notes are laid over it.
            tokens: What a film takes, by kind of content.
            cache: Where to keep what is made.
        """
        self._hay, self._how, self._lettering, self._cache = hay, shooting, lettering, cache
        self._tokens = tokens

    def tokens(self, ordinal: int, note: Note | None) -> dict[str, int]:
        """Return what any film takes."""
        del ordinal, note
        return dict(self._tokens)

    @cached_property
    def _library(self) -> Library:
        return Library(self._hay, self._how.codec, self._cache / "hay")

    def _shown(self, note: Note) -> int:
        return note.rng().below(self._how.pictures)

    def parts(self, ordinal: int, note: Note | None) -> Iterable[Part]:
        """Yield the film, or its frames."""
        marks = {self._shown(note): self._lettering.mark(note, self._hay.look.height)} if note else {}
        first, count = ordinal * self._how.pictures, self._how.pictures
        if self._how.form == "frames":
            return frame_parts(Later(self._hay, first), range(count), marks, self._cache / "pictures")
        return (film_part(self._library, Cut(count, marks, first=first), self._cache / "films"),)

    def place(self, ordinal: int, note: Note) -> dict[str, Any]:
        """Return which frame shows the note, when, and what is laid over it."""
        look, shown = self._hay.look, self._shown(note)
        overlay = self._lettering.mark(note, look.height)
        overlay.check(look.width, look.height)
        start, end = float(shown / look.fps), float((shown + 1) / look.fps)
        first = ordinal * self._how.pictures
        return {"picture": first + shown, "start": start, "end": end, "overlay": overlay.to_dict()}


class Clips(Pieces):
    """Recordings of people who speak, each of the same duration, laid from one pool of speech."""

    name = "recording"

    def __init__(
        self, pool: Callable[[], Pool], seconds: float, seed: str, rule: Arithmetic, context: BuildContext
    ) -> None:
        """Choose the clips; nothing is spoken yet.

        Args:
            pool: Opens the speech, on the first clip that is made.
            seconds: Of a clip.
            seed: Names who says what when.
            rule: What sound costs.
            context: Says where to keep what is made.
        """
        self._open, self._seconds, self._seed, self._context = pool, seconds, seed, context
        self._tokens = rule.sound(seconds)

    def tokens(self, ordinal: int, note: Note | None) -> dict[str, int]:
        """Return what any clip takes."""
        del ordinal, note
        return {"audio": self._tokens}

    @cached_property
    def _bench(self) -> speech.Bench:
        options = {"codec": "flac", "noise": "pink"}
        return speech.bench(self._open(), self._samples, ROOM_TONE_SNR, options, self._context)

    @property
    def _samples(self) -> int:
        return round(self._seconds * SAMPLE_RATE)

    def parts(self, ordinal: int, note: Note | None) -> Iterator[Part]:
        """Yield the recording."""
        bench = self._bench
        said = [spoken(note.text, voice(note.speaker), 0.0, self._context.cache_dir)] if note else []
        inserts = [Insert(packets_of(one.utterance, bench.store.grid), self._depth(note)) for one in said if note]
        own = self._own(ordinal, sum(insert.packets for insert in inserts))
        rng = Rng(f"{self._seed}|clip {ordinal}")
        timeline = lay([bench.packets[i] for i in own], self._samples, bench.store.grid, inserts, rng)
        timeline = replace(timeline, hay=tuple(own[i] for i in timeline.hay))
        yield render(timeline, bench.pool, said, bench.store, bench.of, self._context.cache_dir)

    @cached_property
    def _shuffled(self) -> list[int]:
        order = list(range(len(self._bench.packets)))
        Rng(f"{self._seed}|clips").shuffle(order)
        return order

    def _own(self, ordinal: int, taken: int) -> list[int]:
        """Return the utterances of a clip: others than its neighbours', as long as the pool has any.

        Where none of them fits beside a note, it is the pool's shortest.
        """
        packets, order = self._bench.packets, self._shuffled
        wanted = self._samples // self._bench.store.grid
        each = max(1, wanted * len(packets) // sum(packets))
        own: list[int] = []
        for further in range(len(order)):
            own.append(order[(ordinal * each + further) % len(order)])
            if sum(packets[i] for i in own) >= wanted:
                break
        fits = any(packets[i] <= wanted - taken for i in own)
        return own if fits else [min(order, key=lambda i: packets[i])]

    def _depth(self, note: Note) -> float:
        return note.rng().random()

    def place(self, ordinal: int, note: Note) -> dict[str, Any]:
        """Return who says the note, and after which share of the clip's speech."""
        del ordinal
        return {"speaker": note.speaker, "into": round(self._depth(note), 4)}
