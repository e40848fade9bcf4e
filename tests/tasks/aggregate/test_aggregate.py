"""Questions over all records: right by another reader, without ties, no easier than they say, exact in length."""

from __future__ import annotations

import json
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.records.filters import Filter
from lm_eval_longctx.hay.records.wording import FORMS, MIXED
from lm_eval_longctx.hay.records.world import World
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.scorers.tally import TallyScorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.aggregate.builder import TextAggregateBuilder
from lm_eval_longctx.tasks.aggregate.questions import KINDS, NUMERIC, Question, changes
from lm_eval_longctx.units import Unit
from tests.support.records_reader import read_records, solve


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where records are kept."""
    return tmp_path_factory.mktemp("cache")


def make(cache, **metadata):
    sweep = parse_sweep(
        {"version": 1, "context_lengths": ["4k"], **metadata},
        task="longctx_text_aggregate",
        unit=Unit.TOKENS,
        options=(*TextAggregateBuilder.OPTIONS, *TallyScorer.OPTIONS),
        has_depth=False,
    )
    return TextAggregateBuilder(sweep, BuildContext(resolve_source=str, cache_dir=cache))


def read(prompt):
    """Answer a prompt by reading it, knowing none of the code that made it."""
    body, _, rest = prompt.partition("<context>\n")[2].partition("</context>\n")
    return solve(rest.strip(), read_records(body))


@settings(max_examples=12)
@given(
    seed=st.integers(0, 1),  # each makes new worlds, which takes longer than asking about them
    form=st.sampled_from([*FORMS, MIXED]),
    length=st.integers(6000, 9000),
    spread=st.sampled_from([0.5, 1.0, 1.0]),
)
def test_who_reads_the_prompt_gets_every_answer(cache, seed, form, length, spread):
    """A reader of regular expressions finds each kind's answer in the prompt, at any length, form and spread."""
    builder = make(cache, context_lengths=[length], haystack=f"records:{form}", seed=seed, spread=[spread])
    tokenizer = load_tokenizer("o200k_base")
    for sample in builder.samples():
        prompt = builder.render(sample).text()
        assert read(prompt).removeprefix("the ") == sample["target"], sample["question"]
        assert builder.answer_from(sample, 0, 1) == sample["target"]
        assert length - 16 < tokenizer.count(prompt) == sample["realised_length"] <= length
        assert len(json.dumps(sample)) < 2500


def test_leaders_of_few_records_are_asked_of_three(cache):
    """Where every list of names has a tie or a gap, the question names three, and still has one answer."""
    lengths = [1000, 1200, 1400, 1600]
    builder = make(cache, context_lengths=lengths, kinds=["most", "least"], spread=0.4, samples_per_cell=2)
    samples = builder.samples()
    assert any("Which of" in sample["question"] for sample in samples)
    for sample in samples:
        assert read(builder.render(sample).text()).removeprefix("the ") == sample["target"], sample["question"]
        assert sample["chance"] in {1 / 3, 1 / 6, 1 / 8}


def test_no_kind_is_easier_without_reading_than_it_says(cache):
    """The best of all blind solvers stays at the floor that samples declare, for each kind."""
    lengths = ["4k", "5k", "6k", "7k"]
    builders = [make(cache, context_lengths=lengths, samples_per_cell=8, seed=seed) for seed in (1, 2)]
    scorer = TallyScorer({})
    floors = blind_floor(*(b.samples() for b in builders), lambda sample, said: scorer.score(sample, said)["accuracy"])
    assert {floor.kind for floor in floors} == set(KINDS)
    found = {kind: [floor for floor in floors if floor.kind == kind] for kind in KINDS}
    assert all(fmean(f.score for f in some) <= fmean(f.bound for f in some) + 0.15 for some in found.values())


def test_a_tenth_of_the_records_does_not_tell(cache):
    """Who reads every tenth record is nearly always wrong about numbers and mostly wrong about leaders."""
    samples = make(cache, context_lengths=["16k", "24k", "32k"], samples_per_cell=6, seed=5).samples()
    right = {kind: [s["sampled"] == s["target"] for s in samples if s["kind"] == kind] for kind in KINDS}
    share = {kind: sum(hits) / len(hits) for kind, hits in right.items()}
    assert all(share[kind] <= 0.1 for kind in NUMERIC)
    assert share["most"] <= 0.5 >= share["least"]
    assert share["pair"] <= 0.7 >= share["before"]


def test_samples_of_an_index_share_their_records(cache):
    """All kinds at all lengths of one index ask about the same records, longer contexts about more; others do not."""
    builder = make(cache, context_lengths=["3k", "6k"], samples_per_cell=2)
    bodies = {}
    for sample in builder.samples():
        body = builder.render(sample).text().partition("<context>\n")[2].partition("Weather:")[0]
        bodies.setdefault((sample["index"], sample["context_label"]), set()).add(body)
    (short,), (long,), (other,) = bodies[0, "3k"], bodies[0, "6k"], bodies[1, "3k"]
    assert long.startswith(short)
    assert other[:200] != short[:200]


def test_a_ladder_of_spreads_is_a_variant_each(cache):
    """Several spreads make a variant for each kind and step, and less is asked about with less spread."""
    samples = make(cache, kinds=["count"], spread=[0.25, 1.0], context_lengths=["16k"], samples_per_cell=4).samples()
    assert {s["variant"] for s in samples} == {"kind=count,spread=0.25", "kind=count,spread=1"}
    assert all(("Only entries from" in s["question"]) == s["variant"].endswith("0.25") for s in samples)


@pytest.mark.parametrize(
    ("metadata", "error", "said"),
    [
        ({"kinds": ["counts"]}, UnknownOptionError, "'count'"),
        ({"spread": [0]}, ConfigError, "above 0"),
        ({"spread": []}, ConfigError, "above 0"),
        ({"haystack": "chronicle"}, ConfigError, "records"),
        ({"haystack": "records:leger"}, UnknownOptionError, "'ledger'"),
    ],
)
def test_settings_that_cannot_be_used_are_errors(cache, metadata, error, said):
    """Unknown kinds, spreads that are no shares and hay that is not made of records are refused before any sample."""
    with pytest.raises(error, match=said):
        make(cache, **metadata)


@pytest.mark.parametrize("length", [150, 300, 400])
def test_a_context_that_is_too_short_is_an_error(cache, length):
    """Where question or records do not fit, the length is refused."""
    with pytest.raises(LengthError, match=r"too (?:short|few)"):
        make(cache, context_lengths=[length]).samples()


def test_a_tie_has_no_answer():
    """A question whose two sides are equal has no answer, and is never taken for one."""
    records = [r for r in World("x").records(0, 200) if r.kind == "sale"]
    one = next(r for r in records)
    two = next(r for r in records if r.who != one.who)
    question = Question("pair", Filter("sale"), "who", (one.who, two.who))
    assert question.answer([one, two]) is None
    assert question.answer([one, two, two]) == two.who


@pytest.mark.parametrize(("states", "count"), [("", 0), ("a", 0), ("aa", 0), ("ab", 1), ("abba", 2), ("aabbab", 3)])
def test_a_change_is_another_condition_than_before(states, count):
    """Neither the first report nor a repeated one is a change."""
    assert changes(states) == count
