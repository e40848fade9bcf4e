"""Questions over a chronicle: each has one right answer, and it stands in the text."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest
from chronicle_reader import read, split

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.chronicle import Chapter, Fact, chapters
from lm_eval_longctx.hay.text import sources
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.docqa.builder import KINDS, DocQABuilder
from lm_eval_longctx.tasks.docqa.page import BETWEEN, HEADER
from lm_eval_longctx.tasks.docqa.question import FactLog, Statements
from lm_eval_longctx.tasks.docqa.wording import ASK, NOT_TOLD
from lm_eval_longctx.units import Unit

GOLDEN = "e2f442ed81a2a587024b4954ff07071babccf8e72283c3b97d55e9ec4bc11d80"
"""The sha256 over samples and prompts of a small sweep; a change is a new version of the task."""

SCORER = ExactF1Scorer({})


def builder_in(folder, **metadata):
    """Make a builder as the harness does."""
    sweep = parse_sweep(
        {"version": 1, **metadata}, task="longctx_text_docqa", unit=Unit.TOKENS, options=DocQABuilder.OPTIONS
    )
    return DocQABuilder(sweep, BuildContext(resolve_source=lambda name: getattr(sources, name), cache_dir=folder))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a folder that the tests share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def asked(cache):
    """Return a builder and 210 samples: all kinds, three lengths, two depths, five documents."""
    builder = builder_in(cache, context_lengths=["2k", "4k", "8k"], depths=2, samples_per_cell=5)
    return builder, builder.samples()


def document(builder, sample):
    """Return the text between the marks of a prompt, without the line that fills it."""
    text = builder.render(sample).text()
    inside = text[len(HEADER) : text.index("\n</context>")]
    return inside.removesuffix(sample["closing"])


@pytest.fixture(scope="module")
def readings(asked):
    """Return what an independent reader finds in each document, by its place in the chronicle."""
    builder, samples = asked
    found = {}
    for sample in samples:
        place = tuple(sample["document"])
        if place not in found:
            found[place] = read(document(builder, sample))
    return found


def test_the_text_states_the_world_and_nothing_else(asked, readings):
    """An independent reader finds in each document exactly the facts that the builder reckons with."""
    builder, _ = asked
    assert len(readings) > 40
    for (start, stop), facts in readings.items():
        known = {
            (f.relation, f.subject, f.value, f.sentence - start, f.corrects) for f in builder.log.between(start, stop)
        }
        assert {(f.relation, f.subject, f.value, f.sentence, f.corrects) for f in facts} == known


def test_the_reader_of_the_text_finds_the_same_answer(asked, readings):
    """Solved over the facts that stand in the rendered text, each question has the target for its answer."""
    _, samples = asked
    assert len(samples) == 210
    for sample in samples:
        start, stop = sample["document"]
        told = Statements(readings[start, stop], 0, stop - start)
        solution = KINDS[sample["kind"]].solve(sample["query"], told)
        assert solution is not None, sample["question"]
        assert list(solution.accepted) == sample["target"]
        depths = [[n + start, round(n / (stop - start), 4)] for n in sorted(solution.evidence)[:24]]
        assert depths == sample["evidence"]


def test_a_single_fact_is_stated_once(asked, readings):
    """No statement in the text contradicts the answer to a single fact, and a corrected one has two values."""
    _, samples = asked
    for sample in samples:
        if sample["kind"] in {"single", "corrected"}:
            query = sample["query"]
            stated = [
                fact
                for fact in readings[tuple(sample["document"])]
                if (fact.relation, fact.subject) == (query["relation"], query["subject"])
            ]
            assert len(stated) == (1 if sample["kind"] == "single" else 2)
            assert stated[-1].value == sample["target"][0]
            assert sample["kind"] == "single" or stated[1].corrects == stated[0].value != stated[1].value


def test_what_is_not_told_is_nowhere(asked, readings):
    """No statement of the text gives what an unanswerable question asks for."""
    _, samples = asked
    for sample in samples:
        if sample["kind"] == "unanswerable":
            relation, subject = sample["query"]["relation"], sample["query"]["subject"]
            facts = readings[tuple(sample["document"])]
            assert sample["target"] == [NOT_TOLD]
            assert not [f for f in facts if (f.relation, f.subject) == (relation, subject)]
            assert relation != "office_holder" or not [f for f in facts if f.value == subject]
            assert relation != "trade" or not [f for f in facts if (f.relation, f.value) == ("master", subject)]


def test_questions_of_several_facts_need_them(asked):
    """Bridges lie far apart, comparisons have two sentences, orders three or more, and counts differ."""
    _, samples = asked
    of = {kind: [r for r in samples if r["kind"] == kind] for kind in KINDS}
    assert {kind: len(found) for kind, found in of.items()} == dict.fromkeys(KINDS, 30)
    for sample in of["bridge"]:
        (_, one), (_, two) = sample["evidence"]
        assert two - one >= 0.12
        assert sample["target"][0] not in sample["question"].split()
    assert all(len(sample["evidence"]) == 2 for sample in [*of["comparison"], *of["corrected"]])
    assert all(len(sample["evidence"]) >= 2 for sample in of["order"])
    assert len({sample["target"][0] for sample in of["count"]}) >= 3
    assert len({json.dumps(sample["query"]) for sample in samples}) > 150


def test_evidence_stands_where_it_says(asked):
    """The sentences of the evidence stand in the rendered text, in their places, and name the subject or the value."""
    builder, samples = asked
    for sample in samples[::5]:
        lines = list(split(document(builder, sample)))
        start, stop = sample["document"]
        assert len(lines) == stop - start
        for sentence, depth in sample["evidence"]:
            assert depth == pytest.approx((sentence - start) / len(lines), abs=1e-4)
        if sample["kind"] == "single":
            line = lines[sample["evidence"][0][0] - start]
            names = [word.strip('",') for word in sample["query"]["subject"].split() if word[0].isupper()]
            assert all(name in line for name in names)


def test_the_length_is_hit(asked):
    """No prompt is longer than asked, none shorter by more than 16 tokens, counted by tokenising it whole."""
    builder, samples = asked
    for sample in samples:
        tokens = builder.corpus.tokenizer.count(builder.render(sample).text())
        assert tokens == sample["realised_length"]
        assert sample["context_length"] - 16 <= tokens <= sample["context_length"]


def test_depths_are_sought(asked):
    """Evidence for deep questions lies deeper than for shallow ones."""
    _, samples = asked
    mean = {
        depth: sum(r["realised_depth"] for r in samples if r["depth"] == depth) / (len(samples) / 2) for depth in (0, 1)
    }
    assert mean[0] < 0.3
    assert mean[1] > 0.7


def test_an_oracle_gets_everything_right(asked):
    """Whoever regenerates the world that a sample names answers every question."""
    _, samples = asked
    log = FactLog(0)
    for sample in samples:
        plain = json.loads(json.dumps(sample))
        start, stop = plain["document"]
        solution = KINDS[plain["kind"]].solve(plain["query"], Statements(log.between(start, stop), start, stop))
        SCORER.validate(plain)
        assert SCORER.score(plain, f"Answer: {solution.accepted[0]}.")["exact"] == 1.0


@pytest.mark.parametrize(
    ("guess", "chance"),
    [
        (lambda _: NOT_TOLD, 1 / 7),
        (lambda _: "2", 1 / 7),
        (lambda _: "1", 1 / 7),
        (lambda sample: sample["question"].split(":")[-1].split(" or ")[0].strip(), 1 / 7),
        (lambda sample: sample["question"].rstrip("?").rpartition(" or ")[2], 1 / 7),
        (lambda sample: sample["question"], 1 / 7),
    ],
)
def test_a_blind_reader_is_at_chance(asked, guess, chance):
    """Answers that do not come from the text get no more than one kind of question can give by luck."""
    _, samples = asked
    scores = [SCORER.score(sample, guess(sample))["exact"] for sample in samples]
    assert sum(scores) / len(scores) <= chance + 0.02


def test_contexts_show_all_some_or_nothing(cache):
    """The same question is asked of the whole document, of passages of it, and of nothing."""
    builder = builder_in(
        cache, context_lengths=["16k"], depths=2, contexts=["full", "retrieved", "none"], retrieved_tokens=1024
    )
    samples = builder.samples()
    by = {context: [r for r in samples if r["context"] == context] for context in ("full", "retrieved", "none")}
    assert [r["query"] for r in by["full"]] == [r["query"] for r in by["retrieved"]] == [r["query"] for r in by["none"]]
    found = Counter()
    for full, some, nothing in zip(by["full"], by["retrieved"], by["none"], strict=True):
        whole, part, bare = (builder.render(sample).text() for sample in (full, some, nothing))
        assert bare.startswith(full["question"])
        assert nothing["realised_length"] < 150
        assert 700 < some["realised_length"] <= 1024
        passages = part[len(HEADER) : part.index("\n</context>")].split(BETWEEN)
        places = [whole.index(passage) for passage in passages]
        assert places == sorted(places)
        sentences = {n for low, high in some["spans"] for n in range(low, high)}
        found[some["kind"]] += {n for n, _ in some["evidence"]} <= sentences
    assert found["single"] == 2
    assert found["count"] + found["order"] + found["bridge"] < 6


def test_a_short_document_is_retrieved_whole(cache):
    """Where the document is no longer than what may be retrieved, hardly any of it is missing."""
    builder = builder_in(cache, context_lengths=["2k"], depths=1, contexts=["retrieved"], questions=["single"])
    (sample,) = builder.samples()
    start, stop = sample["document"]
    shown = sum(high - low for low, high in sample["spans"])
    assert sample["realised_length"] <= 2048
    assert shown > 0.8 * (stop - start)


def test_samples_are_small_and_fixed(cache):
    """Samples are plain values of about 1 kB, and samples and prompts are the same on every machine."""
    builder = builder_in(
        cache, context_lengths=["2k", "4k"], depths=[0.3], contexts=["full", "none"], haystack="chronicle:5"
    )
    sha = hashlib.sha256()
    for sample in builder.samples():
        plain = json.dumps(sample, ensure_ascii=False)
        assert len(plain) < 2000
        sha.update(plain.encode())
        sha.update(builder.render(json.loads(plain)).text().encode())
    assert sha.hexdigest() == GOLDEN


def test_a_cell_does_not_depend_on_others(cache):
    """Adding lengths, depths and kinds changes no sample that was there before."""
    small = builder_in(cache, context_lengths=["4k"], depths=[0.5], questions=["bridge", "count"])
    large = builder_in(cache, context_lengths=["2k", "4k", "8k"], depths=[0, 0.5], samples_per_cell=2)
    known = {sample["id"]: sample for sample in large.samples()}
    assert all(known[sample["id"]] == sample for sample in small.samples())


def test_other_seeds_ask_other_questions(cache):
    """Another seed of the sweep, and another chronicle, ask something else."""
    one, two, three = (
        {r["question"] for r in builder_in(cache, context_lengths=["4k"], depths=2, **change).samples()}
        for change in ({}, {"seed": 1}, {"haystack": "chronicle:2"})
    )
    assert not one & two
    assert not one & three
    assert not two & three


def test_the_log_grows_as_far_as_asked():
    """The log's facts are the chronicle's, whichever part is asked for first."""
    some = [chapter for _, chapter in zip(range(6), chapters(4), strict=False)]
    log = FactLog(4)
    assert log.chapter_start(5) == some[5].first
    assert list(log.between(0, some[2].first)) == [fact for chapter in some[:2] for fact in chapter.facts]
    assert list(log.between(some[1].first, some[3].first)) == [f for chapter in some[1:3] for f in chapter.facts]
    assert isinstance(some[0], Chapter)


def test_statements_tell_what_is_sure():
    """A statement is sure if nothing takes it back; corrections, journeys and what is missing are not."""
    facts = [
        Fact("cost", "the Mill", "12", 0),
        Fact("cost", "the School", "30", 1),
        Fact("cost", "the Mill", "14", 2, "12"),
        Fact("journey", "Ada Tarrow", "Orlmere", 3),
    ]
    told = Statements(facts, 0, 4)
    assert told.sure("cost", "the School").value == "30"
    assert told.sure("cost", "the Mill") is told.sure("journey", "Ada Tarrow") is told.sure("cost", "x") is None
    assert [fact.value for fact in told.values("journey", "Ada Tarrow")] == ["Orlmere"]
    assert told.people == {"Ada Tarrow": 3}
    assert told.depth(2) == 0.5


def test_every_relation_has_a_question():
    """Whatever a chronicle states can be asked for, but journeys, hands and keepers, which are counted."""
    known = {fact.relation for _, chapter in zip(range(300), chapters(8), strict=False) for fact in chapter.facts}
    assert known - set(ASK) == {"journey", "holder", "keeper"}


def test_too_short_a_document_is_refused(cache):
    """A length at which a kind cannot be asked is an error that names the kind and what to do."""
    with pytest.raises(LengthError, match="no bridge question can be asked of 200 tokens"):
        builder_in(cache, context_lengths=[200], depths=1, questions=["bridge"]).samples()


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"questions": ["singel"]}, UnknownOptionError, "did you mean 'single'"),
        ({"questions": []}, ConfigError, "at least one"),
        ({"contexts": ["whole"]}, UnknownOptionError, "name in contexts"),
        ({"haystack": "books:/tmp/x"}, ConfigError, "chronicle:<seed>"),
        ({"haystack": "chronicle:x"}, ConfigError, "chronicle:<seed>"),
        ({"retrieved_tokens": 10}, ConfigError, "512 or more"),
    ],
)
def test_settings_that_cannot_be_used(cache, metadata, error, says):
    """Unknown kinds and contexts, other haystacks and tiny budgets are refused before anything is built."""
    with pytest.raises(error, match=says):
        builder_in(cache, context_lengths=["4k"], **metadata)
