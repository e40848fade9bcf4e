"""Faults that were once measured, each by its name, through the tasks that users run: none may come back."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.harness.tasks import LongctxTask

TEXT = (
    "longctx_text_niah",
    "niah_absent_longctx",
    "longctx_text_niah_multi",
    "longctx_text_docqa",
    "longctx_text_translation",
)
UNSURE = "I am not sure."


@pytest.fixture(scope="module")
def load() -> Callable[..., LongctxTask]:
    """Make a task of its file, as lm-eval does, with some metadata changed."""
    from lm_eval.tasks.manager import TaskManager

    def make(name: str, **metadata: Any) -> LongctxTask:
        task: LongctxTask = TaskManager(include_defaults=False, metadata=metadata).load([name])["tasks"][name]
        return task

    return make


@pytest.fixture(scope="module")
def tasks(load: Callable[..., LongctxTask]) -> dict[str, LongctxTask]:
    """The tasks that these tests ask."""
    return {name: load(name) for name in (*TEXT, "longctx_video_qa")}


def first(task: LongctxTask, *, absent: bool = False) -> dict[str, Any]:
    """Return a task's first sample of the kind that is wanted."""
    samples = (task.builder.sample(plan) for plan in islice(task.builder.plans(), 20))
    return next(sample for sample in samples if bool(sample.get("absent")) == absent)


def test_a_line_of_preamble_costs_nothing_in_questions_about_a_document(tasks: dict[str, LongctxTask]) -> None:
    """Fault 1: a right answer after a polite line is right."""
    task = tasks["longctx_text_docqa"]
    sample = first(task)
    scores = task.process_results(sample, [f"Sure! Here is the answer:\n\n{sample['target'][0]}"])
    assert scores["exact"] == scores["f1"] == 1


def test_a_line_of_preamble_costs_nothing_in_translations(tasks: dict[str, LongctxTask]) -> None:
    """Fault 2: a right translation after a polite line has a chrF of 100, where it was 8."""
    task = tasks["longctx_text_translation"]
    sample = first(task)
    polite = f"Certainly! Based on the grammar book, here is the translation:\n\n{sample['target']}"
    scores = dict(task.process_results(sample, [polite]).items())  # what lm-eval averages, not what it logs
    assert task.aggregation()["chrf"]([scores["chrf"]]) == pytest.approx(100)


def test_thoughts_are_not_graded(tasks: dict[str, LongctxTask]) -> None:
    """Fault 3: a value that stands only in the thoughts is not found, by any measure."""
    task = tasks["longctx_text_niah"]
    sample = first(task)
    scores = task.process_results(sample, [f"<think>It says {sample['target']}.</think>\n\nI cannot tell."])
    assert scores["exact"] == scores["recall"] == scores["ruler"] == 0
    assert scores["reading"][0]["thoughts"] == [f"It says {sample['target']}."]


def test_an_answer_that_was_cut_while_thinking_is_none(tasks: dict[str, LongctxTask]) -> None:
    """Fault 4: a thought without an end is not scored, neither as wrong nor as right, and the samples say why."""
    task = tasks["longctx_text_niah"]
    sample = first(task)
    scores = task.process_results(sample, [f"<think>I see {sample['target']}, and"])
    assert scores["coverage"] == 0
    assert scores.get("exact") is None
    assert scores["reading"][0]["outcome"] == "spent_on_reasoning"


@pytest.mark.parametrize("said", ["It is not {}.", "The number is not {}.", "It isn't {}", "not {}", "anything but {}"])
def test_a_denied_value_is_not_claimed(tasks: dict[str, LongctxTask], said: str) -> None:
    """Fault 5: "It is not N" is wrong; only the report's own measure, under its own name, counts it."""
    task = tasks["longctx_text_niah"]
    sample = first(task)
    scores = task.process_results(sample, [said.format(sample["target"])])
    assert (scores["exact"], scores["recall"]) == (0, 1)


@pytest.mark.parametrize("joint", ["\n", ", ", " or ", " and "])
def test_naming_every_candidate_wins_nothing(tasks: dict[str, LongctxTask], joint: str) -> None:
    """Fault 6: a list of all candidates is wrong, with one needle and with many under their keys."""
    task = tasks["longctx_text_niah"]
    sample = first(task)
    scores = task.process_results(sample, [joint.join([sample["target"], "7654321", "1111111"])])
    assert scores["exact"] == 0
    many = tasks["longctx_text_niah_multi"]
    sample = first(many)
    every = joint.replace("\n", " / ").join(sample["target"].values())
    scores = many.process_results(sample, ["\n".join(f"{key}: {every}" for key in islice(sample["target"], 8))])
    assert scores["found"] == 0


def test_an_echo_of_the_prompt_wins_nothing_where_the_needle_is_absent(tasks: dict[str, LongctxTask]) -> None:
    """Fault 7: copying the prompt, whose question says what to say of an absent needle, is no claim of absence."""
    task = tasks["niah_absent_longctx"]
    for absent in (True, False):
        sample = first(task, absent=absent)
        for echo in (task.doc_to_text(sample), sample["question"]):
            assert task.process_results(sample, [echo])["exact"] == 0


def test_abstaining_is_not_free_in_multiple_choice(tasks: dict[str, LongctxTask]) -> None:
    """Fault 8: "I am not sure" is scored as 0: with 3 right of 8, accuracy is 37.5 %, and coverage 1."""
    task = tasks["longctx_video_qa"]
    sample = first(task)
    answers = [f"Final Answer: ({sample['target']})"] * 3 + [UNSURE] * 5
    scores = [task.process_results(sample, [answer]) for answer in answers]
    assert task.aggregation()["accuracy"]([one["accuracy"] for one in scores]) == 0.375
    assert [one["abstained"] for one in scores] == [0] * 3 + [1] * 5
    assert {one["coverage"] for one in scores} == {1}


def test_transcripts_in_indic_scripts_keep_their_words(load: Callable[..., LongctxTask]) -> None:
    """Fault 9: four words with vowel signs are four words, and two wrong ones are a rate of 0.5."""
    scorer = load("longctx_audio_asr", language="hi").scorer
    sample = {"target": "यह मेरी किताब है"}
    assert scorer.details(sample, "")["words"] == 4
    assert scorer.score(sample, "यह मेरा किताबें है")["wer"] == 0.5


def test_english_rules_are_not_laid_on_other_languages(load: Callable[..., LongctxTask]) -> None:
    """Fault 10: the normalizer follows the language, and the English one is refused where another is spoken."""
    assert load("longctx_audio_asr", language="de").scorer.normalizer != "whisper-english"
    assert load("longctx_audio_asr").scorer.normalizer == "whisper-english"
    with pytest.raises(ConfigError, match="by-language"):
        load("longctx_audio_asr", language="de", normalizer="whisper-english")


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("not available", 1),
        ("There isn't one.", 1),
        ('{"answer": null}', 1),
        ("none", 1),
        ("the text is silent on this", 1),
        ("No. 3 Mill Lane", 0),
        ("No problem! It is 2345027.", 0),
        ("It is 2345027, though it is not said when.", 0),
        ("Yes.", 0),
    ],
)
def test_absence_is_judged_by_what_is_claimed(tasks: dict[str, LongctxTask], said: str, right: int) -> None:
    """Fault 11: loose words do not make an answer "absent", and every usual way to say so does."""
    task = tasks["niah_absent_longctx"]
    assert task.process_results(first(task, absent=True), [said])["exact"] == right


@pytest.mark.parametrize(
    ("spelling", "right"), [("{a}{{,}}{b}{{,}}{c}", 1), ("{a},{b},{c}", 1), ("-{a}{b}{c}", 0), ("${a}\\,{b}\\,{c}$", 1)]
)
def test_numbers_are_read_as_they_are_typeset(tasks: dict[str, LongctxTask], spelling: str, right: int) -> None:
    """A smaller one: separators of LaTeX are none of the number's, and a minus sign is."""
    task = tasks["longctx_text_niah"]
    sample = first(task)
    number = sample["target"]
    said = spelling.format(a=number[:1], b=number[1:4], c=number[4:])
    assert task.process_results(sample, [said])["exact"] == right


def test_an_introduction_that_names_one_key_does_not_tie_all_values_to_it(tasks: dict[str, LongctxTask]) -> None:
    """A smaller one: bare values after "starting with Osaka:" are the values of all keys, in order."""
    task = tasks["longctx_text_niah_multi"]
    sample = first(task)
    head = f"Here are the numbers, starting with {next(iter(sample['target']))}:"
    scores = task.process_results(sample, ["\n".join([head, *sample["target"].values()])])
    assert scores["found"] == scores["recall"] == 1
