"""Makes the table of verdicts ``made.jsonl``: truths x forms x wrappings; ``python tests/scorers/verdicts/generate.py``.

Each row is one answer with the verdict that a careful reader gives: right (1)
or not (0). The verdict follows from how the row is made, never from what the
scorers say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parent

QUESTION = "What is the special magic Paris number?"
ABSENT = f"{QUESTION} If the document does not give it, say that it is not there."
VALUES = {
    "number": ("2345027", "7654321"),
    "uuid": ("0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    "word": ("red-otter", "blue-badger"),
}
TEXTS = {
    "Who was the mother of Peter Dray?": ("Ilveth Tarrow", "Maud Sarn"),
    "Where was Ilveth Tarrow born?": ("Orlmere", "Tarvick"),
    "How many marks did the Heron Bridge cost?": ("312", "450"),
}
OPTIONS = ["a red car", "a blue car", "a grey van", "Barcelona", "none of them"]
LABELS = ["bamodi", "zelupa", "tavoke"]
SENTENCES = [("We sing in the old house.", "The bird sleeps."), ("My brother followed the river.", "The moon is red.")]

WRAPPINGS = {
    "nothing": "{}",
    "blanks": "\n\n  {}  \n",
    "bold": "**{}**",
    "italics": "*{}*",
    "code": "`{}`",
    "fence": "```\n{}\n```",
    "named fence": "```text\n{}\n```",
    "quotes": '"{}"',
    "typographic quotes": "\u201c{}\u201d",
    "guillemets": "\u00ab{}\u00bb",
    "corner brackets": "\u300c{}\u300d",
    "boxed": "\\boxed{{{}}}",
    "boxed text": "$\\boxed{{\\text{{{}}}}}$",
    "answer tag": "<answer>{}</answer>",
    "json": '{{"answer": "{}"}}',
    "fenced json": '```json\n{{"answer": "{}"}}\n```',
    "json list": '["{}"]',
    "list mark": "- {}",
    "bullet": "\u2022 {}",
    "quote mark": "> {}",
    "final answer": "Final answer: {}",
    "bold final answer": "**Final answer:** {}",
    "the answer is": "The answer is {}",
    "answer": "Answer: {}",
    "polite line": "Sure! Here is the answer:\n\n{}",
    "polite": "Certainly!\n{}",
    "after reading": "After reading the whole document: {}",
    "thought": "<think>Let me see. Perhaps something else.</think>\n\n{}",
    "loud thought": "<THINKING>\nhm\n</THINKING>{}",
    "closing mark only": "I look at the text.\n</think>\n{}",
    "magistral": "[THINK]hm[/THINK]{}",
    "kimi": "\u25c1think\u25b7hm\u25c1/think\u25b7{}",
    "channels": "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "bare channels": "analysisWe need to look.assistantfinal{}",
    "reasoning": "Let me think. The text speaks of several things, and only one of them is asked for.\n\nFinal answer: {}",
    "respuesta": "Respuesta: {}",
    "Antwort": "Antwort: {}",
    "Ответ": "Ответ: {}",
    "答案": "答案：{}",
    "정답": "정답: {}",
    "الإجابة": "الإجابة: {}",
    "उत्तर": "उत्तर: {}",
}
"""Around what is said; none of them changes the verdict."""

SAID_RIGHT = ("{t}", "{t}.")
SAID_WRONG = ("{w}", "not {t}", "{t} or {w}", "{w} or {t}")
VALUE_RIGHT = (
    "It is {t}.", "The special magic Paris number is {t}.", "{t}, not {w}", "Paris: {t}", "The number is **{t}**.", "It's {t}, as the text says.",
    "No doubt, it is {t}.", "The answer is, without any doubt, {t}", "It is not {w} but {t}.", "{t}, {t}",
    "El número es {t}.", "Die Zahl ist {t}.", "Le nombre est {t}.", "Число: {t}.", "数字是{t}。", "番号は{t}です。", "숫자는 {t}입니다.", "الرقم هو {t}.", "संख्या {t} है।",
)  # fmt: skip
VALUE_WRONG = (
    "It is {w}.", "It is not {t}.", "It isn't {t}.", "anything but {t}", "It is either {t} or {w}.", "{t}, {w}", "{w} and {t}", "{t} is wrong.",
    "{t} is what the distractor says; the right one is {w}.", "Is it {t}?", "I don't know.", "", "I cannot say.", "The number is {w}, not {t}.",
    "Candidates:\n- {t}\n- {w}", "rather than {t} it is {w}", "No es {t}.", "Es ist nicht {t}.", "Это не {t}.", "不是{t}。", "Ce n'est pas {t}.",
    "{t}ではありません。", "{t}이 아닙니다.", "Maybe {t}, maybe {w}.", "Incorrect: {t}", "{t} oder {w}", "{t} или {w}", "{t}或{w}", "{t} o {w}", "{t} ou {w}",
    "It was never {t}.", "All numbers: {w}, {t}", "<think>It is {t}.</think>I cannot tell.",
)  # fmt: skip
NOT_THERE = (
    "It is not there.", "There is none.", "There isn't one.", "None", "none", "N/A", "Not specified", "not available", "Unspecified", "No such number exists.",
    "The text is silent on this.", "I don't see it.", "I don't know.", "Not mentioned.", "The document does not mention it.", "No magic number for Paris is given.",
    "Unfortunately, the text does not say.", "I could not find any such thing.", "No se menciona.", "No lo s\u00e9.", "No hay ninguno.", "Nicht angegeben.",
    "Das wei\u00df ich nicht.", "Es gibt keine Angabe.", "Il n'y en a pas.", "Non mentionn\u00e9, il n'y a aucun nombre.", "Je ne sais pas.", "Non lo so.", "Non \u00e8 menzionato.",
    "N\u00e3o h\u00e1.", "N\u00e3o sei.", "Не указано.", "Я не знаю.", "В тексте этого нет.", "没有提到。", "不知道", "文中未提及。", "記載されていません。", "わかりません。", "언급되지 않았습니다.",
    "모르겠습니다.", "لا أعرف.", "غير مذكور.", "नहीं बताया गया।", "मुझे नहीं पता।", "Ik weet het niet.", "Bilmiyorum.", "Nie wiem.", "Tidak disebutkan.",
)  # fmt: skip
THERE = (
    "7654321", "It is 7654321.", "I'm not sure, maybe 7654321", "No problem! It is 7654321.", "Not only that: the number is 7654321, as mentioned", "",
    "The weather is fine.", QUESTION, ABSENT, "Paris's number is 7654321 and there is no other",
)  # fmt: skip


def row(
    form: str, question: str, target: object, answer: str, verdict: int, why: str, **more: object
) -> dict[str, object]:
    """Return one row of the table."""
    return {
        "form": form,
        "question": question,
        "target": target,
        "answer": answer,
        "verdict": verdict,
        "why": why,
        **more,
    }


def wrapped(said: str, *, quoted: bool = True) -> Iterator[tuple[str, str]]:
    """Yield what is said in every wrapping that can hold it."""
    for name, frame in WRAPPINGS.items():
        if quoted or ("json" not in name and "quote" not in name):
            yield name, frame.format(said)


def of_values() -> Iterator[dict[str, object]]:
    """Yield rows of one needle."""
    for kind, (right, wrong) in VALUES.items():
        more = {"value_kind": kind, "distractors": {"Rome": wrong}}
        for said, verdict in [*((s, 1) for s in SAID_RIGHT), *((s, 0) for s in SAID_WRONG)]:
            for name, answer in wrapped(said.format(t=right, w=wrong)):
                yield row("value", QUESTION, right, answer, verdict, f"{said} in {name}", **more)
        for said, verdict in [*((s, 1) for s in VALUE_RIGHT), *((s, 0) for s in VALUE_WRONG)]:
            yield row("value", QUESTION, right, said.format(t=right, w=wrong), verdict, said, **more)
    for said, verdict in [*((s, 1) for s in NOT_THERE), *((s, 0) for s in THERE)]:
        for name in ("nothing", "bold", "quotes", "json", "fence", "thought", "final answer", "answer tag"):
            frame = WRAPPINGS[name]
            yield row(
                "absent",
                ABSENT,
                "It is not there.",
                frame.format(said),
                verdict,
                f"{said} in {name}",
                value_kind="number",
            )


def of_texts() -> Iterator[dict[str, object]]:
    """Yield rows of short answers in words."""
    for question, (right, wrong) in TEXTS.items():
        for said, verdict in [
            *((s, 1) for s in SAID_RIGHT),
            *((s, 0) for s in SAID_WRONG),
            ("It was {t}.", 1),
            ("I don't know", 0),
        ]:
            for name, answer in wrapped(said.format(t=right, w=wrong)):
                yield row("text", question, right, answer, verdict, f"{said} in {name}")


def of_choices() -> Iterator[dict[str, object]]:
    """Yield rows of multiple choice and of labels."""
    said = [
        ("{t}", 1),
        ("({t})", 1),
        ("Option {t}", 1),
        ("{o}", 1),
        ("({t}) {o}", 1),
        ("{w}", 0),
        ("({t}) or ({w})", 0),
        ("not ({t})", 0),
        ("I don't know", 0),
    ]
    for letter, other in (("B", "C"), ("A", "D")):
        own = OPTIONS["ABCDE".index(letter)]
        for form, verdict in said:
            for name, answer in wrapped(form.format(t=letter, w=other, o=own)):
                yield row("choice", "Which one?", letter, answer, verdict, f"{form} in {name}", options=OPTIONS)
    for form, verdict in [
        ("{t}", 1),
        ("It is {t}.", 1),
        ("{w}", 0),
        ("{t} or {w}", 0),
        ("not {t}", 0),
        ("I don't know", 0),
    ]:
        for name, answer in wrapped(form.format(t="bamodi", w="zelupa")):
            yield row("label", "Which label?", "bamodi", answer, verdict, f"{form} in {name}", labels=LABELS)


def of_long() -> Iterator[dict[str, object]]:
    """Yield rows of translations."""
    for right, wrong in SENTENCES:
        for said, verdict in ((right, 1), (wrong, 0)):
            for name, answer in wrapped(said):
                yield row("translation", "Translate.", right, answer, verdict, f"in {name}")


def rows() -> list[dict[str, object]]:
    """Return all rows."""
    return [*of_values(), *of_texts(), *of_choices(), *of_long()]


if __name__ == "__main__":
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows())
    (FOLDER / "made.jsonl").write_text(text, encoding="utf-8")
