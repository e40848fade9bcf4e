"""What holds of every answer, however it is made: wrapping, thoughts, alternatives, time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import bleurt_kit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.answers.thoughts import MOST, both_ends, without_thoughts
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.bleurt import TranslationBleurtScorer
from lm_eval_longctx.scorers.choice import ChoiceScorer
from lm_eval_longctx.scorers.choice_or_time import ChoiceOrTimeScorer
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.scorers.label import LabelScorer
from lm_eval_longctx.scorers.long_answer import LongAnswerScorer
from lm_eval_longctx.scorers.multi_needle import MultiNeedleScorer
from lm_eval_longctx.scorers.name_set import NameSetScorer
from lm_eval_longctx.scorers.plan import PlanScorer
from lm_eval_longctx.scorers.repeat import RepeatScorer
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.scorers.sequence_match import SequenceMatchScorer
from lm_eval_longctx.scorers.strips import Action, World
from lm_eval_longctx.scorers.table_rows import TableCellsScorer, TableRowsScorer
from lm_eval_longctx.scorers.tally import TallyScorer
from lm_eval_longctx.scorers.transcript import TranscriptScorer
from lm_eval_longctx.scorers.translation import TranslationScorer

MARKS = (
    "<think>",
    "</think>",
    "<THINKING>",
    "</ thinking >",
    "[THINK]",
    "[/THINK]",
    "\u25c1think\u25b7",
    "\u25c1/think\u25b7",
    "<|channel|>",
)
MARKS += (
    "analysis",
    "final",
    "<|message|>",
    "<|end|>",
    "<|start|>",
    "assistant",
    "assistantfinal",
    "analysisWe",
    "<",
    ">",
    "think",
    "\n",
    " ",
    "7",
)
FRAMES = (
    "{}",
    "**{}**",
    "`{}`",
    '"{}"',
    "```\n{}\n```",
    "<answer>{}</answer>",
    "Final answer: {}",
    "The answer is {}",
    "<think>hm</think>{}",
    '{{"answer": "{}"}}',
)
ROOMS = World(
    {"go": Action.of("A B", "at A", "at B", "at A")}, frozenset({("at", "Bakorem")}), frozenset({("at", "Davinov")})
)
SCORERS = [
    (RetrievalScorer({}), {"target": "2345027", "question": "Which number?"}, "2345027", "exact"),
    (RetrievalScorer({}), {"target": "red-otter", "distractors": ["blue-badger"]}, "red-otter", "exact"),
    (
        MultiNeedleScorer({}),
        {"target": {"Paris": "1234567", "Rome": "7654321"}},
        "Paris: 1234567\nRome: 7654321",
        "found",
    ),
    (ExactF1Scorer({}), {"target": "Ilveth Tarrow", "question": "Who was she?"}, "Ilveth Tarrow", "exact"),
    (ChoiceScorer({}), {"target": "B", "options": ["a cat", "a dog", "a fox"]}, "B", "accuracy"),
    (LabelScorer({}), {"target": "bamodi", "labels": ["bamodi", "zelupa"]}, "bamodi", "accuracy"),
    (TranslationScorer({}), {"target": "We sing."}, "We sing.", "exact"),
    (SequenceMatchScorer({"grading": "v2"}), {"target": "owls", "prefix": "AbCd1234EfGh"}, "AbCd1234EfGhowls", "match"),
    (ChoiceOrTimeScorer({}), {"target": "1:05", "tolerance": 5}, "1:05", "accuracy"),
    (ChoiceOrTimeScorer({}), {"target": "B", "options": ["a cat", "a dog", "a fox"]}, "B", "accuracy"),
    (TallyScorer({}), {"target": "bakery", "labels": ["bakery", "smithy"]}, "bakery", "accuracy"),
    (TableRowsScorer({}), {"target": "Heron\nSwan", "columns": ["boat"]}, "Heron\nSwan", "f1"),
    (
        TableCellsScorer({}),
        {"target": "1\tcup\n2\tcar", "columns": ["picture", "thing"]},
        "1\tcup\n2\tcar",
        "rows_right",
    ),
    (TallyScorer({}), {"target": "112", "question": "How many sales are there?"}, "112", "accuracy"),
    (LongAnswerScorer({}), {"target": ["Ilveth Tarrow"], "question": "Who was she?"}, "Ilveth Tarrow", "mentioned"),
    (NameSetScorer({}), {"target": ["Bakorem", "Davinov"]}, "Bakorem, Davinov", "f1"),
    (RepeatScorer({}), {"target": "apple apple apples apple", "odd": "apples"}, "apple apple apples apple", "copied"),
    (PlanScorer({}), {"target": "go(Bakorem, Davinov)", "world": ROOMS.written()}, "go(Bakorem, Davinov)", "solved"),
]
"""Each scorer with a sample, its perfect answer and its headline."""


@given(st.lists(st.sampled_from(MARKS), max_size=14).map("".join))
def test_removing_thoughts_twice_is_removing_them_once(text):
    """What is left holds no marks that come off a second time."""
    once = without_thoughts(text)
    assert once.unclosed or without_thoughts(once.text).text == once.text


@given(st.text(max_size=60))
def test_a_text_without_marks_stays_as_it_is(text):
    """Nothing is removed from an answer in which nothing was thought aloud."""
    if not any(mark in text.lower() for mark in ("think", "analysis", "reason", "thought")):
        assert without_thoughts(text).text == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("<ponder>a</ponder>b", "<ponder>a</ponder>b"),
        ("<think>a</think>b<think>c</think>d", "b\nd"),
        ("no thoughts [thinking cap] <thin>", "no thoughts [thinking cap] <thin>"),
    ],
)
def test_marks_of_families(text, left):
    """Pairs, single closing marks and nested ones come off; what only looks like a mark stays."""
    assert without_thoughts(text).text == left


def test_marks_that_a_user_or_a_model_names():
    """``reasoning_tags`` adds names; ``think_end_token`` ends the thought wherever it stands last."""
    assert without_thoughts("<ponder>a</ponder>b", ["ponder"]).text == "b"
    assert without_thoughts("a ### b ### c", end_token="###").text == "c"  # noqa: S106
    assert without_thoughts("<ponder>a", ["ponder"]).unclosed


@pytest.mark.parametrize(
    "text",
    [
        "<think>7",
        "7 <think> 8",
        "[THINK]7",
        "\u25c1think\u25b77",
        "<|channel|>analysis<|message|>7",
        "analysisWe say 7",
    ],
)
def test_a_thought_without_end_is_no_answer(text):
    """Where a thought was begun and never ended, nothing was answered."""
    assert without_thoughts(text).unclosed


@pytest.mark.parametrize(("scorer", "sample", "perfect", "headline"), SCORERS)
@pytest.mark.parametrize("answer", ["I don't know.", "", "The weather is fine."])
def test_every_scorer_scores_what_the_model_answered(scorer, sample, perfect, headline, answer):
    """Abstaining and saying nothing are 0 in every scorer, never unscored, and are told apart."""
    scores = scorer.score(sample, answer)
    headlines = {metric.name: metric for metric in scorer.METRICS}
    assert headline == scorer.METRICS[0].name or isinstance(scorer, TranslationScorer)
    assert scores[headline] == 0
    assert scores["abstained"] == float(answer.startswith("I don't"))
    assert "abstained" in headlines
    assert scorer.score(sample, perfect)[headline] == 1
    assert scorer.details(sample, "").get("unparsed") == 1


def test_every_scorer_reports_abstentions_and_what_cannot_be_read(tmp_path, monkeypatch):
    """All scorers of words that are plugged in have the metric ``abstained`` and the detail ``unparsed``."""
    known = {type(scorer): (scorer, sample) for scorer, sample, *_ in SCORERS}
    known[TranscriptScorer] = (TranscriptScorer({"language": "en"}), {"target": "The cat sat on the mat."})
    bleurt = TranslationBleurtScorer({"bleurt": bleurt_kit.googles(tmp_path, monkeypatch)})
    known[TranslationBleurtScorer] = (bleurt, {"target": "The cat sat on the mat."})
    of_words = [record for record in registry().scorers() if record.name != "likelihood"]  # nothing is answered there
    for record in of_words:
        scorer, sample = known[registry().load(record)]
        assert "abstained" in {metric.name for metric in scorer.METRICS}, record.name
        for answer, unparsed, abstained in (("", 1, 0), ("I don't know.", 0, 1), ("I cannot tell, sorry.", 0, 1)):
            verdict = judge(scorer, sample, answer).values
            assert (verdict["unparsed"], verdict["abstained"]) == (unparsed, abstained), record.name


@pytest.mark.parametrize(("scorer", "sample", "perfect", "headline"), SCORERS[:2] + SCORERS[3:7])
@pytest.mark.parametrize("inner", FRAMES)
@pytest.mark.parametrize("outer", FRAMES)
def test_wrapping_in_wrapping_changes_no_verdict(scorer, sample, perfect, headline, inner, outer):
    """Two wrappings, one in the other, leave a perfect answer perfect and an empty one empty."""
    for said, value in ((perfect, 1), ("I don't know", 0)):
        once = inner.format(said)
        whole = outer.format(json.dumps(once)[1:-1] if outer.startswith("{{") else once)
        assert scorer.score(sample, whole)[headline] == value, whole


@pytest.mark.parametrize(
    ("scorer", "sample", "perfect", "headline"), [SCORERS[0], SCORERS[1], SCORERS[3], SCORERS[4], SCORERS[5]]
)
@given(data=st.data())
def test_a_wrong_alternative_never_raises_a_score(scorer, sample, perfect, headline, data):
    """Whatever is said, adding "or" and something wrong does not make it better."""
    wrong = {
        "2345027": "7654321",
        "red-otter": "blue-badger",
        "Ilveth Tarrow": "Maud Sarn",
        "B": "(C)",
        "bamodi": "zelupa",
    }[perfect]
    said = data.draw(
        st.sampled_from(
            [perfect, wrong, f"It is {perfect}", f"not {perfect}", "I don't know", "", f"{wrong}, no, {perfect}"]
        )
    )
    joint = data.draw(st.sampled_from([" or ", ", ", "\n", " and ", " / ", "; "]))
    assert scorer.score(sample, said + joint + wrong)[headline] <= scorer.score(sample, said)[headline]


def test_the_first_cases():
    """The cases that failed when this room was built come out right; each stands for a kind."""
    folder = Path(__file__).resolve().parent.parent / "scorers" / "verdicts"
    lines = (folder / "by_hand.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["form"] for line in lines} >= {
        "value",
        "absent",
        "text",
        "choice",
    }


LOOPS = (
    *(
        "x\n",
        "a",
        "2345027 ",
        "It is not 2345027 or 1234567, ",
        "<answer>B",
        "\\boxed{",
        "The answer is B.\n",
        "1,",
        "1-",
    ),
    *(
        "two hundred and ",
        "Paris: 1234567; ",
        "not ",
        "{",
        "[",
        "```\n",
        "`",
        "Final answer: ",
        "bamodi ",
        "1. Paris: 12\n",
    ),
    *("<think>", "</think>", "<think>a</think>", "< / ", "<|", "<|channel|>final", "[THINK]", "\u25c1", "analysisWe "),
    *(
        "I don't know. ",
        "The number is not there. ",
        "I don't know\n",
        "or ",
        "red-otter\n",
        "(B) ",
        '{"answer":',
        "é",
        "。",
    ),
)
"""What a model that lost its way may write over and over."""

LOOPED = 250_000
"""Characters of it."""


@pytest.mark.parametrize("number", range(len(LOOPS)))
@pytest.mark.parametrize("share", [0, 3])
def test_no_loop_of_a_model_takes_long(number, share):
    """A quarter of a million characters of one thing over and over are read in a moment; the benchmark has ten million."""
    scorer, sample, _, headline = SCORERS[(number + share) % len(SCORERS)]
    unit = LOOPS[number]
    begun = time.process_time()
    score = scorer.score(sample, (unit * (LOOPED // len(unit) + 1))[:LOOPED])[headline]
    assert 0 <= score <= 1
    # In square time it would take many minutes; how fast it is exactly is no business of a test.
    assert time.process_time() - begun < 15


@given(st.integers(0, 300_000), st.sampled_from(["1", "ab ", "word, ", "青", "2345027\n"]), st.text(max_size=5))
def test_both_ends_of_a_long_text_are_kept_and_no_word_is_halved(length, unit, end):
    """A text that is not long stays as it is; of a longer one what is left begins and ends where words do."""
    text = (unit * length)[:length] + end
    kept = both_ends(text)
    assert len(kept) <= MOST + 1
    if len(text) <= MOST:
        assert kept == text
    else:
        assert set(kept.split()) <= set(text.split()) or unit in "1青"


def test_no_number_comes_out_of_the_cut():
    """Digits that only the cut sets free are no value: a loop of digits around it claims nothing."""
    scorer = RetrievalScorer({})
    assert scorer.score({"target": "2345027"}, "2345027" * 100_000)["exact"] == 0


@pytest.mark.parametrize(
    ("opening", "text", "left"),
    [
        ("<think>\n", "a</think>b", "b"),
        ("<think>\n", "a[/THINK]b", "b"),
        ("<think>\n", "<think>a</think>b", "b"),
        ("<think>\n", "a", None),
        ("<think>\n", "", None),
        ("<think>\n", "a</think>b<think>c", None),
        ("[THINK]", "a", None),
        ("\u25c1think\u25b7", "a", None),
        ("<|start|>assistant<|channel|>analysis<|message|>", "a", None),
        (
            "<|start|>assistant<|channel|>analysis<|message|>",
            "a<|end|><|start|>assistant<|channel|>final<|message|>b",
            "b",
        ),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", "a", "a"),
        ("<|im_start|>assistant\n", "a", "a"),
    ],
)
def test_a_thought_that_the_prompt_opened(opening, text, left):
    """Where the prompt's end leaves a thought open, all is thought up to a closing mark; else nothing changes."""
    said = without_thoughts(text, opening=opening)
    assert (None if said.unclosed else said.text) == left


@given(st.lists(st.sampled_from([*MARKS, "7", " ", "\n", "x"]), max_size=8).map("".join))
def test_an_opened_thought_is_one_that_the_answer_opens(text):
    """It makes no difference who wrote the opening mark, so that models that think are compared fairly."""
    assert without_thoughts(text, opening="<think>") == without_thoughts(f"<think>{text}")


@pytest.mark.parametrize(
    ("answer", "exact"),
    [
        ("The number is 4367506.\n</context>\nThe number is 4367506.\n</context>\nThe", 1),
        ("4367506\n</context>", 1),
        ("4367506\n</context>\n7654321", 0),
        ("<context>\nThe number is 4367506.\n</context>\nWhat is the number?", 0),
        ("The grass is green. " * 100 + "The number is 4367506.\n</context>\nWhat is the number?", 0),
    ],
)
def test_a_lone_end_of_the_context_takes_no_answer_away(answer, exact):
    """A model that goes on in the prompt's form after its answer has answered; a copy of the context has not."""
    sample = {"target": "4367506", "question": "What is the number?"}
    assert judge(RetrievalScorer({}), sample, answer).values["exact"] == exact
