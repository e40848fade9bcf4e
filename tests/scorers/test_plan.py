"""Plans are checked by running them: any that works counts, however it is written down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.plan import PlanScorer, as_text
from lm_eval_longctx.scorers.strips import Action, World

GO = Action.of("FROM TO", "at FROM, open FROM TO", "at TO", "at FROM")
TAKE = Action.of("THING ROOM", "at ROOM, lies THING ROOM", "held THING", "lies THING ROOM")
DOORS = {("open", a, b) for a, b in ("AB", "BA", "BC", "CB", "CD", "AC")}
NAMES = {"A": "Bakorem", "B": "Tilusak", "C": "Davinov", "D": "Pesudak"}
START = {("at", "A"), ("lies", "Kadolim", "C"), *DOORS}


def named(facts):
    """Return facts with the rooms' full names."""
    return frozenset((fact[0], *(NAMES.get(word, word) for word in fact[1:])) for fact in facts)


WORLD = World({"go": GO, "take": TAKE}, named(START), named({("held", "Kadolim")}))
SAMPLE = {"world": WORLD.written(), "target": "go(Bakorem, Davinov)\ntake(Kadolim, Davinov)"}
SCORER = PlanScorer({})

SHORTEST = [
    "go(Bakorem, Davinov)\ntake(Kadolim, Davinov)",
    "go(Bakorem,Davinov); take(Kadolim,Davinov)",
    "1. go(Bakorem, Davinov)\n2. take(Kadolim, Davinov)",
    "1) **go(Bakorem, Davinov)**\n2) **take(Kadolim, Davinov)**",
    "- `go(Bakorem, Davinov)`\n- `take(Kadolim, Davinov)`",
    "Step 1: go(Bakorem, Davinov)\nStep 2: take(Kadolim, Davinov)",
    "Here is a plan:\n\n```\ngo(Bakorem, Davinov)\ntake(Kadolim, Davinov)\n```\nIt takes two steps.",
    "```pddl\n(go bakorem davinov)\n(take kadolim davinov)\n```",
    "(go Bakorem Davinov)\n(take Kadolim Davinov)",
    "Go from Bakorem to Davinov\nTake Kadolim in room Davinov",
    "GO(BAKOREM, DAVINOV)\nTAKE(KADOLIM, DAVINOV)",
    'go("Bakorem", "Davinov")\ntake("Kadolim", "Davinov")',
    "go(room Bakorem, room Davinov)\ntake(crate Kadolim, room Davinov)",
    "go(FROM=Bakorem, TO=Davinov)\ntake(THING=Kadolim, ROOM=Davinov)",
    "go (Bakorem, Davinov)\ntake (Kadolim, Davinov)",
    '["go(Bakorem, Davinov)", "take(Kadolim, Davinov)"]',
    '[{"action": "go", "args": ["Bakorem", "Davinov"]}, {"action": "take", "args": ["Kadolim", "Davinov"]}]',
    '{"plan": [["go", "Bakorem", "Davinov"], ["take", "Kadolim", "Davinov"]]}',
    "<think>go(Bakorem, Pesudak)</think>\ngo(Bakorem, Davinov)\ntake(Kadolim, Davinov)",
    "<answer>go(Bakorem, Davinov)\ntake(Kadolim, Davinov)</answer>",
    "With go(FROM, TO) and take(THING, ROOM) this works:\ngo(Bakorem, Davinov)\ntake(Kadolim, Davinov)",
    "First I tried go(Bakorem, Pesudak): no door.\n\nFinal plan:\ngo(Bakorem, Davinov)\ntake(Kadolim, Davinov)",
    "First: go(Bakorem, Davinov), because a door is open. Then take(Kadolim, Davinov). Done!",
    "```\ngo(Bakorem, Pesudak)\n```\nNo, better:\n```\ngo(Bakorem, Davinov)\ntake(Kadolim, Davinov)\n```",
    "go(Bakorem, Davinov)\ntake(Kadolim, Davinov)\n\nProblem:\nA road.\nGoal: x.\nPlan:\ngo(Davinov, Tilusak)",
    "We cannot begin with take(Kadolim, Davinov). Here is it:\n\n1. go(Bakorem, Davinov)\n2. take(Kadolim, Davinov)",
    "1. go(Bakorem, Davinov)\n2. take(Kadolim, Davinov)\n\nThe last step, take(Kadolim, Davinov), reaches the goal.",
    "Final plan:\n```\n1. go(Bakorem, Davinov)\n2. take(Kadolim, Davinov)\n```\nSo take(Kadolim, Davinov) is last.",
    'Sure:\n\n[{"action": "go", "args": ["Bakorem", "Davinov"]}, {"action": "take", "args": ["Kadolim", "Davinov"]}]',
    '[{"step": 1, "do": "go", "of": ["Bakorem", "Davinov"]}, {"step": 2, "do": "take", "of": ["Kadolim", "Davinov"]}]',
    "| step |\n|---|\n| go(Bakorem, Davinov) |\n| take(Kadolim, Davinov) |",
]


@pytest.mark.parametrize("answer", SHORTEST)
def test_the_same_plan_in_any_form(answer):
    """A shortest plan is solved without excess, however it is written down."""
    judged = judge(SCORER, SAMPLE, answer).values
    assert (judged["solved"], judged["valid"], judged["excess"], judged["unparsed"]) == (1, 1, 0, 0)
    assert judged["compared"] == "go(Bakorem, Davinov); take(Kadolim, Davinov)"


@pytest.mark.parametrize(
    ("plan", "solved", "valid", "excess", "wrong"),
    [
        ("go(Bakorem, Tilusak) go(Tilusak, Davinov) take(Kadolim, Davinov)", 1, 1, 0.5, None),
        ("go(Bakorem, Davinov)", 0, 1, None, None),
        ("take(Kadolim, Davinov) go(Bakorem, Davinov)", 0, 0, None, 1),
        ("go(Bakorem, Davinov) take(Kadolim, Davinov) go(Davinov, Bakorem)", 0, 2 / 3, None, 3),
        ("go(Bakorem, Davinov) take(Kadolim, Davinov) go(Davinov, Tilusak)", 1, 1, 0.5, None),
        ("go(Bakorem, Davinov) take(Pesudak, Davinov)", 0, 0.5, None, 2),
        ("go(Bakorem, Davinov) take(Nirgend, Davinov)", 0, 0.5, None, 2),
        ("go(Davinov)", 0, 0, None, 1),
        ("go(Bakorem, Davinov, Tilusak)", 0, 0, None, 1),
    ],
)
def test_a_plan_is_run(plan, solved, valid, excess, wrong):
    """Any plan that works is solved, longer ones with their excess; a step that cannot be taken spoils it."""
    judged = judge(SCORER, SAMPLE, plan.replace(") ", ")\n")).values
    assert (judged["solved"], judged["valid"]) == (solved, pytest.approx(valid))
    assert (judged["excess"], judged["first_wrong_step"]) == (excess, wrong)


@pytest.mark.parametrize(
    ("answer", "abstained", "unparsed"),
    [
        ("", 0, 1),
        ("I would walk over and grab it.", 0, 1),
        ("go(FROM, TO)\ntake(THING, ROOM)", 0, 1),
        ("There is no plan: the text does not say where it is.", 1, 0),
    ],
)
def test_no_plan_is_wrong_and_told_apart(answer, abstained, unparsed):
    """An answer without steps scores 0; that there is none is read, and anything else is unparsed."""
    judged = judge(SCORER, SAMPLE, answer).values
    assert (judged["solved"], judged["valid"]) == (0, 0)
    assert (judged["abstained"], judged["unparsed"]) == (abstained, unparsed)


@given(
    st.lists(st.tuples(st.sampled_from(["go", "take"]), st.sampled_from("ABCD"), st.sampled_from("ABCD")), max_size=6)
)
def test_running_is_what_a_walk_on_the_map_is(steps):
    """Plans of any steps run exactly as far as somebody gets who walks on the map by hand."""
    plan = [(verb, "Kadolim" if verb == "take" else NAMES[a], NAMES[b]) for verb, a, b in steps]
    here, held, taken = "A", False, 0
    for verb, a, b in steps:
        if verb == "go" and a == here and ("open", a, b) in DOORS:
            here = b
        elif verb == "take" and b == here == "C" and not held:
            held = True
        else:
            break
        taken += 1
    done, state = WORLD.run(plan)
    assert (done, ("held", "Kadolim") in state, ("at", NAMES[here]) in state) == (taken, held, True)
    found = SCORER.score(SAMPLE, "\n".join(map(as_text, plan)))
    assert found["solved"] == float(held and taken == len(plan))


def test_a_world_survives_being_written():
    """A world that is read again is the same, its shortest plan too, and what is none is refused."""
    again = World.read(WORLD.written())
    assert (again.actions, again.start, again.goal) == (WORLD.actions, WORLD.start, WORLD.goal)
    assert again.shortest(4) == [("go", "Bakorem", "Davinov"), ("take", "Kadolim", "Davinov")]
    assert again.shortest(1) is None
    for wrong in ("", "[]", '{"actions": {"go": ["x"]}, "start": [], "goal": []}', "null"):
        with pytest.raises(ConfigError, match="no world to run a plan in"):
            SCORER.validate({**SAMPLE, "world": wrong})
