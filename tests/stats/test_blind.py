"""The floor is what a solver scores that never sees the context: found by trying, not raised by luck."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.plan import Rng
from lm_eval_longctx.stats.blind import OPEN, Floor, Solvers, blind_floor, chance_of, form_of, options_of, pooled

NAMES = "Ada Tarrow,Bo Lind,Cai Moss,Dag Orme,Eva Strand,Fay Holm,Gus Berg,Hal Wick".split(",")


def exact(sample, answer):
    """Score as a scorer of short answers does."""
    return float(answer == sample["target"])


def made(count, seed, ask):
    """Return samples of one kind and length whose question and target a function draws."""
    rng = Rng(f"blind {seed}")
    return [{"kind": "k", "context_label": "4k", **ask(rng)} for _ in range(count)]


def constant(rng):
    """Ask something whose answer is mostly the same."""
    return {"question": f"How many ships has {rng.choice(NAMES)}?", "target": rng.choice(["7", "7", "7", "9"])}


def by_wording(rng):
    """Ask in one of many wordings, each of which has an answer of its own."""
    number = rng.below(40)
    return {
        "question": f"Where is the {'abcdefghij'[number % 10] * 3} {'klmn'[number // 10] * 3}?",
        "target": f"p{number}",
    }


def in_the_question(rng):
    """Ask something that the question itself answers."""
    who, year = rng.choice(NAMES), rng.between(300, 900)
    return {"question": f"In which year did {who} see the flood of {year}?", "target": str(year + 1)}


def longer(rng):
    """Let choose between two things of which the longer one is right."""
    pair = rng.sample([name * (1 + i % 3) for i, name in enumerate(NAMES)], 2)
    return {"question": f"Which cost more: {pair[0]} or {pair[1]}?", "target": max(pair, key=len)}


def second(rng):
    """Let choose between four lettered options of which the second is right, mostly."""
    return {"question": "Which?", "options": rng.sample(NAMES, 4), "target": rng.choice("BBBD")}


def told_by_a_word(rng):
    """Let choose between lettered options of which the old one is right."""
    options = [f"the {age} {thing}" for age, thing in zip(["old", "new", "new"], rng.sample(NAMES, 3), strict=True)]
    rng.shuffle(options)
    return {"question": "Which?", "options": options, "target": "ABC"[[("old" in o) for o in options].index(True)]}


def fair(rng):
    """Ask what no guess answers."""
    return {"question": f"Who saw {rng.choice(NAMES)}?", "target": str(rng.random())}


def fair_choice(rng):
    """Let choose between five options without any hint."""
    return {"question": "Which?", "options": rng.sample(NAMES, 5), "target": rng.choice("ABCDE")}


@pytest.mark.parametrize(
    ("ask", "least", "bound"),
    [
        (constant, 0.65, OPEN),
        (by_wording, 0.9, OPEN),
        (in_the_question, 1.0, OPEN),
        (longer, 0.95, 0.5),
        (second, 0.65, 0.25),
        (told_by_a_word, 0.95, 1 / 3),
    ],
)
def test_what_can_be_guessed_is_found(ask, least, bound):
    """Each way in which a question gives its answer away is found, and exceeds the bound."""
    (floor,) = blind_floor(made(400, 1, ask), made(200, 2, ask), exact)
    assert floor.score >= least
    assert floor.bound == pytest.approx(bound)
    assert floor.exceeds


@pytest.mark.parametrize(("ask", "chance"), [(fair, 0.0), (fair_choice, 0.2)])
def test_what_cannot_be_guessed_is_at_chance(ask, chance):
    """Trying many solvers does not raise the floor of questions that give nothing away."""
    for seed in range(5):
        (floor,) = blind_floor(made(400, 90 + seed, ask), made(200, seed, ask), exact)
        assert floor.chance == pytest.approx(chance)
        assert abs(floor.score - chance) < 0.09
        assert not floor.exceeds


@cache
def taught():
    """Return solvers that have learned."""
    return Solvers(made(30, 1, longer))


@given(st.text(), st.integers(), st.floats(0, 1))
def test_solvers_do_not_read_what_the_prompt_hides(target, evidence, depth):
    """Answers follow from question, options and length: target, evidence and depth change none."""
    solvers = taught()
    (sample,) = made(1, 2, longer)
    hidden = {**sample, "target": target, "evidence": [evidence], "realised_depth": depth, "id": target}
    assert solvers.answers(hidden) == solvers.answers(sample)


def test_floors_are_told_apart_by_kind_and_length():
    """Each kind at each length has its own floor, and the pooled one counts each sample once."""
    train = [{**s, "kind": kind} for kind in "ab" for s in made(60, 1, constant if kind == "a" else fair)]
    test = [
        {**s, "kind": kind, "context_label": label}
        for kind, count in (("a", 30), ("b", 90))
        for label in ("4k", "1M")
        for s in made(count, 2, constant if kind == "a" else fair)
    ]
    floors = {(f.kind, f.length): f for f in blind_floor(train, test, exact)}
    assert set(floors) == {("a", "4k"), ("a", "1M"), ("b", "4k"), ("b", "1M")}
    assert floors["a", "1M"].score > 0.5 > floors["b", "1M"].score == 0
    (short, long) = pooled(list(floors.values()))
    assert (short.length, long.length, short.samples) == ("4k", "1M", 120)
    assert short.score == pytest.approx(floors["a", "4k"].score / 4)


def test_samples_that_do_not_count_are_left_out():
    """A control, which a scorer does not score, is in no floor."""
    assert blind_floor(made(5, 1, fair), made(5, 2, fair), lambda *_: None) == []


def test_the_floor_of_a_task_without_training_is_that_of_fixed_answers():
    """Without samples of other seeds what everybody might guess is tried."""
    (floor,) = blind_floor([], made(20, 1, lambda _: {"question": "Is it told?", "target": "not told"}), exact)
    assert (floor.score, floor.solver) == (1.0, "always 'not told'")


@pytest.mark.parametrize(
    ("sample", "options"),
    [
        ({"question": "Which cost more: the Mill at Orme or the Bridge?"}, ("the Mill at Orme", "the Bridge")),
        ({"question": "Which came first in time: one; two; or three?"}, ("one", "two", "three")),
        ({"question": "Who was born, or died?"}, ()),
        ({"question": "Which?", "options": ["x", "y"]}, ("x", "y")),
        ({"question": "zi ta", "labels": ["foo", "bar", "baz"]}, ("foo", "bar", "baz")),
    ],
)
def test_listed_answers_are_read(sample, options):
    """Options are those of the sample, or those that the question lists; chance is one of them."""
    assert options_of(sample) == options
    assert chance_of(sample) == (1 / len(options) if options else 0)
    assert chance_of({**sample, "chance": 0.75}) == 0.75


def test_the_form_of_a_question_has_no_names():
    """Questions that differ in names and numbers only have one form."""
    one, two = "In which year did Ada Tarrow buy 3 mills?", "In which year did Bo Lind buy 12 mills?"
    assert form_of({"question": one}) == form_of({"question": two}) == "In which year did # buy # mills?"


def test_luck_is_no_excess():
    """A floor exceeds its bound only if luck does not explain it."""
    assert not Floor("", "4k", "x", 0.15, 0.0, 0.1, 40).exceeds
    assert Floor("", "4k", "x", 0.15, 0.0, 0.1, 400).exceeds
    assert Floor("", "4k", "x", 0.15, 0.0, 0.1, 400).to_dict()["exceeds"] is True
