"""A made language: its sounds, words, endings and order, all from one seed.

Nobody has seen it, so whatever a model knows of it comes from the context. The
difficulty decides how much there is to learn:

1. case, number, tense and agreement endings, free word order of the type;
2. also: adjectives agree in number, the plural differs by noun class;
3. also: vowel harmony - endings have two forms, after the stem's last vowel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.language.lexicon import STOCK
from lm_eval_longctx.hay.language.meaning import Clause, Noun, Phrase, Pronoun
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FRONT, BACK = "ei", "aou"
CASES = ("object", "place", "owner")
PEOPLE = ("1sg", "2sg", "3sg", "1pl", "3pl")
ORDERS = ("SOV", "SVO", "VSO", "OVS")
_CONSONANTS = "p t k b d g m n s z r l v y h f".split()
_CLUSTERS = "nt mp rk ld st nd sk rm lt".split()


@dataclass(frozen=True)
class Ending:
    """An ending in its two forms; both are the same without vowel harmony.

    Attributes:
        back: After a stem whose last vowel is a, o or u.
        front: After a stem whose last vowel is e or i.
    """

    back: str
    front: str

    def after(self, stem: str) -> str:
        """Return the stem with this ending."""
        return stem + (self.front if _last_vowel(stem) in FRONT else self.back)


def _last_vowel(stem: str) -> str:
    return next(letter for letter in reversed(stem) if letter in FRONT + BACK)


@dataclass(frozen=True)
class Tongue:
    """One made language.

    Attributes:
        seed: What it is made from.
        difficulty: 1 to 3; see the module.
    """

    seed: str
    difficulty: int = 2
    _rng: Rng = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Name the randomness after the language."""
        object.__setattr__(self, "_rng", Rng(f"tongue/{self.seed}/{self.difficulty}"))

    @cached_property
    def name(self) -> str:
        """The language's own name."""
        return self._draw("name").capitalize()

    @cached_property
    def order(self) -> str:
        """The order of subject, object and verb."""
        return self._rng.fork("order").choice(ORDERS)

    @cached_property
    def adjective_first(self) -> bool:
        """Whether an adjective stands before its noun."""
        return self._rng.fork("adjective").below(2) == 0

    @cached_property
    def owner_first(self) -> bool:
        """Whether the owner stands before what is owned."""
        return self._rng.fork("owner").below(2) == 0

    @cached_property
    def place_first(self) -> bool:
        """Whether the place opens the sentence; else it closes it."""
        return self._rng.fork("place").below(2) == 0

    @cached_property
    def question_first(self) -> bool:
        """Whether the question word opens the sentence; else it closes it."""
        return self._rng.fork("question").below(2) == 0

    def _draw(self, label: str) -> str:
        """Make a word of two or three syllables."""
        rng = self._rng.fork(f"word/{label}")
        return _word(rng, 2 + rng.below(2))

    @cached_property
    def words(self) -> dict[str, str]:
        """All words by their English one; no two are alike, none looks like another with an ending."""
        taken: set[str] = set()
        made = {}
        for word in (*_english_words(), *PARTICLES, *PRONOUNS):
            for attempt in range(1000):
                candidate = self._draw(f"{word}/{attempt}")
                if candidate not in taken:
                    break
            taken.add(candidate)
            made[word] = candidate
        return made

    @cached_property
    def endings(self) -> dict[str, Ending]:
        """All endings by what they mean: ``plural 1``, ``object``, ``past``, ``3pl``, ``my`` and so on."""
        names = ["plural 1", *(["plural 2"] if self.difficulty > 1 else []), *CASES, "past", "present", "future"]
        names += PEOPLE
        taken: set[str] = set()
        return {name: self._ending(name, taken) for name in names}

    def _ending(self, name: str, taken: set[str]) -> Ending:
        rng = self._rng.fork(f"ending/{name}")
        while True:
            onset, coda = rng.choice(_CONSONANTS), rng.choice(["", "", "n", "s", "r", "k", "m"])
            back, front = rng.choice(BACK), rng.choice(FRONT)
            made = Ending(onset + back + coda, onset + (front if self.difficulty > 2 else back) + coda)  # noqa: PLR2004
            if not {made.back, made.front} & taken:
                taken.update((made.back, made.front))
                return made

    def noun_class(self, word: str) -> int:
        """Return 1 or 2; without classes every noun is of class 1."""
        return 1 + self._rng.fork(f"class/{word}").below(2) if self.difficulty > 1 else 1

    def sentence(self, clause: Clause) -> str:
        """Return the one sentence of this language for a meaning."""
        return _spoken([form for form, _ in self.glossed(clause)], question=clause.question)

    def gloss(self, clause: Clause) -> str:
        """Return the meaning of each word and ending, in the sentence's order."""
        return " ".join(gloss for _, gloss in self.glossed(clause))

    def glossed(self, clause: Clause) -> list[tuple[str, str]]:
        """Return each word with its gloss, in order."""
        parts = {"S": self._phrase(clause.subject, None), "V": [self._verb(clause)], "O": []}
        if clause.object is not None:
            parts["O"] = self._phrase(clause.object, "object")
        if clause.negative:
            parts["V"].insert(0, (self.words["not"], "not"))
        body = [word for role in self.order for word in parts[role]]
        place = self._phrase(clause.place, "place") if clause.place else []
        body = [*place, *body] if self.place_first else [*body, *place]
        asked = [(self.words["question"], "question")] if clause.question else []
        return [*asked, *body] if self.question_first else [*body, *asked]

    def _verb(self, clause: Clause) -> tuple[str, str]:
        stem = self.words[clause.verb]
        tensed = self.endings[clause.tense].after(stem)
        return self.endings[clause.person].after(tensed), f"{clause.verb}-{clause.tense}-{clause.person}"

    def _phrase(self, phrase: Phrase, case: str | None) -> list[tuple[str, str]]:
        if isinstance(phrase, Pronoun):
            return [self._with_case(self.words[_PRONOUN_KEY[phrase.person]], phrase.person, case)]
        head = [self._with_case(*self._counted(phrase), case)]
        if phrase.adjective:
            adjective = self._adjective(phrase)
            head = [adjective, *head] if self.adjective_first else [*head, adjective]
        owner = self._phrase(phrase.owner, "owner") if phrase.owner else []
        return [*owner, *head] if self.owner_first else [*head, *owner]

    def _counted(self, noun: Noun) -> tuple[str, str]:
        stem = self.words[noun.word]
        if not noun.plural:
            return stem, noun.word
        return self.endings[f"plural {self.noun_class(noun.word)}"].after(stem), f"{noun.word}-plural"

    def _adjective(self, noun: Noun) -> tuple[str, str]:
        stem = self.words[noun.adjective]
        if not noun.plural or self.difficulty < 2:  # noqa: PLR2004 - agreement comes at 2
            return stem, noun.adjective
        return self.endings[f"plural {self.noun_class(noun.word)}"].after(stem), f"{noun.adjective}-plural"

    def _with_case(self, form: str, gloss: str, case: str | None) -> tuple[str, str]:
        return (form, gloss) if case is None else (self.endings[case].after(form), f"{gloss}-{case}")


PARTICLES = ("not", "question")
PRONOUNS = ("I", "you", "we", "they")
_PRONOUN_KEY = dict(zip(("1sg", "2sg", "1pl", "3pl"), PRONOUNS, strict=True))


def _english_words() -> Iterator[str]:
    for group in (STOCK.beings, STOCK.things, STOCK.places, STOCK.adjectives, STOCK.transitive, STOCK.intransitive):
        yield from group


def _word(rng: Rng, syllables: int) -> str:
    pieces = [rng.choice(_CONSONANTS) + rng.choice(FRONT + BACK)]
    for _ in range(syllables - 1):
        joint = rng.choice(_CLUSTERS) if rng.below(4) == 0 else rng.choice(_CONSONANTS)
        pieces.append(joint + rng.choice(FRONT + BACK))
    return "".join(pieces) + (rng.choice(["n", "s", "r", "l"]) if rng.below(3) == 0 else "")


def _spoken(words: Sequence[str], *, question: bool) -> str:
    told = " ".join(words) + ("?" if question else ".")
    return told[0].upper() + told[1:]
