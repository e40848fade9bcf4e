"""Records: pure functions of seed and number, told in one way only, and fitted whole into a length."""

from __future__ import annotations

import hashlib
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.hay.chronicle.grammar import slots_of
from lm_eval_longctx.hay.records import words
from lm_eval_longctx.hay.records.source import RecordsSource, parse
from lm_eval_longctx.hay.records.wording import FORMS, MIXED, SPOKEN, _banks, filler, lines
from lm_eval_longctx.hay.records.world import BLOCK, EDITS, STATE, TRADES, World, wheel
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.measure import text_parts
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.hay.text.whole import TOLERANCE, Fitting
from tests.support.records_reader import read_records

GOLDEN = "d4d9b09c93add252"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Records of all forms."""
    return Corpus(RecordsSource.seeded(MIXED, "3"), "o200k_base", tmp_path_factory.mktemp("cache"))


def facts(world, start, stop):
    return [(r.date, r.kind, r.who, r.what, r.where, r.amount, r.state) for r in world.records(start, stop)]


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), form=st.sampled_from([*FORMS, MIXED]), start=st.integers(0, 5000))
def test_what_is_written_is_what_happened(seed, form, start):
    """A reader who knows no plan reads the facts of any records from their lines, in every form."""
    world = World(str(seed))
    told = "\n".join(lines(world, form, start, start + 130))
    assert read_records(told) == facts(world, start, start + 130)


@settings(max_examples=40)
@given(start=st.integers(0, 400), length=st.integers(0, 300), form=st.sampled_from([*FORMS, *SPOKEN, MIXED]))
def test_a_record_does_not_depend_on_where_reading_begins(start, length, form):
    """Facts and lines of a stretch are those of any longer stretch."""
    world = World("a")
    assert list(World("a").records(start, start + length)) == list(world.records(0, 700))[start : start + length]
    assert list(lines(world, form, start, start + length)) == list(lines(world, form, 0, 700))[start : start + length]


def test_time_goes_on_and_numbers_count():
    """Records are numbered from 0 and never go back in time, across blocks too."""
    made = list(World("b").records(0, 5 * BLOCK))
    assert [record.number for record in made] == list(range(5 * BLOCK))
    moments = [(record.day, record.minute) for record in made]
    assert moments == sorted(moments)
    assert all(7 * 60 <= minute < 19 * 60 for _, minute in moments)


def test_no_plan_leaves_a_fact_out():
    """Every plan of every form states all that its bank must, whatever is chosen in it, and all kinds have a bank."""
    for form in (*FORMS, *SPOKEN):
        for kind in (*TRADES, STATE, *EDITS):
            bank = _banks()[f"{form}.{kind}"]
            assert bank.plans
            assert all(set(bank.needs) <= slots_of(plan) for plan in bank.plans), bank.name
            assert "who" in bank.needs or "{who}" in FORMS[form].before


def test_names_cannot_be_taken_for_one_another():
    """No given name, family, place, ware, item, boat or list is a part of another of its kind."""
    for names in (
        words.GIVEN,
        words.FAMILIES,
        words.PLACES,
        tuple(words.GOODS),
        words.ITEMS,
        words.BOATS,
        words.LISTS,
        words.STATES,
    ):
        assert len(set(names)) == len(names)
        assert not [(a, b) for a in names for b in names if a != b and a in b]


def test_the_first_of_a_world_lead_and_each_item_is_half_as_frequent():
    """The first third comes about twice as often as the last; each item about half as often as the one before."""
    world = World("c")
    made = list(world.records(0, 30_000))
    people = [sum(record.who == name for record in made) for name in world.people]
    assert min(people[:2]) > 1.7 * max(people[-2:])
    items = [sum(record.what == name for record in made) for name in world.items[:6]]
    assert all(1.5 < a / b < 2.7 for a, b in pairwise(items))
    assert wheel("abcdef") == tuple("aaaabbbbcccdddeeff")


@pytest.mark.parametrize(
    ("argument", "found"),
    [("", (MIXED, "0")), ("log", ("log", "0")), ("7", (MIXED, "7")), ("chat:7", ("chat", "7")), (":7", (MIXED, "7"))],
)
def test_form_and_seed_may_be_left_out(argument, found):
    """``records:<form>:<seed>`` may name either, both or none."""
    assert parse(argument) == found


def test_an_unknown_form_is_an_error():
    """A misspelt form names the nearest one."""
    with pytest.raises(UnknownOptionError, match="'ledger'"):
        parse("leger:3")


@settings(max_examples=15)
@given(limit=st.integers(400, 9000), depths=st.lists(st.floats(0, 1), max_size=6).map(sorted), start=st.integers(0, 40))
def test_whole_records_and_statements_fill_a_length(corpus, limit, depths, start):
    """No record is cut, every statement stands once and in order, and the length is at most 15 tokens short."""
    texts = tuple(f"The {n}. statement.\n" for n, _ in enumerate(depths))
    fitting = Fitting(corpus, "Header.\n\n", "\nFooter", texts, tuple(depths), filler, 32)
    whole = fitting.fit(start, limit)
    body = "".join(part.text for part in text_parts(corpus, whole.pieces(corpus, texts, filler)))
    tokens = load_tokenizer("o200k_base").count(f"Header.\n\n{body}\nFooter")
    assert limit - TOLERANCE < tokens == fitting.tokens(whole) <= limit
    kept = [line for line in body.splitlines() if "statement" not in line]
    assert [line for line in body.splitlines() if "statement" in line] == [text.strip() for text in texts]
    world = corpus.source.world
    assert read_records("\n".join(kept)) == facts(world, start, start + whole.units)


def test_records_are_frozen():
    """The first records of each form are the same on every machine, until the version is raised."""
    sha = hashlib.sha256()
    for form in [*FORMS, *SPOKEN, MIXED]:
        sha.update("\n".join(lines(World("0"), form, 0, 500)).encode())
    sha.update("".join(islice(RecordsSource.seeded("log", "1").texts(), 200)).encode())
    assert sha.hexdigest()[:16] == GOLDEN
