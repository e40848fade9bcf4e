"""Questions over a chronicle: each has one right answer, and it stands in the text."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from statistics import median

import pytest
from chronicle_reader import read, split

from lm_eval_longctx.errors import ConfigError, LengthError, UnknownOptionError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.chronicle import Chapter, Fact, chapters
from lm_eval_longctx.hay.text import sources
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.docqa.builder import KINDS, DocQABuilder
from lm_eval_longctx.tasks.docqa.page import BETWEEN, HEADER
from lm_eval_longctx.tasks.docqa.question import FactLog, Statements
from lm_eval_longctx.tasks.docqa.words import ASK, MORE, NOT_TOLD
from lm_eval_longctx.units import Unit

GOLDEN = "12dea775a797ee82b16fe587993cd12ca56dbac956f8851171241df344d7967b"
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
    """Return a builder and 168 samples: all kinds, two lengths, three depths, four lands."""
    builder = builder_in(cache, context_lengths=["4k", "8k"], depths=3, samples_per_cell=4)
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
        place = (sample["index"], *sample["document"])
        if place not in found:
            found[place] = read(document(builder, sample))
    return found


def test_the_text_states_the_world_and_nothing_else(asked, readings):
    """An independent reader finds in each document exactly the facts that the builder reckons with."""
    builder, _ = asked
    assert len(readings) > 40
    for (index, start, stop), facts in readings.items():
        stated = builder.land(index).log.between(start, stop)
        known = {(f.relation, f.subject, f.value, f.sentence - start, f.corrects) for f in stated}
        assert {(f.relation, f.subject, f.value, f.sentence, f.corrects) for f in facts} == known


def test_the_reader_of_the_text_finds_the_same_answer(asked, readings):
    """Solved over the facts that stand in the rendered text, each question has the target for its answer."""
    _, samples = asked
    assert len(samples) == 168
    for sample in samples:
        start, stop = sample["document"]
        told = Statements(readings[sample["index"], start, stop], 0, stop - start)
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
                for fact in readings[(sample["index"], *sample["document"])]
                if (fact.relation, fact.subject) == (query["relation"], query["subject"])
            ]
            assert len(stated) == (1 if sample["kind"] == "single" else 2)
            assert stated[-1].value == sample["target"][0]
            assert sample["kind"] == "single" or stated[1].corrects == stated[0].value != stated[1].value


def test_what_is_not_told_is_nowhere(asked, readings):
    """No statement of the text gives what is asked for and not told; as often, it is told once, in the same words."""
    _, samples = asked
    found = Counter()
    for sample in samples:
        if sample["kind"] == "told_or_not":
            relation, subject = sample["query"]["relation"], sample["query"]["subject"]
            facts = readings[(sample["index"], *sample["document"])]
            stated = [f for f in facts if (f.relation, f.subject) == (relation, subject)]
            stated += [f for f in facts if relation == "office_holder" and f.value == subject]
            assert len(stated) == (0 if sample["absent"] else 1)
            assert sample["absent"] == (sample["target"] == [NOT_TOLD])
            assert sample["chance"] == 0.5
            masters = [f for f in facts if (f.relation, f.value) == ("master", subject)]
            assert not sample["absent"] or relation != "trade" or not masters
            found[relation, sample["absent"]] += 1
        else:
            assert not sample["absent"]
    assert sum(count for (_, absent), count in found.items() if absent) == 12
    assert len({relation for relation, _ in found}) >= 5


SPANNING = {"bridge", "comparison", "order"}


def test_questions_of_several_facts_need_them(asked):
    """What claims several places has them a third of the document apart, and no half of it gives the answer."""
    builder, samples = asked
    assert Counter(sample["kind"] for sample in samples) == dict.fromkeys(KINDS, 24)
    for sample in samples:
        places = [sentence for sentence, _ in sample["evidence"]]
        start, stop = sample["document"]
        assert sample["spans_halves"] == (sample["kind"] in SPANNING)
        if len(places) > 1:
            assert places[-1] - places[0] >= (stop - start) / 3
        if sample["spans_halves"]:
            middle = (places[0] + places[-1]) // 2 + 1
            for low, high in ((start, middle), (middle, stop)):
                half = builder.land(sample["index"]).told(low, high - low)
                assert KINDS[sample["kind"]].solve(sample["query"], half) is None


def test_no_two_samples_are_alike(asked):
    """No question is asked twice of one document, and documents of one cell share nothing."""
    _, samples = asked
    asked_of = [(json.dumps(s["query"]), s["haystack"]["spec"], tuple(s["document"])) for s in samples]
    assert len(set(asked_of)) == len(asked_of)
    lands = {sample["index"]: sample["haystack"]["spec"] for sample in samples}
    assert len(set(lands.values())) == len(lands) == 4
    assert all(sample["haystack"]["overlap"] == 0 for sample in samples)


@pytest.mark.parametrize("kind", ["comparison", "order"])
def test_what_half_a_document_tells_is_no_hint(cache, kind):
    """Where the right answer stands in the question and in the text, and how large its number is, says nothing."""
    builder = builder_in(cache, context_lengths=["16k"], depths=5, samples_per_cell=12, questions=[kind])
    samples = builder.samples()
    first, large = Counter(), Counter()
    for sample in samples:
        start, stop = sample["document"]
        told = builder.land(sample["index"]).told(start, stop - start)
        relations = [e[0] for e in sample["query"].get("events", ())] or [sample["query"]["relation"]] * 2
        subjects = [e[1] for e in sample["query"].get("events", ())] or sample["query"]["subjects"]
        facts = [told.sure(r, s) for r, s in zip(relations, subjects, strict=True)]
        right = next(i for i, s in enumerate(subjects) if s in sample["target"])
        first[right, "place"] += 1
        first[sorted(facts, key=lambda f: f.sentence).index(facts[right]), "text"] += 1
        if kind == "comparison" and relations[0] in MORE:
            middle = median(int(f.value) for f in told.of[relations[0]])
            large[(int(facts[0].value) > middle) == (right == 0)] += 1
    fair = len(samples) / len(subjects)
    assert all(0.6 * fair < first[i, what] < 1.4 * fair for i in range(len(subjects)) for what in ("place", "text"))
    assert kind == "order" or 0.25 < large[True] / large.total() < 0.75


def test_counts_are_even(cache):
    """Each number of told events comes equally often, whatever the length, and the others are not told."""
    builder = builder_in(cache, context_lengths=["4k", "8k"], depths=1, samples_per_cell=12, questions=["count"])
    samples = builder.samples()
    numbers = Counter((s["context_label"], s["target"][0]) for s in samples)
    assert numbers == {(label, str(n)): 1 for label in ("4k", "8k") for n in range(1, 13)}
    for sample in samples:
        known = {(f.relation, f.subject) for f in builder.land(sample["index"]).log.between(*sample["document"])}
        assert sum(tuple(event) in known for event in sample["query"]["events"]) == int(sample["target"][0])


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
        tokens = builder.land(0).corpus.tokenizer.count(builder.render(sample).text())
        assert tokens == sample["realised_length"]
        assert sample["context_length"] - 16 <= tokens <= sample["context_length"]


def test_depths_are_sought(asked):
    """Evidence for deep questions lies deeper than for shallow ones."""
    _, samples = asked
    assert len({sample["depth"] for sample in samples}) == 3
    near = [sample for sample in samples if abs(sample["realised_depth"] - sample["depth"]) < 0.15]
    assert len(near) > 0.97 * len(samples)


def test_an_oracle_gets_everything_right(asked):
    """Whoever regenerates the world that a sample names answers every question."""
    _, samples = asked
    for sample in samples:
        log = FactLog(int(sample["haystack"]["spec"].partition(":")[2]))
        plain = json.loads(json.dumps(sample))
        start, stop = plain["document"]
        solution = KINDS[plain["kind"]].solve(plain["query"], Statements(log.between(start, stop), start, stop))
        SCORER.validate(plain)
        assert SCORER.score(plain, f"Answer: {solution.accepted[0]}.")["exact"] == 1.0


def exact(sample, answer):
    """Score as the task does."""
    return SCORER.score(sample, answer)["exact"]


@pytest.mark.parametrize(
    "sizes",
    [
        {"context_lengths": ["4k"], "depths": 5, "samples_per_cell": 3},
        pytest.param({"context_lengths": ["4k", "16k"], "depths": 5, "samples_per_cell": 6}, marks=pytest.mark.slow),
    ],
    ids=["short", "long"],
)
def test_a_blind_reader_is_at_chance(cache, sizes):
    """Solvers that never see the document get at most a tenth of open questions, and chance of closed ones."""

    def samples(seed):
        builder = builder_in(cache, **sizes, seed=seed)
        return builder.samples()

    floors = blind_floor([s for seed in (11, 12) for s in samples(seed)], samples(1), exact)
    assert {floor.kind for floor in floors} == set(KINDS)
    for floor in floors:
        assert not floor.exceeds, floor
        assert floor.bound == pytest.approx(max(KINDS[floor.kind].CHANCE, 0.1))


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
        assert nothing["realised_length"] < 330
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
        cache, context_lengths=["4k", "8k"], depths=[0.3], contexts=["full", "none"], haystack="chronicle:5"
    )
    sha = hashlib.sha256()
    for sample in builder.samples():
        plain = json.dumps(sample, ensure_ascii=False)
        assert len(plain) < 3000
        sha.update(plain.encode())
        sha.update(builder.render(json.loads(plain)).text().encode())
    assert sha.hexdigest() == GOLDEN


def test_a_cell_does_not_depend_on_others(cache):
    """Adding lengths, depths and kinds changes no sample that was there before."""
    small = builder_in(cache, context_lengths=["4k"], depths=[0.5], questions=["bridge", "count"])
    large = builder_in(cache, context_lengths=["4k", "8k"], depths=[0, 0.5], samples_per_cell=2)
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
