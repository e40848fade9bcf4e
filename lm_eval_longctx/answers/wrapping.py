"""Wrapping comes off: what models put around an answer, and where in a longer text the answer stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.structured import MISSING, structured
from lm_eval_longctx.answers.thoughts import spoken

_ROUNDS = 8
"""Wrappings inside wrappings that are taken off; nobody writes more."""

_MOST_BOXES = 100
"""More boxes than this are no answer, but a loop."""

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*$", re.MULTILINE)
_ANSWER_TAG = r"(?:final[_ -]?)?(?:answer|translat(?:ion|ed(?:[_ -]text)?)|transcript(?:ion)?)"
_TAGS = re.compile(
    rf"</?(?:{_ANSWER_TAG}|final|response|result|output|english|b|strong|i|em|p|code|pre|s)>", re.IGNORECASE
)
_ANSWER_OPEN = re.compile(rf"<{_ANSWER_TAG}>", re.IGNORECASE)
_ANSWER_CLOSE = re.compile(rf"</{_ANSWER_TAG}>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*\{")
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|textit|texttt|operatorname)\s*\{([^{}\n]*)\}")
_LATEX_MARK = re.compile(r"\\[()\[\]]|\$\$?|\\!")
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^()\s]{1,300}\)")
_BOLD = re.compile(r"\*\*|__|~~|`{2,}|(?<![\w*])[*_](?=[^\s*_])|(?<=[^\s*_])[*_](?![\w*])")
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~|<(del|strike)>[^<\n]{0,200}</\1>", re.IGNORECASE)
_FOOTNOTE = re.compile(r"(?:(?<=[\w.!?\"')\]])|(?<=[\d)]) )\[\^?\d{1,3}\](?![(\w:])")
_TURN = re.compile(r"^[ \t*#]*(system|user|human|assistant)[ \t*]*:", re.IGNORECASE | re.MULTILINE)
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*+•>#]+[ \t]+|#+|>+)(?=\S)")
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»", "‘": "’", "「": "」", "『": "』", "`": "`", "》": "《"}

_FINAL_WORDS = (
    r"final (?:answer|translation|label|value|result|choice|count|number|list|table)|(?:corrected|revised|updated) (?:final )?answer|correction|(?:so|thus|therefore|hence)[,:]? (?:the|my) (?:final )?answer"
    r"|respuesta final|réponse finale|endgültige antwort|risposta finale|resposta final|окончательный ответ"
    r"|eindantwoord|definitief antwoord|ostateczna odpowiedź|slutligt svar|nihai cevap|jawaban akhir|câu trả lời cuối cùng|konečná odpověď|остаточна відповідь"
    r"|最终答案|最終答案|最終回答|최종 답변|최종 답|최종 정답|الإجابة النهائية|अंतिम उत्तर"
)
_CORRECTS = re.compile(r"correct(?:ed|ion)|revised|updated", re.IGNORECASE)
_PLAIN_WORDS = (
    r"(?:(?:my|the|correct|right|best|short) )*answer|respuesta|réponse|antwort|risposta|resposta|ответ"
    r"|答案|回答|答え|정답|답변|답|الإجابة|الجواب|उत्तर|label|translation|result|conclusion|ans|tl;?dr"
    r"|antwoord|odpowiedź|svaret?|cevap|yanıt|jawaban(?:nya)?|câu trả lời|đáp án|odpověď|відповідь|vastaus|válasz|răspuns(?:ul)?|απάντηση"
    r"|پاسخ|جواب|תשובה|התשובה|คำตอบ|উত্তর|翻译|翻譯|翻訳|번역"
)
_LINK_WORDS = (
    r"\s*(?:(?:is|are|would be|must be|should be|seems to be|appears to be|es|est|ist|lautet|è|é|är|er|jest|to|là|adalah|je|on)\b(?: that it is\b| as follows\b)?\s*[:：]?"
    r"|[:：=]|是\s*[:：]?|は\s*[:：]?|은\s*[:：]?|는\s*[:：]?|هو\s*[:：]?|هي\s*[:：]?|היא\s*[:：]?|הוא\s*[:：]?|คือ\s*[:：]?|है\s*[:：]?|->|→|[-–—](?=\s))"
)
_FINAL = re.compile(rf"(?<!\w)(?:{_FINAL_WORDS}){_LINK_WORDS}", re.IGNORECASE)
_PLAIN = re.compile(rf"(?<!\w)(?:{_PLAIN_WORDS}){_LINK_WORDS}", re.IGNORECASE)
_FINAL_HEAD = re.compile(rf"^\W*(?:{_FINAL_WORDS}|{_PLAIN_WORDS})\W*$", re.IGNORECASE)
_ASIDE = re.compile(
    r"^[ \t]*[*_#>(]*(?:(?:explanation|reasoning|justification|rationale|notes?|confidence(?: level| score)?|certainty|sources?|"
    r"references?|evidence|p\.?s\.?|disclaimer|comment|begründung|erklärung|explicación|explication|spiegazione|explicação"
    r"|пояснение|объяснение|解释|解釋|説明|설명)[*_]*[ \t]*[:：]"
    r"|(?:please )?(?:let me know|feel free|i hope (?:this|that)|hope (?:this|that)|would you like|do you want|if you (?:need|have|want|would)|"
    r"is there anything|note that|i (?:double-?)?(?:checked|verified)|happy to|need anything|sag bescheid|d[ií]me si|n'hésite|fammi sapere))",
    re.IGNORECASE | re.MULTILINE,
)
"""How a line begins that tells of an answer, or offers more, after it was given."""

_COPULA = re.compile(r"(?<=\w)(?:です|である|でした|입니다|이에요|예요|이다)[。.！!]?$")
"""What ends a sentence that says what the answer is, in languages that put the verb behind."""

_ARTICLE = re.compile(r"^\W*(?:(?:so|thus|therefore|hence|and|the|my|correct|right)\b\W*)+$", re.IGNORECASE)
_ONE_ITEM = re.compile(r"1[.)] (?=\S+(?: \S+){0,3}$)(?!.*[?!]$)")
_NULL = "\0"
"""Stands for a JSON null while values are looked for."""

_KEYS = (
    "final_answer answer value result label choice option translation number word output response text content "
    "letter selected correct_answer correct_option prediction transcript transcription"
).split()
_LEAD = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely|here (?:is|are)|here's|great question|great|thank you|thanks|yes|alright|"
    r"got it|no problem|happy to help|i(?:'d| would) be (?:happy|glad) to|let me|based on|according to|after (?:\w+ly )?(?:read|review|look|check|analy[sz]|examin|search|go|consider|count|listen|watch|compar)\w*|claro|por supuesto|"
    r"bien sûr|voici|natürlich|gerne|hier ist|certo|ecco|конечно|вот|当然|好的|もちろん|はい|물론|بالطبع|بالتأكيد)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """Where the answer stands, wrapping off.

    Attributes:
        text: The answer's own words; several lines where several were marked as final.
        how: ``whole``, ``json``, ``tag``, ``boxed``, ``final`` (after "Final answer:"), ``answer`` (after
            "The answer is") or ``null`` (a JSON null or an empty list or text).
    """

    text: str
    how: str


@lru_cache(maxsize=8)
def place_of(answer: str) -> Place:
    """Return where the answer stands in what a model wrote; thoughts come off too."""
    text, how = _first_turn(spoken(answer).replace("\r\n", "\n").strip()), "whole"
    for _ in range(_ROUNDS):
        found = in_json(text) or _tagged(text) or _boxed(text)
        if found is None:
            found = _marked(text)
        if found is None or (found.text == text and found.how == how):
            break
        text, how = found.text.strip(), found.how
    if how == "whole":
        text = _ONE_ITEM.sub("", without_asides(text)) if "\n" not in text.strip() else without_asides(text)
    return Place(plain(text), how)


def _first_turn(text: str) -> str:
    """Return the first turn of the assistant where a model goes on with a dialogue, or repeats one."""
    marks = [(mark[1].lower() == "assistant", mark) for mark in _TURN.finditer(text)]
    start = 0
    if marks and not marks[0][1].start():
        start = next((mark.end() for own, mark in marks if own), 0)
    end = next((mark.start() for own, mark in marks if not own and mark.start() > start), len(text))
    return text[start:end].strip() or text


def without_asides(text: str) -> str:
    """Return a text without what is added after the answer: explanations, notes, offers; as it is if it begins so."""
    for mark in _ASIDE.finditer(text):
        head = text[: mark.start()].rstrip().rstrip("-").rstrip()
        if any(c.isalnum() for c in head) and not is_lead(head.rpartition("\n")[2]):
            return head
    return text


def plain(text: str) -> str:
    """Return a text without fences, markdown, LaTeX marks and quotes around the whole."""
    text = _TAGS.sub("", _FENCE.sub("", _STRUCK.sub("", text)))
    text = _FOOTNOTE.sub("", text)
    text = _LINK.sub(r"\1", _LATEX_MARK.sub("", _LATEX.sub(r"\1", text)))
    lines = (_LIST_MARK.sub("", _BOLD.sub("", line)).rstrip() for line in text.split("\n"))
    return unquoted("\n".join(lines).strip())


def unquoted(text: str) -> str:
    """Return a text without quotes around the whole of it."""
    for _ in range(_ROUNDS):
        text = text.strip()
        bare = text.removesuffix(".") if text.endswith(('".', "'.")) else text
        if len(bare) > 1 and _QUOTES.get(bare[0]) == bare[-1] and bare[0] not in bare[1:-1]:
            text = bare[1:-1]
        else:
            break
    return text


def lines_of(text: str) -> list[str]:
    """Return the lines that say anything, without a polite first one that only leads to the next."""
    lines = [line.strip() for line in text.split("\n") if any(c.isalnum() for c in line)]
    while len(lines) > 1 and is_lead(lines[0]):
        lines.pop(0)
    return lines


def is_lead(line: str) -> bool:
    """Whether a line only leads to what follows: it ends in a colon, or is polite and no more."""
    bare = line.strip().strip("*_ ")
    if bare.endswith((":", "：")):
        return True
    return len(bare) < 120 and _LEAD.match(bare) is not None and bare.endswith(("!", "."))


def after_lead(line: str) -> str:
    """Return what follows a polite beginning of the same line ("Sure! Here it is: ...")."""
    head, colon, rest = line.partition(": ")
    if colon and rest.strip() and _LEAD.match(head.strip("*_ ")) and len(head) < 160:
        return rest.strip()
    return line


def in_json(text: str) -> Place | None:
    """Read JSON with one value, or with a key that says which is the answer, alone or apart from what is said round it."""
    value, rest = structured(text)
    if value is MISSING or _FINAL.search(rest) or _PLAIN.search(rest) or claims.takes_back(rest):
        return None
    found = _value(value)
    if found is None:
        return None
    return Place("", "null") if found == _NULL else Place(found, "json")


def _value(value: Any, depth: int = 0) -> str | None:  # noqa: PLR0911
    if value is None or value in ({}, []):
        return _NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if depth > _ROUNDS:
        return None
    if isinstance(value, dict):
        named = {str(key).lower().replace(" ", "_"): one for key, one in value.items()}
        chosen = next((named[key] for key in _KEYS if key in named), None)
        if any(key in named for key in _KEYS):
            return _value(chosen, depth + 1)
        return _value(next(iter(value.values())), depth + 1) if len(value) == 1 else None
    if len(value) == 1:
        return _value(value[0], depth + 1)
    parts = [_value(one, depth + 1) for one in value]
    return None if None in parts else "\n".join(str(part) for part in parts)


def _tagged(text: str) -> Place | None:
    opened = list(_ANSWER_OPEN.finditer(text))
    if not opened:
        return None
    bodies = []
    for mark, limit in zip(opened, [*(m.start() for m in opened[1:]), len(text)], strict=True):
        end = _ANSWER_CLOSE.search(text, mark.end(), limit)
        bodies.append(text[mark.end() : end.start() if end else limit].strip())
    return Place("\n".join(body for body in dict.fromkeys(bodies) if body), "tag")


def _boxed(text: str) -> Place | None:
    marks = list(_BOX.finditer(text))
    found = [_braced(text, mark.end()) for mark in marks] if len(marks) <= _MOST_BOXES else []
    bodies = list(dict.fromkeys(body.strip() for body in found if body is not None))
    return Place("\n".join(bodies), "boxed") if bodies else None


def _braced(text: str, start: int) -> str | None:
    """Return what stands up to the brace that closes."""
    depth = 1
    for place in range(start, min(len(text), start + 4000)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    return None


def _marked(text: str) -> Place | None:
    """Return what follows the words that announce an answer; all of them where there are several."""
    bare = _BOLD.sub("", _FENCE.sub("", text))
    for pattern, how in ((_FINAL, "final"), (_PLAIN, "answer")):
        marks = [m for m in pattern.finditer(bare) if _announces(bare, m)]
        ends = [*(m.start() for m in marks[1:]), len(bare)]
        bodies = [_segment(bare[m.end() : end]) for m, end in zip(marks, ends, strict=False)]
        bodies = list(dict.fromkeys(body for body in _standing(marks, bodies) if _says(body)))
        if bodies:
            return Place("\n".join(bodies), how)
    heads = bare.split("\n")
    for number, line in enumerate(heads[:-1]):
        if _FINAL_HEAD.match(line) and any(c.isalnum() for c in "".join(heads[number + 1 :])):
            return Place("\n".join(heads[number + 1 :]), "final")
    return None


def _standing(marks: list[re.Match[str]], bodies: list[str]) -> list[str]:
    """Return what was announced and not taken back: a correction, or words that take back, end what came before."""
    start = 0
    for place in range(1, len(bodies)):
        if _CORRECTS.match(marks[place][0]) or claims.retracts(bodies[place - 1]):
            start = place
    return bodies[start:]


def _says(body: str) -> bool:
    """Whether what was announced is more than the beginning of the next words that announce (*Here it is: the answer is*)."""
    return any(c.isalnum() for c in _ARTICLE.sub("", body))


def _announces(text: str, mark: re.Match[str]) -> bool:
    """Whether words that announce an answer stand at the beginning of a clause."""
    before = text[max(0, mark.start() - 40) : mark.start()].rpartition("\n")[2].rstrip().lower()
    if before == "a" and not mark[0].isascii():  # Portuguese: "A resposta é"
        return True
    return not re.search(r"(?:\b(?:if|whether|when|not|no|an?|each|of|other|wrong|what)|n't)$", before)


def _segment(text: str) -> str:
    """Return the rest of a line, or the next line that says something; half a pair of code marks comes off."""
    for line in text.split("\n"):
        if any(c.isalnum() for c in line):
            return _COPULA.sub("", line.strip().strip("`"))
    return ""
