"""The world behind the chronicle: what is stated is stated once, where it says, and hangs together."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice, pairwise

import pytest

from lm_eval_longctx.hay.chronicle import RELATIONS, chapters
from lm_eval_longctx.hay.chronicle.facts import CORRECTABLE
from lm_eval_longctx.hay.chronicle.words import number_words

MANY = frozenset({"journey", "holder"})
"""Relations that one subject may have several times."""


@pytest.fixture(scope="module")
def told():
    """Return the sentences and facts of 900 chapters."""
    some = list(islice(chapters(21), 900))
    return [s for c in some for p in c.paragraphs for s in p], [f for c in some for f in c.facts]


def test_each_fact_stands_in_its_sentence(told):
    """The sentence that a fact names holds the value, in digits or in words, and names the subject."""
    lines, facts = told
    for fact in facts:
        line = lines[fact.sentence].lower()
        value = (
            fact.value.removesuffix(f" of {fact.value.split(' of ')[-1]}") if fact.relation == "office" else fact.value
        )
        spelt = number_words(int(value)) if value.isdigit() else value
        assert value.lower() in line or spelt in line, fact
        people = [word for word in fact.subject.split() if word[0].isupper()]
        assert all(word.lower().strip('",') in line for word in people), fact


def test_each_thing_is_stated_once(told):
    """A relation has one value for a subject, unless it can have many, or the keeper corrects it, once."""
    _, facts = told
    stated, corrected = {}, set()
    for fact in facts:
        key = fact.relation, fact.subject
        if fact.corrects:
            assert stated[key] == fact.corrects != fact.value
            assert key not in corrected
            assert fact.relation in CORRECTABLE
            corrected.add(key)
        elif fact.relation not in MANY:
            assert key not in stated, fact
            stated[key] = fact.value
    assert len(corrected) > 100


def test_every_relation_is_used(told):
    """Each relation occurs, none occurs that is not listed, and facts are in the order of the text."""
    _, facts = told
    assert {fact.relation for fact in facts} == set(RELATIONS)
    assert [fact.sentence for fact in facts] == sorted(fact.sentence for fact in facts)


def test_lives_hang_together(told):
    """Nobody marries or takes an office before growing up, does anything after death, or is their own kin's spouse."""
    _, facts = told
    of = defaultdict(dict)
    for fact in facts:
        if not fact.corrects:
            of[fact.relation][fact.subject] = fact.value
    for event in ("wedding_year", "office_year", "trade_year"):
        both = of[event].keys() & of["birth_year"].keys()
        assert both
        assert all(int(of[event][name]) - int(of["birth_year"][name]) >= 16 for name in both)
    for name, other in of["spouse"].items():
        assert of["spouse"][other] == name
        assert other not in {of["mother"].get(name), of["father"].get(name)}
        assert name.split()[1] != other.split()[1]
    dead = {name: int(year) for name, year in of["death_year"].items()}
    for done, year in (("builder", "built_year"), ("author", "book_year"), ("discoverer", "found_year")):
        assert all(
            int(of[year][thing]) <= dead.get(name, 9999) for thing, name in of[done].items() if thing in of[year]
        )


def test_treasures_go_from_hand_to_hand(told):
    """Each holder has a treasure from the holder before."""
    _, facts = told
    holders = defaultdict(list)
    givers = {fact.subject: fact.value for fact in facts if fact.relation == "giver"}
    for fact in facts:
        if fact.relation == "holder":
            holders[fact.subject].append(fact.value)
    assert max(map(len, holders.values())) >= 4
    for treasure, hands in holders.items():
        assert len(set(hands)) == len(hands)
        for before, after in pairwise(hands):
            assert givers[f"{treasure} in the hands of {after}"] == before


def test_facts_are_dense_and_of_many_kinds(told):
    """At least every third sentence states something, and no relation has more than a tenth of the facts."""
    lines, facts = told
    assert len({fact.sentence for fact in facts}) > len(lines) / 5
    counts = Counter(fact.relation for fact in facts)
    assert counts.most_common(1)[0][1] < len(facts) / 10
