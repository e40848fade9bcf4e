"""A grammar book about a made language: prose, tables and interlinear examples.

A careful reader can translate from the book and its word list alone; a test
holds a program that does so, from the printed tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.hay.language.lexicon import STOCK, english
from lm_eval_longctx.hay.language.meaning import Noun, Pronoun, draw_clause
from lm_eval_longctx.hay.language.tongue import CASES, PEOPLE, PRONOUNS, Tongue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.hay.language.meaning import Clause
    from lm_eval_longctx.plan import Rng

EXAMPLES = 6

_ORDER_WORDS = {"S": "the subject", "O": "the object", "V": "the verb"}
_CASE_WORDS = {
    "object": ("object", "what is seen, carried, found and so on", "see"),
    "place": ("place", "where something happens; English says *in*", "sleep"),
    "owner": ("owner", "whose something is; English says *'s*, *my*, *your*, *our* or *their*", "see"),
}
_PEOPLE_WORDS = {"1sg": "I", "2sg": "you", "3sg": "one being or thing", "1pl": "we", "3pl": "they, or several"}


def chapters(tongue: Tongue, rng: Rng) -> list[str]:
    """Return the book's chapters in order; the first half is about words, the second about sentences."""
    writers: Sequence[Callable[[Tongue, Rng], Iterator[str]]] = (
        _sounds, _number, _cases, _pronouns, _adjectives, _owners, _verbs, _order, _negation, _questions,
    )  # fmt: skip
    return [
        "\n\n".join((f"## Chapter {n}", *writer(tongue, rng.fork(writer.__name__))))
        for n, writer in enumerate(writers, start=1)
    ]


def word_list(tongue: Tongue) -> list[str]:
    """Return the dictionary's lines: word, kind, meaning; nouns with their class where there are classes."""
    kinds = {
        "noun": (*STOCK.beings, *STOCK.things, *STOCK.places),
        "adjective": STOCK.adjectives,
        "verb": (*STOCK.transitive, *STOCK.intransitive),
        "pronoun": PRONOUNS,
        "particle": ("not", "question"),
    }
    lines = [
        f"{tongue.words[word]} ({_kind(tongue, kind, word)}): {word}" for kind, words in kinds.items() for word in words
    ]
    return sorted(lines)


def _kind(tongue: Tongue, kind: str, word: str) -> str:
    return f"{kind}, class {tongue.noun_class(word)}" if kind == "noun" and tongue.difficulty > 1 else kind


def example(tongue: Tongue, clause: Clause) -> str:
    """Return an interlinear example: the sentence, its gloss, its translation."""
    return f"    {tongue.sentence(clause)}\n    {tongue.gloss(clause)}\n    '{english(clause)}'"


def _examples(tongue: Tongue, rng: Rng, fit: Callable[[Clause], bool]) -> str:
    """Draw examples that show something."""
    found: list[str] = []
    while len(found) < EXAMPLES:
        clause = draw_clause(rng, STOCK)
        if fit(clause):
            found.append(example(tongue, clause))
    return "\n\n".join(found)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _endings(tongue: Tongue, names: Sequence[str], labels: Sequence[str]) -> str:
    """Print a table of endings, in two columns where there is vowel harmony."""
    made = [tongue.endings[name] for name in names]
    if tongue.difficulty < 3:  # noqa: PLR2004 - harmony comes at 3
        return _table(["form", "ending"], [[label, f"-{e.back}"] for label, e in zip(labels, made, strict=True)])
    head = ["form", "ending after a, o, u", "ending after e, i"]
    return _table(head, [[label, f"-{e.back}", f"-{e.front}"] for label, e in zip(labels, made, strict=True)])


def _sounds(tongue: Tongue, rng: Rng) -> Iterator[str]:
    del rng
    yield f"### The sounds of {tongue.name}"
    yield (
        f"{tongue.name} is written as it is spoken. It has five vowels, *a*, *e*, *i*, *o* and *u*. A word begins with "
        "one consonant; two may stand together inside a word. Words are built from a stem by adding endings, and a "
        "word may have more than one ending. Nothing is ever put before a stem."
    )
    if tongue.difficulty > 2:  # noqa: PLR2004 - harmony comes at 3
        yield (
            "The vowels *a*, *o*, *u* are called back vowels, *e* and *i* front vowels. Each ending has two forms. "
            "Which one is used depends on the last vowel before it: after a back vowel the back form, after a front "
            "vowel the front form. Where a word has several endings, each one looks at the last vowel before it, "
            "which may be in another ending."
        )


def _number(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### One and many"
    yield "A noun without an ending of number means one. There is no word for *the* or *a*."
    classes = [1, 2] if tongue.difficulty > 1 else [1]
    if len(classes) > 1:
        yield "Nouns belong to class 1 or class 2; the word list tells which. The classes differ in the plural only."
    labels = [f"plural, class {n}" if len(classes) > 1 else "plural" for n in classes]
    yield _endings(tongue, [f"plural {n}" for n in classes], labels)
    yield _examples(tongue, rng, lambda c: isinstance(c.subject, Noun) and c.subject.plural and not c.question)


def _cases(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### Endings of role"
    yield (
        "The subject of a sentence has no ending of role. Other nouns and pronouns have one, which comes after the "
        "plural ending if there is one."
    )
    for case in CASES:
        name, use, _ = _CASE_WORDS[case]
        yield f"The *{name}* ending marks {use}."
    yield _endings(tongue, CASES, [_CASE_WORDS[case][0] for case in CASES])
    yield _examples(tongue, rng, lambda c: c.place is not None and c.object is not None and not c.negative)


def _pronouns(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### Pronouns"
    yield (
        "Pronouns take the same endings of role as nouns. The owner form of a pronoun does the work of English *my*, "
        "*your*, *our* and *their*."
    )
    yield _table(["English", tongue.name], [[word, tongue.words[word]] for word in PRONOUNS])
    yield _examples(tongue, rng, lambda c: isinstance(c.subject, Pronoun) or isinstance(c.object, Pronoun))


def _adjectives(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### Adjectives"
    yield f"An adjective stands {'before' if tongue.adjective_first else 'after'} its noun."
    if tongue.difficulty > 1:
        yield (
            "If the noun is plural, the adjective takes the plural ending of the noun's class too. It never takes an "
            "ending of role."
        )
    else:
        yield "It never takes an ending."
    yield _examples(tongue, rng, lambda c: isinstance(c.subject, Noun) and bool(c.subject.adjective))


def _owners(tongue: Tongue, rng: Rng) -> Iterator[str]:
    where = "before" if tongue.owner_first else "after"
    yield "### Whose it is"
    yield (
        f"The owner, with the owner ending, stands {where} what is owned"
        f"{' and before its adjective' if tongue.owner_first else ' and after its adjective'}. What is owned keeps its "
        "own endings."
    )
    yield _examples(tongue, rng, lambda c: any(isinstance(p, Noun) and p.owner for p in (c.subject, c.object)))


def _verbs(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### Verbs"
    yield "A verb has two endings: first one of time, then one that tells who acts. Both are always there."
    yield _endings(tongue, ("past", "present", "future"), ("past", "present", "future"))
    yield "The second ending agrees with the subject:"
    yield _endings(tongue, PEOPLE, [_PEOPLE_WORDS[person] for person in PEOPLE])
    yield "English *will* is the future. The verb has no other forms; denial and questions use words of their own."
    yield _examples(tongue, rng, lambda c: not c.negative and not c.question)


def _order(tongue: Tongue, rng: Rng) -> Iterator[str]:
    first, second, third = (_ORDER_WORDS[role] for role in tongue.order)
    yield "### The order of words"
    yield f"The order is fixed: first {first}, then {second}, then {third}."
    yield f"A place stands at the {'beginning' if tongue.place_first else 'end'} of the sentence."
    yield _examples(tongue, rng, lambda c: c.object is not None and c.place is not None)


def _negation(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### Denial"
    word = tongue.words["not"]
    yield f"To deny something, the word *{word}* is put right before the verb. The verb keeps its endings."
    yield _examples(tongue, rng, lambda c: c.negative)


def _questions(tongue: Tongue, rng: Rng) -> Iterator[str]:
    yield "### Questions"
    where = "the very beginning" if tongue.question_first else "the very end"
    yield f"A question has the order of a statement, and the word *{tongue.words['question']}* at {where}."
    yield _examples(tongue, rng, lambda c: c.question)


def parallel(tongue: Tongue, rng: Rng, without: Callable[[str, str], bool]) -> Iterator[tuple[str, str]]:
    """Yield pairs of sentences (made language, English) without end and without a repeat.

    Args:
        tongue: The language.
        rng: What draws the meanings.
        without: Whether a pair must be left out because it gives a test sentence away.
    """
    seen: set[str] = set()
    while True:
        clause = draw_clause(rng, STOCK)
        pair = tongue.sentence(clause), english(clause)
        if pair[0] not in seen and not without(*pair):
            seen.add(pair[0])
            yield pair
