"""Walks in graphs: an independent reader of the prompts finds the same edges and the same answers."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spread_kit import builder_of, scripted_scores

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.statements import NAME, PATTERN
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.scorers.name_set import NameSetScorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.tasks.text_graph.builder import GraphBuilder
from lm_eval_longctx.tasks.text_graph.questions import VARIANTS, Question

N = r"([A-Z][a-z]{6})"
SENTENCES = {
    "roads": (
        (rf"A road leads from {N} to {N}\.", False),
        (rf"From {N} a road goes to {N}\.", False),
        (rf"{N} can be reached by road from {N}\.", True),
        (rf"Those who leave {N} by road may come to {N}\.", False),
    ),
    "chiefs": (
        (rf"{N} answers to {N}\.", False),
        (rf"{N} is a superior of {N}\.", True),
        (rf"{N} takes orders from {N}\.", False),
        (rf"{N} commands {N}\.", True),
    ),
    "pipes": (
        (rf"Water flows from tank {N} into tank {N}\.", False),
        (rf"Tank {N} drains into tank {N}\.", False),
        (rf"A pipe fills tank {N} from tank {N}\.", True),
        (rf"What leaves tank {N} runs into tank {N}\.", False),
    ),
    "arrows": ((rf"(?m)^{N} -> {N}$", False),),
}
"""How edges are worded, written down anew: pattern, and whether the edge's end comes first."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where hay is kept."""
    return tmp_path_factory.mktemp("cache")


def edges_in(context, form):
    """Read all edges from a text."""
    found = set()
    for pattern, turned in SENTENCES[form]:
        for pair in re.findall(pattern, context):
            found.add(pair[::-1] if turned else pair)
    return found


def read_and_solve(prompt, form):
    """Answer a question from the prompt alone: distances by relaxing all edges until nothing changes."""
    context, _, question = prompt.partition("</context>")
    edges = edges_in(context, form)
    (start,) = set(re.findall(N, question.partition("Let the last line")[0]))
    number = re.search(r"(\d+)", question.partition("Let the last line")[0])
    if number is None:
        return {a for a, b in edges if b == start}
    steps = int(number[1])
    if re.search(r"journey|in the end|does it end|walk end", question):
        for _ in range(steps):
            (start,) = {b for a, b in edges if a == start}
        return {start}
    distance = {start: 0}
    for _ in range(steps):
        for a, b in edges:
            if a in distance:
                distance[b] = min(distance.get(b, steps + 1), distance[a] + 1)
    return {name for name, far in distance.items() if far == steps}


@settings(max_examples=25)
@given(
    length=st.integers(1500, 9000),
    form=st.sampled_from(sorted(SENTENCES)),
    seed=st.integers(0, 9),
    where=st.sampled_from([(1.0, 0.5), (0.3, 0.0), (0.05, 0.4), (0.05, 1.0)]),
    variant=st.sampled_from(VARIANTS),
)
def test_a_reader_of_the_prompt_finds_the_same_answer(cache, length, form, seed, where, variant):
    """From the rendered words alone follow the graph and the answer, in every form, and the length is hit."""
    asked = {"context_lengths": [length], "form": form, "seed": seed, "spread": where[0], "depths": [where[1]]}
    builder = builder_of(GraphBuilder, cache, **asked, questions=[variant])
    (sample,) = builder.samples()
    prompt = builder.render(sample).text()
    assert ", ".join(sorted(read_and_solve(prompt, form))) == sample["target"]
    tokens = load_tokenizer("o200k_base").count(prompt)
    assert tokens == sample["realised_length"]
    assert length - 16 < tokens <= length
    assert len(json.dumps(sample)) < 2500


def test_every_statement_of_the_hay_is_an_edge_of_another_graph(cache):
    """The whole context is edges; no name of the hay is one of the graph that is asked about, or a part of it."""
    builder = builder_of(GraphBuilder, cache, context_lengths=["4k"], questions=["layer/3"])
    (sample,) = builder.samples()
    context = builder.render(sample).text().partition("</context>")[0]
    posed = builder.pose(next(iter(builder.plans())), sample["draw"])
    own = {*posed.needed.values(), *posed.others.values()}
    assert len(edges_in(context, "roads")) == context.count(".")
    assert own < edges_in(context, "roads")
    ours, others = ({name for edge in part for name in edge} for part in (own, edges_in(context, "roads") - own))
    assert ours.isdisjoint(others)
    assert all(NAME.fullmatch(name) for name in ours | others)


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_are_short_and_never_empty_unless_asked(variant):
    """Over 200 graphs each answer has 1 to 8 names, and none where an empty one is asked for."""
    question = Question.of(variant)
    from lm_eval_longctx.hay.statements import drawn_names

    for number in range(200):
        rng = Rng(f"{variant} {number}")
        graph = question.graph(rng, drawn_names(rng.fork("names")))
        answer = question.solve(*graph)
        assert 1 <= len(answer) <= 8
        assert graph.start not in answer
        assert question.solve(question.needed(*graph), graph.start) == answer
        if question.kind != "chain":
            none = question.graph(rng, drawn_names(rng.fork("names")), empty=True)
            assert question.solve(*none) == frozenset()
            assert any(none.start in edge for edge in none.edges)


def test_without_what_is_needed_there_is_another_answer():
    """Each edge into a layer's only way, of a chain and to a parent counts: without it the answer changes."""
    rng = Rng("needed")
    from lm_eval_longctx.hay.statements import drawn_names

    for variant in ("parents/1", "chain/4", "layer/1"):
        question = Question.of(variant)
        graph = question.graph(rng, drawn_names(rng.fork(variant)))
        for edge in question.needed(*graph):
            assert question.solve([e for e in graph.edges if e != edge], graph.start) != question.solve(*graph)


def test_statements_stand_where_they_are_asked(cache):
    """At spread 1 there are no depths and evidence is all over the context; below, it stays in a window around each."""
    wide = builder_of(GraphBuilder, cache, context_lengths=["4k"])
    assert {plan.depth for plan in wide.plans()} == {None}
    for sample in wide.samples():
        depths = [depth for _, depth in sample["evidence"]]
        assert max(depths) - min(depths) > 0.6
        assert sample["spans_halves"]
    near = builder_of(GraphBuilder, cache, context_lengths=["16k"], depths=[0, 0.5, 1], questions=["layer/2"])
    samples = near.samples()
    assert sorted(sample["depth"] for sample in samples) == [0, 0.5, 1]
    for sample in samples:
        assert all(
            0.9 * sample["depth"] - 0.02 <= depth <= 0.9 * sample["depth"] + 0.12 for _, depth in sample["evidence"]
        )
        assert not sample["spans_halves"]


def test_depths_that_have_no_effect_are_told(cache, caplog):
    """Who asks for depths and for statements all over the context is told that these have no effect."""
    builder = builder_of(GraphBuilder, cache, depths=3, spread=1, questions=["layer/2"])
    assert [plan.depth for plan in builder.plans()] == [None]
    assert "depths have no effect" in caplog.text


def test_a_part_of_the_context_does_not_answer(cache):
    """The whole context gives the answer by the builder's own reading, and neither side of its middle does."""
    builder = builder_of(GraphBuilder, cache, samples_per_cell=3)
    for sample in builder.samples():
        assert builder.answer_from(sample, 0, 1) == sample["target"]
        assert sample["target"] not in {builder.answer_from(sample, 0, 0.5), builder.answer_from(sample, 0.5, 1)}


def test_lines_at_the_end_are_lines_of_their_own(cache):
    """Statements that stand after all hay of lines stand on a line each, and not on one together."""
    asked = {"form": "arrows", "spread": 0.05, "depths": [1.0], "questions": ["layer/3"], "context_lengths": ["1500"]}
    builder = builder_of(GraphBuilder, cache, **asked)
    (sample,) = builder.samples()
    assert max(map(sample["positions"].count, sample["positions"])) > 2
    context = builder.render(sample).text().partition("</context>")[0].splitlines()[1:]
    assert all(re.fullmatch(rf"{N} -> {N}", line) for line in context)


def test_other_hay_has_none_of_the_names(cache):
    """Among a chronicle the graph is the only one, and a name that the hay has is drawn anew."""
    builder = builder_of(GraphBuilder, cache, haystack="chronicle:3", context_lengths=["3k"], questions=["layer/2"])
    (sample,) = builder.samples()
    prompt = builder.render(sample).text()
    assert ", ".join(sorted(read_and_solve(prompt, "roads"))) == sample["target"]
    assert len(edges_in(prompt, "roads")) == sample["edges"]
    plan = next(iter(builder.plans()))
    start = builder.pose(plan, 0).more["start"]
    repeat = builder_of(
        GraphBuilder, cache, haystack=f"repeat:Here is {start} again.", context_lengths=["3k"], questions=["layer/2"]
    )
    (again,) = repeat.samples()
    assert (again["draw"], again["start"] != start) == (1, True)
    assert ", ".join(sorted(read_and_solve(repeat.render(again).text(), "roads"))) == again["target"]


def test_a_graph_with_nothing_to_find(cache):
    """Where an empty answer is asked for, the sample says so and a guess of none has that chance."""
    builder = builder_of(GraphBuilder, cache, empty=1.0)
    for sample in builder.samples():
        chain = sample["variant"].startswith("chain")
        assert sample["absent"] is not chain
        assert sample.get("chance") == (None if chain else 1.0)
        assert ", ".join(sorted(read_and_solve(builder.render(sample).text(), "roads"))) == sample["target"]


def test_who_does_not_read_finds_nothing(cache):
    """The best of all blind solvers stays under a tenth in every kind of question."""
    train, test = (builder_of(GraphBuilder, cache, samples_per_cell=6, seed=seed).samples() for seed in (1, 2))
    scorer = NameSetScorer({})
    floors = blind_floor(train, test, lambda sample, said: scorer.score(sample, said)["f1"])
    assert len(floors) == len(VARIANTS)
    assert max(floor.score for floor in floors) < 0.05


def test_the_oracle_is_right_through_lm_eval(tmp_path, monkeypatch):
    """A model that answers each question with its target scores 1 in a real run, and one that answers none scores 0."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    told, count = scripted_scores(
        "longctx_text_graph", tmp_path, lambda doc: f"Let me see.\nFinal Answer: [{doc['target']}]", preset="smoke"
    )
    assert count == len(VARIANTS)
    assert (told["f1,none"], told["exact,none"], told["f1_published,none"], told["coverage,none"]) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"questions": ["layer/5"]}, "did you mean layer/"),
        ({"questions": []}, "questions has ''"),
        ({"spread": 0}, "spread must be above 0"),
        ({"form": "road"}, "did you mean 'roads'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(cache, wrong, message):
    """A kind of question, a form or a spread that there is not is an error that names what there is."""
    with pytest.raises(ConfigError, match=message):
        builder_of(GraphBuilder, cache, **wrong)


def test_hay_that_is_none_is_refused(cache):
    """A seed that is no number, and a context too short for the graph, are errors."""
    with pytest.raises(ConfigError, match="graphs:7"):
        builder_of(GraphBuilder, cache, haystack="graphs:seven").samples()
    with pytest.raises(LengthError, match="too short"):
        builder_of(GraphBuilder, cache, context_lengths=[200]).samples()
    one, other = (builder_of(GraphBuilder, cache, haystack=hay).samples()[0] for hay in ("graphs", "graphs:7"))
    assert one["haystack"]["digest"] != other["haystack"]["digest"]
    with pytest.raises(CorpusError, match="run the sweep again"):
        builder_of(GraphBuilder, cache, haystack="graphs:7").render(one)


def test_names_look_as_samples_say(cache):
    """The pattern in a sample is that of every name in its prompt that begins with a capital and has seven letters."""
    builder = builder_of(GraphBuilder, cache, questions=["parents/1"])
    (sample,) = builder.samples()
    context = builder.render(sample).text().partition("</context>")[0]
    assert sample["names"] == PATTERN
    assert all(re.fullmatch(PATTERN, name) for name in re.findall(rf"\b{N}\b", context))
