"""What a sentence says, whichever language says it.

A controlled fragment: every meaning has exactly one English sentence and
exactly one sentence in each made language, so translations can be checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.plan import Rng

TENSES = ("past", "present", "future")
PERSONS = ("1sg", "2sg", "1pl", "3pl")
"""Pronouns: I, you, we, they. English nouns supply 3sg and 3pl."""


@dataclass(frozen=True)
class Pronoun:
    """I, you, we or they."""

    person: str


@dataclass(frozen=True)
class Noun:
    """A noun phrase: ``the small dogs of the hunter``, ``my house``.

    Attributes:
        word: The English noun in the singular.
        plural: Whether there are several.
        adjective: An English adjective, or empty.
        owner: Whose it is: a pronoun, a plain noun, or ``None``.
    """

    word: str
    plural: bool = False
    adjective: str = ""
    owner: Union[Pronoun, Noun, None] = None


Phrase = Union[Pronoun, Noun]


@dataclass(frozen=True)
class Clause:
    """A sentence.

    Attributes:
        subject: Who does it.
        verb: The English verb in its plain form.
        tense: ``past``, ``present`` or ``future``.
        object: To whom or what, or ``None`` for verbs without object.
        place: Where, or ``None``.
        negative: Whether it is denied.
        question: Whether it is asked.
    """

    subject: Phrase
    verb: str
    tense: str
    object: Union[Phrase, None] = None
    place: Union[Noun, None] = None
    negative: bool = False
    question: bool = False

    @property
    def person(self) -> str:
        """The subject's person and number: what the verb agrees with."""
        if isinstance(self.subject, Pronoun):
            return self.subject.person
        return "3pl" if self.subject.plural else "3sg"

    def words(self) -> tuple[str, ...]:
        """Return the English nouns, verbs and adjectives, as a dictionary lists them."""
        phrases = [*_within(self.subject), *_within(self.object), *_within(self.place)]
        nouns = [word for phrase in phrases for word in (phrase.word, phrase.adjective) if word]
        return (*nouns, self.verb)

    def rules(self) -> tuple[str, ...]:
        """Return the rules of grammar that the sentence needs, for errors by rule."""
        phrases = [*_within(self.subject), *_within(self.object), *_within(self.place)]
        needed = {
            "tense": True,
            "agreement": True,
            "object case": self.object is not None,
            "place case": self.place is not None,
            "plural": any(phrase.plural for phrase in phrases),
            "adjective order": any(phrase.adjective for phrase in phrases),
            "possession": any(phrase.owner is not None for phrase in phrases),
            "negation": self.negative,
            "question": self.question,
        }
        return tuple(name for name, is_needed in needed.items() if is_needed)


def _within(phrase: Phrase | None) -> list[Noun]:
    """List the nouns of a phrase, owners included."""
    if not isinstance(phrase, Noun):
        return []
    return [phrase, *_within(phrase.owner)]


@dataclass(frozen=True)
class Stock:
    """The English words that meanings are made of; see ``lexicon``."""

    beings: Sequence[str]
    things: Sequence[str]
    places: Sequence[str]
    adjectives: Sequence[str]
    transitive: Sequence[str]
    intransitive: Sequence[str]


def draw_clause(rng: Rng, stock: Stock) -> Clause:
    """Draw a meaning; each rule of grammar occurs in a good share of them."""
    transitive = rng.below(3) > 0
    return Clause(
        subject=_draw_phrase(rng, stock, stock.beings),
        verb=rng.choice(stock.transitive if transitive else stock.intransitive),
        tense=rng.choice(TENSES),
        object=_draw_phrase(rng, stock, (*stock.beings, *stock.things)) if transitive else None,
        place=Noun(rng.choice(stock.places), adjective=_draw_adjective(rng, stock, 5)) if rng.below(2) else None,
        negative=rng.below(5) == 0,
        question=rng.below(6) == 0,
    )


def _draw_phrase(rng: Rng, stock: Stock, words: Sequence[str]) -> Phrase:
    if rng.below(4) == 0:
        return Pronoun(rng.choice(PERSONS))
    owner: Phrase | None = None
    if rng.below(4) == 0:
        owner = Pronoun(rng.choice(PERSONS)) if rng.below(2) else Noun(rng.choice(stock.beings))
    return Noun(rng.choice(words), rng.below(3) == 0, _draw_adjective(rng, stock, 3), owner)


def _draw_adjective(rng: Rng, stock: Stock, one_in: int) -> str:
    return rng.choice(stock.adjectives) if rng.below(one_in) == 0 else ""
