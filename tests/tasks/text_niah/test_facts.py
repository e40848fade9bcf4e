"""Facts that are asked for without their words, that change, and that lie in several hays."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem import LancasterStemmer, PorterStemmer, SnowballStemmer

from lm_eval_longctx.errors import ConfigError, CorpusError, UnknownOptionError
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.providers.cascade.retrieval import STOPWORDS, rank, sentences, words
from lm_eval_longctx.providers.cascade.retrieval import content_words as looked_for
from lm_eval_longctx.tasks.text_niah import words as tables
from lm_eval_longctx.tasks.text_niah.facts import FactBuilder, parts_of
from lm_eval_longctx.tasks.text_niah.questions import FACTORS, KINDS, Wanted

STEMMERS = {
    "snowball": SnowballStemmer("english").stem,
    "porter": PorterStemmer().stem,
    "lancaster": LancasterStemmer().stem,
}
PEOPLE = tuple(f"{one}{two} Q{two}{one}x" for one, two in product("BDFGHKLM", "aeiou"))
PLACES = tuple(f"{one}olham" for one in "BCDFGHJKLMNPRSTVWZ")
OPTIONS = {"distractors": 4, "updates": 3}


def made(kind, seed=0, depth=0.5, options=OPTIONS, **parts):
    """Make one fact of a kind."""
    chosen = {name: FACTORS[name][0] for name in KINDS[kind].factors} | parts
    return KINDS[kind].make(Wanted(Rng(f"fact {seed}"), depth, PEOPLE, PLACES, chosen, options))


def stems(text, stemmer):
    """Return the stems of a text's words that carry meaning."""
    return {STEMMERS[stemmer](word) for word in words(text) if word not in STOPWORDS}


@pytest.mark.parametrize("stemmer", STEMMERS)
@given(seed=st.integers(0, 10**6), hops=st.sampled_from(FACTORS["hops"]), order=st.sampled_from(FACTORS["order"]))
@settings(max_examples=60, deadline=None)
def test_question_and_needle_share_no_stem(stemmer, seed, hops, order):
    """Of no association and no paraphrase do question and needle share a stem that carries meaning."""
    for fact in (made("association", seed, hops=hops, order=order), made("paraphrase", seed, order=order)):
        assert not stems(fact.question, stemmer) & stems(fact.needle, stemmer)


@pytest.mark.parametrize("stemmer", STEMMERS)
def test_no_row_of_the_tables_shares_a_stem(stemmer):
    """Every row is apart, in both orders and at both distances: not only those that are drawn."""
    asked = [
        (section.needle(row, order, ""), section.question(row, hops))
        for section in tables.sections()
        for row in section.rows
        for order, hops in product(tables.ORDERS, tables.HOPS)
    ]
    asked += [(row[order].format(name=""), row["question"]) for row in tables.paraphrases() for order in tables.ORDERS]
    assert [pair for pair in asked if stems(pair[0], stemmer) & stems(pair[1], stemmer)] == []


@pytest.mark.parametrize("needle", ["Ada repairs clocks.", "The clock of Ada.", "Ada asked the CLOCKS"])
def test_a_table_that_shares_a_word_is_refused(needle):
    """A question with a word of its needle is refused when the table is read, whatever its ending."""
    with pytest.raises(CorpusError, match="clock"):
        tables.apart(needle, "Which person mended the clock?")


def test_there_are_many_associations_of_many_kinds():
    """There are eleven kinds of association and more than a hundred rows, none twice, and forty paraphrases."""
    rows = [row for section in tables.sections() for row in section.rows]
    assert len(tables.sections()) == 11
    assert len(rows) == len({row[0] for row in rows}) == 160
    assert len(tables.paraphrases()) == len({row["question"] for row in tables.paraphrases()}) == 40
    assert all(one != two for _, one, two in rows)


@given(seed=st.integers(0, 10**6), hops=st.sampled_from(FACTORS["hops"]))
@settings(max_examples=60, deadline=None)
def test_distractors_are_no_answers(seed, hops):
    """What other people have to do with stands for something else, at either distance."""
    fact = made("association", seed, hops=hops)
    of = {row[0]: (section, row) for section in tables.sections() for row in section.rows}

    def found(text):
        return max((one for clue, one in of.items() if clue in text), key=lambda one: len(one[1][0]))

    section, row = found(fact.needle)
    for text, _ in fact.others:
        other, else_ = found(text)
        assert not set(row[1:]) & set(else_[1:])
        assert not (section.alone and other is section)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), depth=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_an_answer_stands_in_its_needle_alone(kind, seed, depth):
    """The right name is in the needle, in no other sentence and not in the question; wrong ones are others."""
    for values in product(*(FACTORS[name] for name in KINDS[kind].factors)):
        fact = made(kind, seed, depth, **dict(zip(KINDS[kind].factors, values, strict=True)))
        others = [text for text, _ in (*fact.before, *fact.after, *fact.others)]
        assert fact.target in fact.needle
        assert not [text for text in (*others, fact.question) if fact.target in text]
        assert fact.target not in fact.wrong
        assert len(set(others)) == len(others)
        assert not re.search(r"[{}]", " ".join((fact.question, fact.needle, *others)))


@given(
    seed=st.integers(0, 10**6),
    depth=st.floats(0, 1),
    updates=st.integers(1, 9),
    ask=st.sampled_from(FACTORS["ask"]),
    former=st.sampled_from(FACTORS["former"]),
)
@settings(max_examples=100, deadline=None)
def test_a_state_is_told_in_the_order_of_time(seed, depth, updates, ask, former):
    """Sentences about one thing stand in ascending years, and what is asked for is last, first or last but one."""
    fact = made("state", seed, depth, {"distractors": 2, "updates": updates}, ask=ask, former=former)
    story = [*fact.before, (fact.needle, depth), *fact.after]
    years = [int(re.search(r"year (\d+)", text)[1]) for text, _ in story]
    assert years == sorted(set(years))
    assert [place for _, place in story] == sorted(place for _, place in story)
    assert len(fact.before) == {"first": 0, "former": updates - 1, "last": updates}[ask]
    assert len(story) == updates + 1
    beside = [place for _, place in (*fact.before[-1:], *fact.after[:1])]
    assert former == "apart" or beside == [depth] * len(beside)


@pytest.mark.parametrize("kind", ["association", "paraphrase"])
def test_bm25_does_not_find_the_needle(make, kind):
    """BM25 ranks no needle for its question at all: the sentence shares nothing with it."""
    builder = make(
        "chronicle", FactBuilder, context_lengths=["4k"], facts=[kind], hops=["1", "2"], order=["plain", "inverted"]
    )
    for sample in builder.samples():
        found = sentences(builder.render(sample).text().split("</context>")[0])
        hits = [found[place] for place, _ in rank(found, looked_for(sample["question"]), len(found))]
        assert not [hit for hit in hits if sample["target"] in hit]


def test_bm25_finds_a_needle_that_shares_words(make):
    """The same search does find a relation, so that not finding the others says something."""
    builder = make("chronicle", FactBuilder, context_lengths=["4k"], facts=["relation"])
    for sample in builder.samples():
        found = sentences(builder.render(sample).text().split("</context>")[0])
        assert sample["target"] in found[rank(found, looked_for(sample["question"]), 1)[0][0]]


HAYS = {"like": "{haystack}", "shuffled": "shuffled:{haystack}", "unlike": "repeat"}


def test_hays_are_compared_on_the_same_facts(make):
    """In each hay the same is asked, told and answered, at the same depth and length; the hay is another."""
    builder = make("chronicle", FactBuilder, context_lengths=["2k"], hays=HAYS, facts=["relation", "paraphrase"])
    groups = {}
    for plan in builder.plans():
        groups.setdefault((plan.depth, parts_of(plan)["fact"]), []).append(builder.sample(plan))
    for samples in groups.values():
        assert [s["haystack"]["spec"] for s in samples] == ["chronicle", "shuffled:chronicle", "repeat"]
        assert len({s["question"] for s in samples}) == len({s["target"] for s in samples}) == 1
        assert len({tuple(text for text, _ in s["told"]) for s in samples}) == 1
        assert len({s["cluster"] for s in samples}) == 1
        for one, two in combinations(samples, 2):
            assert abs(one["realised_depth"] - two["realised_depth"]) < 0.05
            assert abs(one["realised_length"] - two["realised_length"]) < 16
            assert builder.render(one).text() != builder.render(two).text()


def test_variants_of_a_fact_tell_the_same(make):
    """One step and two, and all languages, are asked of the same people at the same places."""
    builder = make("chronicle", FactBuilder, facts=["association"], hops=["1", "2"], depths=[0.5])
    one, two = builder.samples()
    assert [text for text, _ in one["told"]] == [text for text, _ in two["told"]]
    assert one["question"] != two["question"]
    builder = make("chronicle", FactBuilder, facts=["relation"], language=["english", "french", "german"], depths=[0.5])
    assert len({s["question"] for s in builder.samples()}) == 1
    assert len({s["told"][0][0] for s in builder.samples()}) == 3


def test_names_are_none_of_the_hays(make):
    """Names that are hidden stand nowhere in any of the hays that are compared."""
    builder = make("chronicle", FactBuilder, context_lengths=["8k"], hays=HAYS, facts=["state"], depths=[0.5])
    for sample in builder.samples():
        text = builder.render(sample).text()
        names = {sample["target"], *sample["distractors"]}
        assert all(text.count(name.split()[1]) == 1 for name in names)


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({"facts": ["riddle"]}, UnknownOptionError),
        ({"facts": []}, ConfigError),
        ({"hops": ["3"]}, UnknownOptionError),
        ({"hays": "chronicle"}, ConfigError),
        ({"hays": {"a=b": "chronicle"}}, ConfigError),
        ({"hays": {"a": 3}}, ConfigError),
        ({"updates": 0}, ConfigError),
    ],
)
def test_wrong_settings_are_errors(make, given_, error):
    """Kinds, factors and hays that there are not are refused before anything is made."""
    with pytest.raises(error):
        make("chronicle", FactBuilder, **given_)


def test_a_short_corpus_may_be_refused(make, book):
    """With repetition forbidden a hay that begins again is an error here, too."""
    builder = make(book("A short one. " * 40), FactBuilder, context_lengths=["2k"], repetition="forbidden")
    with pytest.raises(CorpusError, match="too short"):
        builder.samples()


def test_a_fact_depends_on_what_it_is(make):
    """Another index, depth or seed tells of other people."""
    builder = make("chronicle", FactBuilder, depths=[0.5])
    plan = next(iter(builder.plans()))
    others = [replace(plan, index=1), replace(plan, depth=0.25), replace(plan, seed=1)]
    targets = [builder.sample(one)["target"] for one in (plan, *others)]
    assert len(set(targets)) == len(targets)
