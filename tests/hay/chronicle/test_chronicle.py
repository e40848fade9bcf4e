"""The chronicle: prose without end that can be named by a seed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tracemalloc
from itertools import chain, islice
from math import gcd

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.chronicle import Chronicle, chapters, deeds, pieces, sentences, words
from lm_eval_longctx.hay.chronicle.grammar import _Reader, load_banks, slots_of
from lm_eval_longctx.hay.chronicle.names import Names, welcome
from lm_eval_longctx.hay.chronicle.telling import Guard, banks
from lm_eval_longctx.hay.chronicle.words import number_words, ordinal_digits, ordinal_words
from lm_eval_longctx.hay.text.splitting import SENTENCES, unit_ends
from lm_eval_longctx.plan import Rng

GOLDEN = {
    0: "a33992ecf5bfd109cc4f6382d2ae3a72567f0f477275b0437e661a703ce7fc53",
    7: "f0e35d124b1c80534cebd3dae3396cf93d71ed089e088587c3477cf60f8ac9f7",
}
"""The sha256 of the first 300 chapters; a change of these is a new ``VERSION``."""

MILLION_TOKENS = 4_600_000
"""Characters that are more than a million tokens of o200k_base."""

KINDS = (
    "birth wedding trade office gift death building journey ship wreck find contest book suit disaster market loan "
    "charter settle emend"
).split()


def digest(seed):
    """Return the sha256 of a chronicle's first chapters."""
    sha = hashlib.sha256()
    for chapter in islice(chapters(seed), 300):
        sha.update(chapter.text.encode())
    return sha.hexdigest()


@pytest.mark.parametrize("seed", sorted(GOLDEN))
def test_the_text_is_a_function_of_the_seed(seed):
    """A seed gives the same bytes on every machine and version of Python."""
    assert digest(seed) == GOLDEN[seed]


def test_the_text_does_not_depend_on_the_process():
    """A process with another hash seed writes the same bytes."""
    program = (
        "import hashlib, sys; from itertools import islice; from lm_eval_longctx.hay.chronicle import chapters; "
        "print(hashlib.sha256(''.join(c.text for c in islice(chapters(7), 300)).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == GOLDEN[7]


def test_no_sentence_comes_twice_in_a_million_tokens():
    """A million tokens hold no sentence twice."""
    written, size = set(), 0
    for sentence in sentences(3):
        assert sentence not in written
        written.add(sentence)
        size += len(sentence) + 1
        if size > MILLION_TOKENS:
            break
    assert len(written) > 40_000


def test_sentences_are_sentences():
    """Each sentence begins with a capital or a quotation mark, ends with a stop, and our splitter does not cut it."""
    shape = re.compile(r'["A-Z].*[.?!]"?', re.DOTALL)
    slips = re.compile(
        r"\n|,,|,\.|\.\.|  |[{}\[\]|_]|\ba (?!one-)[aeio]|\ban (?!hour|honest)[^aeiou]|\bthe the\b|\bno the\b"
    )
    for sentence in islice(sentences(5), 12_000):
        assert shape.fullmatch(sentence), sentence
        assert not slips.search(sentence), sentence
        assert list(unit_ends(sentence, SENTENCES)) == [len(sentence)], sentence


def test_the_pieces_are_the_text():
    """Pieces join to the chapters, and each holds exactly one sentence."""
    ten = list(islice(chapters(1), 10))
    told = [sentence for chapter in ten for paragraph in chapter.paragraphs for sentence in paragraph]
    cut = list(islice(pieces(1), len(told)))
    assert "".join(cut) == "".join(chapter.text for chapter in ten)
    assert all(piece.strip().endswith(sentence) for piece, sentence in zip(cut, told, strict=True))
    assert list(islice(sentences(1), len(told))) == told
    assert [chapter.number for chapter in ten] == list(range(1, 11))


def test_other_seeds_are_other_lands():
    """Two chronicles share hardly a sentence, and nobody's full name."""
    one, two = (set(islice(sentences(seed), 4000)) for seed in (11, 12))
    assert len(one & two) < 20
    people = [
        {f.subject for c in islice(chapters(seed), 80) for f in c.facts if f.relation == "trade"} for seed in (11, 12)
    ]
    assert people[0]
    assert not people[0] & people[1]


def test_memory_does_not_grow_with_length():
    """Ten times the text needs the same memory."""
    banks()
    tracemalloc.start()
    story = iter(Chronicle(2))
    for _ in islice(story, 150):
        pass
    early = tracemalloc.get_traced_memory()[0]
    for _ in islice(story, 1350):
        pass
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late - early < 2_000_000


def test_the_prose_keeps_clear_of_the_needles():
    """No plan holds the words by which needle tasks name what they hide."""
    text = " ".join(islice(sentences(9), 20_000)).lower()
    for word in ("magic", "secret", "keyword", "special", "password", "needle is"):
        assert word not in text, word


def test_every_plan_states_what_its_bank_promises():
    """Each plan holds all slots that the heading of its bank lists, whatever is chosen in it."""
    wrong = [
        (bank.name, missing)
        for bank in load_banks().values()
        for plan in bank.plans
        if (missing := {need for need in bank.needs if need != "year"} - slots_of(plan))
        or ("year" in bank.needs and not slots_of(plan) & {"year", "date"})
    ]
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_has_dozens_of_plans(kind):
    """Each kind of event can be told in at least 24 sentence plans, and ornamented in at least six."""
    found = load_banks()
    assert len(found[f"{kind}.lead"].plans) >= 24
    assert sum(len(b.plans) for name, b in found.items() if name.split(".")[0] == kind) >= 30


@pytest.mark.parametrize("line", ["{who} {nobody}", "{the who} came", "[a|b", "a]b", "{who"])
def test_a_broken_plan_is_refused(line):
    """A plan with an unknown gap or unbalanced brackets is an error that names the file."""
    with pytest.raises(CorpusError, match=r"prose/test\.txt"):
        _Reader({}, "test", frozenset({"who"})).plan(line)


@given(st.lists(st.integers(0, 3_000_000), min_size=2, max_size=60, unique=True), st.integers(0, 5))
def test_different_numbers_are_different_names(numbers, seed):
    """A name list is one-to-one, also beyond its size."""
    names = Names(Rng(f"names {seed}"))
    for kind in ("_families", "_places", "_treasures"):
        made = [getattr(names, kind)[n] for n in numbers]
        assert len(set(made)) == len(numbers)


def test_names_of_different_things_differ():
    """Families, places and treasures never share a name, and none is unwelcome."""
    names = Names(Rng("kinds"))
    made = [[make() for _ in range(3000)] for make in (names.family, names.place, names.treasure)]
    assert len(set(chain(*made))) == 9000
    assert all(map(welcome, chain(*made)))


def test_book_titles_do_not_repeat():
    """The first hundred thousand books have different titles, and the last volumes too."""
    numbers = [*range(100_000), *range(900_000, 900_200)]
    assert len({deeds.book_title(n) for n in numbers}) == len(numbers)


@pytest.mark.parametrize(
    ("first", "second", "step"),
    [
        (words.EPITHETS, words.WORKS, 847),
        (words.EPITHETS, words.SPOTS, 421),
        (words.SHIP_FIRST, words.SHIP_SECOND, 313),
    ],
)
def test_steps_reach_every_pair(first, second, step):
    """Works, spots and ships of a place go through all pairs of words before one comes again."""
    assert gcd(len(first) * len(second), step) == 1
    assert len(set(first)) == len(first)
    assert len(set(second)) == len(second)


@settings(max_examples=25)
@given(st.lists(st.text(min_size=1), max_size=200))
def test_the_guard_lets_nothing_through_twice(texts):
    """A text is new at most once."""
    guard = Guard()
    new = [text for text in texts if guard.fresh(text)]
    assert len(set(new)) == len(new)
    assert set(new) == set(texts)


def test_numbers_are_spelt():
    """Numbers are spelt as in books."""
    spelt = {0: "zero", 13: "thirteen", 40: "forty", 85: "eighty-five", 312: "three hundred and twelve"}
    assert {n: number_words(n) for n in spelt} == spelt
    assert number_words(2012) == "two thousand and twelve"
    assert number_words(41_300) == "forty-one thousand three hundred"
    assert len({number_words(n) for n in range(3000)}) == 3000
    assert [ordinal_digits(n) for n in (1, 2, 3, 11, 12, 13, 21, 22)] == "1st 2nd 3rd 11th 12th 13th 21st 22nd".split()
    assert [ordinal_words(n) for n in (1, 12, 13, 20, 21, 99, 101)] == [
        "first", "twelfth", "thirteenth", "twentieth", "twenty-first", "ninety-ninth", "101st",
    ]  # fmt: skip
