"""Procedures: results that another reader gets, of the size that was asked for, from exact contexts."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import LengthError, UnknownOptionError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.records.wording import FORMS, MIXED
from lm_eval_longctx.hay.records.world import Record
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.scorers.table_rows import TableRowsScorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.process.builder import TextProcessBuilder
from lm_eval_longctx.tasks.process.questions import KINDS, edited
from lm_eval_longctx.units import Unit
from tests.support.records_reader import WORDS, read_records

MEANT = re.compile(
    r"List all (?P<kind>deliveries|sales|loans|losses|orders)(?: of (?P<what>[a-z ]+?))?"
    r"(?: by (?P<who>[A-Z]\w+ [A-Z]\w+))?(?: at or for (?P<where>the [a-z ]+?))?"
    r"(?: with an amount of exactly (?P<amount>\d))?, in the order"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where records are kept."""
    return tmp_path_factory.mktemp("cache")


def make(cache, **metadata):
    sweep = parse_sweep(
        {"version": 1, "context_lengths": ["4k"], **metadata},
        task="longctx_text_process",
        unit=Unit.TOKENS,
        options=(*TextProcessBuilder.OPTIONS, *TableRowsScorer.OPTIONS),
        has_depth=False,
    )
    return TextProcessBuilder(sweep, BuildContext(resolve_source=str, cache_dir=cache))


def read(prompt):
    """Follow a prompt's procedure by reading it, knowing none of the code that made it."""
    body, _, question = prompt.partition("<context>\n")[2].partition("</context>\n")
    records = read_records(body)
    if found := re.search(r"Trace the condition of (the [a-z ]+)\.", question):
        rows, last = [], None
        for day, kind, _, what, _, _, state in records:
            if kind == "state" and what == found[1] and state != last:
                rows.append((str(day), state))
                last = state
        return rows
    if found := re.search(r"change (the [a-z' ]+)\.", question):
        order = {}
        for number, (_, kind, _, boat, where, _, _) in enumerate(records, start=1):
            if where == found[1]:
                order[boat] = {"enter": number, "head": -number, "strike": None}[kind]
        kept = sorted((boat for boat, at in order.items() if at), key=lambda boat: order[boat])
        return [(boat.removeprefix("the "),) for boat in kept][: int(re.search(r"more than (\d+)", question)[1])]
    meant = MEANT.search(question).groupdict()
    taken = [
        record
        for record in records
        if record[1] == WORDS[meant["kind"]]
        and all(meant[n] in (None, record[at]) for n, at in (("who", 2), ("what", 3), ("where", 4)))
        and meant["amount"] in (None, str(record[5]))
    ]
    return [(str(day), who, str(n), what, where.removeprefix("the ")) for day, _, who, what, where, n, _ in taken]


@settings(max_examples=12)
@given(
    seed=st.integers(0, 1),  # each makes new worlds, which takes longer than asking about them
    form=st.sampled_from([*FORMS, MIXED]),
    length=st.integers(4000, 12_000),
    rows=st.sampled_from([8, 20, 60]),
)
def test_who_follows_the_procedure_gets_every_row(cache, seed, form, length, rows):
    """A reader of regular expressions gets each procedure's table from the prompt, at any length, form and size."""
    builder = make(cache, context_lengths=[length], haystack=f"records:{form}", seed=seed, rows=rows)
    tokenizer = load_tokenizer("o200k_base")
    for sample in builder.samples():
        prompt = builder.render(sample).text()
        assert read(prompt) == [tuple(line.split("\t")) for line in sample["target"].split("\n")], sample["question"]
        assert 3 <= sample["rows"] == len(sample["target"].split("\n")) <= rows
        assert length - 16 < tokenizer.count(prompt) == sample["realised_length"] <= length
        assert tokenizer.count(sample["target"]) < sample["max_gen_toks"] / 2
        assert TableRowsScorer({}).score(sample, sample["target"])["exact"] == 1


def test_a_short_context_asks_about_its_fullest_list(cache):
    """At the shortest length, where some seeds fill no list with three rows, the fullest is asked about."""
    samples = [one for seed in (76, 232, 327) for one in make(cache, seed=seed, kinds=["edits"]).samples()]
    assert [sample["kind"] for sample in samples] == ["edits"] * 3
    assert min(sample["rows"] for sample in samples) in {1, 2}


def test_results_are_as_long_as_asked_at_every_length(cache):
    """From a hundred to thousands of records, tables have at least half the rows that are asked for, traces nearly."""
    samples = make(cache, context_lengths=["8k", "32k", "128k"], rows=16, kinds=["extract", "trace"]).samples()
    assert len(samples) == 6
    assert all((8 if sample["kind"] == "extract" else 5) <= sample["rows"] <= 16 for sample in samples)
    assert all(len(json.dumps(sample)) < 4000 for sample in samples)


def test_who_does_not_read_writes_hardly_a_right_row(cache):
    """The best of all blind solvers gets at most a tenth of the rows right, in each procedure."""
    builders = [make(cache, context_lengths=["4k", "6k"], samples_per_cell=6, seed=seed) for seed in (1, 2)]
    scorer = TableRowsScorer({})
    floors = blind_floor(*(b.samples() for b in builders), lambda sample, said: scorer.score(sample, said)["f1"])
    assert {floor.kind for floor in floors} == set(KINDS)
    assert all(floor.score <= 0.12 for floor in floors), floors


def edit(kind, boat):
    return Record(0, 1, 0, kind, "Anna Baker", boat, "the harbour list")


@pytest.mark.parametrize(
    ("edits", "left"),
    [
        ("", ""),
        ("+a+b", "ab"),
        ("+a+b+a", "ba"),
        ("+a+b^b", "ba"),
        ("^a", "a"),
        ("+a-b", "a"),
        ("+a+b-a", "b"),
        ("+a-a+a", "a"),
        ("+a^b^c-a", "cb"),
    ],
)
def test_edits_are_applied_by_the_rules_of_the_question(edits, left):
    """A boat goes to the end, the head or away, from wherever it stood; taking off what is not there does nothing."""
    kinds = {"+": "enter", "^": "head", "-": "strike"}
    pairs = zip(edits[::2], edits[1::2], strict=True)
    assert "".join(edited(edit(kinds[sign], boat) for sign, boat in pairs)) == left


def test_settings_that_cannot_be_used_are_errors(cache):
    """Unknown procedures and contexts that are too short are refused."""
    with pytest.raises(UnknownOptionError, match="'extract'"):
        make(cache, kinds=["extracts"])
    with pytest.raises(LengthError):
        make(cache, context_lengths=[600]).samples()
