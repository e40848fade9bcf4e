"""Right and wrong answers in the manners of real models: what a careful reader says of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.choice import ChoiceScorer
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer
from lm_eval_longctx.scorers.label import LabelScorer
from lm_eval_longctx.scorers.name_set import NameSetScorer
from lm_eval_longctx.scorers.repeat import RepeatScorer
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.scorers.table_rows import TableCellsScorer, TableRowsScorer
from lm_eval_longctx.scorers.tally import TallyScorer
from lm_eval_longctx.scorers.translation import TranslationScorer

if TYPE_CHECKING:
    from lm_eval_longctx.scorers.base import Scorer

MANNERS = (
    "{v}",
    "{v}.",
    "**{v}**",
    "1. {v}",
    "### Final Answer\n**{v}**",
    "Answer: {v}",
    "A: {v}",
    "Q: {q}\nA: {v}",
    "{q}\n\n{v}",
    "| Question | Answer |\n|---|---|\n| {q} | {v} |",
    "The answer is {v} because this follows from the text.",
    "Here is the answer:\n\nThe answer is {v}.",
    "$\\boxed{{\\text{{{v}}}}}$",
    'Here is the JSON:\n\n```json\n{{"reasoning": "I looked at {o} too.", "final_answer": "{v}"}}\n```\nAnything else?',
    'Sure: {{"thoughts": "Not {o}.", "answer": "{v}"}}',
    "<think>\nPerhaps {o}? No.\n</think>\n\n{v}",
    "Perhaps {o}?\n</think>\n{v}",
    "Let me go through the text. I see {o} early on, but that does not match.\n\nSo the answer is {v}.",
    "There is {o} in one passage. There is more in others.\nIn conclusion, {v}.",
    "{o}. Wait, no, it is {v}.",
    "The answer is {o}. Hmm, let me recheck. Actually, the answer is {v}.",
    "Answer: {o}\n\nCorrection: {v}",
    "Final answer: {o}\nCorrected answer: {v}",
    "I first thought it was {o}, but it is {v}.",
    "{o}\n\nWait, I made a mistake. The correct answer is {v}.",
    "{v} rather than {o}",
    "It is not {o}. It is {v}.",
    "{v}, not {o}.",
    "{v}\n\nLet me know if you need anything else!",
    "{v}. Is there anything else you would like to know?",
    "The answer is {v}. Feel free to ask if you have more questions!",
    "{v}\n\n**Explanation:** Although {o} is mentioned too, it does not answer the question.",
    "{v}\n\nConfidence: 95%",
    "{v} (as the text says)",
    "I think it is {v}, although I am not completely certain.",
    "It seems to be {v}.",
    "Assistant: {v}",
    "{v}\n\nUser: And the next?\nAssistant: {o}",
    "{v}<|im_end|>\n<|im_start|>user\nAnd {o}?",
    "{v}</s>",
    "La respuesta es {v}.",
    "A resposta é {v}.",
    "La réponse est {v}.",
    "Die Antwort lautet {v}.",
    "Het antwoord is {v}.",
    "Odpowiedź: {v}",
    "Svaret är {v}.",
    "Cevap: {v}",
    "Câu trả lời là {v}.",
    "Jawabannya adalah {v}.",
    "Ответ: {v}",
    "答案是{v}。",
    "答えは{v}です。",
    "정답은 {v}입니다.",
    "الإجابة هي {v}.",
    "התשובה היא {v}.",
    "คำตอบคือ {v}",
)
"""What says {v}, whatever it tells of {o}; {q} is the question."""

HEDGES = (
    "{v} or {o}",
    "It is either {v} or {o}.",
    "{o}\n{v}",
    "Possible answers:\n- {o}\n- {v}",
    '{{"answer": ["{o}", "{v}"]}}',
    "\\boxed{{{o}}} or \\boxed{{{v}}}",
    "Final answer: {v}\nFinal answer: {o} or {v}",
    "It is not {v}.",
    "Anything but {v}.",
    "The answer is {v}. Wait, no. The answer is {o}.",
    "Answer: {v}\n\nCorrection: {o}",
    "{v}\n\nOn second thought, it must be {o}.",
    "<think>{v}</think>I cannot tell.",
    "N/A",
    "Insufficient information.",
    "There is no way to know.",
    "",
)
"""What does not say {v}."""

DAYS = ["1", "3", "0", "4", "2"]
NAMES = ["Hethia Crundelow", "Deandick Ludow"]
FORMS: dict[str, tuple[Scorer, dict[str, Any], str, str]] = {
    "number": (TallyScorer({}), {"question": "How many deliveries are there in the records?"}, "13", "16"),
    "name": (
        TallyScorer({}),
        {"question": "Are there more sales before 6 May or after it? One word.", "labels": ["before", "after"]},
        "before",
        "after",
    ),
    "label": (
        LabelScorer({}),
        {"question": "a heavy bell", "labels": ["papipe", "tebase", "bakumi"]},
        "bakumi",
        "tebase",
    ),
    "needle": (
        RetrievalScorer({}),
        {"question": "Which person has been reading something by Goethe?", "distractors": [NAMES[1]]},
        *NAMES,
    ),
    "text": (
        ExactF1Scorer({}),
        {"question": "Some items tell who carries a parcel. To which town does Edward's parcel go?"},
        "Sydney",
        "Lisbon",
    ),
    "letter": (ChoiceScorer({}), {"question": "How often does a blue car pass by?", "options": DAYS}, "B", "C"),
    "(letter)": (ChoiceScorer({}), {"question": "How often does a blue car pass by?", "options": DAYS}, "(B)", "(C)"),
    "letter. option": (
        ChoiceScorer({}),
        {"question": "How often does a blue car pass by?", "options": DAYS},
        "B. 3",
        "C. 0",
    ),
}
"""The scorer of each form, its sample, the right answer and a wrong one."""


def right(form: str, answer: str) -> bool:
    """Return what our headline says of an answer."""
    scorer, sample, target, _ = FORMS[form]
    verdict = judge(scorer, {**sample, "target": "B" if "letter" in form else target}, answer)
    return verdict.values is not None and verdict.values[scorer.METRICS[0].name] == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_right_answer_is_right_in_every_manner_and_a_wrong_one_wrong(form: str) -> None:
    """What a model tells beside its answer changes nothing: not what it ruled out, took back, explains or offers."""
    _, sample, good, bad = FORMS[form]
    cells = [
        (manner.format(v=value, o=other, q=sample["question"]), value == good)
        for manner in MANNERS
        for value, other in ((good, bad), (bad, good))
    ]
    assert [(answer, wanted) for answer, wanted in cells if right(form, answer) != wanted] == []


@pytest.mark.parametrize("form", FORMS)
def test_what_does_not_say_the_answer_is_never_right(form: str) -> None:
    """Alternatives, candidates, denials, what was taken back and abstentions claim nothing."""
    _, sample, good, bad = FORMS[form]
    answers = [manner.format(v=good, o=bad, q=sample["question"]) for manner in HEDGES]
    assert [answer for answer in answers if right(form, answer)] == []


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("- March: 11\n- April: 2\n\n**Total: 13**", 13),
        ("13 out of 73 records.", 13),
        ("The answer is 13. (I found them among 73 records.)", 13),
        ("13\n\nThere were 10 in March and 3 in April.", 13),
        ("13 [1]", 13),
        ("13. Is there anything else?", 13),
        ("Let me count:\n1. On 1 May\n2. On 2 May\n3. On 3 May", None),
        ("1. Sold wool\n2. Sold 3 bells", None),
        ("3\n4", None),
    ],
)
def test_a_number_is_told_from_numbers_beside_it(answer: str, number: int | None) -> None:
    """Parts, wholes, footnotes and the numbers of a list that was cut are no answers."""
    assert TallyScorer({}).details({"target": "13", "question": "How many?"}, answer)["given"] == number


ROUND = (
    "{b}",
    "```\n{b}\n```",
    "Sure! Here it is:\n\n{b}\n\nLet me know if you need anything else!",
    "I will go through the text from its beginning to its end.\n\n{b}",
    "{b}\n\n**Explanation:** This follows from the text, statement by statement.",
    "{b}\n\nConfidence: 95%",
    "## Answer\n\n{b}",
    "<answer>\n{b}\n</answer>",
    "{b}<|im_end|>",
)
"""What models say round a list, a table or a copy."""

TABLE = [["1948-05-04", "Samuel Porter", "6"], ["1948-05-05", "Arthur Cooper", "3"], ["1948-05-06", "Ann Lee", "9"]]
COLUMNS = ["date", "person", "amount"]
ASKED = "Which can be reached from Vunefig?"
SHAPE = "[BDGVZ][aeiou][a-z]{5}"
BOATS = ["Anchor", "Oyster", "Fortune"]
PLACES = ["Belemim", "Budopez", "Gusizom"]


def tables(rows: list[list[str]], columns: list[str]) -> list[str]:
    """Return a table in the layouts of models."""
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    return [
        "\n".join("\t".join(row) for row in rows),
        "\n".join("\\t".join(row) for row in rows),
        "\n".join("<TAB>".join(row) for row in rows),
        "\n".join(", ".join(row) for row in rows),
        "\n".join(" - ".join(row) for row in rows),
        "| "
        + " | ".join(columns)
        + " |\n"
        + "|---" * len(columns)
        + "|\n"
        + "\n".join("| " + " | ".join(row) + " |" for row in rows),
        "\n".join(map(json.dumps, named)),
        json.dumps(named),
        json.dumps({"rows": named}, indent=1),
        json.dumps(rows),
    ]


def lists(names: list[str]) -> list[str]:
    """Return a list of names in the layouts of models."""
    return [
        "\n".join(names),
        "\n".join(f"- {name}" for name in names),
        "\n".join(f"{place}. {name}" for place, name in enumerate(names, 1)),
        ", ".join(names),
        f"[{', '.join(names)}]",
        f"\\boxed{{{', '.join(names)}}}",
        f"The list is: {', '.join(names)}.",
        json.dumps(names),
        json.dumps({"answer": names}),
    ]


def wrong(scorer: Scorer, sample: dict[str, Any], metric: str, cells: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Return the cells of which our headline says something else."""
    said = [(answer, judge(scorer, sample, answer).values) for answer, _ in cells]
    return [
        cell
        for cell, (_, values) in zip(cells, said, strict=True)
        if (values is not None and values[metric] == 1) != cell[1]
    ]


def both(good: list[str], bad: list[str]) -> list[tuple[str, bool]]:
    """Return right and wrong bodies with all that can be said round them."""
    return [(said.replace("{b}", body), body in good) for said in ROUND for body in (*good, *bad)]


def test_tables_are_read_in_every_layout_and_with_anything_said_round_them() -> None:
    """Three layouts of tabs, JSON by line or within prose, dashes: right rows are right, and a row too many is not."""
    sample = {"target": "\n".join("\t".join(row) for row in TABLE), "columns": COLUMNS}
    cells = both(tables(TABLE, COLUMNS), tables([*TABLE, ["1948-05-09", "Zed Zebra", "1"]], COLUMNS))
    assert wrong(TableRowsScorer({}), sample, "exact", cells) == []
    numbered = [[str(place), *row[1:]] for place, row in enumerate(TABLE, 1)]
    sample = {"target": "\n".join("\t".join(row) for row in numbered), "columns": ["picture", *COLUMNS[1:]]}
    cells = both(tables(numbered, sample["columns"]), tables(numbered[:-1], sample["columns"]))
    assert wrong(TableCellsScorer({}), sample, "exact", cells) == []


def test_lists_are_read_in_every_layout_and_with_anything_said_round_them() -> None:
    """A column of names and a set of names alike."""
    column = {"target": "\n".join(BOATS), "columns": ["boat"]}
    assert wrong(TableRowsScorer({}), column, "exact", both(lists(BOATS), lists([*BOATS, "Zebra"]))) == []
    names = {
        "target": ", ".join(PLACES),
        "names": "[BDGZ][aeiou][a-z]{5}",
        "question": "Which can be reached from Vunefig?",
    }
    assert wrong(NameSetScorer({}), names, "exact", both(lists(PLACES), lists([*PLACES, "Zarenok"]))) == []


@pytest.mark.parametrize(
    "answer",
    [
        "Starting at Vunefig:\n- Vunefig -> Belemim\n- Zarenok -> Bufalig\n\nTherefore, the answer is: {c}",
        "Zarenok, Bufalig\n\nWait, I made a mistake. The correct answer is {c}.",
        "### Step 1\nVunefig leads to Zarenok.\n\n### Conclusion\n{c}",
        "{c}\n\n**Explanation:** From Zarenok one cannot come back.",
        'We look at Zarenok first.\n\n```json\n{"answer": ["Belemim", "Budopez", "Gusizom"]}\n```',
    ],
)
def test_names_of_the_way_are_none_of_the_answer(answer: str) -> None:
    """What a walk passes, and what was taken back, is not given as an answer."""
    names = {
        "target": ", ".join(PLACES),
        "names": "[BDGVZ][aeiou][a-z]{5}",
        "question": "Which can be reached from Vunefig?",
    }
    assert NameSetScorer({}).score(names, answer.replace("{c}", ", ".join(PLACES)))["exact"] == 1


def test_a_copy_is_read_with_anything_said_round_it() -> None:
    """Lines without a word of the copy are no part of it; a word too many is."""
    copy = "engine engine engines engine"
    forms = (
        "{c}",
        '"{c}"',
        "{c}.",
        "> {c}",
        '{{"answer": "{c}"}}',
        "<words>\n{c}\n</words>",
        "engine engine\nengines engine",
    )
    good = [*(form.format(c=copy) for form in forms), "engine engine\nengines engine"]
    bad = [form.format(c=f"{copy} engine") for form in forms]
    assert wrong(RepeatScorer({}), {"target": copy, "odd": "engines"}, "copied", both(good, bad)) == []


@pytest.mark.parametrize(
    "manner",
    [
        '"{s}" means "{v}"',
        'The sentence "{s}" translates to "{v}"',
        "{s} → {v}",
        "{s}\n{v}",
        "{v} (literal translation)",
        "Sure! Here is the answer:\n\nThe translation is: {v}",
        "I will go through the examples first and look for these words.\n\n{v}",
        "翻译：{v}",
        "{v}\n\nBreakdown:\n- tehas = soldier",
        "{v}\nSo the verb stands last.",
    ],
)
def test_a_translation_is_told_from_its_source(manner: str) -> None:
    """The sentence that was to be translated, and what is said of it, are no part of the translation."""
    sample = {"target": "Did the soldiers sing?", "source": "Tehastur ginteyomom gesupumgom?"}
    answer = manner.format(s=sample["source"], v=sample["target"])
    assert TranslationScorer({}).score(sample, answer)["exact"] == 1
