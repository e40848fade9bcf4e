"""Plans in small worlds: a reader of the prompts finds the same worlds, and steps through plans by rules of its own."""

from __future__ import annotations

import json
import re
from itertools import islice, pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spread_kit import builder_of, scripted_scores

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.estimating import TEXT, estimating
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.scorers.plan import PlanScorer, as_text
from lm_eval_longctx.scorers.strips import World
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.text_plan.builder import VARIANTS, PlanBuilder
from lm_eval_longctx.tasks.text_plan.shots import PlanShotsBuilder
from lm_eval_longctx.tasks.text_plan.worlds import KINDS, SPREAD_KINDS, make

N = r"([A-Z][a-z]{6})"
BUSY = re.compile(rf"On (\w+) {N} is busy from (\d+):00 to (\d+):00")
SENTENCES = [
    ("open", rf"Between room {N} and room {N} there is an open door\.", "01"),
    ("open", rf"An open door leads from room {N} to room {N} and back\.", "01"),
    ("locked", rf"Key {N} fits the locked door between room {N} and room {N}\.", "120"),
    ("locked", rf"The door between rooms {N} and {N} is locked, and key {N} opens it\.", "012"),
    ("thing", rf"(?:Key {N} lies|Crate {N} stands) in room {N}\.", "012"),
    ("thing", rf"In room {N} there is (?:key|crate) {N}\.", "10"),
    ("robot", rf"Robot {N} waits in room {N}\.", "01"),
    ("robot", rf"In room {N} there is robot {N}\.", "10"),
    ("route", rf"Truck {N} may drive from {N} to {N}\.", "012"),
    ("route", rf"The road from {N} to {N} is open to truck {N}\.", "201"),
    ("truck", rf"Truck {N} is parked in {N}\.", "01"),
    ("truck", rf"In {N} there is truck {N}\.", "10"),
    ("parcel", rf"Parcel {N} is stored in {N}\.", "01"),
    ("parcel", rf"In {N} there is parcel {N}\.", "10"),
    ("aboard", rf"Parcel {N} is aboard truck {N}\.", "01"),
    ("aboard", rf"Truck {N} is loaded with parcel {N}\.", "10"),
    ("table", rf"Block {N} stands on the table\.", "0"),
    ("table", rf"On the table there is block {N}\.", "0"),
    ("stands", rf"Block {N} stands on block {N}\.", "01"),
    ("stands", rf"On top of block {N} there is block {N}\.", "10"),
    ("pointed", rf"Block {N} is pointed, so nothing can stand on it\.", "0"),
    ("pointed", rf"Nothing can stand on block {N}: it is pointed\.", "0"),
]
"""All forms of statements, written down anew, with the order in which a fact names its things."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where hay is kept."""
    return tmp_path_factory.mktemp("cache")


def told_in(text):
    """Read all facts from a text, as a set by form."""
    found = {form: set() for form, _, _ in SENTENCES}
    for form, pattern, order in SENTENCES:
        for match in re.finditer(pattern, text):
            words = [word for word in match.groups() if word]
            found[form].add(tuple(words[int(place)] for place in order if int(place) < len(words)))
    return found


def reached(told, plan, goal):
    """Step through a plan by hand, with every fact of a context; whether the goal, in words, holds in the end."""
    doors = {pair for a, b in told["open"] for pair in ((a, b), (b, a))}
    locks = {(key, *pair) for a, b, key in told["locked"] for pair in ((a, b), (b, a))}
    place = {**dict(told["thing"]), **dict(told["truck"]), **dict(told["parcel"]), **dict(told["aboard"])}
    under = {**dict(told["stands"]), **{block: "table" for (block,) in told["table"]}}
    robot, held = None, None
    for step in plan:
        verb, *words = re.findall(r"\w+", step)
        if verb == "go":
            assert robot in {None, words[0]}
            assert (words[0], words[1]) in doors
            robot = words[1]
        elif verb in {"take", "drop"}:
            robot = robot or words[1]
            assert (robot, held) == (words[1], None if verb == "take" else words[0])
            assert verb == "drop" or place[words[0]] == words[1]
            held, place[words[0]] = (words[0], "hand") if verb == "take" else (None, words[1])
        elif verb == "unlock":
            robot = robot or words[1]
            assert (held, robot) == (words[0], words[1])
            assert tuple(words) in locks
            doors |= {(words[1], words[2]), (words[2], words[1])}
        elif verb == "drive":
            assert place[words[0]] == words[1]
            assert tuple(words) in told["route"]
            place[words[0]] = words[2]
        elif verb in {"load", "unload"}:
            assert place[words[1]] == words[2]
            assert place[words[0]] == (words[2] if verb == "load" else words[1])
            place[words[0]] = words[1] if verb == "load" else words[2]
        elif verb in {"pick", "lift"}:
            assert held is None
            assert words[0] not in under.values()
            assert under.pop(words[0]) == (words[1] if verb == "lift" else "table")
            held = words[0]
        else:
            assert held == words[0]
            assert verb == "put" or (words[1] not in under.values() and (words[1],) not in told["pointed"])
            held, under[words[0]] = None, words[1] if verb == "stack" else "table"
    names = re.findall(N, goal)
    if "robot" in goal:
        return robot == names[1]
    return {**place, **under}.get(names[0]) == names[1]


def goal_of(question):
    """Return the words of a question's goal."""
    return re.search(r"write a plan after which (.*?): one step", question)[1]


@settings(max_examples=16)
@given(
    length=st.integers(1200, 6000),
    variant=st.sampled_from(VARIANTS),
    seed=st.integers(0, 40),
    where=st.sampled_from([(1.0, 0.5), (0.2, 0.0), (0.1, 0.7)]),
)
def test_a_reader_of_the_prompt_gets_there_with_the_target(cache, length, variant, seed, where):
    """From the rendered words alone the target works, the robot begins where it is told, and the length is hit."""
    asked = {"context_lengths": [length], "seed": seed, "spread": where[0], "depths": [where[1]]}
    builder = builder_of(PlanBuilder, cache, **asked, questions=[variant])
    (sample,) = builder.samples()
    prompt = builder.render(sample).text()
    context = prompt.partition("</context>")[0]
    told, plan = told_in(context), sample["target"].splitlines()
    assert len(plan) == sample["shortest"] == int(variant.partition("/")[2])
    if variant.startswith("rooms"):
        starts = dict(told["robot"])
        robot = re.search(rf"Robot {N} can do", sample["question"])[1]
        assert starts[robot] in re.findall(N, plan[0])
    assert reached(told, plan, goal_of(sample["question"]))
    assert not any(reached(told, plan[:short], goal_of(sample["question"])) for short in range(1, len(plan)))
    tokens = load_tokenizer("o200k_base").count(prompt)
    assert tokens == sample["realised_length"]
    assert length - 16 < tokens <= length
    assert len(json.dumps(sample)) < 3500


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_reader_finds_exactly_the_world_that_plans_are_run_in(cache, variant):
    """Among a chronicle every fact of the sample's world is told, once, and no other."""
    builder = builder_of(PlanBuilder, cache, haystack="chronicle", context_lengths=["3k"], questions=[variant])
    (sample,) = builder.samples()
    told = told_in(builder.render(sample).text().partition("</context>")[0])
    doors = {pair for a, b in told["open"] for pair in ((a, b), (b, a))}
    fits = {(key, *pair) for a, b, key in told["locked"] for pair in ((a, b), (b, a))}
    blocks = {block for (block,) in told["table"]} | {upper for upper, _ in told["stands"]}
    facts = {
        *(("open", *pair) for pair in doors),
        *(("fits", *lock) for lock in fits),
        *(("lies", *pair) for pair in told["thing"] | told["parcel"]),
        *(("at", room) for _, room in told["robot"]),
        *(("at", *pair) for pair in told["truck"]),
        *(("route", *route) for route in told["route"]),
        *(("on", *pair) for pair in told["aboard"] | told["stands"]),
        *(("table", *block) for block in told["table"]),
        *(("clear", block) for block in blocks - {lower for _, lower in told["stands"]}),
        *(("flat", block) for block in blocks - {block for (block,) in told["pointed"]}),
    }
    assert World.read(sample["world"]).start - {("free",)} == facts


def test_a_part_of_the_context_does_not_answer(cache):
    """The whole context gives a plan that works by the builder's own reading, and neither side of its middle does."""
    builder = builder_of(PlanBuilder, cache, samples_per_cell=2)
    scorer = PlanScorer({})
    for sample in builder.samples():
        assert sample["spans_halves"]
        whole, *sides = (builder.answer_from(sample, *part) for part in ((0, 1), (0, 0.5), (0.5, 1)))
        assert scorer.score(sample, whole)["solved"] == 1
        assert not any(side and scorer.score(sample, side)["solved"] for side in sides)


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_that_can_be_taken_is_found_in_its_order_and_no_other(kind):
    """The steps found in a state are those that can be taken when all actions are tried with all names, sorted."""
    world = make(kind, Rng(f"steps of {kind}"), iter(f"Name{letter}" for letter in "abcdefghijklmnopqrst")).world()
    for _, state in islice(world.search(4), 0, 400, 40):
        tried = [
            (name, *words)
            for name, action in sorted(world.actions.items())
            for words in product(sorted(world.names), repeat=len(action.takes))
        ]
        assert [step for step, _ in world.steps(state)] == [step for step in tried if world.done(state, step)]


def random_plan(world, steps, rng):
    """Take steps at random, each of which can be taken."""
    state, plan = world.start, []
    for _ in range(steps):
        step, state = rng.choice(list(world.steps(state)))
        plan.append(step)
    return "\n".join(map(as_text, plan))


@pytest.mark.parametrize(("steps", "most"), [(2, 0.35), (4, 0.12), (8, 0.06)])
def test_who_knows_the_world_and_does_not_plan_rarely_gets_there(cache, steps, most):
    """As many steps at random as the shortest plan has, each of them possible, solve few of the questions."""
    kinds = [f"{kind}/{steps}" for kind in SPREAD_KINDS]
    builder = builder_of(PlanBuilder, cache, questions=kinds, samples_per_cell=10, context_lengths=["1200"])
    scorer, rng = PlanScorer({}), Rng("random plans")
    found = [
        scorer.score(sample, random_plan(World.read(sample["world"]), steps, rng))
        for sample in builder.samples()
        for _ in range(4)
    ]
    assert sum(one["solved"] for one in found) / len(found) < most
    assert all(one["valid"] == 1 for one in found)


def test_who_does_not_read_finds_nothing(cache):
    """The best of all blind solvers solves nothing in any kind of world."""
    train, test = (builder_of(PlanBuilder, cache, samples_per_cell=3, seed=seed).samples() for seed in (1, 2))
    scorer = PlanScorer({})
    floors = blind_floor(train, test, lambda sample, said: scorer.score(sample, said)["solved"])
    assert len(floors) == len(VARIANTS)
    assert max(floor.score for floor in floors) == 0


def test_the_oracle_is_right_through_lm_eval(tmp_path, monkeypatch):
    """A model that gives each question its target solves all of them in a real run, with no excess."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    told, count = scripted_scores(
        "longctx_text_plan", tmp_path, lambda doc: f"Here it is:\n```\n{doc['target']}\n```", preset="smoke"
    )
    assert count == len(VARIANTS)
    assert (told["solved,none"], told["valid,none"], told["excess,none"], told["coverage,none"]) == (1, 1, 0, 1)


def shots_of(**metadata):
    """Make a builder of solved problems."""
    given = {"version": 1, "context_lengths": [3], **metadata}
    kind = PlanShotsBuilder
    sweep = parse_sweep(given, task="shots", unit=kind.UNIT, options=kind.OPTIONS, has_depth=False, idle=kind.IDLE)
    return kind(sweep, BuildContext(resolve_source=str))


@pytest.mark.parametrize("kind", ["rooms", "trucks", "blocks"])
def test_every_plan_of_the_examples_works(kind):
    """Each of the solved problems is solved by its plan, by a reader with rules of its own, and so is the open one."""
    builder = shots_of(context_lengths=[12], kinds=[kind])
    (sample,) = builder.samples()
    text = builder.render(sample).text()
    assert text.endswith(f"{sample['question']}\nPlan:\n")
    problems = [one.partition("\nPlan:\n") for one in (text + sample["target"]).split("Problem:\n")[1:]]
    assert len(problems) == 13
    for told, _, plan in problems:
        goal = re.search(r"Goal: (.*)\.$", told)[1]
        assert reached(told_in(told), plan.strip().splitlines(), goal)


def test_a_meeting_is_in_an_hour_that_suits_all():
    """By the calendars in the problem, every hour that counts suits all, no other does, and there are one to three."""
    builder, scorer = shots_of(context_lengths=[1], kinds=["meetings"], samples_per_cell=40), PlanScorer({})
    found = []
    for sample in builder.samples():
        busy = re.findall(rf"{N} is busy on (\w+) from (\d+):00 to (\d+):00", sample["question"])
        busy += [(who, day, a, b) for day, who, a, b in BUSY.findall(sample["question"])]
        right = {
            (day, hour)
            for day in ("Monday", "Tuesday")
            for hour in range(10, 18)
            if not any(on == day and int(a) <= hour < int(b) for _, on, a, b in busy)
        }
        assert 1 <= len(right) <= 3
        assert sample["chance"] == len(right) / 16
        for day in ("Monday", "Tuesday"):
            for hour in range(10, 18):
                solved = scorer.score(sample, f"meet({day}, {hour}:00)")["solved"]
                assert solved == float((day, hour) in right)
                found += [hour] * int(solved)
    assert len(set(found)) == 8


def trip_in(text):
    """Read a trip's cities with their days, its flights and its fairs from the words of a problem."""
    days = {city: int(count) for city, count in re.findall(rf"{N} is to be visited for (\d) days", text)}
    days |= {city: int(count) for count, city in re.findall(rf"(\d) days are to be spent in {N}", text)}
    flights = re.findall(rf"direct flight between {N} and {N}", text)
    flights += re.findall(rf"{N} and {N} are joined by a direct flight", text)
    fairs = {
        city: (int(a), int(b)) for a, b, city in re.findall(rf"day (\d+) to day (\d+) there is a fair in {N}", text)
    }
    told = re.findall(rf"In {N} all of a fair from day (\d+) to day (\d+)", text)
    fairs |= {city: (int(a), int(b)) for city, a, b in told}
    return days, {frozenset(pair) for pair in flights}, fairs


def trip_plan(order, days):
    """Write down the trip that visits cities in an order, and say on which days it is where."""
    day, plan, when = 1, [], {}
    for before, city in zip([None, *order], order, strict=False):
        last = day + days[city] - 1
        plan.append(f"fly({before}, {city}, {day}, {last})" if before else f"start({city}, {last})")
        when[city] = day, last
        day = last
    return plan, when


def test_a_trip_is_right_in_every_order_that_keeps_its_days():
    """Of all orders of the cities exactly those count whose flights there are and whose fairs are seen whole."""
    builder, scorer = shots_of(context_lengths=[1], kinds=["trips"], samples_per_cell=12), PlanScorer({})
    right = []
    for sample in builder.samples():
        days, flights, fairs = trip_in(sample["question"])
        assert len(days) in {4, 5, 6}
        assert len(fairs) == 2
        found = 0
        for order in permutations(days):
            plan, when = trip_plan(order, days)
            there = all(frozenset(pair) in flights for pair in pairwise(order))
            seen = all(when[city][0] <= a and b <= when[city][1] for city, (a, b) in fairs.items())
            assert scorer.score(sample, "\n".join(plan))["solved"] == float(there and seen)
            found += there and seen
        right.append(found)
        assert scorer.score(sample, sample["target"])["solved"] == 1
    assert min(right) >= 1
    assert sorted(right)[len(right) // 2] <= 3


@pytest.mark.parametrize(
    ("change", "solved"),
    [
        (lambda plan: plan, 1),
        (lambda plan: [f"{n}. {step}" for n, step in enumerate(plan, 1)], 1),
        (lambda plan: [step.replace("(", " from ").replace(",", " and then").replace(")", ".") for step in plan], 1),
        (lambda plan: plan[:-1], 0),
        (lambda plan: plan[1:], 0),
        (lambda plan: [*plan, plan[-1]], 0),
        (lambda plan: [*plan[:-1], re.sub(r"(\d+)\)$", lambda m: f"{int(m[1]) + 1})", plan[-1])], 0),
        (lambda plan: [re.sub(r"(\d+)\)$", lambda m: f"{int(m[1]) - 1})", plan[0]), *plan[1:]], 0),
    ],
)
def test_a_trip_counts_only_whole(change, solved):
    """Cities left out or seen twice and days too many or too few make a trip wrong, and its form does not."""
    builder, scorer = shots_of(context_lengths=[1], kinds=["trips"], samples_per_cell=6), PlanScorer({})
    for sample in builder.samples():
        answer = "\n".join(change(sample["target"].splitlines()))
        assert scorer.score(sample, answer)["solved"] == solved, answer


@pytest.mark.parametrize(("kind", "most"), [("trips", 0.25), ("meetings", 0.2)])
def test_who_knows_a_trip_or_calendar_and_does_not_plan_rarely_gets_there(kind, most):
    """An order of cities at random, its days worked out rightly, rarely makes a trip, nor does an hour a meeting."""
    builder, scorer = shots_of(context_lengths=[1], kinds=[kind], samples_per_cell=30), PlanScorer({})
    rng, found = Rng("random plans"), []
    for sample in builder.samples():
        if kind == "meetings":
            plan = f"meet({rng.choice(['Monday', 'Tuesday'])}, {rng.between(10, 17)}:00)"
        else:
            days, _, _ = trip_in(sample["question"])
            plan = "\n".join(trip_plan(rng.sample(sorted(days), len(days)), days)[0])
        found.append(scorer.score(sample, plan)["solved"])
    assert sum(found) / len(found) < most


def test_fewer_examples_are_the_first_of_more():
    """All numbers of shots of an index ask the same form of problem after the same beginning of examples."""
    builder = shots_of(context_lengths=[2, 5], kinds=["blocks"])
    few, many = (builder.render(sample).text() for sample in builder.samples())
    assert many.startswith(few.rpartition("Problem:")[0])
    with pytest.raises(ConfigError, match="did you mean blocks"):
        shots_of(kinds=["block"])


@pytest.mark.parametrize("kind", KINDS)
def test_plans_reckon_many_examples_and_never_too_few(kind):
    """Plans take many examples to be as long as others, never too short, whatever the seed; few are the real ones."""
    for seed in range(3):
        options = {"context_lengths": [4, 11, 30], "kinds": [kind], "samples_per_cell": 2, "seed": seed}
        builder = shots_of(**options)
        with estimating(TEXT):
            planned = shots_of(**options).samples()
        for sample, real in zip(planned, builder.samples(), strict=True):
            few = sample["realised_length"] == 4
            assert bool(sample["haystack"].get("estimated")) is not few
            guessed, counted = (len(builder.render(one).text()) for one in (sample, real))
            assert counted == guessed if few else 0.6 * guessed < counted <= guessed


def test_kinds_that_there_are_not_are_refused(cache):
    """A world or a number of steps that there is not is an error that names the nearest."""
    with pytest.raises(ConfigError, match="did you mean rooms/"):
        builder_of(PlanBuilder, cache, questions=["rooms/3"])
