"""A careful reader of the made language's book: translates from the printed tables and word list, nothing else.

It knows English grammar, as any reader does, and reads everything about the
other language out of the prompt's text.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.hay.language.lexicon import OBJECT, OWNER, PLURALS, SUBJECT, VERBS, english
from lm_eval_longctx.hay.language.meaning import TENSES, Clause, Noun, Phrase, Pronoun

if TYPE_CHECKING:
    from collections.abc import Iterator

SINGULARS = {many: one for one, many in PLURALS.items()}
PERSON_OF_LABEL = {"I": "1sg", "you": "2sg", "one being or thing": "3sg", "we": "1pl", "they, or several": "3pl"}
PRONOUN_OF = {"1sg": "I", "2sg": "you", "1pl": "we", "3pl": "they"}


@dataclass
class Grammar:
    """What the book's tables and statements say."""

    words: dict[str, str]
    classes: dict[str, str]
    endings: dict[str, tuple[str, str]]
    order: str
    adjective_first: bool
    owner_first: bool
    place_first: bool
    question_first: bool
    agrees: bool


def read_book(prompt: str) -> Grammar:
    """Read the grammar out of a prompt."""
    entries = re.findall(r"^(\w+) \((\w+)(?:, class (\d))?\): (.+)$", prompt, re.MULTILINE)
    rows = re.findall(r"^\| ([^|]+?) \| -(\w+) \|(?: -(\w+) \|)?$", prompt, re.MULTILINE)
    roles = {"the subject": "S", "the object": "O", "the verb": "V"}
    order = re.search(r"first (the \w+), then (the \w+), then (the \w+)\.", prompt)
    assert order
    return Grammar(
        words={meaning: word for word, _, _, meaning in entries},
        classes={meaning: number or "" for _, _, number, meaning in entries},
        endings={PERSON_OF_LABEL.get(label, label): (back, front or back) for label, back, front in rows},
        order="".join(roles[order[i]] for i in (1, 2, 3)),
        adjective_first="adjective stands before" in prompt,
        owner_first=bool(re.search(r"The owner, with the owner ending, stands before", prompt)),
        place_first="A place stands at the beginning" in prompt,
        question_first="at the very beginning" in prompt,
        agrees="takes the plural ending of the noun's class too" in prompt,
    )


def add(grammar: Grammar, stem: str, name: str) -> str:
    """Put an ending on a stem, in the form that its last vowel asks for."""
    last = [letter for letter in stem if letter in "aeiou"][-1]
    return stem + grammar.endings[name][last in "ei"]


def plural(grammar: Grammar, noun: str) -> str:
    """Name the plural ending of a noun."""
    return f"plural, class {grammar.classes[noun]}" if grammar.classes[noun] else "plural"


def phrase(grammar: Grammar, meaning: Phrase, case: str | None) -> list[str]:
    """Write a noun phrase."""
    if isinstance(meaning, Pronoun):
        stem = grammar.words[PRONOUN_OF[meaning.person]]
        return [add(grammar, stem, case) if case else stem]
    stem = grammar.words[meaning.word]
    stem = add(grammar, stem, plural(grammar, meaning.word)) if meaning.plural else stem
    head = [add(grammar, stem, case) if case else stem]
    if meaning.adjective:
        adjective = grammar.words[meaning.adjective]
        if meaning.plural and grammar.agrees:
            adjective = add(grammar, adjective, plural(grammar, meaning.word))
        head = [adjective, *head] if grammar.adjective_first else [*head, adjective]
    owner = phrase(grammar, meaning.owner, "owner") if meaning.owner else []
    return [*owner, *head] if grammar.owner_first else [*head, *owner]


def write(grammar: Grammar, clause: Clause) -> str:
    """Write a sentence of the language from its meaning, by the book."""
    verb = add(grammar, add(grammar, grammar.words[clause.verb], clause.tense), clause.person)
    parts = {
        "S": phrase(grammar, clause.subject, None),
        "V": [grammar.words["not"], verb] if clause.negative else [verb],
        "O": phrase(grammar, clause.object, "object") if clause.object else [],
    }
    body = [word for role in grammar.order for word in parts[role]]
    place = phrase(grammar, clause.place, "place") if clause.place else []
    body = [*place, *body] if grammar.place_first else [*body, *place]
    asked = [grammar.words["question"]] if clause.question else []
    words = [*asked, *body] if grammar.question_first else [*body, *asked]
    told = " ".join(words) + ("?" if clause.question else ".")
    return told[0].upper() + told[1:]


def understand_english(sentence: str) -> Clause:
    """Read the meaning of an English sentence of the fragment."""
    question = sentence.endswith("?")
    told = sentence[0].lower() + sentence[1:-1]
    told = "I" + told[1:] if re.match(r"i\b", told) else told
    auxiliary, rest = told.split(" ", 1) if question else ("", told)
    subject, rest = next((p, r) for p, r in _phrases(rest, SUBJECT) if r)
    negative, verb, tense, rest = _verb(rest, auxiliary)
    place = None
    if match := re.search(r"(?:^| )in (the .+)$", rest):
        place, _ = next((p, r) for p, r in _phrases(match[1], OBJECT) if not r)
        rest = rest[: match.start()]
    target = next((p for p, r in _phrases(rest, OBJECT) if not r), None) if rest else None
    assert place is None or isinstance(place, Noun)
    return Clause(subject, verb, tense, target, place, negative, question)


def _phrases(text: str, pronouns: dict[str, str]) -> Iterator[tuple[Phrase, str]]:
    """Yield the phrases that a text may begin with, and what follows each."""
    words = text.split(" ")
    for person, form in pronouns.items():
        if words[0] == form:
            yield Pronoun(person), " ".join(words[1:])
    owner: Phrase | None = next((Pronoun(p) for p, form in OWNER.items() if words[0] == form), None)
    if owner is None and words[0] != "the":
        return
    at = 1
    if owner is None and words[1].endswith("'s"):
        owner, at = Noun(words[1][:-2]), 2
    for adjective in ((words[at],), ()) if at + 1 < len(words) else ((),):
        noun = words[at + len(adjective)] if at + len(adjective) < len(words) else ""
        one = SINGULARS.get(noun, noun)
        if one in PLURALS and (not adjective or adjective[0] not in PLURALS):
            meant = Noun(one, noun in SINGULARS, "".join(adjective), owner)
            yield meant, " ".join(words[at + len(adjective) + 1 :])


def _verb(text: str, auxiliary: str) -> tuple[bool, str, str, str]:
    """Read denial, verb and tense; return them with what follows."""
    words = text.split(" ")
    if not auxiliary and words[0] in ("will", "did", "do", "does") and words[1:]:
        auxiliary, words = words[0], words[1:]
    negative = words[0] == "not"
    words = words[negative:]
    tense = {"will": "future", "did": "past", "do": "present", "does": "present"}.get(auxiliary)
    for plain, (third, past) in VERBS.items():
        if tense and words[0] == plain:
            return negative, plain, tense, " ".join(words[1:])
        if not tense and words[0] in (plain, third, past):
            return negative, plain, "past" if words[0] == past else "present", " ".join(words[1:])
    raise AssertionError(text)


def translate(prompt: str, source: str, *, to_english: bool) -> str:
    """Translate by the book.

    Into the language: read the English, write by the rules. Into English:
    look up what each word can be, and take the one meaning whose sentence,
    written by the rules, is the source.
    """
    grammar = read_book(prompt)
    if not to_english:
        return write(grammar, understand_english(source))
    return next(english(clause) for clause in _candidates(grammar, source) if write(grammar, clause) == source)


def _candidates(grammar: Grammar, source: str) -> Iterator[Clause]:
    """Yield meanings made of the words in a sentence."""
    words = source[:-1].lower().split(" ")
    bare = [word for word in words if word not in (grammar.words["question"], grammar.words["not"])]
    negative, question = grammar.words["not"] in words, source.endswith("?")
    analysed = [list(_analyses(grammar, word)) for word in bare]
    for reading in itertools.product(*analysed):
        clause = _assemble(grammar, reading)
        if clause is not None:
            yield replace(clause, negative=negative, question=question)


def _analyses(grammar: Grammar, word: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (English word, endings) that a word may be."""
    names = [
        *[n for n in grammar.endings if n.startswith("plural")],
        "object",
        "place",
        "owner",
        *TENSES,
        *PERSON_OF_LABEL.values(),
    ]
    for meaning, stem in grammar.words.items():
        if not word.startswith(stem):
            continue
        if word == stem:
            yield meaning, ()
        for first in names:
            once = add(grammar, stem, first)
            if word == once:
                yield meaning, (first,)
            elif word.startswith(once):
                yield from ((meaning, (first, second)) for second in names if add(grammar, once, second) == word)


def _assemble(grammar: Grammar, reading: tuple[tuple[str, tuple[str, ...]], ...]) -> Clause | None:
    """Put analysed words together by their endings and their neighbours."""
    verbs = [i for i, (meaning, ends) in enumerate(reading) if meaning in VERBS and len(ends) == 2]
    if len(verbs) != 1:
        return None
    heads: dict[str, Phrase] = {}
    owners = [i for i, (_, ends) in enumerate(reading) if "owner" in ends]
    for i, (meaning, ends) in enumerate(reading):
        role = next((r for r in ("object", "place") if r in ends), "subject")
        if i in verbs or i in owners or not (meaning in PLURALS or meaning in PRONOUN_OF.values()):
            continue
        if role in heads:
            return None
        heads[role] = _phrase_at(grammar, reading, i, owners)
    place = heads.get("place")
    if "subject" not in heads or isinstance(place, Pronoun):
        return None
    verb, (tense, _) = reading[verbs[0]]
    return Clause(heads["subject"], verb, tense, heads.get("object"), place)


def _phrase_at(
    grammar: Grammar, reading: tuple[tuple[str, tuple[str, ...]], ...], at: int, owners: list[int]
) -> Phrase:
    meaning, ends = reading[at]
    for person, word in PRONOUN_OF.items():
        if meaning == word:
            return Pronoun(person)
    beside = at - 1 if grammar.adjective_first else at + 1
    adjective = ""
    if (
        0 <= beside < len(reading)
        and reading[beside][0] not in PLURALS
        and reading[beside][0] not in VERBS
        and not any(e in ("object", "place", "owner") for e in reading[beside][1])
        and reading[beside][0] not in PRONOUN_OF.values()
    ):
        adjective = reading[beside][0]
    step = -1 if grammar.owner_first else 1
    where = at + step * (2 if adjective and grammar.adjective_first == grammar.owner_first else 1)
    owner: Phrase | None = None
    if where in owners:
        said = reading[where][0]
        owner = next((Pronoun(p) for p, w in PRONOUN_OF.items() if w == said), None) or Noun(said)
    return Noun(meaning, any(e.startswith("plural") for e in ends), adjective, owner)
