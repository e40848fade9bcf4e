"""Reading a choice: which one of the offered options, or of the known labels, an answer claims."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.matching import ALNUM, Mention, alnum_in, canonical, mentions
from lm_eval_longctx.answers.spelling import normalise, typed
from lm_eval_longctx.answers.thoughts import spoken
from lm_eval_longctx.answers.wrapping import after_lead, lines_of, place_of, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOT_WORD = rf"(?<!{ALNUM})(?<!['_.-])"
_END = rf"(?!{ALNUM}|['_-])"
_CALLED = r"(?:option|choice|answer|letter|opci[oó]n|opzione|op[cç][aã]o|antwort|вариант|ответ|选项|選項|选择?|選擇?|選択肢|보기|الخيار|विकल्प)"
_LETTER = re.compile(
    rf"[(\[【]\s?([A-Za-z])\s?[)\]】]"  # (B)
    rf"|(?i:{_CALLED})(?:\s+is)?\s*:?\s*[\"'(]?([A-Za-z]){_END}"  # option B
    rf"|(?m:^)\W{{0,3}}([A-Za-z])\s?[).:](?=\s|$|\))"  # B. at the beginning of a line
    rf"|{_NOT_WORD}([B-HJ-WYZ]){_END}"  # a capital that is no word
    rf"|{_NOT_WORD}([AI])(?=\s*(?:$|[.,;:!)\n\"]|because|since|as it|is (?:the )?(?:correct|right|answer|best)|(?:and|or|/|&)\s+\(?[A-Z]\b))"
    rf"|^\W*([a-z])\W*$"  # a letter alone
    rf"|(?<=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])([A-Za-z])(?![A-Za-z0-9])"
)
_FIRST = 4000
"""Characters in which a label on a line of its own is looked for."""

_PLACEHOLDER = "X"
_CLOSED = re.compile(r"[a-z][)\].:]", re.IGNORECASE)
"""What an option's letter and its words begin with; where it stands nowhere, no pattern is made for each option."""

_QUOTED_FORM = re.compile(r"final answer: ?\(X\)", re.IGNORECASE)
_CALLED_SO = re.compile(rf"^\W*{_CALLED}\b", re.IGNORECASE)
_NO_LETTERS = re.compile(r"\bn/a\b", re.IGNORECASE)
_ANSWERS = re.compile(
    rf"^[ \t]*Q:[^\n]*\n(?=[ \t]*A:)|^[ \t]*A:[ \t]*(?=[(\[]?[A-Za-z][)\].:]|(?:{_CALLED} )?[A-Za-z]\b\W*$)",
    re.MULTILINE | re.IGNORECASE,
)
"""*A: B* is an answer, and not option A."""

_FRAME = re.compile(
    r"^(?:(?:so|thus|therefore|hence|i think|i believe|i would say|i choose|i pick|my choice is|i'd say|(?:i'd|i would|i'll|i'm|let's) go(?:ing)? with|it is|it's|it was|that is|that's|this is|"
    r"they are|there (?:is|are|were|was)|the (?:correct |right |best )?(?:answer|option|choice|one|label) is|it must be|es|c'est|das ist|è|это|答案是)\b[\s,:]*)+"
)


@dataclass(frozen=True)
class ChoiceRead:
    """What an answer chooses.

    Attributes:
        chosen: The letter or label; empty where none or several are claimed.
        abstained: Whether the answer says that it cannot tell.
        why: Why nothing was chosen; empty where something was.
        how: Where the answer stood (see ``wrapping.Place``).
    """

    chosen: str
    abstained: bool = False
    why: str = ""
    how: str = ""

    @property
    def unparsed(self) -> bool:
        """Whether nothing could be read."""
        return not self.chosen and not self.abstained


def read_choice(answer: str, options: Sequence[str]) -> ChoiceRead:
    """Return which option an answer chooses: by its letter, or by its words where they fit only one."""
    place = place_of(_ANSWERS.sub("", _QUOTED_FORM.sub("", spoken(answer))))
    lines = lines_of(claims.short_lines(typed(place.text)))
    letters = string.ascii_uppercase[: len(options)]
    lines = [_folded(line, options) for line in map(after_lead, lines)]
    text = _corrected("\n".join(lines))
    found = _letters(text)
    if len(set(found)) > 1 and lines and (last := _conclusion(lines, place.how)):
        text, found = last, _letters(last)
    worded = _by_words(text, options)
    if not found and not worded:
        low = normalise(text)
        gone = place.how == "null" or abstains(low)
        return ChoiceRead("", gone, "" if gone else "no option is chosen", place.how)
    both = sorted({*found, *worded})
    if len(both) > 1:
        return ChoiceRead("", why=f"more than one option: {', '.join(both)}", how=place.how)
    if both[0] not in letters:
        return ChoiceRead("", why=f"{both[0]} was not an option", how=place.how)
    return ChoiceRead(both[0], how=place.how)


def _letters(text: str) -> list[str]:
    """Return the letters that a text claims, each once."""
    marks = []
    for match in _LETTER.finditer(_NO_LETTERS.sub("   ", text)):
        group = next(n for n, one in enumerate(match.groups(), 1) if one)
        # What follows is looked at from the letter on: its stop belongs to the sentence.
        marks.append(Mention(match.start(), match.end(group), match[group].upper()))
    marks = [m for m in marks if m.value != _PLACEHOLDER]
    low = text.casefold() if len(text.casefold()) == len(text) else text
    return [m.value for m in marks if not claims.denied(low, m)]


def _corrected(text: str) -> str:
    """Return what follows a correction, where a letter follows it."""
    low = text.casefold() if len(text.casefold()) == len(text) else text
    return text[len(text) - len(claims.corrected(low, [m.start() for m in _LETTER.finditer(text)])) :]


def _conclusion(lines: Sequence[str], how: str) -> str:
    """Return the last sentence where it concludes, or the last line where it alone is a letter.

    Lines that were each marked as final are all meant: then the last is no better than the others.
    """
    last = re.split(r"(?<=[.!?])\s+(?=[A-Z(])", lines[-1])[-1]
    bare = [len(re.findall(r"\w", _CALLED_SO.sub("", line))) == 1 for line in lines]
    alone = claims.alone(lines, bare) if how == "whole" else None
    concluded = claims.concluded([line.casefold() for line in lines]) is not None
    return alone or (last if concluded and last != "\n".join(lines) else "")


def _folded(line: str, options: Sequence[str]) -> str:
    """Return a line in which an option's words right after its letter are gone: *B. two* is *(B)*."""
    for letter, option in zip(string.ascii_uppercase, options, strict=False):
        words = r"\W+".join(map(re.escape, re.findall(r"\w+", option)))
        if words and _CLOSED.search(line):
            alnum = alnum_in(line)
            form = rf"(?<!{alnum})(?<!['_.-])[(\[]?{letter}[)\].:]{{1,2}}[ \t]*[\"'*]*{words}(?!{alnum})"
            line = re.sub(form, f"({letter})", line, flags=re.IGNORECASE)
    return line


def _by_words(text: str, options: Sequence[str]) -> list[str]:
    """Return the letters of the options whose own words a text is made of."""
    parts = {
        _spoken(part)
        for line in text.split("\n")
        for part in (line, *re.split(r"(?<=[.!?])\s+|[;]", line))
        if not part.rstrip().endswith("?")
    }
    parts |= {_spoken(re.sub(r"^\W*[A-Za-z][).:\]]+\s+", "", line)) for line in text.split("\n")}
    halves = {half for part in parts for half in re.split(r" (?:or|and) ", part)} if len(parts) <= 6 else set()
    spelt = [claims.words(normalise(option)) for option in options]
    bare, parts = [_without_article(option) for option in spelt], parts | {_without_article(part) for part in parts}
    return [
        letter
        for letter, option, short in zip(string.ascii_uppercase, spelt, bare, strict=False)
        if option and bare.count(short) == 1 and {option, short, _spoken(option)} & (parts | halves)
    ]


def _without_article(text: str) -> str:
    return re.sub(r"^(?:an?|the) (?=\w)", "", text)


def _spoken(text: str) -> str:
    low = normalise(text).strip()
    return claims.words(_FRAME.sub("", low))


def read_label(answer: str, labels: Sequence[str], question: str = "") -> ChoiceRead:
    """Return which of the known labels an answer gives.

    A first line that is nothing but a label comes first: what a model of plain
    texts goes on to write after it is the next example.
    """
    spelt = {canonical(label): label for label in labels}
    place = place_of(answer)
    lines = lines_of(normalise(place_first(answer)))
    alone = _labels(spelt, next(iter(lines), ""))
    if (
        len(alone) == 1
        and claims.words(lines[0]) == claims.words(alone[0])
        and not claims.takes_back(" ".join(lines[1:]))
    ):
        others = set(map(claims.words, spelt)) - {claims.words(alone[0])}
        if not (lines[1:] and claims.words(lines[1]) in others):
            return ChoiceRead(spelt[alone[0]], how="whole")
    text = claims.short_lines(claims.without_echo(normalise(place.text), normalise(question)))
    text = claims.corrected(text, [m.start for m in mentions(spelt, text)])
    lines = lines_of(text)
    bare = [claims.words(line) in set(map(claims.words, spelt)) for line in lines]
    found = _labels(spelt, claims.alone(lines, bare, first=place.how == "whole") or "\n".join(lines))
    if len(found) > 1 and (last := claims.concluded(lines)) is not None:
        found = _labels(spelt, last) or found
    if len(found) == 1:
        return ChoiceRead(spelt[found[0]], how=place.how)
    if found:
        return ChoiceRead("", why=f"more than one label: {', '.join(found)}", how=place.how)
    gone = place.how == "null" or abstains(text)
    return ChoiceRead("", gone, "" if gone else "no label", place.how)


def place_first(answer: str) -> str:
    """Return the answer without thoughts and wrapping, before any search for a final word."""
    return plain(spoken(answer)[:_FIRST])


def _labels(spelt: dict[str, str], text: str) -> list[str]:
    return list(dict.fromkeys(m.value for m in mentions(spelt, text) if not claims.denied(text, m)))
