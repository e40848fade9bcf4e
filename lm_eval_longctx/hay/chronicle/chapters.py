"""Chapters: the keeper lets the world go on and writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.chronicle import deeds, lives
from lm_eval_longctx.hay.chronicle.facts import Episode, episode
from lm_eval_longctx.hay.chronicle.paragraphs import Memory, Scribe, correction
from lm_eval_longctx.hay.chronicle.telling import Teller
from lm_eval_longctx.hay.chronicle.words import ordinal_words
from lm_eval_longctx.hay.chronicle.world import Place, World
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lm_eval_longctx.hay.chronicle.facts import Fact

VERSION = "2026.4"
"""Names the text; a change of any sentence is a new version, or old caches would be taken for the new text."""

CHAPTERS_IN_A_BOOK = 40

_KINDS: tuple[tuple[Callable[[World, Place], Episode | None], int], ...] = (
    (lives.birth, 9),
    (lives.wedding, 6),
    (lives.trade, 6),
    (lives.office, 5),
    (lives.gift, 7),
    (lives.death, 5),
    (deeds.building, 8),
    (deeds.journey, 8),
    (deeds.ship, 4),
    (deeds.wreck, 3),
    (deeds.find, 5),
    (deeds.contest, 5),
    (deeds.book, 4),
    (deeds.suit, 6),
    (deeds.disaster, 4),
    (deeds.market, 5),
    (deeds.loan, 5),
    (deeds.charter, 4),
)
_WHEEL = tuple(kind for kind, weight in _KINDS for _ in range(weight))


@dataclass(frozen=True)
class Chapter:
    """One chapter.

    Attributes:
        number: From 1.
        headings: Lines above the text: the title of the whole or of a new
            book where one begins here, then the chapter's own.
        paragraphs: Sentences in their paragraphs.
        first: The number of the first sentence, counted from the beginning of
            the chronicle; headings are not counted.
        facts: What the sentences state, in their order.
    """

    number: int
    headings: tuple[str, ...]
    paragraphs: tuple[tuple[str, ...], ...]
    first: int
    facts: tuple[Fact, ...]

    def pieces(self) -> Iterator[str]:
        """Yield the text sentence by sentence.

        A space belongs to the sentence after it, an empty line to the one
        before it, headings to the chapter's first sentence.
        """
        before = "".join(f"{heading}\n\n" for heading in self.headings)
        for paragraph in self.paragraphs:
            for sentence in paragraph[:-1]:
                yield before + sentence
                before = " "
            yield f"{before}{paragraph[-1]}\n\n"
            before = ""

    @property
    def text(self) -> str:
        """The whole chapter as it stands in the chronicle, with the empty line after it."""
        return "".join(self.pieces())


class Chronicle:
    """A chronicle without end; its memory does not grow with its length."""

    def __init__(self, seed: int) -> None:
        """Begin a chronicle.

        Args:
            seed: Any whole number; two seeds share neither land nor names.
        """
        rng = Rng(f"chronicle/{VERSION}/{seed}")
        self._world = World(rng)
        self._teller = Teller(rng.fork("telling"), self._world.names)
        self._memory = Memory()
        self._scribe = Scribe(self._world, self._teller, self._memory)
        self._keeper = self._world.person(self._world.year, woman=True)
        self._number = 0

    def __iter__(self) -> Iterator[Chapter]:
        """Yield chapters for ever."""
        while True:
            yield self._chapter()

    def _chapter(self) -> Chapter:
        world, scribe = self._world, self._scribe
        self._number += 1
        first, scribe.facts = scribe.sentence, []
        world.pass_days(world.dice.between(7, 14))
        world.begin_scene()
        place = world.visit()
        headings = [f"The Chronicle of {world.land}"] if self._number == 1 else []
        paragraphs = []
        if self._number % CHAPTERS_IN_A_BOOK == 1:
            headings.append(f"The {ordinal_words(world.keepers + 1).capitalize()} Book")
            paragraphs.append(self._new_keeper(place))
        paragraphs.append(scribe.line("scene.opening", world.occasion(self._keeper, place)))
        if not place.described:
            paragraphs.append(scribe.paragraph(deeds.settle(world, place), place))
        title = self._events(place, paragraphs)
        paragraphs.append(scribe.line("scene.ending", world.occasion(self._keeper, place)))
        headings.append(f"Chapter {self._number}. {title}")
        return Chapter(self._number, tuple(headings), tuple(p for p in paragraphs if p), first, tuple(scribe.facts))

    def _new_keeper(self, place: Place) -> tuple[str, ...]:
        world = self._world
        world.keepers += 1
        self._keeper = world.person(world.year - world.dice.between(25, 50), woman=world.dice.chance(50))
        number = ordinal_words(world.keepers)
        occasion = world.occasion(self._keeper, place, book_number=number)
        claim = ("keeper", f"the {number} book of the chronicle", self._keeper.name)
        return self._scribe.paragraph(episode("keeper", occasion, [claim]), place)

    def _events(self, place: Place, paragraphs: list[tuple[str, ...]]) -> str:
        """Tell the events of the chapter; return its title, which is the first event's."""
        world = self._world
        title = ""
        for _ in range(world.dice.between(3, 7)):
            world.begin_scene()
            told = self._event(place)
            paragraphs.append(self._scribe.paragraph(told, place))
            title = title or self._teller.phrase(f"{told.kind}.title", told.lead.occasion)
            world.pass_days(world.dice.pick(3))
        return title

    def _event(self, place: Place) -> Episode:
        """Return the next event of a place; what cannot happen there now does not."""
        world = self._world
        place.count("episodes")
        while True:
            told = None
            if world.dice.chance(9):
                told = correction(world, place, self._memory, self._keeper)
            if told is None:
                told = self._kind(place)(world, place)
            if told is not None:
                return told
            world.begin_scene()

    def _kind(self, place: Place) -> Callable[[World, Place], Episode | None]:
        """Choose an event; an open office and a ruined street ask for theirs first."""
        dice = self._world.dice
        if place.vacant and dice.chance(40):
            return lives.office
        if place.ruins and dice.chance(40):
            return deeds.building
        return dice.of(_WHEEL)
